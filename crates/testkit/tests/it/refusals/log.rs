//! What cannot be put on record is not carried (data-plane 7.1–7.3).

use super::common::{Traces, refused};
use anyhow::Result;
use flate2::Compression;
use flate2::write::GzEncoder;
use gateway::{At, BodyOverride};
use messagelog::{Direction, Provider};
use rusqlite::Connection;
use std::io::Write as _;
use testkit::{Choices, Nation, PROVIDER, Reply, RunningGateway, call};

const FAILED: &str = "logging_failed.database_error";

/// From now on the log's database refuses every new record, as a full or failing disk does.
fn break_log(gateway: &RunningGateway) -> Result<()> {
    Ok(database(gateway)?.execute_batch(
        "CREATE TRIGGER broken BEFORE INSERT ON record BEGIN SELECT RAISE(ABORT, 'the disk is gone'); END",
    )?)
}

fn mend_log(gateway: &RunningGateway) -> Result<()> {
    Ok(database(gateway)?.execute_batch("DROP TRIGGER broken")?)
}

fn database(gateway: &RunningGateway) -> Result<Connection> {
    let database = Connection::open(gateway.config.messagelog_dir().join("messagelog.db"))?;
    database.execute_batch("PRAGMA busy_timeout = 5000")?;
    Ok(database)
}

/// From now on the log's disk is full: an automatic number that has reached its end is a full disk to SQLite.
fn fill_disk(gateway: &RunningGateway) -> Result<()> {
    Ok(database(gateway)?.execute_batch(&format!(
        "CREATE TABLE disk (used INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO disk VALUES ({});
         CREATE TRIGGER full BEFORE INSERT ON record BEGIN INSERT INTO disk VALUES (NULL); END",
        i64::MAX
    ))?)
}

