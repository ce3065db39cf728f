//! The operator's acts on a registry. The command line calls them now; web pages and a REST face will.
//!
//! None of them needs the registry to run, and each may be called while it runs: it takes changes over within a second.

use crate::compose;
use crate::config::Config;
use crate::declaration::Declaration;
use crate::error::{AdminFault, DeclarationFault, InitFault, KeyFault, StoreFault};
use crate::facts::{Change, changes};
use crate::publish::{LocalDisk, replace};
use crate::signing_key::{Activated, SIGNING_KEYS_MAX, SigningKey, Source};
use crate::store::Store;
use clock::Clock;
use globalconf::Anchor;
use jiff::{SignedDuration, Timestamp};
use keystore::{KeyId, KeyUsage, Keystore, OpenRefusal, Pin, SelfSigned};
use std::path::Path;

/// Makes everything that a registry needs to run: database, keystore, one active signing key for each source, and the anchor
/// files that people hand to gateways (`anchor_file`) and to federated instances ([`Config::external_anchor_file`]).
///
/// The PIN is taken as it is: ask [`keystore::check_policy`] first. A crash leaves a beginning with which the next call goes on.
///
/// # Errors
/// [`InitFault`]; [`InitFault::AlreadyInitialised`] when all of it is there.
pub fn init(config: &Config, pin: &Pin, clock: &Clock) -> Result<(), InitFault> {
    config.check()?;
    std::fs::create_dir_all(&config.state_dir).map_err(StoreFault::Folder)?;
    let mut store = Store::create(config)?;
    let keys = store.signing_keys()?;
    let mut missing = Source::ALL.to_vec();
    missing.retain(|source| !keys.iter().any(|key| key.source == *source));
    let anchors = config.anchor_file.is_file() && config.external_anchor_file().is_file();
    if missing.is_empty() && anchors {
        return Err(InitFault::AlreadyInitialised { state_dir: config.state_dir.clone() });
    }
    if !missing.is_empty() {
        let keystore = match Keystore::create_with(config.keystore_dir(), pin, one_thread()) {
            Err(OpenRefusal::Exists { .. }) => open_keystore(config, pin).map_err(KeyFault::Open)?,
            other => other.map_err(KeyFault::Open)?,
        };
        for source in missing {
            make_key(config, &mut store, &keystore, source, clock.now())?;
        }
    }
    Ok(put_anchors(config, &mut store, clock.now())?)
}

/// What applying this declaration would change; nothing is touched.
///
/// # Errors
/// A declaration that cannot be the state of this instance, or a database that cannot be read.
pub fn plan(config: &Config, declared: &Declaration) -> Result<Vec<Change>, AdminFault> {
    let (_, changes) = compare(config, declared)?;
    Ok(changes)
}

/// Makes this declaration the state of the instance, in one transaction, and tells what changed.
///
/// # Errors
/// As [`plan`]; then the old state stands.
pub fn apply(config: &Config, declared: &Declaration) -> Result<Vec<Change>, AdminFault> {
    let (mut store, changes) = compare(config, declared)?;
    if !changes.is_empty() {
        store.replace(declared)?;
    }
    Ok(changes)
}

/// The state as it is stored; nothing when nothing has been declared yet.
///
/// # Errors
/// The database cannot be read.
pub fn settings(config: &Config) -> Result<Option<Declaration>, StoreFault> {
    let (declared, _) = open(config)?.read()?;
    Ok(declared)
}

/// The signing keys of both sources, in the order of their making.
///
/// # Errors
/// The database cannot be read.
pub fn signing_keys(config: &Config) -> Result<Vec<SigningKey>, StoreFault> {
    open(config)?.signing_keys()
}

/// Makes a second key for a source. Its certificate is published from now on beside the old one, and the anchor files are written
/// anew; it does not sign before [`activate_signing_key`] (control-plane 1.2).
///
/// # Errors
/// [`KeyFault::TooMany`] when there are two already; whatever keystore, database or disk refuse.
pub fn add_signing_key(
    config: &Config,
    pin: &Pin,
    source: Source,
    clock: &Clock,
) -> Result<SigningKey, KeyFault> {
    config.check()?;
    let mut store = open(config)?;
    if store.signing_keys()?.iter().filter(|key| key.source == source).count() >= SIGNING_KEYS_MAX {
        return Err(KeyFault::TooMany { origin: source });
    }
    let keystore = open_keystore(config, pin)?;
    let key = make_key(config, &mut store, &keystore, source, clock.now())?;
    put_anchors(config, &mut store, clock.now())?;
    find(&store.signing_keys()?, &key)
}

/// Lets a key sign from the next generation on, which follows within a second. The answer says whether it was public for long
/// enough; when it was not, gateways that have not fetched since it was made need a new anchor.
///
/// # Errors
/// [`KeyFault::Unknown`], [`KeyFault::NotHeld`]; whatever keystore or database refuse.
pub fn activate_signing_key(
    config: &Config,
    pin: &Pin,
    key: &KeyId,
    clock: &Clock,
) -> Result<Activated, KeyFault> {
    let mut store = open(config)?;
    let found = find(&store.signing_keys()?, key)?;
    if open_keystore(config, pin)?.find(key).is_none() {
        return Err(KeyFault::NotHeld { key: key.clone() });
    }
    if !store.activate_key(key)? {
        return Err(KeyFault::Unknown { key: key.clone() });
    }
    let lasting = SignedDuration::from_secs(i64::from(config.expire_seconds));
    let known_from = found.made_at.checked_add(lasting);
    Ok(Activated { known_to_clients: known_from.is_ok_and(|from| from <= clock.now()) })
}

