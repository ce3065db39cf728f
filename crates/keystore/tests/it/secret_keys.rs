//! Secret keys in files that Java's keytool wrote: those of a live X-Road server, and two of practice.

use keystore::{P12Refusal, Pin, secret_keys};

use crate::common::vectors;

/// keytool of Java 17: `-genseckey -keyalg HmacSHA256` and `-importpassword`.
const MODERN: &[u8] = include_bytes!("../../../messagelog/tests/fixtures/xroad.p12");
/// The same with `keystore.pkcs12.legacy`: 3DES, a checksum with SHA-1, and a pair with its certificate beside.
const LEGACY: &[u8] = include_bytes!("../fixtures/java-legacy.p12");

fn read(file: &[u8], password: &str) -> Result<Vec<(String, Vec<u8>)>, P12Refusal> {
    let found = secret_keys::read(file, &Pin::new(password))?;
    Ok(found.into_iter().map(|key| (key.name, key.secret.to_vec())).collect())
}

fn one(name: &str, secret: &[u8]) -> (String, Vec<u8>) {
    (name.to_owned(), secret.to_vec())
}

#[test]
fn what_keytool_made_is_read_in_new_and_old_encryption() {
    let drawn = hex::decode("7461537161eb6b227c5c73f9e6599907c9b37d1fc18a34ee1fe3d2bdb8c56c1b").unwrap();
    let expected = [one("key0", &drawn), one("key1", b"c2VjcmV0LW9mLXByYWN0aWNl")];
    assert_eq!(read(MODERN, "practice-only").unwrap(), expected);
    let drawn = hex::decode("5e9c79fedeff996a483879ac3880e4a3967c6a3fb120a0461694780c0fe45192").unwrap();
    let expected = [one("key0", &drawn), one("key1", b"imported-secret-text")];
    assert_eq!(read(LEGACY, "old-form").unwrap(), expected);
    for wrong in ["", "practice-onlY", "practice-only ", "old-form\0"] {
        assert_eq!(read(MODERN, wrong), Err(P12Refusal::WrongPassword), "{wrong:?}");
        assert_eq!(read(LEGACY, wrong), Err(P12Refusal::WrongPassword), "{wrong:?}");
    }
    let held = format!("{:?}", secret_keys::read(LEGACY, &Pin::new("old-form")).unwrap());
    assert!(!held.contains("secret"), "{held}");
}

#[test]
fn the_key_stores_of_a_live_server_hold_the_keys_that_are_on_record() {
    let Some(vectors) = vectors() else { return };
    let drawn = hex::decode("1b583c3e95baa4e290c9233853041a2109aed6eb924623c2e81cd1c4b271ab84").unwrap();
    let typed = b"c2VjcmV0LWtleS1tYXRlcmlhbC0wMTIzNDU2Nzg5".to_vec();
    for (round, password, expected) in
        [("B", "throwaway1", one("key0", &drawn)), ("C", "throwaway2", one("key1", &typed))]
    {
        let place = format!("recorded/options/messagelog/{round}/messagelog.p12");
        let file = std::fs::read(vectors.join(place)).unwrap();
        assert_eq!(read(&file, password).unwrap(), [expected]);
    }
}

#[test]
fn a_file_that_is_cut_or_changed_anywhere_gives_no_other_key() {
    for length in 0..MODERN.len() {
        let cut = read(&MODERN[..length], "practice-only");
        assert!(matches!(cut, Err(P12Refusal::Unreadable { .. })), "{length}: {cut:?}");
    }
    let longer = [MODERN, b"\0"].concat();
    assert!(matches!(read(&longer, "practice-only"), Err(P12Refusal::Unreadable { .. })));
    for place in (0..MODERN.len()).step_by(7) {
        let mut changed = MODERN.to_vec();
        changed[place] ^= 0x10;
        assert!(read(&changed, "practice-only").is_err(), "{place}");
    }
}

