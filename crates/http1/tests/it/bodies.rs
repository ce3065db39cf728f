//! Chunked bodies: what is taken off, what is refused; reading while answering.

use crate::peer::{hear, hear_whole, splits};
use http1::{BodyError, Framing, Limits, ResponseHead, ServerConnection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn post(chunks: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}")
}

#[tokio::test]
async fn refuses_malformed_chunks_however_they_are_split() {
    for chunks in [
        "x\r\n",
        "\r\n",
        "-1\r\na\r\n",
        "+1\r\na\r\n",
        "0x1\r\na\r\n",
        " 1\r\na\r\n0\r\n\r\n",
        "1 1\r\na\r\n0\r\n\r\n",
        "1\u{c}\r\na\r\n0\r\n\r\n",
        "1\u{b}\r\na\r\n0\r\n\r\n",
        "1 \u{c}\t;x\r\na\r\n0\r\n\r\n",
        " \t\r\n",
        "11111111111111111\r\n",
        "1\na\n0\n\n",
        "1\r\na\n0\r\n\r\n",
        "1\r\nab\r\n0\r\n\r\n",
        "1\r\na0\r\n\r\n",
        "1\ra\r\n",
        "1;a\u{1}\r\na\r\n0\r\n\r\n",
        "1\r\na\r\n0\r\n folded: x\r\n\r\n",
        "1\r\na\r\n0\r\nno colon\r\n\r\n",
        "1\r\na\r\n0\r\nbad name: x\r\n\r\n",
        "1\r\na\r\n0\r\nA: b\n\r\n",
        "1\r\na\r\n0\r\n\n",
    ] {
        for pieces in splits(post(chunks).as_bytes()) {
            let heard = hear(pieces, Limits::default()).await;
            let body = &heard.seen[0].body;
            assert!(matches!(body, Err(BodyError::Chunk(_))), "{chunks:?} gave {body:?}");
            assert!(heard.output.starts_with("HTTP/1.1 500 "), "{chunks:?}");
            assert_eq!(heard.seen.len(), 1);
        }
    }
}

#[tokio::test]
async fn bounds_chunk_lines_extensions_and_trailers() {
    let line = post(&format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(2000)));
    let long = |what, bytes_max| Err(BodyError::ChunkLines { what, bytes_max });
    assert_eq!(hear_whole(line).await.seen[0].body, long("the size lines", 1024));
    let endless = post(&format!("1;{}", "x".repeat(2000)));
    assert_eq!(hear_whole(endless).await.seen[0].body, long("the size lines", 1024));
    let extensions = post(&format!("1;{}\r\na\r\n", "x".repeat(1000)).repeat(20));
    assert_eq!(hear_whole(extensions).await.seen[0].body, long("the extensions", 16_384));
    let trailers = post(&format!("0\r\n{}\r\n", format!("A: {}\r\n", "x".repeat(500)).repeat(20)));
    assert_eq!(hear_whole(trailers).await.seen[0].body, long("the trailers", 8192));
    let some = post(&format!("0\r\n{}\r\n", format!("A: {}\r\n", "x".repeat(500)).repeat(10)));
    assert_eq!(hear_whole(some).await.seen[0].body, Ok(Vec::new()));
}

#[tokio::test]
async fn bounds_a_chunked_body_at_the_announcement_of_the_chunk() {
    let limits = Limits { body_bytes_max: 10, ..Limits::default() };
    let heard = hear(vec![post("5\r\nhello\r\nffffffffffffffff\r\n").into_bytes()], limits).await;
    assert_eq!(heard.seen[0].body, Err(BodyError::TooLarge { bytes_max: 10 }));
}

#[tokio::test]
async fn bytes_that_come_one_to_a_chunk_are_given_out_together() {
    let (mut ours, theirs) = tokio::io::duplex(64 * 1024);
    ours.write_all(post(&("1\r\nx\r\n".repeat(5000) + "0\r\n\r\n")).as_bytes()).await.unwrap();
    let mut connection = ServerConnection::new(theirs, Limits::default());
    let mut request = connection.next_request().await.unwrap().unwrap();
    let mut pieces = Vec::new();
    while let Some(data) = request.body.read_chunk().await.unwrap() {
        pieces.push(data);
    }
    assert_eq!(pieces.concat(), [b'x'; 5000]);
    assert!(pieces.len() <= 4, "{} pieces", pieces.len());
}

#[tokio::test]
async fn what_waits_leaves_with_the_next_piece_or_when_it_is_much() {
    for (bytes, sent) in [(1, false), (100_000, true)] {
        let (mut ours, theirs) = tokio::io::duplex(1 << 20);
        ours.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let mut connection = ServerConnection::new(theirs, Limits::default());
        let request = connection.next_request().await.unwrap().unwrap();
        let mut out = request.responder.start(&ResponseHead::new(200), Framing::Chunked).await.unwrap();
        out.put(&vec![b'x'; bytes]).await.unwrap();
        out.abandon();
        drop(request.body);
        assert!(connection.next_request().await.unwrap().is_none());
        drop(connection);
        let mut got = Vec::new();
        ours.read_to_end(&mut got).await.unwrap();
        assert_eq!(got.len() > bytes, sent, "{} bytes left", got.len());
    }
}

