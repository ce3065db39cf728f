//! Certificates that another process renews under a running gateway are shown from then on, and no call is lost by that.

use super::forwarder::between_gateways;
use super::tools::{second_authentication, until};
use jiff::SignedDuration;
use keystore::{AlternativeName, KeyAlgorithm, KeyUsage, Keystore, SelfSigned};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;
use testkit::{Nation, call};
use trust::Certificate;

/// The certificate that a listener shows to `openssl s_client`.
fn shown(at: SocketAddr) -> Certificate {
    let output = Command::new("openssl")
        .args(["s_client", "-connect", &at.to_string()])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let from = text.find("-----BEGIN CERTIFICATE-----").unwrap_or_else(|| panic!("no certificate in {text}"));
    let end = "-----END CERTIFICATE-----";
    let to = text.find(end).unwrap() + end.len();
    Certificate::from_der_or_pem(&text.as_bytes()[from..to]).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_internal_certificate_is_shown_to_consumers_at_once() {
    let nation = Nation::start().await.unwrap();
    let config = &nation.consumer.config;
    let at = config.listen.consumer_https;
    // Another handle, as the command line has one.
    let keystore = Keystore::open(config.keystore_dir(), &nation.pin).unwrap();
    let first = keystore.active_internal_tls(nation.clock.now()).unwrap().certificate;
    assert_eq!(shown(at), first);
    let key = keystore.generate(KeyUsage::InternalTls, KeyAlgorithm::EcP256, "second").unwrap();
    let now = nation.clock.now();
    let shape = SelfSigned::InternalTls {
        common_name: "renewed".to_owned(),
        alternative_names: vec![AlternativeName::parse("localhost").unwrap()],
        not_before: now - SignedDuration::from_hours(1),
        not_after: now + SignedDuration::from_hours(24),
    };
    keystore.self_signed(&key, &shape).unwrap();
    keystore.deactivate(&first.sha256()).unwrap();
    let second = keystore.active_internal_tls(now).unwrap().certificate;
    assert_ne!(second, first);
    until("the new certificate is shown", || shown(at) == second).await;
    // And from then on, without a restart, nothing else.
    assert_eq!(shown(at), second);
    assert_eq!(nation.send(call("GET", "/v1"), None).await.unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_authentication_certificate_is_shown_to_peers_at_once_and_no_call_is_lost() {
    let nation = Nation::start().await.unwrap();
    let forwarder = between_gateways(&nation).await;
    let (keystore, second) = second_authentication(&nation, &nation.consumer.config);
    let first = nation.consumer_identity.authentication.clone();
    let mut state = nation.registry_state.clone();
    let interior = nation.address(50, 0).ip().to_string();
    state.servers.iter_mut().find(|server| server.code == "interior").unwrap().address = Some(interior);
    let commerce = state.servers.iter().position(|server| server.code == "commerce").unwrap();
    state.servers[commerce].auth_certificates.push(second.clone());
    nation.publish(&state).await.unwrap();
    keystore.activate(&second.sha256()).unwrap();
    nation.consumer.proves(&[&second]).await.unwrap();

    for n in 0..3 {
        assert_eq!(nation.send(call("GET", "/v1"), None).await.unwrap().status, 200, "call {n}");
    }
    let before = forwarder.accepted();
    keystore.deactivate(&first.sha256()).unwrap();
    let calling = async {
        while forwarder.accepted() == before {
            let answer = nation.send(call("GET", "/v1"), None).await.unwrap();
            assert_eq!(answer.status, 200, "a call is lost: {}", answer.text());
        }
    };
    let renewed = tokio::time::timeout(Duration::from_secs(20), calling).await;
    renewed.expect("the kept connection goes when its certificate does");
    assert_eq!(forwarder.accepted(), before + 1, "one handshake");
    until("the old connection is closed", || forwarder.open() == 1).await;
    // Whoever still showed the first would be refused now.
    state.servers[commerce].auth_certificates = vec![second];
    nation.publish(&state).await.unwrap();
    for n in 0..3 {
        let answer = nation.send(call("GET", "/v1"), None).await.unwrap();
        assert_eq!(answer.status, 200, "call {n}: {}", answer.text());
    }
}
