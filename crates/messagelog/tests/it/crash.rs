//! Kills, cut files, spoilt files: what was acknowledged is there, or the log says that it is damaged.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use messagelog::{MessageLog, OpenFailure, Reader, RecordId, Search, Settings, StoreFault};

use crate::bench::{bench, noon, open, request, with_body};

/// A file in the working directory that makes the test binary play the process that is killed.
const CHILD: &str = "this-is-the-child";

/// Not a test by itself: run by the next one in a process of its own, it records until it is killed.
#[test]
fn child_that_records_until_it_is_killed() {
    if !Path::new(CHILD).exists() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let log = open(Path::new("log"));
        let tasks: Vec<_> = (0..4)
            .map(|worker| {
                let log = log.clone();
                tokio::spawn(async move {
                    for place in 0u64.. {
                        let query_id = format!("{worker}-{place}");
                        let body = query_id.repeat(usize::try_from(place % 400).unwrap() * 5);
                        let id = log.record(with_body(&query_id, body.as_bytes())).await.unwrap();
                        println!("acknowledged {id} {query_id}");
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

#[tokio::test]
async fn every_acknowledged_record_survives_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join(CHILD), b"").unwrap();
    let mut acknowledged: Vec<(u64, String)> = Vec::new();
    for lives in 1..=3usize {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::child_that_records_until_it_is_killed", "--nocapture"])
            .current_dir(directory.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut told = 0;
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        for line in lines.by_ref() {
            told += acknowledgement(&line).map_or(0, |told| {
                acknowledged.push(told);
                1
            });
            if told == 150 * lives {
                child.kill().unwrap();
                break;
            }
        }
        // What it still told while it was being killed; the last line may be cut.
        acknowledged.extend(lines.filter_map(|line| acknowledgement(&line)));
        child.wait().unwrap();
        let log = open(&directory.path().join("log"));
        let reader = Reader::open(&directory.path().join("log")).unwrap();
        for (id, query_id) in &acknowledged {
            let record = reader.record(RecordId(*id)).unwrap();
            assert_eq!(&record.entry.query_id, query_id);
            let place: usize = query_id.split('-').next_back().unwrap().parse().unwrap();
            let expected = query_id.repeat(place % 400 * 5);
            let mut body = Vec::new();
            if !expected.is_empty() {
                reader.body(RecordId(*id), 1, &mut body).unwrap();
            }
            assert_eq!(body, expected.as_bytes());
        }
        let figures = reader.statistics().unwrap();
        println!("life {lives}: {} acknowledged, {} found", acknowledged.len(), figures.records);
        assert!(figures.records >= u64::try_from(acknowledged.len()).unwrap());
        drop(reader);
        log.close().await.unwrap();
    }
}

/// A whole line `acknowledged 12 0-3`; the test runner may have printed something before it.
fn acknowledgement(line: &str) -> Option<(u64, String)> {
    let (_, told) = line.split_once("acknowledged ")?;
    let (id, query_id) = told.split_once(' ')?;
    Some((id.parse().ok()?, query_id.to_owned())).filter(|(_, query_id)| query_id.contains('-'))
}

#[tokio::test]
async fn wherever_the_write_ahead_log_is_cut_a_whole_beginning_of_the_records_is_found() {
    let bench = bench(Settings::default());
    for place in 0..8 {
        bench.log.record(with_body(&format!("q-{place}"), &[7; 300])).await.unwrap();
    }
    let files = ["messagelog.db", "messagelog.db-wal"]
        .map(|name| std::fs::read(bench.directory.path().join(name)).unwrap());
    let mut found_before = 0;
    let step = 4_111;
    for cut in (0..=files[1].len() / step).map(|place| place * step).chain([files[1].len()]) {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("messagelog.db"), &files[0]).unwrap();
        std::fs::write(directory.path().join("messagelog.db-wal"), &files[1][..cut]).unwrap();
        let log = open(directory.path());
        let found = log
            .read(|reader| {
                let entries = reader.find(&Search::default())?;
                for entry in &entries {
                    reader.record(entry.id)?;
                    reader.body(entry.id, 1, &mut Vec::new())?;
                }
                Ok(entries.len())
            })
            .await
            .unwrap();
        assert!(found >= found_before, "cut at {cut}");
        found_before = found;
        let next = log.record(request("next")).await.unwrap();
        assert_eq!(next.0, u64::try_from(found).unwrap() + 1);
        log.close().await.unwrap();
    }
    assert_eq!(found_before, 8);
}

fn damage_of(directory: &Path) -> Option<OpenFailure> {
    MessageLog::open(directory, Settings::default(), clock::Clock::fixed(noon())).err()
}

#[tokio::test]
async fn a_spoilt_file_is_refused_at_the_start() {
    let bench = bench(Settings::default());
    for place in 0..40 {
        bench.log.record(with_body(&format!("q-{place}"), &[7; 3000])).await.unwrap();
    }
    bench.log.close().await.unwrap();
    let path = bench.directory.path().join("messagelog.db");
    let whole = std::fs::read(&path).unwrap();
    for page in [1, 2, 3, whole.len() / 8192 - 1] {
        let mut spoilt = whole.clone();
        for byte in &mut spoilt[page * 8192..page * 8192 + 200] {
            *byte ^= 0x5a;
        }
        std::fs::write(&path, &spoilt).unwrap();
        let damage = damage_of(bench.directory.path());
        let told =
            matches!(damage, Some(OpenFailure::Damaged(_) | OpenFailure::Storage(StoreFault::Damaged(_))));
        assert!(told, "page {page}: {damage:?}");
    }
    std::fs::write(&path, b"this is no database, and it is long enough to be read as one.").unwrap();
    assert!(matches!(damage_of(bench.directory.path()), Some(OpenFailure::Storage(StoreFault::Damaged(_)))));
}

#[tokio::test]
async fn a_changed_signature_is_noticed_although_the_file_is_whole() {
    let bench = bench(Settings::default());
    bench.log.record(request("q")).await.unwrap();
    bench.log.close().await.unwrap();
    let path = bench.directory.path().join("messagelog.db");
    let spoilt = Command::new("python3")
        .arg("-c")
        .arg("import sqlite3,sys; c=sqlite3.connect(sys.argv[1]); c.execute('UPDATE record SET signature_digest = zeroblob(64)'); c.commit()")
        .arg(&path)
        .status();
    if !spoilt.is_ok_and(|status| status.success()) {
        println!("no python3 here: a changed column is not tried");
        return;
    }
    assert!(matches!(damage_of(bench.directory.path()), Some(OpenFailure::Damaged(_))));
}

#[tokio::test]
async fn a_database_of_something_else_or_of_a_newer_release_is_left_alone() {
    let bench = bench(Settings::default());
    bench.log.close().await.unwrap();
    let path = bench.directory.path().join("messagelog.db");
    let whole = std::fs::read(&path).unwrap();
    for (offset, expected) in
        [(60, OpenFailure::Schema { found: 9, known: 3 }), (68, OpenFailure::Foreign(9))]
    {
        let mut changed = whole.clone();
        changed[offset..offset + 4].copy_from_slice(&9u32.to_be_bytes());
        std::fs::write(&path, &changed).unwrap();
        assert_eq!(damage_of(bench.directory.path()), Some(expected.clone()));
        assert_eq!(std::fs::read(&path).unwrap(), changed);
        assert_eq!(Reader::open(bench.directory.path()).err(), Some(expected));
    }
}

#[test]
fn a_directory_that_cannot_be_made_is_a_sentence() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    std::fs::write(&path, b"").unwrap();
    let failure = damage_of(&path.join("log")).unwrap();
    assert!(matches!(failure, OpenFailure::Directory { .. }));
    assert!(failure.to_string().contains("cannot be used"));
    assert!(matches!(Reader::open(directory.path()), Err(OpenFailure::Storage(_))));
}
