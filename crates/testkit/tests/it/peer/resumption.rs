//! Sessions of TLS 1.3 that gateways of our own kind resume with each other, as they are seen from outside.

use super::recorder::Recorder;
use super::tap::{Passed, Tap};
use anyhow::{Context as _, Result};
use jiff::SignedDuration;
use testkit::{Answer, Choices, Nation, call, until};

/// A nation whose gateways see each other over taps, the one of port 5500 of which is given.
pub(crate) async fn tapped(choices: Choices) -> Result<(Nation, Tap)> {
    let nation = Nation::start_with(choices).await?;
    let listen = nation.provider.config.listen.clone();
    let tap = Tap::start(nation.address(50, 5500), listen.transport).await?;
    Tap::start(nation.address(50, 5577), listen.ocsp).await?;
    publish(&nation, |_| {}).await?;
    Ok((nation, tap))
}

/// The nation's state with the provider's server behind the tap, and one more change.
pub(crate) fn changed(
    nation: &Nation,
    change: impl FnOnce(&mut registry::Declaration),
) -> registry::Declaration {
    let mut state = nation.registry_state.clone();
    for server in state.servers.iter_mut().filter(|server| server.code == "interior") {
        server.address = Some(nation.address(50, 0).ip().to_string());
    }
    change(&mut state);
    state
}

async fn publish(nation: &Nation, change: impl FnOnce(&mut registry::Declaration)) -> Result<()> {
    nation.publish(&changed(nation, change)).await
}

/// One exchange, after which kept connections are closed; what passed.
async fn exchange(nation: &Nation, tap: &Tap) -> Result<Vec<Passed>> {
    let before = tap.passed().len();
    let answer = ask(nation).await?;
    anyhow::ensure!(answer.status == 200, "{} {}", answer.status, answer.text());
    nation.hands.advance(SignedDuration::from_secs(21));
    until("idle connections are closed", || tap.is_quiet()).await?;
    Ok(tap.passed().split_off(before))
}

pub(crate) async fn ask(nation: &Nation) -> Result<Answer> {
    nation.send(call("GET", "/v1/people"), None).await
}

/// One exchange on one connection.
pub(crate) async fn single(nation: &Nation, tap: &Tap) -> Result<Passed> {
    let passed = exchange(nation, tap).await?;
    anyhow::ensure!(passed.len() == 1, "{} connections", passed.len());
    passed.into_iter().next().context("none")
}

/// Exchanges until sessions are resumed: once met, once by rustls, once resumed.
pub(crate) async fn acquainted(nation: &Nation, tap: &Tap) -> Result<()> {
    for resumed in [false, false, true] {
        anyhow::ensure!(single(nation, tap).await?.resumes() == resumed, "resumed or not, otherwise");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_met_resumes_until_an_hour_is_over_and_then_proves_everything_anew() {
    let choices = Choices { intermediate: true, ocsp_freshness_seconds: 6 * 3600, ..Choices::default() };
    let (nation, tap) = tapped(choices).await.unwrap();
    // The first by OpenSSL, the second by rustls, which has no session yet.
    let met = single(&nation, &tap).await.unwrap();
    let full = single(&nation, &tap).await.unwrap();
    assert!(!met.offers_a_session() && !full.offers_a_session());
    for _ in 0..3 {
        let resumed = single(&nation, &tap).await.unwrap();
        assert!(resumed.offers_a_session() && resumed.resumes());
        // Neither shows its certificates again.
        let of_provider = nation.provider_identity.authentication.der().len();
        let of_consumer = nation.consumer_identity.authentication.der().len();
        assert!(resumed.answered.len() + of_provider < full.answered.len());
        assert!(resumed.asked.len() + of_consumer < full.asked.len());
    }
    nation.hands.advance(SignedDuration::from_hours(1));
    nation.consumer.ready().await.unwrap();
    nation.provider.ready().await.unwrap();
    acquainted(&nation, &tap).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_x_road_server_in_the_place_of_one_of_our_kind_is_asked_in_the_same_attempt() {
    let (nation, tap) = tapped(Choices::default()).await.unwrap();
    acquainted(&nation, &tap).await.unwrap();
    // TLS 1.2 and nothing else, with the certificate of the one whose place it takes.
    let at = nation.address(51, 5500);
    let recorder = Recorder::start(&nation, at, false).await.unwrap();
    tap.lead_to(at);
    let passed = exchange(&nation, &tap).await.unwrap();
    let [refused, accepted] = passed.as_slice() else { panic!("{} connections", passed.len()) };
    assert!(refused.offers_a_session() && refused.is_turned_away());
    assert!(!accepted.offers_a_session());
    recorder.take(1).await.unwrap();
    // It is remembered for what it is.
    assert!(!single(&nation, &tap).await.unwrap().offers_a_session());
    recorder.take(1).await.unwrap();
    // The old one comes back: it is met anew, and its old sessions are as good as ever.
    tap.lead_to(nation.provider.config.listen.transport);
    assert!(!single(&nation, &tap).await.unwrap().offers_a_session());
    assert!(single(&nation, &tap).await.unwrap().offers_a_session());
}
