//! Without a certificate that is shown to be good, a gateway neither connects nor signs (data-plane 2.1, 5.1, 6.2).

use super::common::{Traces, refused};
use super::configuration::newcomer;
use gateway::Refusal;
use jiff::SignedDuration;
use practice::{PracticeAuthority, RevocationReason};
use std::time::Duration;
use testkit::{Answer, Nation, call, call_to, until};
use trust::Certificate;

/// Lets both gateways ask for OCSP answers now, and waits until they have: they do so whenever the configuration of the exchange changes.
async fn ask_anew(nation: &Nation) -> anyhow::Result<()> {
    let asked = (nation.consumer.gateway.ocsp_asked_anew(), nation.provider.gateway.ocsp_asked_anew());
    let mut state = nation.registry_state.clone();
    for member in &mut state.members {
        member.name = format!("{} at {}", member.name, nation.clock.now());
    }
    nation.publish(&state).await?;
    let both = async { tokio::join!(asked.0, asked.1) };
    tokio::time::timeout(Duration::from_secs(30), both).await?;
    Ok(())
}

fn revoke(nation: &Nation, certificate: &Certificate) -> anyhow::Result<()> {
    let serial = PracticeAuthority::serial_of(certificate.der());
    let serial = serial.ok_or_else(|| anyhow::anyhow!("no serial number"))?;
    Ok(nation.authority.revoke(&serial, RevocationReason::KeyCompromise)?)
}

/// A call, and the traces before it.
async fn called(nation: &Nation) -> anyhow::Result<(Answer, Traces)> {
    let before = Traces::of(nation)?;
    Ok((nation.send(call("GET", "/v1"), None).await?, before))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_signing_certificate_signs_no_request() {
    let nation = Nation::start().await.unwrap();
    revoke(&nation, &nation.consumer_identity.signing).unwrap();
    ask_anew(&nation).await.unwrap();
    let (answer, before) = called(&nation).await.unwrap();
    let said = refused("revoked", &answer, "server.clientproxy.cannot_create_signature");
    assert!(said.contains("MEMBER:CAMBODIA/GOV/MOC"), "{said}");
    before.assert_none_since(&nation, "revoked").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_signing_certificate_signs_no_answer_so_the_service_is_not_asked() {
    let nation = Nation::start().await.unwrap();
    revoke(&nation, &nation.provider_identity.signing).unwrap();
    ask_anew(&nation).await.unwrap();
    let (answer, before) = called(&nation).await.unwrap();
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
    let (answer, before) = called(&nation).await.unwrap();
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
    // At first the configuration has expired, too, until the registry's next one is fetched.
    until("the next configuration is in force", || {
        matches!(nation.consumer.gateway.ready(), Err(Refusal::NoAuthentication(_)))
    })
    .await
    .unwrap();
    let (answer, before) = called(&nation).await.unwrap();
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
    until("the configuration is there", || newcomer.gateway.pictures_taken() > 0).await.unwrap();
    let answer = call_to(newcomer.config.listen.consumer_http, call("GET", "/v1"), None).await.unwrap();
    refused("no answer yet", &answer, "server.clientproxy.ssl_authentication_failed");
    before.assert_none_since(&nation, "no answer yet").unwrap();
    newcomer.stop().await.unwrap();
}
