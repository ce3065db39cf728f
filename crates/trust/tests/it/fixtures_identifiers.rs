//! The manifest `identifiers`: subjects, profiles, alternative names.

use identifier::{MemberId, ServerId};
use serde_json::{Value, json};
use trust::profile::Usage;
use trust::{Certificate, CertificateProfile, Name};

use crate::{der, vectors};

fn profile(name: &str) -> CertificateProfile {
    let name = name.split(' ').next().unwrap();
    let name = if name == "FI" { "FiVRK" } else { name };
    let class = format!("ee.ria.xroad.common.certificateprofile.impl.{name}CertificateProfileInfoProvider");
    let profile = CertificateProfile::from_class_name(&class);
    assert!(!matches!(profile, CertificateProfile::Unknown(_)), "{class}");
    assert_eq!(profile.class_name(), class);
    profile
}

fn usage(text: &str) -> Usage {
    if text == "auth" { Usage::Auth } else { Usage::Sign }
}

fn subject(text: &str) -> Name {
    let attributes: Vec<(&str, &str)> = text
        .split(", ")
        .map(|pair| {
            let (kind, value) = pair.split_once('=').unwrap();
            let oid = match kind {
                "C" => "2.5.4.6",
                "O" => "2.5.4.10",
                "OU" => "2.5.4.11",
                "CN" => "2.5.4.3",
                "serialNumber" | "SERIALNUMBER" => "2.5.4.5",
                "businessCategory" | "BusinessCategory" => "2.5.4.15",
                dotted => dotted,
            };
            (oid, value)
        })
        .collect();
    Name::from_der(&der::name(&attributes)).unwrap()
}

fn subject_identifier(folder: &std::path::Path, entry: &Value) {
    let input = &entry["input"];
    let profile = profile(input["profile"].as_str().unwrap());
    let instance = input["client_instance"].as_str().unwrap_or("other");
    let name = match input["subject_dn"].as_str() {
        Some(text) => subject(text),
        None => vectors::certificate(&vectors::file(folder, entry, "certificate")).subject().clone(),
    };
    let found = profile.member_in(&name, instance);
    if entry["expect"]["ok"] == true {
        let client = &entry["expect"]["client"];
        let part = |part: &str| client[part].as_str().unwrap().to_owned();
        let expected = MemberId::new(part("instance"), part("member_class"), part("member_code")).unwrap();
        assert_eq!(found, Ok(expected), "{}", entry["id"]);
    } else {
        assert!(found.is_err(), "{}: {found:?}", entry["id"]);
    }
}

fn profile_subject_fields(entry: &Value) {
    let input = &entry["input"];
    let profile = profile(input["profile"].as_str().unwrap());
    let server = ServerId::parse_short(input["server"].as_str().unwrap_or("XX/foo/bar/server")).unwrap();
    let name = input["member_name"].as_str().unwrap();
    let fields = match usage(input["usage"].as_str().unwrap()) {
        Usage::Auth => profile.subject_of_auth(&server, name),
        Usage::Sign => {
            let member = MemberId::parse_short(input["client"].as_str().unwrap()).unwrap();
            profile.subject_of_sign(&server, &member, name)
        }
    };
    let found: Vec<Value> = fields
        .iter()
        .map(|field| json!({"name": field.name, "value": field.value, "read_only": field.read_only}))
        .collect();
    assert_eq!(Value::from(found), entry["expect"]["fields"], "{}", entry["id"]);
}

fn profile_validate_field(entry: &Value) {
    let input = &entry["input"];
    let profile = profile(input["profile"].as_str().unwrap());
    let usage = usage(input["usage"].as_str().unwrap());
    let field = input["field"].as_str().unwrap();
    let value = input["value"].as_str().unwrap();
    let accepted = profile.validate_field(usage, field, value).is_ok();
    assert_eq!(Value::from(accepted), entry["expect"]["ok"], "{}", entry["id"]);
}

fn subject_fields(certificate: &Certificate, entry: &Value) {
    let expect = entry["expect"].as_object().unwrap();
    for (member, value) in expect {
        let found = match member.as_str() {
            "common_name" => json!(certificate.common_name()),
            "serial_number" => json!(certificate.subject_attribute("2.5.4.5")),
            "subject" => json!(certificate.subject_rfc2253()),
            other => json!(format!("not checked: {other}")),
        };
        assert_eq!(&found, value, "{}: {member}", entry["id"]);
    }
}

#[test]
fn every_entry_about_subjects_and_profiles_gives_what_it_expects() {
    let Some((folder, entries)) = vectors::manifest("identifiers") else {
        return;
    };
    for entry in &entries {
        let certificate = || vectors::certificate(&vectors::file(&folder, entry, "certificate"));
        match vectors::operation(entry) {
            "subject-identifier" => subject_identifier(&folder, entry),
            "profile-subject-fields" => profile_subject_fields(entry),
            "profile-validate-field" => profile_validate_field(entry),
            "subject-fields" => subject_fields(&certificate(), entry),
            "subject-alternative-names" => assert_eq!(
                json!(certificate().subject_alternative_names()),
                entry["expect"]["text"],
                "{}",
                entry["id"]
            ),
            _ => println!("elsewhere: {}", entry["id"]),
        }
    }
}