/// One element.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let length = match body.len() {
        short @ 0..128 => vec![u8::try_from(short).unwrap()],
        middle @ 128..256 => vec![0x81, u8::try_from(middle).unwrap()],
        long => [&[0x82][..], &u16::try_from(long).unwrap().to_be_bytes()].concat(),
    };
    [&[tag][..], &length, &body].concat()
}

/// A file whose checksum, and whose one secret key, ask for so many rounds. The checksum is right where it can be computed at all.
fn asking(rounds_of_checksum: &[u8], rounds_of_key: &[u8]) -> Vec<u8> {
    let pbes2 = hex::decode("06092a864886f70d01050d").unwrap();
    let pbkdf2 = hex::decode("06092a864886f70d01050c").unwrap();
    let sha256 = hex::decode("300c06082a864886f70d02090500").unwrap();
    let aes = hex::decode("301d060960864801650304012a041000000000000000000000000000000000").unwrap();
    let derivation = der(0x30, &[&der(0x04, &[&[7; 20]]), &der(0x02, &[rounds_of_key]), &sha256]);
    let method = der(0x30, &[&pbes2, &der(0x30, &[&der(0x30, &[&pbkdf2, &derivation]), &aes])]);
    let shrouded = der(0x30, &[&method, &der(0x04, &[&[9; 64]])]);
    let shroud = hex::decode("060b2a864886f70d010c0a0102").unwrap();
    let secret = der(0x30, &[&shroud, &der(0xa0, &[&der(0x04, &[&shrouded])])]);
    let bag = der(0x30, &[&hex::decode("060b2a864886f70d010c0a0105").unwrap(), &der(0xa0, &[&secret])]);
    let data = hex::decode("06092a864886f70d010701").unwrap();
    let content = |octets: &[u8]| der(0x30, &[&data, &der(0xa0, &[&der(0x04, &[octets])])]);
    let safe = der(0x30, &[&content(&der(0x30, &[&bag]))]);
    let checksum = checksum(&safe);
    let digest =
        der(0x30, &[&hex::decode("300d06096086480165030402010500").unwrap(), &der(0x04, &[&checksum])]);
    let mac = der(0x30, &[&digest, &der(0x04, &[&[5; 8]]), &der(0x02, &[rounds_of_checksum])]);
    der(0x30, &[&[0x02, 0x01, 0x03], &content(&safe), &mac])
}

/// HMAC under what PKCS#12 makes of the password "x" and the salt in one round, by somebody else.
fn checksum(safe: &[u8]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("safe");
    std::fs::write(&file, safe).unwrap();
    let script = "import hashlib, hmac, sys\n\
        salt, password = bytes([5] * 8), 'x\\0'.encode('utf-16-be')\n\
        fill = lambda part: (part * 64)[:64]\n\
        key = hashlib.sha256(bytes([3] * 64) + fill(salt) + fill(password)).digest()\n\
        print(hmac.new(key, open(sys.argv[1], 'rb').read(), 'sha256').hexdigest())";
    let output =
        std::process::Command::new("/usr/bin/python3").args(["-c", script]).arg(&file).output().unwrap();
    hex::decode(String::from_utf8(output.stdout).unwrap().trim()).unwrap()
}

#[test]
fn rounds_that_would_take_for_ever_are_not_begun() {
    let billions = [0x7f, 0xff, 0xff, 0xff];
    let too_costly = |asked| Err(P12Refusal::TooCostly { asked, iterations_max: 2_000_000 });
    assert_eq!(read(&asking(&billions, &[1]), "x"), too_costly(0x7fff_ffff));
    assert_eq!(read(&asking(&[1], &billions), "x"), too_costly(0x7fff_ffff));
    let absurd = [&[0x40][..], &[0; 7]].concat();
    assert_eq!(read(&asking(&[1], &absurd), "x"), too_costly(1 << 62));
    assert!(matches!(read(&asking(&[1], &[0]), "x"), Err(P12Refusal::Unreadable { .. })));
    // The checksum is right; what is under it is nonsense.
    assert_eq!(read(&asking(&[1], &[1]), "x"), Err(P12Refusal::WrongPassword));
}
