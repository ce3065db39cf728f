//! Keys brought along in files: PKCS#12, and PEM in its four forms.

use std::path::Path;

use keystore::{KeyAlgorithm, KeyRefusal, KeyUsage, P12Refusal, Pin};

use crate::common::{Room, openssl_line, room};

/// A key with a certificate for TLS, made by OpenSSL in `dir`.
fn foreign(dir: &Path, kind: &str) {
    openssl_line(
        dir,
        &format!("req -x509 -nodes -keyout k.pem -out c.pem -subj /CN=foreign -days 2 -newkey {kind}"),
    );
}

const RSA: &str = "rsa:2048";
const EC: &str = "ec -pkeyopt ec_paramgen_curve:P-256";
const PASSWORD: &str = "Geheimឃ";

fn export(dir: &Path, options: &str) -> Vec<u8> {
    let fixed = "pkcs12 -export -inkey k.pem -in c.pem -name Mine -out f.p12 -passout";
    openssl_line(dir, &format!("{fixed} pass:{PASSWORD} {options}"));
    std::fs::read(dir.join("f.p12")).unwrap()
}

fn import(room: &Room, file: &[u8], password: &str, alias: Option<&str>) -> Result<usize, KeyRefusal> {
    let imported =
        room.keystore.import_p12(file, &Pin::new(password), alias, KeyUsage::InternalTls, "brought")?;
    room.keystore.delete(&imported.key)?;
    Ok(imported.certificates)
}

#[test]
fn key_files_of_openssl_are_read_in_new_and_old_encryption() {
    let room = room();
    let dir = room.dir.path();
    let methods = [
        ("", 1),
        ("-certpbe AES-128-CBC -keypbe AES-192-CBC -macalg sha512", 1),
        ("-certpbe PBE-SHA1-3DES -keypbe PBE-SHA1-3DES -macalg sha1", 1),
        ("-certpbe PBE-SHA1-3DES -keypbe AES-256-CBC -macalg sha384 -iter 1", 1),
        ("-certpbe NONE -keypbe NONE", 1),
        ("-iter 10000", 1),
        // A Java key store of old: its certificates lie under 40-bit RC2, which we leave alone.
        ("-legacy -certpbe PBE-SHA1-RC2-40 -keypbe PBE-SHA1-3DES -macalg sha1", 0),
    ];
    for kind in [RSA, EC] {
        foreign(dir, kind);
        for (method, certificates) in methods {
            let file = export(dir, method);
            assert_eq!(import(&room, &file, PASSWORD, None), Ok(certificates), "{method}");
            assert_eq!(import(&room, &file, PASSWORD, Some("mINE")), Ok(certificates), "{method}");
            for wrong in ["", "Geheim", "Geheimខ"] {
                let refused = import(&room, &file, wrong, None);
                assert_eq!(refused, Err(KeyRefusal::Sealed(P12Refusal::WrongPassword)), "{method}");
            }
            let alias = Some("another".to_owned());
            let refused = import(&room, &file, PASSWORD, alias.as_deref());
            assert_eq!(refused, Err(KeyRefusal::Sealed(P12Refusal::NoKey { alias })), "{method}");
        }
    }
}

#[test]
fn a_key_file_cut_or_changed_in_any_byte_is_refused() {
    let room = room();
    foreign(room.dir.path(), EC);
    let file = export(room.dir.path(), "-iter 1");
    for length in 0..file.len() {
        assert!(import(&room, &file[..length], PASSWORD, None).is_err(), "cut at {length}");
    }
    for at in 0..file.len() {
        let mut changed = file.clone();
        changed[at] ^= 1;
        assert!(import(&room, &changed, PASSWORD, None).is_err(), "byte {at} changed");
    }
}

#[test]
fn key_files_without_checksum_or_key_or_with_endless_work_are_refused() {
    let room = room();
    let dir = room.dir.path();
    foreign(dir, EC);
    let refused = |options: &str| match import(&room, &export(dir, options), PASSWORD, None) {
        Err(KeyRefusal::Sealed(refusal)) => refusal,
        other => panic!("{options}: {other:?}"),
    };
    assert_eq!(refused("-nomac"), P12Refusal::NoChecksum);
    assert_eq!(refused("-nokeys"), P12Refusal::NoKey { alias: None });
    assert!(matches!(refused("-legacy -keypbe PBE-SHA1-RC4-128"), P12Refusal::Unsupported { .. }));
    assert_eq!(
        refused("-certpbe NONE -nomaciter -iter 2000001"),
        P12Refusal::TooCostly { asked: 2_000_001, iterations_max: 2_000_000 }
    );
}

