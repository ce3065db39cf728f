//! From an empty directory to a key in use, and back again.

use std::os::unix::fs::PermissionsExt;

use identifier::{MemberId, ServerId};
use keystore::{
    AlternativeName, CertificateRefusal, KeyAlgorithm, KeyRefusal, KeyUsage, Keystore, OpenRefusal, Owner,
    Pin, SelfSigned, Subject,
};
use trust::certificate::Certificate;

use crate::common::{AUTHENTICATION, SIGNING, issue, pin, room, settings};

#[test]
fn a_new_keystore_is_empty_and_belongs_to_its_owner_alone() {
    let room = room();
    room.keystore.generate(KeyUsage::Signing, KeyAlgorithm::EcP256, "one").unwrap();
    assert_eq!(std::fs::metadata(room.path()).unwrap().permissions().mode() & 0o777, 0o700);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(room.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{entry:?}");
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(names.len(), 3);
    assert!(names[0].ends_with(".key") && names[0].len() == 44);
    assert_eq!(names[1..], ["keystore.json", "keystore.lock"]);
}

#[test]
fn keys_are_found_again_after_closing() {
    let room = room();
    for (usage, algorithm) in [
        (KeyUsage::Signing, KeyAlgorithm::Rsa2048),
        (KeyUsage::Authentication, KeyAlgorithm::EcP256),
        (KeyUsage::InternalTls, KeyAlgorithm::Rsa3072),
        (KeyUsage::Configuration, KeyAlgorithm::Rsa4096),
    ] {
        let id = room.keystore.generate(usage, algorithm, "a label").unwrap();
        let held = room.keystore.find(&id).unwrap();
        assert_eq!((held.usage, held.algorithm, held.label.as_str()), (usage, algorithm, "a label"));
    }
    let before = room.keystore.list();
    assert_eq!(room.open_again().unwrap().list(), before);
}

#[test]
fn nothing_that_is_listed_stored_or_printed_shows_a_secret() {
    let room = room();
    let id = room.keystore.generate(KeyUsage::Authentication, KeyAlgorithm::EcP256, "one").unwrap();
    let secret = room.keystore.tls_key_der(&id).unwrap();
    // The private number of a P-256 key in PKCS#8 stands behind a fixed head.
    let number = &secret[36..68];
    let printed = format!("{:?} {:?}", room.keystore, room.keystore.list());
    assert!(!printed.contains(&format!("{number:?}")[1..50]));
    assert!(!printed.contains("Secret1234"));
    // Nor what a PIN could be guessed at with.
    let index = std::fs::read_to_string(room.path().join("keystore.json")).unwrap();
    let index: serde_json::Value = serde_json::from_str(&index).unwrap();
    for name in ["salt", "verifier", "data_key"] {
        assert!(!printed.contains(index["pin"][name].as_str().unwrap()), "{name}");
    }
    for entry in std::fs::read_dir(room.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(number.len()).any(|window| window == number));
    }
}

#[test]
fn a_signing_certificate_is_active_at_once_and_found_by_its_member() {
    let room = room();
    let id = room.keystore.generate(KeyUsage::Signing, KeyAlgorithm::Rsa2048, "sign").unwrap();
    let request = room.keystore.csr(&id, &Subject::parse("C=DEV, O=COM, CN=1234").unwrap(), &[]).unwrap();
    let pem = issue(room.dir.path(), request.der(), SIGNING);
    let member = MemberId::new("DEV", "COM", "1234").unwrap();
    assert_eq!(room.keystore.import_certificate(&pem, &Owner::member(member.clone())), Ok(id.clone()));

    let certificate = Certificate::from_der_or_pem(&pem).unwrap();
    let (now, late) = (certificate.not_before(), certificate.not_after());
    let found = room.open_again().unwrap().active_signing(&member, now);
    assert_eq!(found.len(), 1);
    assert_eq!(
        (&found[0].key, &found[0].certificate, found[0].algorithm),
        (&id, &certificate, KeyAlgorithm::Rsa2048)
    );
    let other = MemberId::new("DEV", "COM", "4321").unwrap();
    assert!(room.keystore.active_signing(&other, now).is_empty());
    let expired = late.checked_add(jiff::SignedDuration::from_secs(1)).unwrap();
    assert!(room.keystore.active_signing(&member, expired).is_empty());
    assert!(room.keystore.active_authentication(now).is_empty());

    room.keystore.deactivate(&certificate.sha256()).unwrap();
    assert!(room.keystore.active_signing(&member, now).is_empty());
    assert_eq!(room.keystore.find(&id).unwrap().requests[0].subject, "C=DEV, O=COM, CN=1234");
}

