//! What doctor says of set-ups that cannot work. A good one is examined in the demonstration's test.

use crate::tools::{Setup, chhatra};
use serde_json::Value;

/// All that is wrong, as one text; and the exit code that goes with it.
fn problems(setup: &Setup) -> String {
    let outcome = chhatra(&["doctor", "--config", &setup.config(), "--json"]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    let examined = outcome.json();
    let checks = examined["checks"].as_array().unwrap();
    let bad: Vec<&Value> = checks.iter().filter(|check| check["level"] == "problem").collect();
    assert!(bad.iter().all(|check| !check["advice"].as_str().unwrap().is_empty()), "{bad:?}");
    assert_eq!(examined["problems"], bad.len());
    bad.iter()
        .map(|check| format!("{}: {}\n", check["about"].as_str().unwrap(), check["says"].as_str().unwrap()))
        .collect()
}

#[track_caller]
fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

#[test]
fn a_set_up_with_nothing_in_it_is_explained_point_by_point() {
    let setup = Setup::new();
    let found = problems(&setup);
    says(&found, &["state: ", "keystore: ", "holds no keystore", "settings: nothing has been declared"]);
    says(&found, &["anchor: ", "cannot be read", "globalconf: none has been downloaded yet"]);
    assert!(!setup.path("state").exists(), "looking makes nothing");
    let told = chhatra(&["doctor", "--config", &setup.config()]);
    assert_eq!(told.code, Some(1));
    says(
        &told.out,
        &["ok       PIN: ", "problem  keystore: ", "→ make it with: chhatra keystore generate", "problems: "],
    );
}

#[test]
fn each_missing_certificate_is_named_with_the_next_step() {
    let setup = Setup::new();
    setup.keystore("generate", &["--usage", "signing", "--algorithm", "p-256"]).fine();
    let found = problems(&setup);
    says(
        &found,
        &[
            "no internal TLS certificate",
            "no authentication certificate",
            "EX/GOV/M1 has no signing certificate",
        ],
    );
    let told = chhatra(&["doctor", "--config", &setup.config()]).out;
    says(&told, &["chhatra keystore csr --key", "chhatra keystore generate --usage authentication"]);
    setup.keystore("generate", &["--usage", "internal-tls", "--algorithm", "p-256"]).fine();
    let told = chhatra(&["doctor", "--config", &setup.config()]).out;
    assert!(!told.contains("no internal TLS certificate"), "{told}");
    says(&told, &["internal TLS (127.1.255.1, ", "ends at "]);
}

#[test]
fn files_of_the_wrong_kind_or_mode_are_told() {
    let setup = Setup::new();
    setup.keystore("generate", &["--usage", "signing", "--algorithm", "p-256"]).fine();
    setup.mode("pin", 0o644);
    setup.write("anchor.xml", "<anchor/>");
    says(&problems(&setup), &["PIN: ", "can be read by others", "anchor.xml cannot be understood"]);
    setup.mode("pin", 0o600);
    setup.write("pin", "Practice-9999");
    setup.mode("state", 0o755);
    says(&problems(&setup), &["keystore: the PIN is wrong"]);
    let told = chhatra(&["doctor", "--config", &setup.config()]).out;
    says(&told, &["warning  state: ", "has mode 755", "chmod 700"]);
    setup.mode("state/keystore", 0o755);
    says(&problems(&setup), &["keystore: "]);
}

#[test]
fn another_instances_anchor_and_a_taken_port_are_told() {
    let setup = Setup::new();
    let anchor = "recorded/server/ss1/etc/configuration-anchor.xml";
    if let Some(vectors) = crate::tools::vectors() {
        std::fs::copy(vectors.join(anchor), setup.path("anchor.xml")).unwrap();
        says(&problems(&setup), &["is of the instance DEV, this server of EX"]);
    }
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let config = std::fs::read_to_string(setup.path("gateway.toml")).unwrap();
    let taken = held.local_addr().unwrap().to_string();
    setup.write(
        "gateway.toml",
        config.replace("127.1.255.1:15500", &taken).replace("127.1.255.1:15577", "192.0.2.1:5577"),
    );
    says(
        &problems(&setup),
        &[
            &format!("{taken} is taken by another program"),
            "192.0.2.1:5577 is not an address of this machine",
        ],
    );
}

#[test]
fn a_file_that_is_no_configuration_ends_the_examination() {
    let setup = Setup::new();
    setup.write("gateway.toml", "[gateway]\n");
    assert!(problems(&setup).starts_with("configuration: "));
    setup.write("gateway.toml", "");
    says(&problems(&setup), &["has neither [gateway] nor [registry]"]);
}
