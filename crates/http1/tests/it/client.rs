//! The client: requests as written, answers as read, cuts, reuse.

use http1::{
    BodyError, ClientConnection, Framing, HeadRefusal, Limits, ReceiveError, RequestHead, Response,
    WriteError,
};
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};

fn get() -> RequestHead {
    RequestHead::new("GET", "/").with("host", "a")
}

/// A server that reads one head and writes these bytes in pieces, then closes.
fn server(mut io: DuplexStream, pieces: Vec<Vec<u8>>) -> tokio::task::JoinHandle<Vec<u8>> {
    tokio::spawn(async move {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            match io.read_u8().await {
                Ok(byte) => request.push(byte),
                Err(_) => return request,
            }
        }
        for piece in pieces {
            if io.write_all(&piece).await.is_err() {
                break;
            }
            tokio::task::yield_now().await;
        }
        let _ = io.shutdown().await;
        let _ = io.read_to_end(&mut request).await;
        request
    })
}

async fn ask(head: &RequestHead, pieces: Vec<Vec<u8>>) -> Result<Response, ReceiveError> {
    let (ours, theirs) = tokio::io::duplex(512);
    server(theirs, pieces);
    ClientConnection::new(ours, Limits::default()).exchange(head, None).await
}

async fn whole(answer: &[u8]) -> Result<Result<Vec<u8>, BodyError>, ReceiveError> {
    let mut response = ask(&get(), vec![answer.to_vec()]).await?;
    Ok(response.body.read_all(1 << 20).await)
}

const CHUNKED: &[u8] =
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\nA: b\r\n\r\n";
const LENGTH: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello!";

#[tokio::test]
async fn reads_answers_however_they_are_split() {
    for answer in [CHUNKED, LENGTH, b"HTTP/1.1 200 OK\r\nX: y\r\n\r\nhello!", b"HTTP/1.0 200\r\n\r\nhello!"] {
        for pieces in crate::peer::splits(answer) {
            let mut response = ask(&get(), pieces).await.unwrap();
            assert_eq!(response.head.status, 200);
            assert!(response.body.has_entity());
            assert_eq!(response.body.read_all(100).await, Ok(b"hello!".to_vec()));
        }
    }
}

#[tokio::test]
async fn an_answer_cut_anywhere_is_an_error_and_never_an_end() {
    for answer in [CHUNKED, LENGTH] {
        let body = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
        for length in 0..answer.len() {
            match whole(&answer[..length]).await {
                Err(ReceiveError::NoAnswer) => assert_eq!(length, 0),
                Err(ReceiveError::Cut) => assert!(length > 0 && length < body, "{length}"),
                Ok(Err(BodyError::Cut { .. })) => assert!(length >= body, "{length}"),
                other => panic!("{length}: {other:?}"),
            }
        }
        assert!(whole(answer).await.unwrap().is_ok());
    }
}

/// A stream that takes everything, gives these bytes, and then fails.
struct Failing {
    given: &'static [u8],
    then: ErrorKind,
}

