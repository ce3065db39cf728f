//! A key in a token from its making to its end.

use keystore::{KeyAlgorithm, KeyUsage, Owner, Signer as _, Subject};
use trust::algorithm::{DigestAlgorithm, EcdsaForm, SignatureAlgorithm};

use super::softhsm::{SoftHsm, alone, this_test};
use crate::common::{SIGNING, issue, openssl};

const MESSAGE: &[u8] = b"what is signed";

/// Whether openssl takes `value` for a signature of `MESSAGE`.
#[track_caller]
fn openssl_verifies(
    hsm: &SoftHsm,
    public_key: &[u8],
    digest: DigestAlgorithm,
    value: &[u8],
    options: &[&str],
) {
    let folder = hsm.folder();
    for (name, bytes) in [("public.der", public_key), ("message", MESSAGE), ("value", value)] {
        std::fs::write(folder.join(name), bytes).unwrap();
    }
    let digest = format!("-{}", digest.name().replace('-', "").to_lowercase());
    let first = ["dgst", &digest, "-keyform", "DER", "-verify", "public.der", "-signature", "value"];
    openssl(folder, &[&first[..], options, &["message"]].concat());
}

#[test]
fn every_algorithm_of_a_key_made_in_the_token_verifies_with_openssl() {
    alone(this_test!("every_algorithm_of_a_key_made_in_the_token_verifies_with_openssl"), |hsm| {
        hsm.initialise("one");
        let keystore = hsm.keystore(vec![hsm.settings("one")]);
        let pss = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"];
        let kinds =
            [KeyAlgorithm::Rsa2048, KeyAlgorithm::Rsa3072, KeyAlgorithm::Rsa4096, KeyAlgorithm::EcP256];
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        for kind in kinds {
            let key = keystore.generate_in_token("one", KeyUsage::Signing, kind, "a key").unwrap();
            let held = keystore.find(&key).unwrap();
            assert_eq!((held.algorithm, held.usage), (kind, KeyUsage::Signing));
            for digest in [DigestAlgorithm::Sha256, DigestAlgorithm::Sha384, DigestAlgorithm::Sha512] {
                let value = digest.digest(MESSAGE);
                let sign = |algorithm, form| {
                    let signed = runtime.block_on(keystore.sign_digest_as(&key, algorithm, &value, form));
                    signed.unwrap()
                };
                if kind.is_rsa() {
                    let signed = sign(SignatureAlgorithm::RsaPkcs1(digest), EcdsaForm::Raw);
                    openssl_verifies(hsm, &held.public_key, digest, &signed, &[]);
                    let signed = sign(SignatureAlgorithm::RsaPss(digest), EcdsaForm::Der);
                    openssl_verifies(hsm, &held.public_key, digest, &signed, &pss);
                } else {
                    let signed = sign(SignatureAlgorithm::Ecdsa(digest), EcdsaForm::Der);
                    openssl_verifies(hsm, &held.public_key, digest, &signed, &[]);
                    let raw = sign(SignatureAlgorithm::Ecdsa(digest), EcdsaForm::Raw);
                    assert_eq!(raw.len(), 64);
                    let der = trust::algorithm::raw_to_der(&raw).unwrap();
                    openssl_verifies(hsm, &held.public_key, digest, &der, &[]);
                }
            }
        }
    });
}

#[test]
fn a_key_made_in_the_token_signs_only_and_never_comes_out() {
    alone(this_test!("a_key_made_in_the_token_signs_only_and_never_comes_out"), |hsm| {
        hsm.initialise("one");
        let keystore = hsm.keystore(vec![hsm.settings("one")]);
        for kind in [KeyAlgorithm::Rsa2048, KeyAlgorithm::EcP256] {
            let key = keystore.generate_in_token("one", KeyUsage::Signing, kind, "for signing").unwrap();
            let listed = hsm.tool("one", &["--list-objects", "--type", "privkey"]);
            assert!(listed.to_uppercase().contains(key.as_str()), "{listed}");
            let of =
                |name: &'static str| listed.lines().filter_map(move |line| line.trim().strip_prefix(name));
            assert!(of("Usage:").all(|usage| usage.trim() == "sign"), "{listed}");
            let kept = |access: &str| access.contains("sensitive") && access.contains("never extractable");
            assert!(
                of("Access:").all(kept) && of("label:").all(|label| label.trim() == "for signing"),
                "{listed}"
            );
            assert!(keystore.tls_key_der(&key).is_err());
        }
        // Nothing but the index is on the disk: there is no file of a key.
        let files = std::fs::read_dir(hsm.folder().join("keys")).unwrap();
        let names: Vec<_> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        assert!(names.iter().all(|name| !name.ends_with(".key")), "{names:?}");
    });
}

