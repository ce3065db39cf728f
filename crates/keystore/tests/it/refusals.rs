//! Everything a keystore must not do.

use keystore::{
    AlternativeName, CertificateRefusal, KeyAlgorithm, KeyId, KeyRefusal, KeyUsage, Keystore, OpenRefusal,
    Owner, Pin, SelfSigned, SignFailure, Signer, StorageFailure, Subject, SubjectRefusal,
};
use std::os::unix::fs::PermissionsExt;
use trust::algorithm::{DigestAlgorithm, EcdsaForm, SignatureAlgorithm};

use crate::common::{AUTHENTICATION, Room, SIGNING, issue, openssl_line, pin, room, settings};

fn nobody() -> KeyId {
    KeyId::parse(&"0".repeat(40)).unwrap()
}

fn key(room: &Room, usage: KeyUsage) -> KeyId {
    room.keystore.generate(usage, KeyAlgorithm::EcP256, "a key").unwrap()
}

fn subject() -> Subject {
    Subject::parse("CN=x").unwrap()
}

#[test]
fn a_wrong_pin_opens_nothing() {
    let room = room();
    key(&room, KeyUsage::Signing);
    for wrong in ["", "Secret123", "secret1234", "Secret1234 ", "Secret12345"] {
        let refused = Keystore::open_with(room.path(), &Pin::new(wrong), settings()).unwrap_err();
        assert_eq!(refused, OpenRefusal::WrongPin, "{wrong:?}");
    }
}

#[test]
fn create_does_not_overwrite_and_open_does_not_create() {
    let room = room();
    let refused = Keystore::create_with(room.path(), &pin(), settings()).unwrap_err();
    assert_eq!(refused, OpenRefusal::Exists { dir: room.path() });
    let absent = room.dir.path().join("elsewhere");
    let refused = Keystore::open_with(&absent, &pin(), settings()).unwrap_err();
    assert_eq!(refused, OpenRefusal::Absent { dir: absent.clone() });
    assert!(!absent.exists());
}

#[test]
fn files_and_directories_open_to_others_are_refused() {
    let room = room();
    let id = key(&room, KeyUsage::Signing);
    let set = |path: &std::path::Path, mode: u32| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let files = [room.path().join("keystore.json"), room.path().join(format!("{id}.key"))];
    for path in &files {
        for mode in [0o644, 0o640, 0o604, 0o660, 0o601, 0o777] {
            set(path, mode);
            let refused = room.open_again().unwrap_err();
            let expected = StorageFailure::OpenToOthers { path: path.clone(), mode, directory: false };
            assert_eq!(refused, OpenRefusal::Storage(expected));
        }
        set(path, 0o600);
    }
    for mode in [0o755, 0o750, 0o701, 0o770] {
        set(&room.path(), mode);
        let expected = StorageFailure::OpenToOthers { path: room.path(), mode, directory: true };
        assert_eq!(room.open_again().unwrap_err(), OpenRefusal::Storage(expected.clone()));
        let generated = room.keystore.generate(KeyUsage::Signing, KeyAlgorithm::EcP256, "x");
        assert_eq!(generated, Err(KeyRefusal::Storage(expected)));
    }
    set(&room.path(), 0o700);
    assert!(room.open_again().is_ok());
}

#[test]
fn a_link_in_the_place_of_a_file_is_refused() {
    let room = room();
    let id = key(&room, KeyUsage::Signing);
    let (path, moved) = (room.path().join(format!("{id}.key")), room.dir.path().join("moved"));
    std::fs::rename(&path, &moved).unwrap();
    std::os::unix::fs::symlink(&moved, &path).unwrap();
    assert_eq!(room.open_again().unwrap_err(), OpenRefusal::Storage(StorageFailure::NotAFile { path }));
}

#[test]
fn keys_that_sign_never_leave() {
    let room = room();
    for usage in [KeyUsage::Signing, KeyUsage::Configuration] {
        let id = key(&room, usage);
        assert_eq!(room.keystore.tls_key_der(&id), Err(KeyRefusal::NeverLeaves { key: id, usage }));
    }
    for usage in [KeyUsage::Authentication, KeyUsage::InternalTls] {
        let id = key(&room, usage);
        assert!(room.keystore.tls_key_der(&id).is_ok());
    }
    assert_eq!(room.keystore.tls_key_der(&nobody()), Err(KeyRefusal::Unknown { key: nobody() }));
}

#[test]
fn an_edited_index_does_not_open_the_door() {
    let room = room();
    let id = key(&room, KeyUsage::Signing);
    let path = room.path().join("keystore.json");
    let edited = std::fs::read_to_string(&path).unwrap().replace("\"signing\"", "\"authentication\"");
    std::fs::write(&path, edited).unwrap();
    assert!(matches!(
        room.open_again().unwrap_err(),
        OpenRefusal::Storage(StorageFailure::Damaged { path, .. }) if path.ends_with(format!("{id}.key"))
    ));
    // A handle that is open already does not fall for it either.
    assert!(room.keystore.reload().is_err() || room.keystore.tls_key_der(&id).is_err());
}

