//! Cut files, spoilt files: what was acknowledged is there, or the log says that it is damaged.

use std::path::Path;
use std::process::Command;

use messagelog::{MessageLog, OpenFailure, Reader, Search, Settings, StoreFault};

use crate::bench::{bench, noon, open, request, with_body};

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
async fn wherever_the_database_is_cut_it_is_refused_or_nothing_is_missing() {
    let bench = bench(Settings::default());
    for place in 0..8 {
        bench.log.record(with_body(&format!("q-{place}"), &[7; 300])).await.unwrap();
    }
    bench.log.close().await.unwrap();
    let path = bench.directory.path().join("messagelog.db");
    let whole = std::fs::read(&path).unwrap();
    let around = |page: usize| [page.saturating_sub(1), page, page + 1];
    let pages = (0..whole.len()).step_by(8192).flat_map(around);
    let mut refused = 0;
    for length in (0..whole.len()).step_by(1_021).chain(pages).filter(|length| *length < whole.len()) {
        std::fs::write(&path, &whole[..length]).unwrap();
        if damage_of(bench.directory.path()).is_some() {
            assert_eq!(std::fs::metadata(&path).unwrap().len(), u64::try_from(length).unwrap());
            refused += 1;
            continue;
        }
        // What was cut off was not in use.
        let found = open(bench.directory.path()).read(all_bodies).await.unwrap();
        assert!(found == vec![vec![7; 300]; 8], "cut to {length} of {} bytes", whole.len());
    }
    assert!(refused > 150, "{refused}");
    std::fs::write(&path, &whole).unwrap();
    assert_eq!(open(bench.directory.path()).record(request("next")).await.unwrap().0, 9);
}

fn all_bodies(reader: &Reader) -> Result<Vec<Vec<u8>>, messagelog::ReadFailure> {
    let mut bodies = Vec::new();
    for entry in reader.find(&Search::default())? {
        reader.record(entry.id)?;
        let mut body = Vec::new();
        reader.body(entry.id, 1, &mut body)?;
        bodies.push(body);
    }
    Ok(bodies)
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

#[tokio::test]
async fn a_log_whose_database_is_gone_is_not_begun_anew_without_a_word() {
    let bench = bench(Settings::default());
    bench.log.record(request("q")).await.unwrap();
    bench.log.close().await.unwrap();
    let directory = bench.directory.path();
    let path = directory.join("messagelog.db");
    let refused = || {
        let opened = MessageLog::open(directory, Settings::default(), clock::Clock::fixed(noon()));
        assert_eq!(opened.err(), Some(OpenFailure::Gone { path: path.clone() }));
    };
    let kept = std::fs::read(&path).unwrap();
    std::fs::write(&path, b"").unwrap();
    refused();
    std::fs::remove_file(&path).unwrap();
    refused();
    assert!(!path.exists(), "nothing was put in its place");
    std::fs::write(&path, kept).unwrap();
    MessageLog::open(directory, Settings::default(), clock::Clock::fixed(noon()))
        .unwrap()
        .close()
        .await
        .unwrap();
}

#[tokio::test]
async fn a_closed_log_is_one_file_that_can_be_copied() {
    let bench = bench(Settings::default());
    bench.log.record(request("q")).await.unwrap();
    assert!(bench.directory.path().join("messagelog.db-wal").exists());
    bench.log.close().await.unwrap();
    assert!(!bench.directory.path().join("messagelog.db-wal").exists());
}
