//! HTTP/1.1: a stream means the same however it is cut; a head that was taken is written and taken again as the same.

use crate::recordings;
use ::http1::{ClientConnection, Framing, Limits, RequestHead, ResponseHead, ServerConnection, Url};
use bytes::Bytes;
use message::accept;
use message::consumer_error::Format;
use std::cell::RefCell;
use std::fmt::Debug;
use tokio::io::{AsyncWriteExt as _, DuplexStream, duplex, split};
use tokio::runtime::{Builder, Runtime};

const BODY_BYTES_MAX: usize = 1 << 16;

/// A first octet `R`: an answer. `U`: an address. Otherwise what a client sends. The second octet says how it is cut.
pub(crate) fn run(octets: &[u8]) {
    let (Some(kind), Some(piece)) = (octets.first(), octets.get(1)) else { return };
    let stream = &octets[2..];
    // A long stream in single octets only takes time.
    let pieces = usize::from(*piece).max(1).max(stream.len() / 512);
    thread_local!(static RUNTIME: RefCell<Runtime> = RefCell::new(Builder::new_current_thread().enable_time().build().unwrap()));
    RUNTIME.with_borrow_mut(|runtime| match kind {
        b'R' => {
            let whole = runtime.block_on(answer(stream, stream.len()));
            assert_eq!(whole, runtime.block_on(answer(stream, pieces)));
        }
        b'U' => address(stream),
        _ => {
            let (whole, heads) = runtime.block_on(requests(stream, stream.len()));
            assert_eq!(whole, runtime.block_on(requests(stream, pieces)).0);
            for head in heads {
                runtime.block_on(again(head));
            }
        }
    });
}

async fn feed(mut wire: tokio::io::WriteHalf<DuplexStream>, stream: &[u8], pieces: usize) {
    for piece in stream.chunks(pieces.max(1)) {
        if wire.write_all(piece).await.is_err() {
            return;
        }
        tokio::task::yield_now().await;
    }
    let _ = wire.shutdown().await;
}

async fn requests(stream: &[u8], pieces: usize) -> (Vec<String>, Vec<RequestHead>) {
    let (near, far) = duplex(1 << 21);
    let (_answers, wire) = split(near);
    let serve = async {
        let (mut seen, mut heads) = (Vec::new(), Vec::new());
        let mut connection = ServerConnection::new(far, Limits::default());
        loop {
            match connection.next_request().await {
                Ok(Some(mut request)) => {
                    check(&request.head.headers);
                    assert!(request.head.method.bytes().all(|octet| octet.is_ascii_graphic()));
                    assert!(request.head.target.bytes().all(|octet| octet > 0x20 && octet != 0x7f));
                    let _ = (request.head.path(), request.head.query(), request.head.path_and_query());
                    let body = request.body.read_all(BODY_BYTES_MAX).await;
                    seen.push(format!("{:?} {}", request.head, told(&body)));
                    heads.push(request.head);
                    if request.responder.respond(&ResponseHead::new(200), b"").await.is_err() {
                        break;
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    seen.push(kind(&error));
                    break;
                }
            }
        }
        (seen, heads)
    };
    tokio::join!(serve, feed(wire, stream, pieces)).0
}

async fn answer(stream: &[u8], pieces: usize) -> String {
    let (near, far) = duplex(1 << 21);
    let (_requests, wire) = split(near);
    let ask = async {
        let mut connection = ClientConnection::new(far, Limits::default());
        let head = RequestHead::new("GET", "/").with("Host", "a");
        let Ok((_, mut answer)) = connection.send(&head, Framing::None).await else { return String::new() };
        match answer.receive().await {
            Ok(mut response) => {
                check(&response.head.headers);
                assert!((100..=999).contains(&response.head.status));
                let body = response.body.read_all(BODY_BYTES_MAX).await;
                format!("{:?} {}", response.head, told(&body))
            }
            Err(error) => kind(&error),
        }
    };
    tokio::join!(ask, feed(wire, stream, pieces)).0
}

fn told<E: Debug>(body: &Result<Vec<u8>, E>) -> String {
    body.as_ref().map_or_else(kind, |body| format!("{body:?}"))
}

/// Which refusal it is; how far the reader saw may change its words.
fn kind<E: Debug>(error: &E) -> String {
    format!("{error:?}").split(['(', '{']).next().unwrap_or_default().trim().to_owned()
}

fn check(headers: &[(Bytes, Bytes)]) {
    for (name, value) in headers {
        assert!(
            !name.is_empty() && name.iter().all(|octet| octet.is_ascii_graphic() && *octet != b':'),
            "{name:?}"
        );
        assert!(!value.iter().any(|octet| b"\r\n\0".contains(octet)), "{value:?}");
        assert_eq!(value.trim_ascii(), value, "white space around a value is none of its");
        if let Ok(text) = std::str::from_utf8(value) {
            let _ = (Format::choose([text]), accept::xml_type([text]), identifier::soap_action::check(text));
        }
    }
}

/// A head that was taken, without what frames its body and ends its connection, goes over the wire as it is.
async fn again(mut head: RequestHead) {
    let framing = [&b"content-length"[..], b"transfer-encoding", b"connection", b"expect"];
    head.headers.retain(|(name, _)| !framing.contains(&name.to_ascii_lowercase().as_slice()));
    if head.version == ::http1::Version::Http10 {
        head.version = ::http1::Version::Http11;
        // Which it may lack.
        if head.header("host").is_none() {
            head = head.with("Host", "a");
        }
    }
    let (near, far) = duplex(1 << 21);
    let mut client = ClientConnection::new(near, Limits::default());
    let Ok((body, answer)) = client.send(&head, Framing::None).await else {
        panic!("a head that was taken cannot be sent: {head:?}")
    };
    // The head leaves with the end of the body.
    body.finish().await.expect("the other end takes it");
    let mut server = ServerConnection::new(far, Limits::default());
    let taken = server.next_request().await;
    let request = taken.expect("what we sent can be read").expect("a request was sent");
    assert_eq!(request.head, head);
    drop(answer);
}

fn address(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    let Ok(url) = Url::parse(text) else { return };
    assert!(url.target().starts_with('/'), "{url:?}");
    let scheme = if url.is_secure() { "https" } else { "http" };
    let written = format!("{scheme}://{}{}", url.authority(), url.target());
    assert_eq!(Url::parse(&written).as_ref(), Ok(&url));
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut found: Vec<Vec<u8>> = recordings::http()
        .into_iter()
        .filter(|http| http.len() < 16 * 1024)
        .enumerate()
        .map(|(at, http)| {
            let kind = if http.starts_with(b"HTTP/") { b'R' } else { b'Q' };
            [&[kind, u8::try_from(at % 251).unwrap_or(1)], http.as_slice()].concat()
        })
        .collect();
    for stream in [
        &b"Q\x03POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET /3 HTTP/1.1\r\nHost: a\r\n\r\n"[..],
        b"Q\x07POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n5;x=y\r\nhello\r\n00A \r\n0123456789\r\n0\r\nT: v\r\n\r\n",
        b"R\x05HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        b"U\x01http://[::1]:8080/a?b=c",
        b"U\x01https://example.org",
    ] {
        found.push(stream.to_vec());
    }
    found
}
