//! Slow peers, with the clock in our hand.

use http1::{
    BodyError, ClientConnection, Framing, Limits, ReceiveError, RequestError, RequestHead, ResponseHead,
    ServerConnection, WriteError,
};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep};

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_after_thirty_seconds() {
    let (mut ours, theirs) = tokio::io::duplex(512);
    let start = Instant::now();
    let mut connection = ServerConnection::new(theirs, Limits::default());
    assert!(connection.next_request().await.unwrap().is_none());
    assert_eq!(start.elapsed().as_secs(), 30);
    assert_eq!(ours.read(&mut [0; 9]).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_head_that_drips_is_refused_in_time() {
    let (mut ours, theirs) = tokio::io::duplex(512);
    let start = Instant::now();
    let (mut read, mut write) = tokio::io::split(&mut ours);
    let dripping = async {
        while write.write_all(b"G").await.is_ok() {
            sleep(Duration::from_secs(5)).await;
        }
    };
    let serving = async {
        let mut connection = ServerConnection::new(theirs, Limits::default());
        let end = connection.next_request().await;
        assert_eq!(end.unwrap_err(), RequestError::Slow);
        assert!(connection.next_request().await.unwrap().is_none());
    };
    let mut output = String::new();
    let ((), (), _) = tokio::join!(serving, dripping, read.read_to_string(&mut output));
    assert!((30..=40).contains(&start.elapsed().as_secs()));
    assert!(output.starts_with("HTTP/1.1 408 "));
}

#[tokio::test(start_paused = true)]
async fn a_body_may_drip_but_not_fall_silent() {
    let (mut ours, theirs) = tokio::io::duplex(512);
    let client = tokio::spawn(async move {
        ours.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n").await.unwrap();
        for _ in 0..3 {
            sleep(Duration::from_secs(29)).await;
            ours.write_all(b"x").await.unwrap();
        }
        let mut output = String::new();
        ours.read_to_string(&mut output).await.unwrap();
        output
    });
    let mut connection = ServerConnection::new(theirs, Limits::default());
    let mut request = connection.next_request().await.unwrap().unwrap();
    let start = Instant::now();
    assert_eq!(request.body.read_all(100).await, Err(BodyError::Slow { received: 3 }));
    assert_eq!(start.elapsed().as_secs(), 3 * 29 + 30);
    drop(request);
    assert!(connection.next_request().await.unwrap().is_none());
    drop(connection);
    assert!(client.await.unwrap().starts_with("HTTP/1.1 500 "));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_is_given_up() {
    let (mut ours, theirs) = tokio::io::duplex(512);
    ours.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut connection = ServerConnection::new(theirs, Limits::default());
    let request = connection.next_request().await.unwrap().unwrap();
    drop(request.body);
    let mut out = request.responder.start(&ResponseHead::new(200), Framing::Chunked).await.unwrap();
    let start = Instant::now();
    assert_eq!(out.write(&[0; 5000]).await, Err(WriteError::Slow));
    assert_eq!(start.elapsed().as_secs(), 30);
    assert_eq!(out.write(b"x").await, Err(WriteError::Slow), "once failed, always failed");
}

#[tokio::test(start_paused = true)]
async fn draining_an_unread_body_is_given_up_in_time() {
    let (mut ours, theirs) = tokio::io::duplex(512);
    ours.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n").await.unwrap();
    let mut connection = ServerConnection::new(theirs, Limits::default());
    let request = connection.next_request().await.unwrap().unwrap();
    request.responder.respond(&ResponseHead::new(403), b"no").await.unwrap();
    drop(request.body);
    let start = Instant::now();
    assert!(connection.next_request().await.unwrap().is_none());
    assert!((5..=10).contains(&start.elapsed().as_secs()));
    drop(connection);
    let mut output = String::new();
    ours.read_to_string(&mut output).await.unwrap();
    assert!(output.ends_with("no"), "the answer arrives nevertheless");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_is_given_up() {
    let (ours, mut theirs) = tokio::io::duplex(512);
    theirs.write_all(b"HTTP/1.1 200 OK\r\nX").await.unwrap();
    let limits = Limits { head_timeout: Duration::from_secs(60), ..Limits::default() };
    let mut connection = ClientConnection::new(ours, limits);
    let start = Instant::now();
    let head = RequestHead::new("GET", "/").with("Host", "a");
    assert_eq!(connection.exchange(&head, None).await.unwrap_err(), ReceiveError::Slow);
    assert_eq!(start.elapsed().as_secs(), 60);
    assert!(!connection.is_reusable());
}

#[tokio::test(start_paused = true)]
async fn without_a_limit_an_answer_may_take_days() {
    let (ours, mut theirs) = tokio::io::duplex(512);
    tokio::spawn(async move {
        sleep(Duration::from_secs(200_000)).await;
        theirs.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        std::future::pending::<()>().await;
        drop(theirs);
    });
    let limits = Limits { head_timeout: Duration::MAX, ..Limits::default() };
    let mut connection = ClientConnection::new(ours, limits);
    let head = RequestHead::new("GET", "/").with("Host", "a");
    assert_eq!(connection.exchange(&head, None).await.unwrap().head.status, 204);
}

#[tokio::test(start_paused = true)]
async fn reading_can_be_interrupted_and_taken_up_again() {
    let (ours, mut theirs) = tokio::io::duplex(512);
    tokio::spawn(async move {
        for piece in [&b"HTTP/1.1 200 OK\r\nContent-"[..], b"Length: 4\r\n\r\nab", b"cd"] {
            sleep(Duration::from_secs(2)).await;
            theirs.write_all(piece).await.unwrap();
        }
        std::future::pending::<()>().await;
        drop(theirs);
    });
    let mut connection = ClientConnection::new(ours, Limits::default());
    let head = RequestHead::new("GET", "/").with("Host", "a");
    let (upload, mut answer) = connection.send(&head, Framing::None).await.unwrap();
    upload.finish().await.unwrap();
    let second = Duration::from_secs(1);
    let mut response = loop {
        if let Ok(response) = tokio::time::timeout(second, answer.receive()).await {
            break response.unwrap();
        }
    };
    let mut body = Vec::new();
    loop {
        match tokio::time::timeout(second, response.body.read_chunk()).await {
            Ok(Ok(Some(data))) => body.extend_from_slice(&data),
            Ok(Ok(None)) => break,
            Ok(Err(error)) => panic!("{error}"),
            Err(_) => {}
        }
    }
    assert_eq!(body, b"abcd");
    assert!(connection.is_reusable());
}

/// A byte every ten seconds: never silent for thirty, and nothing that anybody needs takes so long.
async fn drip(mut writing: impl AsyncWriteExt + Unpin, bytes: usize) {
    for _ in 0..bytes {
        if writing.write_all(b"x").await.is_err() {
            return;
        }
        sleep(Duration::from_secs(10)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_drips_is_given_up_where_something_has_to_pass() {
    for (progress_bytes_min, taken) in [(1, true), (2, true), (5, false), (1024, false)] {
        let (mut ours, theirs) = tokio::io::duplex(512);
        ours.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n").await.unwrap();
        let limits = Limits { progress_bytes_min, ..Limits::default() };
        let mut connection = ServerConnection::new(theirs, limits);
        let mut request = connection.next_request().await.unwrap().unwrap();
        let start = Instant::now();
        let (_, read) = tokio::join!(drip(&mut ours, 100), request.body.read_all(usize::MAX));
        if taken {
            assert_eq!(read.map(|body| body.len()), Ok(100), "{progress_bytes_min}");
        } else {
            assert!(matches!(read, Err(BodyError::Slow { .. })), "{progress_bytes_min}: {read:?}");
            assert!(start.elapsed() >= Duration::from_secs(30));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_in_which_we_do_not_read_is_not_the_senders() {
    let (mut ours, theirs) = tokio::io::duplex(512);
    ours.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 40\r\n\r\n").await.unwrap();
    let mut connection =
        ServerConnection::new(theirs, Limits { progress_bytes_min: 1024, ..Limits::default() });
    let mut request = connection.next_request().await.unwrap().unwrap();
    for _ in 0..4 {
        ours.write_all(b"0123456789").await.unwrap();
        assert_eq!(request.body.read_chunk().await.unwrap().unwrap().len(), 10);
        sleep(Duration::from_secs(60)).await;
    }
    assert_eq!(request.body.read_chunk().await, Ok(None));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_taken_drop_by_drop_is_given_up_where_something_has_to_pass() {
    for (progress_bytes_min, taken) in [(1, true), (1024, false)] {
        let (mut ours, theirs) = tokio::io::duplex(1);
        let limits = Limits { progress_bytes_min, ..Limits::default() };
        let mut connection = ServerConnection::new(theirs, limits);
        let (mut read, mut write) = tokio::io::split(&mut ours);
        let answering = async {
            let request = connection.next_request().await.unwrap().unwrap();
            request.responder.respond(&ResponseHead::new(200), &[b'x'; 100]).await
        };
        let taking = async {
            write.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
            while read.read_u8().await.is_ok() {
                sleep(Duration::from_secs(10)).await;
            }
        };
        let answered = tokio::select! {
            answered = answering => answered,
            () = taking => panic!("the connection ended"),
        };
        assert_eq!(answered, if taken { Ok(()) } else { Err(WriteError::Slow) });
    }
}
