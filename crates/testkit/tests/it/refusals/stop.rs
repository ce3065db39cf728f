//! A stop cuts nobody off who ends in time: what runs is finished and recorded, new work is refused.

use super::common::{Traces, offer, refused, service};
use super::raw::{RawService, Then};
use anyhow::Context as _;
use http1::RequestHead;
use messagelog::Reader;
use std::net::SocketAddr;
use std::time::Duration;
use testkit::{Answer, CLIENT, Choices, Nation, PROVIDER, Reply, call, call_to, until};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

/// Waits until nobody listens any more. Who still comes in is cut off when the listener ends.
async fn closes(address: SocketAddr) -> bool {
    let closing = async {
        while let Ok(mut late) = TcpStream::connect(address).await {
            // Its end, however it is told.
            let _end = late.read(&mut [0]).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), closing).await.is_ok()
}

/// The service takes its time; the stop is asked for when the request has reached it.
fn slowly(held: bool) -> Reply {
    Reply { held, ..Reply::json("{\"slow\":true}") }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumers_gateway_finishes_what_runs() {
    let nation = Nation::start().await.unwrap();
    nation.service.answers(slowly(true));
    let listen = nation.consumer.config.listen.clone();
    let running = tokio::spawn(call_to(listen.consumer_http, call("GET", "/v1"), None));
    until("the service is asked", || nation.service.count() == 1).await.unwrap();
    let log = nation.consumer.config.messagelog_dir();
    let stopping = tokio::spawn(nation.consumer.stop());
    for address in [listen.consumer_http, listen.consumer_https, listen.transport, listen.ocsp] {
        assert!(closes(address).await, "{address} takes new work");
    }
    assert!(!running.is_finished(), "the exchange was cut off");
    nation.service.answers(slowly(false));
    let answer = running.await.unwrap().unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (200, "{\"slow\":true}"));
    stopping.await.unwrap().unwrap();
    assert_eq!(Reader::open(&log).unwrap().statistics().unwrap().records, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_providers_gateway_finishes_what_runs_and_callers_learn_that_it_is_gone() {
    let nation = Nation::start().await.unwrap();
    // An idle connection between the gateways must not carry anything past the stop.
    assert_eq!(nation.send(call("GET", "/v1"), None).await.unwrap().status, 200);
    nation.service.answers(slowly(true));
    let consumer = nation.consumer.config.listen.consumer_http;
    let listen = nation.provider.config.listen.clone();
    let running = tokio::spawn(call_to(consumer, call("GET", "/v1"), None));
    until("the service is asked", || nation.service.count() == 2).await.unwrap();
    let log = nation.provider.config.messagelog_dir();
    let stopping = tokio::spawn(nation.provider.stop());
    assert!(closes(listen.transport).await, "it takes new work");
    let late = call_to(consumer, call("GET", "/v1"), None).await.unwrap();
    refused("a late call", &late, "server.clientproxy.network_error");
    nation.service.answers(slowly(false));
    let answer = running.await.unwrap().unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (200, "{\"slow\":true}"));
    stopping.await.unwrap().unwrap();
    assert_eq!(nation.service.count(), 2);
    assert_eq!(Reader::open(&log).unwrap().statistics().unwrap().records, 4);
}

/// Stops a gateway beside a call that will never be answered; both come to their end.
async fn cut(
    nation: &mut Nation,
    hanging: tokio::task::JoinHandle<anyhow::Result<Answer>>,
    stopping: impl AsyncFnOnce(&mut Nation) -> anyhow::Result<()>,
) -> anyhow::Result<Answer> {
    // The service has a minute, and a stop usually more than that, so whoever waits for either would not be back by then.
    let soon = Duration::from_secs(20);
    tokio::time::timeout(soon, stopping(nation)).await.context("the stop waits")??;
    tokio::time::timeout(soon, hanging).await.context("the caller waits")??
}

#[tokio::test(flavor = "multi_thread")]
async fn what_hangs_longer_than_a_stop_may_take_is_cut() {
    let mut choices = Choices::default();
    choices.peer.stop_timeout_ms = 300;
    let mut nation = Nation::start_with(choices).await.unwrap();
    let raw = RawService::start(nation.address(21, 9080)).await.unwrap();
    let mut offered = service("raw", &raw.url());
    offered.timeout_seconds = 60;
    nation.provider.apply(&offer(nation.provider_settings().unwrap(), vec![offered]).unwrap()).await.unwrap();
    let ask = || RequestHead::new("GET", &format!("/r1/{PROVIDER}/raw/v1")).with("X-Road-Client", CLIENT);
    let at = nation.consumer.config.listen.consumer_http;

    let half = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello";
    for (case, bytes, code) in [
        ("silent", "", "server.clientproxy.io_error"),
        ("half an answer", half, "server.clientproxy.service_failed.io_error"),
    ] {
        raw.answers(bytes, Then::Hold);
        let (before, calls) = (Traces::of(&nation).unwrap(), raw.count());
        let hanging = tokio::spawn(call_to(at, ask(), None));
        until("the service is asked", || raw.count() > calls).await.unwrap();
        let answer = cut(&mut nation, hanging, async |nation| nation.provider.halt().await).await.unwrap();
        refused(case, &answer, code);
        assert_eq!(Traces::of(&nation).unwrap(), before.plus(0, 1, 1), "{case}: the requests are on record");
        nation.provider.restart(&nation.pin, &nation.clock, |_| {}).await.unwrap();
    }
    raw.answers("", Then::Hold);
    let (before, calls) = (Traces::of(&nation).unwrap(), raw.count());
    let hanging = tokio::spawn(call_to(at, ask(), None));
    until("the service is asked", || raw.count() > calls).await.unwrap();
    let answer = cut(&mut nation, hanging, async |nation| nation.consumer.halt().await).await;
    let why = format!("{:#}", answer.unwrap_err());
    assert!(!why.contains("waits"), "it was cut off and not waited for: {why}");
    assert_eq!(
        Traces::of(&nation).unwrap(),
        before.plus(0, 1, 1),
        "the consumer's: the requests are on record"
    );
    nation.consumer.restart(&nation.pin, &nation.clock, |_| {}).await.unwrap();
    let answer = nation.send(call("GET", "/v1"), None).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
}
