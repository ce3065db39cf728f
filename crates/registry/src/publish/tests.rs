//! Every act on the disk fails once, and every act is cut once: what is published is whole each time.

use super::*;
use crate::signing_key::Source;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{Error, ErrorKind};
use tempfile::TempDir;

const VERSIONS: [u8; 2] = [6, 5];
const FILES: [&str; 2] = ["shared-params.xml", "private-params.xml"];

/// The disk of this machine, without waiting for it: what is tried here a thousand times does not outlive the test.
struct Quick;

impl Disk for Quick {
    fn make_folder(&self, path: &Path) -> Result<(), PublishFault> {
        LocalDisk.make_folder(path)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), PublishFault> {
        std::fs::write(path, bytes).map_err(PublishFault::at("writing", path))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), PublishFault> {
        LocalDisk.rename(from, to)
    }

    fn sync_folder(&self, path: &Path) -> Result<(), PublishFault> {
        assert!(path.is_dir(), "{}", path.display());
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> Result<(), PublishFault> {
        LocalDisk.remove_file(path)
    }

    fn remove_folder(&self, path: &Path) -> Result<(), PublishFault> {
        LocalDisk.remove_folder(path)
    }

    fn list(&self, path: &Path) -> Result<Vec<String>, PublishFault> {
        LocalDisk.list(path)
    }

    fn read(&self, path: &Path) -> Result<Option<Vec<u8>>, PublishFault> {
        LocalDisk.read(path)
    }
}

/// What happens at the chosen act.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mishap {
    /// The act fails; later ones succeed.
    Fails,
    /// The power goes before the act; nothing happens any more.
    CutBefore,
    /// The power goes in the middle of the act.
    CutWithin,
    /// The power goes after it.
    CutAfter,
}

struct Troubled {
    at: usize,
    mishap: Mishap,
    acts: Cell<usize>,
}

impl Troubled {
    fn new(at: usize, mishap: Mishap) -> Self {
        Self { at, mishap, acts: Cell::new(0) }
    }

    fn act(
        &self,
        path: &Path,
        whole: impl FnOnce() -> Result<(), PublishFault>,
        half: impl FnOnce(),
    ) -> Result<(), PublishFault> {
        let number = self.acts.get();
        self.acts.set(number.saturating_add(1));
        let broken = || PublishFault::at("trying", path)(Error::from(ErrorKind::StorageFull));
        if number < self.at || (number > self.at && self.mishap == Mishap::Fails) {
            return whole();
        }
        if number == self.at {
            match self.mishap {
                Mishap::Fails | Mishap::CutBefore => {}
                Mishap::CutWithin => half(),
                Mishap::CutAfter => whole()?,
            }
        }
        Err(broken())
    }
}

impl Disk for Troubled {
    fn make_folder(&self, path: &Path) -> Result<(), PublishFault> {
        self.act(path, || Quick.make_folder(path), || {})
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), PublishFault> {
        let half = bytes.get(..bytes.len() / 2).unwrap_or_default();
        self.act(path, || Quick.write(path, bytes), || drop(Quick.write(path, half)))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), PublishFault> {
        self.act(to, || Quick.rename(from, to), || {})
    }

    fn sync_folder(&self, path: &Path) -> Result<(), PublishFault> {
        self.act(path, || Quick.sync_folder(path), || {})
    }

    fn remove_file(&self, path: &Path) -> Result<(), PublishFault> {
        self.act(path, || Quick.remove_file(path), || {})
    }

    fn remove_folder(&self, path: &Path) -> Result<(), PublishFault> {
        let half = || drop(Quick.remove_file(&path.join(FILES.first().unwrap())));
        self.act(path, || Quick.remove_folder(path), half)
    }

    fn list(&self, path: &Path) -> Result<Vec<String>, PublishFault> {
        self.act(path, || Ok(()), || {})?;
        Quick.list(path)
    }

    fn read(&self, path: &Path) -> Result<Option<Vec<u8>>, PublishFault> {
        self.act(path, || Ok(()), || {})?;
        Quick.read(path)
    }
}

fn at(minute: i64) -> Timestamp {
    "2026-01-02T03:04:05Z"
        .parse::<Timestamp>()
        .unwrap()
        .checked_add(SignedDuration::from_mins(minute))
        .unwrap()
}

fn content(stamp: &str, version: u8, name: &str) -> Vec<u8> {
    format!("{name} of version {version}, generation {stamp}").into_bytes()
}

/// A generation whose "directories" say which folder they name.
fn generation(minute: i64) -> Generation {
    let made = at(minute);
    let stamp = crate::generate::stamp(made);
    let versions = VERSIONS.map(|version| {
        let files = FILES.map(|name| (name, content(&stamp, version, name))).to_vec();
        let directories =
            Source::ALL.map(|source| (source, format!("{source} {stamp}").into_bytes())).to_vec();
        (version, Contents { files, directories })
    });
    Generation { made, stamp, versions: BTreeMap::from(versions) }
}

fn keep_from(minute: i64) -> Timestamp {
    at(minute).checked_sub(SignedDuration::from_mins(10)).unwrap()
}

