//! Archives: `evidence archive-verify` on those of a live server, and ours from a running gateway, by hand, handed over.

use crate::apart::written;
use crate::tools::{Outcome, chhatra, run, text, until, vectors};
use jiff::SignedDuration;
use serde_json::Value;
use std::path::{Path, PathBuf};
use testkit::{Nation, Reply, call};

pub(crate) fn judge(archive: &Path, rest: &[&str]) -> Outcome {
    chhatra(&[&["evidence", "archive-verify", &text(archive)], rest].concat())
}

fn archives_in(folder: &Path) -> Vec<PathBuf> {
    ending(folder, "zip")
}

pub(crate) fn ending(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|end| end == extension)).collect();
    found.sort();
    found
}

#[test]
fn the_archives_of_a_live_server_are_verified_one_after_the_other() {
    let Some(vectors) = vectors() else { return };
    let mut previous = "-".to_owned();
    let archives = archives_in(&vectors.join("recorded/messagelog/archive-ss1"));
    assert_eq!(archives.len(), 3);
    for archive in &archives {
        let told = judge(archive, &["--previous", &previous, "--json"]);
        assert_eq!(told.code, Some(0), "{told:?}");
        let told = told.json();
        assert_eq!((&told["verified"], &told["previous_compared"]), (&Value::Bool(true), &Value::Bool(true)));
        previous = told["digest"].as_str().unwrap().to_owned();
    }
    let (first, second) = (&archives[0], &archives[1]);
    assert!(judge(second, &[]).fine().contains("which was not compared with anything"));
    judge(first, &["--previous", &previous]).refused(1, "archive_other_previous");
    judge(second, &["--previous", "-"]).refused(1, "archive_other_previous");
    judge(second, &["--previous", &previous]).refused(1, "archive_other_previous");
    for digest in ["9", "xyz", &previous[1..], ""] {
        judge(second, &["--previous", digest]).refused(2, "64, 96 or 128 hexadecimal digits");
    }
}

#[test]
fn each_container_of_a_live_servers_archives_is_verified_when_there_is_a_configuration() {
    let Some(vectors) = vectors() else { return };
    let globalconf = text(&vectors.join("recorded/globalconf/ss1-globalconf"));
    let mut containers = 0;
    for folder in ["messagelog/archive-ss0", "messagelog/archive-ss1"] {
        for archive in archives_in(&vectors.join("recorded").join(folder)) {
            let told = judge(&archive, &["--globalconf", &globalconf, "--json"]);
            assert_eq!(told.code, Some(0), "{told:?}");
            let told = told.json();
            assert_eq!(told["containers_verified"], true);
            containers += told["containers"].as_u64().unwrap();
        }
    }
    assert!(containers > 190, "{containers}");
    // Linked as it should be, and yet nothing under another nation's configuration.
    let archive = &archives_in(&vectors.join("recorded/messagelog/archive-ss1"))[1];
    let other = text(&vectors.join("shared/globalconf/globalconf_good_v6"));
    let refused = judge(archive, &["--globalconf", &other, "--json"]);
    assert!(refused.code == Some(1) && refused.json()["container"].as_str().unwrap().ends_with(".asice"));
}

#[test]
fn what_is_no_archive_is_refused_or_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    judge(&at.join("none.zip"), &[]).refused(2, "none.zip cannot be read");
    judge(at, &["--json"]).refused(2, "it is not a file");
    std::fs::write(at.join("text.zip"), "hello").unwrap();
    judge(&at.join("text.zip"), &[]).refused(1, "archive_invalid");
    judge(&at.join("text.zip"), &["--globalconf", &text(at)]).refused(2, "does not name its own instance");
    let Some(vectors) = vectors() else { return };
    let archive = &archives_in(&vectors.join("recorded/messagelog/archive-ss1"))[2];
    let whole = std::fs::read(archive).unwrap();
    for place in (0..whole.len()).step_by(1009).chain([whole.len() - 1]) {
        let mut bytes = whole.clone();
        bytes[place] ^= 4;
        std::fs::write(at.join("changed.zip"), bytes).unwrap();
        judge(&at.join("changed.zip"), &[]).refused(1, "refused: ");
    }
}

/// A configuration file with a section about archives.
pub(crate) fn with_archive(nation: &Nation, lines: &str) -> String {
    let file = written(nation, &nation.consumer.config);
    let whole = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{whole}[gateway.archive]\n{lines}\n")).unwrap();
    text(&file)
}

pub(crate) fn archive(config: &str) -> Outcome {
    chhatra(&["evidence", "archive", "--config", config])
}

