//! Forms of keys, and signatures against `trust`'s verification.

use super::*;
use trust::key::PublicKey;

const MESSAGE: &[u8] = b"a message";

fn checks(key: &PrivateKey, algorithm: SignatureAlgorithm, form: EcdsaForm) -> bool {
    let signature = key.sign_digest(algorithm, &algorithm.digest().digest(MESSAGE), form).unwrap();
    let public_key = PublicKey::from_spki(&key.public_key().unwrap()).unwrap();
    algorithm.verify(&public_key, MESSAGE, &signature, form).is_ok()
        && algorithm.verify(&public_key, b"another", &signature, form).is_err()
}

#[test]
fn every_kind_of_key_signs_with_every_algorithm_of_its_kind() {
    use DigestAlgorithm::{Sha256, Sha384, Sha512};
    let ec = PrivateKey::generate(KeyAlgorithm::EcP256).unwrap();
    let rsa = PrivateKey::generate(KeyAlgorithm::Rsa2048).unwrap();
    for digest in [Sha256, Sha384, Sha512] {
        for form in [EcdsaForm::Raw, EcdsaForm::Der] {
            assert!(checks(&ec, SignatureAlgorithm::Ecdsa(digest), form), "{digest:?} {form:?}");
        }
        assert!(checks(&rsa, SignatureAlgorithm::RsaPkcs1(digest), EcdsaForm::Raw));
        assert!(checks(&rsa, SignatureAlgorithm::RsaPss(digest), EcdsaForm::Raw));
    }
}

#[test]
fn what_a_key_cannot_or_should_not_sign_is_refused() {
    use DigestAlgorithm::{Sha1, Sha224, Sha256};
    let ec = PrivateKey::generate(KeyAlgorithm::EcP256).unwrap();
    let refused = |algorithm: SignatureAlgorithm, length: usize| {
        ec.sign_digest(algorithm, &vec![1; length], EcdsaForm::Raw).unwrap_err()
    };
    assert!(matches!(
        refused(SignatureAlgorithm::RsaPkcs1(Sha256), 32),
        SignFailure::WrongAlgorithm { algorithm: KeyAlgorithm::EcP256, .. }
    ));
    assert!(matches!(refused(SignatureAlgorithm::RsaPss(Sha256), 32), SignFailure::WrongAlgorithm { .. }));
    for digest in [Sha1, Sha224] {
        let asked = SignatureAlgorithm::Ecdsa(digest);
        assert!(matches!(refused(asked, digest.output_bytes()), SignFailure::WeakDigest { .. }));
    }
    for length in [0, 31, 33, 64] {
        assert_eq!(
            refused(SignatureAlgorithm::Ecdsa(Sha256), length),
            SignFailure::DigestLength { expected: 32, found: length }
        );
    }
}

#[test]
fn a_key_survives_being_written_and_read() {
    for algorithm in [KeyAlgorithm::Rsa2048, KeyAlgorithm::Rsa3072, KeyAlgorithm::EcP256] {
        let key = PrivateKey::generate(algorithm).unwrap();
        assert_eq!(key.algorithm(), algorithm);
        let pkcs8 = key.pkcs8().unwrap();
        for again in [PrivateKey::read(&pkcs8, None), PrivateKey::read(pem_of(&pkcs8).as_bytes(), None)] {
            let again = again.unwrap();
            assert_eq!(again.public_key().unwrap(), key.public_key().unwrap());
            assert_eq!(again.algorithm(), algorithm);
        }
    }
}

fn pem_of(pkcs8: &[u8]) -> String {
    pem::armour("PRIVATE KEY", pkcs8)
}

#[test]
fn a_key_cut_anywhere_is_refused() {
    for algorithm in [KeyAlgorithm::Rsa2048, KeyAlgorithm::EcP256] {
        let pkcs8 = PrivateKey::generate(algorithm).unwrap().pkcs8().unwrap();
        for length in 0..pkcs8.len() {
            assert!(PrivateKey::read(&pkcs8[..length], None).is_err(), "{algorithm} cut at {length}");
        }
    }
}

#[test]
fn what_is_no_key_is_refused() {
    let key = PrivateKey::generate(KeyAlgorithm::EcP256).unwrap();
    let pem = pem_of(&key.pkcs8().unwrap());
    let unreadable = |bytes: &[u8]| {
        assert!(matches!(PrivateKey::read(bytes, None), Err(KeyRefusal::Unreadable { .. })));
    };
    unreadable(b"");
    unreadable(b"hello");
    unreadable(&key.public_key().unwrap());
    unreadable(format!("{pem}{pem}").as_bytes());
    unreadable(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    unreadable(&vec![0x30; 2 * 1024 * 1024]);
}

#[test]
fn a_key_is_not_printed() {
    let key = PrivateKey::generate(KeyAlgorithm::EcP256).unwrap();
    assert_eq!(format!("{key:?}"), "PrivateKey(EC-P256)");
}

/// Each octet in turn becomes a length that promises far more than comes, and one that is left open; then ten thousand levels.
#[test]
fn absurd_lengths_and_depths_are_refused() {
    for algorithm in [KeyAlgorithm::Rsa2048, KeyAlgorithm::EcP256] {
        let key = PrivateKey::generate(algorithm).unwrap();
        let pkcs8 = key.pkcs8().unwrap();
        for at in 1..pkcs8.len() {
            for length in [
                [0x80].as_slice(),
                &[0x84, 0xff, 0xff, 0xff, 0xff],
                &[0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            ] {
                let bent = [&pkcs8[..at], length, &pkcs8[at + 1..]].concat();
                let read = PrivateKey::read(&bent, None);
                assert!(bent == *pkcs8 || read.is_err(), "{algorithm}, octet {at}, {length:02x?}");
            }
        }
    }
    let mut deep = vec![5, 0];
    for _ in 0..10_000 {
        deep = crate::der_out::sequence(&[&deep]);
    }
    assert!(PrivateKey::read(&deep, None).is_err());
    assert!(PrivateKey::read(&[0x30, 0x80].repeat(10_000), None).is_err());
    let long = format!("{}", PrivateKey::read(&vec![0x30; 2 * 1024 * 1024], None).unwrap_err());
    assert!(long.contains("longer than") && long.contains("bytes"), "{long}");
}