#[tokio::test]
async fn the_answer_may_start_while_the_request_is_still_read() {
    let (mut ours, theirs) = tokio::io::duplex(64);
    let server = tokio::spawn(async move {
        let mut connection = ServerConnection::new(theirs, Limits::default());
        let mut request = connection.next_request().await.unwrap().unwrap();
        let mut out = request.responder.start(&ResponseHead::new(200), Framing::Chunked).await.unwrap();
        out.flush().await.unwrap();
        while let Some(data) = request.body.read_chunk().await.unwrap() {
            out.write(&data).await.unwrap();
        }
        out.finish().await.unwrap();
        drop(request.body);
        assert!(connection.next_request().await.unwrap().is_none());
    });
    ours.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n").await.unwrap();
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut got = vec![0; head.len()];
    ours.read_exact(&mut got).await.unwrap();
    assert_eq!(got, head.as_bytes());
    ours.write_all(b"ab").await.unwrap();
    let mut got = [0; 7];
    ours.read_exact(&mut got).await.unwrap();
    assert_eq!(&got, b"2\r\nab\r\n");
    ours.write_all(b"cd").await.unwrap();
    let mut got = [0; 12];
    ours.read_exact(&mut got).await.unwrap();
    assert_eq!(&got, b"2\r\ncd\r\n0\r\n\r\n");
    ours.shutdown().await.unwrap();
    server.await.unwrap();
}

#[tokio::test]
async fn parts_of_a_request_work_in_different_tasks() {
    let (mut ours, theirs) = tokio::io::duplex(64);
    let server = tokio::spawn(async move {
        let mut connection = ServerConnection::new(theirs, Limits::default());
        for _ in 0..2 {
            let request = connection.next_request().await.unwrap().unwrap();
            let (head, mut body, responder) = (request.head, request.body, request.responder);
            tokio::spawn(async move { while let Ok(Some(_)) = body.read_chunk().await {} });
            tokio::spawn(async move {
                let _ = responder.respond(&ResponseHead::new(200), head.target.as_bytes()).await;
            });
        }
        connection.next_request().await.unwrap().is_none()
    });
    let request = "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n";
    let bytes = format!("{request}{0}{request}{0}", "b".repeat(100));
    let (mut read, mut write) = tokio::io::split(&mut ours);
    let mut output = String::new();
    let writing = async {
        write.write_all(bytes.as_bytes()).await.unwrap();
        write.shutdown().await.unwrap();
    };
    tokio::join!(writing, async { read.read_to_string(&mut output).await.unwrap() });
    assert_eq!(output.matches("\r\n\r\n/x").count(), 2);
    assert!(server.await.unwrap());
}

#[tokio::test]
async fn an_unread_body_is_drained_within_bounds_or_the_connection_ends() {
    for (length, served) in [(1000usize, 2), (600_000, 1)] {
        let (mut ours, theirs) = tokio::io::duplex(4096);
        let server = tokio::spawn(async move {
            let mut connection = ServerConnection::new(theirs, Limits::default());
            let mut count = 0;
            while let Ok(Some(request)) = connection.next_request().await {
                count += 1;
                request.responder.respond(&ResponseHead::new(403), b"no").await.unwrap();
            }
            count
        });
        let request =
            format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{}", "b".repeat(length));
        let (mut read, mut write) = tokio::io::split(&mut ours);
        let writing = async {
            let _ = write.write_all(request.repeat(2).as_bytes()).await;
            let _ = write.shutdown().await;
        };
        let mut output = String::new();
        let ((), _) = tokio::join!(writing, read.read_to_string(&mut output));
        assert!(output.starts_with("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"));
        assert_eq!(server.await.unwrap(), served);
    }
}

#[tokio::test]
async fn asks_for_the_body_of_a_client_that_waits_and_only_then() {
    let (mut ours, theirs) = tokio::io::duplex(4096);
    let server = tokio::spawn(async move {
        let mut connection = ServerConnection::new(theirs, Limits::default());
        while let Ok(Some(request)) = connection.next_request().await {
            crate::peer::echo(request).await;
        }
    });
    let request = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n";
    ours.write_all(request).await.unwrap();
    let mut asked = [0; 25];
    ours.read_exact(&mut asked).await.unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    // The second body comes unasked, together with its head: nothing is asked.
    ours.write_all(b"ok").await.unwrap();
    ours.write_all(&[&request[..], b"ok"].concat()).await.unwrap();
    ours.shutdown().await.unwrap();
    let mut output = String::new();
    ours.read_to_string(&mut output).await.unwrap();
    assert!(!output.contains("100 Continue"), "{output}");
    assert_eq!(output.matches("200 OK").count(), 2);
    server.await.unwrap();
}

#[tokio::test]
async fn a_refusal_before_the_body_was_asked_for_ends_the_connection() {
    let (mut ours, theirs) = tokio::io::duplex(4096);
    let server = tokio::spawn(async move {
        let mut connection = ServerConnection::new(theirs, Limits::default());
        let request = connection.next_request().await.unwrap().unwrap();
        request.responder.respond(&ResponseHead::new(403), b"").await.unwrap();
        drop(request.body);
        assert!(connection.next_request().await.unwrap().is_none());
    });
    ours.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        .await
        .unwrap();
    let mut output = String::new();
    ours.read_to_string(&mut output).await.unwrap();
    assert_eq!(output, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    drop(ours);
    server.await.unwrap();
}
