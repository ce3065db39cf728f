//! The store from outside: what is stored is loaded again, and nothing that is cut, changed or mixed is.

use crate::practice::{INSTANCE, Key, assemble, contents, fetch, now, publish, shared};
use globalconf::download::{Location, Role, SourceOfConfiguration, check_directory};
use globalconf::{Configuration, GlobalConf, VerifiedConfiguration, Warning, store};
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn generation(key: &Key, freshness_seconds: u64, age_seconds: i64) -> VerifiedConfiguration {
    let files = contents(key, |shared| shared.settings.ocsp_freshness_seconds = freshness_seconds);
    let at = now().checked_sub(SignedDuration::from_secs(age_seconds)).unwrap();
    assemble(&publish(key, at, &files), key, Role::Main).unwrap()
}

fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
    found
}

#[test]
fn loads_what_was_stored_and_leaves_nothing_else_behind() {
    let (key, dir) = (Key::ec(), TempDir::new().unwrap());
    for (freshness, age) in [(1, 120), (1, 60), (2, 0)] {
        let verified = generation(&key, freshness, age);
        store::replace(dir.path(), &verified).unwrap();
        let conf = GlobalConf::load(dir.path()).unwrap();
        assert_eq!(conf.configuration(INSTANCE), Some(verified.configuration()));
        assert_eq!(conf.warnings(), []);
        assert_eq!(files(dir.path()).len(), 6);
    }
    // An optional part that is listed once and then no more.
    let mut with_part = contents(&key, |_| {});
    with_part.push((
        "NEXTUPDATE",
        "nextupdate-params.xml",
        globalconf::parts::write_next_update(false).unwrap(),
    ));
    let verified = assemble(&publish(&key, now(), &with_part), &key, Role::Main).unwrap();
    store::replace(dir.path(), &verified).unwrap();
    assert_eq!(files(dir.path()).len(), 8);
    let verified = generation(&key, 3, 0);
    store::replace(dir.path(), &verified).unwrap();
    assert_eq!(files(dir.path()).len(), 6);
    assert_eq!(GlobalConf::load(dir.path()).unwrap().configuration(INSTANCE), Some(verified.configuration()));
}

/// Loads, and says what of: nothing, or exactly this configuration. Anything else is a failure of the test.
fn loads(dir: &Path, expected: &Configuration, what: &str) -> bool {
    match GlobalConf::load(dir) {
        Ok(conf) => {
            assert_eq!(conf.configuration(INSTANCE), Some(expected), "{what}");
            true
        }
        Err(_) => false,
    }
}

#[test]
fn refuses_every_file_that_is_cut_or_changed_at_any_byte() {
    let (key, dir) = (Key::ec(), TempDir::new().unwrap());
    // Small, since every byte has its turn.
    let small = contents(&key, |shared| {
        shared.approved_cas.clear();
        shared.approved_tsas.clear();
        shared.sources[0].internal_certificates.clear();
        shared.groups.clear();
    });
    let verified = assemble(&publish(&key, now(), &small), &key, Role::Main).unwrap();
    store::replace(dir.path(), &verified).unwrap();
    let identifier = dir.path().join("instance-identifier");
    for (path, good) in files(dir.path()) {
        for position in 0..good.len() {
            std::fs::write(&path, &good[..position]).unwrap();
            let what = format!("{} cut at {position}", path.display());
            assert!(!loads(dir.path(), verified.configuration(), &what), "{what}");
            if path != identifier && position.checked_rem(7) == Some(0) {
                let mut changed = good.clone();
                changed[position] ^= 0x20;
                std::fs::write(&path, changed).unwrap();
                let what = format!("{} changed at {position}", path.display());
                // Only the case of a hexadecimal digit may change without changing what the file says.
                loads(dir.path(), verified.configuration(), &what);
            }
        }
        std::fs::write(&path, &good).unwrap();
        assert!(loads(dir.path(), verified.configuration(), "restored"));
    }
}

#[test]
fn names_what_is_wrong_with_a_store() {
    let (key, dir) = (Key::ec(), TempDir::new().unwrap());
    let load = || GlobalConf::load(dir.path()).map(|_| ());
    assert!(matches!(load(), Err(store::Refusal::MissingInstanceIdentifier)));
    let gone = dir.path().join("gone");
    assert!(matches!(GlobalConf::load(&gone), Err(store::Refusal::Unreadable { .. })));
    std::fs::write(dir.path().join("instance-identifier"), INSTANCE).unwrap();
    assert!(matches!(load(), Err(store::Refusal::MissingInstance { .. })));
    store::replace(dir.path(), &generation(&key, 1, 0)).unwrap();
    let path = |name: &str| dir.path().join(INSTANCE).join(name);
    let all = files(dir.path());
    let restore = || all.iter().for_each(|(path, bytes)| std::fs::write(path, bytes).unwrap());
    std::fs::write(path("shared-params.xml"), b"<x/>").unwrap();
    assert!(matches!(load(), Err(store::Refusal::ContentMismatch { .. })));
    restore();
    std::fs::remove_file(path("shared-params.xml.metadata")).unwrap();
    assert!(matches!(load(), Err(store::Refusal::UnreadableMetadata { .. })));
    restore();
    for name in ["private-params.xml", "private-params.xml.metadata"] {
        std::fs::remove_file(path(name)).unwrap();
    }
    assert!(
        matches!(load(), Err(store::Refusal::MixedGenerations { .. })),
        "a file of the generation is missing"
    );
    restore();
    let other = TempDir::new().unwrap();
    store::replace(other.path(), &generation(&key, 2, 0)).unwrap();
    for name in ["shared-params.xml", "shared-params.xml.metadata"] {
        std::fs::copy(other.path().join(INSTANCE).join(name), path(name)).unwrap();
    }
    assert!(matches!(load(), Err(store::Refusal::ContentMismatch { .. })), "files of two generations");
    restore();
    std::fs::write(path("shared-params.xml.metadata"), vec![b' '; 100_000]).unwrap();
    assert!(matches!(load(), Err(store::Refusal::TooLarge { .. })));
    restore();
    assert!(load().is_ok());
}

