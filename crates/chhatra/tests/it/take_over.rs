//! Taking over the identity of a live X-Road server: its keyconf.xml and software token, as recorded.

use crate::tools::{Setup, vectors};

#[test]
fn the_whole_software_token_of_a_recorded_server_is_taken_over() {
    let Some(vectors) = vectors() else { return };
    let signer = vectors.join("recorded/server/ss1/etc/signer");
    let setup = Setup::new();
    let token_pin = setup.write("token-pin", "Secret1234\n");
    setup.mode("token-pin", 0o600);
    let (keyconf, softtoken) = (signer.join("keyconf.xml"), signer.join("softtoken"));
    let from = ["--keyconf", keyconf.to_str().unwrap(), "--softtoken", softtoken.to_str().unwrap()];
    let wrong = setup.write("wrong-pin", "Secret1235\n");
    setup.mode("wrong-pin", 0o600);
    setup
        .keystore("import-p12", &[&from[..], &["--pin-file", &wrong]].concat())
        .refused(1, "the PIN does not open the software token");
    let told = setup.keystore("import-p12", &[&from[..], &["--pin-file", &token_pin]].concat()).fine();
    let keys = setup.keys();
    assert!(!keys.is_empty());
    for key in &keys {
        let id = key["id"].as_str().unwrap();
        assert!(told.contains(id) && softtoken.join(format!("{id}.p12")).is_file(), "{id}");
    }
    let certificates = |usage: &str| -> Vec<serde_json::Value> {
        let of_usage = keys.iter().filter(|key| key["usage"] == usage);
        of_usage.flat_map(|key| key["certificates"].as_array().unwrap().clone()).collect()
    };
    assert!(
        certificates("signing").iter().any(|one| one["member"] == "DEV/COM/4321" && one["active"] == true)
    );
    assert!(certificates("authentication").iter().all(|one| one["server"] == "EX/GOV/M1/SS1"));
    setup
        .keystore("import-p12", &[&from[..], &["--pin-file", &token_pin]].concat())
        .refused(1, "already held");
}
