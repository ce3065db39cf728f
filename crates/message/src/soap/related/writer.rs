//! The message and its attachments back into the form in which they came.

use bytes::Bytes;

use super::{Form, Refusal};
use crate::multipart::{self, Event, PartHead, Reader};

/// Writes the body that a service or a consumer gets, under the content type that the other side gave (data-plane 3.3).
///
/// Every method returns bytes to be sent; the bytes of the message and of each attachment are sent by the caller, who shows them to
/// [`data`](Self::data) first. The boundary is the other side's and no signature covers it: where a reader would find other parts than
/// were written, the body is refused.
#[derive(Debug)]
pub struct Writer {
    parts: Option<(multipart::Writer, ReadBack)>,
}

impl Writer {
    /// A writer of a body of this type. It is the form that counts: a multipart can hold the message alone.
    ///
    /// # Errors
    /// A content type that is not SOAP's or has no boundary; attachments where there is no place for them.
    pub fn new(content_type: &str, attachments: bool) -> Result<Self, Refusal> {
        let parts = match Form::of(content_type)? {
            Form::Single if attachments => {
                return Err(Refusal::ContentType { found: crate::text::shortened(content_type, 100) });
            }
            Form::Single => None,
            Form::Related(boundary) => {
                let read_back = ReadBack(Reader::new(&boundary));
                let writer = if attachments {
                    multipart::Writer::tight(boundary)
                } else {
                    multipart::Writer::new(boundary)
                };
                Some((writer, read_back))
            }
        };
        Ok(Self { parts })
    }

    /// What stands before the message or an attachment.
    ///
    /// # Errors
    /// A head that could not be read back as it is given, or [`Refusal::BoundaryInside`] the part before.
    pub fn part(&mut self, head: &PartHead) -> Result<Vec<u8>, Refusal> {
        let Some((writer, read_back)) = &mut self.parts else { return Ok(Vec::new()) };
        let out = writer.part(head.content_type().unwrap_or_default(), head.headers())?;
        read_back.expect(Bytes::copy_from_slice(&out), Found { starts: 1, ends: 0 })?;
        Ok(out)
    }

    /// Sees the next bytes of the part before they are sent.
    ///
    /// # Errors
    /// [`Refusal::BoundaryInside`].
    pub fn data(&mut self, chunk: &Bytes) -> Result<(), Refusal> {
        let Some((_, read_back)) = &mut self.parts else { return Ok(()) };
        read_back.expect(chunk.clone(), Found::default())
    }

    /// What stands behind the last part.
    ///
    /// # Errors
    /// [`Refusal::BoundaryInside`] the last part.
    pub fn end(self) -> Result<Vec<u8>, Refusal> {
        let Some((writer, mut read_back)) = self.parts else { return Ok(Vec::new()) };
        let out = writer.end();
        read_back.expect(Bytes::copy_from_slice(&out), Found { starts: 0, ends: 1 })?;
        Ok(out)
    }
}

/// Reads what is written.
#[derive(Debug)]
struct ReadBack(Reader);

/// How many parts and multiparts began and ended.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    starts: usize,
    ends: usize,
}

impl ReadBack {
    fn expect(&mut self, bytes: Bytes, expected: Found) -> Result<(), Refusal> {
        self.0.push(bytes);
        let mut found = Found::default();
        while let Some(event) = self.0.next_event().map_err(|_| Refusal::BoundaryInside)? {
            match event {
                Event::PartStart(_) => found.starts = found.starts.saturating_add(1),
                Event::End => found.ends = found.ends.saturating_add(1),
                Event::Data(_) | Event::PartEnd => {}
            }
        }
        if found == expected { Ok(()) } else { Err(Refusal::BoundaryInside) }
    }
}
