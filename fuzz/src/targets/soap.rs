//! SOAP messages as consumers and services send them: they mean the same however they are cut, what was read can be written, and an answer
//! with its request's hash says what it said before.

use crate::{recordings, vectors};
use bytes::Bytes;
use message::soap::related::{Event, Reader, Writer};
use message::soap::{RequestHash, Soap};

/// One octet: how it is cut. Then the Content-Type, a line feed, the body.
pub(crate) fn run(octets: &[u8]) {
    let Some((how, rest)) = octets.split_first() else { return };
    let at = rest.iter().position(|octet| *octet == b'\n').unwrap_or(rest.len());
    let (Ok(content_type), body) = (std::str::from_utf8(&rest[..at]), rest.get(at + 1..).unwrap_or_default())
    else {
        return;
    };
    let whole = read(content_type, body, body.len());
    // A long body in single octets only takes time.
    assert_eq!(whole, read(content_type, body, usize::from(*how).max(1).max(body.len() / 512)));
    let Ok(events) = whole else { return };
    if let Some(body) = written(content_type, &events) {
        assert_eq!(read(content_type, &body, body.len()).as_ref(), Ok(&events));
    }
    for event in &events {
        if let Event::Soap(_, bytes) = event {
            message(bytes);
        }
    }
}

fn message(bytes: &Bytes) {
    let answer = Soap::read_answer(bytes.clone(), &[7; 64]);
    let (message, answer) = match (Soap::read(bytes.clone()), answer) {
        (Ok(Soap::Message(message)), Ok(Soap::Message(answer))) => (message, answer),
        (read, answer) => return assert_eq!(read, answer),
    };
    assert_eq!(message.bytes(), bytes);
    assert_eq!(message.header().answers(answer.header()), Ok(()));
    assert_eq!(answer.header().request_hash, Some(RequestHash::of(&[7; 64])));
    assert!(answer.bytes().starts_with(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"));
    let Ok(Soap::Message(again)) = Soap::read(answer.bytes().clone()) else { panic!("our own answer") };
    assert_eq!(again, answer);
}

/// The events, the pieces of an attachment joined.
fn read(content_type: &str, body: &[u8], pieces: usize) -> Result<Vec<Event>, String> {
    let told = |refusal: message::soap::related::Refusal| refusal.to_string();
    let mut reader = Reader::new(Some(content_type)).map_err(told)?;
    let mut events: Vec<Event> = Vec::new();
    for chunk in body.chunks(pieces.max(1)).map(Some).chain([None]) {
        match chunk {
            Some(chunk) => reader.push(Bytes::copy_from_slice(chunk)).map_err(told)?,
            None => reader.finish(),
        }
        while let Some(event) = reader.next_event().map_err(told)? {
            match (events.last_mut(), event) {
                (Some(Event::Attachment(known)), Event::Attachment(more)) => {
                    *known = [known.as_ref(), more.as_ref()].concat().into();
                }
                (_, event) => events.push(event),
            }
        }
    }
    Ok(if events.last() == Some(&Event::End) { events } else { Vec::new() })
}

/// The body again; none where a head cannot be written, or a part holds the boundary.
fn written(content_type: &str, events: &[Event]) -> Option<Vec<u8>> {
    let attachments = events.iter().any(|event| matches!(event, Event::AttachmentStart(_)));
    let mut writer = Writer::new(content_type, attachments).ok()?;
    let mut out = Vec::new();
    for event in events {
        match event {
            Event::Soap(head, bytes) => {
                out.extend(writer.part(head).ok()?);
                writer.data(bytes).ok()?;
                out.extend_from_slice(bytes);
            }
            Event::AttachmentStart(head) => out.extend(writer.part(head).ok()?),
            Event::Attachment(bytes) => {
                writer.data(bytes).ok()?;
                out.extend_from_slice(bytes);
            }
            Event::AttachmentEnd | Event::End => {}
        }
    }
    out.extend(writer.end().ok()?);
    Some(out)
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let related = b"Multipart/Related; type=\"text/xml\"; boundary=\"jetty771207119h3h10dty\"";
    let input = |how: u8, content_type: &[u8], body: &[u8]| [&[how], content_type, b"\n", body].concat();
    let mut found = Vec::new();
    for file in vectors::files("soap/queries", &[".query", ".answer"]) {
        found.push(input(7, b"text/xml; charset=UTF-8", &file));
        found.push(input(100, related, &file));
    }
    for message in recordings::messages().iter().filter(|message| message.parts.message.starts_with(b"<")) {
        found.push(input(33, b"text/xml", &message.parts.message));
    }
    found.retain(|seed| seed.len() < 32 * 1024);
    found
}
