//! Strangers at every port: floods are refused at their limit in words that name it, and who only holds connections keeps nobody out.

use super::between::Between;
use crate::proof::tools::{alone, status_bytes};
use crate::refusals::common::Traces;
use crate::refusals::tls;
use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode};
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;
use testkit::{Choices, Nation, call};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_openssl::SslStream;

/// Where a stranger may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    ConsumerHttp,
    ConsumerHttps,
    Transport,
    Ocsp,
    Registry,
}
use Door::{ConsumerHttp, ConsumerHttps, Ocsp, Registry, Transport};

const DOORS: [Door; 5] = [ConsumerHttp, ConsumerHttps, Transport, Ocsp, Registry];

/// Of one flood, from each of the strangers who come together.
const MEGABYTE: usize = 1 << 20;
const STRANGERS: usize = 24;
/// A small part of what they send; both sides of every connection live in the measured process.
const GROWTH_BYTES_MAX: usize = STRANGERS * DOORS.len() * MEGABYTE / 16;

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Door {
    const fn address(self, nation: &Nation) -> SocketAddr {
        match self {
            ConsumerHttp => nation.consumer.config.listen.consumer_http,
            ConsumerHttps => nation.consumer.config.listen.consumer_https,
            Transport => nation.provider.config.listen.transport,
            Ocsp => nation.provider.config.listen.ocsp,
            Registry => nation.registry_config.listen,
        }
    }

    /// A connection on which HTTP can be spoken: to other gateways' port as the consumer's gateway.
    async fn open(self, nation: &Nation, between: &Between) -> Box<dyn Stream> {
        if self == Transport {
            return Box::new(between.connect().await.unwrap());
        }
        let socket = TcpStream::connect(self.address(nation)).await.unwrap();
        if self != ConsumerHttps {
            return Box::new(socket);
        }
        let mut builder = SslConnector::builder(SslMethod::tls_client()).unwrap();
        builder.set_verify(SslVerifyMode::NONE);
        let ssl = builder.build().configure().unwrap().verify_hostname(false).into_ssl("localhost").unwrap();
        let mut stream = SslStream::new(ssl, socket).unwrap();
        Pin::new(&mut stream).connect().await.unwrap();
        Box::new(stream)
    }
}

/// Sends all that is taken, and gives what came meanwhile.
async fn told(stream: Box<dyn Stream>, bytes: &[u8]) -> String {
    let (mut read, mut write) = tokio::io::split(stream);
    let mut answer = vec![];
    // Who is refused is cut off when it goes on all the same.
    let writing = async { drop(write.write_all(bytes).await) };
    let reading = async { drop(read.read_to_end(&mut answer).await) };
    tokio::join!(writing, reading);
    String::from_utf8_lossy(&answer).into_owned()
}

