//! Accepting, the cap on connections, the stop; the small client.

use crate::peer::echo;
use http1::{
    BodyError, FetchError, FetchLimits, Limits, ReceiveError, ResponseHead, fetch, serve, stop_channel,
};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

pub(crate) async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

const GET: &[u8] = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n";

async fn answer(stream: &mut TcpStream) -> String {
    let mut got = Vec::new();
    while !got.ends_with(b"\r\n\r\n") {
        got.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(got).unwrap()
}

#[tokio::test]
async fn serves_many_connections_and_stops_without_cutting_anyone_off() {
    let (listener, address) = listener().await;
    let (stopper, stop) = stop_channel();
    let (began, mut begun) = mpsc::unbounded_channel();
    let (release, _) = tokio::sync::broadcast::channel::<()>(1);
    let gate = release.clone();
    let handler = move |request: http1::Request, _| {
        let (began, mut gate) = (began.clone(), gate.subscribe());
        async move {
            began.send(()).unwrap();
            let _ = gate.recv().await;
            echo(request).await;
        }
    };
    let serving = tokio::spawn(serve(listener, handler, Limits::default(), stop));
    let mut idle = TcpStream::connect(address).await.unwrap();
    let mut busy = TcpStream::connect(address).await.unwrap();
    busy.write_all(GET).await.unwrap();
    busy.write_all(GET).await.unwrap();
    begun.recv().await.unwrap();
    stopper.stop();
    assert_eq!(idle.read(&mut [0; 9]).await.unwrap(), 0, "an idle connection is closed at once");
    while TcpStream::connect(address).await.is_ok() {}
    assert!(!serving.is_finished());
    release.send(()).unwrap();
    let mut output = String::new();
    busy.read_to_string(&mut output).await.unwrap();
    assert_eq!(output.matches("200 OK").count(), 1, "what ran is finished, what waited is not begun");
    serving.await.unwrap();
}

#[tokio::test]
async fn cuts_what_still_runs_when_the_time_to_stop_is_over() {
    let (listener, address) = listener().await;
    let (stopper, stop) = stop_channel();
    let (began, mut begun) = mpsc::unbounded_channel();
    let handler = move |request: http1::Request, _| {
        let began = began.clone();
        async move {
            began.send(()).unwrap();
            std::future::pending::<()>().await;
            drop(request);
        }
    };
    let limits = Limits { stop_timeout: Duration::from_millis(20), ..Limits::default() };
    let serving = tokio::spawn(serve(listener, handler, limits, stop));
    let mut busy = TcpStream::connect(address).await.unwrap();
    busy.write_all(GET).await.unwrap();
    begun.recv().await.unwrap();
    stopper.stop();
    serving.await.unwrap();
    assert_eq!(busy.read(&mut [0; 9]).await.unwrap_or(0), 0);
}

/// A server with one place, whose requests wait until they are let go.
async fn one_place() -> (SocketAddr, mpsc::UnboundedReceiver<()>, mpsc::UnboundedSender<()>) {
    let (listener, address) = listener().await;
    let (began, begun) = mpsc::unbounded_channel();
    let (let_go, go) = mpsc::unbounded_channel();
    let go = std::sync::Arc::new(tokio::sync::Mutex::new(go));
    let handler = move |request: http1::Request, _| {
        let (began, go) = (began.clone(), std::sync::Arc::clone(&go));
        async move {
            began.send(()).unwrap();
            go.lock().await.recv().await.unwrap();
            echo(request).await;
        }
    };
    let limits = Limits { connections_max: 1, ..Limits::default() };
    // It ends with the test.
    tokio::spawn(serve(listener, handler, limits, stop_channel().1));
    (address, begun, let_go)
}

#[tokio::test]
async fn whoever_comes_when_all_places_work_waits_for_one() {
    let (address, mut begun, let_go) = one_place().await;
    let mut first = TcpStream::connect(address).await.unwrap();
    first.write_all(GET).await.unwrap();
    begun.recv().await.unwrap();
    let mut second = TcpStream::connect(address).await.unwrap();
    second.write_all(GET).await.unwrap();
    let early = tokio::time::timeout(Duration::from_millis(50), begun.recv()).await;
    assert!(early.is_err(), "the second waits while the first is answered");
    let_go.send(()).unwrap();
    assert!(answer(&mut first).await.contains("200 OK"));
    // It stays open, but rests, and so gives way.
    begun.recv().await.unwrap();
    assert_eq!(first.read(&mut [0; 1]).await.unwrap_or(0), 0);
    let_go.send(()).unwrap();
    assert!(answer(&mut second).await.contains("200 OK"));
}

#[tokio::test]
async fn whoever_only_holds_a_connection_keeps_nobody_out() {
    let (address, mut begun, let_go) = one_place().await;
    for sent in [&b""[..], b"GET / HT", b"POST / HTTP/1.1\r\nHost: a\r\nX-More: "] {
        let mut holding = TcpStream::connect(address).await.unwrap();
        holding.write_all(sent).await.unwrap();
        let mut other = TcpStream::connect(address).await.unwrap();
        other.write_all(GET).await.unwrap();
        begun.recv().await.unwrap();
        let_go.send(()).unwrap();
        assert!(answer(&mut other).await.contains("200 OK"));
        assert_eq!(holding.read(&mut [0; 1]).await.unwrap_or(0), 0, "it is cut");
    }
}

#[tokio::test]
async fn whoever_says_nothing_reaches_no_handler_and_delays_no_stop() {
    let (listener, address) = listener().await;
    let (stopper, stop) = stop_channel();
    let (came, mut coming) = mpsc::unbounded_channel();
    let handler = move |mut stream: TcpStream, _, _| {
        let came = came.clone();
        async move {
            let mut first = [0; 1];
            came.send(stream.read(&mut first).await.map(|_| first)).unwrap();
        }
    };
    let limits = Limits { idle_timeout: Duration::from_millis(50), ..Limits::default() };
    let serving = tokio::spawn(http1::accept_loop(listener, handler, limits, stop));
    let mut silent = TcpStream::connect(address).await.unwrap();
    assert_eq!(silent.read(&mut [0; 1]).await.unwrap(), 0, "it is closed");
    assert!(coming.is_empty());
    let mut other = TcpStream::connect(address).await.unwrap();
    other.write_all(b"a").await.unwrap();
    assert_eq!(coming.recv().await.unwrap().unwrap(), *b"a");

    let (listener, address) = self::listener().await;
    let waits = Limits { idle_timeout: Duration::MAX, stop_timeout: Duration::MAX, ..Limits::default() };
    let never = |_, _, _| std::future::pending();
    let (second, stop) = stop_channel();
    let also_serving = tokio::spawn(http1::accept_loop(listener, never, waits, stop));
    let mut silent = TcpStream::connect(address).await.unwrap();
    second.stop();
    assert_eq!(silent.read(&mut [0; 1]).await.unwrap_or(0), 0);
    also_serving.await.unwrap();
    stopper.stop();
    serving.await.unwrap();
}

/// A server that answers each connection with these bytes and closes.
async fn canned(bytes: &'static [u8]) -> String {
    let (listener, address) = listener().await;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut some = [0; 4096];
            let _ = stream.read(&mut some).await;
            let _ = stream.write_all(bytes).await;
        }
    });
    format!("http://{address}/x?y")
}

