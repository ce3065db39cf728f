//! The recordings of a live server, when they lie beside the project.

use std::path::{Path, PathBuf};

use signature::SignedParts;

/// The vectors beside the project; says plainly when they are absent.
pub(crate) fn vectors() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    if path.is_dir() {
        return Some(path);
    }
    println!("no vectors: {} is absent, so nothing of a live server is compared", path.display());
    None
}

/// One signed message taken from the bytes of port 5500.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    pub(crate) name: String,
    pub(crate) response: bool,
    pub(crate) message: Vec<u8>,
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) signed: SignedParts,
}

/// Every message of `recorded/wire` (or another such folder) that carries a signature.
pub(crate) fn signed_messages(folder: &Path) -> Vec<Recorded> {
    let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.retain(|path| path.is_dir());
    names.sort();
    let files = names.iter().flat_map(|path| [(path, "request.bin"), (path, "response.bin")]);
    files
        .filter_map(|(path, file)| {
            let bytes = std::fs::read(path.join(file)).ok()?;
            let name = path.file_name()?.to_string_lossy().into_owned();
            message_of(&bytes, name, file == "response.bin")
        })
        .collect()
}

fn message_of(bytes: &[u8], name: String, response: bool) -> Option<Recorded> {
    let head_end = find(bytes, b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&bytes[..head_end]).to_lowercase();
    let content = if head.contains("transfer-encoding: chunked") {
        dechunked(&bytes[head_end..])
    } else {
        bytes[head_end..].to_vec()
    };
    let original = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let boundary = original.split("boundary=").nth(1)?.split(['\r', '"', ';']).next()?.to_owned();
    let mut recorded = Recorded {
        name,
        response,
        message: Vec::new(),
        body: None,
        signed: SignedParts { signatures_xml: Vec::new(), hash_chain_result: None, hash_chain: None },
    };
    let mut part_seen = Vec::new();
    for part in split(&content, format!("--{boundary}").as_bytes()) {
        let Some(end) = find(part, b"\r\n\r\n") else {
            continue;
        };
        let kind = String::from_utf8_lossy(&part[..end]).to_lowercase();
        let data = part[end + 4..].strip_suffix(b"\r\n").unwrap_or(&part[end + 4..]).to_vec();
        part_seen.push(kind.clone());
        if kind.contains("application/x-road-rest-request")
            || kind.contains("application/x-road-rest-response")
            || kind.contains("text/xml")
        {
            recorded.message = data;
        } else if kind.contains("application/x-road-rest-body") {
            recorded.body = Some(data);
        } else if kind.contains("application/hash-chain-result") {
            recorded.signed.hash_chain_result = Some(data);
        } else if kind.contains("application/hash-chain") {
            recorded.signed.hash_chain = Some(data);
        } else if kind.contains("signature/bdoc") {
            recorded.signed.signatures_xml = data;
        }
    }
    (!recorded.signed.signatures_xml.is_empty()).then_some(recorded)
}

fn dechunked(mut rest: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some(line) = find(rest, b"\r\n") {
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap().trim(), 16).unwrap();
        if length == 0 {
            break;
        }
        out.extend_from_slice(&rest[line + 2..line + 2 + length]);
        rest = &rest[line + 2 + length + 2..];
    }
    out
}

fn split<'a>(bytes: &'a [u8], separator: &[u8]) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    let mut rest = bytes;
    while let Some(place) = find(rest, separator) {
        parts.push(&rest[..place]);
        rest = &rest[place + separator.len()..];
    }
    parts.push(rest);
    parts
}

pub(crate) fn find(bytes: &[u8], sought: &[u8]) -> Option<usize> {
    bytes.windows(sought.len()).position(|seen| seen == sought)
}