/// Removes a key that does not sign any more, for good: from what is published, from the anchor files and from the keystore.
///
/// A crash in the middle leaves a key in the keystore that no source names; it signs nothing.
///
/// # Errors
/// [`KeyFault::Last`], [`KeyFault::Active`], [`KeyFault::Unknown`]; whatever keystore, database or disk refuse.
pub fn delete_signing_key(config: &Config, pin: &Pin, key: &KeyId, clock: &Clock) -> Result<(), KeyFault> {
    config.check()?;
    let mut store = open(config)?;
    let keys = store.signing_keys()?;
    let found = find(&keys, key)?;
    if keys.iter().filter(|one| one.source == found.source).count() < 2 {
        return Err(KeyFault::Last { key: key.clone(), origin: found.source });
    }
    let keystore = open_keystore(config, pin)?;
    if found.active || !store.forget_key(key)? {
        return Err(KeyFault::Active { key: key.clone() });
    }
    put_anchors(config, &mut store, clock.now())?;
    if keystore.find(key).is_some() {
        keystore.deactivate(&found.certificate.sha256())?;
        keystore.delete(key)?;
    }
    Ok(())
}

/// The anchor of a source: where its directory is, and every certificate of its keys, active or not.
///
/// One `http` address stands in it. Clients derive the `https` one from it and pass over `https` addresses that are written
/// (control-plane 1.4), so another would say nothing.
///
/// # Errors
/// [`KeyFault::None`]; whatever the database refuses.
pub fn anchor(config: &Config, source: Source, clock: &Clock) -> Result<Anchor, KeyFault> {
    config.check()?;
    compose_anchor(config, &open(config)?.signing_keys()?, source, clock.now())
}

fn find(keys: &[SigningKey], key: &KeyId) -> Result<SigningKey, KeyFault> {
    let found = keys.iter().find(|one| one.key == *key);
    found.cloned().ok_or_else(|| KeyFault::Unknown { key: key.clone() })
}

fn open(config: &Config) -> Result<Store, StoreFault> {
    Store::open(config)
}

fn one_thread() -> keystore::Settings {
    keystore::Settings { sign_threads: 1, ..keystore::Settings::default() }
}

pub(crate) fn open_keystore(config: &Config, pin: &Pin) -> Result<Keystore, OpenRefusal> {
    Keystore::open_with(config.keystore_dir(), pin, one_thread())
}

/// Checks the declaration for itself and as what would be published.
fn compare(config: &Config, declared: &Declaration) -> Result<(Store, Vec<Change>), AdminFault> {
    config.check()?;
    declared.check(&config.instance)?;
    let mut store = open(config)?;
    let (stored, keys) = store.read()?;
    compose::all_versions(config, declared, &keys)
        .map_err(|(version, fault)| DeclarationFault::Unpublishable { version, why: fault.to_string() })?;
    let changes = changes(stored.as_ref(), declared);
    Ok((store, changes))
}

/// A crash between keystore and database leaves a key that no source names; it signs nothing.
fn make_key(
    config: &Config,
    store: &mut Store,
    keystore: &Keystore,
    source: Source,
    now: Timestamp,
) -> Result<KeyId, KeyFault> {
    let label = format!("{source} configuration");
    let key = keystore.generate(KeyUsage::Configuration, config.signing_key_algorithm, &label)?;
    let shape = SelfSigned::Configuration { external: source == Source::External };
    let certificate = keystore.self_signed(&key, &shape)?;
    store.add_key(&key, source, &certificate, now)?;
    Ok(key)
}

fn compose_anchor(
    config: &Config,
    keys: &[SigningKey],
    source: Source,
    now: Timestamp,
) -> Result<Anchor, KeyFault> {
    let certificates = compose::certificates(keys, source);
    if certificates.is_empty() {
        return Err(KeyFault::None { origin: source });
    }
    let source = globalconf::anchor::Source {
        download_url: format!("http://{}/{}", config.address, source.directory()),
        verification_certificates: certificates,
    };
    Ok(Anchor { generated_at: Some(now), instance: config.instance.clone(), sources: vec![source] })
}

fn put_anchors(config: &Config, store: &mut Store, now: Timestamp) -> Result<(), KeyFault> {
    let keys = store.signing_keys()?;
    let files =
        [(Source::Internal, config.anchor_file.clone()), (Source::External, config.external_anchor_file())];
    for (source, file) in files {
        let bytes = compose_anchor(config, &keys, source, now)?.write()?;
        if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)
                .map_err(|error| KeyFault::AnchorFile { file: file.clone(), error })?;
        }
        put_file(&file, &bytes)?;
    }
    Ok(())
}

fn put_file(file: &Path, bytes: &[u8]) -> Result<(), KeyFault> {
    let failed =
        |fault: crate::error::PublishFault| KeyFault::AnchorFile { file: fault.path, error: fault.error };
    replace(&LocalDisk, file, bytes).map_err(failed)
}
