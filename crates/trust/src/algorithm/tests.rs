//! Tests of the module beside it.
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};

use super::*;

fn p256() -> (EcdsaKeyPair, PublicKey) {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    let algorithm = asn1::encode_all(
        asn1::SEQUENCE,
        &[&asn1::encode(asn1::OID, oid::EC), &asn1::encode(asn1::OID, oid::P256)],
    );
    let mut bits = vec![0];
    bits.extend_from_slice(pair.public_key().as_ref());
    let spki = asn1::encode_all(asn1::SEQUENCE, &[&algorithm, &asn1::encode(asn1::BIT_STRING, &bits)]);
    let key = PublicKey::from_spki(&spki).unwrap();
    (pair, key)
}

#[test]
fn names_and_identifiers_lead_back() {
    for digest in DigestAlgorithm::ALL {
        assert_eq!(DigestAlgorithm::from_uri(digest.uri()), Some(digest));
        assert_eq!(DigestAlgorithm::from_name(&digest.name().to_lowercase()), Some(digest));
        assert_eq!(DigestAlgorithm::from_oid(digest.oid()), Some(digest));
        assert_eq!(digest.digest(b"x").len(), digest.output_bytes());
    }
    for algorithm in SignatureAlgorithm::ALL {
        assert!(algorithm.uri().starts_with("http://www.w3.org/"));
        assert_eq!(SignatureAlgorithm::from_uri(algorithm.uri()), Some(algorithm));
    }
    assert_eq!(DigestAlgorithm::from_name("MD5"), None);
    assert_eq!(DigestAlgorithm::from_uri("http://www.w3.org/2001/04/xmlenc#SHA512"), None);
    assert_eq!(SignatureAlgorithm::from_uri(""), None);
}

#[test]
fn hashing_in_pieces_gives_the_same() {
    let mut hasher = DigestAlgorithm::Sha512.hasher();
    hasher.update(b"one ");
    hasher.update(b"two");
    assert_eq!(hasher.finish(), DigestAlgorithm::Sha512.digest(b"one two"));
}

#[test]
fn takes_raw_values_of_any_equal_halves() {
    let (pair, key) = p256();
    let algorithm = SignatureAlgorithm::Ecdsa(DigestAlgorithm::Sha256);
    let padded: Vec<u8> = {
        let der = pair.sign(&SystemRandom::new(), b"m").unwrap();
        let fixed = der_to_raw(der.as_ref(), 32).unwrap();
        [&[0][..], &fixed[..32], &[0][..], &fixed[32..]].concat()
    };
    algorithm.verify(&key, b"m", &padded, EcdsaForm::Raw).unwrap();
    let short = raw_to_der(&[0x80, 0x01, 0x7f, 0x02]).unwrap();
    assert_eq!(short, [0x30, 9, 2, 3, 0, 0x80, 1, 2, 2, 0x7f, 2]);
}

#[test]
fn refuses_values_in_the_other_form_or_over_other_bytes() {
    let (pair, key) = p256();
    let algorithm = SignatureAlgorithm::Ecdsa(DigestAlgorithm::Sha256);
    let der = pair.sign(&SystemRandom::new(), b"message").unwrap().as_ref().to_vec();
    let raw = der_to_raw(&der, 32).unwrap();
    let check = |message: &[u8], value: &[u8], form| algorithm.verify(&key, message, value, form);
    assert_eq!(check(b"message", &der, EcdsaForm::Der), Ok(()));
    assert_eq!(check(b"message", &raw, EcdsaForm::Der), Err(SignatureMismatch::Value));
    assert_eq!(check(b"message", &der, EcdsaForm::Raw), Err(SignatureMismatch::Value));
    assert_eq!(check(b"other", &raw, EcdsaForm::Raw), Err(SignatureMismatch::Value));
    assert_eq!(check(b"message", &raw[1..], EcdsaForm::Raw), Err(SignatureMismatch::Value));
    assert_eq!(check(b"message", &[], EcdsaForm::Raw), Err(SignatureMismatch::Value));
    assert_eq!(check(b"message", &[0; 64], EcdsaForm::Raw), Err(SignatureMismatch::Value));
    assert_eq!(check(b"message", &[0xff; 1 << 16], EcdsaForm::Raw), Err(SignatureMismatch::Value));
}

#[test]
fn refuses_old_digests_and_keys_of_another_kind() {
    let (_, key) = p256();
    let old = SignatureAlgorithm::RsaPkcs1(DigestAlgorithm::Sha1);
    assert_eq!(old.verify(&key, b"", b"", EcdsaForm::Raw), Err(SignatureMismatch::LegacyAlgorithm(old)));
    let rsa = SignatureAlgorithm::RsaPkcs1(DigestAlgorithm::Sha512);
    assert_eq!(
        rsa.verify(&key, b"", b"", EcdsaForm::Raw),
        Err(SignatureMismatch::WrongKey { algorithm: rsa })
    );
    assert_eq!(
        rsa.verify_legacy(&key, b"", b"", EcdsaForm::Raw),
        Err(SignatureMismatch::WrongKey { algorithm: rsa })
    );
}

#[test]
fn converts_between_the_two_forms() {
    let der = raw_to_der(&[0x00, 0x80, 0x00, 0x01]).unwrap();
    assert_eq!(der, [0x30, 7, 2, 2, 0, 0x80, 2, 1, 1]);
    assert_eq!(der_to_raw(&der, 2).unwrap(), [0x00, 0x80, 0x00, 0x01]);
    assert_eq!(der_to_raw(&der, 0), None);
    assert_eq!(der_to_raw(&[0x30, 3, 2, 1, 1], 2), None);
    assert_eq!(raw_to_der(&[]), None);
    assert_eq!(raw_to_der(&[1, 2, 3]), None);
    assert_eq!(raw_to_der(&[1; 134]), None);
}

#[test]
fn reads_pss_parameters_only_when_they_follow_the_digest() {
    let parameters = |hash: DigestAlgorithm, mask: DigestAlgorithm, salt: u8| {
        let generator =
            asn1::encode_all(asn1::SEQUENCE, &[&asn1::encode(asn1::OID, oid::MGF1), &mask.identifier()]);
        let fields = asn1::encode_all(
            asn1::SEQUENCE,
            &[
                &asn1::encode(asn1::wrapped(0), &hash.identifier()),
                &asn1::encode(asn1::wrapped(1), &generator),
                &asn1::encode(asn1::wrapped(2), &asn1::encode(asn1::INTEGER, &[salt])),
            ],
        );
        let identifier = asn1::encode_all(asn1::SEQUENCE, &[&asn1::encode(asn1::OID, oid::RSA_PSS), &fields]);
        SignatureAlgorithm::read(&asn1::only(&identifier, asn1::SEQUENCE).unwrap())
    };
    use DigestAlgorithm::{Sha256, Sha512};
    assert_eq!(parameters(Sha256, Sha256, 32), Ok(SignatureAlgorithm::RsaPss(Sha256)));
    assert!(parameters(Sha256, Sha512, 32).is_err());
    assert!(parameters(Sha256, Sha256, 20).is_err());
    assert!(parameters(Sha512, Sha512, 32).is_err());
}