#[tokio::test]
async fn nothing_is_done_with_an_unknown_key() {
    let room = room();
    let unknown = nobody();
    let algorithm = SignatureAlgorithm::Ecdsa(DigestAlgorithm::Sha256);
    let failure = SignFailure::UnknownKey { key: unknown.clone() };
    assert_eq!(room.keystore.sign_digest(&unknown, algorithm, &[0; 32]).await, Err(failure.clone()));
    let blocking = room.keystore.sign_digest_blocking(&unknown, algorithm, &[0; 32], EcdsaForm::Raw);
    assert_eq!(blocking, Err(failure.clone()));
    assert_eq!(room.keystore.csr(&unknown, &subject(), &[]), Err(CertificateRefusal::Sign(failure.clone())));
    let shape = SelfSigned::Configuration { external: false };
    assert_eq!(room.keystore.self_signed(&unknown, &shape), Err(CertificateRefusal::Sign(failure)));
    assert_eq!(room.keystore.delete(&unknown), Err(KeyRefusal::Unknown { key: unknown }));
    let unknown = CertificateRefusal::Unknown { sha256: "00".repeat(32) };
    assert_eq!(room.keystore.activate(&[0; 32]), Err(unknown.clone()));
    assert_eq!(room.keystore.deactivate(&[0; 32]), Err(unknown.clone()));
    assert_eq!(room.keystore.delete_certificate(&[0; 32]), Err(unknown.clone()));
    assert_eq!(room.keystore.set_owner(&[0; 32], &Owner::nobody()), Err(unknown));
}

#[test]
fn a_certificate_that_matches_no_key_is_refused() {
    let (here, elsewhere) = (room(), room());
    key(&here, KeyUsage::Signing);
    let id = key(&elsewhere, KeyUsage::Signing);
    let request = elsewhere.keystore.csr(&id, &subject(), &[]).unwrap();
    let pem = issue(elsewhere.dir.path(), request.der(), SIGNING);
    let refused = here.keystore.import_certificate(&pem, &Owner::nobody());
    assert!(matches!(refused, Err(CertificateRefusal::NoKey { .. })));
    assert!(here.keystore.list()[0].certificates.is_empty());
}

#[test]
fn a_certificate_of_the_wrong_kind_is_refused() {
    let room = room();
    let cases = [
        (KeyUsage::Signing, AUTHENTICATION, Some(KeyUsage::Authentication)),
        (KeyUsage::Signing, "keyUsage=dataEncipherment", Some(KeyUsage::Authentication)),
        (KeyUsage::Authentication, SIGNING, Some(KeyUsage::Signing)),
        // clientAuth makes it one for authentication whatever keyUsage says; nonRepudiation makes it both.
        (KeyUsage::Authentication, "keyUsage=nonRepudiation\nextendedKeyUsage=clientAuth", None),
        (KeyUsage::Signing, "keyUsage=nonRepudiation,digitalSignature", None),
        (KeyUsage::Signing, "keyUsage=keyCertSign", None),
        (KeyUsage::Authentication, "basicConstraints=CA:FALSE", None),
    ];
    for (usage, extensions, other) in cases {
        let id = key(&room, usage);
        let request = room.keystore.csr(&id, &subject(), &[]).unwrap();
        let refused = room
            .keystore
            .import_certificate(&issue(room.dir.path(), request.der(), extensions), &Owner::nobody());
        match (refused, other) {
            (Err(CertificateRefusal::WrongUsage { key, usage: of_key, certificate_usage }), Some(other)) => {
                assert_eq!((key, of_key, certificate_usage), (id, usage, other));
            }
            (Err(CertificateRefusal::Undecided { .. }), None) => {}
            (result, _) => panic!("{usage} {extensions}: {result:?}"),
        }
    }
}

#[test]
fn an_authentication_certificate_with_other_purposes_than_client_is_judged_by_key_usage() {
    let room = room();
    let id = key(&room, KeyUsage::Authentication);
    let request = room.keystore.csr(&id, &subject(), &[]).unwrap();
    let pem = issue(room.dir.path(), request.der(), "keyUsage=digitalSignature\nextendedKeyUsage=serverAuth");
    assert_eq!(room.keystore.import_certificate(&pem, &Owner::nobody()), Ok(id));
}

#[test]
fn nothing_is_imported_twice() {
    let room = room();
    let id = key(&room, KeyUsage::Authentication);
    let request = room.keystore.csr(&id, &subject(), &[]).unwrap();
    let pem = issue(room.dir.path(), request.der(), AUTHENTICATION);
    room.keystore.import_certificate(&pem, &Owner::nobody()).unwrap();
    assert_eq!(
        room.keystore.import_certificate(&pem, &Owner::nobody()),
        Err(CertificateRefusal::AlreadyHeld { key: id.clone() })
    );
    let der = room.keystore.tls_key_der(&id).unwrap();
    for usage in [KeyUsage::Signing, KeyUsage::Authentication] {
        let again = room.keystore.import_key(&der, None, usage, "again");
        assert_eq!(again, Err(KeyRefusal::AlreadyHeld { key: id.clone() }));
    }
}

