//! Archives from outside: others' tools read them, their containers verify, and a kill in the middle loses nothing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use jiff::{SignedDuration, Timestamp};
use messagelog::{Archiving, Archivist, MessageLog, Search, Settings, Stamper};
use signature::archive::{Before, verify};
use signature::container::AsicContainer;
use signature::evidence;

use crate::bench::{bench, noon, open, reader, request};
use crate::practice::Practice;

/// Recomputes the chain from the specification alone; prints the last digest.
const JUDGE: &str = r#"
import hashlib, re, sys, zipfile
sha = lambda text: hashlib.sha512(text).hexdigest()
last_digest, last_name = "-", "-"
for path in sys.argv[1:]:
    archive = zipfile.ZipFile(path)
    names = archive.namelist()
    assert archive.testzip() is None and names[-1] == "linkinginfo", names
    text = archive.read("linkinginfo").decode()
    assert text.endswith("\n")
    head, *lines = text[:-1].split("\n")
    assert head == f"{last_digest} {last_name} SHA-512", head
    assert len(lines) == len(names) - 1 > 0
    digest = "" if last_digest == "-" else last_digest
    for name, line in zip(names, lines):
        digest = sha((digest + sha(archive.read(name))).encode())
        assert line == f"{digest} {name}", (line, digest, name)
        assert re.fullmatch(r"[A-Za-z0-9.*_%+-]+-(request|response)-[0-9a-v]+\.asice", name), name
    last_digest, last_name = digest, path.rsplit("/", 1)[-1]
    assert re.fullmatch(r"mlog-([^/]+-)?\d{14}-\d{14}-" + digest[:16] + r"\.zip", last_name), last_name
print(last_digest)
"#;

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{program}: {told}{}", String::from_utf8_lossy(&output.stderr));
    told
}

pub(crate) async fn stamp_all(log: &MessageLog, practice: &Practice, now: Timestamp) {
    let mut stamper = Stamper::new(log.clone(), now);
    let due = now + SignedDuration::from_secs(1);
    let round = stamper.next_round(due).await.unwrap().unwrap();
    let token = practice.stamp(&round);
    stamper.stamped(round, &token, due).await.unwrap();
}

#[tokio::test]
async fn python_and_unzip_read_our_archives_and_every_container_in_them_verifies() {
    let (practice, bench) = (Practice::new(), bench(Settings::default()));
    let folder = bench.directory.path().join("archive");
    let settings = Archiving { file_bytes_max: 20_000, ..Archiving::new(folder) };
    let archivist = Archivist::new(bench.log.clone(), settings);
    let mut archives: Vec<PathBuf> = Vec::new();
    for day in 0..2 {
        let now = noon() + SignedDuration::from_hours(24 * day);
        bench.hands.set(now);
        for place in 0..4 {
            let body = (place % 2 == 1).then_some(&b"a body"[..]);
            bench.log.record(practice.message(&format!("q {day}/{place}"), body)).await.unwrap();
        }
        stamp_all(&bench.log, &practice, now).await;
        archives.extend(archivist.round(now, || true).await.unwrap().archives);
    }
    assert!(archives.len() >= 3, "{archives:?}");
    let paths: Vec<&str> = archives.iter().map(|path| path.to_str().unwrap()).collect();
    for path in &paths {
        assert!(run("unzip", &["-t", path]).contains("No errors detected"));
    }
    let last = run("python3", &[&["-c", JUDGE][..], &paths].concat());
    let mut found = 0;
    for (at, path) in archives.iter().enumerate() {
        let before = if at == 0 { Before::Nothing } else { Before::Anything };
        let verified = verify(std::fs::File::open(path).unwrap(), before, |_, octets| {
            let container = AsicContainer::read(octets).unwrap();
            let stampers = &practice.authorities.time_stampers;
            let report = evidence::verify(&container, |_| Some(&practice.authorities), stampers);
            assert_eq!(report.unwrap().member.to_string(), "EX/COM/1");
            found += 1;
        });
        let verified = verified.unwrap();
        if at + 1 == archives.len() {
            assert_eq!(verified.digest, last.trim());
        }
    }
    assert_eq!(found, 8);
}

