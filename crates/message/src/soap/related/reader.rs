//! Chunks of an HTTP body in, the message and its attachments out.

use bytes::{Bytes, BytesMut};

use super::{ATTACHMENTS_MAX, Form, Refusal, is_soap};
use crate::multipart::{self, PartHead};
use crate::soap::{self, BYTES_MAX};

/// What the reader has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The message, whole, with the head of its part.
    Soap(PartHead, Bytes),
    /// An attachment begins. It has a content type.
    AttachmentStart(PartHead),
    /// Some of it: never empty.
    Attachment(Bytes),
    /// It has ended.
    AttachmentEnd,
    /// The body has ended, whole.
    End,
}

/// Reads the body of a request or an answer.
///
/// Feed it with [`push`](Self::push), take events until `None`; at the end of the body call [`finish`](Self::finish) and take what is
/// left. Only [`Event::End`] says that it is whole.
#[derive(Debug)]
pub struct Reader {
    body: Body,
    soap: BytesMut,
    attachments: usize,
}

#[derive(Debug)]
enum Body {
    Single { head: PartHead, state: Single },
    Related { reader: Box<multipart::Reader>, part: Part },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Single {
    Open,
    Finished,
    Given,
    Ended,
}

#[derive(Debug)]
enum Part {
    /// The message has not begun.
    None,
    Soap(PartHead),
    Attachment,
}

impl Reader {
    /// A reader of a body of this type.
    ///
    /// # Errors
    /// No content type, one that is not SOAP's, or one without a boundary.
    pub fn new(content_type: Option<&str>) -> Result<Self, Refusal> {
        let content_type = content_type.ok_or(Refusal::NoContentType { of: "the message" })?;
        let body = match Form::of(content_type)? {
            Form::Single => Body::Single { head: PartHead::of_type(content_type), state: Single::Open },
            Form::Related(boundary) => {
                Body::Related { reader: Box::new(multipart::Reader::new(&boundary)), part: Part::None }
            }
        };
        Ok(Self { body, soap: BytesMut::new(), attachments: 0 })
    }

    /// Takes the next chunk of the body. Take all events before the next one.
    ///
    /// # Errors
    /// A message alone that is longer than [`BYTES_MAX`].
    pub fn push(&mut self, chunk: Bytes) -> Result<(), Refusal> {
        match &mut self.body {
            Body::Single { .. } => self.collect(&chunk),
            Body::Related { reader, .. } => {
                reader.push(chunk);
                Ok(())
            }
        }
    }

    /// Says that the body has ended, completely.
    pub fn finish(&mut self) {
        match &mut self.body {
            Body::Single { state, .. } => *state = Single::Finished,
            Body::Related { reader, .. } => reader.finish(),
        }
    }

    /// The next event; `None` when more is needed, or after [`Event::End`].
    ///
    /// # Errors
    /// [`Refusal`]; the reader must not be used any further.
    pub fn next_event(&mut self) -> Result<Option<Event>, Refusal> {
        match &mut self.body {
            Body::Single { head, state } => Ok(match *state {
                Single::Open | Single::Ended => None,
                Single::Finished => {
                    *state = Single::Given;
                    Some(Event::Soap(head.clone(), std::mem::take(&mut self.soap).freeze()))
                }
                Single::Given => {
                    *state = Single::Ended;
                    Some(Event::End)
                }
            }),
            Body::Related { .. } => self.advance(),
        }
    }

    fn advance(&mut self) -> Result<Option<Event>, Refusal> {
        while let Some(event) = self.multipart_event()? {
            let event = match event {
                multipart::Event::PartStart(head) => self.start(head)?,
                multipart::Event::Data(data) => self.data(data)?,
                multipart::Event::PartEnd => self.end_of_part(),
                multipart::Event::End => match &self.body {
                    Body::Related { part: Part::None, .. } => return Err(Refusal::NoSoap),
                    Body::Related { .. } | Body::Single { .. } => Some(Event::End),
                },
            };
            if event.is_some() {
                return Ok(event);
            }
        }
        Ok(None)
    }

    /// A body that ends before its first part has no message; X-Road says so, too.
    fn multipart_event(&mut self) -> Result<Option<multipart::Event>, Refusal> {
        let Body::Related { reader, part } = &mut self.body else { return Ok(None) };
        reader.next_event().map_err(|malformed| match (malformed, part) {
            (multipart::Malformed::Truncated, Part::None) => Refusal::NoSoap,
            (malformed, _) => malformed.into(),
        })
    }

    fn start(&mut self, head: PartHead) -> Result<Option<Event>, Refusal> {
        let Body::Related { part, .. } = &mut self.body else { return Ok(None) };
        let content_type = head.content_type().ok_or(Refusal::NoContentType { of: "part" })?;
        if matches!(part, Part::None) {
            if !is_soap(content_type) {
                return Err(Refusal::ContentType { found: crate::text::shortened(head.base_type(), 100) });
            }
            *part = Part::Soap(head);
            return Ok(None);
        }
        self.attachments = self.attachments.saturating_add(1);
        if self.attachments > ATTACHMENTS_MAX {
            return Err(Refusal::TooManyAttachments);
        }
        Ok(Some(Event::AttachmentStart(head)))
    }

    fn data(&mut self, data: Bytes) -> Result<Option<Event>, Refusal> {
        match &self.body {
            Body::Related { part: Part::Attachment, .. } => Ok(Some(Event::Attachment(data))),
            Body::Related { .. } | Body::Single { .. } => self.collect(&data).map(|()| None),
        }
    }

    fn end_of_part(&mut self) -> Option<Event> {
        let Body::Related { part, .. } = &mut self.body else { return None };
        match std::mem::replace(part, Part::Attachment) {
            Part::Soap(head) => Some(Event::Soap(head, std::mem::take(&mut self.soap).freeze())),
            Part::Attachment => Some(Event::AttachmentEnd),
            Part::None => None,
        }
    }

    fn collect(&mut self, data: &[u8]) -> Result<(), Refusal> {
        if self.soap.len().saturating_add(data.len()) > BYTES_MAX {
            return Err(Refusal::TooLarge(soap::Refusal::TooLarge));
        }
        self.soap.extend_from_slice(data);
        Ok(())
    }
}