/// The stamp that each directory names, after checking that the files of that generation are whole.
fn published(public: &Path) -> Vec<String> {
    let mut stamps = Vec::new();
    for version in VERSIONS {
        for source in Source::ALL {
            let folder = folder(public, version);
            let Ok(text) = std::fs::read_to_string(folder.join(source.directory())) else {
                continue;
            };
            let stamp = text.strip_prefix(&format!("{source} ")).expect("a whole directory").to_owned();
            for name in FILES {
                let file =
                    std::fs::read(folder.join(&stamp).join(name)).expect("a file that a directory names");
                assert_eq!(file, content(&stamp, version, name));
            }
            stamps.push(stamp);
        }
    }
    stamps
}

fn remains(public: &Path) -> Vec<String> {
    let names = VERSIONS.iter().flat_map(|version| Quick.list(&folder(public, *version)).unwrap());
    names.filter(|name| name.starts_with('.') || name.ends_with(".tmp")).collect()
}

/// Publishes generations at minutes 0 and 12 (so that old ones are removed), the second with trouble at each act in turn.
fn at_every_act(mishap: Mishap, check: impl Fn(&Path, Result<Published, PublishFault>)) -> usize {
    for act in 0.. {
        let dir = TempDir::new().unwrap();
        publish(&Quick, dir.path(), &generation(0), keep_from(0)).unwrap();
        publish(&Quick, dir.path(), &generation(11), keep_from(11)).unwrap();
        let disk = Troubled::new(act, mishap);
        let outcome = publish(&disk, dir.path(), &generation(22), keep_from(22));
        let done = disk.acts.get() <= act;
        check(dir.path(), outcome);
        if done {
            return act;
        }
    }
    0
}

#[test]
fn publishes_for_every_version_and_removes_what_is_old() {
    let dir = TempDir::new().unwrap();
    assert_eq!(newest(&Quick, dir.path(), &VERSIONS).unwrap(), None);
    for minute in [0, 1, 10, 11] {
        let published = publish(&LocalDisk, dir.path(), &generation(minute), keep_from(minute)).unwrap();
        assert!(published.leftovers.is_empty());
    }
    assert_eq!(published(dir.path()), vec![generation(11).stamp; 4]);
    assert!(
        folder(dir.path(), 6).join(generation(1).stamp).is_dir(),
        "ten minutes old: a client may still fetch it"
    );
    assert!(!folder(dir.path(), 6).join(generation(0).stamp).exists(), "eleven minutes old");
    assert_eq!(newest(&Quick, dir.path(), &VERSIONS).unwrap(), Some(at(11)));
}

#[test]
fn a_fault_at_any_act_leaves_the_generation_before_for_every_version() {
    let acts = at_every_act(Mishap::Fails, |public, outcome| {
        let expected = match outcome {
            Ok(_) => generation(22).stamp,
            Err(_) => generation(11).stamp,
        };
        assert_eq!(published(public), vec![expected; 4]);
        publish(&Quick, public, &generation(23), keep_from(23)).unwrap();
        assert_eq!(published(public), vec![generation(23).stamp; 4]);
        assert_eq!(remains(public), Vec::<String>::new());
    });
    assert!(acts > 30, "{acts} acts were tried");
}

#[test]
fn a_cut_at_any_act_leaves_whole_generations_and_the_next_run_goes_on() {
    for mishap in [Mishap::CutBefore, Mishap::CutWithin, Mishap::CutAfter] {
        let acts = at_every_act(mishap, |public, _| {
            let known = [generation(11).stamp, generation(22).stamp];
            let stamps = published(public);
            assert_eq!(stamps.len(), 4);
            assert!(stamps.iter().all(|stamp| known.contains(stamp)), "{stamps:?}");
            assert!(newest(&Quick, public, &VERSIONS).unwrap() >= Some(at(11)));
            publish(&Quick, public, &generation(23), keep_from(23)).unwrap();
            assert_eq!(published(public), vec![generation(23).stamp; 4]);
            assert_eq!(remains(public), Vec::<String>::new());
        });
        assert!(acts > 30, "{acts} acts were tried");
    }
}

#[test]
fn a_fault_in_the_first_generation_publishes_nothing() {
    for act in 0..40 {
        let dir = TempDir::new().unwrap();
        let disk = Troubled::new(act, Mishap::Fails);
        let outcome = publish(&disk, dir.path(), &generation(0), keep_from(0));
        let expected = if outcome.is_ok() { vec![generation(0).stamp; 4] } else { Vec::new() };
        assert_eq!(published(dir.path()), expected, "at act {act}");
    }
}

#[test]
fn reads_stamps_and_nothing_else_as_times() {
    assert_eq!(time_of("20260102030405000000001"), at(0).checked_add(SignedDuration::from_nanos(1)).ok());
    for text in [
        "",
        "2026010203040500000000",
        "2026010203040500000000a",
        "20261302030405000000000",
        "99999999999999999999999",
    ] {
        assert_eq!(time_of(text), None, "{text}");
    }
}
