//! Without a certificate that is shown to be good, a gateway neither connects nor signs (data-plane 2.1, 5.1, 6.2).

use super::common::{Traces, refused};
use super::configuration::newcomer;
use jiff::SignedDuration;
use practice::{PracticeAuthority, RevocationReason};
use std::time::Duration;
use testkit::{Answer, Nation, call, call_to};
use trust::Certificate;

/// Lets both gateways ask for OCSP answers now: they do so whenever the configuration of the exchange changes.
async fn ask_anew(nation: &Nation) -> anyhow::Result<()> {
    let mut state = nation.registry_state.clone();
    for member in &mut state.members {
        member.name = format!("{} at {}", member.name, nation.clock.now());
    }
    nation.publish(&state).await
}

fn revoke(nation: &Nation, certificate: &Certificate) -> anyhow::Result<()> {
    let serial = PracticeAuthority::serial_of(certificate.der());
    let serial = serial.ok_or_else(|| anyhow::anyhow!("no serial number"))?;
    Ok(nation.authority.revoke(&serial, RevocationReason::KeyCompromise)?)
}

/// Calls until there is a refusal, since what is changed takes a moment to become known; gives the one after it.
async fn refusal(nation: &Nation) -> anyhow::Result<(Answer, Traces)> {
    for _ in 0..500 {
        if nation.send(call("GET", "/v1"), None).await?.status != 200 {
            let before = Traces::of(nation)?;
            return Ok((nation.send(call("GET", "/v1"), None).await?, before));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    anyhow::bail!("nothing was refused")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_signing_certificate_signs_no_request() {
    let nation = Nation::start().await.unwrap();
    revoke(&nation, &nation.consumer_identity.signing).unwrap();
    ask_anew(&nation).await.unwrap();
    let (answer, before) = refusal(&nation).await.unwrap();
    let said = refused("revoked", &answer, "server.clientproxy.cannot_create_signature");
    assert!(said.contains("MEMBER:CAMBODIA/GOV/MOC"), "{said}");
    before.assert_none_since(&nation, "revoked").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_signing_certificate_signs_no_answer_so_the_service_is_not_asked() {
    let nation = Nation::start().await.unwrap();
    revoke(&nation, &nation.provider_identity.signing).unwrap();
    ask_anew(&nation).await.unwrap();
    let (answer, before) = refusal(&nation).await.unwrap();
    let said = refused("revoked", &answer, "server.serverproxy.service_failed.cannot_create_signature");
    assert!(said.contains("MEMBER:CAMBODIA/GOV/MOI"), "{said}");
    // It is told as soon as the message part is read, so the consumer's gateway may or may not have signed.
    let after = Traces::of(&nation).unwrap();
    assert!(after == before || after == before.plus(0, 1, 0), "{after:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_authentication_certificate_connects_to_nobody() {
    let nation = Nation::start().await.unwrap();
    revoke(&nation, &nation.consumer_identity.authentication).unwrap();
    ask_anew(&nation).await.unwrap();
    let (answer, before) = refusal(&nation).await.unwrap();
    let said = refused("revoked", &answer, "server.clientproxy.ssl_authentication_failed");
    assert!(said.starts_with("Security server has no valid authentication certificate"), "{said}");
    before.assert_none_since(&nation, "revoked").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn stale_ocsp_answers_stop_a_gateway_until_the_responder_is_back() {
    let nation = Nation::start().await.unwrap();
    nation.authority.drills().set_ocsp_offline(true);
    assert_eq!(nation.send(call("GET", "/v1"), None).await.unwrap().status, 200, "still fresh");
    // Older than the hour that the nation allows.
    nation.hands.advance(SignedDuration::from_mins(61));
    let mut refusal = None;
    for _ in 0..500 {
        let before = Traces::of(&nation).unwrap();
        let answer = nation.send(call("GET", "/v1"), None).await.unwrap();
        // At first the configuration has expired, too, until the registry's next one is fetched.
        if answer.fault().as_deref() != Some("server.clientproxy.global_conf_outdated") {
            refusal = Some((answer, before));
            break;
        }
        before.assert_none_since(&nation, "expired").unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (answer, before) = refusal.unwrap();
    let said = refused("stale", &answer, "server.clientproxy.ssl_authentication_failed");
    assert!(said.starts_with("Security server has no valid authentication certificate"), "{said}");
    before.assert_none_since(&nation, "stale").unwrap();
    nation.authority.drills().set_ocsp_offline(false);
    ask_anew(&nation).await.unwrap();
    nation.consumer.ready().await.unwrap();
    nation.provider.ready().await.unwrap();
    let answer = nation.send(call("GET", "/v1"), None).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_never_had_an_ocsp_answer_carries_nothing() {
    let nation = Nation::start().await.unwrap();
    nation.authority.drills().set_ocsp_offline(true);
    let newcomer = newcomer(&nation, "anchor.xml").await.unwrap();
    let before = Traces::of(&nation).unwrap();
    super::common::until("the configuration is there", || newcomer.gateway.pictures_taken() > 0)
        .await
        .unwrap();
    let answer = call_to(newcomer.config.listen.consumer_http, call("GET", "/v1"), None).await.unwrap();
    refused("no answer yet", &answer, "server.clientproxy.ssl_authentication_failed");
    before.assert_none_since(&nation, "no answer yet").unwrap();
    newcomer.stop().await.unwrap();
}
