//! How a consumer must connect (data-plane 8.2; each row was seen on a live 7.8.0, recorded under `options/https`).

use super::common::{Traces, refused};
use super::raw;
use super::tls::{self, Identity};
use anyhow::{Context as _, Result};
use gateway::Connection;
use keystore::Keystore;
use testkit::{Nation, call};

const CODE: &str = "server.clientproxy.ssl_authentication_failed";
const NOT_SUPPLIED: &str = "Client (SUBSYSTEM:CAMBODIA/GOV/MOC/business-registry) specifies HTTPS but did not supply TLS certificate";
const NO_CERTIFICATES: &str = "Client (SUBSYSTEM:CAMBODIA/GOV/MOC/business-registry) has no IS certificates";
const NO_MATCH: &str = "Client (SUBSYSTEM:CAMBODIA/GOV/MOC/business-registry) TLS certificate does not match any IS certificates";
const PLAIN: &str = "Client (SUBSYSTEM:CAMBODIA/GOV/MOC/business-registry) specifies HTTPS NO AUTH but client made plaintext connection";

/// The gateway's own internal certificate, which local programs may use.
fn internal(nation: &Nation) -> Result<Identity> {
    let keystore = Keystore::open(nation.consumer.config.keystore_dir(), &nation.pin)?;
    let held = keystore.active_internal_tls(nation.clock.now()).context("no internal certificate")?;
    Identity::from_der(held.certificate.der(), &keystore.tls_key_der(&held.key)?)
}

/// How the consumer comes: `None` in the clear, otherwise over TLS with that certificate or none.
type Way<'a> = Option<Option<&'a Identity>>;

/// A setting, and for each way the sentence with which it is refused.
type Mode<'a> = (&'a str, Connection, &'a [&'a Identity], [Option<&'a str>; 5]);

async fn check(nation: &Nation, case: &str, way: Way<'_>, refusal: Option<&str>) -> Result<()> {
    let before = Traces::of(nation)?;
    let answer = match way {
        None => nation.send(call("GET", "/v1"), None).await?,
        Some(identity) => {
            tls::call(nation.consumer.config.listen.consumer_https, identity, call("GET", "/v1")).await?
        }
    };
    let Some(sentence) = refusal else {
        assert_eq!(answer.status, 200, "{case}: {}", answer.text());
        return before.assert_whole(nation, case);
    };
    assert_eq!(refused(case, &answer, CODE), sentence, "{case}");
    before.assert_none_since(nation, case)
}

async fn demand(nation: &Nation, connection: Connection, certificates: &[&Identity]) -> Result<()> {
    let mut settings = nation.consumer_settings()?;
    for client in &mut settings.clients {
        client.connection = connection;
        client.internal_certificates_der =
            certificates.iter().map(|i| i.declared()).collect::<Result<_>>()?;
    }
    nation.consumer.apply(&settings).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_connects_as_its_client_demands() {
    let nation = Nation::start().await.unwrap();
    let (good, wrong) = (Identity::new("system").unwrap(), Identity::new("system").unwrap());
    let internal = internal(&nation).unwrap();
    let ways: [(&str, Way<'_>); 5] = [
        ("plain", None),
        ("no certificate", Some(None)),
        ("good", Some(Some(&good))),
        ("wrong", Some(Some(&wrong))),
        ("internal", Some(Some(&internal))),
    ];
    let modes: [Mode<'_>; 4] = [
        ("NOSSL", Connection::Http, &[], [None; 5]),
        ("SSLNOAUTH", Connection::Https, &[], [Some(PLAIN), None, None, None, None]),
        (
            "SSLAUTH without certificates",
            Connection::HttpsMutual,
            &[],
            [Some(NOT_SUPPLIED), Some(NOT_SUPPLIED), Some(NO_CERTIFICATES), Some(NO_CERTIFICATES), None],
        ),
        (
            "SSLAUTH",
            Connection::HttpsMutual,
            &[&good],
            [Some(NOT_SUPPLIED), Some(NOT_SUPPLIED), None, Some(NO_MATCH), None],
        ),
    ];
    for (mode, connection, certificates, expected) in modes {
        demand(&nation, connection, certificates).await.unwrap();
        for ((way, how), refusal) in ways.iter().zip(expected) {
            check(&nation, &format!("{mode}, {way}"), *how, refusal).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_certificate_is_compared_and_nothing_else() {
    let nation = Nation::start().await.unwrap();
    let (one, another) = (Identity::with_validity("a", 0).unwrap(), Identity::new("b").unwrap());
    demand(&nation, Connection::HttpsMutual, &[&one, &another]).await.unwrap();
    check(&nation, "ends today", Some(Some(&one)), None).await.unwrap();
    check(&nation, "the second of two", Some(Some(&another)), None).await.unwrap();
    // The same key and name in another certificate are another certificate.
    let mut forged = Identity::new("b").unwrap();
    forged.certificate = {
        let mut builder = openssl::x509::X509::builder().unwrap();
        builder.set_version(2).unwrap();
        builder.set_subject_name(another.certificate.subject_name()).unwrap();
        builder.set_issuer_name(another.certificate.issuer_name()).unwrap();
        builder.set_not_before(another.certificate.not_before()).unwrap();
        builder.set_not_after(another.certificate.not_after()).unwrap();
        builder.set_serial_number(another.certificate.serial_number()).unwrap();
        builder.set_pubkey(&forged.key).unwrap();
        builder.sign(&forged.key, openssl::hash::MessageDigest::sha256()).unwrap();
        builder.build()
    };
    check(&nation, "the same name", Some(Some(&forged)), Some(NO_MATCH)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_http_on_the_tls_port_gets_no_http_answer() {
    let nation = Nation::start().await.unwrap();
    let before = Traces::of(&nation).unwrap();
    let request = "GET /r1/CAMBODIA/GOV/MOI/civil-registry/people HTTP/1.1\r\nHost: x\r\n\
                   X-Road-Client: CAMBODIA/GOV/MOC/business-registry\r\nConnection: close\r\n\r\n";
    let answer =
        raw::exchange(nation.consumer.config.listen.consumer_https, request).await.unwrap_or_default();
    // Nothing, or a TLS alert.
    assert!(answer.is_empty() || answer[0] == 0x15, "{answer:?}");
    before.assert_none_since(&nation, "plain HTTP on 8443").unwrap();
}