#[test]
fn certificates_in_a_key_file_come_along_only_where_they_fit() {
    let room = room();
    foreign(room.dir.path(), RSA);
    let file = export(room.dir.path(), "");
    // A bare self-signed certificate has no keyUsage: it can be neither for signing nor for authentication.
    let imported =
        room.keystore.import_p12(&file, &Pin::new(PASSWORD), None, KeyUsage::Signing, "x").unwrap();
    assert_eq!(imported.certificates, 0);
    assert!(room.keystore.find(&imported.key).unwrap().certificates.is_empty());
}

#[test]
fn pem_is_read_in_its_four_forms() {
    let room = room();
    let dir = room.dir.path();
    foreign(dir, RSA);
    for line in [
        "rsa -in k.pem -traditional -out rsa-pkcs1.pem",
        "ecparam -name prime256v1 -genkey -out ec-sec1.pem",
        "pkcs8 -topk8 -nocrypt -in ec-sec1.pem -out ec-pkcs8.pem",
        "ec -in ec-sec1.pem -outform DER -out ec-sec1.der",
        "ec -in ec-sec1.pem -no_public -out ec-no-public.pem",
    ] {
        openssl_line(dir, line);
    }
    for (name, algorithm) in [
        ("k.pem", KeyAlgorithm::Rsa2048),
        ("rsa-pkcs1.pem", KeyAlgorithm::Rsa2048),
        ("ec-sec1.pem", KeyAlgorithm::EcP256),
        ("ec-pkcs8.pem", KeyAlgorithm::EcP256),
        ("ec-sec1.der", KeyAlgorithm::EcP256),
        ("ec-no-public.pem", KeyAlgorithm::EcP256),
    ] {
        let bytes = std::fs::read(dir.join(name)).unwrap();
        let id = room.keystore.import_key(&bytes, None, KeyUsage::Authentication, name).unwrap();
        let held = room.keystore.find(&id).unwrap();
        assert_eq!(held.algorithm, algorithm, "{name}");
        let form = if name.ends_with("der") { "DER" } else { "PEM" };
        let expected = openssl_line(dir, &format!("pkey -inform {form} -in {name} -pubout -outform DER"));
        assert_eq!(held.public_key, expected.stdout, "{name}");
        room.keystore.delete(&id).unwrap();
    }
}

#[test]
fn encrypted_pem_needs_its_passphrase() {
    let room = room();
    let dir = room.dir.path();
    foreign(dir, EC);
    for method in
        ["", "-v2 aes-128-cbc -v2prf hmacWithSHA512", "-v1 PBE-SHA1-3DES", "-v2 aes256 -v2prf hmacWithSHA1"]
    {
        openssl_line(dir, &format!("pkcs8 -topk8 -in k.pem -passout pass:{PASSWORD} -out e.pem {method}"));
        let pem = std::fs::read(dir.join("e.pem")).unwrap();
        let import =
            |passphrase: Option<&Pin>| room.keystore.import_key(&pem, passphrase, KeyUsage::Signing, "e");
        assert_eq!(import(None), Err(KeyRefusal::NeedsPassphrase));
        assert!(import(Some(&Pin::new("geheim"))).is_err());
        let id = import(Some(&Pin::new(PASSWORD))).unwrap();
        room.keystore.delete(&id).unwrap();
    }
    openssl_line(dir, "ec -in k.pem -aes128 -passout pass:Geheim -out old.pem");
    let old = std::fs::read(dir.join("old.pem")).unwrap();
    let refused = room.keystore.import_key(&old, Some(&Pin::new("Geheim")), KeyUsage::Signing, "old");
    assert!(matches!(refused, Err(KeyRefusal::Sealed(P12Refusal::Unsupported { .. }))));
}
