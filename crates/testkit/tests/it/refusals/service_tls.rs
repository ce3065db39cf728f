//! Services behind HTTPS: their certificate is one that the provider registered, or they hear nothing (data-plane 8.4).

use super::common::{Traces, offer, refused, service};
use super::raw::{RawService, Then};
use super::tls::{Identity, TlsService};
use anyhow::Result;
use http1::RequestHead;
use keystore::Keystore;
use testkit::{CLIENT, Nation, PROVIDER};

async fn register(nation: &Nation, url: &str, verify: bool, certificates: &[&Identity]) -> Result<()> {
    let mut offered = service("tls", url);
    offered.verify_certificate = verify;
    offered.timeout_seconds = 2;
    let mut settings = offer(nation.provider_settings()?, vec![offered])?;
    for client in &mut settings.clients {
        client.internal_certificates_der =
            certificates.iter().map(|i| i.declared()).collect::<Result<_>>()?;
    }
    nation.provider.apply(&settings).await
}

fn ask() -> RequestHead {
    RequestHead::new("GET", &format!("/r1/{PROVIDER}/tls/v1")).with("X-Road-Client", CLIENT)
}

/// A service, whether its certificate counts, the certificates registered, and the sentence with which it is refused.
type Row<'a> = (&'a str, &'a TlsService, bool, &'a [&'a Identity], Option<&'a str>);

#[tokio::test(flavor = "multi_thread")]
async fn a_service_must_show_a_registered_certificate() {
    let nation = Nation::start().await.unwrap();
    let (own, other) = (Identity::new("service").unwrap(), Identity::new("service").unwrap());
    let stale = Identity::with_validity("another name altogether", 0).unwrap();
    let tls = TlsService::start(nation.address(22, 9443), &own).await.unwrap();
    let ended = TlsService::start(nation.address(23, 9443), &stale).await.unwrap();
    let none = "Client 'SUBSYSTEM:CAMBODIA/GOV/MOI/civil-registry' has no IS certificates";
    let untrusted = "IS certificate is not trusted";
    let rows: [Row<'_>; 7] = [
        ("registered", &tls, true, &[&own], None),
        ("one of two", &tls, true, &[&other, &own], None),
        ("names and dates do not count", &ended, true, &[&stale], None),
        ("not registered", &tls, true, &[&other], Some(untrusted)),
        ("none registered", &tls, true, &[], Some(none)),
        ("any certificate", &tls, false, &[&other], None),
        ("any certificate, none registered", &tls, false, &[], None),
    ];
    for (case, server, verify, certificates, refusal) in rows {
        register(&nation, &server.url(), verify, certificates).await.unwrap();
        let (before, calls) = (Traces::of(&nation).unwrap(), server.count());
        let answer = nation.send(ask(), None).await.unwrap();
        if let Some(sentence) = refusal {
            let said = refused(case, &answer, "server.serverproxy.ssl_authentication_failed");
            assert_eq!(said, sentence, "{case}");
            assert_eq!(server.count(), calls, "{case}: nothing was asked");
            assert_eq!(Traces::of(&nation).unwrap(), before.plus(0, 1, 1), "{case}");
        } else {
            assert_eq!((answer.status, answer.text().as_str()), (200, "over TLS"), "{case}");
            assert_eq!(server.count(), calls + 1, "{case}");
        }
    }
    // A service that asks is shown the internal certificate.
    let keystore = Keystore::open(nation.provider.config.keystore_dir(), &nation.pin).unwrap();
    let internal = keystore.active_internal_tls(nation.clock.now()).unwrap();
    assert!(tls.presented().iter().all(|shown| shown == internal.certificate.der()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_does_not_speak_tls_is_refused() {
    let nation = Nation::start().await.unwrap();
    let raw = RawService::start(nation.address(24, 9443)).await.unwrap();
    let url = format!("https://{}", raw.address);
    for (case, bytes, then, code) in [
        // Authentication is what the certificate is about; there was none yet.
        ("plain HTTP", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Then::Close, "io_error"),
        ("closed", "", Then::Close, "io_error"),
        ("reset", "", Then::Reset, "network_error"),
        ("silent", "", Then::Hold, "io_error"),
    ] {
        register(&nation, &url, false, &[]).await.unwrap();
        // TLS has no blank line for which the server would wait, so it answers at once.
        raw.answers_at_once(bytes, then);
        let before = Traces::of(&nation).unwrap();
        let answer = nation.send(ask(), None).await.unwrap();
        refused(case, &answer, &format!("server.serverproxy.{code}"));
        assert_eq!(Traces::of(&nation).unwrap(), before.plus(0, 1, 1), "{case}");
    }
    let closed = format!("https://{}", nation.address(41, 9));
    register(&nation, &closed, true, &[]).await.unwrap();
    let answer = nation.send(ask(), None).await.unwrap();
    refused("nobody there", &answer, "server.serverproxy.network_error");
}
