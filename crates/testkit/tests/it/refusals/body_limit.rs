//! A body that is longer than `[gateway.peer] body_bytes_max`, where the log sets no limit: it is refused while it is still coming, by
//! whichever gateway it is too long for, and nothing of it stays.

use super::common::{Traces, offer, refused, service};
use super::raw::{FLOOD_BYTES, RawService, Then};
use crate::proof::tools::spooled;
use anyhow::Result;
use gateway::{Config, Peer};
use http1::{ClientConnection, Framing, Limits, RequestHead};
use std::time::Duration;
use testkit::{Answer, CLIENT, Choices, Nation, PROVIDER, Reply, call, until};

const BYTES_MAX: u64 = 100_000;

/// A request with far more of a body than anybody should take; the answer must come before its end.
async fn flood(nation: &Nation) -> Result<Answer> {
    let at = nation.consumer.config.listen.consumer_http;
    let socket = http1::connect(&at.ip().to_string(), at.port(), Duration::from_secs(5)).await?;
    let mut connection = ClientConnection::new(socket, Limits::default());
    let head = call("POST", "/v1").with("Host", "gateway");
    let (mut writer, mut answer) = connection.send(&head, Framing::Chunked).await?;
    let mut sent = 0_usize;
    let mut response = loop {
        tokio::select! {
            response = answer.receive() => break response?,
            written = writer.write(&[b'x'; 4096]) => if written.is_err() { break answer.receive().await? },
        }
        sent = sent.saturating_add(4096);
        anyhow::ensure!(sent < FLOOD_BYTES, "nobody refuses it");
    };
    let body = response.body.read_all(usize::MAX).await?;
    Ok(Answer { status: response.head.status, headers: response.head.headers, body })
}

async fn ask(nation: &Nation) -> Result<Answer> {
    let head = RequestHead::new("GET", &format!("/r1/{PROVIDER}/raw/v1")).with("X-Road-Client", CLIENT);
    nation.send(head, None).await
}

fn said(case: &str, answer: &Answer, side: &str) {
    // The text of an answer that should be none is long.
    assert!(answer.fault().is_some(), "{case}: {} and {} bytes", answer.status, answer.body.len());
    let sentence = refused(case, answer, &format!("server.{side}.logging_failed"));
    assert!(sentence.contains(&BYTES_MAX.to_string()), "{case}: {sentence}");
}

async fn nothing_spooled(nation: &Nation, case: &str) -> Result<()> {
    let empty = || [&nation.consumer, &nation.provider].iter().all(|side| spooled(&side.config) == 0);
    until(&format!("{case}: the spools are empty"), empty).await
}

fn longer(config: &mut Config) {
    config.peer.body_bytes_max = Peer::default().body_bytes_max;
}

fn short(config: &mut Config) {
    config.peer.body_bytes_max = BYTES_MAX;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_long_is_refused_while_it_comes() {
    let mut choices = Choices::default();
    choices.log.bodies = false;
    choices.peer.body_bytes_max = BYTES_MAX;
    let mut nation = Nation::start_with(choices).await.unwrap();
    let raw = RawService::start(nation.address(21, 9080)).await.unwrap();
    let settings = offer(nation.provider_settings().unwrap(), vec![service("raw", &raw.url())]).unwrap();
    nation.provider.apply(&settings).await.unwrap();
    raw.answers("HTTP/1.1 200 OK\r\n\r\n", Then::Flood);
    nation.service.answers(Reply::echo());

    let longest = vec![b'x'; 100_000];
    let before = Traces::of(&nation).unwrap();
    let answer = nation.send(call("POST", "/v1"), Some(&longest)).await.unwrap();
    assert_eq!((answer.status, answer.body.len()), (200, longest.len()));
    before.assert_whole(&nation, "as long as may be").unwrap();
    for bytes in [100_001, 200_000] {
        let before = Traces::of(&nation).unwrap();
        let answer = nation.send(call("POST", "/v1"), Some(&vec![b'x'; bytes])).await.unwrap();
        said("one that ends", &answer, "clientproxy");
        before.assert_none_since(&nation, "one that ends").unwrap();
    }
    let before = Traces::of(&nation).unwrap();
    said("a request, at the consumer's", &flood(&nation).await.unwrap(), "clientproxy");
    before.assert_none_since(&nation, "a request, at the consumer's").unwrap();
    nothing_spooled(&nation, "a request, at the consumer's").await.unwrap();

    nation.consumer.restart(&nation.pin, &nation.clock, longer).await.unwrap();
    said("a request, at the provider's", &flood(&nation).await.unwrap(), "serverproxy");
    before.assert_none_since(&nation, "a request, at the provider's").unwrap();
    nothing_spooled(&nation, "a request, at the provider's").await.unwrap();

    let (before, calls) = (Traces::of(&nation).unwrap(), raw.count());
    said("an answer, at the provider's", &ask(&nation).await.unwrap(), "serverproxy");
    assert_eq!(Traces::of(&nation).unwrap(), before.plus(0, 1, 1), "an answer, at the provider's");
    assert_eq!(raw.count(), calls + 1);
    nothing_spooled(&nation, "an answer, at the provider's").await.unwrap();

    nation.provider.restart(&nation.pin, &nation.clock, longer).await.unwrap();
    nation.consumer.restart(&nation.pin, &nation.clock, short).await.unwrap();
    let (before, calls) = (Traces::of(&nation).unwrap(), raw.count());
    said("an answer, at the consumer's", &ask(&nation).await.unwrap(), "clientproxy");
    assert_eq!(Traces::of(&nation).unwrap(), before.plus(0, 1, 1), "an answer, at the consumer's");
    assert_eq!(raw.count(), calls + 1);
    nothing_spooled(&nation, "an answer, at the consumer's").await.unwrap();

    let before = Traces::of(&nation).unwrap();
    assert_eq!(nation.send(call("GET", "/v1"), None).await.unwrap().status, 200);
    before.assert_whole(&nation, "afterwards").unwrap();
}
