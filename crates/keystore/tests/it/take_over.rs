//! Taking over the recorded servers, RSA and P-256.

use std::path::Path;

use identifier::MemberId;
use keystore::keyconf::{Keyconf, KeyconfRefusal};
use keystore::{KeyId, KeyRefusal, KeyUsage, Keystore, Pin, StorageFailure, TakeOverRefusal, TakenOver};
use trust::algorithm::{DigestAlgorithm, EcdsaForm, SignatureAlgorithm};

use crate::common::{Room, pin, room, vectors};

fn take(room: &Room, keyconf: &Path, tokens: &Path) -> Result<TakenOver, TakeOverRefusal> {
    room.keystore.import_softtoken(&std::fs::read(keyconf).unwrap(), tokens, &pin())
}

/// Signs with every key that was taken over and checks it with the certificate that came along.
fn prove(keystore: &Keystore) {
    for held in keystore.list() {
        let algorithm = if held.algorithm.is_rsa() {
            SignatureAlgorithm::RsaPkcs1(DigestAlgorithm::Sha512)
        } else {
            SignatureAlgorithm::Ecdsa(DigestAlgorithm::Sha512)
        };
        let digest = DigestAlgorithm::Sha512.digest(b"proof");
        let signature = keystore.sign_digest_blocking(&held.id, algorithm, &digest, EcdsaForm::Raw).unwrap();
        for certificate in &held.certificates {
            let public_key = certificate.certificate.public_key();
            algorithm.verify(public_key, b"proof", &signature, EcdsaForm::Raw).unwrap();
        }
    }
}

#[test]
fn the_recorded_servers_are_taken_over_with_names_members_and_flags() {
    let Some(vectors) = vectors() else { return };
    for (server, keys) in [("ss0", 4), ("ss1", 6), ("cs", 2)] {
        let room = room();
        let signer = vectors.join("recorded/server").join(server).join("etc/signer");
        let taken = take(&room, &signer.join("keyconf.xml"), &signer.join("softtoken")).unwrap();
        assert_eq!(
            (taken.keys.len(), taken.certificates, taken.left.as_slice()),
            (keys, keys, &[][..]),
            "{server}"
        );
        let described = Keyconf::read(&std::fs::read(signer.join("keyconf.xml")).unwrap()).unwrap();
        let again = room.open_again().unwrap();
        for key in &described.devices[0].keys {
            let id = KeyId::parse(key.key_id.as_deref().unwrap()).unwrap();
            let held = again.find(&id).unwrap();
            assert_eq!(Some(&held.public_key), key.public_key.as_ref());
            assert_eq!(Some(&held.label), key.friendly_name.as_ref());
            let (ours, theirs) = (&held.certificates[0], &key.certificates[0]);
            assert_eq!(ours.certificate.der(), theirs.contents);
            assert_eq!(ours.owner.member, theirs.member);
            assert_eq!(ours.active, theirs.active && theirs.status.as_deref() == Some("registered"));
        }
        prove(&again);
    }
}

#[test]
fn a_server_taken_over_knows_what_to_sign_and_what_to_show() {
    let Some(vectors) = vectors() else { return };
    let room = room();
    let signer = vectors.join("recorded/server/ss1/etc/signer");
    take(&room, &signer.join("keyconf.xml"), &signer.join("softtoken")).unwrap();
    let now = "2026-11-23T00:00:00Z".parse().unwrap();
    let signing = |code: &str| room.keystore.active_signing(&MemberId::new("DEV", "COM", code).unwrap(), now);
    let names =
        |found: Vec<keystore::Credential>| found.into_iter().map(|c| c.key.to_string()).collect::<Vec<_>>();
    assert_eq!(names(signing("4321")), ["5999A00018D46BE639D1258B1CE998AA420E6AB7"]);
    assert_eq!(names(signing("1234")), ["23C761B772896906916BC4866A2F0B09A07626F5"]);
    assert!(signing("9999").is_empty());
    assert_eq!(names(room.keystore.active_authentication(now)), ["D977FCE4A93DFDFA04D1B8CE84B38CE345FF5692"]);

    let authentication = room.keystore.active_authentication(now)[0].key.clone();
    let der = room.keystore.tls_key_der(&authentication).unwrap();
    assert_eq!(der.as_slice(), std::fs::read(vectors.join("recorded/keys/ss1/auth.key.der")).unwrap());
}

