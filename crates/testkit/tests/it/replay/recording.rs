//! The recordings: which exchanges there are, and what each of their byte streams holds.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a recording that cannot be read ends the test"
)]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The folder of the recordings: the whole of them beside the project, otherwise the project's own copy, which lacks the largest.
pub(crate) fn recorded() -> Option<PathBuf> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let beside = project.join("../shared/vectors/recorded");
    if beside.is_dir() {
        return Some(beside);
    }
    let own = project.join("spec/vectors/recorded");
    if own.is_dir() {
        println!("no recordings beside the project: its own copy is replayed");
        return Some(own);
    }
    println!("no recordings: nothing is replayed here");
    None
}

/// Which keys both servers had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Keys {
    Rsa,
    P256,
}

impl Keys {
    pub(crate) const fn folder(self) -> &'static str {
        match self {
            Self::Rsa => "keys",
            Self::P256 => "keys-ec",
        }
    }
}

/// One side of a leg: what was asked and what was answered.
#[derive(Debug, Clone)]
pub(crate) struct Leg {
    pub(crate) request: Vec<u8>,
    pub(crate) response: Vec<u8>,
}

/// One exchange, by its legs.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    pub(crate) name: String,
    pub(crate) keys: Keys,
    /// The letter of a round with other settings of the log; empty for the usual ones.
    pub(crate) round: &'static str,
    pub(crate) consumer: Leg,
    pub(crate) wire: Option<Leg>,
    pub(crate) provider: Option<Leg>,
}

/// What is done with an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Replayed,
    /// Belongs to a later feature: it is named.
    Later(&'static str),
}

fn leg(folder: &Path) -> Option<Leg> {
    Some(Leg {
        request: std::fs::read(folder.join("request.bin")).ok()?,
        response: std::fs::read(folder.join("response.bin")).unwrap_or_default(),
    })
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

fn exchanges_of(root: &Path, label: &str, keys: Keys, round: &'static str) -> Vec<Exchange> {
    let consumer = root.join("consumer");
    let mut found = Vec::new();
    for name in names(&consumer) {
        let Some(asked) = leg(&consumer.join(&name)) else { continue };
        found.push(Exchange {
            consumer: asked,
            wire: leg(&root.join("wire").join(&name)),
            provider: leg(&root.join("provider").join(&name)),
            name: format!("{label}{name}"),
            keys,
            round,
        });
    }
    found
}

/// Every exchange of the folders. What `index.json` names besides them is told: requests to the registry, which have an answer of another
/// kind, belong to a later feature.
pub(crate) fn exchanges(recorded: &Path) -> Vec<Exchange> {
    let mut found = exchanges_of(recorded, "", Keys::Rsa, "");
    let index: serde_json::Value =
        serde_json::from_slice(&std::fs::read(recorded.join("index.json")).unwrap()).unwrap();
    for entry in index.as_array().unwrap() {
        let name = entry["name"].as_str().unwrap();
        if found.iter().any(|exchange| exchange.name == name) {
            continue;
        }
        if entry["status"].as_str().is_some_and(|status| status.starts_with("HTTP/")) {
            println!("not in this copy: {name}");
        } else {
            println!("later: {name} (management request)");
        }
    }
    found.extend(exchanges_of(&recorded.join("ec"), "ec/", Keys::P256, ""));
    for round in ["A", "B", "C", "F", "G"] {
        let folder = recorded.join("options/messagelog").join(round);
        found.extend(exchanges_of(&folder, &format!("options/messagelog/{round}/"), Keys::Rsa, round));
    }
    found.extend(exchanges_of(&recorded.join("options/opmon"), "options/opmon/", Keys::Rsa, ""));
    found
}

impl Exchange {
    /// Told by the consumer's request line.
    pub(crate) fn kind(&self) -> Kind {
        let request = Http::read(&self.consumer.request);
        let (method, target) = request.request_line();
        let path = target.split(['?']).next().unwrap_or_default();
        let code = path.split('/').nth(6).unwrap_or_default();
        if path.starts_with("/r1/") && ["listMethods", "getOpenAPI", "allowedMethods"].contains(&code) {
            return Kind::Later("REST metadata");
        }
        if self.name.contains("/daemon-") {
            return Kind::Later("sent to the monitoring daemon, not to a gateway");
        }
        if path.starts_with("/asic") || path == "/verificationconf" || path == "/listClients" {
            return Kind::Later("local request");
        }
        if method == "POST" && !path.starts_with("/r1/") {
            return Kind::Later("SOAP");
        }
        Kind::Replayed
    }

    /// The consumer's request as the recorded server's HTTP layer handed it on: it writes the charsets of well-known types in capitals
    /// (seen in the signed message); we keep the spelling.
    pub(crate) fn consumers_request(&self) -> Vec<u8> {
        replaced(&self.consumer.request, b"; charset=utf-8\r\n", b"; charset=UTF-8\r\n")
    }
}

/// All occurrences replaced.
pub(crate) fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = position(rest, from) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(to);
        rest = &rest[at.saturating_add(from.len())..];
    }
    out.extend_from_slice(rest);
    out
}

