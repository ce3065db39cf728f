//! Evidence without time-stamps is no evidence: without a service, or when services have failed for too long, nothing is carried
//! (data-plane 7.3).

use super::common::{Traces, refused};
use jiff::SignedDuration;
use testkit::{Choices, Nation, call, until};

/// X-Road's consumer server says `io_error` here and the code in the text (2.8); ours says the code.
const NO_PROVIDER: &str = "logging_failed.mlog.no_timestamping_provider_found";
const TOO_LONG: &str = "logging_failed.timestamping_failed";

fn patient_for_a_minute() -> Choices {
    let mut choices = Choices::default();
    choices.log.timestamp_failure_seconds_max = 60;
    choices
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_time_stamp_service_nothing_is_taken() {
    let nation = Nation::start().await.unwrap();
    for (side, code) in [("consumer", "server.clientproxy"), ("provider", "server.serverproxy")] {
        let (gateway, mut settings) = match side {
            "consumer" => (&nation.consumer, nation.consumer_settings().unwrap()),
            _ => (&nation.provider, nation.provider_settings().unwrap()),
        };
        let declared = settings.clone();
        settings.time_stamps.clear();
        gateway.apply(&settings).await.unwrap();
        assert!(gateway.gateway.ready().is_err(), "{side}");
        let before = Traces::of(&nation).unwrap();
        let answer = nation.send(call("POST", "/v1"), Some(b"x")).await.unwrap();
        refused(side, &answer, &format!("{code}.{NO_PROVIDER}"));
        let request = u64::from(side == "provider");
        assert_eq!(Traces::of(&nation).unwrap(), before.plus(0, request, 0), "{side}");
        gateway.apply(&declared).await.unwrap();
        let before = Traces::of(&nation).unwrap();
        assert_eq!(nation.send(call("GET", "/v1"), None).await.unwrap().status, 200, "{side}");
        before.assert_whole(&nation, side).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_time_stamping_fails_too_long_nothing_is_taken_until_it_works_again() {
    let nation = Nation::start_with(patient_for_a_minute()).await.unwrap();
    nation.authority.drills().set_tsa_offline(true);
    assert_eq!(nation.send(call("GET", "/v1"), None).await.unwrap().status, 200);
    let failing = || {
        nation.hands.advance(SignedDuration::from_secs(1));
        let health = |gateway: &testkit::RunningGateway| gateway.gateway.log_health().stamping_failing_since;
        health(&nation.consumer).is_some() && health(&nation.provider).is_some()
    };
    until("time-stamping fails", failing).await.unwrap();
    // For a while that is borne.
    let before = Traces::of(&nation).unwrap();
    assert_eq!(nation.send(call("GET", "/v1"), None).await.unwrap().status, 200);
    before.assert_whole(&nation, "a short failure").unwrap();
    nation.hands.advance(SignedDuration::from_secs(61));
    let before = Traces::of(&nation).unwrap();
    let answer = nation.send(call("GET", "/v1"), None).await.unwrap();
    refused("too long", &answer, &format!("server.clientproxy.{TOO_LONG}"));
    before.assert_none_since(&nation, "too long").unwrap();
    nation.authority.drills().set_tsa_offline(false);
    until("it works again", || {
        nation.hands.advance(SignedDuration::from_secs(1));
        nation.consumer.gateway.ready().is_ok() && nation.provider.gateway.ready().is_ok()
    })
    .await
    .unwrap();
    let answer = nation.send(call("GET", "/v1"), None).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    before.assert_whole(&nation, "recovered").unwrap();
    until("all is time-stamped", || {
        nation.hands.advance(SignedDuration::from_secs(1));
        let left = |gateway: &testkit::RunningGateway| gateway.gateway.log_health().unstamped;
        left(&nation.consumer) == 0 && left(&nation.provider) == 0
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_whose_time_stamping_fails_too_long_asks_its_service_nothing() {
    let nation = Nation::start_with(patient_for_a_minute()).await.unwrap();
    let mut settings = nation.provider_settings().unwrap();
    for service in &mut settings.time_stamps {
        service.url = format!("http://{}", nation.address(41, 9));
    }
    nation.provider.apply(&settings).await.unwrap();
    assert_eq!(nation.send(call("GET", "/v1"), None).await.unwrap().status, 200);
    until("time-stamping fails", || {
        nation.hands.advance(SignedDuration::from_secs(1));
        nation.provider.gateway.log_health().stamping_failing_since.is_some()
    })
    .await
    .unwrap();
    nation.hands.advance(SignedDuration::from_secs(61));
    let before = Traces::of(&nation).unwrap();
    let answer = nation.send(call("GET", "/v1"), None).await.unwrap();
    refused("too long", &answer, &format!("server.serverproxy.{TOO_LONG}"));
    before.assert_request_only(&nation, "too long").unwrap();
}