fn make_room(gateway: &RunningGateway) -> Result<()> {
    Ok(database(gateway)?.execute_batch("DROP TRIGGER full; DROP TABLE disk")?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumers_gateway_that_cannot_write_its_log_sends_no_signature() {
    let mut nation = Nation::start().await.unwrap();
    assert_eq!(nation.send(call("GET", "/v1"), None).await.unwrap().status, 200);
    let before = Traces::of(&nation).unwrap();
    break_log(&nation.consumer).unwrap();
    for case in ["at first", "again"] {
        let answer = nation.send(call("POST", "/v1"), Some(b"x")).await.unwrap();
        refused(case, &answer, &format!("server.clientproxy.{FAILED}"));
        before.assert_none_since(&nation, case).unwrap();
    }
    assert!(nation.consumer.gateway.ready().is_err());
    mend_log(&nation.consumer).unwrap();
    // A log that failed once is not believed until it has been opened and checked anew.
    let answer = nation.send(call("GET", "/v1"), None).await.unwrap();
    refused("mended", &answer, &format!("server.clientproxy.{FAILED}"));
    nation.consumer.restart(&nation.pin, &nation.clock, |_| {}).await.unwrap();
    let answer = nation.send(call("GET", "/v1"), None).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    before.assert_whole(&nation, "opened anew").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_providers_gateway_that_cannot_write_its_log_asks_its_service_nothing() {
    let mut nation = Nation::start().await.unwrap();
    assert_eq!(nation.send(call("GET", "/v1"), None).await.unwrap().status, 200);
    break_log(&nation.provider).unwrap();
    for case in ["at first", "again"] {
        let before = Traces::of(&nation).unwrap();
        let answer = nation.send(call("POST", "/v1"), Some(b"x")).await.unwrap();
        refused(case, &answer, &format!("server.serverproxy.{FAILED}"));
        before.assert_request_only(&nation, case).unwrap();
    }
    mend_log(&nation.provider).unwrap();
    nation.provider.restart(&nation.pin, &nation.clock, |_| {}).await.unwrap();
    let before = Traces::of(&nation).unwrap();
    let answer = nation.send(call("GET", "/v1"), None).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    before.assert_whole(&nation, "opened anew").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn gateways_whose_disk_was_full_carry_on_by_themselves_when_there_is_room_again() {
    let nation = Nation::start().await.unwrap();
    let whole = Traces::of(&nation).unwrap();
    for (gateway, side) in [(&nation.consumer, "client"), (&nation.provider, "server")] {
        fill_disk(gateway).unwrap();
        for case in ["at first", "again"] {
            let before = Traces::of(&nation).unwrap();
            let answer = nation.send(call("POST", "/v1"), Some(b"x")).await.unwrap();
            refused(case, &answer, &format!("server.{side}proxy.{FAILED}"));
            let sent = u64::from(side == "server");
            assert_eq!(Traces::of(&nation).unwrap(), before.plus(0, sent, 0), "{side} {case}");
        }
        assert!(gateway.gateway.ready().is_err());
        make_room(gateway).unwrap();
        gateway.ready().await.unwrap();
        let before = Traces::of(&nation).unwrap();
        let answer = nation.send(call("GET", "/v1"), None).await.unwrap();
        assert_eq!(answer.status, 200, "{side}: {}", answer.text());
        before.assert_whole(&nation, side).unwrap();
    }
    // Two exchanges, and the two requests that the provider's gateway refused.
    assert_eq!(Traces::of(&nation).unwrap(), whole.plus(2, 6, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_cannot_be_recorded_is_not_handed_on() {
    let nation = Nation::start().await.unwrap();
    // Only answers: the provider's request goes on record, the service is asked, its answer stays here.
    database(&nation.provider)
        .unwrap()
        .execute_batch(
            "CREATE TRIGGER broken BEFORE INSERT ON record WHEN NEW.response BEGIN SELECT RAISE(ABORT, 'gone'); END",
        )
        .unwrap();
    nation.service.answers(Reply::json("{\"secret\":true}"));
    let before = Traces::of(&nation).unwrap();
    let answer = nation.send(call("GET", "/v1"), None).await.unwrap();
    refused("the provider's", &answer, &format!("server.serverproxy.{FAILED}"));
    assert_eq!(Traces::of(&nation).unwrap(), before.plus(1, 1, 1));
    assert!(!answer.text().contains("secret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumers_gateway_hands_on_only_what_is_on_record() {
    let nation = Nation::start().await.unwrap();
    database(&nation.consumer)
        .unwrap()
        .execute_batch(
            "CREATE TRIGGER broken BEFORE INSERT ON record WHEN NEW.response BEGIN SELECT RAISE(ABORT, 'gone'); END",
        )
        .unwrap();
    nation.service.answers(Reply::json("{\"secret\":true}"));
    let before = Traces::of(&nation).unwrap();
    let answer = nation.send(call("GET", "/v1"), None).await.unwrap();
    refused("the consumer's", &answer, &format!("server.clientproxy.{FAILED}"));
    assert_eq!(Traces::of(&nation).unwrap(), before.plus(1, 1, 2));
    assert!(!answer.text().contains("secret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_too_large_for_the_log_is_refused() {
    let mut choices = Choices::default();
    choices.log.body_bytes_max = 1000;
    let mut nation = Nation::start_with(choices).await.unwrap();
    nation.service.answers(Reply::echo());
    let (fits, too_large) = (vec![b'x'; 1000], vec![b'x'; 1001]);
    let before = Traces::of(&nation).unwrap();
    assert_eq!(nation.send(call("POST", "/v1"), Some(&fits)).await.unwrap().status, 200);
    before.assert_whole(&nation, "as large as may be").unwrap();
    let before = Traces::of(&nation).unwrap();
    let answer = nation.send(call("POST", "/v1"), Some(&too_large)).await.unwrap();
    refused("at the consumer's", &answer, "server.clientproxy.logging_failed");
    before.assert_none_since(&nation, "at the consumer's").unwrap();

    let larger = |config: &mut gateway::Config| config.log.body_bytes_max = 1_000_000;
    nation.consumer.restart(&nation.pin, &nation.clock, larger).await.unwrap();
    let before = Traces::of(&nation).unwrap();
    let answer = nation.send(call("POST", "/v1"), Some(&too_large)).await.unwrap();
    refused("at the provider's", &answer, "server.serverproxy.logging_failed");
    before.assert_request_only(&nation, "at the provider's").unwrap();
    // An answer that is too large is refused when the service has already been asked; what counts is what is signed, the unpacked body.
    let packed = {
        let mut packer = GzEncoder::new(Vec::new(), Compression::default());
        packer.write_all(&too_large).unwrap();
        packer.finish().unwrap()
    };
    assert!(packed.len() < 100);
    let coding = vec![("Content-Encoding".to_owned(), "gzip".to_owned())];
    for (case, headers, body) in [("an answer", Vec::new(), too_large), ("a packed answer", coding, packed)] {
        nation.service.answers(Reply { headers, body, ..Reply::status(200) });
        let before = Traces::of(&nation).unwrap();
        let answer = nation.send(call("GET", "/v1"), None).await.unwrap();
        refused(case, &answer, "server.serverproxy.logging_failed");
        assert_eq!(Traces::of(&nation).unwrap(), before.plus(1, 1, 1), "{case}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_body_logging_bodies_of_any_size_pass_and_none_is_kept() {
    let mut choices = Choices::default();
    choices.log.bodies = false;
    choices.log.body_bytes_max = 10;
    let nation = Nation::start_with(choices).await.unwrap();
    nation.service.answers(Reply::echo());
    let head = call("POST", "/v1/secret?of=theirs").with("X-Secret", "theirs");
    let answer = nation.send(head, Some(&[b'x'; 2000])).await.unwrap();
    assert_eq!((answer.status, answer.body.len()), (200, 2000));
    for gateway in [&nation.consumer, &nation.provider] {
        let (entry, record) = super::common::newest(gateway, Direction::Request).unwrap();
        let message = String::from_utf8(record.message).unwrap();
        assert_eq!(entry.body_bytes, None);
        assert!(!message.contains("ecret"), "{message}");
        assert!(
            message.starts_with("POST\r\n/r1/CAMBODIA/GOV/MOI/civil-registry/people\r\nX-Road-Client:"),
            "{message}"
        );
    }
}

/// What holds for a provider, on one side, instead of the rest.
fn said(provider: Provider, side: At, bodies: Option<bool>, body_bytes_max: Option<u64>) -> BodyOverride {
    BodyOverride { provider, side: Some(side), bodies, body_bytes_max, truncate_bodies: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_of_one_provider_holds_for_it_and_on_its_side_only() {
    let member = PROVIDER.rsplit_once('/').unwrap().0;
    let mut choices = Choices::default();
    choices.log.overrides = vec![
        said(Provider::parse(member).unwrap(), At::Consumer, Some(false), None),
        said(Provider::parse(PROVIDER).unwrap(), At::Provider, None, Some(4)),
        said(Provider::parse(&format!("{PROVIDER}/people")).unwrap(), At::Provider, None, Some(1000)),
        said(Provider::parse("CAMBODIA/GOV/MOH").unwrap(), At::Provider, Some(false), Some(0)),
    ];
    let nation = Nation::start_with(choices).await.unwrap();
    nation.service.answers(Reply::echo());
    let before = Traces::of(&nation).unwrap();
    let answer = nation.send(call("POST", "/v1"), Some(&[b'x'; 1000])).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    before.assert_whole(&nation, "as large as this service's may be").unwrap();
    for direction in [Direction::Request, Direction::Response] {
        let kept = |gateway| super::common::newest(gateway, direction).unwrap().0.body_bytes;
        assert_eq!((kept(&nation.consumer), kept(&nation.provider)), (None, Some(1000)), "{direction:?}");
    }
    let before = Traces::of(&nation).unwrap();
    let answer = nation.send(call("POST", "/v1"), Some(&[b'x'; 1001])).await.unwrap();
    refused("at the provider's", &answer, "server.serverproxy.logging_failed");
    before.assert_request_only(&nation, "at the provider's").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identifier_longer_than_evidence_can_carry_is_refused() {
    let nation = Nation::start().await.unwrap();
    let before = Traces::of(&nation).unwrap();
    let answer = nation.send(call("GET", "/v1").with("X-Road-Id", "x".repeat(256)), None).await.unwrap();
    refused("256 characters", &answer, "server.clientproxy.logging_failed.internal_error");
    before.assert_none_since(&nation, "256 characters").unwrap();
    let answer = nation.send(call("GET", "/v1").with("X-Road-Id", "x".repeat(255)), None).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    before.assert_whole(&nation, "255 characters").unwrap();
}
