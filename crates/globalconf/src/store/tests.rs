//! Crash tests: stop after each step and inside each write, then load, then write on.

use super::plan::{self, Step};
use super::read::load;
use crate::configuration::{Configuration, StoredFile, Warning};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::path::Path;
use tempfile::TempDir;

const NAMESPACE: &str = "xmlns:c=\"http://x-road.eu/xsd/xroad.xsd\"";

/// A small configuration of version 2; `generation` makes it different, `parts` are names of further files.
fn configuration(instance: &str, generation: u8, parts: &[&str]) -> Configuration {
    let shared = format!(
        "<c:conf {NAMESPACE}><instanceIdentifier>{instance}</instanceIdentifier><globalSettings><ocspFreshnessSeconds>{generation}</ocspFreshnessSeconds></globalSettings></c:conf>"
    );
    let file = |bytes: String| StoredFile {
        identifier: Some("X".to_owned()),
        instance: Some(instance.to_owned()),
        expires: Some(
            Timestamp::from_second(1_800_000_000_i64.saturating_add(i64::from(generation))).unwrap(),
        ),
        location: Some(format!("/V2/{generation}/x.xml")),
        version: 2,
        bytes: bytes.into_bytes().into(),
    };
    let mut files = BTreeMap::from([("shared-params.xml".to_owned(), file(shared))]);
    for part in parts {
        files.insert((*part).to_owned(), file(format!("part {part}")));
    }
    Configuration::interpret(instance, files).unwrap()
}

/// Does the steps without waiting for the disk: a test asks for their order, not for their speed.
fn run(steps: &[Step]) {
    for step in steps {
        match step {
            Step::WriteTemporary(path, bytes) => std::fs::write(path, bytes).unwrap(),
            Step::FlushFolder(_) => {}
            Step::MakeFolder(_) | Step::Rename(..) | Step::RemoveFile(_) | Step::RemoveFolder(_) => {
                step.run().unwrap();
            }
        }
    }
}

/// Comes to every point at which a crash can be: after each step, and after each byte of each write.
/// `prepare` fills a fresh folder and gives the steps of the write; `look` gets the folder, how many steps
/// are done, and how many bytes of the next one.
fn crash_everywhere(prepare: impl Fn(&Path) -> Vec<Step>, mut look: impl FnMut(&Path, usize, Option<usize>)) {
    let mut done = 0_usize;
    loop {
        let dir = TempDir::new().unwrap();
        let steps = prepare(dir.path());
        run(&steps[..done]);
        look(dir.path(), done, None);
        match steps.get(done) {
            None => return,
            Some(Step::WriteTemporary(path, content)) => {
                for bytes in 0..=content.len() {
                    std::fs::write(path, &content[..bytes]).unwrap();
                    look(dir.path(), done, Some(bytes));
                }
            }
            Some(_) => {}
        }
        done = done.saturating_add(1);
    }
}

fn clean(dir: &Path) -> bool {
    let left = |name: &String| name.starts_with('.') && name != ".chhatra-I.digests";
    let hidden = |folder: &Path| plan::names_in(folder).iter().any(left);
    !hidden(dir) && !hidden(&dir.join("I"))
}

#[test]
fn a_crash_at_any_byte_leaves_the_old_generation_or_the_new_one() {
    let old = configuration("I", 1, &["kept.xml", "gone.xml"]);
    let new = configuration("I", 2, &["kept.xml", "added.xml"]);
    let prepare = |dir: &Path| {
        run(&plan::replace(dir, &old, true));
        plan::replace(dir, &new, true)
    };
    let mut seen_new = false;
    crash_everywhere(prepare, |dir, done, bytes| {
        let loaded = load(dir).unwrap_or_else(|refusal| panic!("after {done} steps, {bytes:?}: {refusal}"));
        if loaded.main == new {
            seen_new = true;
        } else {
            assert_eq!(loaded.main, old, "after {done} steps, {bytes:?}");
            assert!(!seen_new, "the old generation came back after {done} steps");
        }
    });
    assert!(seen_new);
}

#[test]
fn after_a_crash_at_any_step_the_next_write_finds_its_way() {
    let old = configuration("I", 1, &["kept.xml", "gone.xml"]);
    let new = configuration("I", 2, &["kept.xml", "added.xml"]);
    let prepare = |dir: &Path| {
        run(&plan::replace(dir, &old, true));
        plan::replace(dir, &new, true)
    };
    let mut last = None;
    crash_everywhere(prepare, |dir, done, bytes| {
        // Once per step: half of its write, or nothing of it.
        if last == Some(done) || bytes == Some(0) {
            return;
        }
        last = bytes.map(|_| done);
        run(&plan::replace(dir, &new, true));
        let loaded = load(dir).unwrap();
        assert_eq!((loaded.main, loaded.warnings), (new.clone(), vec![]));
        assert!(clean(dir), "after {done} steps: {:?}", plan::names_in(dir));
    });
}

