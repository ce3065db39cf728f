//! A service that is down, slow, cut off or broken: the request is on record at both gateways, and the consumer reads what happened and
//! nothing of a half answer (data-plane 4.10, 9.1).

use super::common::{Traces, offer, refused, service};
use super::raw::{RawService, Then};
use flate2::Compression;
use flate2::write::GzEncoder;
use http1::RequestHead;
use std::io::Write as _;
use std::time::Duration;
use testkit::{CLIENT, Nation, PROVIDER, call};
use tokio::net::{TcpSocket, TcpStream};

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
        ("no-url", "", "service_missing_url"),
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

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_takes_no_connection_in_time_is_slow() {
    let nation = Nation::start().await.unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(nation.address(25, 9080)).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    // Nobody accepts: when the queue is full, the system lets further callers wait.
    let mut queue = Vec::new();
    while let Ok(waiting) =
        tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(address)).await
    {
        queue.push(waiting.unwrap());
    }
    let mut offered = service("full", &format!("http://{address}"));
    offered.timeout_seconds = 1;
    nation.provider.apply(&offer(nation.provider_settings().unwrap(), vec![offered]).unwrap()).await.unwrap();
    let before = Traces::of(&nation).unwrap();
    let answer = nation.send(ask("GET", "full"), None).await.unwrap();
    refused("full", &answer, "server.serverproxy.io_error");
    assert_eq!(Traces::of(&nation).unwrap(), before.plus(0, 1, 1));
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap_or_default();
    encoder.finish().unwrap_or_default()
}

/// What the service sends, and what it does then.
type Misbehaviour = (&'static str, Vec<u8>, Then);

fn slow_or_cut() -> Vec<Misbehaviour> {
    const SIZED: &str = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n";
    const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let row = |case, head: &str, body: &str, then| (case, format!("{head}{body}").into_bytes(), then);
    vec![
        row("silent", "", "", Then::Hold),
        row("silent inside the head", "HTTP/1.1 200 OK\r\nConte", "", Then::Hold),
        row("silent in the body", SIZED, "hello", Then::Hold),
        row("silent between chunks", CHUNKED, "5\r\nhello\r\n", Then::Hold),
        row("no answer", "", "", Then::Close),
        row("reset", "", "", Then::Reset),
        row("reset inside the head", "HTTP/1.1 200 OK\r\nConte", "", Then::Reset),
        row("reset before its length", SIZED, "hello", Then::Reset),
        row("reset inside a chunk", CHUNKED, "5\r\nhel", Then::Reset),
        row("cut in the head", "HTTP/1.1 200 OK\r\nConte", "", Then::Close),
        row("cut before its length", SIZED, "hello", Then::Close),
        row("cut before any byte", SIZED, "", Then::Close),
        row("cut between chunks", CHUNKED, "5\r\nhello\r\n", Then::Close),
        row("cut inside a chunk", CHUNKED, "5\r\nhel", Then::Close),
        row("cut after the last chunk", CHUNKED, "0\r\n", Then::Close),
        row("broken chunks", CHUNKED, "xyz\r\nhello\r\n", Then::Close),
    ]
}

fn broken_heads() -> Vec<Misbehaviour> {
    let row = |case, bytes: &str| (case, bytes.as_bytes().to_vec(), Then::Close);
    vec![
        row("not HTTP", "SSH-2.0-OpenSSH_9.2\r\n\r\n"),
        row("HTTP/2", "HTTP/2 200 OK\r\nContent-Length: 0\r\n\r\n"),
        row("no number", "HTTP/1.1 okay\r\nContent-Length: 0\r\n\r\n"),
        row("a line without colon", "HTTP/1.1 200 OK\r\nNonsense\r\nContent-Length: 0\r\n\r\n"),
        row("two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc"),
        row(
            "two framings",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
    ]
}

fn broken_packing() -> Vec<Misbehaviour> {
    let packed = gzip(&b"a person's record ".repeat(500));
    let half = packed.get(..packed.len() / 2).unwrap_or_default();
    let mut spoilt = packed.clone();
    if let Some(checksum) = spoilt.iter_mut().rev().nth(5) {
        *checksum ^= 1;
    }
    let row = |case, coding: &str, body: &[u8]| {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        (case, [head.as_bytes(), body].concat(), Then::Close)
    };
    vec![
        row("half of a packed body", "gzip", half),
        row(
            "a packed body without its end",
            "gzip",
            packed.get(..packed.len().saturating_sub(1)).unwrap_or_default(),
        ),
        row("a packed piece and half of another", "gzip", &[&packed, half].concat()),
        row(
            "a packed piece and the head of another",
            "gzip",
            &[&packed, packed.get(..5).unwrap_or_default()].concat(),
        ),
        row("a packed piece and something else", "gzip", &[&packed, b"hello".as_slice()].concat()),
        row("a packed body with a wrong checksum", "gzip", &spoilt),
        row("not packed", "gzip", b"hello"),
        row("not deflated", "deflate", b"hello"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_breaks_off_leaves_no_answer() {
    let nation = Nation::start().await.unwrap();
    let raw = RawService::start(nation.address(21, 9080)).await.unwrap();
    let mut offered = service("raw", &raw.url());
    offered.timeout_seconds = 1;
    nation.provider.apply(&offer(nation.provider_settings().unwrap(), vec![offered]).unwrap()).await.unwrap();
    for (case, bytes, then) in [slow_or_cut(), broken_heads(), broken_packing()].into_iter().flatten() {
        for (method, body) in [("GET", None), ("POST", Some(b"{\"a\":1}".as_slice()))] {
            let case = format!("{case}, {method}");
            raw.answers(&bytes, then);
            let before = (Traces::of(&nation).unwrap(), raw.count());
            let answer = nation.send(ask(method, "raw"), body).await.unwrap();
            // A socket that failed is told apart from an answer that did not come whole.
            let code = if then == Then::Reset { "network_error" } else { "io_error" };
            refused(&case, &answer, &format!("server.serverproxy.{code}"));
            assert_eq!(Traces::of(&nation).unwrap(), before.0.plus(0, 1, 1), "{case}");
            assert_eq!(raw.count(), before.1 + 1, "{case}: asked once, and not again");
        }
    }
    let before = Traces::of(&nation).unwrap();
    assert_eq!(nation.send(call("GET", "/v1"), None).await.unwrap().status, 200);
    before.assert_whole(&nation, "afterwards").unwrap();
}
