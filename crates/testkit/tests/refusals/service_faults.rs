//! A service that is down, slow, cut off or broken: the request is on record at both gateways, and the consumer reads what happened and
//! nothing of a half answer (data-plane 4.10, 9.1).

use super::common::{Traces, offer, refused, service};
use super::raw::{RawService, Then};
use flate2::Compression;
use flate2::write::GzEncoder;
use http1::RequestHead;
use std::io::Write as _;
use testkit::{CLIENT, Nation, PROVIDER, call};

fn ask(method: &str, service: &str) -> RequestHead {
    RequestHead::new(method, &format!("/r1/{PROVIDER}/{service}/v1")).with("X-Road-Client", CLIENT)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_cannot_be_reached_is_named_by_its_kind() {
    let nation = Nation::start().await.unwrap();
    let closed = format!("http://{}", nation.address(41, 9));
    let services = [
        ("closed", closed.as_str(), "network_error"),
        ("nameless", "http://service.invalid/x", "unknown_host"),
        ("nameless-tls", "https://service.invalid/x", "unknown_host"),
        ("not-http", "ftp://127.0.0.1/", "service_malformed_url"),
        ("no-url", "", "service_malformed_url"),
    ];
    let offered = services.iter().map(|(code, url, _)| service(code, url)).collect();
    nation.provider.apply(&offer(nation.provider_settings().unwrap(), offered).unwrap()).await.unwrap();
    for (code, _, fault) in services {
        let before = Traces::of(&nation).unwrap();
        let answer = nation.send(ask("GET", code), None).await.unwrap();
        refused(code, &answer, &format!("server.serverproxy.{fault}"));
        assert_eq!(Traces::of(&nation).unwrap(), before.plus(0, 1, 1), "{code}");
    }
    // The connection between the gateways bears no grudge.
    let before = Traces::of(&nation).unwrap();
    assert_eq!(nation.send(call("GET", "/v1"), None).await.unwrap().status, 200);
    before.assert_whole(&nation, "afterwards").unwrap();
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap_or_default();
    encoder.finish().unwrap_or_default()
}

fn with_body(head: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = head.as_bytes().to_vec();
    bytes.extend_from_slice(body);
    bytes
}

/// What the service does, and the code of it.
fn misbehaviours() -> Vec<(&'static str, Vec<u8>, Then, &'static str)> {
    let packed = gzip(&b"a person's record ".repeat(500));
    let half = packed.get(..packed.len() / 2).unwrap_or_default().to_vec();
    let mut spoilt = packed.clone();
    if let Some(crc) = spoilt.iter_mut().rev().nth(5) {
        *crc ^= 1;
    }
    let length =
        format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", half.len());
    let length_spoilt =
        format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", spoilt.len());
    let plain = |text: &str| text.as_bytes().to_vec();
    vec![
        ("silent", Vec::new(), Then::Hold, "io_error"),
        ("silent inside the head", plain("HTTP/1.1 200 OK\r\nConte"), Then::Hold, "io_error"),
        (
            "silent in the body",
            plain("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"),
            Then::Hold,
            "io_error",
        ),
        (
            "silent between chunks",
            plain("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
            Then::Hold,
            "io_error",
        ),
        ("no answer", Vec::new(), Then::Close, "io_error"),
        ("reset", Vec::new(), Then::Reset, "io_error"),
        ("cut in the head", plain("HTTP/1.1 200 OK\r\nConte"), Then::Close, "io_error"),
        (
            "cut before its length",
            plain("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"),
            Then::Close,
            "io_error",
        ),
        (
            "cut before any byte",
            plain("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"),
            Then::Close,
            "io_error",
        ),
        (
            "cut between chunks",
            plain("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
            Then::Close,
            "io_error",
        ),
        (
            "cut inside a chunk",
            plain("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"),
            Then::Close,
            "io_error",
        ),
        (
            "cut after the last chunk",
            plain("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"),
            Then::Close,
            "io_error",
        ),
        ("not HTTP", plain("SSH-2.0-OpenSSH_9.2\r\n\r\n"), Then::Close, "io_error"),
        ("HTTP/2", plain("HTTP/2 200 OK\r\nContent-Length: 0\r\n\r\n"), Then::Close, "io_error"),
        ("no number", plain("HTTP/1.1 okay\r\nContent-Length: 0\r\n\r\n"), Then::Close, "io_error"),
        (
            "a line without colon",
            plain("HTTP/1.1 200 OK\r\nNonsense\r\nContent-Length: 0\r\n\r\n"),
            Then::Close,
            "io_error",
        ),
        (
            "two lengths",
            plain("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc"),
            Then::Close,
            "io_error",
        ),
        (
            "two framings",
            plain("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            Then::Close,
            "io_error",
        ),
        (
            "broken chunks",
            plain("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nhello\r\n"),
            Then::Close,
            "io_error",
        ),
        ("half of a packed body", with_body(&length, &half), Then::Close, "io_error"),
        ("a packed body with a wrong checksum", with_body(&length_spoilt, &spoilt), Then::Close, "io_error"),
        (
            "not packed",
            plain("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello"),
            Then::Close,
            "io_error",
        ),
        (
            "not deflated",
            plain("HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\nContent-Length: 5\r\n\r\nhello"),
            Then::Close,
            "io_error",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_breaks_off_leaves_no_answer() {
    let nation = Nation::start().await.unwrap();
    let raw = RawService::start(nation.address(21, 9080)).await.unwrap();
    let mut offered = service("raw", &raw.url());
    offered.timeout_seconds = 1;
    nation.provider.apply(&offer(nation.provider_settings().unwrap(), vec![offered]).unwrap()).await.unwrap();
    for (case, bytes, then, code) in misbehaviours() {
        for (method, body) in [("GET", None), ("POST", Some(b"{\"a\":1}".as_slice()))] {
            let case = format!("{case}, {method}");
            raw.answers(&bytes, then);
            let before = (Traces::of(&nation).unwrap(), raw.count());
            let answer = nation.send(ask(method, "raw"), body).await.unwrap();
            refused(&case, &answer, &format!("server.serverproxy.{code}"));
            assert_eq!(Traces::of(&nation).unwrap(), before.0.plus(0, 1, 1), "{case}");
            assert_eq!(raw.count(), before.1 + 1, "{case}: asked once, and not again");
        }
    }
    let before = Traces::of(&nation).unwrap();
    assert_eq!(nation.send(call("GET", "/v1"), None).await.unwrap().status, 200);
    before.assert_whole(&nation, "afterwards").unwrap();
}
