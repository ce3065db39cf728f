//! Services in all their forms.

use super::ServiceId;
use crate::{ClientId, Part, Refusal};

fn client(text: &str) -> ClientId {
    ClientId::parse_short(text).unwrap()
}

#[test]
fn a_versioned_service_has_all_its_forms() {
    let id = ServiceId::new(client("EX/COM/1/sub"), "svc", Some("v1")).unwrap();
    assert_eq!(id.display_form(), "SERVICE:EX/COM/1/sub/svc/v1");
    assert_eq!(id.encoded(), "EX:COM:1:sub:svc:v1");
    assert_eq!(id.path(), "EX/COM/1/sub/svc/v1");
    assert_eq!(ServiceId::parse_short("EX/COM/1/sub/svc/v1"), Ok(id.clone()));
    assert_eq!(ServiceId::parse_encoded(&id.encoded()), Ok(id));
}

#[test]
fn the_version_is_part_of_the_name() {
    let without = ServiceId::new(client("EX/COM/1/sub"), "svc", None).unwrap();
    let with = ServiceId::new(client("EX/COM/1/sub"), "svc", Some("v1")).unwrap();
    assert_ne!(without, with);
}

#[test]
fn a_rest_service_has_five_segments() {
    let id = ServiceId::from_path("EX/COM/1/sub/a%20b").unwrap();
    assert_eq!((id.code(), id.version(), id.client()), ("a b", None, &client("EX/COM/1/sub")));
    assert_eq!(ServiceId::from_segments(&["EX", "COM", "1", "sub", "a b"]), Ok(id));
}

#[test]
fn refuses_a_rest_service_of_another_count() {
    for raw in ["", "EX/COM/1/svc", "EX/COM/1/sub/svc/v1", "EX/COM/1/sub/svc/", "/EX/COM/1/sub/svc"] {
        assert!(ServiceId::from_path(raw).is_err(), "{raw}");
    }
    assert_eq!(ServiceId::from_path("EX/COM/1//svc"), Err(Refusal::Blank { part: Part::SubsystemCode }),);
}

#[test]
fn short_forms_are_told_apart_by_their_count() {
    let member = ServiceId::parse_short("EX/COM/1/svc").unwrap();
    assert_eq!((member.client().is_subsystem(), member.code()), (false, "svc"));
    let versioned = ServiceId::parse_short("EX/COM/1//svc/v1").unwrap();
    assert_eq!((versioned.client().is_subsystem(), versioned.version()), (false, Some("v1")));
    assert_eq!(versioned.to_string(), "EX/COM/1/svc/v1");
    for text in ["EX/COM/svc", "EX/COM/1/sub/svc/v1/x", "EX/COM/1//svc", "EX/COM/1/sub/svc/"] {
        assert!(ServiceId::parse_short(text).is_err(), "{text}");
    }
}
