//! A stop cuts nobody off: what runs is finished and recorded, new work is refused.

use super::common::until;
use messagelog::Reader;
use std::net::SocketAddr;
use std::time::Duration;
use testkit::{Nation, Reply, call, call_to};
use tokio::net::TcpStream;

async fn is_open(address: SocketAddr) -> bool {
    TcpStream::connect(address).await.is_ok()
}

async fn closes(address: SocketAddr) -> bool {
    for _ in 0..500 {
        if !is_open(address).await {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    false
}

/// The service takes its time; the stop is asked for when the request has reached it.
fn slowly() -> Reply {
    Reply { delay: Duration::from_secs(3), ..Reply::json("{\"slow\":true}") }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumers_gateway_finishes_what_runs() {
    let nation = Nation::start().await.unwrap();
    nation.service.answers(slowly());
    let listen = nation.consumer.config.listen.clone();
    let running = tokio::spawn(call_to(listen.consumer_http, call("GET", "/v1"), None));
    until("the service is asked", || nation.service.count() == 1).await.unwrap();
    let log = nation.consumer.config.messagelog_dir();
    let stopping = tokio::spawn(nation.consumer.stop());
    for address in [listen.consumer_http, listen.consumer_https, listen.transport, listen.ocsp] {
        assert!(closes(address).await, "{address} takes new work");
    }
    assert!(!running.is_finished(), "the exchange was cut off");
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
    nation.service.answers(slowly());
    let consumer = nation.consumer.config.listen.consumer_http;
    let listen = nation.provider.config.listen.clone();
    let running = tokio::spawn(call_to(consumer, call("GET", "/v1"), None));
    until("the service is asked", || nation.service.count() == 2).await.unwrap();
    let log = nation.provider.config.messagelog_dir();
    let stopping = tokio::spawn(nation.provider.stop());
    assert!(closes(listen.transport).await, "it takes new work");
    let late = call_to(consumer, call("GET", "/v1"), None).await.unwrap();
    super::common::refused("a late call", &late, "server.clientproxy.network_error");
    let answer = running.await.unwrap().unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (200, "{\"slow\":true}"));
    stopping.await.unwrap().unwrap();
    assert_eq!(nation.service.count(), 2);
    assert_eq!(Reader::open(&log).unwrap().statistics().unwrap().records, 4);
}