#[test]
fn the_fields_that_can_be_validated_are_the_fields_of_the_request() {
    let server = ServerId::new("EX", "GOV", "1", "gw").unwrap();
    let member = server.owner();
    for name in ["Ejbca", "Basic", "BasicACME", "FiVRK", "CamDX", "Fo", "Is", "SkKlass3"] {
        let profile = profile(name);
        for (usage, fields) in [
            (Usage::Auth, profile.subject_of_auth(&server, "name")),
            (Usage::Sign, profile.subject_of_sign(&server, &member, "name")),
        ] {
            assert!(!fields.is_empty());
            for field in fields {
                assert_eq!(profile.validate_field(usage, field.name, "x"), Ok(()), "{name} {}", field.name);
                assert!(profile.validate_field(usage, field.name, " \t").is_err());
            }
            assert!(profile.validate_field(usage, "X", "x").is_err());
        }
    }
}

#[test]
fn cambodia_writes_instance_server_and_class_into_the_serial_number() {
    let profile = profile("CamDX");
    let member = MemberId::new("CAMBODIA", "GOV", "CAMDX-000001").unwrap();
    let name = subject("C=KH, O=Ministry, CN=CAMDX-000001, serialNumber=CAMBODIA/gw.example.kh/GOV");
    assert_eq!(profile.member_in(&name, "other"), Ok(member.clone()));
    let server = ServerId::new("CAMBODIA", "GOV", "CAMDX-000001", "gw.example.kh").unwrap();
    for (fields, code) in [
        (profile.subject_of_sign(&server, &member, "name"), "CAMDX-000001"),
        (profile.subject_of_auth(&server, "name"), ""),
    ] {
        let fields: Vec<_> = fields.iter().map(|f| (f.name, f.value.as_str(), f.read_only)).collect();
        let serial_number = "CAMBODIA/gw.example.kh/GOV";
        let expected = [
            ("C", "KH", true),
            ("O", "", false),
            ("serialNumber", serial_number, true),
            ("CN", code, !code.is_empty()),
        ];
        assert_eq!(fields, expected);
    }
}

#[test]
fn a_profile_without_a_name_that_we_know_makes_nobody_a_signer() {
    let profile = CertificateProfile::from_class_name("com.example.Profile");
    assert_eq!(profile.class_name(), "com.example.Profile");
    assert!(profile.member_in(&subject("C=EX, O=GOV, CN=1"), "EX").is_err());
}

#[test]
fn subjects_that_lack_something_name_nobody() {
    let check = |profile_name: &str, text: &str| {
        let found = profile(profile_name).member_in(&subject(text), "EX");
        assert!(found.is_err(), "{profile_name} {text}: {found:?}");
    };
    check("Ejbca", "O=GOV, CN=1");
    check("Ejbca", "C=EX, CN=1");
    check("Ejbca", "C=EX, O=GOV");
    check("Ejbca", "C=EX, O=, CN=1");
    check("Basic", "serialNumber=1");
    check("Basic", "2.5.4.15=GOV");
    check("BasicACME", "CN=x");
    check("FiVRK", "C=FI, CN=1, serialNumber=EX/s/GOV");
    check("FiVRK", "C=FI, O=x, serialNumber=EX/s/GOV");
    check("FiVRK", "C=FI, O=x, CN=1, serialNumber=EX/GOV");
    check("FiVRK", "C=FI, O=x, CN=1, serialNumber=EX/s/GOV/4");
    check("FiVRK", "C=FI, O=x, CN=1, serialNumber=EX/s/");
    check("FiVRK", "C=SE, O=EX, OU=GOV, CN=1");
    check("CamDX", "C=KH, CN=1, serialNumber=EX/s/GOV");
    check("CamDX", "C=KH, O=x, serialNumber=EX/s/GOV");
    check("CamDX", "C=FI, O=x, CN=1, serialNumber=EX/s/GOV");
    check("CamDX", "C=KH, O=x, CN=1, serialNumber=EX/GOV");
    check("CamDX", "C=KH, O=EX, OU=GOV, CN=1");
    check("Fo", "C=FO, O=EX, OU=GOV, CN=1");
    check("Fo", "C=IS, O=EX, OU=GOV, CN=1, serialNumber=x");
    check("Is", "C=IS, O=EX, OU=GOV, CN=1");
    check("Is", "C=FO, O=EX, OU=GOV, CN=1, serialNumber=x");
    check("SkKlass3", "serialNumber=01234567");
    check("SkKlass3", "2.5.4.97=NTREE-");
    check("SkEsteId", "CN=x");
}

#[test]
fn a_profile_is_known_by_its_word_and_by_its_class() {
    assert_eq!(CertificateProfile::words(), "ejbca, basic, basic-acme, fi, camdx, fo, is, sk-klass3");
    for word in CertificateProfile::words().split(", ") {
        let profile = CertificateProfile::from_word(&format!(" {word}\n"));
        let class = profile.class_name();
        let (_, simple) = class.rsplit_once('.').unwrap();
        assert_eq!(CertificateProfile::from_word(&class), profile);
        assert_eq!(CertificateProfile::from_word(simple), profile);
    }
    for unknown in ["", "EJBCA", "com.example.Profile"] {
        assert_eq!(CertificateProfile::from_word(unknown), CertificateProfile::Unknown(unknown.to_owned()));
    }
}
