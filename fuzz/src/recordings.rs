//! What was recorded between live servers, taken apart as seeds: HTTP messages, multiparts, the parts of signed messages.

use crate::vectors;
use bytes::Bytes;
use message::proxy::{Answer, Decoder, Event, Expected};
use std::sync::OnceLock;
use trust::DigestAlgorithm;

/// A message between gateways that a live server took or gave.
pub(crate) struct Message {
    /// The Content-Type of the multipart.
    pub(crate) content_type: String,
    /// The multipart.
    pub(crate) multipart: Vec<u8>,
    /// Whether it is a request.
    pub(crate) is_request: bool,
    /// Its parts, as far as it could be read.
    pub(crate) parts: Parts,
}

/// The parts of a message.
#[derive(Default)]
pub(crate) struct Parts {
    pub(crate) ocsp: Vec<Vec<u8>>,
    pub(crate) message: Vec<u8>,
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) result: Vec<u8>,
    pub(crate) chain: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    pub(crate) fault: Vec<u8>,
}

/// Every recorded HTTP message, as octets.
pub(crate) fn http() -> Vec<Vec<u8>> {
    let places = ["wire", "ec/wire", "consumer", "provider", "service", "globalconf/http", "ocsp5577"];
    let mut all: Vec<_> =
        places.iter().flat_map(|place| vectors::files(&format!("recorded/{place}"), &[".bin"])).collect();
    all.extend(vectors::files("recorded/options/tolerance", &[".bin"]).into_iter().step_by(5));
    all
}

/// Every recorded message between gateways.
pub(crate) fn messages() -> &'static [Message] {
    static HELD: OnceLock<Vec<Message>> = OnceLock::new();
    HELD.get_or_init(|| {
        let places = ["recorded/wire", "recorded/ec/wire", "recorded/options/tolerance"];
        let files = places.iter().flat_map(|place| vectors::files(place, &[".bin"]));
        files.filter_map(|http| message(&http)).collect()
    })
}

/// Head and body of an HTTP message, its chunks put together.
pub(crate) fn split(http: &[u8]) -> Option<(String, Vec<u8>)> {
    let at = http.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&http[..at]).into_owned();
    let body = &http[at + 4..];
    if !head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        return Some((head, body.to_vec()));
    }
    let (mut whole, mut rest) = (Vec::new(), body);
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n")?;
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..end]).ok()?.trim(), 16).ok()?;
        if length == 0 {
            return Some((head, whole));
        }
        whole.extend_from_slice(rest.get(end + 2..end + 2 + length)?);
        rest = rest.get(end + 4 + length..)?;
    }
}

fn message(http: &[u8]) -> Option<Message> {
    let (head, multipart) = split(http)?;
    let field =
        |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    let content_type = head.lines().filter_map(field).find(|(name, _)| name == "content-type")?.1;
    let is_request = !head.starts_with("HTTP/");
    let expected = if is_request { Expected::RestRequest } else { Expected::RestResponse };
    let Ok(Answer::Message(boundary)) = Answer::of(Some(&content_type)) else { return None };
    let mut decoder = Decoder::new(expected, &boundary, DigestAlgorithm::Sha512);
    decoder.push(Bytes::from(multipart.clone()));
    decoder.finish();
    let mut parts = Parts::default();
    while let Ok(Some(event)) = decoder.next_event() {
        match event {
            Event::OcspResponse(der) => parts.ocsp.push(der.to_vec()),
            Event::Message { bytes, .. } => parts.message = bytes.to_vec(),
            Event::Fault(fault) => parts.fault = fault.xml().to_vec(),
            Event::BodyStart(_) => parts.body = Some(Vec::new()),
            Event::Body(bytes) => parts.body.get_or_insert_default().extend_from_slice(&bytes),
            Event::HashChainResult(bytes) => parts.result = bytes.to_vec(),
            Event::HashChain(bytes) => parts.chain = bytes.to_vec(),
            Event::Signature(bytes) => parts.signature = bytes.to_vec(),
            Event::Soap { message, .. } => parts.message = message.bytes().to_vec(),
            Event::BodyEnd { .. } | Event::End => {}
        }
    }
    Some(Message { content_type, multipart, is_request, parts })
}