#[test]
fn a_crash_in_the_first_write_leaves_nothing_or_the_whole() {
    let new = configuration("I", 1, &["part.xml"]);
    crash_everywhere(
        |dir| plan::replace(dir, &new, true),
        |dir, _, _| match load(dir) {
            Ok(loaded) => assert_eq!(loaded.main, new),
            Err(refusal) => {
                assert!(matches!(refusal, super::Refusal::MissingInstanceIdentifier), "{refusal}")
            }
        },
    );
}

#[test]
fn crash_upon_crash_leaves_one_of_the_generations() {
    let generations = [
        configuration("I", 1, &["a.xml"]),
        configuration("I", 2, &["b.xml"]),
        configuration("I", 3, &["a.xml", "b.xml"]),
    ];
    let mut first = 0_usize;
    loop {
        let mut second = 0_usize;
        loop {
            let dir = TempDir::new().unwrap();
            run(&plan::replace(dir.path(), &generations[0], true));
            let steps = plan::replace(dir.path(), &generations[1], true);
            if first > steps.len() {
                return;
            }
            run(&steps[..first]);
            let before = load(dir.path()).unwrap().main;
            let steps = plan::replace(dir.path(), &generations[2], true);
            if second > steps.len() {
                break;
            }
            run(&steps[..second]);
            let found = load(dir.path()).unwrap().main;
            assert!(found == before || found == generations[2], "{first}, {second}");
            second = second.saturating_add(1);
        }
        first = first.saturating_add(1);
    }
}

/// After the journal has its name, and before anything else has happened.
fn interrupted(dir: &Path, old: &Configuration, new: &Configuration) {
    run(&plan::replace(dir, old, true));
    let steps = plan::replace(dir, new, true);
    let renamed = steps.iter().position(|step| matches!(step, Step::Rename(..))).unwrap();
    run(&steps[..=renamed]);
}

#[test]
fn an_interrupted_write_is_completed_from_its_journal_and_said_so() {
    let dir = TempDir::new().unwrap();
    let (old, new) = (configuration("I", 1, &["a.xml"]), configuration("I", 2, &["a.xml"]));
    interrupted(dir.path(), &old, &new);
    let loaded = load(dir.path()).unwrap();
    assert_eq!(loaded.main, new);
    assert_eq!(loaded.warnings, [Warning::CompletedFromJournal { instance: "I".to_owned() }]);
}

#[test]
fn a_journal_that_is_cut_or_changed_at_any_byte_counts_for_nothing() {
    let dir = TempDir::new().unwrap();
    let (old, new) = (configuration("I", 1, &["a.xml"]), configuration("I", 2, &["a.xml"]));
    interrupted(dir.path(), &old, &new);
    let path = dir.path().join(".chhatra-I.journal");
    let good = std::fs::read(&path).unwrap();
    let damaged = [Warning::DamagedJournal { instance: "I".to_owned() }];
    for position in 0..good.len() {
        let mut changed = good.clone();
        changed[position] ^= 1;
        for bytes in [&good[..position], &changed] {
            std::fs::write(&path, bytes).unwrap();
            let loaded = load(dir.path()).unwrap();
            assert_eq!((&loaded.main, &loaded.warnings[..]), (&old, &damaged[..]), "byte {position}");
        }
    }
}

#[test]
fn without_a_whole_journal_files_of_two_generations_are_refused() {
    let (old, new) = (configuration("I", 1, &["a.xml"]), configuration("I", 2, &["a.xml"]));
    let mut mixed = 0_usize;
    let dir = TempDir::new().unwrap();
    run(&plan::replace(dir.path(), &old, true));
    let count = plan::replace(dir.path(), &new, true).len();
    for done in 0..=count {
        for damage in [&b""[..], b"chhatra-journal 1 "] {
            let dir = TempDir::new().unwrap();
            run(&plan::replace(dir.path(), &old, true));
            run(&plan::replace(dir.path(), &new, true)[..done]);
            let journal = dir.path().join(".chhatra-I.journal");
            if journal.exists() {
                std::fs::write(&journal, damage).unwrap();
            }
            match load(dir.path()) {
                Ok(loaded) => assert!(loaded.main == old || loaded.main == new, "after {done} steps"),
                Err(refusal) => {
                    let known = matches!(
                        refusal,
                        super::Refusal::MixedGenerations { .. } | super::Refusal::ContentMismatch { .. }
                    );
                    assert!(known, "after {done} steps: {refusal}");
                    mixed = mixed.saturating_add(1);
                }
            }
        }
    }
    assert!(mixed > 0);
}

