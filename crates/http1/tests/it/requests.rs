//! Requests that are taken, and how their heads are kept.

use crate::peer::{hear, hear_whole, splits};
use http1::{Limits, RequestHead, Version};

#[tokio::test]
async fn keeps_order_and_spelling_of_names_and_values() {
    let heard = hear_whole(
        "POST /r1/A?x=%20y HTTP/1.1\r\nhOsT: a\r\nX-Road-Client:  A/B/C \r\nx-b: 1\r\nX-B:2\r\nempty:\r\n\
         Quote: \"a  b\"\tc\r\nContent-length: 2\r\n\r\nok",
    )
    .await;
    let names: Vec<_> = heard.seen[0]
        .headers
        .iter()
        .map(|(n, v)| format!("{}={}", String::from_utf8_lossy(n), String::from_utf8_lossy(v)))
        .collect();
    assert_eq!(
        names,
        [
            "hOsT=a",
            "X-Road-Client=A/B/C",
            "x-b=1",
            "X-B=2",
            "empty=",
            "Quote=\"a  b\"\tc",
            "Content-length=2"
        ]
    );
    assert_eq!(heard.seen[0].target, "/r1/A?x=%20y");
    assert_eq!(heard.seen[0].body, Ok(b"ok".to_vec()));
    assert_eq!(heard.output, "HTTP/1.1 200 OK\r\nx-seen: /r1/A?x=%20y\r\nContent-Length: 2\r\n\r\nok");
}

#[tokio::test]
async fn keeps_bytes_of_a_value_that_are_not_ascii() {
    let heard = hear_whole(b"GET / HTTP/1.1\r\nHost: a\r\nX: \xc3\xa4\xff\r\n\r\n").await;
    assert_eq!(&heard.seen[0].headers[1].1[..], b"\xc3\xa4\xff");
}

#[tokio::test]
async fn understands_a_stream_of_requests_however_it_is_split() {
    let bytes = b"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello\
        POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n00A \r\n0123456789\r\n0\r\nT: v\r\n\r\n\
        \r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\n";
    for pieces in splits(bytes) {
        let heard = hear(pieces, Limits::default()).await;
        assert_eq!(heard.end, Ok(()));
        let bodies: Vec<_> = heard.seen.iter().map(|seen| seen.body.clone().unwrap()).collect();
        assert_eq!(bodies, [b"hello".to_vec(), b"hello0123456789".to_vec(), Vec::new()]);
        assert_eq!(heard.output.matches("HTTP/1.1 200 OK").count(), 3);
    }
}

#[tokio::test]
async fn a_request_cut_anywhere_never_looks_whole() {
    for whole in [
        &b"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"[..],
        b"POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\nx\r\n0\r\nA: b\r\n\r\n",
    ] {
        for length in 1..whole.len() {
            let heard = hear(vec![whole[..length].to_vec()], Limits::default()).await;
            assert!(heard.seen.iter().all(|seen| seen.body.is_err()), "{length}");
            assert!(heard.seen.len() == 1 || heard.end.is_err(), "{length}");
            assert!(!heard.output.contains(" 200 "), "{length}");
        }
        assert!(hear_whole(whole).await.seen[0].body.is_ok());
    }
}

#[tokio::test]
async fn http_1_0_needs_no_host_and_closes_unless_asked_otherwise() {
    let heard = hear_whole("GET /a HTTP/1.0\r\n\r\nGET /b HTTP/1.0\r\n\r\n").await;
    assert_eq!(heard.seen.len(), 1);
    assert_eq!(heard.end, Ok(()));
}

#[tokio::test]
async fn a_request_that_says_close_is_the_last() {
    let heard = hear_whole(
        "GET /a HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n",
    )
    .await;
    assert_eq!(heard.seen.len(), 1);
}

#[test]
fn reads_path_and_query_from_every_form_of_target() {
    let check = |target: &str, path: &str, query: Option<&str>| {
        let head = RequestHead::new("GET", target);
        assert_eq!((head.path(), head.query()), (path, query), "{target}");
    };
    check("/a/b?c=d?e", "/a/b", Some("c=d?e"));
    check("/a", "/a", None);
    check("/a?u=http://x/y", "/a", Some("u=http://x/y"));
    check("http://host:8080/a?b", "/a", Some("b"));
    check("http://host", "/", None);
    check("http://host/?x=/r1/EX", "/", Some("x=/r1/EX"));
    check("http://host?x=/r1/EX", "/", None);
    check("http://host?", "/", None);
    check("*", "*", None);
}

#[tokio::test]
async fn takes_whole_addresses_as_a_proxy_gets_them() {
    let heard = hear_whole("GET http://h:80/a HTTP/1.1\r\nHost: h\r\n\r\n").await;
    assert_eq!(heard.seen[0].target, "http://h:80/a");
    let heard = hear_whole("GET http://h/?x=/r1/EX HTTP/1.1\r\nHost: h\r\n\r\n").await;
    assert_eq!(heard.seen[0].target, "http://h/?x=/r1/EX");
}

#[test]
fn looks_names_up_without_regard_to_case() {
    let head = RequestHead::new("GET", "/").with("X-Road-Client", "a").with("x-road-client", "b");
    assert_eq!(head.version, Version::Http11);
    assert_eq!(head.header_text("X-ROAD-CLIENT"), Some("a"));
    assert_eq!(head.last_header("x-road-client").unwrap(), "b");
    assert_eq!(head.header_all("X-road-client").count(), 2);
    assert_eq!(head.header("other"), None);
}
