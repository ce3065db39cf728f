//! What a start finds again, after a good stop and after a bad one.

use clock::{Chance, Clock};
use practice::{KeyKind, OpenFailure, PracticeAuthority, RevocationReason, Settings, Status};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn open(directory: &Path, seed: u64) -> Result<PracticeAuthority, OpenFailure> {
    let clock = Clock::fixed("2026-02-01T00:00:00Z".parse().unwrap());
    let settings = Settings { keys: KeyKind::Ec, intermediate: true, ..Settings::new("KEPT") };
    PracticeAuthority::create_or_open(directory, settings, clock, Chance::seeded(seed))
}

fn request() -> Vec<u8> {
    let output = std::process::Command::new("openssl")
        .args(["req", "-new", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
        .args(["-keyout", "/dev/null", "-subj", "/CN=kept"])
        .output();
    output.unwrap().stdout
}

/// `TSTInfo.serialNumber` of a stamp for a fixed query, found after the imprint.
fn stamp(authority: &PracticeAuthority) -> Vec<u8> {
    let imprint = [0x55; 32];
    let mut query = hex::decode("3034020101302f300b06096086480165030402010420").unwrap();
    query.extend_from_slice(&imprint);
    let answer = authority.answer_tsa(&query);
    let found = answer.windows(36).find_map(|window| window.strip_prefix(&imprint)).unwrap();
    found.to_vec()
}

#[test]
fn keys_certificates_and_standings_survive_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let first = open(directory.path(), 1).unwrap();
    let issued = first.issue_signing(&request()).unwrap();
    let held = first.issue_authentication(&request()).unwrap();
    first.revoke(&issued.serial, RevocationReason::KeyCompromise).unwrap();
    first.suspend(&held.serial).unwrap();
    let (root, tsa, register) =
        (first.root_certificate().to_vec(), first.tsa_certificate().to_vec(), first.issued());
    drop(first);
    let second = open(directory.path(), 2).unwrap();
    assert_eq!((second.root_certificate(), second.tsa_certificate()), (&root[..], &tsa[..]));
    assert_eq!(second.issued(), register);
    let status = |serial: &str| second.issued().into_iter().find(|e| e.serial == serial).unwrap().status;
    assert!(matches!(
        status(&issued.serial),
        Status::Revoked { reason: RevocationReason::KeyCompromise, .. }
    ));
    assert!(matches!(status(&held.serial), Status::Suspended { .. }));
}

#[test]
fn files_are_for_the_owner_only() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().join("a/b");
    let authority = open(&home, 1).unwrap();
    stamp(&authority);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&home), 0o700);
    let mut count = 0;
    for entry in std::fs::read_dir(&home).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        count += 1;
    }
    assert_eq!(count, 14, "five keys, five certificates, register, numbers, manifest, lock");
}

#[test]
fn one_directory_has_one_master() {
    let directory = tempfile::tempdir().unwrap();
    let first = open(directory.path(), 1).unwrap();
    assert!(matches!(open(directory.path(), 2), Err(OpenFailure::InUse(_))));
    drop(first);
    assert!(open(directory.path(), 2).is_ok());
}

#[test]
fn time_stamp_numbers_never_repeat() {
    let directory = tempfile::tempdir().unwrap();
    let mut seen = Vec::new();
    for round in 0..4 {
        let authority = open(directory.path(), round).unwrap();
        seen.push(stamp(&authority));
        seen.push(stamp(&authority));
    }
    let before = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), before);
}