#[test]
fn every_rename_follows_a_flushed_write_and_is_made_to_last() {
    let dir = TempDir::new().unwrap();
    let steps = plan::replace(dir.path(), &configuration("I", 1, &["a.xml"]), true);
    for (position, step) in steps.iter().enumerate() {
        if let Step::Rename(from, to) = step {
            let before = position.checked_sub(1).and_then(|before| steps.get(before));
            assert!(matches!(before, Some(Step::WriteTemporary(path, _)) if path == from));
            let after = steps.get(position.saturating_add(1));
            assert!(
                matches!(after, Some(Step::FlushFolder(folder)) if Some(folder.as_path()) == to.parent())
            );
        }
    }
    let position = |end: &str| {
        steps
            .iter()
            .position(|step| matches!(step, Step::Rename(_, to) if to.to_str().unwrap().ends_with(end)))
            .unwrap()
    };
    assert!(position(".journal") < position("shared-params.xml"));
    assert!(position("shared-params.xml") < position("shared-params.xml.metadata"), "XML before metadata");
    assert!(position("shared-params.xml.metadata") < position("instance-identifier"));
    assert!(matches!(steps[steps.len().saturating_sub(2)], Step::RemoveFile(_)), "the journal goes last");
}

#[test]
fn a_removed_federation_does_not_come_back_from_its_journal() {
    let dir = TempDir::new().unwrap();
    run(&plan::replace(dir.path(), &configuration("I", 1, &[]), true));
    let other = configuration("J", 1, &[]);
    let steps = plan::replace(dir.path(), &other, false);
    let renamed = steps.iter().position(|step| matches!(step, Step::Rename(..))).unwrap();
    run(&steps[..=renamed]);
    assert_eq!(load(dir.path()).unwrap().federated, [other]);
    super::retain(dir.path(), &["I"]).unwrap();
    assert_eq!(load(dir.path()).unwrap().federated, []);
    assert_eq!(plan::names_in(dir.path()), [".chhatra-I.digests", "I", "instance-identifier"]);
}

/// A store as another program keeps it: whole, and without digests.
fn of_another_program(dir: &Path, configuration: &Configuration) {
    run(&plan::replace(dir, configuration, true));
    std::fs::remove_file(dir.join(".chhatra-I.digests")).unwrap();
    assert_eq!(load(dir).unwrap().main, *configuration);
}

#[test]
fn a_damaged_journal_in_a_store_without_digests_is_refused() {
    let dir = TempDir::new().unwrap();
    of_another_program(dir.path(), &configuration("I", 1, &["a.xml"]));
    std::fs::write(dir.path().join(".chhatra-I.journal"), "chhatra-journal 1 cut").unwrap();
    let refused = load(dir.path()).unwrap_err();
    assert!(matches!(refused, super::Refusal::DamagedJournal { .. }), "{refused}");
}

#[test]
fn a_reader_that_meets_our_first_write_in_a_store_without_digests_gets_one_generation() {
    let dir = TempDir::new().unwrap();
    let (old, new) = (configuration("I", 1, &["a.xml"]), configuration("I", 2, &["a.xml", "b.xml"]));
    of_another_program(dir.path(), &old);
    let steps = plan::replace(dir.path(), &new, true);
    // The reader waits in the middle of its reading until somebody writes into the pipe.
    let slow = dir.path().join("I/a.xml");
    let content = std::fs::read(&slow).unwrap();
    std::fs::remove_file(&slow).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&slow).status().unwrap().success());
    let at = dir.path().to_owned();
    let reader = std::thread::spawn(move || load(&at));
    let mut pipe = std::fs::OpenOptions::new().write(true).open(&slow).unwrap();
    // It has seen no journal, and has not come to the shared parameters. Now the writer is in the middle.
    let other = TempDir::new().unwrap();
    run(&plan::replace(other.path(), &new, true));
    for name in ["shared-params.xml", "shared-params.xml.metadata"] {
        std::fs::copy(other.path().join("I").join(name), dir.path().join("I").join(name)).unwrap();
    }
    let journal = steps.iter().find_map(|step| {
        if let Step::WriteTemporary(path, bytes) = step
            && path.to_string_lossy().contains("journal")
        {
            return Some(bytes.clone());
        }
        None
    });
    std::fs::remove_file(&slow).unwrap();
    std::fs::write(&slow, &content).unwrap();
    std::fs::write(dir.path().join(".chhatra-I.journal"), journal.unwrap()).unwrap();
    std::io::Write::write_all(&mut pipe, &content).unwrap();
    drop(pipe);
    assert_eq!(reader.join().unwrap().unwrap().main, new);
}
