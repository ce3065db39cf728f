//! Answers as written: byte for byte, and what is refused before a byte is written.

use http1::{Framing, Limits, Responder, ResponseHead, ServerConnection, WriteError};
use std::future::Future;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// What goes over the wire when one request is answered so.
async fn answer<H, F>(request: &str, handler: H) -> String
where
    H: FnOnce(Responder) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let (mut ours, theirs) = tokio::io::duplex(1 << 16);
    let server = tokio::spawn(async move {
        let mut connection = ServerConnection::new(theirs, Limits::default());
        if let Ok(Some(request)) = connection.next_request().await {
            drop(request.body);
            handler(request.responder).await;
            while let Ok(Some(_)) = connection.next_request().await {}
        }
    });
    ours.write_all(request.as_bytes()).await.unwrap();
    ours.shutdown().await.unwrap();
    let mut output = String::new();
    ours.read_to_string(&mut output).await.unwrap();
    server.await.unwrap();
    output
}

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const HEAD: &str = "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n";
const OLD: &str = "GET / HTTP/1.0\r\n\r\n";

async fn framed(request: &str, head: ResponseHead, framing: Framing, body: &'static [u8]) -> String {
    answer(request, move |responder| async move {
        let mut out = responder.start(&head, framing).await.unwrap();
        out.write(body).await.unwrap();
        out.finish().await.unwrap();
    })
    .await
}

#[tokio::test]
async fn writes_a_peer_answer_exactly_as_a_live_server_does() {
    let head = ResponseHead::new(200)
        .with("Date", "Sun, 01 Feb 2026 10:00:00 GMT")
        .with("Content-Type", "multipart/mixed; charset=UTF-8; boundary=xtopA")
        .with("x-hash-algorithm", "SHA-512")
        .with("Connection", "close");
    let output = framed(GET, head, Framing::UntilClose, b"--xtopA--").await;
    assert_eq!(
        output,
        "HTTP/1.1 200 OK\r\nDate: Sun, 01 Feb 2026 10:00:00 GMT\r\n\
         Content-Type: multipart/mixed; charset=UTF-8; boundary=xtopA\r\nx-hash-algorithm: SHA-512\r\n\
         Connection: close\r\n\r\n--xtopA--"
    );
}

