//! Taking recorded HTTP apart, just enough to get at the parts of a message.

use std::collections::BTreeMap;
use std::path::Path;

use identifier::{ClientId, ServiceId, xml};
use signature::SignedParts;
use signature::verify::ReceivedPart;
use trust::algorithm::DigestAlgorithm;

/// One message on port 5500.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) algorithm: DigestAlgorithm,
    pub(crate) message: Vec<u8>,
    pub(crate) attachments: Vec<Vec<u8>>,
    pub(crate) signed: SignedParts,
}

/// Parts with names and digests, as a gateway makes them while they stream by.
#[derive(Debug, Clone)]
pub(crate) struct Digested {
    name: String,
    algorithm: DigestAlgorithm,
    digest: Vec<u8>,
    bytes: Option<Vec<u8>>,
}

impl Message {
    pub(crate) fn digested(&self) -> Vec<Digested> {
        let mut parts = vec![("/message.xml".to_owned(), self.message.clone(), true)];
        for (number, attachment) in (1..).zip(&self.attachments) {
            parts.push((format!("/attachment{number}"), attachment.clone(), false));
        }
        parts
            .into_iter()
            .map(|(name, bytes, keep)| Digested {
                name,
                algorithm: self.algorithm,
                digest: self.algorithm.digest(&bytes),
                bytes: keep.then_some(bytes),
            })
            .collect()
    }

    /// Whom the message names as its sender.
    pub(crate) fn sender(&self) -> ClientId {
        if self.message.starts_with(b"<") || self.message.starts_with(b"\xef\xbb\xbf<") {
            let text = std::str::from_utf8(&self.message).unwrap().trim_start_matches('\u{feff}');
            let document = roxmltree::Document::parse(text).unwrap();
            let find = |name| document.descendants().find(|node| node.tag_name().name() == name).unwrap();
            let service = xml::read_service(find("service")).unwrap();
            let body = find("Body").first_element_child().unwrap().tag_name().name().to_owned();
            return if body.ends_with("Response") || body == "Fault" {
                service.client().clone()
            } else {
                xml::read_client(find("client")).unwrap()
            };
        }
        let text = String::from_utf8(self.message.clone()).unwrap();
        let header = |wanted: &str| {
            text.lines()
                .skip(2)
                .filter_map(|line| line.split_once(':'))
                .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
                .map(|(_, value)| value.to_owned())
                .unwrap()
        };
        if text.starts_with(|c: char| c.is_ascii_digit()) {
            ServiceId::from_path(&header("x-road-service")).unwrap().client().clone()
        } else {
            ClientId::from_path(&header("x-road-client")).unwrap()
        }
    }
}

pub(crate) fn received(parts: &[Digested]) -> Vec<ReceivedPart<'_>> {
    parts
        .iter()
        .map(|part| ReceivedPart {
            name: &part.name,
            algorithm: part.algorithm,
            digest: &part.digest,
            bytes: part.bytes.as_deref(),
        })
        .collect()
}

fn find(haystack: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    haystack.get(from..)?.windows(needle.len()).position(|window| window == needle).map(|at| at + from)
}

type Headers = BTreeMap<String, String>;

fn headers(text: &[u8]) -> Headers {
    String::from_utf8_lossy(text)
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect()
}

fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some(end) = find(body, b"\r\n", 0) {
        let size = usize::from_str_radix(std::str::from_utf8(&body[..end]).unwrap().trim(), 16).unwrap();
        if size == 0 || body.len() < end + 2 + size {
            break;
        }
        out.extend_from_slice(&body[end + 2..end + 2 + size]);
        body = &body[end + 2 + size + 2..];
    }
    out
}

fn boundary(content_type: &str) -> Option<String> {
    let (_, rest) = content_type.split_once("boundary=")?;
    Some(rest.split(';').next()?.trim().trim_matches('"').to_owned())
}

fn parts(body: &[u8], boundary: &str) -> Vec<(Headers, Vec<u8>)> {
    let delimiter = format!("--{boundary}").into_bytes();
    let mut out = Vec::new();
    let mut at = find(body, &delimiter, 0);
    while let Some(start) = at {
        let start = start + delimiter.len();
        if body[start..].starts_with(b"--") {
            break;
        }
        let Some(next) = find(body, &[b"\r\n", delimiter.as_slice()].concat(), start) else { break };
        let head_start = start + 2;
        let head_end = find(body, b"\r\n\r\n", head_start).unwrap();
        let content = if head_end + 4 <= next { body[head_end + 4..next].to_vec() } else { Vec::new() };
        out.push((headers(&body[head_start..head_end]), content));
        at = Some(next + 2);
    }
    out
}

/// The message in a recorded stream; `None` when it holds none with a signature (a fault, a cut request).
pub(crate) fn read(path: &Path) -> Option<Message> {
    let bytes = std::fs::read(path).ok()?;
    let head_end = find(&bytes, b"\r\n\r\n", 0)?;
    let head = headers(&bytes[..head_end]);
    let body = &bytes[head_end + 4..];
    let body = if head.get("transfer-encoding").is_some_and(|value| value == "chunked") {
        unchunked(body)
    } else {
        body.to_vec()
    };
    let algorithm =
        DigestAlgorithm::from_name(head.get("x-hash-algorithm").map_or("SHA-512", String::as_str))?;
    let mut message = None;
    let mut attachments = Vec::new();
    let mut result = None;
    let mut chain = None;
    let mut signatures = None;
    for (head, content) in parts(&body, &boundary(head.get("content-type")?)?) {
        let content_type = head.get("content-type").cloned().unwrap_or_default();
        match content_type.split(';').next().unwrap().trim() {
            "application/ocsp-response" => {}
            "application/x-road-rest-body" => attachments.push(content),
            "application/hash-chain-result" => result = Some(content),
            "application/hash-chain" => chain = Some(content),
            "signature/bdoc-1.0/ts" => signatures = Some(content),
            "multipart/mixed" => {
                let nested = parts(&content, &boundary(&content_type)?);
                attachments.extend(nested.into_iter().map(|(_, content)| content));
            }
            _ if message.is_none() => message = Some(content),
            _ => {}
        }
    }
    Some(Message {
        algorithm,
        message: message?,
        attachments,
        signed: SignedParts { signatures_xml: signatures?, hash_chain_result: result, hash_chain: chain },
    })
}

/// All recorded streams below a folder: their names and their messages.
pub(crate) fn below(folder: &Path, file: &str) -> Vec<(String, Message)> {
    let mut found = Vec::new();
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .map(|entries| entries.filter_map(Result::ok).map(|entry| entry.path()).collect())
        .unwrap_or_default();
    names.sort();
    for path in names {
        if let Some(message) = read(&path.join(file)) {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            found.push((format!("{name}/{file}"), message));
        }
    }
    found
}
