//! Multiparts and the order of their parts: they mean the same however they are cut, and what was read can be written.

use crate::recordings;
use bytes::Bytes;
use message::content_type::{Boundary, ContentType};
use message::multipart::{Event, Reader, Writer};
use message::proxy::{self, Decoder, Expected};
use trust::DigestAlgorithm;

/// One octet: how it is cut, and whether it is a request. Then the Content-Type, a line feed, the multipart.
pub(crate) fn run(octets: &[u8]) {
    let Some((how, rest)) = octets.split_first() else { return };
    let at = rest.iter().position(|octet| *octet == b'\n').unwrap_or(rest.len());
    let (Ok(line), body) = (std::str::from_utf8(&rest[..at]), rest.get(at + 1..).unwrap_or_default()) else {
        return;
    };
    let Ok(content_type) = ContentType::parse(line) else { return };
    let _ = (content_type.charset(), content_type.is("text/xml"), proxy::Answer::of(Some(line)));
    let Ok(boundary) = content_type.boundary() else { return };
    let written = ContentType::parse(&boundary.content_type()).expect("our own content type");
    assert_eq!(written.boundary().as_ref(), Ok(&boundary));
    // A long body in single octets only takes time.
    let pieces = usize::from(how >> 1).max(1).max(body.len() / 512);
    let (parts, end) = read(&boundary, body, body.len());
    assert_eq!((&parts, &end), (&read(&boundary, body, pieces).0, &read(&boundary, body, pieces).1));
    if end == "Ok" {
        again(&boundary, &parts);
    }
    let expected = match how & 1 {
        0 => [Expected::RestRequest, Expected::SoapRequest],
        _ => [Expected::RestResponse, Expected::SoapResponse],
    };
    for expected in expected {
        assert_eq!(decode(&boundary, body, body.len(), expected), decode(&boundary, body, pieces, expected));
    }
}

type Part = (Option<String>, Vec<(String, String)>, Vec<u8>);

fn read(boundary: &Boundary, body: &[u8], pieces: usize) -> (Vec<Part>, String) {
    let (mut reader, mut parts, mut ended) = (Reader::new(boundary), Vec::<Part>::new(), false);
    let mut chunks = body.chunks(pieces.max(1));
    loop {
        let more = chunks.next();
        match more {
            Some(chunk) => reader.push(Bytes::copy_from_slice(chunk)),
            None => reader.finish(),
        }
        loop {
            match reader.next_event() {
                Ok(Some(Event::PartStart(head))) => {
                    let headers = head.headers().to_vec();
                    parts.push((head.content_type().map(str::to_owned), headers, Vec::new()));
                }
                Ok(Some(Event::Data(data))) => {
                    parts.last_mut().expect("data has a part").2.extend_from_slice(&data)
                }
                Ok(Some(Event::PartEnd)) => {}
                Ok(Some(Event::End)) => ended = true,
                Ok(None) => break,
                Err(refusal) => return (parts, format!("{refusal:?}")),
            }
        }
        if more.is_none() {
            return (parts, if ended { "Ok".to_owned() } else { "cut".to_owned() });
        }
    }
}

fn again(boundary: &Boundary, parts: &[Part]) {
    let mut writer = Writer::new(boundary.clone());
    let mut out = Vec::new();
    for (content_type, headers, body) in parts {
        let Some(content_type) = content_type else { return };
        let Ok(head) = writer.part(content_type, headers) else { return };
        out.extend(head);
        out.extend_from_slice(body);
    }
    out.extend(writer.end());
    let (reread, end) = read(boundary, &out, out.len());
    assert_eq!((reread.as_slice(), end.as_str()), (parts, "Ok"));
}

fn decode(boundary: &Boundary, body: &[u8], pieces: usize, expected: Expected) -> Vec<String> {
    let mut decoder = Decoder::new(expected, boundary, DigestAlgorithm::Sha512);
    let (mut seen, mut streamed) = (Vec::new(), Vec::new());
    let mut chunks = body.chunks(pieces.max(1));
    loop {
        let more = chunks.next();
        match more {
            Some(chunk) => decoder.push(Bytes::copy_from_slice(chunk)),
            None => decoder.finish(),
        }
        loop {
            match decoder.next_event() {
                Ok(Some(event @ proxy::Event::BodyStart(_))) => {
                    streamed.clear();
                    seen.push(format!("{event:?}"));
                }
                Ok(Some(proxy::Event::Body(data))) => streamed.extend_from_slice(&data),
                Ok(Some(proxy::Event::BodyEnd { digest, length })) => {
                    assert_eq!(u64::try_from(streamed.len()), Ok(length));
                    assert_eq!(DigestAlgorithm::Sha512.digest(&streamed), digest);
                    seen.push("body".to_owned());
                }
                Ok(Some(event)) => seen.push(format!("{event:?}")),
                Ok(None) => break,
                Err(refusal) => {
                    seen.push(format!("{refusal:?}"));
                    return seen;
                }
            }
        }
        if more.is_none() {
            return seen;
        }
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut found: Vec<Vec<u8>> = recordings::messages()
        .iter()
        .filter(|message| message.multipart.len() < 32 * 1024)
        .enumerate()
        .map(|(at, message)| {
            let how = u8::try_from(at % 100).unwrap_or(1) << 1 | u8::from(!message.is_request);
            [&[how], message.content_type.as_bytes(), b"\n", &message.multipart].concat()
        })
        .collect();
    found.push(b"\x08multipart/mixed; boundary=\"b\"\npreamble\r\n--b\r\nContent-Type: a/b\r\nX: y\r\n\r\n\r\n--bx\r\n-\r\n--b \r\n\r\n\r\n--b--\r\nepilogue".to_vec());
    found
}