#[test]
fn the_keys_of_the_recordings_are_the_given_private_keys() {
    let Some(vectors) = vectors() else { return };
    for folder in ["keys", "keys-ec"] {
        for server in ["ss0", "ss1"] {
            let room = room();
            let dir = vectors.join("recorded").join(folder).join(server);
            let taken = take(&room, &dir.join("keyconf.xml"), &dir).unwrap();
            assert!(taken.keys.len() >= 2, "{folder}/{server}");
            prove(&room.keystore);
            // Whatever is given as a private key beside them is one of them already.
            for entry in std::fs::read_dir(&dir).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_str().unwrap();
                if !name.ends_with(".key.der") || name.starts_with("internal") {
                    continue;
                }
                let refused =
                    room.keystore.import_key(&std::fs::read(&path).unwrap(), None, KeyUsage::Signing, "x");
                assert!(matches!(refused, Err(KeyRefusal::AlreadyHeld { .. })), "{name}");
            }
        }
    }
}

#[test]
fn the_internal_tls_key_of_a_server_is_taken_over_from_its_key_store() {
    let Some(vectors) = vectors() else { return };
    for server in ["ss0", "ss1"] {
        let room = room();
        let file =
            std::fs::read(vectors.join("recorded/server").join(server).join("etc/ssl/internal.p12")).unwrap();
        let imported = room
            .keystore
            .import_p12(&file, &Pin::new("internal"), Some("internal"), KeyUsage::InternalTls, "internal")
            .unwrap();
        assert_eq!(imported.certificates, 1);
        let held = room.keystore.find(&imported.key).unwrap();
        room.keystore.activate(&held.certificates[0].certificate.sha256()).unwrap();
        let now = "2026-11-23T00:00:00Z".parse().unwrap();
        assert_eq!(room.keystore.active_internal_tls(now).unwrap().key, imported.key);
        let der = room.keystore.tls_key_der(&imported.key).unwrap();
        let expected = vectors.join("recorded/keys").join(server).join("internal.key.der");
        assert_eq!(der.as_slice(), std::fs::read(expected).unwrap());
    }
}

#[test]
fn a_central_servers_keys_become_configuration_keys() {
    let Some(vectors) = vectors() else { return };
    let room = room();
    let signer = vectors.join("recorded/server/cs/etc/signer");
    take(&room, &signer.join("keyconf.xml"), &signer.join("softtoken")).unwrap();
    assert!(room.keystore.list().iter().all(|key| key.usage == KeyUsage::Configuration));
}

#[test]
fn a_wrong_pin_takes_nothing() {
    let Some(vectors) = vectors() else { return };
    let signer = vectors.join("recorded/server/ss0/etc/signer");
    let keyconf = std::fs::read(signer.join("keyconf.xml")).unwrap();
    let room = room();
    for wrong in ["", "secret1234", "Secret12345"] {
        let refused = room.keystore.import_softtoken(&keyconf, signer.join("softtoken"), &Pin::new(wrong));
        assert_eq!(refused, Err(TakeOverRefusal::WrongPin));
    }
    assert!(room.keystore.list().is_empty());
}

