//! Bodies in any number of chunks, and the same bodies again.

use bytes::Bytes;

use super::*;
use crate::multipart::PartHead;
use crate::soap::BYTES_MAX;

const RELATED: &str = "Multipart/Related; boundary=\"B\"; type=\"text/xml\"";
const BODY: &str = "--B\r\ncontent-type:text/xml\r\nContent-ID: <s>\r\n\r\n<s/>\r\n--B\r\ncontent-type:a/b\r\n\r\none\n--\r\n--B\r\ncontent-type:c/d\r\nX: y\r\n\r\n\r\n--B--\r\n";

fn read(content_type: &str, body: &[u8], chunk: usize) -> Result<Vec<Event>, Refusal> {
    let mut reader = Reader::new(Some(content_type))?;
    let mut events: Vec<Event> = Vec::new();
    let mut take = |reader: &mut Reader| -> Result<(), Refusal> {
        while let Some(event) = reader.next_event()? {
            match (events.last_mut(), event) {
                // However the chunks were cut.
                (Some(Event::Attachment(known)), Event::Attachment(more)) => {
                    *known = [known.as_ref(), more.as_ref()].concat().into();
                }
                (_, event) => events.push(event),
            }
        }
        Ok(())
    };
    for chunk in body.chunks(chunk) {
        reader.push(Bytes::copy_from_slice(chunk))?;
        take(&mut reader)?;
    }
    reader.finish();
    take(&mut reader)?;
    Ok(events)
}

fn write(content_type: &str, events: &[Event], chunk: usize) -> Result<Vec<u8>, Refusal> {
    let attachments = events.iter().any(|event| matches!(event, Event::AttachmentStart(_)));
    let mut writer = Writer::new(content_type, attachments)?;
    let mut out = Vec::new();
    for event in events {
        match event {
            Event::Soap(head, bytes) => {
                out.extend(writer.part(head)?);
                for chunk in bytes.chunks(chunk) {
                    writer.data(&Bytes::copy_from_slice(chunk))?;
                }
                out.extend_from_slice(bytes);
            }
            Event::AttachmentStart(head) => out.extend(writer.part(head)?),
            Event::Attachment(bytes) => {
                for chunk in bytes.chunks(chunk) {
                    writer.data(&Bytes::copy_from_slice(chunk))?;
                }
                out.extend_from_slice(bytes);
            }
            Event::AttachmentEnd | Event::End => {}
        }
    }
    out.extend(writer.end()?);
    Ok(out)
}

fn code(content_type: &str, body: &str) -> &'static str {
    read(content_type, body.as_bytes(), 7).map(|_| "").unwrap_or_else(|refusal| refusal.code())
}

#[test]
fn a_message_alone_is_handed_out_whole() {
    for content_type in ["text/xml; charset=UTF-8", "Application/XOP+xml; type=\"text/xml\""] {
        let events = read(content_type, b"<s/>", 1).unwrap();
        let soap = Event::Soap(PartHead::of_type(content_type), Bytes::from_static(b"<s/>"));
        assert_eq!(events, [soap, Event::End]);
        assert_eq!(write(content_type, &events, 1).unwrap(), b"<s/>");
    }
    assert_eq!(read("text/xml", b"", 1).unwrap().len(), 2);
}

#[test]
fn what_was_read_is_written_to_the_same_bytes() {
    for chunk in 1..=BODY.len() {
        let events = read(RELATED, BODY.as_bytes(), chunk).unwrap();
        assert_eq!(events.len(), 7, "{events:?}");
        assert_eq!(write(RELATED, &events, chunk).unwrap(), BODY.as_bytes());
    }
    let alone = "--B\r\ncontent-type: text/xml\r\n\r\n<s/>\r\n--B--\r\n";
    let events = read(RELATED, alone.as_bytes(), 9).unwrap();
    assert_eq!(write(RELATED, &events, 9).unwrap(), alone.as_bytes());
}

#[test]
fn refusals_have_the_codes_of_x_road() {
    assert_eq!(Reader::new(None).unwrap_err().code(), "invalid_content_type");
    for content_type in
        ["application/soap+xml", "multipart/related", "multipart/mixed; boundary=B", "", "text"]
    {
        assert_eq!(code(content_type, ""), "invalid_content_type", "{content_type}");
    }
    for (body, expected) in [
        ("", "missing_soap"),
        ("--B--\r\n", "missing_soap"),
        ("--B\r\n\r\n<s/>\r\n--B--", "invalid_content_type"),
        ("--B\r\nContent-Type: text/plain\r\n\r\n<s/>\r\n--B--", "invalid_content_type"),
        ("--B\r\nContent-Type: text/xml\r\n\r\n<s/>\r\n--B\r\n\r\nx\r\n--B--", "invalid_content_type"),
        ("--B\r\nContent-Type: text/xml\r\n\r\n<s/>", "io_error"),
        ("--B\r\nContent-Type: text/xml\r\nx\r\n\r\n", "mime_parsing_failed"),
    ] {
        assert_eq!(code(RELATED, body), expected, "{body:?}");
    }
}

#[test]
fn what_is_too_much_is_refused() {
    let long = " ".repeat(BYTES_MAX + 1);
    assert_eq!(code("text/xml", &long), "invalid_soap");
    assert_eq!(
        code(RELATED, &format!("--B\r\nContent-Type: text/xml\r\n\r\n{long}\r\n--B--")),
        "invalid_soap"
    );
    let part = "--B\r\ncontent-type: text/xml\r\n\r\n1\r\n";
    let parts = |count: usize| format!("{}--B--\r\n", part.repeat(count));
    assert_eq!(code(RELATED, &parts(ATTACHMENTS_MAX + 1)), "");
    assert_eq!(read(RELATED, parts(ATTACHMENTS_MAX + 2).as_bytes(), 9), Err(Refusal::TooManyAttachments));
}

#[test]
fn a_part_that_contains_the_boundary_is_not_written() {
    let head = PartHead::of_type("text/xml");
    let soap = |bytes: &'static str| [Event::Soap(head.clone(), Bytes::from_static(bytes.as_bytes()))];
    for bytes in ["--B", "a\n--B", "a\r\n--B--\r\n", "\n\n--B c", "--B\r\n\r\n"] {
        for chunk in 1..=bytes.len() {
            assert_eq!(
                write(RELATED, &soap(bytes), chunk),
                Err(Refusal::BoundaryInside),
                "{bytes:?} {chunk}"
            );
        }
        assert!(write("text/xml", &soap(bytes), 1).is_ok());
    }
    for bytes in ["-B", "a--B", "a\n-\n-B", "\n--A", "\n--Bc\n"] {
        assert!(write(RELATED, &soap(bytes), 2).is_ok(), "{bytes:?}");
    }
}

#[test]
fn attachments_need_a_place() {
    assert_eq!(Writer::new("text/xml", true).unwrap_err().code(), "invalid_content_type");
    assert_eq!(Writer::new("multipart/related", false).unwrap_err().code(), "invalid_content_type");
}
