//! `evidence verify`: on containers of X-Road's test suite and of a live server, and on files that are none.

use crate::tools::{Setup, chhatra, run, text, vectors};
use identifier::ClientId;
use messagelog::{Body, Direction, MessageLog, NewRecord, Settings, Side};
use serde_json::Value;
use signature::SignedParts;
use std::path::{Path, PathBuf};

fn verify(container: &Path, globalconf: &Path, rest: &[&str]) -> crate::tools::Outcome {
    let arguments = ["evidence", "verify", &text(container), "--globalconf", &text(globalconf)];
    chhatra(&[&arguments[..], rest].concat())
}

fn file(entry: &Value, role: &str) -> Option<String> {
    let files = entry["files"].as_array()?;
    let found = files.iter().find(|file| file["role"] == role)?;
    found["path"].as_str().map(str::to_owned)
}

/// Each entry of the manifest about a container: those that are only to be read there are to be verified here, if a
/// configuration is given; one that cannot even be read is refused.
#[test]
fn x_roads_containers_get_the_expected_exit_codes_and_reasons() {
    let Some(vectors) = vectors() else { return };
    let manifest = std::fs::read(vectors.join("asic/manifest.json")).unwrap();
    let manifest: Vec<Value> = serde_json::from_slice(&manifest).unwrap();
    let mut judged = 0;
    for entry in &manifest {
        let id = entry["id"].as_str().unwrap();
        let operation = entry["operation"].as_str().unwrap();
        let Some(container) =
            file(entry, "container").filter(|_| operation == "verify" || operation == "read")
        else {
            println!("elsewhere: {id} ({operation})");
            continue;
        };
        let ok = entry["expect"]["ok"].as_bool().unwrap();
        let globalconf = match (operation, file(entry, "globalconf")) {
            ("verify", Some(globalconf)) => globalconf,
            // What is expected is only that it cannot be read: any configuration will do.
            ("read", _) if !ok => "shared/globalconf/globalconf_good2_v3/".to_owned(),
            _ => {
                println!("elsewhere: {id} (reading a container without verifying it)");
                continue;
            }
        };
        judged += 1;
        let outcome = verify(&vectors.join(container), &vectors.join(globalconf), &["--json"]);
        let expected = if ok { 0 } else { 1 };
        assert_eq!(outcome.code, Some(expected), "{id}: {outcome:?}");
        let told = outcome.json();
        assert_eq!(told["verified"], ok, "{id}: {told}");
        if let Some(code) = entry["expect"]["code"].as_str() {
            assert!(told["code"].as_str().unwrap().starts_with(code), "{id}: {told}");
            assert!(!told["reason"].as_str().unwrap().is_empty());
        }
    }
    assert!(judged >= 8, "{judged}");
}

