//! A token goes away and comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use keystore::{KeyAlgorithm, KeyId, KeyUsage, Keystore, Settings, SignFailure, Signer as _, TokenFailure};
use trust::algorithm::{DigestAlgorithm, SignatureAlgorithm};

use super::softhsm::{SoftHsm, alone, this_test};
use crate::common::pin;

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

/// Asks whenever the keystore says that it may be otherwise, until it signs; half a minute at most.
async fn until_signed(keystore: &Keystore, key: &KeyId) {
    let mut changes = keystore.token_changes().unwrap();
    let asking = async {
        while sign(keystore, key).await.is_err() {
            changes.changed().await.unwrap();
        }
    };
    let signed = tokio::time::timeout(Duration::from_secs(30), asking).await;
    assert!(signed.is_ok(), "{:?}", sign(keystore, key).await);
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
                until_signed(&keystore, &key).await;
            }
        });
    });
}

#[test]
fn a_token_beside_the_one_that_is_gone_goes_on() {
    alone(this_test!("a_token_beside_the_one_that_is_gone_goes_on"), |hsm| {
        hsm.initialise("one");
        let first = std::fs::read_dir(hsm.tokens()).unwrap().next().unwrap().unwrap().path();
        hsm.initialise("two");
        let keystore = hsm.keystore(vec![hsm.settings("one"), hsm.settings("two")]);
        let make = |token| {
            keystore.generate_in_token(token, KeyUsage::Signing, KeyAlgorithm::EcP256, token).unwrap()
        };
        let (gone, stays) = (make("one"), make("two"));
        let aside = hsm.folder().join("aside");
        run(async {
            sign(&keystore, &gone).await.unwrap();
            std::fs::rename(&first, &aside).unwrap();
            // Looking for the one begins the library anew, again and again, under the signatures of the other.
            let (other, key) = (keystore.clone(), stays.clone());
            let looking = Arc::new(AtomicBool::new(true));
            let goes_on = Arc::clone(&looking);
            let going_on = tokio::spawn(async move {
                let mut count = 0;
                while goes_on.load(Ordering::SeqCst) {
                    assert_eq!(sign(&other, &key).await, Ok(()), "signature {count}");
                    count += 1;
                }
                count
            });
            let mut changes = keystore.token_changes().unwrap();
            for _ in 0..5 {
                assert!(absent(&sign(&keystore, &gone).await));
                changes.changed().await.unwrap();
            }
            looking.store(false, Ordering::SeqCst);
            let count = going_on.await.unwrap();
            assert!(count > 20, "{count}");
            std::fs::rename(&aside, &first).unwrap();
            until_signed(&keystore, &gone).await;
            sign(&keystore, &stays).await.unwrap();
        });
    });
}

#[test]
fn a_token_that_hangs_gives_a_verdict_and_holds_up_nobody_else() {
    alone(this_test!("a_token_that_hangs_gives_a_verdict_and_holds_up_nobody_else"), |hsm| {
        let (made, key) = with_key(hsm, "one");
        let software = made.generate(KeyUsage::Signing, KeyAlgorithm::EcP256, "software").unwrap();
        drop(made);
        let settings = Settings {
            tokens: vec![hsm.settings("one")],
            sign_timeout: Duration::from_secs(1),
            ..crate::common::settings()
        };
        let keystore = Keystore::open_with(hsm.folder().join("keys"), &pin(), settings).unwrap();
        run(async {
            sign(&keystore, &key).await.unwrap();
            // Whoever opens a pipe waits until somebody opens its other end.
            let token = std::fs::read_dir(hsm.tokens()).unwrap().next().unwrap().unwrap().path();
            let objects: Vec<_> = std::fs::read_dir(&token)
                .unwrap()
                .map(|file| file.unwrap().path())
                .filter(|path| path.extension().is_some_and(|ending| ending == "object"))
                .collect();
            for object in &objects {
                std::fs::rename(object, object.with_extension("kept")).unwrap();
                hsm.fine("mkfifo", &[object.to_str().unwrap()]);
            }
            // Each of its two sessions hangs after one signature; from then on none is waited for.
            let (first, second) = tokio::join!(sign(&keystore, &key), sign(&keystore, &key));
            let verdicts = [&first, &second];
            let late = |signed: &Result<(), SignFailure>| {
                matches!(
                    signed,
                    Err(SignFailure::TimedOut { .. } | SignFailure::Token(TokenFailure::Silent { .. }))
                )
            };
            assert!(verdicts.into_iter().all(late), "{verdicts:?}");
            let at_once = tokio::time::timeout(Duration::from_millis(500), sign(&keystore, &key)).await;
            let at_once = at_once.expect("the refusal comes at once");
            assert!(matches!(at_once, Err(SignFailure::Token(TokenFailure::Silent { .. }))), "{at_once:?}");
            sign(&keystore, &software).await.unwrap();
            // The other ends are opened, and everything is as it was.
            for object in &objects {
                let pipe = object.with_extension("pipe");
                std::fs::rename(object, &pipe).unwrap();
                std::fs::rename(object.with_extension("kept"), object).unwrap();
                let _end = std::fs::OpenOptions::new().read(true).write(true).open(&pipe).unwrap();
            }
            until_signed(&keystore, &key).await;
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
            until_signed(&keystore, &key).await;
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
            let mut changes = keystore.token_changes().unwrap();
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
            // One of the ten looked; when the pause after it is over, the next one looks.
            changes.changed().await.unwrap();
            assert!(wrong(&sign(&keystore, &key).await));
            assert!(!hsm.pin_count_low());
            // An operator may have it tried all the same.
            assert!(later.tokens()[0].log_in().failure.is_some());
            assert!(hsm.pin_count_low());
            hsm.write_pin(super::softhsm::TOKEN_PIN);
            until_signed(&keystore, &key).await;
            assert!(!hsm.pin_count_low());
        });
    });
}
