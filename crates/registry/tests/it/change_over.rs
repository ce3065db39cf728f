//! Signing keys change over while clients go on with the anchor they have (control-plane 1.2).

use crate::client::{download, read_anchor};
use crate::nation::{Nation, Running, STATE, pin, start_time};
use globalconf::download::{Role, Wanted};
use jiff::SignedDuration;
use keystore::{KeyAlgorithm, Keystore};
use registry::{KeyFault, SigningKey, Source, admin};

fn keys_of(nation: &Nation, source: Source) -> Vec<SigningKey> {
    admin::signing_keys(&nation.config).unwrap().into_iter().filter(|key| key.source == source).collect()
}

#[tokio::test]
async fn a_client_with_the_old_anchor_follows_to_the_new_key() {
    let running = Running::start(KeyAlgorithm::EcP256).await;
    let nation = &running.nation;
    let clock = &nation.clock;
    let first = running.registry.published().await.unwrap();
    let old_anchor = read_anchor(&nation.config.anchor_file);
    let wanted = Wanted::default();

    nation.hands.advance(SignedDuration::from_secs(1));
    let new = admin::add_signing_key(&nation.config, &pin(), Source::Internal, clock).unwrap();
    assert!(!new.active);
    let second = running.registry.published_after(first).await.unwrap();
    let held = download(&old_anchor, Role::Main, None, wanted, clock.now()).await.unwrap();
    assert_eq!(held.configuration().shared().sources[0].internal_certificates.len(), 2);
    let new_anchor = read_anchor(&nation.config.anchor_file);
    assert_eq!(new_anchor.sources[0].verification_certificates.len(), 2);

    nation.hands.advance(SignedDuration::from_secs(600));
    let third = running.registry.published_after(second).await.unwrap();
    let activated = admin::activate_signing_key(&nation.config, &pin(), &new.key, clock).unwrap();
    assert!(activated.known_to_clients);
    let fourth = running.registry.published_after(third).await.unwrap();
    // Who has nothing but the old anchor is lost; who has fetched in between is not, although what it holds has ended.
    assert!(download(&old_anchor, Role::Main, None, wanted, clock.now()).await.is_err());
    let held = Some(held.configuration());
    let held = download(&old_anchor, Role::Main, held, wanted, clock.now()).await.unwrap();
    download(&new_anchor, Role::Main, None, wanted, clock.now()).await.unwrap();

    let old = keys_of(nation, Source::Internal).into_iter().find(|key| !key.active).unwrap();
    nation.hands.advance(SignedDuration::from_secs(1));
    admin::delete_signing_key(&nation.config, &pin(), &old.key, clock).unwrap();
    running.registry.published_after(fourth).await.unwrap();
    let held = Some(held.configuration());
    let held = download(&old_anchor, Role::Main, held, wanted, clock.now()).await.unwrap();
    assert_eq!(held.configuration().shared().sources[0].internal_certificates.len(), 1);
    assert_eq!(read_anchor(&nation.config.anchor_file).sources[0].verification_certificates.len(), 1);
    assert_eq!(keys_of(nation, Source::External).len(), 1, "the other source is as before");
    let store = Keystore::open(nation.config.keystore_dir(), &pin()).unwrap();
    assert!(store.find(&old.key).is_none(), "the old key is gone for good");
}

#[test]
fn refuses_a_third_key_and_the_end_of_the_active_one() {
    let nation = Nation::new();
    nation.apply(STATE);
    let (config, clock) = (&nation.config, &nation.clock);
    let first = keys_of(&nation, Source::External).remove(0);
    let last = admin::delete_signing_key(config, &pin(), &first.key, clock);
    assert!(matches!(last, Err(KeyFault::Last { origin: Source::External, .. })));
    let second = admin::add_signing_key(config, &pin(), Source::External, clock).unwrap();
    let active = admin::delete_signing_key(config, &pin(), &first.key, clock);
    assert!(matches!(active, Err(KeyFault::Active { .. })));
    let third = admin::add_signing_key(config, &pin(), Source::External, clock);
    assert!(matches!(third, Err(KeyFault::TooMany { origin: Source::External })));
    let activated = admin::activate_signing_key(config, &pin(), &second.key, clock).unwrap();
    assert!(!activated.known_to_clients, "nobody can have seen it yet");
    let active: Vec<bool> = keys_of(&nation, Source::External).iter().map(|key| key.active).collect();
    assert_eq!(active.iter().filter(|active| **active).count(), 1);
    admin::delete_signing_key(config, &pin(), &first.key, clock).unwrap();
    for unknown in [
        admin::delete_signing_key(config, &pin(), &first.key, clock),
        admin::activate_signing_key(config, &pin(), &first.key, clock).map(|_| ()),
    ] {
        assert!(matches!(unknown, Err(KeyFault::Unknown { .. })));
    }
    assert_eq!(keys_of(&nation, Source::Internal).len(), 1);
    assert_eq!(keys_of(&nation, Source::Internal)[0].made_at, start_time());
}

#[test]
fn a_key_that_the_keystore_lost_is_not_activated_but_can_be_deleted() {
    let nation = Nation::new();
    let (config, clock) = (&nation.config, &nation.clock);
    let second = admin::add_signing_key(config, &pin(), Source::Internal, clock).unwrap();
    let store = Keystore::open(config.keystore_dir(), &pin()).unwrap();
    store.deactivate(&second.certificate.sha256()).unwrap();
    store.delete(&second.key).unwrap();
    drop(store);
    let activated = admin::activate_signing_key(config, &pin(), &second.key, clock);
    assert!(matches!(activated, Err(KeyFault::NotHeld { .. })));
    let active = keys_of(&nation, Source::Internal).into_iter().find(|key| key.active).unwrap();
    assert_ne!(active.key, second.key, "the old key goes on signing");
    admin::delete_signing_key(config, &pin(), &second.key, clock).unwrap();
    assert_eq!(keys_of(&nation, Source::Internal).len(), 1);
}