#[test]
fn an_authentication_certificate_waits_to_be_activated() {
    let room = room();
    let id = room.keystore.generate(KeyUsage::Authentication, KeyAlgorithm::EcP256, "auth").unwrap();
    let names = [AlternativeName::parse("ss1.example.org").unwrap()];
    let request = room.keystore.csr(&id, &Subject::parse("C=DEV, CN=SS1").unwrap(), &names).unwrap();
    let pem = issue(room.dir.path(), request.der(), AUTHENTICATION);
    let certificate = Certificate::from_der_or_pem(&pem).unwrap();
    let server = ServerId::new("DEV", "COM", "1234", "SS1").unwrap();
    room.keystore.import_certificate(certificate.der(), &Owner::nobody()).unwrap();
    let now = certificate.not_before();
    assert!(room.keystore.active_authentication(now).is_empty());
    room.keystore.activate(&certificate.sha256()).unwrap();
    room.keystore.set_owner(&certificate.sha256(), &Owner::server(server.clone())).unwrap();
    assert_eq!(room.keystore.active_authentication(now)[0].owner.server, Some(server));

    assert_eq!(room.keystore.delete(&id), Err(KeyRefusal::InUse { key: id.clone() }));
    assert_eq!(room.keystore.delete_certificate(&certificate.sha256()), Err(CertificateRefusal::Active));
    room.keystore.deactivate(&certificate.sha256()).unwrap();
    room.keystore.delete_certificate(&certificate.sha256()).unwrap();
    room.keystore.delete(&id).unwrap();
    assert!(room.open_again().unwrap().list().is_empty());
    assert!(!room.path().join(format!("{id}.key")).exists());
}

#[test]
fn one_internal_tls_certificate_is_active_at_a_time() {
    let room = room();
    let shape = |name: &str| SelfSigned::InternalTls {
        common_name: name.to_owned(),
        alternative_names: vec![AlternativeName::parse(name).unwrap()],
        not_before: "2026-01-01T00:00:00Z".parse().unwrap(),
        not_after: "2056-01-01T00:00:00Z".parse().unwrap(),
    };
    let now = "2030-01-01T00:00:00Z".parse().unwrap();
    assert_eq!(room.keystore.active_internal_tls(now), None);
    let first = room.keystore.generate(KeyUsage::InternalTls, KeyAlgorithm::EcP256, "old").unwrap();
    let old = room.keystore.self_signed(&first, &shape("localhost")).unwrap();
    assert_eq!(room.keystore.active_internal_tls(now).unwrap().certificate, old);
    let second = room.keystore.generate(KeyUsage::InternalTls, KeyAlgorithm::EcP256, "new").unwrap();
    let new = room.keystore.self_signed(&second, &shape("127.0.0.11")).unwrap();
    assert_eq!(room.keystore.active_internal_tls(now).unwrap().certificate, new);
    room.keystore.activate(&old.sha256()).unwrap();
    assert_eq!(room.keystore.active_internal_tls(now).unwrap().key, first);
}

#[test]
fn the_pin_can_be_changed_and_the_old_one_no_longer_opens() {
    let room = room();
    let id = room.keystore.generate(KeyUsage::Signing, KeyAlgorithm::EcP256, "one").unwrap();
    let new = Pin::new("Another5678");
    assert_eq!(room.keystore.change_pin(&Pin::new("wrong"), &new), Err(OpenRefusal::WrongPin));
    room.keystore.change_pin(&pin(), &new).unwrap();
    assert_eq!(room.open_again().unwrap_err(), OpenRefusal::WrongPin);
    let again = Keystore::open_with(room.path(), &new, settings()).unwrap();
    assert!(again.find(&id).is_some());
    again.generate(KeyUsage::Signing, KeyAlgorithm::EcP256, "two").unwrap();
    assert_eq!(Keystore::open_with(room.path(), &new, settings()).unwrap().list().len(), 2);
}

#[test]
fn two_handles_on_one_directory_do_not_lose_each_others_changes() {
    let room = room();
    let other = room.open_again().unwrap();
    let first = room.keystore.generate(KeyUsage::Signing, KeyAlgorithm::EcP256, "one").unwrap();
    let second = other.generate(KeyUsage::Signing, KeyAlgorithm::EcP256, "two").unwrap();
    assert!(room.keystore.find(&second).is_none());
    room.keystore.reload().unwrap();
    let ids = |keystore: &Keystore| keystore.list().into_iter().map(|key| key.id).collect::<Vec<_>>();
    assert_eq!(ids(&room.keystore), [first.clone(), second.clone()]);
    assert_eq!(ids(&other), [first.clone(), second.clone()]);
    other.delete(&first).unwrap();
    room.keystore.reload().unwrap();
    assert_eq!(ids(&room.keystore), [second]);
}

#[test]
fn many_threads_change_one_keystore_without_loss() {
    let room = room();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let keystore = room.keystore.clone();
            scope.spawn(move || {
                keystore.generate(KeyUsage::Signing, KeyAlgorithm::EcP256, &format!("key {thread}")).unwrap()
            });
        }
    });
    assert_eq!(room.open_again().unwrap().list().len(), 8);
}

#[test]
fn a_keystore_is_opened_while_keys_come_and_go() {
    let room = room();
    std::thread::scope(|scope| {
        let changing = scope.spawn(|| {
            for _ in 0..200 {
                let key = room.keystore.generate(KeyUsage::Signing, KeyAlgorithm::EcP256, "brief").unwrap();
                room.keystore.delete(&key).unwrap();
            }
        });
        while !changing.is_finished() {
            room.open_again().unwrap();
        }
    });
}
