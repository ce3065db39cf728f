//! Connections that gateways of our own kind keep between calls.

use super::forwarder::between_gateways;
use jiff::SignedDuration;
use testkit::{Nation, RunningGateway, call, chance};

async fn called(nation: &Nation, what: &str) {
    let answer = nation.send(call("GET", "/v1/people"), None).await.unwrap();
    assert_eq!(answer.status, 200, "{what}: {}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_one_after_another_share_a_connection_and_an_idle_one_is_closed() {
    let nation = Nation::start().await.unwrap();
    let forwarder = between_gateways(&nation).await;
    for n in 0..20 {
        called(&nation, &format!("call {n}")).await;
    }
    assert_eq!(forwarder.accepted(), 1, "one handshake");
    assert_eq!(forwarder.open(), 1);
    let answers = futures_util::future::join_all((0..6).map(|n| {
        let nation = &nation;
        async move { called(nation, &format!("at once {n}")).await }
    }));
    answers.await;
    let (accepted, open) = (forwarder.accepted(), forwarder.open());
    assert!(accepted <= 6, "{accepted}");
    assert_eq!(open, accepted, "all are kept");
    for n in 0..20 {
        called(&nation, &format!("again {n}")).await;
    }
    assert_eq!(forwarder.accepted(), accepted, "no further handshake");
    // The other side closes after 30 s; ours is closed earlier, and without any call.
    nation.hands.advance(SignedDuration::from_secs(19));
    called(&nation, "still kept").await;
    assert_eq!(forwarder.accepted(), accepted, "no further handshake");
    nation.hands.advance(SignedDuration::from_secs(21));
    forwarder.closed().await;
    called(&nation, "after all were closed").await;
    assert_eq!(forwarder.accepted(), accepted + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_was_stopped_and_started_again_does_not_break_the_next_call() {
    let mut nation = Nation::start().await.unwrap();
    let forwarder = between_gateways(&nation).await;
    for round in 1..=3 {
        called(&nation, &format!("round {round}")).await;
        called(&nation, &format!("round {round}")).await;
        assert_eq!(forwarder.accepted(), round);
        let config = nation.provider.config.clone();
        nation.provider.stop().await.unwrap();
        nation.provider =
            RunningGateway::start(config, &nation.pin, nation.clock.clone(), chance()).await.unwrap();
        nation.provider.ready().await.unwrap();
    }
    called(&nation, "at the end").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_connection_is_used_only_as_long_as_its_server_may_serve_the_provider() {
    let nation = Nation::start().await.unwrap();
    called(&nation, "before").await;
    let mut state = nation.registry_state.clone();
    let interior = state.servers.iter_mut().find(|server| server.code == "interior").unwrap();
    interior.auth_certificates.clear();
    nation.publish(&state).await.unwrap();
    let before = nation.service.count();
    let answer = nation.send(call("GET", "/v1/people"), None).await.unwrap();
    let fault = answer.fault().unwrap_or_default();
    assert!(fault.contains("ssl_authentication_failed"), "{} {fault}", answer.status);
    assert_eq!(nation.service.count(), before);
    nation.publish(&nation.registry_state).await.unwrap();
    called(&nation, "after").await;
}
