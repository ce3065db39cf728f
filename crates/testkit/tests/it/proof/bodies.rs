//! Bodies on their way: without a length, slow, given up, cut.

use super::forwarder::between_gateways;
use super::tools::{spooled, until};
use http1::{ClientConnection, Framing, Limits, RequestHead};
use std::time::Duration;
use testkit::{Nation, Reply, call};

/// An open connection of a consumer.
async fn connection(nation: &Nation) -> ClientConnection {
    let at = nation.consumer.config.listen.consumer_http;
    let socket = http1::connect(&at.ip().to_string(), at.port(), Duration::from_secs(5)).await.unwrap();
    ClientConnection::new(socket, Limits::default())
}

fn post() -> RequestHead {
    call("POST", "/v1/people").with("Host", "gateway").with("Content-Type", "application/octet-stream")
}

/// A body that is not the same anywhere.
fn body(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| u8::try_from((at ^ (at >> 9)) % 251).unwrap()).collect()
}

fn nothing_spooled(nation: &Nation) -> bool {
    spooled(&nation.consumer.config) + spooled(&nation.provider.config) == 0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_body_in_chunks_without_a_length_arrives_whole_however_slowly_it_comes() {
    let nation = Nation::start().await.unwrap();
    nation.service.answers(Reply::echo());
    let sent = body(3_000_000);
    let mut connection = connection(&nation).await;
    let (mut writer, mut answer) = connection.send(&post(), Framing::Chunked).await.unwrap();
    let (first, second) = sent.split_at(2_300_000);
    for piece in first.chunks(9_973) {
        writer.write(piece).await.unwrap();
    }
    // The consumer rests until what it sent has arrived behind the second gateway's door.
    until("the provider's gateway has the first half", || spooled(&nation.provider.config) == 1).await;
    assert_eq!(nation.service.count(), 0, "the service is not called before everything is there and signed");
    for piece in second.chunks(310_000) {
        writer.write(piece).await.unwrap();
    }
    writer.finish().await.unwrap();
    let mut response = answer.receive().await.unwrap();
    assert_eq!(response.head.status, 200);
    assert_eq!(response.body.content_length(), Some(3_000_000));
    assert!(response.body.read_all(usize::MAX).await.unwrap() == sent);
    assert!(nation.service.seen()[0].body == sent);
    until("the spools are empty", || nothing_spooled(&nation)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_consumer_gets_its_answer_whole_and_holds_nobody_else_up() {
    let nation = Nation::start().await.unwrap();
    let large = body(9_000_000);
    nation.service.answers(Reply { status: 200, body: large.clone(), ..Reply::default() });
    let mut slow = connection(&nation).await;
    let head = call("GET", "/v1/people").with("Host", "gateway");
    let (writer, mut answer) = slow.send(&head, Framing::None).await.unwrap();
    writer.finish().await.unwrap();
    // It reads nothing until both gateways have everything on record and others have been served.
    until("both gateways have the exchange on record", || {
        [&nation.consumer, &nation.provider].iter().all(|side| side.gateway.log_health().last.0 == 2)
    })
    .await;
    nation.service.answers(Reply::json("{}"));
    assert_eq!(nation.send(call("GET", "/v1/other"), None).await.unwrap().status, 200);
    let mut response = answer.receive().await.unwrap();
    let mut read = Vec::new();
    while let Some(piece) = response.body.read_chunk().await.unwrap() {
        read.extend_from_slice(&piece);
    }
    assert!(read == large);
    until("the spools are empty", || nothing_spooled(&nation)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_goes_away_in_the_middle_leaves_nothing_behind() {
    let nation = Nation::start().await.unwrap();
    let forwarder = between_gateways(&nation).await;
    let half = body(3_000_000);
    for framing in [Framing::Chunked, Framing::ContentLength(6_000_000)] {
        let mut connection = connection(&nation).await;
        let (mut writer, answer) = connection.send(&post(), framing).await.unwrap();
        writer.write(&half).await.unwrap();
        until("both gateways hold a part of the body", || {
            spooled(&nation.consumer.config) == 1 && spooled(&nation.provider.config) == 1
        })
        .await;
        assert_eq!(forwarder.open(), 1);
        drop((writer, answer, connection));
        until("the spools are empty", || nothing_spooled(&nation)).await;
        forwarder.closed().await;
    }
    assert_eq!(nation.service.count(), 0, "the service was never called");
    for side in [&nation.consumer, &nation.provider] {
        assert_eq!(side.gateway.log_health().last.0, 0, "nothing was signed, so nothing is on record");
    }
    let answer = nation.send(call("GET", "/v1/after"), None).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_breaks_off_between_the_gateways_is_an_error_and_not_a_cut_success() {
    let nation = Nation::start().await.unwrap();
    let forwarder = between_gateways(&nation).await;
    nation.service.answers(Reply { status: 200, body: body(4_000_000), ..Reply::default() });
    // In the handshake, before the answer, in its head or message, in the middle of its body, just before its proof.
    for bytes in [500, 6_000, 1_000_000, 4_000_000] {
        forwarder.breaks_after(bytes);
        let before = nation.service.count();
        let answer = nation.send(call("GET", "/v1/people"), None).await.unwrap();
        assert_eq!(answer.status, 500, "cut after {bytes} bytes");
        let fault = answer.fault().unwrap_or_default();
        assert!(
            fault.starts_with("server.clientproxy."),
            "cut after {bytes} bytes: {fault} {}",
            answer.text()
        );
        assert!(!answer.body.is_empty() && answer.body.len() < 10_000);
        let called = nation.service.count() - before;
        assert!(called <= 1, "nobody asks twice: cut after {bytes} bytes, {called} calls");
        println!("cut after {bytes} bytes: {fault}; the service was called {called} times");
    }
    until("the spools are empty", || nothing_spooled(&nation)).await;
    forwarder.breaks_after(u64::MAX);
    let answer = nation.send(call("GET", "/v1/people"), None).await.unwrap();
    assert_eq!((answer.status, answer.body.len()), (200, 4_000_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_breaks_off_in_the_middle_gives_the_consumer_an_error() {
    let nation = Nation::start().await.unwrap();
    for framing in [Framing::ContentLength(2_000_000), Framing::Chunked] {
        let reply = Reply {
            status: 200,
            body: body(2_000_000),
            cut: true,
            framing: Some(framing),
            ..Reply::default()
        };
        nation.service.answers(reply);
        let answer = nation.send(call("GET", "/v1/people"), None).await.unwrap();
        assert_eq!(answer.status, 500, "{framing:?}");
        let fault = answer.fault().unwrap_or_default();
        assert_eq!(fault, "server.serverproxy.io_error", "{framing:?} {}", answer.text());
        until("the spools are empty", || nothing_spooled(&nation)).await;
    }
}