/// Where `needle` begins.
pub(crate) fn position(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window == needle)
}

/// What stands between the first `before` and the next `after`.
pub(crate) fn between<'a>(bytes: &'a [u8], before: &str, after: &str) -> Option<&'a [u8]> {
    let start = position(bytes, before.as_bytes())?.checked_add(before.len())?;
    let rest = bytes.get(start..)?;
    rest.get(..position(rest, after.as_bytes())?)
}

/// One HTTP message as it stands in a recording, its chunks put together.
#[derive(Debug, Clone)]
pub(crate) struct Http {
    pub(crate) start: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Http {
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let end = position(bytes, b"\r\n\r\n").unwrap_or(bytes.len());
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut lines = head.split("\r\n");
        let start = lines.next().unwrap_or_default().to_owned();
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect();
        let rest = bytes.get(end.saturating_add(4)..).unwrap_or_default();
        let mut http = Self { start, headers, body: rest.to_vec() };
        if http.header("transfer-encoding") == Some("chunked") {
            http.body = unchunked(rest);
        }
        http
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn request_line(&self) -> (&str, &str) {
        let mut words = self.start.split(' ');
        (words.next().unwrap_or_default(), words.next().unwrap_or_default())
    }

    pub(crate) fn status_line(&self) -> (u16, &str) {
        let mut words = self.start.splitn(3, ' ');
        words.next();
        (words.next().and_then(|s| s.parse().ok()).unwrap_or(0), words.next().unwrap_or_default())
    }

    /// The letters behind `xtop` in the boundary.
    pub(crate) fn boundary_letters(&self) -> Option<String> {
        let (_, letters) = self.header("content-type")?.split_once("boundary=xtop")?;
        Some(letters.to_owned())
    }

    /// The parts of a multipart body: their types and their bytes.
    pub(crate) fn parts(&self) -> Vec<(String, Vec<u8>)> {
        let Some((_, boundary)) = self.header("content-type").and_then(|t| t.split_once("boundary=")) else {
            return Vec::new();
        };
        let delimiter = format!("\r\n--{boundary}");
        let body = [b"\r\n", self.body.as_slice()].concat();
        let mut parts = Vec::new();
        let mut rest = body.as_slice();
        while let Some(at) = position(rest, delimiter.as_bytes()) {
            rest = &rest[at.saturating_add(delimiter.len())..];
            let Some(head) = position(rest, b"\r\n\r\n") else { break };
            if rest.starts_with(b"--") {
                break;
            }
            let end = position(rest, delimiter.as_bytes()).unwrap_or(rest.len());
            let kind = String::from_utf8_lossy(&rest[..head]).trim().to_owned();
            let kind = kind.split_once(':').map_or(kind.clone(), |(_, value)| value.trim().to_owned());
            parts.push((kind, rest[head.saturating_add(4)..end].to_vec()));
        }
        parts
    }

    /// The first part of a type.
    pub(crate) fn part(&self, kind: &str) -> Option<Vec<u8>> {
        self.parts().into_iter().find(|(k, _)| k == kind).map(|(_, bytes)| bytes)
    }
}

fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(line) = position(rest, b"\r\n") {
        let size = std::str::from_utf8(&rest[..line]).unwrap();
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        rest = &rest[line.saturating_add(2)..];
        if size == 0 {
            break;
        }
        let Some(chunk) = rest.get(..size) else { break };
        body.extend_from_slice(chunk);
        rest = rest.get(size.saturating_add(2)..).unwrap_or_default();
    }
    body
}

/// When the message was signed.
pub(crate) fn signing_time(message: &Http) -> Option<jiff::Timestamp> {
    let xml = message.part(SIGNATURE)?;
    let text = between(&xml, "SigningTime>", "<")?;
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// The type of the signature part.
pub(crate) const SIGNATURE: &str = "signature/bdoc-1.0/ts";

/// The time in the `Date` header.
pub(crate) fn date(message: &Http) -> Option<jiff::Timestamp> {
    let text = message.header("date")?;
    let zoned = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text);
    zoned.ok()
}

/// The OCSP answers that travel with a message: in parts of their own and inside its signature.
pub(crate) fn ocsp_answers(message: &Http) -> Vec<Vec<u8>> {
    let mut answers = Vec::new();
    for (kind, bytes) in message.parts() {
        if kind == "application/ocsp-response" {
            answers.push(bytes);
        } else if kind == SIGNATURE {
            let xml = String::from_utf8_lossy(&bytes).into_owned();
            // Behind an opening tag stands its `Id`, behind a closing one nothing.
            let openings =
                xml.split("EncapsulatedOCSPValue").filter_map(|piece| piece.strip_prefix(" Id=\""));
            for value in openings.filter_map(|piece| piece.split_once('>')).map(|(_, value)| value) {
                let value = value.split('<').next().unwrap_or_default().replace("&#13;", "");
                let value: String = value.chars().filter(|c| !c.is_whitespace()).collect();
                answers.extend(STANDARD.decode(value));
            }
        }
    }
    answers
}