#[test]
fn request_certificate_activation_and_deletion_are_as_for_software_keys() {
    alone(this_test!("request_certificate_activation_and_deletion_are_as_for_software_keys"), |hsm| {
        hsm.initialise("one");
        let keystore = hsm.keystore(vec![hsm.settings("one")]);
        let key =
            keystore.generate_in_token("one", KeyUsage::Signing, KeyAlgorithm::EcP256, "signing").unwrap();
        let subject = Subject::parse("CN=member").unwrap();
        let request = keystore.csr(&key, &subject, &[]).unwrap();
        std::fs::write(hsm.folder().join("r.der"), request.der()).unwrap();
        openssl(hsm.folder(), &["req", "-inform", "DER", "-in", "r.der", "-verify", "-noout"]);
        let certificate = issue(hsm.folder(), request.der(), SIGNING);
        let owner = Owner::member("EX/GOV/M1".parse().unwrap());
        assert_eq!(keystore.import_certificate(&certificate, &owner).unwrap(), key);
        // Another handle, as a gateway that is started later, sees and uses the same.
        let other = hsm.keystore(vec![hsm.settings("one")]);
        assert_eq!(other.list(), keystore.list());
        let held = other.find(&key).unwrap();
        assert!(held.certificates[0].active);
        let place = held.token.unwrap();
        assert_eq!((place.label.as_str(), hex::encode_upper(&place.id)), ("one", key.to_string()));
        assert!(matches!(keystore.delete(&key), Err(keystore::KeyRefusal::InUse { .. })));
        let sha256 = held.certificates[0].certificate.sha256();
        keystore.deactivate(&sha256).unwrap();
        keystore.activate(&sha256).unwrap();
        keystore.deactivate(&sha256).unwrap();
        keystore.delete(&key).unwrap();
        assert_eq!(keystore.find(&key), None);
        assert!(!hsm.tool("one", &["--list-objects"]).contains("signing"));
    });
}

#[test]
fn a_key_of_another_program_is_taken_over_by_its_id() {
    alone(this_test!("a_key_of_another_program_is_taken_over_by_its_id"), |hsm| {
        hsm.initialise("one");
        for (kind, id) in [("rsa:2048", "01"), ("EC:prime256v1", "0a0b")] {
            hsm.tool("one", &["--keypairgen", "--key-type", kind, "--id", id, "--usage-sign"]);
        }
        // The private key alone, with a certificate beside it in place of the public key.
        openssl(
            hsm.folder(),
            &[
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "k.pem", "-out", "c.pem",
                "-subj", "/CN=x",
            ],
        );
        openssl(hsm.folder(), &["pkey", "-in", "k.pem", "-outform", "DER", "-out", "k.der"]);
        openssl(hsm.folder(), &["x509", "-in", "c.pem", "-outform", "DER", "-out", "c.der"]);
        for (file, kind) in [("k.der", "privkey"), ("c.der", "cert")] {
            hsm.tool("one", &["--write-object", file, "--type", kind, "--id", "03", "--usage-sign"]);
        }
        let keystore = hsm.keystore(vec![hsm.settings("one")]);
        let take = |id: &[u8]| keystore.import_from_token("one", id, KeyUsage::Signing, "theirs");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        for (id, algorithm) in [
            (&[1][..], SignatureAlgorithm::RsaPkcs1(DigestAlgorithm::Sha512)),
            (&[10, 11][..], SignatureAlgorithm::Ecdsa(DigestAlgorithm::Sha512)),
            (&[3][..], SignatureAlgorithm::RsaPss(DigestAlgorithm::Sha256)),
        ] {
            let taken = take(id).unwrap();
            let held = keystore.find(&taken.key).unwrap();
            assert_eq!(held.token.unwrap().id, id);
            let value = algorithm.digest().digest(MESSAGE);
            let signed = runtime.block_on(keystore.sign_digest(&taken.key, algorithm, &value)).unwrap();
            let public = trust::key::PublicKey::from_spki(&held.public_key).unwrap();
            algorithm.verify(&public, MESSAGE, &signed, EcdsaForm::Raw).unwrap();
        }
        assert!(matches!(take(&[1]), Err(keystore::KeyRefusal::AlreadyHeld { .. })));
        let first = keystore.list()[0].id.clone();
        keystore.forget(&first).unwrap();
        assert!(hsm.tool("one", &["--list-objects", "--id", "01"]).contains("Private Key Object"));
        take(&[1]).unwrap();
    });
}

#[test]
fn many_signatures_at_once_share_the_sessions() {
    alone(this_test!("many_signatures_at_once_share_the_sessions"), |hsm| {
        hsm.initialise("one");
        hsm.initialise("two");
        let keystore = hsm.keystore(vec![hsm.settings("one"), hsm.settings("two")]);
        let keys: Vec<_> = ["one", "two"]
            .into_iter()
            .map(|token| {
                keystore.generate_in_token(token, KeyUsage::Signing, KeyAlgorithm::EcP256, "k").unwrap()
            })
            .collect();
        let algorithm = SignatureAlgorithm::Ecdsa(DigestAlgorithm::Sha256);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let waiting: Vec<_> = (0..100)
                .map(|n| tokio::spawn(keystore.sign_digest(&keys[n % 2], algorithm, &[7; 32])))
                .collect();
            for signed in waiting {
                assert_eq!(signed.await.unwrap().unwrap().len(), 64);
            }
        });
    });
}