#[test]
fn what_is_no_certificate_is_refused() {
    let room = room();
    key(&room, KeyUsage::Signing);
    for bytes in
        [&b""[..], b"x", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", &[0x30, 0]]
    {
        let refused = room.keystore.import_certificate(bytes, &Owner::nobody());
        assert!(matches!(refused, Err(CertificateRefusal::Unreadable { .. })), "{bytes:?}");
    }
}

#[test]
fn weak_and_foreign_keys_are_refused() {
    let room = room();
    let dir = room.dir.path();
    let foreign = |oid: &str| KeyRefusal::ForeignCurve { oid: oid.to_owned() };
    openssl_line(dir, "genrsa -out short.pem 1024");
    let cases = [
        ("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:512", KeyRefusal::Weak { bits: 512 }),
        ("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2047", KeyRefusal::Weak { bits: 2047 }),
        ("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2056", KeyRefusal::UnsupportedSize { bits: 2056 }),
        ("rsa -in short.pem", KeyRefusal::Weak { bits: 1024 }),
        ("rsa -in short.pem -traditional", KeyRefusal::Weak { bits: 1024 }),
        ("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384", foreign("1.3.132.0.34")),
        ("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:secp256k1", foreign("1.3.132.0.10")),
        ("ecparam -name secp384r1 -genkey -noout", foreign("1.3.132.0.34")),
        (
            "ecparam -name prime256v1 -param_enc explicit -genkey -noout",
            foreign("given by explicit parameters"),
        ),
        ("genpkey -algorithm ED25519", KeyRefusal::UnsupportedKind { oid: "1.3.101.112".to_owned() }),
    ];
    for (line, expected) in cases {
        openssl_line(dir, &format!("{line} -out foreign.pem"));
        let pem = std::fs::read(dir.join("foreign.pem")).unwrap();
        let refused = room.keystore.import_key(&pem, None, KeyUsage::Signing, "foreign");
        assert_eq!(refused, Err(expected), "{line}");
    }
    assert!(room.keystore.list().is_empty());
}

#[test]
fn labels_and_subjects_have_bounds() {
    let room = room();
    for label in ["", "  ", "a\nb", "a\u{0}b", &"x".repeat(256)] {
        let refused = room.keystore.generate(KeyUsage::Signing, KeyAlgorithm::EcP256, label);
        assert_eq!(refused, Err(KeyRefusal::Label), "{label:?}");
    }
    let id = key(&room, KeyUsage::Authentication);
    let bad = [AlternativeName::Dns("a b".to_owned())];
    assert_eq!(
        room.keystore.csr(&id, &subject(), &bad),
        Err(CertificateRefusal::Subject(SubjectRefusal::DnsName { name: "a b".to_owned() }))
    );
    for _ in 0..64 {
        room.keystore.csr(&id, &subject(), &[]).unwrap();
    }
    assert_eq!(
        room.keystore.csr(&id, &subject(), &[]),
        Err(CertificateRefusal::TooMany { certificates_max: 64 })
    );
}

#[test]
fn each_self_signed_shape_is_for_its_own_usage() {
    let room = room();
    let tls = SelfSigned::InternalTls {
        common_name: "x".to_owned(),
        alternative_names: vec![],
        not_before: "2026-01-01T00:00:00Z".parse().unwrap(),
        not_after: "2027-01-01T00:00:00Z".parse().unwrap(),
    };
    let configuration = SelfSigned::Configuration { external: true };
    for (usage, shape) in [
        (KeyUsage::Signing, &tls),
        (KeyUsage::Authentication, &tls),
        (KeyUsage::Configuration, &tls),
        (KeyUsage::Signing, &configuration),
        (KeyUsage::Authentication, &configuration),
        (KeyUsage::InternalTls, &configuration),
    ] {
        let refused = room.keystore.self_signed(&key(&room, usage), shape);
        assert!(matches!(refused, Err(CertificateRefusal::NotForUsage { .. })), "{usage}");
    }
    let id = key(&room, KeyUsage::Configuration);
    assert!(matches!(room.keystore.csr(&id, &subject(), &[]), Err(CertificateRefusal::NotForUsage { .. })));
    let backwards = SelfSigned::InternalTls {
        common_name: "x".to_owned(),
        alternative_names: vec![],
        not_before: "2027-01-01T00:00:00Z".parse().unwrap(),
        not_after: "2026-01-01T00:00:00Z".parse().unwrap(),
    };
    let refused = room.keystore.self_signed(&key(&room, KeyUsage::InternalTls), &backwards);
    assert!(matches!(refused, Err(CertificateRefusal::Validity { .. })));
}

#[test]
fn names_of_keys_are_forty_upper_case_digits() {
    for bad in [
        "",
        "abc",
        &"a".repeat(40),
        &"G".repeat(40),
        &"0".repeat(41),
        "../../../../../../../../../../etc/passwd",
    ] {
        assert!(KeyId::parse(bad).is_err(), "{bad:?}");
    }
}
