//! A gateway without a global configuration in force carries nothing (data-plane 2.1, 4.9 step 1).

use super::common::{Traces, refused};
use anyhow::Result;
use gateway::{Config, Listen};
use identifier::ServerId;
use jiff::SignedDuration;
use keystore::KeyAlgorithm;
use testkit::{Nation, RunningGateway, call, call_to, chance, enrol, until};

const CODE: &str = "server.clientproxy.global_conf_outdated";

/// A gateway of its own, enrolled for a server that nobody registered.
pub(super) async fn newcomer(nation: &Nation, anchor: &str) -> Result<RunningGateway> {
    let state_dir = nation.folder.path().join("newcomer");
    std::fs::create_dir_all(&state_dir)?;
    let server = ServerId::new("CAMBODIA", "GOV", "MOC", "newcomer")?;
    let config = Config {
        server: server.clone(),
        anchor: nation.folder.path().join(anchor),
        state_dir,
        listen: Listen {
            consumer_http: nation.address(50, 8080),
            consumer_https: nation.address(50, 8443),
            transport: nation.address(50, 5500),
            ocsp: nation.address(50, 5577),
        },
        ..nation.consumer.config.clone()
    };
    enrol(
        &config.keystore_dir(),
        &nation.pin,
        &server,
        KeyAlgorithm::EcP256,
        &nation.authority,
        &nation.clock,
    )?;
    gateway::admin::apply(&config, &nation.consumer_settings()?)?;
    RunningGateway::start(config, &nation.pin, nation.clock.clone(), chance()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_never_saw_a_configuration_carries_nothing() {
    let nation = Nation::start().await.unwrap();
    let before = Traces::of(&nation).unwrap();
    let newcomer = newcomer(&nation, "no-such-anchor.xml").await.unwrap();
    let answer = call_to(newcomer.config.listen.consumer_http, call("GET", "/v1"), None).await.unwrap();
    let said = refused("never seen", &answer, CODE);
    assert_eq!(said, "Global configuration is missing");
    before.assert_none_since(&nation, "never seen").unwrap();
    newcomer.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_configuration_stops_both_sides_until_a_new_one_comes() {
    let nation = Nation::start().await.unwrap();
    let anchor = nation.folder.path().join("anchor.xml");
    let hidden = nation.folder.path().join("anchor.hidden");
    let before = Traces::of(&nation).unwrap();
    // Without its anchor a gateway asks nobody, and what it holds ends after ten minutes.
    std::fs::rename(&anchor, &hidden).unwrap();
    until("the configuration ends", || {
        nation.hands.advance(SignedDuration::from_mins(11));
        nation.consumer.gateway.ready().is_err() && nation.provider.gateway.ready().is_err()
    })
    .await
    .unwrap();
    let answer = nation.send(call("GET", "/v1"), None).await.unwrap();
    let said = refused("expired", &answer, CODE);
    assert!(said.starts_with("Global configuration is expired"), "{said}");
    // It comes before anything that the consumer might have got wrong.
    let nobody = http1::RequestHead::new("GET", "/r1/x");
    refused("expired, and no client", &nation.send(nobody, None).await.unwrap(), CODE);
    before.assert_none_since(&nation, "expired").unwrap();
    std::fs::rename(&hidden, &anchor).unwrap();
    nation.consumer.ready().await.unwrap();
    nation.provider.ready().await.unwrap();
    let answer = nation.send(call("GET", "/v1"), None).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    before.assert_whole(&nation, "a new configuration").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_whose_configuration_has_expired_takes_nothing() {
    let mut nation = Nation::start().await.unwrap();
    let own = nation.folder.path().join("own-anchor.xml");
    std::fs::copy(nation.folder.path().join("anchor.xml"), &own).unwrap();
    nation.provider.restart(&nation.pin, &nation.clock, |config| config.anchor = own.clone()).await.unwrap();
    assert_eq!(nation.send(call("GET", "/v1"), None).await.unwrap().status, 200);
    let before = Traces::of(&nation).unwrap();
    std::fs::remove_file(&own).unwrap();
    until("the provider's configuration ends", || {
        nation.hands.advance(SignedDuration::from_mins(11));
        nation.provider.gateway.ready().is_err()
    })
    .await
    .unwrap();
    nation.consumer.ready().await.unwrap();
    let answer = nation.send(call("GET", "/v1"), None).await.unwrap();
    // It does not even present its certificate, of which it can no longer say that it is good; X-Road accepts the connection and
    // answers `server.serverproxy.global_conf_outdated`.
    refused("the provider's", &answer, "server.clientproxy.ssl_authentication_failed");
    before.assert_none_since(&nation, "the provider's").unwrap();
}