/// A nation with two exchanges on record on either side, time-stamped at the consumer's.
pub(crate) async fn exchanged() -> Nation {
    let nation = Nation::start().await.unwrap();
    nation.service.answers(Reply::echo());
    for body in [None, Some(&b"a body"[..])] {
        assert_eq!(nation.send(call("POST", "/v1"), body).await.unwrap().status, 200);
    }
    nation.hands.advance(SignedDuration::from_secs(2));
    until("the time-stamps", || (nation.consumer.gateway.log_health().unstamped == 0).then_some(()));
    nation
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_archives_by_itself_and_hands_over_what_an_operator_wants_elsewhere() {
    let mut nation = exchanged().await;
    let config = with_archive(&nation, "");
    archive(&config).refused(1, "the gateway is running");
    nation.hands.advance(SignedDuration::from_secs(61));
    let folder = nation.consumer.config.state_dir.join("archive");
    let made = until("the archive", || archives_in(&folder).pop());
    nation.consumer.halt().await.unwrap();
    let globalconf = text(&nation.provider.config.globalconf_dir());
    let told = judge(&made, &["--previous", "-", "--globalconf", &globalconf, "--json"]);
    assert_eq!(told.code, Some(0), "{told:?}");
    assert_eq!(told.json()["containers"], 4);
    run(&folder, "unzip", &["-t", &text(&made)]).fine();
    assert!(archive(&config).fine().contains("archived: 0 records in 0 archives"));

    // Whatever becomes of the operator's command, the archive stays until it has succeeded.
    for (lines, why) in [
        ("transfer_command = [\"/nowhere/at-all\"]", "cannot be run"),
        ("transfer_command = [\"sh\", \"-c\", \"exit 7\"]", "did not take it: exit status: 7"),
        (
            "transfer_command = [\"sh\", \"-c\", \"exec sleep 600\"]\ntransfer_timeout_seconds = 1",
            "did not end within 1 seconds",
        ),
    ] {
        archive(&with_archive(&nation, lines)).refused(1, why);
        assert!(made.exists(), "{lines}");
    }
    let elsewhere = nation.folder.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let taking = format!("transfer_command = [\"cp\", \"-t\", {:?}]", text(&elsewhere));
    let taking = with_archive(&nation, &taking);
    let octets = std::fs::read(&made).unwrap();
    std::fs::write(&made, b"").unwrap();
    archive(&taking).refused(1, "it is not as long as it was made");
    assert!(made.exists() && archives_in(&elsewhere).is_empty());
    std::fs::write(&made, octets).unwrap();
    assert!(archive(&taking).fine().contains("handed over: 1"));
    assert!(!made.exists() && archives_in(&elsewhere).len() == 1);
    assert!(archive(&taking).fine().contains("handed over: 0"));
    judge(&archives_in(&elsewhere)[0], &["--previous", "-"]).fine();
}

/// The gateway with a store, by its own rounds and by hand, and what doctor says of it.
#[tokio::test(flavor = "multi_thread")]
async fn archives_go_into_a_store_and_one_that_is_missing_is_not_taken_for_gone() {
    let mut nation = exchanged().await;
    let told = |config: &str| chhatra(&["doctor", "--config", config]).out;
    let config = with_archive(&nation, "");
    let running = until("a word of the gateway", || {
        Some(told(&config)).filter(|told| told.contains("it is running, and carries messages since"))
    });
    assert!(running.contains("no archive has been made yet"), "{running}");
    nation.consumer.halt().await.unwrap();
    let folder = nation.consumer.config.state_dir.join("archive");
    assert!(!nation.consumer.config.state_dir.join("status.json").exists());

    let place = nation.folder.path().join("vault");
    let store = format!(
        "file_bytes_max = 1\n[gateway.archive.store]\ndirectory = {:?}\nprefix = \"ss\"",
        text(&place)
    );
    // A store that is not there is told at the start, and before anything is archived.
    archive(&with_archive(&nation, &store)).refused(1, "is its file system mounted?");
    let says = told(&with_archive(&nation, &store));
    assert!(says.contains("problem  archive: ") && says.contains("is its file system mounted?"), "{says}");
    std::fs::create_dir(&place).unwrap();
    let config = with_archive(&nation, &store);
    assert!(archive(&config).fine().contains("handed over: 4"));
    let there = archives_in(&place.join("ss"));
    assert!(there.len() == 4 && archives_in(&folder).is_empty());
    judge(&there[0], &[]).fine();
    assert!(told(&config).contains("vault answers"));

    // Back where they were, and noted as not taken: as before a transfer. One is missing, one was moved by hand.
    let log =
        rusqlite::Connection::open(nation.consumer.config.messagelog_dir().join("messagelog.db")).unwrap();
    log.execute_batch("UPDATE archive SET taken = NULL").unwrap();
    drop(log);
    let at_home = |number: usize| folder.join(there[number].file_name().unwrap());
    std::fs::copy(&there[0], at_home(0)).unwrap();
    std::fs::copy(&there[1], format!("{}.taken", text(&at_home(1)))).unwrap();
    std::fs::copy(&there[2], at_home(2)).unwrap();
    std::fs::write(&there[2], "something else").unwrap();
    let refused = archive(&config);
    assert!(
        refused.code == Some(1) && refused.err.contains("holds something else under this name"),
        "{refused:?}"
    );
    assert_eq!(std::fs::read(&there[2]).unwrap(), b"something else");
    assert!(at_home(2).exists() && told(&config).contains("is neither in"));
    std::fs::remove_file(&there[2]).unwrap();
    let missing = archive(&config);
    assert!(missing.err.contains("neither here nor handed over: 1"), "{missing:?}");
    std::fs::write(format!("{}.taken", text(&at_home(3))), "").unwrap();
    archive(&config).fine();
    let left: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["archive.lock"]);
    judge(&there[2], &[]).fine();
}

#[test]
fn without_a_log_there_is_nothing_to_archive() {
    let setup = crate::tools::Setup::new();
    archive(&setup.config()).refused(1, "there is no message log");
}
