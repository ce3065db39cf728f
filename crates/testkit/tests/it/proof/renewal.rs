//! Certificates that another process renews under a running gateway are shown from then on.

use super::tools::until;
use jiff::SignedDuration;
use keystore::{AlternativeName, KeyAlgorithm, KeyUsage, Keystore, SelfSigned};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
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