#[tokio::test]
async fn of_large_bodies_few_are_deleted_at_once() {
    let (practice, bench) = (Practice::new(), bench(Settings::default()));
    let body = vec![7; 9 << 20];
    for place in 0..3 {
        bench.log.record(practice.message(&format!("q {place}"), Some(&body))).await.unwrap();
    }
    stamp_all(&bench.log, &practice, noon()).await;
    let keep = Some(std::time::Duration::ZERO);
    let settings = Archiving { keep, ..Archiving::new(bench.directory.path().join("archive")) };
    let archivist = Archivist::new(bench.log.clone(), settings);
    assert_eq!(archivist.round(noon(), || true).await.unwrap().records, 3);
    let before = bench.log.health().groups;
    let later = noon() + SignedDuration::from_secs(1);
    assert_eq!(archivist.round(later, || true).await.unwrap().deleted, 3);
    // Two of them have more than 16 MB together.
    assert_eq!(bench.log.health().groups - before, 2);
}

/// A file in the working directory that makes the test binary play the process that is killed.
const CHILD: &str = "this-is-the-archivist";
const RECORDS: u64 = 40;

fn one_to_a_file() -> Archiving {
    let keep = Some(std::time::Duration::ZERO);
    Archiving { file_bytes_max: 1, keep, ..Archiving::new(PathBuf::from("archive")) }
}

/// Not a test by itself: run by the next one in a process of its own, it archives until it is killed.
#[test]
fn child_that_archives_until_it_is_killed() {
    if !Path::new(CHILD).exists() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let log = open(Path::new("log"));
        Archivist::new(log.clone(), one_to_a_file()).round(noon(), || true).await.unwrap();
        log.close().await.unwrap();
    });
}

fn archives_in(folder: &Path) -> Vec<PathBuf> {
    let found = std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    found.filter(|path| path.extension().is_some_and(|end| end == "zip")).collect()
}

/// The message identifiers in an archive, and the name of the one before.
fn read(path: &Path) -> (Vec<String>, Option<String>) {
    let mut found = Vec::new();
    let verified = verify(std::fs::File::open(path).unwrap(), Before::Anything, |name, _| {
        found.push(name.split("-request-").next().unwrap().to_owned());
    });
    (found, verified.unwrap().previous.map(|link| link.file_name))
}

#[tokio::test]
async fn a_kill_in_the_middle_of_archiving_loses_nothing() {
    let (practice, directory) = (Practice::new(), tempfile::tempdir().unwrap());
    std::fs::write(directory.path().join(CHILD), b"").unwrap();
    let (folder, log_folder) = (directory.path().join("archive"), directory.path().join("log"));
    let log = open(&log_folder);
    for place in 0..RECORDS {
        log.record(request(&format!("q{place}"))).await.unwrap();
    }
    stamp_all(&log, &practice, noon()).await;
    log.close().await.unwrap();
    let expected: BTreeSet<String> = (0..RECORDS).map(|place| format!("q{place}")).collect();
    for until in [3, 9, 20, usize::MAX] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "archives::child_that_archives_until_it_is_killed"])
            .current_dir(directory.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while child.try_wait().unwrap().is_none() {
            if archives_in(&folder).len() >= until {
                child.kill().unwrap();
                child.wait().unwrap();
            }
        }
        let reader = reader(&log_folder);
        let held = reader.find(&Search { limit: 1000, ..Search::default() }).unwrap();
        let mut somewhere: BTreeSet<String> = held.into_iter().map(|entry| entry.query_id).collect();
        somewhere.extend(archives_in(&folder).iter().flat_map(|path| read(path).0));
        assert_eq!(somewhere, expected, "killed at {until}");
    }
    // Of the archives of a kill some may follow one that was made anew: along the chain that was noted everything stands once.
    let archives = archives_in(&folder);
    let followed: BTreeSet<String> = archives.iter().filter_map(|path| read(path).1).collect();
    let ends = archives.iter().filter(|path| !followed.contains(path.file_name().unwrap().to_str().unwrap()));
    let whole = ends.filter(|end| {
        let (mut seen, mut at) = (Vec::new(), Some(end.to_path_buf()));
        while let Some(path) = at {
            let (names, previous) = read(&path);
            seen.extend(names);
            at = previous.map(|name| path.with_file_name(name));
        }
        seen.len() == expected.len() && seen.into_iter().collect::<BTreeSet<_>>() == expected
    });
    assert_eq!(whole.count(), 1);
}
