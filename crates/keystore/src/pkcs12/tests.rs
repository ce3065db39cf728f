//! The reader against files it must not choke on; real files are read in the crate's tests.

use std::num::NonZeroU32;

use super::*;

#[test]
fn what_is_no_key_file_is_refused() {
    for bytes in [
        &b""[..],
        b"hello",
        &[0x30, 0x80, 0, 0],
        &[0x30, 0x03, 0x02, 0x01, 0x03],
        &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
    ] {
        assert!(
            matches!(read(bytes, "x", Wanted::Pairs), Err(P12Refusal::Unreadable { .. })),
            "{bytes:02x?}"
        );
    }
    assert!(matches!(
        read(&vec![0x30; P12_BYTES_MAX + 1], "x", Wanted::Secrets),
        Err(P12Refusal::TooLong { .. })
    ));
}

#[test]
fn a_key_is_chosen_by_its_name_in_any_case() {
    let file = || P12 {
        keys: ["one", "Two", "two"]
            .map(|alias| NamedKey {
                alias: Some(alias.to_owned()),
                pkcs8: Zeroizing::new(alias.as_bytes().to_vec()),
            })
            .into(),
        certificates: Vec::new(),
    };
    assert_eq!(file().take_key(Some("ONE")).unwrap().as_slice(), b"one");
    assert_eq!(file().take_key(Some("two")).unwrap_err(), P12Refusal::SeveralKeys { count: 2 });
    assert_eq!(file().take_key(None).unwrap_err(), P12Refusal::SeveralKeys { count: 3 });
    assert_eq!(
        file().take_key(Some("three")).unwrap_err(),
        P12Refusal::NoKey { alias: Some("three".to_owned()) }
    );
    assert_eq!(P12::default().take_key(None).unwrap_err(), P12Refusal::NoKey { alias: None });
}

/// RFC 7292 gives no numbers; these are OpenSSL's: `openssl kdf … PKCS12KDF`.
#[test]
fn the_derivation_of_pkcs12_is_openssls() {
    let derived = |hash, purpose, bytes| {
        let rounds = NonZeroU32::new(1).unwrap();
        hex::encode(pbes::derive_pkcs12(
            hash,
            purpose,
            "smeg",
            &[0x0a, 0x58, 0xcf, 0x64, 0x53, 0x0d, 0x82, 0x3f],
            rounds,
            bytes,
        ))
    };
    let sha1 = &digest::SHA1_FOR_LEGACY_USE_ONLY;
    assert_eq!(derived(sha1, Purpose::Key, 24), "8aaae6297b6cb04642ab5b077851284eb7128f1a2a7fbca3");
    assert_eq!(derived(sha1, Purpose::StartValue, 8), "79993dfe048d3b76");
}
