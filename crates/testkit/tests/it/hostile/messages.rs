//! What a peer that is one may still send to port 5500: the multipart and the signature of a genuine request, bent in every way. Each is
//! refused with X-Road's code in a sentence that names the limit, and leaves no trace.

use super::between::{Between, answer, lines};
use crate::peer::recorder::find;
use crate::refusals::common::Traces;
use testkit::{Nation, call};
use tokio::io::AsyncWriteExt as _;

/// A request between gateways, taken apart.
#[derive(Debug, Clone)]
struct Message {
    /// Without what tells the length of the body.
    head: String,
    before: Vec<u8>,
    parts: Vec<Vec<u8>>,
    after: Vec<u8>,
    line: Vec<u8>,
}

/// The parts of a request with a body, in their order.
const OCSP: usize = 0;
const MESSAGE: usize = 1;
const BODY: usize = 2;
const RESULT: usize = 3;
const SIGNATURE: usize = 5;

impl Message {
    fn read(bytes: &[u8]) -> Self {
        let at = find(bytes, b"\r\n\r\n").unwrap() + 4;
        let head = String::from_utf8(bytes[..at - 2].to_vec()).unwrap();
        let whole = [&bytes[..at], &unchunked(&bytes[at..])].concat();
        let (line, places) = lines(&whole).unwrap();
        let parts = places.windows(2).map(|pair| {
            let start = pair[0] + line.len() + 2;
            whole[start..pair[1] - 2].to_vec()
        });
        Self {
            head: head.replace("Transfer-Encoding: chunked\r\n", ""),
            before: vec![],
            parts: parts.collect(),
            after: vec![],
            line,
        }
    }

    fn body(&self) -> Vec<u8> {
        let mut body = self.before.clone();
        for part in &self.parts {
            body.extend([&self.line, b"\r\n".as_slice(), part, b"\r\n"].concat());
        }
        body.extend([&self.line, b"--\r\n".as_slice(), &self.after].concat());
        body
    }

    fn bytes(&self, body: &[u8]) -> Vec<u8> {
        [format!("{}Content-Length: {}\r\n\r\n", self.head, body.len()).as_bytes(), body].concat()
    }

    /// Replaces the first occurrence of a text in a part.
    fn replace(&mut self, part: usize, before: &str, after: &str) {
        let text = String::from_utf8(self.parts[part].clone()).unwrap();
        assert!(text.contains(before), "{before}");
        self.parts[part] = text.replacen(before, after, 1).into_bytes();
    }

    fn double(&mut self, part: usize, before: usize) {
        self.parts.insert(before, self.parts[part].clone());
    }

    /// Puts this before the end of a part's head.
    fn with_headers(&mut self, part: usize, headers: &str) {
        self.replace(part, "\r\n\r\n", &format!("\r\n{headers}\r\n"));
    }

    fn lengthen(&mut self, part: usize, bytes: usize) {
        self.parts[part].resize(bytes, b' ');
    }
}

fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut whole = vec![];
    loop {
        let line = find(body, b"\r\n").unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(&body[..line]).unwrap(), 16).unwrap();
        whole.extend(&body[line + 2..line + 2 + size]);
        if size == 0 {
            return whole;
        }
        body = &body[line + 4 + size..];
    }
}