fn head(more: &str) -> Vec<u8> {
    format!("GET / HTTP/1.1\r\nHost: a\r\n{more}\r\n").into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_refused_at_its_limit_at_every_port() {
    let nation = Nation::start().await.unwrap();
    let between = Between::start(&nation, true).await.unwrap();
    assert_eq!(nation.send(call("GET", "/v1"), None).await.unwrap().status, 200);
    let before = Traces::of(&nation).unwrap();
    let flood = "a".repeat(MEGABYTE);
    let line = "a header line is longer than 16384 bytes";
    let cases = [
        ("a header line of 1 MB", head(&format!("X: {flood}\r\n")), "431", line),
        ("a line that does not end", format!("GET / HTTP/1.1\r\nX: {flood}").into_bytes(), "431", line),
        ("a name that does not end", format!("GET / HTTP/1.1\r\n{flood}").into_bytes(), "431", line),
        ("1001 headers", head(&"a: b\r\n".repeat(1001)), "431", "there are more than 1000 headers"),
        ("a target of 1 MB", format!("GET /{flood}").into_bytes(), "414", "longer than 16384 bytes"),
        (
            "a head of 70 KB",
            head(&format!("a: {}\r\n", "b".repeat(995)).repeat(70)),
            "431",
            "the head is longer",
        ),
        ("two lengths", head("Content-Length: 1\r\nContent-Length: 2\r\n"), "400", "that differ"),
        ("a length and chunks", head("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), "400", "both"),
    ];
    for door in DOORS {
        for (case, bytes, status, words) in &cases {
            let answer = told(door.open(&nation, &between).await, bytes).await;
            let start = format!("HTTP/1.1 {status} ");
            assert!(answer.starts_with(&start), "{door:?}, {case}: {answer}");
            assert!(answer.contains(words), "{door:?}, {case}: {answer}");
        }
        if matches!(door, Ocsp | Registry) {
            let answer = told(door.open(&nation, &between).await, &head("Content-Length: 1\r\n")).await;
            assert!(answer.contains("announced with 1 bytes, more than 0"), "{door:?}: {answer}");
        }
    }
    let asked = format!("GET /?{} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "cert=00&".repeat(17));
    let answer = told(Ocsp.open(&nation, &between).await, asked.as_bytes()).await;
    assert!(answer.contains("more than 16 certificates"), "{answer}");
    before.assert_none_since(&nation, "every flood").unwrap();
    assert_eq!(nation.send(call("GET", "/v1"), None).await.unwrap().status, 200);
}

/// Waiting for the end of any of them would take half a minute.
#[tokio::test(flavor = "multi_thread")]
async fn who_only_holds_connections_keeps_nobody_out_at_any_port() {
    let mut choices = Choices::default();
    choices.peer.connections_max = 4;
    let nation = Nation::start_with(choices).await.unwrap();
    let between = Between::start(&nation, true).await.unwrap();
    let mut held: Vec<Box<dyn Stream>> = vec![];
    for door in [ConsumerHttp, ConsumerHttps, Transport, Ocsp] {
        // Nothing, the beginning of a TLS record and of its handshake, the beginning of a head.
        for sent in
            [b"".as_slice(), b"\x16", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", b"GET / HTTP/1.1\r\nX: "]
        {
            for _ in 0..3 {
                let mut socket = TcpStream::connect(door.address(&nation)).await.unwrap();
                // Some are cut already.
                let _sent = socket.write_all(sent).await;
                held.push(Box::new(socket));
            }
        }
        // Through TLS, and silent behind it.
        held.push(door.open(&nation, &between).await);
    }
    let served = async {
        assert_eq!(nation.send(call("GET", "/v1"), None).await.unwrap().status, 200);
        let over_tls = tls::call(ConsumerHttps.address(&nation), None, call("GET", "/v1")).await.unwrap();
        assert_eq!(over_tls.status, 200, "{}", over_tls.text());
        let asked = b"HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        let answer = told(Ocsp.open(&nation, &between).await, asked).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    };
    let soon = Duration::from_secs(20);
    assert!(tokio::time::timeout(soon, served).await.is_ok(), "somebody waits for those who hold");
}

#[test]
fn floods_at_every_port_do_not_fill_the_memory() {
    alone(module_path!(), "floods_at_every_port_do_not_fill_the_memory", async {
        let nation = Nation::start().await.unwrap();
        let between = Between::start(&nation, true).await.unwrap();
        let bytes: &'static [u8] = head(&format!("X: {}", "a".repeat(MEGABYTE))).leak();
        // What is made once is made before.
        told(Transport.open(&nation, &between).await, bytes).await;
        let before = status_bytes("VmRSS:");
        let _reset = std::fs::write("/proc/self/clear_refs", "5");
        let mut strangers = tokio::task::JoinSet::new();
        for door in DOORS {
            for _ in 0..STRANGERS {
                let stream = door.open(&nation, &between).await;
                strangers.spawn(async move { told(stream, bytes).await });
            }
        }
        let answers = strangers.join_all().await;
        let growth = status_bytes("VmHWM:").saturating_sub(before);
        println!("{} kB more for {} kB sent", growth >> 10, (answers.len() * MEGABYTE) >> 10);
        assert!(growth < GROWTH_BYTES_MAX, "{growth} bytes");
        assert!(answers.iter().all(|answer| answer.contains("longer than 16384 bytes")), "{answers:?}");
        assert_eq!(nation.send(call("GET", "/v1"), None).await.unwrap().status, 200);
    });
}
