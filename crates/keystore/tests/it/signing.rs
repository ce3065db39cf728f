//! Signatures through the seam.

use std::sync::Arc;

use keystore::{KeyAlgorithm, KeyUsage, Signer};
use trust::algorithm::{DigestAlgorithm, EcdsaForm, SignatureAlgorithm};
use trust::key::PublicKey;

use crate::common::{openssl, room, said};

const MESSAGE: &[u8] = b"what is signed";

#[tokio::test]
async fn a_signer_behind_the_seam_signs_with_every_kind_of_key() {
    let room = room();
    let signer: Arc<dyn Signer> = Arc::new(room.keystore.clone());
    for kind in [KeyAlgorithm::Rsa2048, KeyAlgorithm::Rsa3072, KeyAlgorithm::EcP256] {
        let id = room.keystore.generate(KeyUsage::Signing, kind, "key").unwrap();
        let public_key = PublicKey::from_spki(&room.keystore.find(&id).unwrap().public_key).unwrap();
        for digest in [DigestAlgorithm::Sha256, DigestAlgorithm::Sha384, DigestAlgorithm::Sha512] {
            let algorithms = if kind.is_rsa() {
                vec![SignatureAlgorithm::RsaPkcs1(digest), SignatureAlgorithm::RsaPss(digest)]
            } else {
                vec![SignatureAlgorithm::Ecdsa(digest)]
            };
            for algorithm in algorithms {
                let value = digest.digest(MESSAGE);
                let raw = signer.sign_digest(&id, algorithm, &value).await.unwrap();
                assert!(algorithm.verify(&public_key, MESSAGE, &raw, EcdsaForm::Raw).is_ok());
                let der = signer.sign_digest_as(&id, algorithm, &value, EcdsaForm::Der).await.unwrap();
                assert!(algorithm.verify(&public_key, MESSAGE, &der, EcdsaForm::Der).is_ok());
            }
        }
    }
}

#[tokio::test]
async fn openssl_accepts_our_signatures() {
    let room = room();
    let dir = room.dir.path();
    std::fs::write(dir.join("message"), MESSAGE).unwrap();
    for kind in [KeyAlgorithm::Rsa2048, KeyAlgorithm::EcP256] {
        let id = room.keystore.generate(KeyUsage::Signing, kind, "key").unwrap();
        std::fs::write(dir.join("public"), &room.keystore.find(&id).unwrap().public_key).unwrap();
        openssl(dir, &["pkey", "-pubin", "-inform", "DER", "-in", "public", "-out", "public.pem"]);
        for (digest, name) in [(DigestAlgorithm::Sha256, "-sha256"), (DigestAlgorithm::Sha512, "-sha512")] {
            let mut ways = vec![(SignatureAlgorithm::Ecdsa(digest), vec![])];
            if kind.is_rsa() {
                let pss = vec!["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"];
                ways = vec![
                    (SignatureAlgorithm::RsaPkcs1(digest), vec![]),
                    (SignatureAlgorithm::RsaPss(digest), pss),
                ];
            }
            for (algorithm, options) in ways {
                let value = digest.digest(MESSAGE);
                let signature =
                    room.keystore.sign_digest_as(&id, algorithm, &value, EcdsaForm::Der).await.unwrap();
                std::fs::write(dir.join("signature"), signature).unwrap();
                let verify = [
                    &["dgst", name, "-verify", "public.pem", "-signature", "signature"][..],
                    &options,
                    &["message"],
                ]
                .concat();
                assert!(said(&openssl(dir, &verify)).contains("Verified OK"), "{algorithm:?}");
            }
        }
    }
}

#[tokio::test]
async fn hundreds_of_signatures_at_once_all_come() {
    let room = room();
    let id = room.keystore.generate(KeyUsage::Signing, KeyAlgorithm::EcP256, "key").unwrap();
    let algorithm = SignatureAlgorithm::Ecdsa(DigestAlgorithm::Sha256);
    let waiting: Vec<_> = (0_u8..=255)
        .chain(0..=255)
        .map(|n| tokio::spawn(room.keystore.sign_digest(&id, algorithm, &[n; 32])))
        .collect();
    for signature in waiting {
        assert_eq!(signature.await.unwrap().unwrap().len(), 64);
    }
}

#[tokio::test]
async fn a_signature_under_way_survives_its_keystore() {
    let room = room();
    let id = room.keystore.generate(KeyUsage::Signing, KeyAlgorithm::Rsa2048, "key").unwrap();
    let algorithm = SignatureAlgorithm::RsaPkcs1(DigestAlgorithm::Sha256);
    let signing = room.keystore.sign_digest(&id, algorithm, &[1; 32]);
    drop(room);
    assert_eq!(signing.await.unwrap().len(), 256);
}
