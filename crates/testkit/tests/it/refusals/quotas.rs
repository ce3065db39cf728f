//! Quotas: what one client asks too much of is refused on the side that has the quota, and taken again when there is room.

use super::common::{Traces, refused};
use anyhow::Result;
use gateway::{Config, Quota};
use http1::{Answer as Awaited, BodyWriter, ClientConnection, Framing, Limits};
use jiff::SignedDuration;
use std::time::Duration;
use testkit::{Nation, Reply, call, until};

use crate::proof::tools::spooled;

/// The clock of a nation stands still, so that no request has waited for its turn.
fn two_a_second(config: &mut Config) {
    config.quota.requests_per_second = 2;
}

fn one_at_once(config: &mut Config) {
    config.quota = Quota { exchanges_at_once: 1, ..Quota::default() };
}

fn few_bytes(config: &mut Config) {
    config.quota = Quota { body_bytes_at_once: 1_500_000, ..Quota::default() };
}

fn none(config: &mut Config) {
    config.quota = Quota::default();
}

/// One more than a spool keeps in memory.
const SLOW_BYTES: usize = 64 * 1024 + 1024 * 1024 + 1;

/// A request whose body is not whole yet.
struct Slow {
    _connection: ClientConnection,
    writer: BodyWriter,
    answer: Awaited,
}

impl Slow {
    /// [`SLOW_BYTES`] of its body are sent, and counted on both sides: with the last of them the provider's spool goes into a file.
    async fn begin(nation: &Nation) -> Result<Self> {
        let at = nation.consumer.config.listen.consumer_http;
        let socket = http1::connect(&at.ip().to_string(), at.port(), Duration::from_secs(5)).await?;
        let mut connection = ClientConnection::new(socket, Limits::default());
        let head = call("POST", "/v1").with("Host", "gateway");
        let (mut writer, answer) = connection.send(&head, Framing::Chunked).await?;
        writer.write(&vec![b'x'; SLOW_BYTES]).await?;
        until("the provider's gateway has what was sent", || spooled(&nation.provider.config) == 1).await?;
        Ok(Self { _connection: connection, writer, answer })
    }

    async fn end(mut self) -> Result<u16> {
        self.writer.finish().await?;
        let mut response = self.answer.receive().await?;
        response.body.read_all(usize::MAX).await?;
        Ok(response.head.status)
    }
}

/// What a request with a body of so many bytes comes to: the status, or the sentence of the refusal.
async fn posted(nation: &Nation, bytes: usize, side: &str) -> Result<Option<String>> {
    let answer = nation.send(call("POST", "/v1"), Some(&vec![b'x'; bytes])).await?;
    if answer.status == 200 {
        return Ok(None);
    }
    Ok(Some(refused(side, &answer, &format!("server.{side}.quota_exceeded"))))
}

async fn restart(nation: &mut Nation, side: &str, change: fn(&mut Config)) -> Result<()> {
    let gateway = if side == "clientproxy" { &mut nation.consumer } else { &mut nation.provider };
    gateway.restart(&nation.pin, &nation.clock, change).await
}

/// Refused where the quota is: before anything was sent, or before the provider put anything on record.
fn traces(before: Traces, nation: &Nation, side: &str) -> Result<()> {
    match side {
        "clientproxy" => before.assert_none_since(nation, side),
        _ => before.assert_request_only(nation, side),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_asks_too_often_waits() {
    let mut nation = Nation::start().await.unwrap();
    for side in ["clientproxy", "serverproxy"] {
        restart(&mut nation, side, two_a_second).await.unwrap();
        for _ in 0..2 {
            assert_eq!(posted(&nation, 10, side).await.unwrap(), None, "{side}");
        }
        let before = Traces::of(&nation).unwrap();
        let said = posted(&nation, 10, side).await.unwrap().unwrap();
        assert_eq!(
            said,
            "Client 'SUBSYSTEM:CAMBODIA/GOV/MOC/business-registry' exceeds its quota: it may send 2 requests a second, \
             and its next one is taken in 500 ms"
        );
        traces(before, &nation, side).unwrap();
        nation.hands.advance(SignedDuration::from_millis(500));
        assert_eq!(posted(&nation, 10, side).await.unwrap(), None, "{side}: after half a second");
        assert!(posted(&nation, 10, side).await.unwrap().is_some(), "{side}: and no more");
        restart(&mut nation, side, none).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_with_slow_bodies_has_its_own_share_and_no_more() {
    let mut nation = Nation::start().await.unwrap();
    nation.service.answers(Reply::echo());
    for side in ["clientproxy", "serverproxy"] {
        restart(&mut nation, side, one_at_once).await.unwrap();
        let slow = Slow::begin(&nation).await.unwrap();
        let before = Traces::of(&nation).unwrap();
        let said = posted(&nation, 10, side).await.unwrap().unwrap();
        assert!(said.contains("it may have 1 exchanges at once"), "{said}");
        traces(before, &nation, side).unwrap();
        assert_eq!(slow.end().await.unwrap(), 200, "{side}");
        let free = || async { matches!(posted(&nation, 10, side).await, Ok(None)) };
        assert!(soon(free).await, "{side}: its place is free again");

        restart(&mut nation, side, few_bytes).await.unwrap();
        let slow = Slow::begin(&nation).await.unwrap();
        let said = posted(&nation, SLOW_BYTES, side).await.unwrap().unwrap();
        assert!(said.contains("1500000 bytes") && said.contains("when others have passed"), "{said}");
        assert_eq!(
            posted(&nation, 10_000, side).await.unwrap(),
            None,
            "{side}: there is room for a short one"
        );
        assert_eq!(slow.end().await.unwrap(), 200, "{side}");
        let free = || async { matches!(posted(&nation, 1_500_000, side).await, Ok(None)) };
        assert!(soon(free).await, "{side}: everything came back");
        let said = posted(&nation, 1_500_001, side).await.unwrap().unwrap();
        assert!(said.contains("is never taken"), "{said}");
        restart(&mut nation, side, none).await.unwrap();
    }
}

/// The gateway gives a share back just after the answer was read.
async fn soon<F: Future<Output = bool>>(look: impl Fn() -> F) -> bool {
    for _ in 0..200 {
        if look().await {
            return true;
        }
    }
    false
}
