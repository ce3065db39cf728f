//! A gateway process whose files the system lets grow no further. What cannot be put on record is not carried, in either direction; what
//! was answered before is still there afterwards, and can be proven.

use crate::apart::Apart;
use crate::tools::{chhatra, text, until};
use serde_json::Value;
use testkit::{Answer, Nation, Reply, call};

/// The log can be opened with that, and some exchanges fit.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Longer than any file may be.
const LARGE_BYTES: usize = 2 * 1024 * 1024;
/// Less than is kept in memory, so that only the log feels the limit.
const BODY_BYTES: usize = 40_000;

async fn post(nation: &Nation, id: &str, bytes: usize) -> Answer {
    let head = call("POST", "/v1/people").with("X-Road-Id", id).with("Content-Type", "text/plain");
    nation.send(head, Some(&vec![b'x'; bytes])).await.unwrap()
}

#[track_caller]
fn refused(answer: &Answer, code: &str) {
    let told: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    assert_eq!((answer.status, answer.fault().as_deref()), (500, Some(code)), "{told}");
    assert_eq!(told["type"], code);
    assert_eq!(told["message"], "The message could not be stored on its way");
}

/// Calls until the log is full; the identifiers of what was answered.
async fn fill(nation: &Nation, code: &str) -> Vec<String> {
    let mut answered = Vec::new();
    loop {
        let id = format!("message-{}", answered.len());
        let answer = post(nation, &id, BODY_BYTES).await;
        if answer.status != 200 {
            refused(&answer, code);
            return answered;
        }
        assert_eq!(answer.body.len(), BODY_BYTES);
        answered.push(id);
        assert!(answered.len() < 100, "it never gets full");
    }
}

fn listed(gateway: &Apart) -> Vec<Value> {
    let list = ["evidence", "list", "--json", "--limit", "1000", "--config", &gateway.config];
    chhatra(&list).json()["records"].as_array().unwrap().clone()
}

/// Both messages of each exchange are listed, with their bodies, and what is exported is proven.
fn everything_is_there(nation: &Nation, gateway: &Apart, answered: &[String]) {
    let records = until("all records are time-stamped", || {
        Some(listed(gateway)).filter(|records| records.iter().all(|record| record["stamped"] == true))
    });
    for id in answered {
        let whole = records.iter().filter(|record| record["id"] == *id && record["body_bytes"] == BODY_BYTES);
        assert_eq!(whole.count(), 2, "{id} was answered and is not on record");
    }
    let out = nation.folder.path().join("evidence");
    chhatra(&["evidence", "export", "--config", &gateway.config, "--out", &text(&out)]).fine();
    let containers: Vec<String> =
        std::fs::read_dir(&out).unwrap().map(|entry| text(&entry.unwrap().path())).collect();
    assert_eq!(containers.len(), records.len());
    let globalconf = text(&nation.provider.config.globalconf_dir());
    let verify = ["evidence", "verify", "--globalconf", &globalconf];
    let files: Vec<&str> = containers.iter().map(String::as_str).collect();
    let told = chhatra(&[&verify[..], &files].concat()).fine();
    assert_eq!(told.matches("verified: ").count(), containers.len());
}

/// `consumer`: which of the two has no room.
async fn check(consumer: bool) {
    let mut nation = Nation::start().await.unwrap();
    nation.service.answers(Reply::echo());
    let place = if consumer { &mut nation.consumer } else { &mut nation.provider };
    place.halt().await.unwrap();
    let side = if consumer { "server.clientproxy" } else { "server.serverproxy" };
    let place = if consumer { &nation.consumer } else { &nation.provider };
    let gateway = Apart::start(&nation, place, Some(FILE_BYTES_MAX));

    // A body that is too long for a file on its way is refused by itself; the gateway goes on.
    refused(&post(&nation, "large", LARGE_BYTES).await, &format!("{side}.io_error"));
    assert_eq!(nation.service.count(), 0, "the service hears nothing of it");

    let code = format!("{side}.logging_failed.database_error");
    let answered = fill(&nation, &code).await;
    assert!(answered.len() >= 3, "{answered:?}");
    let asked = nation.service.count();
    // It was asked in vain if there was room for the question and none for its answer.
    let halves = listed(&gateway).len() % 2;
    assert_eq!(asked, answered.len().saturating_add(halves), "the service is asked only what is on record");
    for bytes in [BODY_BYTES, 1, 0] {
        refused(&post(&nation, "refused", bytes).await, &code);
    }
    assert_eq!(nation.service.count(), asked, "the service is not asked any more");
    assert!(gateway.told().contains("database_error"), "{}", gateway.told());
    // Another process opens its own reader, for which all is well; the gateway itself says that it is not.
    until("doctor's word", || {
        let told = chhatra(&["doctor", "--config", &gateway.config]).out;
        (told.contains("the running gateway records nothing since")
            && told.contains("carries no messages since"))
        .then_some(())
    });
    assert_eq!(gateway.stopped(), Some(1), "a log that broke says so once more when it is closed");

    let gateway = Apart::start(&nation, place, None);
    let after = post(&nation, "after", BODY_BYTES).await;
    assert_eq!(after.status, 200, "{}", after.text());
    let all: Vec<String> = answered.into_iter().chain(["after".to_owned()]).collect();
    everything_is_there(&nation, &gateway, &all);
    assert_eq!(gateway.stopped(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumers_gateway_without_room_sends_no_signature_and_loses_nothing() {
    check(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_providers_gateway_without_room_asks_no_service_and_loses_nothing() {
    check(false).await;
}
