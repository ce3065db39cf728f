//! A call that succeeds: what arrives at the service and what comes back, line by line (data-plane 2.3, 2.5, 2.7).

use super::common::{Traces, is_uuid, newest};
use super::raw;
use anyhow::Result;
use base64::Engine as _;
use http1::RequestHead;
use messagelog::Direction;
use testkit::{CLIENT, Nation, Reply, call};
use trust::algorithm::DigestAlgorithm;

/// Name and value of each line of a head, after the first line.
fn lines(head: &str) -> Vec<(String, String)> {
    let pairs = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// An answer with headers that travel and headers that do not.
fn reply() -> Reply {
    let mut reply = Reply::json("{\"name\":\"SOK CHANNA\"}");
    for (name, value) in [
        ("Set-Cookie", "a=b"),
        ("X-Multi", "one"),
        ("Server", "hidden"),
        ("Keep-Alive", "timeout=60"),
        ("X-Road-Id", "forged"),
        ("x-road-client", "A/B/C/forged"),
        ("X-Road-Request-Id", "forged"),
        ("X-Road-Request-Hash", "forged"),
        ("x-MULTI", "two"),
        ("Cache-Control", "no-store"),
    ] {
        reply.headers.push((name.to_owned(), value.to_owned()));
    }
    reply
}

/// A request with everything that a consumer may send.
fn request() -> String {
    format!(
        "GET /r1/CAMBODIA/GOV/MOI/civil-registry/people/headers/%C3%A4?q=1&x=%20 HTTP/1.1\r\nHost: gateway:8080\r\n\
         x-Road-CLIENT: {CLIENT}\r\nX-Road-Id: my-own-id-123\r\nX-Road-Request-Id: forged\r\nX-Road-Request-Hash: forged\r\n\
         X-Road-UserId: KH123\r\nX-Road-Issue: issue 42\r\nX-Road-Represented-Party: GOV/9876\r\n\
         X-Road-Security-Server: CAMBODIA/GOV/MOI/interior\r\nAccept: application/json\r\nCookie: c=1\r\n\
         Authorization: Bearer token\r\nX-Custom: a\r\nx-cUSTOM: b\r\nX-Empty:\r\nX-Utf: v\u{e4}lue\r\nTE: trailers\r\n\
         User-Agent: vec/1\r\nReferer: http://x/\r\nVia: 1.1 foo\r\nProxy-Authorization: Basic eA==\r\nConnection: close\r\n\r\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_keep_order_and_spelling_in_both_directions() {
    let nation = Nation::start().await.unwrap();
    nation.service.answers(reply());
    let before = Traces::of(&nation).unwrap();
    let answer = raw::exchange(nation.consumer.config.listen.consumer_http, request()).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert_eq!(body, "{\"name\":\"SOK CHANNA\"}");
    before.assert_whole(&nation, "the call").unwrap();
    let seen = nation.service.seen().pop().unwrap().head;
    assert_eq!(seen.target, "/headers/%C3%A4?q=1&x=%20");
    let request_id = seen.header_text("x-road-request-id").unwrap().to_owned();
    assert!(is_uuid(&request_id), "{request_id}");
    assert_at_service(&nation, &seen, &request_id).unwrap();
    assert_at_consumer(&nation, head, &request_id).unwrap();
}

fn assert_at_service(nation: &Nation, seen: &RequestHead, request_id: &str) -> Result<()> {
    let at_service: Vec<_> = seen
        .headers
        .iter()
        .map(|(n, v)| (String::from_utf8_lossy(n).into_owned(), String::from_utf8_lossy(v).into_owned()))
        .collect();
    let address = nation.service.address.to_string();
    let expected = [
        ("x-Road-CLIENT", CLIENT),
        ("X-Road-Id", "my-own-id-123"),
        ("X-Road-UserId", "KH123"),
        ("X-Road-Issue", "issue 42"),
        ("X-Road-Represented-Party", "GOV/9876"),
        ("X-Road-Security-Server", "CAMBODIA/GOV/MOI/interior"),
        ("Accept", "application/json"),
        ("Cookie", "c=1"),
        ("Authorization", "Bearer token"),
        ("X-Custom", "a"),
        ("x-cUSTOM", "b"),
        ("X-Empty", ""),
        ("X-Utf", "v\u{e4}lue"),
        ("Referer", "http://x/"),
        ("Via", "1.1 foo"),
        ("x-road-request-id", request_id),
        ("Host", &address),
        ("Connection", "Keep-Alive"),
        ("User-Agent", concat!("Chhatra/", env!("CARGO_PKG_VERSION"))),
        ("Accept-Encoding", "gzip,deflate"),
    ];
    assert_eq!(at_service, pairs(&expected));
    Ok(())
}

fn assert_at_consumer(nation: &Nation, head: &str, request_id: &str) -> Result<()> {
    let (_, record) = newest(&nation.provider, Direction::Request)?;
    let digest = DigestAlgorithm::Sha512.digest(&record.message);
    let hash = base64::engine::general_purpose::STANDARD.encode(digest);
    let date = nation.clock.now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let expected = [
        ("Date", date.as_str()),
        ("Content-Type", "application/json"),
        ("Set-Cookie", "a=b"),
        ("X-Multi", "one"),
        ("x-MULTI", "two"),
        ("Cache-Control", "no-store"),
        ("x-road-id", "my-own-id-123"),
        ("x-road-client", CLIENT),
        ("x-road-service", "CAMBODIA/GOV/MOI/civil-registry/people"),
        ("x-road-request-id", request_id),
        ("x-road-request-hash", &hash),
        ("Content-Length", "21"),
    ];
    assert_eq!(lines(head), pairs(&expected));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identifier_is_made_when_the_consumer_gives_none() {
    let nation = Nation::start().await.unwrap();
    let answer = nation.send(call("GET", ""), None).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    let id = answer.header("x-road-id").unwrap();
    assert!(id.strip_prefix("CAMBODIA-").is_some_and(is_uuid), "{id}");
    let head = nation.service.seen().pop().unwrap().head;
    assert_eq!(head.target, "/");
    assert_eq!(head.header_text("x-road-id"), Some(id.as_str()));
    // Appended behind the identifier of the exchange, as the original does.
    let names: Vec<_> = head.headers.iter().map(|(name, _)| String::from_utf8_lossy(name)).collect();
    assert_eq!(names[..3], ["X-Road-Client", "x-road-request-id", "x-road-id"]);
    // Every message has both its sides on record under the same identifiers.
    for gateway in [&nation.consumer, &nation.provider] {
        for direction in [Direction::Request, Direction::Response] {
            let (entry, _) = newest(gateway, direction).unwrap();
            assert_eq!(entry.query_id, id);
            assert_eq!(Some(entry.request_id), answer.header("x-road-request-id"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_services_own_date_takes_the_place_of_ours() {
    let nation = Nation::start().await.unwrap();
    let mut reply = Reply::json("{}");
    for (name, value) in [("date", "Sun, 22 Nov 2026 11:52:12 GMT"), ("x-road-service", "A/B/C/d/its-own")] {
        reply.headers.push((name.to_owned(), value.to_owned()));
    }
    nation.service.answers(reply);
    let answer = nation.send(call("GET", "/v1"), None).await.unwrap();
    let all = |name: &str| -> Vec<String> {
        let named = answer.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name.as_bytes()));
        named.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect()
    };
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(all("date"), ["Sun, 22 Nov 2026 11:52:12 GMT"]);
    assert_eq!(answer.headers.first().unwrap().0, "Date");
    // Not dropped, by X-Road neither: ours stands behind it (data-plane 2.5).
    assert_eq!(all("x-road-service"), ["A/B/C/d/its-own", "CAMBODIA/GOV/MOI/civil-registry/people"]);
}