/// What is done to a request; the code without `server.serverproxy.`, and words of the sentence.
type Case = (&'static str, fn(&mut Message), &'static str, &'static str);

const KIND: &str = "service_failed.invalid_content_type";
const NOT_SO: &str = "service_failed.invalid_message";
const XML: &str = "signature_verification.invalid_xml";
const BENT: &str = "signature_verification.malformed_signature";
const MANY: &str = "internal_error";

const SHAPES: &[Case] = &[
    ("two messages", |m| m.double(MESSAGE, 2), KIND, ""),
    ("two bodies", |m| m.double(BODY, 3), KIND, ""),
    ("two results", |m| m.double(RESULT, 4), KIND, ""),
    ("two signatures", |m| m.double(SIGNATURE, 6), NOT_SO, ""),
    ("a body behind the signature", |m| m.double(BODY, 6), NOT_SO, ""),
    ("the signature first", |m| m.parts.swap(OCSP, SIGNATURE), KIND, ""),
    ("the body before the message", |m| m.parts.swap(MESSAGE, BODY), KIND, ""),
    ("the chain before its result", |m| m.parts.swap(RESULT, 4), KIND, ""),
    ("an OCSP response at the end", |m| m.double(OCSP, 5), KIND, ""),
    ("no signature", |m| m.parts.truncate(SIGNATURE), "missing_signature", ""),
    ("no message", |m| m.parts.truncate(MESSAGE), "missing_rest", ""),
    ("17 OCSP responses", |m| (0..16).for_each(|_| m.double(OCSP, 0)), NOT_SO, "More than 16 OCSP responses"),
    (
        "a multipart in a multipart",
        |m| {
            m.parts[MESSAGE] =
                b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\n\r\n--x--".to_vec()
        },
        KIND,
        "",
    ),
    ("100,000 empty parts", |m| m.parts = vec![b"\r\n".to_vec(); 100_000], KIND, ""),
    (
        "1001 header lines",
        |m| m.with_headers(MESSAGE, &"a: b\r\n".repeat(1000)),
        MANY,
        "more than 1000 header lines",
    ),
    (
        "a header line of 1 MB",
        |m| m.with_headers(BODY, &format!("a: {}\r\n", "b".repeat(1 << 20))),
        "mime_parsing_failed",
        "longer than 1000 bytes",
    ),
    (
        "two content types",
        |m| m.with_headers(MESSAGE, "content-type: text/xml\r\n"),
        "mime_parsing_failed",
        "two content types",
    ),
    ("much before", |m| m.before = vec![b'\n'; 70_000], "mime_parsing_failed", "more than 65536 bytes"),
    ("much behind", |m| m.after = vec![b'\n'; 70_000], "mime_parsing_failed", "more than 65536 bytes"),
    ("an OCSP response of 64 KB", |m| m.lengthen(OCSP, 70_000), NOT_SO, "65536"),
    ("a message of 1 MB", |m| m.lengthen(MESSAGE, 1_100_000), NOT_SO, "1048576"),
    ("a result of 64 KB", |m| m.lengthen(RESULT, 70_000), NOT_SO, "65536"),
    ("a chain of 1 MB", |m| m.lengthen(4, 1_100_000), NOT_SO, "1048576"),
    ("a signature of 1 MB", |m| m.lengthen(SIGNATURE, 1_100_000), NOT_SO, "1048576"),
];

const PROOFS: &[Case] = &[
    (
        "thirty-one references",
        |m| {
            let one = "<ds:Reference URI=\"/x\"><ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha512\"/>\
                       <ds:DigestValue>AAAA</ds:DigestValue></ds:Reference></ds:SignedInfo>";
            (0..29).for_each(|_| m.replace(SIGNATURE, "</ds:SignedInfo>", one));
        },
        "signature_verification.internal_error",
        "more than 30 references",
    ),
    ("a DTD", |m| m.replace(SIGNATURE, "?><", "?><!DOCTYPE a [<!ENTITY b 'c'>]><"), XML, "document type"),
    (
        "a hundred attributes",
        |m| m.replace(SIGNATURE, "<ds:KeyInfo", &format!("<ds:KeyInfo{}", " a=''".repeat(100))),
        XML,
        "more than 32 attributes",
    ),
    (
        "a hundred levels",
        |m| m.replace(SIGNATURE, "<ds:KeyInfo>", &"<ds:KeyInfo>".repeat(100)),
        XML,
        "deeper than 64 levels",
    ),
    (
        "a tag of 9 KB",
        |m| m.replace(SIGNATURE, "<ds:KeyInfo", &format!("<ds:KeyInfo a='{}'", "b".repeat(9000))),
        XML,
        "longer than 8192 bytes",
    ),
    (
        "a hundred namespaces",
        |m| m.replace(SIGNATURE, "<ds:KeyInfo>", &format!("<ds:KeyInfo>{}", "<a xmlns:b='c'/>".repeat(100))),
        XML,
        "more than 64 namespaces",
    ),
    (
        "a doubled Id",
        |m| m.replace(SIGNATURE, "<ds:KeyInfo", "<ds:KeyInfo Id=\"signature\""),
        BENT,
        "not unique",
    ),
    (
        "a comment in a digest",
        |m| m.replace(SIGNATURE, "<ds:DigestValue>", "<ds:DigestValue><!-- -->"),
        BENT,
        "",
    ),
    (
        "a DTD in a chain",
        |m| m.replace(4, "?>", "?><!DOCTYPE a>"),
        "signature_verification.malformed_signature.malformed_hash_chain",
        "document type",
    ),
    (
        "a comment in a chain's value",
        |m| m.replace(4, "DigestValue>", "DigestValue><!-- -->"),
        "signature_verification.malformed_signature.malformed_hash_chain",
        "",
    ),
];

async fn sent(between: &Between, bytes: &[u8]) -> String {
    let far = between.connect().await.unwrap();
    let (mut read, mut write) = tokio::io::split(far);
    // Who is refused early is answered while it still writes.
    let writing = async { drop(write.write_all(bytes).await) };
    let ((), answered) = tokio::join!(writing, answer(&mut read));
    String::from_utf8_lossy(&answered.unwrap().0).into_owned()
}

/// What is not as it should be.
fn otherwise(case: &str, text: &str, code: &str, words: &str) -> Option<String> {
    let told = text.split_once("<faultcode>server.serverproxy.").and_then(|(_, rest)| rest.split_once('<'));
    let as_it_should = told.is_some_and(|(told, rest)| (told == code) && rest.contains(words));
    (!as_it_should).then(|| format!("{case}: {code}, {words:?}: {text}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_genuine_request_bent_in_any_way_is_refused_with_its_limit() {
    let nation = Nation::start().await.unwrap();
    let between = Between::start(&nation, true).await.unwrap();
    let body = Some(b"{\"name\":\"SOK CHANNA\"}".as_slice());
    assert_eq!(nation.send(call("POST", "/v1"), body).await.unwrap().status, 200);
    let genuine = Message::read(&between.last().0);
    let before = Traces::of(&nation).unwrap();
    let mut wrong = vec![];
    for (case, bend, code, words) in SHAPES.iter().chain(PROOFS) {
        let mut message = genuine.clone();
        bend(&mut message);
        let text = sent(&between, &message.bytes(&message.body())).await;
        wrong.extend(otherwise(case, &text, code, words));
    }
    let whole = genuine.body();
    let message = find(&whole, &genuine.parts[BODY]).unwrap();
    for length in (0..whole.len() - 2).step_by(whole.len() / 24) {
        let text = sent(&between, &genuine.bytes(&whole[..length])).await;
        let code = if length < message { "service_failed.internal_error" } else { XML };
        wrong.extend(otherwise(&format!("cut after {length}"), &text, code, ""));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    before.assert_none_since(&nation, "everything bent").unwrap();
    // Nothing but what was done to it was wrong with it.
    let text = sent(&between, &genuine.bytes(&whole)).await;
    assert!(text.contains("x-road-rest-response"), "{text}");
}