impl AsyncRead for Failing {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.given.is_empty() {
            return Poll::Ready(Err(self.then.into()));
        }
        into.put_slice(std::mem::take(&mut self.given));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Failing {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn a_connection_that_fails_is_told_apart_from_one_that_ends() {
    let reset = ErrorKind::ConnectionReset;
    let cases: [(&[u8], ErrorKind, ReceiveError); 4] = [
        (b"", reset, ReceiveError::Connection(reset)),
        (b"HTTP/1.1 200", reset, ReceiveError::Connection(reset)),
        // TLS that ends without its closing alert.
        (b"", ErrorKind::UnexpectedEof, ReceiveError::NoAnswer),
        (b"HTTP/1.1 200", ErrorKind::UnexpectedEof, ReceiveError::Cut),
    ];
    for (given, then, expected) in cases {
        let mut connection = ClientConnection::new(Failing { given, then }, Limits::default());
        assert_eq!(connection.exchange(&get(), None).await.unwrap_err(), expected);
    }
    for (then, expected) in
        [(reset, BodyError::Connection(reset)), (ErrorKind::UnexpectedEof, BodyError::Cut { received: 2 })]
    {
        let given = b"HTTP/1.1 200 OK\r\n\r\nab";
        let mut connection = ClientConnection::new(Failing { given, then }, Limits::default());
        let mut response = connection.exchange(&get(), None).await.unwrap();
        assert_eq!(response.body.read_all(100).await, Err(expected));
    }
}

#[tokio::test]
async fn a_body_that_ends_with_the_connection_says_so() {
    let mut response = ask(&get(), vec![b"HTTP/1.1 200 OK\r\n\r\nab".to_vec()]).await.unwrap();
    assert!(response.body.ends_with_connection());
    assert_eq!(response.body.read_all(10).await, Ok(b"ab".to_vec()));
    let response = ask(&get(), vec![LENGTH.to_vec()]).await.unwrap();
    assert!(!response.body.ends_with_connection());
    assert_eq!(response.body.content_length(), Some(6));
}

#[tokio::test]
async fn answers_without_an_entity_are_told_from_empty_ones() {
    let check = async |method: &str, answer: &str, entity: bool| {
        let head = RequestHead { method: method.to_owned(), ..get() };
        let mut response = ask(&head, vec![answer.as_bytes().to_vec()]).await.unwrap();
        assert_eq!(response.body.has_entity(), entity, "{answer}");
        assert_eq!(response.body.read_all(10).await, Ok(Vec::new()), "{answer}");
    };
    check("GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true).await;
    check("GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", true).await;
    check("GET", "HTTP/1.1 404 Not Found\r\n\r\n", true).await;
    check("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", false).await;
    check("HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false).await;
    check("GET", "HTTP/1.1 204 No Content\r\n\r\n", false).await;
    check("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", false).await;
    check("GET", "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n", false).await;
}

#[tokio::test]
async fn passes_over_interim_answers_but_not_forever() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";
    let answer = format!("{interim}HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
    assert_eq!(whole(answer.as_bytes()).await, Ok(Ok(b"x".to_vec())));
    let endless = "HTTP/1.1 100 Continue\r\n\r\n".repeat(40);
    let refusal = HeadRefusal::TooManyInterimAnswers(16);
    assert_eq!(whole(endless.as_bytes()).await, Err(ReceiveError::Refused(refusal)));
    let switch = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n";
    assert_eq!(whole(switch).await, Err(ReceiveError::Refused(HeadRefusal::ProtocolSwitch)));
}

#[tokio::test]
async fn refuses_answers_that_can_be_read_in_two_ways() {
    for (answer, refusal) in [
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            HeadRefusal::TwoFramings,
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", HeadRefusal::LengthsDiffer),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1,1\r\n\r\nab", HeadRefusal::LengthMalformed),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nab", HeadRefusal::UnknownTransferCoding),
        (
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            HeadRefusal::TransferCodingInHttp10,
        ),
        ("HTTP/1.1 200 OK\nContent-Length: 1\n\nx", HeadRefusal::BareLineFeed),
        ("HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", HeadRefusal::FoldedLine),
        ("HTTP/1.1 200 OK\r\nX : a\r\n\r\n", HeadRefusal::Malformed("header name")),
        ("HTTP/1.1 20 OK\r\n\r\n", HeadRefusal::Malformed("status")),
        ("HTTP/1.1 099 OK\r\n\r\n", HeadRefusal::Malformed("status")),
        ("HTTP/2 200 OK\r\n\r\n", HeadRefusal::Version),
        ("SSH-2.0-x\r\n\r\n", HeadRefusal::Version),
    ] {
        assert_eq!(whole(answer.as_bytes()).await, Err(ReceiveError::Refused(refusal)), "{answer}");
    }
    let flood = format!("HTTP/1.1 200 OK\r\nX: {}", "a".repeat(20_000));
    let refusal = HeadRefusal::HeaderLineTooLong { bytes_max: 16_384 };
    assert_eq!(whole(flood.as_bytes()).await, Err(ReceiveError::Refused(refusal)));
}

#[tokio::test]
async fn writes_the_head_exactly_and_the_body_as_it_comes() {
    let (ours, theirs) = tokio::io::duplex(512);
    let server = server(theirs, vec![LENGTH.to_vec()]);
    let mut connection = ClientConnection::new(ours, Limits::default());
    let head = RequestHead::new("POST", "/")
        .with("x-hash-algorithm", "SHA-512")
        .with("x-original-soapaction", "")
        .with("Transfer-Encoding", "chunked")
        .with("Content-Type", "multipart/mixed")
        .with("Host", "localhost:5500");
    let (mut upload, mut answer) = connection.send(&head, Framing::Chunked).await.unwrap();
    upload.write(b"").await.unwrap();
    upload.write(b"0123456789abcdef").await.unwrap();
    upload.write(b"x").await.unwrap();
    upload.finish().await.unwrap();
    let mut response = answer.receive().await.unwrap();
    response.body.read_all(10).await.unwrap();
    assert_eq!(answer.receive().await.unwrap_err(), ReceiveError::Taken);
    drop((response, answer));
    assert!(connection.is_reusable());
    drop(connection);
    assert_eq!(
        String::from_utf8(server.await.unwrap()).unwrap(),
        "POST / HTTP/1.1\r\nx-hash-algorithm: SHA-512\r\nx-original-soapaction: \r\nTransfer-Encoding: chunked\r\n\
         Content-Type: multipart/mixed\r\nHost: localhost:5500\r\n\r\n10\r\n0123456789abcdef\r\n1\r\nx\r\n0\r\n\r\n"
    );
}

#[tokio::test]
async fn notices_an_answer_that_comes_before_the_whole_request_is_sent() {
    let (ours, mut theirs) = tokio::io::duplex(64);
    tokio::spawn(async move {
        theirs.write_all(b"HTTP/1.1 413 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await.unwrap();
        std::future::pending::<()>().await;
        drop(theirs);
    });
    let mut connection = ClientConnection::new(ours, Limits::default());
    let response = connection.exchange(&get(), Some(&vec![b'x'; 100_000])).await.unwrap();
    assert_eq!(response.head.status, 413);
    drop(response);
    assert!(!connection.is_reusable());
}

#[tokio::test]
async fn takes_an_answer_from_a_server_that_closed_before_it_read_everything() {
    let (ours, mut theirs) = tokio::io::duplex(64);
    tokio::spawn(async move {
        theirs.read_exact(&mut [0; 20]).await.unwrap();
        theirs.write_all(b"HTTP/1.1 500 X\r\nContent-Length: 2\r\n\r\nno").await.unwrap();
    });
    let mut connection = ClientConnection::new(ours, Limits::default());
    let head = RequestHead::new("POST", "/").with("Host", "a");
    let (mut upload, mut answer) = connection.send(&head, Framing::Chunked).await.unwrap();
    let uploading = async {
        loop {
            if let Err(error) = upload.write(&[b'x'; 1000]).await {
                return error;
            }
        }
    };
    let (sent, response) = tokio::join!(uploading, answer.receive());
    assert!(matches!(sent, WriteError::Connection(_)));
    assert_eq!(response.unwrap().body.read_all(10).await, Ok(b"no".to_vec()));
}

#[tokio::test]
async fn a_connection_is_used_again_only_when_the_exchange_is_clean() {
    for (answer, reusable) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", true),
        ("HTTP/1.1 204 No Content\r\n\r\n", true),
        ("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nok", true),
        ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", false),
        ("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", false),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok!", false),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", false),
    ] {
        let (ours, mut theirs) = tokio::io::duplex(512);
        let limits = Limits { body_timeout: std::time::Duration::from_millis(1), ..Limits::default() };
        let mut connection = ClientConnection::new(ours, limits);
        let head = get();
        let answering = theirs.write_all(answer.as_bytes());
        let (response, _) = tokio::join!(connection.exchange(&head, None), answering);
        let mut response = response.unwrap();
        if !answer.contains("204") {
            assert!(!connection.is_reusable(), "the body is not read yet");
        }
        let _ = response.body.read_all(10).await;
        assert_eq!(connection.is_open().await, reusable, "{answer}");
    }
}

#[tokio::test]
async fn several_requests_go_over_one_connection() {
    let (ours, mut theirs) = tokio::io::duplex(512);
    let server = tokio::spawn(async move {
        for _ in 0..3 {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(theirs.read_u8().await.unwrap());
            }
            theirs.write_all(LENGTH).await.unwrap();
        }
        theirs
    });
    let mut connection = ClientConnection::new(ours, Limits::default());
    for _ in 0..3 {
        let mut response = connection.exchange(&get(), None).await.unwrap();
        assert_eq!(response.body.read_all(10).await, Ok(b"hello!".to_vec()));
        assert!(connection.is_open().await);
    }
    drop(server.await.unwrap());
    assert!(!connection.is_open().await, "a closed connection is noticed before it is used");
}

#[tokio::test]
async fn a_busy_connection_takes_no_second_request() {
    let (ours, theirs) = tokio::io::duplex(512);
    server(theirs, vec![LENGTH.to_vec()]);
    let mut connection = ClientConnection::new(ours, Limits::default());
    let (_upload, _answer) = connection.send(&get(), Framing::None).await.unwrap();
    assert_eq!(connection.send(&get(), Framing::None).await.unwrap_err(), WriteError::NotReusable);
}

#[tokio::test]
async fn refuses_requests_that_would_be_two_or_have_two_framings() {
    for (head, framing) in [
        (RequestHead::new("GET", "/ HTTP/1.1\r\nX: y"), Framing::None),
        (RequestHead::new("GET", "/a b"), Framing::None),
        (RequestHead::new("GET", ""), Framing::None),
        (RequestHead::new("GE T", "/"), Framing::None),
        (RequestHead::new("", "/"), Framing::None),
        (get().with("X", "a\r\nb: c"), Framing::None),
        (get().with("X:", "a"), Framing::None),
        (get().with("Content-Length", "3"), Framing::None),
        (get().with("Content-Length", "3"), Framing::Chunked),
        (get().with("Transfer-Encoding", "chunked"), Framing::ContentLength(1)),
        (get(), Framing::UntilClose),
    ] {
        let (ours, mut theirs) = tokio::io::duplex(512);
        let mut connection = ClientConnection::new(ours, Limits::default());
        assert!(connection.send(&head, framing).await.is_err(), "{head:?}");
        drop(connection);
        let mut nothing = Vec::new();
        theirs.read_to_end(&mut nothing).await.unwrap();
        assert!(nothing.is_empty(), "{head:?}");
    }
}
