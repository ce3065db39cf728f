//! Heads that are refused: every ambiguity, every flood.

use crate::peer::{Heard, hear, hear_whole, splits};
use http1::{HeadRefusal as R, Limits, RequestError};

async fn check(bytes: impl AsRef<[u8]>, refusal: R, status: u16) {
    let shown = String::from_utf8_lossy(bytes.as_ref()).chars().take(120).collect::<String>();
    let heard = hear_whole(bytes).await;
    refused(&heard, &refusal, status, &shown);
}

fn refused(heard: &Heard, refusal: &R, status: u16, shown: &str) {
    assert_eq!(heard.end, Err(RequestError::Refused(refusal.clone())), "{shown}");
    assert!(heard.seen.is_empty(), "{shown}");
    assert_eq!(refusal.status(), status);
    assert!(heard.output.starts_with(&format!("HTTP/1.1 {status} ")), "{shown}: {}", heard.output);
    let why = format!("{refusal}\n");
    let told = format!(
        "Content-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{why}",
        why.len()
    );
    assert!(heard.output.ends_with(&told), "{}", heard.output);
}

fn get(headers: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: a\r\n{headers}\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
}

#[tokio::test]
async fn refuses_two_readings_of_the_length() {
    check(get("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"), R::TwoFramings, 400).await;
    check(get("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n"), R::TwoFramings, 400).await;
    check(get("Content-Length: 3\r\nContent-Length: 4\r\n"), R::LengthsDiffer, 400).await;
    check(get("Content-Length: 3, 3\r\n"), R::LengthMalformed, 400).await;
    check(get("Content-Length: +3\r\n"), R::LengthMalformed, 400).await;
    check(get("Content-Length: -1\r\n"), R::LengthMalformed, 400).await;
    check(get("Content-Length: 0x3\r\n"), R::LengthMalformed, 400).await;
    check(get("Content-Length: \r\n"), R::LengthMalformed, 400).await;
    check(get("Content-Length: 3 3\r\n"), R::LengthMalformed, 400).await;
    check(get("Content-Length: 99999999999999999999\r\n"), R::LengthMalformed, 400).await;
    check(get("Content-Length: 3\r\ncontent-LENGTH: 3x\r\n"), R::LengthMalformed, 400).await;
}

#[tokio::test]
async fn refuses_transfer_codings_other_than_plain_chunked() {
    for coding in
        ["gzip, chunked", "chunked, chunked", "identity", "xchunked", "chunked;q=1", "", "\"chunked\""]
    {
        check(get(&format!("Transfer-Encoding: {coding}\r\n")), R::UnknownTransferCoding, 501).await;
    }
    let twice = get("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n");
    check(twice, R::UnknownTransferCoding, 501).await;
    check("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", R::TransferCodingInHttp10, 400)
        .await;
}

#[tokio::test]
async fn refuses_odd_line_ends_and_folded_lines() {
    check("GET / HTTP/1.1\nHost: a\n\n", R::BareLineFeed, 400).await;
    check("GET / HTTP/1.1\r\nHost: a\n\r\n", R::BareLineFeed, 400).await;
    check("GET / HTTP/1.1\r\nHost: a\r\n\n", R::BareLineFeed, 400).await;
    check("GET / HTTP/1.1\r\nHost: a\r\nX: b\rY: c\r\n\r\n", R::BareCarriageReturn, 400).await;
    check("GET / HTTP/1.1\r\nHost: a\r\nX: b\r\r\n\r\n", R::BareCarriageReturn, 400).await;
    check(get("X: a\r\n b\r\n"), R::FoldedLine, 400).await;
    check(get("X: a\r\n\tContent-Length: 3\r\n"), R::FoldedLine, 400).await;
    check("GET / HTTP/1.1\r\n Host: a\r\n\r\n", R::FoldedLine, 400).await;
}

#[tokio::test]
async fn refuses_names_values_and_first_lines_out_of_form() {
    let name = || R::Malformed("header name");
    check(get("Content-Length : 3\r\n"), name(), 400).await;
    check(get("X\t: 3\r\n"), name(), 400).await;
    check(get("no colon\r\n"), name(), 400).await;
    check(get(": nameless\r\n"), name(), 400).await;
    check(get("X(y): 3\r\n"), name(), 400).await;
    check(get("Ä: 3\r\n"), name(), 400).await;
    check(get("X: a\0b\r\n"), R::Malformed("header value"), 400).await;
    check(get("X: a\u{1}b\r\n"), R::Malformed("header value"), 400).await;
    check("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", R::Malformed("first line"), 400).await;
    check(" GET / HTTP/1.1\r\nHost: a\r\n\r\n", R::Malformed("first line"), 400).await;
    check("G(T / HTTP/1.1\r\nHost: a\r\n\r\n", R::Malformed("first line"), 400).await;
    check("GET /\r\nHost: a\r\n\r\n", R::Malformed("first line"), 400).await;
    check(
        "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        R::Malformed("an empty line instead of a first line"),
        400,
    )
    .await;
    check("\u{16}\u{3}\u{1}\r\n\r\n", R::Malformed("first line"), 400).await;
}

