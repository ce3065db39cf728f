//! The services on the network, asked by openssl and by our own client.

use crate::bench::{Bench, said};
use base64::Engine;
use http1::{FetchLimits, Fetched, fetch};
use practice::{Addresses, KeyKind, Services, StartFailure};
use std::sync::Arc;

const ANY: &str = "127.0.0.1:0";

fn anywhere() -> Addresses {
    let any = ANY.parse().unwrap();
    Addresses { authority: any, ocsp: any, tsa: any }
}

async fn start(bench: &Bench) -> Services {
    Services::start(Arc::clone(&bench.authority), anywhere()).await.unwrap()
}

async fn post(url: &str, body: &[u8]) -> Fetched {
    fetch("POST", url, &[], Some(body), &FetchLimits::default()).await.unwrap()
}

async fn get(url: &str) -> Fetched {
    fetch("GET", url, &[], None, &FetchLimits::default()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn openssl_asks_our_responder_over_http() {
    let bench = Bench::new(KeyKind::Rsa, true);
    let services = start(&bench).await;
    bench.signing("c");
    let text = bench.accepts(&["x509", "-in", "c.pem", "-noout", "-ocsp_uri"]);
    assert_eq!(text.trim(), services.ocsp_url(), "the certificate names the responder");
    let url = services.ocsp_url();
    let arguments = [
        "ocsp",
        "-url",
        &url,
        "-issuer",
        "issuer.pem",
        "-sha1",
        "-cert",
        "c.pem",
        "-CAfile",
        "root.pem",
        "-verify_other",
        "issuer.pem",
    ];
    let said = said(&bench.openssl(&arguments));
    assert!(said.contains("Response verify OK") && said.contains("c.pem: good"), "{said}");
    services.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ocsp_is_answered_by_get_and_by_post_alike() {
    let bench = Bench::new(KeyKind::Ec, false);
    let services = start(&bench).await;
    bench.signing("c");
    bench.accepts(&["ocsp", "-issuer", "issuer.pem", "-cert", "c.pem", "-no_nonce", "-reqout", "q.der"]);
    let query = bench.read("q.der");
    let posted = post(&services.ocsp_url(), &query).await;
    assert_eq!((posted.status, posted.header_text("content-type")), (200, Some("application/ocsp-response")));
    let encoded = base64::engine::general_purpose::STANDARD.encode(&query);
    let encoded = encoded.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let got = get(&format!("{}{encoded}", services.ocsp_url())).await;
    let judge =
        ["ocsp", "-issuer", "issuer.pem", "-cert", "c.pem", "-CAfile", "root.pem", "-respin", "r.der"];
    for body in [posted.body, got.body] {
        bench.write("r.der", &body);
        assert!(bench.accepts(&judge).contains("c.pem: good"));
    }
    let malformed = [0x30, 3, 0x0a, 1, 1];
    assert_eq!(get(&format!("{}!!", services.ocsp_url())).await.body, malformed);
    assert_eq!(post(&services.ocsp_url(), b"garbage").await.body, malformed);
    assert_eq!(post(&services.ocsp_url(), &vec![0; 20_000]).await.status, 413);
    let limits = FetchLimits::default();
    let put = fetch("PUT", &services.ocsp_url(), &[], Some(&query), &limits).await.unwrap();
    assert_eq!(put.status, 405);
    services.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn time_stamps_are_given_over_http() {
    let bench = Bench::new(KeyKind::Ec, true);
    let services = start(&bench).await;
    bench.write("m", b"the message");
    bench.accepts(&["ts", "-query", "-data", "m", "-sha512", "-no_nonce", "-out", "q.tsq"]);
    let answer = post(&services.tsa_url(), &bench.read("q.tsq")).await;
    assert_eq!(
        (answer.status, answer.header_text("content-type")),
        (200, Some("application/timestamp-reply"))
    );
    bench.write("r.tsr", &answer.body);
    let judge = [
        "ts",
        "-verify",
        "-in",
        "r.tsr",
        "-queryfile",
        "q.tsq",
        "-CAfile",
        "root.pem",
        "-untrusted",
        "tsa.pem",
    ];
    assert!(bench.accepts(&judge).contains("Verification: OK"));
    assert_eq!(get(&services.tsa_url()).await.status, 405);
    assert_eq!(post(&services.tsa_url(), &vec![0; 5000]).await.status, 413);
    services.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn certificate_requests_are_signed_over_http() {
    let bench = Bench::new(KeyKind::Rsa, false);
    let services = start(&bench).await;
    let request = bench.rsa_request("c");
    for (profile, usage) in [("auth", "Digital Signature"), ("sign", "Non Repudiation")] {
        let answer = post(&format!("{}?profile={profile}", services.sign_url()), &request).await;
        assert_eq!(answer.status, 200);
        bench.write("c.pem", &answer.body);
        assert!(bench.accepts(&["x509", "-in", "c.pem", "-noout", "-text"]).contains(usage));
        assert!(bench.accepts(&["verify", "-CAfile", "root.pem", "c.pem"]).contains("OK"));
    }
    let sign = format!("{}?profile=sign", services.sign_url());
    for (url, body, status) in [
        (services.sign_url(), &request[..], 400),
        (format!("{}?profile=x", services.sign_url()), &request, 400),
        (sign.clone(), b"garbage", 400),
        (sign.clone(), &vec![0; 20_000], 413),
        (format!("{sign}x"), &request, 400),
        (services.sign_url().replace("sign", "sigh"), &request, 404),
    ] {
        let answer = post(&url, body).await;
        assert_eq!(answer.status, status, "{url}");
        assert!(!answer.body.is_empty());
    }
    let door = services.sign_url().replace("/testca/sign", "");
    let root = get(&format!("{door}/certificates/root.pem")).await;
    assert_eq!(root.body, bench.read("root.pem"));
    assert_eq!(get(&format!("{door}/certificates/root.key")).await.status, 404);
    services.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn offline_services_answer_nothing_useful_and_come_back() {
    let bench = Bench::new(KeyKind::Ec, false);
    let services = start(&bench).await;
    let drills = bench.authority.drills();
    drills.set_ocsp_offline(true);
    assert_eq!(post(&services.ocsp_url(), b"x").await.status, 503);
    drills.set_ocsp_offline(false);
    assert_eq!(post(&services.ocsp_url(), b"x").await.status, 200);
    drills.set_tsa_offline(true);
    assert_eq!(post(&services.tsa_url(), b"x").await.status, 503);
    drills.set_tsa_offline(false);
    assert_eq!(post(&services.tsa_url(), b"x").await.status, 200);
    let url = services.ocsp_url();
    services.stop().await;
    assert!(fetch("POST", &url, &[], Some(b"x"), &FetchLimits::default()).await.is_err());
}

#[tokio::test]
async fn listens_on_loopback_only() {
    let bench = Bench::new(KeyKind::Ec, false);
    let wide = Addresses { tsa: "0.0.0.0:0".parse().unwrap(), ..anywhere() };
    let refused = Services::start(Arc::clone(&bench.authority), wide).await;
    assert!(matches!(refused, Err(StartFailure::NotLoopback(_))));
    let services = start(&bench).await;
    let taken = Services::start(Arc::clone(&bench.authority), services.addresses()).await;
    assert!(matches!(taken, Err(StartFailure::Listen { .. })));
    services.stop().await;
}