#[test]
fn a_register_cut_at_any_byte_opens_with_the_whole_lines() {
    let directory = tempfile::tempdir().unwrap();
    let authority = open(directory.path(), 1).unwrap();
    let issued = authority.issue_signing(&request()).unwrap();
    authority.revoke(&issued.serial, RevocationReason::Unspecified).unwrap();
    drop(authority);
    let path = directory.path().join("issued.jsonl");
    let whole = std::fs::read(&path).unwrap();
    let own = whole.split_inclusive(|b| *b == b'\n').take(4).map(<[u8]>::len).sum::<usize>();
    for length in (own..whole.len()).step_by(11) {
        std::fs::write(&path, &whole[..length]).unwrap();
        let authority = open(directory.path(), 2).unwrap();
        let lines = whole[..length].iter().filter(|b| **b == b'\n').count();
        let entry = authority.issued().into_iter().find(|entry| entry.serial == issued.serial);
        assert_eq!(entry.is_some(), lines >= 5);
        // What is appended now stands on a line of its own.
        let later = authority.issue_signing(&request()).unwrap();
        drop(authority);
        let authority = open(directory.path(), 3).unwrap();
        assert!(authority.issued().iter().any(|entry| entry.serial == later.serial));
    }
}

#[test]
fn a_first_start_cut_anywhere_starts_anew() {
    let directory = tempfile::tempdir().unwrap();
    let first = open(directory.path(), 1).unwrap();
    let root = first.root_certificate().to_vec();
    drop(first);
    // What a crash before the manifest leaves: everything, or part of it, or a half-written file.
    std::fs::remove_file(directory.path().join("authority.json")).unwrap();
    std::fs::remove_file(directory.path().join("tsa.key")).unwrap();
    std::fs::write(directory.path().join("ocsp.new"), b"half").unwrap();
    let second = open(directory.path(), 2).unwrap();
    assert_ne!(second.root_certificate(), root);
    assert_eq!(second.issued().len(), 4);
}

#[test]
fn damaged_files_refuse_to_start() {
    for (name, content) in [
        ("authority.json", "{}"),
        ("authority.json", "{\"version\":2,\"name\":\"KEPT\",\"keys\":\"ec\",\"intermediate\":true}"),
        ("root.key", "nonsense"),
        ("root.pem", "nonsense"),
        ("tsa-number", "x"),
        ("issued.jsonl", "{\"act\":\"nonsense\"}\n"),
        ("issued.jsonl", "{\"act\":\"change\",\"serial\":\"00\",\"standing\":{\"status\":\"good\"}}\n"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        drop(open(directory.path(), 1).unwrap());
        std::fs::write(directory.path().join(name), content).unwrap();
        assert!(matches!(open(directory.path(), 2), Err(OpenFailure::Damaged { .. })), "{name}: {content}");
    }
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path(), 1).unwrap());
    std::fs::copy(directory.path().join("tsa.pem"), directory.path().join("ocsp.pem")).unwrap();
    assert!(matches!(open(directory.path(), 2), Err(OpenFailure::Damaged { .. })), "another's certificate");
    for name in ["issued.jsonl", "root.key", "tsa-number"] {
        let directory = tempfile::tempdir().unwrap();
        drop(open(directory.path(), 1).unwrap());
        std::fs::remove_file(directory.path().join(name)).unwrap();
        assert!(open(directory.path(), 2).is_err(), "{name} is missing");
    }
}

#[test]
fn a_register_that_cannot_be_written_issues_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut file = std::fs::File::create(directory.path().join("x")).unwrap();
    file.write_all(b"a file, not a directory").unwrap();
    assert!(matches!(open(&directory.path().join("x"), 1), Err(OpenFailure::Store(_))));
}

#[test]
fn names_and_addresses_are_checked() {
    let directory = tempfile::tempdir().unwrap();
    let open = |settings| {
        let clock = Clock::fixed("2026-02-01T00:00:00Z".parse().unwrap());
        PracticeAuthority::create_or_open(directory.path(), settings, clock, Chance::seeded(1))
    };
    for name in ["", " x", "a\nb", &"x".repeat(41)] {
        assert!(matches!(open(Settings::new(name)), Err(OpenFailure::Name)), "{name:?}");
    }
    for url in ["", "http://a b/", "http://ä/", &"x".repeat(201)] {
        let settings = Settings { ocsp_url: Some(url.to_owned()), ..Settings::new("x") };
        assert!(matches!(open(settings), Err(OpenFailure::OcspUrl)), "{url:?}");
    }
}
