//! Whatever a service answers is an answer: status, headers and body arrive as X-Road 7.8 delivers them (data-plane 2.7, 4.8, 4.10).

use super::common::{newest, offer, service};
use super::raw::{self, RawService, Then};
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use messagelog::Direction;
use std::io::Write as _;
use testkit::{CLIENT, Nation, PROVIDER};

const TEXT: &[u8] = b"a person's record, a person's record";
const TWICE: &[u8] = b"a person's record, a person's recorda person's record, a person's record";

/// What is sent by the service and what the consumer gets.
struct Case {
    name: &'static str,
    method: &'static str,
    head: &'static str,
    body: Vec<u8>,
    /// Add a Content-Length to the head.
    sized: bool,
    status: &'static str,
    headers: &'static [&'static str],
    arrives: &'static [u8],
    /// Whether the signed answer has a body part: whenever HTTP says that there is a body, even an empty one.
    part: bool,
}

impl Case {
    fn new(name: &'static str, head: &'static str, body: impl AsRef<[u8]>) -> Self {
        Self {
            name,
            method: "GET",
            head,
            body: body.as_ref().to_vec(),
            sized: false,
            status: "200 OK",
            headers: &[],
            arrives: b"",
            part: true,
        }
    }

    const fn to(mut self, method: &'static str) -> Self {
        self.method = method;
        self
    }

    const fn sized(mut self) -> Self {
        self.sized = true;
        self
    }

    const fn status(mut self, status: &'static str) -> Self {
        self.status = status;
        self
    }