#[tokio::test]
async fn refuses_other_versions() {
    for version in ["HTTP/2.0", "HTTP/1.2", "HTTP/0.9", "HTTP/1.1x", "http/1.1", "HTTP/11"] {
        let heard = hear_whole(format!("GET / {version}\r\nHost: a\r\n\r\n")).await;
        let Err(RequestError::Refused(refusal)) = &heard.end else { panic!("{version} was taken") };
        assert!(matches!(refusal, R::Version | R::Malformed(_)), "{version}");
    }
    check("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", R::Version, 505).await;
}

#[tokio::test]
async fn refuses_targets_that_programs_read_differently() {
    for target in [
        "a",
        "//\u{e4}",
        "/a#b",
        "ftp://a/",
        "http:///a",
        "http://u@h/a",
        "http://h?x=/r1/EX/GOV/member/system/svc",
        "HTTPS://h:443?x=/a",
        "http://h?",
        "http://?/a",
        "a:443",
        "/\u{7f}",
    ] {
        let heard = hear_whole(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        let Err(RequestError::Refused(refusal)) = &heard.end else { panic!("{target} was taken") };
        assert!(matches!(refusal, R::Target | R::Malformed(_)), "{target}");
        assert!(heard.output.starts_with("HTTP/1.1 400 "), "{target}");
    }
}

#[tokio::test]
async fn refuses_a_missing_doubled_or_impossible_host() {
    check("GET / HTTP/1.1\r\n\r\n", R::HostMissing, 400).await;
    check("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", R::HostRepeated, 400).await;
    check("GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n", R::HostRepeated, 400).await;
    check("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", R::HostMalformed, 400).await;
    check("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", R::HostMalformed, 400).await;
    check("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", R::HostMalformed, 400).await;
}

#[tokio::test]
async fn refuses_expectations_it_does_not_know() {
    check(get("Expect: the-unexpected\r\n"), R::UnknownExpectation, 417).await;
    check(get("Expect: 100-continue\r\nExpect: x\r\n"), R::UnknownExpectation, 417).await;
}

#[tokio::test]
async fn refuses_floods_at_their_bound_and_not_later() {
    let long_line = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(17_000));
    check(long_line, R::StartLineTooLong { bytes_max: 16_384 }, 414).await;
    check("G".repeat(17_000), R::StartLineTooLong { bytes_max: 16_384 }, 414).await;
    check(get(&format!("X: {}\r\n", "a".repeat(17_000))), R::HeaderLineTooLong { bytes_max: 16_384 }, 431)
        .await;
    let unfinished = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "a".repeat(17_000));
    check(unfinished, R::HeaderLineTooLong { bytes_max: 16_384 }, 431).await;
    check(get(&"a: b\r\n".repeat(1001)), R::TooManyHeaders { headers_max: 1000 }, 431).await;
    check(get(&format!("X: {}\r\n", "a".repeat(999)).repeat(70)), R::HeadTooLarge { bytes_max: 65_536 }, 431)
        .await;
    let heard = hear_whole(format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "a: b\r\n".repeat(999))).await;
    assert_eq!(heard.end, Ok(()));
    assert_eq!(heard.seen[0].headers.len(), 1000);
}

#[tokio::test]
async fn refuses_an_announced_body_beyond_the_bound() {
    let limits = Limits { body_bytes_max: 10, ..Limits::default() };
    let heard = hear(vec![get("Content-Length: 11\r\n").into_bytes()], limits).await;
    refused(&heard, &R::BodyTooLarge { bytes: 11, bytes_max: 10 }, 413, "eleven");
}

#[tokio::test]
async fn gives_the_same_verdict_however_the_bytes_are_split() {
    let bytes = get("X: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n");
    for pieces in splits(bytes.as_bytes()) {
        let heard = hear(pieces, Limits::default()).await;
        refused(&heard, &R::TwoFramings, 400, "split");
    }
    for pieces in splits(b"GET / HTTP/1.1\r\nHost: a\r\nX: b\n\r\n") {
        refused(&hear(pieces, Limits::default()).await, &R::BareLineFeed, 400, "split");
    }
}
