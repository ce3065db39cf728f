//! What is left of a gateway that was stopped: a log that is whole in one file, and nothing that still runs.

use super::tools::{entries, log_of, until};
use jiff::SignedDuration;
use messagelog::Reader;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use testkit::{Nation, RunningGateway, call, call_to, chance, ring};
use tokio::net::TcpListener;

/// Takes connections and says nothing; counts them.
async fn silent(at: SocketAddr) -> Arc<AtomicUsize> {
    let listener = TcpListener::bind(at).await.unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((socket, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            ring();
            held.push(socket);
        }
    });
    count
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_before_a_stop_is_in_the_logs_one_file() {
    let mut nation = Nation::start().await.unwrap();
    let answer =
        nation.send(call("POST", "/v1").with("X-Road-Id", "the last one"), Some(b"{}")).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    let consumer = nation.consumer.config.clone();
    nation.consumer.halt().await.unwrap();
    nation.provider.halt().await.unwrap();
    for (side, config) in [("consumer", &consumer), ("provider", &nation.provider.config)] {
        // Nobody but the file itself: what lies in a write-ahead log beside it does not count.
        let alone = nation.folder.path().join(format!("{side}-alone"));
        std::fs::create_dir(&alone).unwrap();
        std::fs::copy(config.messagelog_dir().join("messagelog.db"), alone.join("messagelog.db")).unwrap();
        let held = entries(&Reader::open(&alone).unwrap());
        assert_eq!(held.len(), 2, "{side}");
        assert!(held.iter().all(|entry| entry.query_id == "the last one"), "{side}");
    }
    let again = RunningGateway::start(consumer, &nation.pin, nation.clock.clone(), chance()).await.unwrap();
    assert_eq!(again.gateway.log_health().last.0, 2);
    assert_eq!(entries(&log_of(&again.config)).len(), 2);
    again.stop().await.unwrap();
}

/// Every background job waits for somebody who does not answer; consumers and strangers hold connections on which nothing comes.
#[test]
fn nothing_runs_on_after_a_stop() {
    let own = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let rest = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    rest.block_on(async {
        let mut nation = Nation::start().await.unwrap();
        let [ocsp, tsa] = [nation.address(41, 1001), nation.address(41, 1002)];
        let (ocsp_asked, tsa_asked) = (silent(ocsp).await, silent(tsa).await);
        let mut state = nation.registry_state.clone();
        state.cas[0].top.responders[0].url = format!("http://{ocsp}/");
        nation.publish(&state).await.unwrap();
        let mut settings = nation.consumer_settings().unwrap();
        settings.time_stamps[0].url = format!("http://{tsa}/");
        nation.consumer.apply(&settings).await.unwrap();
        assert_eq!(nation.send(call("GET", "/v1"), None).await.unwrap().status, 200);
        nation.stop_registry().await.unwrap();
        let registry_asked = silent(nation.registry_config.listen).await;
        nation.consumer.halt().await.unwrap();

        let asked = [&ocsp_asked, &tsa_asked, &registry_asked];
        let before = asked.map(|count| count.load(Ordering::SeqCst));
        let (config, pin, clock) = (nation.consumer.config.clone(), nation.pin.clone(), nation.clock.clone());
        let listen = config.listen.clone();
        let started = own.spawn(async move { RunningGateway::start(config, &pin, clock, chance()).await });
        nation.consumer = started.await.unwrap().unwrap();
        until("each job asks somebody who does not answer", || {
            // A round of time-stamping is due a second after the one before.
            nation.hands.advance(SignedDuration::from_secs(1));
            asked.iter().zip(before).all(|(count, before)| count.load(Ordering::SeqCst) > before)
        })
        .await;
        let answer = call_to(listen.consumer_http, call("GET", "/v1"), None).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        let mut idle = Vec::new();
        for address in [listen.consumer_http, listen.ocsp] {
            idle.push(tokio::net::TcpStream::connect(address).await.unwrap());
        }
        // They would wait a minute and more.
        let stopped = tokio::time::timeout(Duration::from_secs(30), nation.consumer.halt()).await;
        stopped.expect("a stop waits for nobody who is silent").unwrap();
        assert_eq!(Arc::strong_count(&nation.consumer.gateway), 1, "nobody else holds the gateway");
        // The signing desk goes with the gateway itself.
        let other = Nation::start().await.unwrap();
        drop(std::mem::replace(&mut nation.consumer, other.consumer));
        until("no task is left", || own.metrics().num_alive_tasks() == 0).await;
    });
}