#[tokio::test]
async fn adds_the_framing_header_only_where_the_head_has_none() {
    let cases = [
        (ResponseHead::new(200), Framing::ContentLength(2), "Content-Length: 2\r\n\r\nok"),
        (
            ResponseHead::new(200).with("content-LENGTH", "2").with("a", "b"),
            Framing::ContentLength(2),
            "content-LENGTH: 2\r\na: b\r\n\r\nok",
        ),
        (ResponseHead::new(200), Framing::Chunked, "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
        (
            ResponseHead::new(200).with("transfer-encoding", "chunked").with("a", "b"),
            Framing::Chunked,
            "transfer-encoding: chunked\r\na: b\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        ),
        (ResponseHead::new(200).with("SOAPAction", ""), Framing::UntilClose, "SOAPAction: \r\n\r\nok"),
    ];
    for (head, framing, expected) in cases {
        assert_eq!(framed(GET, head, framing, b"ok").await, format!("HTTP/1.1 200 OK\r\n{expected}"));
    }
}

#[tokio::test]
async fn an_answer_to_head_has_the_head_of_a_get_and_no_body() {
    let output = framed(HEAD, ResponseHead::new(200), Framing::ContentLength(5), b"hello").await;
    assert_eq!(output, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    let output = framed(HEAD, ResponseHead::new(200), Framing::Chunked, b"hello").await;
    assert_eq!(output, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    let output = framed(HEAD, ResponseHead::new(200).with("Content-Length", "9"), Framing::None, b"").await;
    assert_eq!(output, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
    let output = answer(HEAD, |responder| async move {
        responder.respond(&ResponseHead::new(200), b"hello").await.unwrap();
    });
    assert_eq!(output.await, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
}

#[tokio::test]
async fn answers_without_body_get_no_framing() {
    assert_eq!(
        framed(GET, ResponseHead::new(204), Framing::None, b"").await,
        "HTTP/1.1 204 No Content\r\n\r\n"
    );
    let output = answer(GET, |responder| async move {
        responder.respond(&ResponseHead::new(304), b"").await.unwrap();
    });
    assert_eq!(output.await, "HTTP/1.1 304 Not Modified\r\n\r\n");
}

#[tokio::test]
async fn an_http_1_0_client_gets_no_chunks() {
    let output = framed(OLD, ResponseHead::new(200), Framing::Chunked, b"hello").await;
    assert_eq!(output, "HTTP/1.1 200 OK\r\n\r\nhello");
}

#[tokio::test]
async fn an_unfinished_answer_is_seen_as_cut() {
    for framing in [Framing::Chunked, Framing::ContentLength(10)] {
        let output = answer(GET, move |responder| async move {
            let mut out = responder.start(&ResponseHead::new(200), framing).await.unwrap();
            out.write(b"abc").await.unwrap();
            out.abandon();
        })
        .await;
        assert!(output.contains("abc") && !output.ends_with("0\r\n\r\n"), "{output}");
    }
}

#[tokio::test]
async fn refuses_to_write_more_or_less_than_announced() {
    let output = answer(GET, |responder| async move {
        let mut out = responder.start(&ResponseHead::new(200), Framing::ContentLength(3)).await.unwrap();
        assert_eq!(out.write(b"abcd").await, Err(WriteError::Length("more bytes than announced")));
        out.write(b"ab").await.unwrap();
        assert_eq!(out.finish().await, Err(WriteError::Length("fewer bytes than announced")));
    })
    .await;
    assert_eq!(output, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab");
}

#[tokio::test]
async fn refuses_heads_that_would_be_two() {
    for head in [
        ResponseHead::new(200).with("X", "a\r\nSet-Cookie: b"),
        ResponseHead::new(200).with("X", "a\nb"),
        ResponseHead::new(200).with("X\r\nY", "a"),
        ResponseHead::new(200).with("X Y", "a"),
        ResponseHead::new(200).with("", "a"),
        ResponseHead { reason: "OK\r\nX: y".to_owned(), ..ResponseHead::new(200) },
        ResponseHead::new(99),
        ResponseHead::new(1000),
    ] {
        let output = answer(GET, |responder| async move {
            let result = responder.start(&head, Framing::ContentLength(0)).await;
            assert!(matches!(result, Err(WriteError::Head(_) | WriteError::Framing(_))), "{head:?}");
        })
        .await;
        let bare = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        assert_eq!(output, bare, "nothing of the refused head is written");
    }
}

#[tokio::test]
async fn refuses_framings_that_contradict_head_or_status() {
    let ok = || ResponseHead::new(200);
    for (head, framing) in [
        (ok().with("Content-Length", "3"), Framing::ContentLength(4)),
        (ok().with("Content-Length", "3"), Framing::Chunked),
        (ok().with("Content-Length", "3"), Framing::UntilClose),
        (ok().with("Content-Length", "3"), Framing::None),
        (ok().with("Content-Length", "x"), Framing::ContentLength(1)),
        (ok().with("Transfer-Encoding", "chunked"), Framing::ContentLength(1)),
        (ok().with("Transfer-Encoding", "chunked"), Framing::UntilClose),
        (ok().with("Transfer-Encoding", "gzip"), Framing::Chunked),
        (ResponseHead::new(204), Framing::ContentLength(1)),
        (ResponseHead::new(304), Framing::Chunked),
        (ResponseHead::new(100), Framing::None),
    ] {
        let shown = format!("{head:?} {framing:?}");
        let output = answer(GET, move |responder| async move {
            let result = responder.start(&head, framing).await;
            assert!(matches!(result, Err(WriteError::Framing(_))), "{head:?} {framing:?}");
        })
        .await;
        assert!(output.starts_with("HTTP/1.1 500 "), "{shown}");
    }
}

#[tokio::test]
async fn a_request_that_nobody_answers_is_answered_with_500() {
    let output = answer(GET, |responder| async move { drop(responder) }).await;
    assert!(output.starts_with("HTTP/1.1 500 "), "{output}");
}
