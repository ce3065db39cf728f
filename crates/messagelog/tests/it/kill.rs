//! Kills: what was acknowledged is there.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use messagelog::RecordId;

use crate::bench::{open, place, reader, with_body};

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
    // The child finds the place that was made here.
    place(&directory.path().join("log"));
    let mut acknowledged: Vec<(u64, String)> = Vec::new();
    for lives in 1..=3usize {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill::child_that_records_until_it_is_killed", "--nocapture"])
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
        let reader = reader(&directory.path().join("log"));
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