    const fn headers(mut self, headers: &'static [&'static str]) -> Self {
        self.headers = headers;
        self
    }

    const fn arrives(mut self, body: &'static [u8]) -> Self {
        self.arrives = body;
        self
    }

    const fn without_part(mut self) -> Self {
        self.part = false;
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.head.as_bytes().to_vec();
        if self.sized {
            bytes.extend_from_slice(format!("Content-Length: {}\r\n", self.body.len()).as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

fn gzip() -> Vec<u8> {
    pieces(&[TEXT])
}

/// Each packed by itself, one after the other (RFC 1952 2.2).
fn pieces(texts: &[&[u8]]) -> Vec<u8> {
    let mut all = Vec::new();
    for text in texts {
        let mut encoder = GzEncoder::new(&mut all, Compression::default());
        encoder.write_all(text).unwrap_or_default();
        encoder.finish().map(|_| ()).unwrap_or_default();
    }
    all
}

fn statuses() -> Vec<Case> {
    vec![
        Case::new(
            "404",
            "HTTP/1.1 404 Not Found\r\nContent-Type: application/problem+json\r\n",
            "{\"status\":404}",
        )
        .sized()
        .status("404 Not Found")
        .headers(&["Content-Type: application/problem+json"])
        .arrives(b"{\"status\":404}"),
        Case::new("500", "HTTP/1.1 500 Internal Server Error\r\nX-Why: broken\r\n", "sorry")
            .sized()
            .status("500 Internal Server Error")
            .headers(&["X-Why: broken"])
            .arrives(b"sorry"),
        Case::new("401", "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\n", "")
            .sized()
            .status("401 Unauthorized")
            .headers(&["WWW-Authenticate: Basic realm=\"x\""]),
        Case::new("a redirect, not followed", "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/x\r\n", "")
            .sized()
            .status("302 Found")
            .headers(&["Location: http://127.0.0.1:1/x"]),
        Case::new("204", "HTTP/1.1 204 No Content\r\nContent-Type: application/problem+json\r\n", "")
            .to("DELETE")
            .status("204 No Content")
            .headers(&["Content-Type: application/problem+json"])
            .without_part(),
        Case::new("304", "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 48\r\n", "")
            .status("304 Not Modified")
            .headers(&["ETag: \"x\""])
            .without_part(),
        Case::new("205", "HTTP/1.1 205 Reset Content\r\n", "")
            .sized()
            .status("205 Reset Content")
            .without_part(),
        Case::new("a reason of its own", "HTTP/1.1 200 Very Well\r\n", "x").sized().arrives(b"x"),
        Case::new("no reason", "HTTP/1.1 200 \r\n", "x").sized().arrives(b"x"),
        Case::new("not even a space", "HTTP/1.1 200\r\n", "x").sized().arrives(b"x"),
        Case::new(
            "early hints",
            "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nX-A: 1\r\n",
            "x",
        )
        .sized()
        .headers(&["X-A: 1"])
        .arrives(b"x"),
    ]
}

fn framings() -> Vec<Case> {
    vec![
        Case::new("empty", "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n", "")
            .sized()
            .headers(&["Content-Type: text/plain"]),
        Case::new("empty, in chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        Case::new("empty, to the end of the connection", "HTTP/1.1 200 OK\r\n", ""),
        Case::new(
            "chunks with a trailer",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\nX-A: 1\r\n",
            "3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX-T: dropped\r\n\r\n",
        )
        .headers(&["X-A: 1"])
        .arrives(b"abcde"),
        Case::new("to the end of the connection", "HTTP/1.1 200 OK\r\nX-A: 1\r\n", "abcde")
            .headers(&["X-A: 1"])
            .arrives(b"abcde"),
        Case::new("HTTP/1.0", "HTTP/1.0 200 OK\r\nX-A: 1\r\n", "abcde").headers(&["X-A: 1"]).arrives(b"abcde"),
        Case::new("neighbourly headers", "HTTP/1.1 200 OK\r\nConnection: close, X-A\r\nKeep-Alive: timeout=6\r\nUpgrade: h2\r\nServer: s\r\nX-A: 1\r\nProxy-Authenticate: x\r\nX-B: \r\n", "abc")
            .sized()
            .headers(&["X-A: 1", "X-B: "])
            .arrives(b"abc"),
        Case::new("HEAD", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 48\r\n", "")
            .to("HEAD")
            .headers(&["Content-Type: application/json"])
            .without_part(),
        Case::new("HEAD of a packed thing", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 48\r\n", "")
            .to("HEAD")
            .headers(&["Content-Encoding: gzip"])
            .without_part(),
    ]
}

fn codings() -> Vec<Case> {
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    zlib.write_all(TEXT).unwrap_or_default();
    let mut raw = DeflateEncoder::new(Vec::new(), Compression::default());
    raw.write_all(TEXT).unwrap_or_default();
    let deflate = "HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\nX-A: 1\r\n";
    vec![
        Case::new("gzip", "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nCONTENT-encoding: gzip\r\nContent-MD5: x\r\nVary: a\r\n", gzip())
            .sized()
            .headers(&["Content-Type: text/plain", "Vary: a"])
            .arrives(TEXT),
        Case::new("several packed pieces", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n", pieces(&[TEXT, b"", TEXT]))
            .sized()
            .arrives(TWICE),
        Case::new("x-gzip", "HTTP/1.1 200 OK\r\nContent-Encoding: x-gzip\r\n", gzip()).sized().arrives(TEXT),
        Case::new("gzip to the end", "HTTP/1.1 200 OK\r\nContent-Encoding: GZIP\r\n", gzip()).arrives(TEXT),
        Case::new("deflate", deflate, zlib.finish().unwrap_or_default()).sized().headers(&["X-A: 1"]).arrives(TEXT),
        Case::new("deflate without its wrapper", deflate, raw.finish().unwrap_or_default())
            .sized()
            .headers(&["X-A: 1"])
            .arrives(TEXT),
        Case::new("a coding that passes", "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-MD5: x\r\n", TEXT)
            .sized()
            .headers(&["Content-Encoding: br", "Content-MD5: x"])
            .arrives(TEXT),
        Case::new("packed and empty", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n", "")
            .sized()
            .headers(&["Content-Encoding: gzip"]),
    ]
}

async fn check(nation: &Nation, raw: &RawService, case: &Case) -> anyhow::Result<()> {
    let name = case.name;
    raw.answers(case.bytes(), Then::Close);
    let request = format!(
        "{} /r1/{PROVIDER}/raw/v1 HTTP/1.1\r\nHost: x\r\nX-Road-Client: {CLIENT}\r\nConnection: close\r\n\r\n",
        case.method
    );
    let bytes = raw::exchange(nation.consumer.config.listen.consumer_http, request).await?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(|| anyhow::anyhow!("{name}: {text}"))?;
    let mut lines = head.split("\r\n");
    assert_eq!(lines.next(), Some(format!("HTTP/1.1 {}", case.status).as_str()), "{name}: {text}");
    assert!(lines.next().is_some_and(|line| line.starts_with("Date: ")), "{name}: {text}");
    let lines: Vec<&str> = lines.collect();
    let own = lines.iter().position(|line| line.starts_with("x-road-id: ")).unwrap_or(lines.len());
    assert_eq!(lines.get(..own).unwrap_or_default(), case.headers, "{name}");
    let bodiless = case.method == "HEAD" || matches!(case.status.get(..3), Some("204" | "304"));
    let length = format!("Content-Length: {}", case.arrives.len());
    let framing: &[&str] = if bodiless { &[] } else { &[&length] };
    assert_eq!(lines.get(own.saturating_add(5)..).unwrap_or_default(), framing, "{name}: {text}");
    assert_eq!(body.as_bytes(), case.arrives, "{name}");
    for gateway in [&nation.provider, &nation.consumer] {
        let (entry, record) = newest(gateway, Direction::Response)?;
        // A body part makes a hash chain necessary (data-plane trap 7); without one the signature is direct.
        assert_eq!(record.hash_chain.is_some(), case.part, "{name}: a body part");
        let stored = (!case.arrives.is_empty()).then_some(case.arrives.len());
        let stored = stored.map(u64::try_from).transpose()?;
        assert_eq!(entry.body_bytes.filter(|bytes| *bytes > 0), stored, "{name}: the body on record");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_of_a_service_arrives() {
    let nation = Nation::start().await.unwrap();
    let raw = RawService::start(nation.address(21, 9080)).await.unwrap();
    let settings = offer(nation.provider_settings().unwrap(), vec![service("raw", &raw.url())]).unwrap();
    nation.provider.apply(&settings).await.unwrap();
    for case in statuses().iter().chain(&framings()).chain(&codings()) {
        check(&nation, &raw, case).await.unwrap();
    }
}
