//! The shared vectors beside the project, read where they are; without them a target starts from what it makes itself.

use globalconf::{Anchor, GlobalConf};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use trust::{Authorities, Certificate};

/// What is longer teaches the fuzzer nothing and slows it down.
const SEED_BYTES_MAX: u64 = 64 * 1024;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/vectors")
}

/// What the vectors prove; something they must: an assertion that no input reaches is none.
pub(crate) fn something<T: Ord>(known: BTreeSet<T>) -> BTreeSet<T> {
    assert!(!known.is_empty() || !folder().is_dir(), "none of the vectors verifies");
    known
}

/// A file of the project itself.
pub(crate) fn project(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

/// Every file below `place` (a folder or a file of the vectors) whose name ends with one of `endings`, in the order of their names.
pub(crate) fn files(place: &str, endings: &[&str]) -> Vec<Vec<u8>> {
    let mut paths = Vec::new();
    collect(&folder().join(place), &mut paths);
    paths.retain(|path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        endings.iter().any(|ending| name.ends_with(ending))
            && path.metadata().is_ok_and(|about| about.len() <= SEED_BYTES_MAX)
    });
    paths.sort();
    paths.into_iter().filter_map(|path| std::fs::read(path).ok()).collect()
}

fn collect(place: &Path, paths: &mut Vec<PathBuf>) {
    if place.is_file() {
        paths.push(place.to_owned());
    }
    for entry in std::fs::read_dir(place).into_iter().flatten().flatten() {
        collect(&entry.path(), paths);
    }
}

/// Every text in the manifest of a family.
pub(crate) fn texts(family: &str) -> Vec<String> {
    let manifest = std::fs::read(folder().join(family).join("manifest.json")).unwrap_or_default();
    let mut found = Vec::new();
    gather(&serde_json::from_slice(&manifest).unwrap_or_default(), &mut found);
    found
}

fn gather(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| gather(item, found)),
        Value::Object(fields) => fields.values().for_each(|item| gather(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The configurations of the recorded instances and of X-Road's own fixtures.
pub(crate) fn configurations() -> &'static [GlobalConf] {
    static HELD: OnceLock<Vec<GlobalConf>> = OnceLock::new();
    HELD.get_or_init(|| {
        ["recorded/globalconf/ss1-globalconf", "shared/globalconf/globalconf_good_v4"]
            .into_iter()
            .filter_map(|place| GlobalConf::load(&folder().join(place)).ok())
            .collect()
    })
}

/// Whom an instance of the vectors approves.
pub(crate) fn authorities(instance: &str) -> Option<&'static Authorities> {
    configurations().iter().find_map(|held| held.authorities_for_evidence(instance))
}

/// Those of the main instances.
pub(crate) fn main_authorities() -> impl Iterator<Item = &'static Authorities> {
    configurations().iter().filter_map(|held| held.authorities_for_evidence(held.main_instance()))
}

/// Every time-stamping authority that they name.
pub(crate) fn time_stampers() -> Vec<Certificate> {
    main_authorities().flat_map(|held| held.time_stampers.iter().cloned()).collect()
}

/// Every anchor that can be read.
pub(crate) fn anchors() -> Vec<Anchor> {
    let files = [files("globalconf/anchors", &[".xml"]), files("recorded/globalconf/anchors", &[".xml"])];
    files.concat().iter().filter_map(|file| Anchor::read(file).ok()).collect()
}

/// Every certificate that lies there as a file.
pub(crate) fn certificates() -> Vec<Certificate> {
    let places = ["shared/certs", "identifiers/certs", "recorded/keys", "recorded/keys-ec"];
    let files = places.map(|place| files(place, &[".pem", ".der", ".crt", ".cer"]));
    files.concat().iter().filter_map(|file| Certificate::from_der_or_pem(file).ok()).collect()
}