#[test]
fn loads_the_store_of_another_program_and_refuses_one_of_ours_that_was_changed() {
    let (key, dir) = (Key::ec(), TempDir::new().unwrap());
    let verified = generation(&key, 1, 0);
    store::replace(dir.path(), &verified).unwrap();
    let metadata = dir.path().join(INSTANCE).join("shared-params.xml.metadata");
    let ours = std::fs::read_to_string(&metadata).unwrap();
    std::fs::write(
        &metadata,
        ours.replace("\"configurationVersion\":\"6\"", "\"configurationVersion\":\"5\""),
    )
    .unwrap();
    assert!(matches!(GlobalConf::load(dir.path()), Err(store::Refusal::MixedGenerations { .. })));
    std::fs::write(&metadata, ours).unwrap();
    std::fs::remove_file(dir.path().join(format!(".chhatra-{INSTANCE}.digests"))).unwrap();
    assert!(loads(dir.path(), verified.configuration(), "a store without digests"));
    // There the XML has to do: cut in the middle of an element it is refused.
    let path = dir.path().join(INSTANCE).join("shared-params.xml");
    let good = std::fs::read(&path).unwrap();
    std::fs::write(&path, &good[..good.len().saturating_sub(5)]).unwrap();
    assert!(matches!(GlobalConf::load(dir.path()), Err(store::Refusal::Uninterpretable { .. })));
}

fn federated(key: &Key, instance: &str) -> VerifiedConfiguration {
    use globalconf::directory::{Draft, DraftFile, file_location};
    let bytes = shared(instance, std::slice::from_ref(&key.certificate)).write(6).unwrap();
    let location = file_location(6, now(), "shared-params.xml");
    let file = DraftFile::new("SHARED-PARAMETERS", &location, &bytes, trust::DigestAlgorithm::Sha512);
    let expires = now().checked_add(SignedDuration::from_secs(300)).unwrap();
    let draft = Draft::new(6, expires, instance, &[file], ("a", "b")).unwrap();
    let signature = key.sign(draft.to_be_signed());
    let document = draft.finish(&signature, key.algorithm, &key.certificate.der()).unwrap();
    let location =
        Location { url: "http://other/externalconf".to_owned(), certificates: vec![key.certificate.clone()] };
    let source = SourceOfConfiguration { instance: instance.to_owned(), role: Role::Federated };
    let checked = check_directory(&document, &location, &source, None, now()).unwrap();
    fetch(checked, &BTreeMap::from([("shared-params.xml".to_owned(), bytes)]), None).unwrap()
}

#[test]
fn federated_instances_come_end_and_go() {
    let (key, dir) = (Key::ec(), TempDir::new().unwrap());
    store::replace(dir.path(), &generation(&key, 1, 0)).unwrap();
    for instance in ["ee dev", "ÕÄ x"] {
        store::replace(dir.path(), &federated(&key, instance)).unwrap();
    }
    assert!(dir.path().join("ee+dev").is_dir());
    assert!(dir.path().join("%C3%95%C3%84+x").is_dir());
    let conf = GlobalConf::load(dir.path()).unwrap();
    assert_eq!(conf.main_instance(), INSTANCE, "a federated instance does not become the own one");
    let current = conf.check_current(now()).unwrap();
    assert_eq!(current.instances(), [INSTANCE, "ÕÄ x", "ee dev"]);
    let member = crate::practice::client("ee dev/GOV/MOI");
    assert!(current.client_exists(&member));
    let later = now().checked_add(SignedDuration::from_secs(301)).unwrap();
    let current = conf.check_current(later).unwrap();
    assert_eq!(current.instances(), [INSTANCE], "those that have ended are absent");
    assert!(!current.client_exists(&member));
    assert!(current.authorities("ee dev").is_none());
    assert!(conf.authorities_for_evidence("ee dev").is_some());
    // A damaged one is left out, and the rest stays.
    std::fs::write(dir.path().join("ee+dev/shared-params.xml"), b"").unwrap();
    let conf = GlobalConf::load(dir.path()).unwrap();
    assert!(conf.configuration("ee dev").is_none());
    assert!(conf.warnings().iter().any(|warning| matches!(warning, Warning::UnreadableInstance { .. })));
    store::retain(dir.path(), &[INSTANCE, "ÕÄ x"]).unwrap();
    assert!(!dir.path().join("ee+dev").exists());
    assert!(!dir.path().join(".chhatra-ee+dev.digests").exists());
    let conf = GlobalConf::load(dir.path()).unwrap();
    assert_eq!(conf.check_current(now()).unwrap().instances(), [INSTANCE, "ÕÄ x"]);
}