#[tokio::test]
async fn fetches_a_whole_answer_with_the_head_as_given() {
    let (listener, address) = listener().await;
    let (seen, mut seeing) = mpsc::unbounded_channel();
    let (stopper, stop) = stop_channel();
    let handler = move |request: http1::Request, _| {
        let seen = seen.clone();
        async move {
            seen.send(echo(request).await).unwrap();
        }
    };
    let serving = tokio::spawn(serve(listener, handler, Limits::default(), stop));
    let url = format!("http://{address}/ocsp?x=1#f");
    let headers = [("Content-Type", "application/ocsp-request")];
    let fetched = fetch("POST", &url, &headers, Some(b"query"), &FetchLimits::default()).await.unwrap();
    assert_eq!((fetched.status, fetched.body.as_slice()), (200, &b"query"[..]));
    assert_eq!(fetched.header_text("X-Seen"), Some("/ocsp?x=1"));
    let seen = seeing.recv().await.unwrap();
    let names: Vec<_> = seen.headers.iter().map(|(n, _)| String::from_utf8_lossy(n).into_owned()).collect();
    assert_eq!(names, ["Host", "Content-Type", "Connection", "Content-Length"]);
    assert_eq!(seen.headers[0].1, address.to_string());
    stopper.stop();
    serving.await.unwrap();
}

#[tokio::test]
async fn a_download_that_is_cut_too_large_or_no_answer_is_an_error() {
    let limits = FetchLimits { body_bytes_max: 4, ..FetchLimits::default() };
    let get = async |url: &str| fetch("GET", url, &[], None, &limits).await;
    let url = canned(b"HTTP/1.1 302 Found\r\nLocation: http://b/\r\nContent-Length: 2\r\n\r\nok").await;
    assert_eq!(get(&url).await.unwrap().status, 302, "redirects are answers");
    let url = canned(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nok").await;
    assert_eq!(get(&url).await, Err(FetchError::Body(BodyError::Cut { received: 2 })));
    let url = canned(b"HTTP/1.1 200 OK\r\n\r\n12345").await;
    assert_eq!(get(&url).await, Err(FetchError::Body(BodyError::TooLarge { bytes_max: 4 })));
    let url = canned(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345").await;
    assert!(matches!(get(&url).await, Err(FetchError::Receive(ReceiveError::Refused(_)))));
    let url = canned(b"").await;
    assert_eq!(get(&url).await, Err(FetchError::Receive(ReceiveError::NoAnswer)));
    assert_eq!(get("https://127.0.0.1/").await, Err(FetchError::NotPlainHttp));
    assert!(matches!(get("nonsense").await, Err(FetchError::Url(_))));
    let (listener, address) = listener().await;
    drop(listener);
    assert!(matches!(get(&format!("http://{address}/")).await, Err(FetchError::Connect(_))));
}

#[tokio::test]
async fn a_download_that_never_ends_is_given_up() {
    let (listener, address) = listener().await;
    let (stopper, stop) = stop_channel();
    let handler = |request: http1::Request, _| async move {
        let head = ResponseHead::new(200);
        let mut out = request.responder.start(&head, http1::Framing::UntilClose).await.unwrap();
        while out.write(b"x").await.is_ok() {}
    };
    let serving = tokio::spawn(serve(listener, handler, Limits::default(), stop));
    let limits = FetchLimits {
        total_timeout: Duration::from_millis(60),
        body_bytes_max: usize::MAX,
        ..FetchLimits::default()
    };
    let fetched = fetch("GET", &format!("http://{address}/"), &[], None, &limits).await;
    assert_eq!(fetched, Err(FetchError::TooSlow));
    stopper.stop();
    serving.await.unwrap();
}
