//! Bodies of requests: signed and logged whenever there is a byte, delivered with POST, PUT and PATCH only (data-plane 4.8, 4.10).

use super::common::{Traces, newest, refused};
use super::raw;
use messagelog::{Direction, Reader};
use std::sync::atomic::{AtomicU64, Ordering};
use testkit::{Answer, CLIENT, Nation, PROVIDER, Reply, call};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_delivered_only_with_post_put_and_patch() {
    let nation = Nation::start().await.unwrap();
    nation.service.answers(Reply::echo());
    let body = b"{\"name\":\"SOK CHANNA\"}";
    for (method, delivered) in [
        ("POST", true),
        ("PUT", true),
        ("PATCH", true),
        ("GET", false),
        ("DELETE", false),
        ("OPTIONS", false),
        ("HEAD", false),
    ] {
        let before = Traces::of(&nation).unwrap();
        let head = call(method, "/v1").with("Content-Type", "application/json");
        let answer = nation.send(head, Some(body)).await.unwrap();
        assert_eq!(answer.status, 200, "{method}: {}", answer.text());
        before.assert_whole(&nation, method).unwrap();
        let seen = nation.service.seen().pop().unwrap();
        let (arrives, length) = if delivered { (body.to_vec(), Some("21")) } else { (Vec::new(), None) };
        assert_eq!(seen.body, arrives, "{method}");
        assert_eq!(seen.head.header_text("content-length"), length, "{method}");
        assert_eq!(seen.head.header_text("transfer-encoding"), None, "{method}");
        assert_eq!(seen.head.header_text("content-type"), Some("application/json"), "{method}");
        for gateway in [&nation.consumer, &nation.provider] {
            let (entry, record) = newest(gateway, Direction::Request).unwrap();
            assert_eq!(entry.body_bytes, Some(21), "{method}: on record");
            assert!(record.hash_chain.is_some(), "{method}: signed");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_body_is_no_body() {
    let nation = Nation::start().await.unwrap();
    nation.service.answers(Reply::echo());
    let target = format!("/r1/{PROVIDER}/people/v1");
    for (case, framing) in [
        ("a length of nothing", "Content-Length: 0\r\n\r\n"),
        ("no chunks", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("nothing said", "\r\n"),
    ] {
        let before = Traces::of(&nation).unwrap();
        let request = format!(
            "POST {target} HTTP/1.1\r\nHost: x\r\nX-Road-Client: {CLIENT}\r\nConnection: close\r\n{framing}"
        );
        let answer = raw::exchange(nation.consumer.config.listen.consumer_http, request).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"), "{case}");
        before.assert_whole(&nation, case).unwrap();
        let seen = nation.service.seen().pop().unwrap();
        assert_eq!(seen.head.header_text("content-length"), Some("0"), "{case}");
        let (entry, record) = newest(&nation.provider, Direction::Request).unwrap();
        assert_eq!((entry.body_bytes, record.hash_chain), (None, None), "{case}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn five_megabytes_come_back_byte_for_byte() {
    let nation = Nation::start().await.unwrap();
    nation.service.answers(Reply::echo());
    // Not compressible, and no two blocks the same.
    static STATE: AtomicU64 = AtomicU64::new(42);
    let body: Vec<u8> = (0..5 * 1024 * 1024)
        .map(|_| {
            let next = STATE.load(Ordering::Relaxed).wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            STATE.store(next, Ordering::Relaxed);
            next.to_be_bytes()[0]
        })
        .collect();
    let before = Traces::of(&nation).unwrap();
    let answer: Answer = nation.send(call("POST", "/v1"), Some(&body)).await.unwrap();
    assert_eq!(answer.status, 200);
    assert!(answer.body == body, "the body came back changed");
    before.assert_whole(&nation, "five megabytes").unwrap();
    for gateway in [&nation.consumer, &nation.provider] {
        let reader = Reader::open(&gateway.config.messagelog_dir()).unwrap();
        for direction in [Direction::Request, Direction::Response] {
            let (entry, _) = newest(gateway, direction).unwrap();
            let mut logged = Vec::new();
            reader.body(entry.id, 1, &mut logged).unwrap();
            assert!(logged == body, "{direction:?}: another body is on record");
        }
        let left = std::fs::read_dir(gateway.config.spool_dir()).unwrap().count();
        assert_eq!(left, 0, "temporary files stay behind");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_cut_off_goes_nowhere() {
    let nation = Nation::start().await.unwrap();
    let before = Traces::of(&nation).unwrap();
    let target = format!("/r1/{PROVIDER}/people/v1");
    for (case, framing) in [
        ("short of its length", "Content-Length: 10\r\n\r\nhello"),
        ("no last chunk", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
        ("broken chunks", "Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n"),
    ] {
        let mut socket = TcpStream::connect(nation.consumer.config.listen.consumer_http).await.unwrap();
        let head = format!("POST {target} HTTP/1.1\r\nHost: x\r\nX-Road-Client: {CLIENT}\r\n{framing}");
        socket.write_all(head.as_bytes()).await.unwrap();
        socket.shutdown().await.unwrap();
        let mut bytes = Vec::new();
        socket.read_to_end(&mut bytes).await.unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.starts_with("HTTP/1.1 500 Server Error\r\n"), "{case}: {text}");
        assert!(text.contains("\r\nX-Road-Error: server.clientproxy.io_error\r\n"), "{case}: {text}");
        before.assert_none_since(&nation, case).unwrap();
    }
    let answer = nation.send(call("GET", "/v1").with("X-Road-Client", "x"), None).await.unwrap();
    refused("afterwards", &answer, "server.clientproxy.internal_error");
}
