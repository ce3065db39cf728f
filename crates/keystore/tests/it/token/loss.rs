//! A token goes away and comes back.

use std::time::Duration;

use keystore::{KeyAlgorithm, KeyId, KeyUsage, Keystore, SignFailure, Signer as _, TokenFailure};
use trust::algorithm::{DigestAlgorithm, SignatureAlgorithm};

use super::softhsm::{SoftHsm, alone, this_test};

const ALGORITHM: SignatureAlgorithm = SignatureAlgorithm::Ecdsa(DigestAlgorithm::Sha256);

fn with_key(hsm: &SoftHsm, token: &str) -> (Keystore, KeyId) {
    hsm.initialise(token);
    let keystore = hsm.keystore(vec![hsm.settings(token)]);
    let key = keystore.generate_in_token(token, KeyUsage::Signing, KeyAlgorithm::EcP256, "k").unwrap();
    (keystore, key)
}

async fn sign(keystore: &Keystore, key: &KeyId) -> Result<(), SignFailure> {
    keystore.sign_digest(key, ALGORITHM, &[7; 32]).await.map(drop)
}

/// Asks until it is as it should be, half a minute at most.
async fn until(keystore: &Keystore, key: &KeyId, wanted: impl Fn(&Result<(), SignFailure>) -> bool) {
    for _ in 0..600 {
        let signed = sign(keystore, key).await;
        if wanted(&signed) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{:?}", sign(keystore, key).await);
}

fn run(act: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(act);
}

fn absent(signed: &Result<(), SignFailure>) -> bool {
    matches!(signed, Err(SignFailure::Token(TokenFailure::Absent { .. })))
}

#[test]
fn a_token_that_comes_back_signs_again_without_a_restart() {
    alone(this_test!("a_token_that_comes_back_signs_again_without_a_restart"), |hsm| {
        let (keystore, key) = with_key(hsm, "one");
        run(async {
            for _ in 0..2 {
                sign(&keystore, &key).await.unwrap();
                hsm.pull();
                // Not one signature more, and each refused with the reason.
                for _ in 0..20 {
                    let signed = sign(&keystore, &key).await;
                    assert!(absent(&signed), "{signed:?}");
                }
                hsm.push();
                until(&keystore, &key, Result::is_ok).await;
            }
        });
    });
}

#[test]
fn a_gateway_that_starts_without_the_token_signs_when_it_is_there() {
    alone(this_test!("a_gateway_that_starts_without_the_token_signs_when_it_is_there"), |hsm| {
        let (made, key) = with_key(hsm, "one");
        let software = made.generate(KeyUsage::Signing, KeyAlgorithm::EcP256, "software").unwrap();
        drop(made);
        hsm.pull();
        let keystore = hsm.keystore(vec![hsm.settings("one")]);
        run(async {
            assert!(absent(&sign(&keystore, &key).await));
            sign(&keystore, &software).await.unwrap();
            assert!(matches!(keystore.delete(&key), Err(keystore::KeyRefusal::Token(_))));
            assert!(keystore.find(&key).is_some());
            hsm.push();
            until(&keystore, &key, Result::is_ok).await;
        });
    });
}

#[test]
fn a_key_that_was_deleted_under_us_is_said_to_be_missing_and_others_go_on() {
    alone(this_test!("a_key_that_was_deleted_under_us_is_said_to_be_missing_and_others_go_on"), |hsm| {
        let (keystore, key) = with_key(hsm, "one");
        let other =
            keystore.generate_in_token("one", KeyUsage::Signing, KeyAlgorithm::EcP256, "other").unwrap();
        run(async {
            sign(&keystore, &key).await.unwrap();
            hsm.tool("one", &["--delete-object", "--type", "privkey", "--id", key.as_str()]);
            for _ in 0..3 {
                let signed = sign(&keystore, &key).await;
                assert!(
                    matches!(signed, Err(SignFailure::Token(TokenFailure::KeyMissing { .. }))),
                    "{signed:?}"
                );
                sign(&keystore, &other).await.unwrap();
            }
        });
        keystore.delete(&key).unwrap();
    });
}

#[test]
fn a_key_that_was_exchanged_under_us_does_not_sign() {
    alone(this_test!("a_key_that_was_exchanged_under_us_does_not_sign"), |hsm| {
        let (keystore, key) = with_key(hsm, "one");
        hsm.tool("one", &["--delete-object", "--type", "privkey", "--id", key.as_str()]);
        hsm.tool(
            "one",
            &["--keypairgen", "--key-type", "EC:prime256v1", "--id", key.as_str(), "--usage-sign"],
        );
        run(async {
            let signed = sign(&keystore, &key).await;
            assert!(matches!(signed, Err(SignFailure::Token(TokenFailure::Mismatch { .. }))), "{signed:?}");
        });
    });
}

#[test]
fn one_wrong_pin_is_tried_once_by_all_processes_until_the_file_changes() {
    alone(this_test!("one_wrong_pin_is_tried_once_by_all_processes_until_the_file_changes"), |hsm| {
        let (made, key) = with_key(hsm, "one");
        drop(made);
        let wrong = |signed: &Result<(), SignFailure>| {
            matches!(signed, Err(SignFailure::Token(TokenFailure::WrongPin { .. })))
        };
        hsm.write_pin("0000");
        let keystore = hsm.keystore(vec![hsm.settings("one")]);
        assert!(!hsm.pin_count_low());
        run(async {
            assert!(wrong(&sign(&keystore, &key).await));
            assert!(hsm.pin_count_low());
            // A right log-in of somebody else clears the token's flag: any further try of ours would show.
            hsm.tool("one", &["--list-objects"]);
            assert!(!hsm.pin_count_low());
            for _ in 0..10 {
                assert!(wrong(&sign(&keystore, &key).await));
            }
            let later = hsm.keystore(vec![hsm.settings("one")]);
            assert!(wrong(&sign(&later, &key).await));
            let report = later.tokens()[0].report();
            assert!(matches!(report.failure, Some(TokenFailure::WrongPin { .. })), "{report:?}");
            tokio::time::sleep(Duration::from_millis(600)).await;
            assert!(wrong(&sign(&keystore, &key).await));
            assert!(!hsm.pin_count_low());
            // An operator may have it tried all the same.
            assert!(later.tokens()[0].log_in().failure.is_some());
            assert!(hsm.pin_count_low());
            hsm.write_pin(super::softhsm::TOKEN_PIN);
            until(&keystore, &key, Result::is_ok).await;
            assert!(!hsm.pin_count_low());
        });
    });
}