#[test]
fn nothing_is_taken_when_one_key_does_not_open() {
    let Some(vectors) = vectors() else { return };
    let signer = vectors.join("recorded/server/ss0/etc/signer");
    let keyconf = std::fs::read(signer.join("keyconf.xml")).unwrap();
    let room = room();
    let copy = room.dir.path().join("token");
    std::fs::create_dir(&copy).unwrap();
    for entry in std::fs::read_dir(signer.join("softtoken")).unwrap() {
        let path = entry.unwrap().path();
        std::fs::write(copy.join(path.file_name().unwrap()), std::fs::read(&path).unwrap()).unwrap();
    }
    let described = Keyconf::read(&keyconf).unwrap();
    let ids: Vec<_> = described.devices[0].keys.iter().map(|key| key.key_id.clone().unwrap()).collect();
    let path = |id: &str| copy.join(format!("{id}.p12"));
    let whole = std::fs::read(path(&ids[0])).unwrap();
    let taking = || room.keystore.import_softtoken(&keyconf, &copy, &pin());

    std::fs::write(path(&ids[0]), &whole[..whole.len() / 2]).unwrap();
    assert!(matches!(taking(), Err(TakeOverRefusal::Key { key, .. }) if key == ids[0]));
    // Another key's file under this key's name: its alias gives it away.
    std::fs::write(path(&ids[0]), std::fs::read(path(&ids[1])).unwrap()).unwrap();
    assert!(matches!(taking(), Err(TakeOverRefusal::Key { key, .. }) if key == ids[0]));
    std::fs::write(path(&ids[0]), &whole).unwrap();
    std::fs::remove_file(path(&ids[1])).unwrap();
    std::fs::create_dir(path(&ids[1])).unwrap();
    assert_eq!(taking(), Err(TakeOverRefusal::Storage(StorageFailure::NotAFile { path: path(&ids[1]) })));
    assert!(room.keystore.list().is_empty());

    std::fs::remove_dir(path(&ids[1])).unwrap();
    let taken = taking().unwrap();
    assert_eq!(taken.keys.len(), ids.len() - 1);
    assert_eq!(taken.left[0].name, ids[1]);
    assert!(matches!(taking(), Err(TakeOverRefusal::Key { refusal: KeyRefusal::AlreadyHeld { .. }, .. })));
    assert_eq!(room.open_again().unwrap().list().len(), ids.len() - 1);
}

#[test]
fn a_key_that_is_not_the_described_one_is_refused() {
    let Some(vectors) = vectors() else { return };
    let signer = vectors.join("recorded/server/ss0/etc/signer");
    let text = std::fs::read_to_string(signer.join("keyconf.xml")).unwrap();
    let described = Keyconf::read(text.as_bytes()).unwrap();
    let encoded: Vec<&str> =
        text.split("<publicKey>").skip(1).map(|rest| rest.split('<').next().unwrap()).collect();
    let exchanged = text.replacen(encoded[0], encoded[1], 1);
    let room = room();
    let refused = room.keystore.import_softtoken(exchanged.as_bytes(), signer.join("softtoken"), &pin());
    let key = described.devices[0].keys[0].key_id.clone().unwrap();
    assert_eq!(refused, Err(TakeOverRefusal::AnotherKey { key }));
}

#[test]
fn a_key_configuration_cut_at_any_place_is_refused() {
    let Some(vectors) = vectors() else { return };
    let xml = std::fs::read(vectors.join("recorded/server/ss0/etc/signer/keyconf.xml")).unwrap();
    let end = xml.iter().rposition(|b| *b == b'>').unwrap();
    for length in (0..=end).step_by(7).chain([end]) {
        assert!(matches!(Keyconf::read(&xml[..length]), Err(KeyconfRefusal::Xml { .. })), "cut at {length}");
    }
}

#[test]
fn keys_on_other_tokens_and_undecided_keys_are_left_behind_and_named() {
    let keyconf = format!(
        "<x:keyConf xmlns:x='http://x-road.eu/xsd/xroad.xsd'>\
         <device><deviceType>hsm</deviceType><id>1</id><key usage='SIGNING'><keyId>on-hsm</keyId></key></device>\
         <device><deviceType>softToken</deviceType><id>0</id>\
         <key usage='SIGNING'><keyId>short</keyId></key><key><keyId>{0}</keyId></key>\
         <key usage='SIGNING'><keyId>{1}</keyId></key></device></x:keyConf>",
        "A".repeat(40),
        "B".repeat(40)
    );
    let room = room();
    let taken = room.keystore.import_softtoken(keyconf.as_bytes(), room.dir.path(), &pin()).unwrap();
    assert!(taken.keys.is_empty());
    let names: Vec<&str> = taken.left.iter().map(|left| left.name.as_str()).collect();
    assert_eq!(names, ["on-hsm", "short", &"A".repeat(40), &"B".repeat(40)]);
}
