//! Where the vectors are, and how a message is taken apart and put together again.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use message::content_type::{Boundary, ContentType};
use message::multipart::{self, Malformed, PartHead, Reader, Writer};
use message::proxy::{Decoder, Event, Expected, Refusal};
use message::soap;
use trust::algorithm::DigestAlgorithm;

use crate::http::Recording;

/// The folder of the vectors; says so when it is absent.
pub(crate) fn vectors() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("the shared vectors are absent: nothing to compare with");
    None
}

/// The entries of a manifest.
pub(crate) fn manifest(folder: &Path, family: &str) -> Vec<serde_json::Value> {
    let text = std::fs::read(folder.join(family).join("manifest.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// A text of an entry; empty when it has none of that name.
pub(crate) fn text<'a>(value: &'a serde_json::Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// Every recorded exchange between gateways: folders inside a folder `wire`, in order.
pub(crate) fn wire_exchanges(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.join("recorded")];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if !path.is_dir() {
                continue;
            }
            if folder.ends_with("wire") {
                found.push(path);
            } else {
                open.push(path);
            }
        }
    }
    found.sort();
    found
}

/// One part as read: its head and its body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) head: PartHead,
    pub(crate) body: Vec<u8>,
}

/// Reads chunks to the end.
pub(crate) fn read<'a>(
    boundary: &Boundary,
    chunks: impl Iterator<Item = &'a [u8]>,
) -> Result<Vec<Part>, Malformed> {
    let mut reader = Reader::new(boundary);
    let mut parts = Vec::new();
    for chunk in chunks {
        reader.push(Bytes::copy_from_slice(chunk));
        take(&mut reader, &mut parts)?;
    }
    reader.finish();
    take(&mut reader, &mut parts)?;
    Ok(parts)
}

fn take(reader: &mut Reader, parts: &mut Vec<Part>) -> Result<(), Malformed> {
    while let Some(event) = reader.next_event()? {
        match event {
            multipart::Event::PartStart(head) => parts.push(Part { head, body: Vec::new() }),
            multipart::Event::Data(data) => parts.last_mut().unwrap().body.extend_from_slice(&data),
            multipart::Event::PartEnd | multipart::Event::End => {}
        }
    }
    Ok(())
}

/// Writes parts with our writer.
pub(crate) fn write(boundary: &Boundary, parts: &[Part]) -> Vec<u8> {
    let mut writer = Writer::new(boundary.clone());
    let mut out = Vec::new();
    for part in parts {
        out.extend(writer.part(part.head.content_type().unwrap(), part.head.headers()).unwrap());
        out.extend_from_slice(&part.body);
    }
    out.extend(writer.end());
    out
}

/// Decodes a whole message: all events up to the refusal, if there is one.
pub(crate) fn decode(
    expected: Expected,
    boundary: &Boundary,
    algorithm: DigestAlgorithm,
    body: &[u8],
) -> (Vec<Event>, Option<Refusal>) {
    let mut decoder = Decoder::new(expected, boundary, algorithm);
    decoder.push(Bytes::copy_from_slice(body));
    decoder.finish();
    let mut events = Vec::new();
    loop {
        match decoder.next_event() {
            Ok(Some(event)) => events.push(event),
            Ok(None) => return (events, None),
            Err(refusal) => return (events, Some(refusal)),
        }
    }
}

/// The message of the events, if there is one.
pub(crate) fn message(events: &[Event]) -> Option<&Bytes> {
    events.iter().find_map(|event| match event {
        Event::Message { bytes, .. } => Some(bytes),
        _ => None,
    })
}

/// The SOAP message of the events, if there is one.
pub(crate) fn soap(events: &[Event]) -> Option<&soap::Message> {
    events.iter().find_map(|event| match event {
        Event::Soap { message, .. } => Some(message.as_ref()),
        _ => None,
    })
}

/// The SOAP of a body, whether it stands alone or in a multipart.
pub(crate) fn soap_of(recording: &Recording) -> Bytes {
    let content_type = ContentType::parse(recording.header("content-type").unwrap()).unwrap();
    if !content_type.base().starts_with("multipart/") {
        return recording.body.clone().into();
    }
    let parts = read(&content_type.boundary().unwrap(), std::iter::once(recording.body.as_slice())).unwrap();
    parts.iter().find(|part| part.head.base_type() == "text/xml").unwrap().body.clone().into()
}

/// The body's digest, if there was a body.
pub(crate) fn body_digest(events: &[Event]) -> Option<&[u8]> {
    events.iter().find_map(|event| match event {
        Event::BodyEnd { digest, .. } => Some(digest.as_slice()),
        _ => None,
    })
}

/// The fault of the events, if there is one.
pub(crate) fn fault(events: &[Event]) -> Option<&message::fault::ReceivedFault> {
    events.iter().find_map(|event| match event {
        Event::Fault(fault) => Some(fault),
        _ => None,
    })
}

/// Body bytes of the events, joined.
pub(crate) fn body(events: &[Event]) -> Vec<u8> {
    let mut joined = Vec::new();
    for event in events {
        if let Event::Body(data) = event {
            joined.extend_from_slice(data);
        }
    }
    joined
}