fn recorded(vectors: &Path, folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(vectors.join("recorded/messagelog/asice")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.contains("soap") {
            println!("later: {name} (SOAP)");
        } else if name.ends_with(".zip") {
            let into = folder.join(&name);
            let into = text(&into);
            run(folder, "unzip", &["-q", &text(&path), "-d", &into]).fine();
            found.extend(std::fs::read_dir(into).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn containers_of_a_live_server_are_verified_and_explained() {
    let Some(vectors) = vectors() else { return };
    let folder = tempfile::tempdir().unwrap();
    let globalconf = vectors.join("recorded/globalconf/ss1-globalconf");
    let containers = recorded(&vectors, folder.path());
    assert!(containers.len() >= 6, "{containers:?}");
    for container in &containers {
        let told = verify(container, &globalconf, &[]).fine();
        assert!(told.starts_with("verified: "), "{told}");
        assert!(told.contains("This is a re") && told.contains("/message.xml"), "{told}");
        let json = verify(container, &globalconf, &["--json"]).json();
        assert!(json["member"].as_str().unwrap().starts_with("DEV/COM/"), "{json}");
    }
    let all: Vec<String> = containers.iter().map(|container| text(container)).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let several = |more: &[&str]| {
        let verify = ["evidence", "verify", "--globalconf", globalconf.to_str().unwrap()];
        chhatra(&[&verify[..], &all, more].concat())
    };
    assert_eq!(several(&[]).fine().matches("verified: ").count(), containers.len());
    let bad = folder.path().join("bad.asice");
    std::fs::write(&bad, "hello").unwrap();
    several(&[&text(&bad)]).refused(1, "refused: ");
    several(&[&text(&bad), "nowhere.asice"]).refused(2, "nowhere.asice cannot be read");
    // The same container under another nation's configuration proves nothing.
    let other = vectors.join("shared/globalconf/globalconf_good_v6");
    verify(&containers[0], &other, &[]).refused(1, "refused: ");
}

#[test]
fn one_octet_changed_anywhere_is_refused() {
    let Some(vectors) = vectors() else { return };
    let globalconf = vectors.join("recorded/globalconf/ss1-globalconf");
    let container = vectors.join("recorded/messagelog/asice/asic-ss1-rest-get-responseonly.asice");
    every_octet_counts(&container, &globalconf, 61);
}

/// Octets of the whole file, so far apart; and each of the first entry's head and of the last hundred.
pub(crate) fn every_octet_counts(container: &Path, globalconf: &Path, stride: usize) {
    let folder = tempfile::tempdir().unwrap();
    let whole = std::fs::read(container).unwrap();
    let file = folder.path().join("changed.asice");
    std::fs::write(&file, &whole).unwrap();
    verify(&file, globalconf, &[]).fine();
    let ends = (0..38).chain(whole.len().saturating_sub(100)..whole.len());
    for at in ends.chain((0..whole.len()).step_by(stride)) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        std::fs::write(&file, bytes).unwrap();
        let outcome = verify(&file, globalconf, &[]);
        assert_eq!(outcome.code, Some(1), "octet {at} of {}: {outcome:?}", container.display());
    }
}

#[test]
fn what_cannot_be_read_is_neither_verified_nor_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let text_file = at.join("text.asice");
    std::fs::write(&text_file, "hello").unwrap();
    verify(&text_file, &at.join("nowhere"), &[]).refused(2, "cannot read the configuration store");
    verify(&text_file, at, &["--json"]).refused(2, "does not name its own instance");
    let Some(vectors) = vectors() else { return };
    let globalconf = vectors.join("recorded/globalconf/ss1-globalconf");
    verify(&at.join("none.asice"), &globalconf, &[]).refused(2, "none.asice cannot be read");
    verify(at, &globalconf, &[]).refused(2, "it is not a file");
    verify(&text_file, &globalconf, &[]).refused(1, "asic_invalid");
}

#[test]
fn without_a_log_there_is_nothing_to_list() {
    let setup = Setup::new();
    chhatra(&["evidence", "list", "--config", &setup.config()]).refused(1, "there is no message log");
    chhatra(&["evidence", "export", "--config", &setup.config()]).refused(1, "there is no message log");
}

/// A log of three messages in a set-up's folder.
fn logged(setup: &Setup) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let clock = clock::Clock::fixed(jiff::Timestamp::UNIX_EPOCH);
    let log = MessageLog::open(&setup.path("state/messagelog"), Settings::default(), clock).unwrap();
    log.provide_time_stamping(true);
    let client = ClientId::parse_short("EX/GOV/M1/sub").unwrap();
    for place in 1..=3 {
        let record = NewRecord {
            query_id: format!("message-{place}"),
            request_id: "request".to_owned(),
            owner: client.clone(),
            service: identifier::ServiceId::new(client.clone(), "svc", None).unwrap(),
            side: Side::Consumer,
            direction: Direction::Request,
            message: b"GET\r\n/r1/EX/GOV/M1/sub/svc\r\n".to_vec(),
            body: Body::None,
            signed: SignedParts {
                signatures_xml: format!("<a>{place}</a>").into_bytes(),
                hash_chain_result: None,
                hash_chain: None,
            },
        };
        runtime.block_on(log.record(record)).unwrap();
    }
    runtime.block_on(log.close()).unwrap();
}

#[test]
fn a_damaged_record_is_named_and_does_not_keep_back_the_others() {
    let setup = Setup::new();
    logged(&setup);
    let database = rusqlite::Connection::open(setup.path("state/messagelog/messagelog.db")).unwrap();
    database.execute_batch("UPDATE record SET signature_digest = zeroblob(64) WHERE id = 2").unwrap();
    let out = text(&setup.path("out"));
    let outcome = chhatra(&["evidence", "export", "--config", &setup.config(), "--out", &out]);
    let mut names: Vec<_> = std::fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["message-1-request-1.asice", "message-3-request-3.asice"]);
    outcome.refused(1, "record 2 is damaged");
}
