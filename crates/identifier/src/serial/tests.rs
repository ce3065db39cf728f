//! What is stored comes back as what it was.

use crate::{ClientId, GlobalGroupId, LocalGroupId, MemberId, ServerId, ServiceId};

#[test]
fn a_stored_identifier_comes_back_equal() {
    fn check<T>(id: &T, text: &str)
    where
        T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug,
    {
        let stored = serde_json::to_string(id).unwrap();
        assert_eq!(stored, format!("\"{text}\""));
        assert_eq!(&serde_json::from_str::<T>(&stored).unwrap(), id);
    }
    let member = ClientId::parse_short("EX/COM/1").unwrap();
    let subsystem = ClientId::parse_short("EX/COM/1/s").unwrap();
    check(&member, "EX/COM/1");
    check(&subsystem, "EX/COM/1/s");
    check(&member.member(), "EX/COM/1");
    check(&ServiceId::new(member.clone(), "svc", None).unwrap(), "EX/COM/1/svc");
    check(&ServiceId::new(member, "svc", Some("v1")).unwrap(), "EX/COM/1//svc/v1");
    check(&ServiceId::new(subsystem.clone(), "svc", None).unwrap(), "EX/COM/1/s/svc");
    check(&ServiceId::new(subsystem, "svc", Some("v1")).unwrap(), "EX/COM/1/s/svc/v1");
    check(&ServerId::new("EX", "COM", "1", "ss1").unwrap(), "EX/COM/1/ss1");
    check(&GlobalGroupId::new("EX", "owners").unwrap(), "EX/owners");
    check(&LocalGroupId::new("friends").unwrap(), "friends");
}

#[test]
fn refuses_to_store_what_would_come_back_as_another() {
    // Without this refusal the member "1/s" would be read again as the subsystem "s" of the member "1".
    let confusing = ClientId::new("EX", "COM", "1/s", None).unwrap();
    assert!(serde_json::to_string(&confusing).unwrap_err().to_string().contains("memberCode"));
    assert!(serde_json::to_string(&LocalGroupId::new("EX/owners").unwrap()).is_err());
}

#[test]
fn refuses_to_read_what_is_no_identifier() {
    for text in ["\"\"", "\"EX\"", "\"EX/COM/\"", "\"EX/COM/1/s/t\"", "7", "null", "[\"EX\",\"COM\",\"1\"]"] {
        assert!(serde_json::from_str::<ClientId>(text).is_err(), "{text}");
    }
    assert!(serde_json::from_str::<MemberId>("\"EX/COM/1/s\"").is_err());
    assert!(serde_json::from_str::<GlobalGroupId>("\"owners\"").is_err());
    assert!(serde_json::from_str::<LocalGroupId>("\"EX/owners\"").is_err());
}
