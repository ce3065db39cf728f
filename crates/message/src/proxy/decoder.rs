//! The receiving side: chunks of the HTTP body in, the message's parts with their digests out.

use bytes::{Bytes, BytesMut};
use trust::algorithm::{DigestAlgorithm, Hasher};

use super::Refusal;
use super::order::{Expected, Order, PartKind};
use crate::content_type::{self, Boundary, ContentType};
use crate::fault::{self, ReceivedFault};
use crate::multipart::{self, PartHead, Reader};
use crate::rest::MESSAGE_BYTES_MAX;
use crate::soap::related::ATTACHMENTS_MAX;
use crate::soap::{self, Soap};
use crate::text;

/// How the HTTP body of a peer's answer is to be read, by its Content-Type (data-plane 4.6, 4.8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A message, for a [`Decoder`].
    Message(Boundary),
    /// A bare fault, for [`ReceivedFault::read`].
    Fault,
}

impl Answer {
    /// Reads the Content-Type of a response.
    ///
    /// # Errors
    /// Missing, unreadable, or of another type.
    pub fn of(content_type: Option<&str>) -> Result<Self, Refusal> {
        let content_type = content_type.ok_or(Refusal::NoContentType)?;
        if content_type::base_of(content_type).eq_ignore_ascii_case("text/xml") {
            return Ok(Self::Fault);
        }
        Self::boundary_of_request(Some(content_type)).map(Self::Message)
    }

    /// Reads the Content-Type of a request, which is never a bare fault.
    ///
    /// # Errors
    /// Missing, unreadable, or of another type.
    pub fn boundary_of_request(content_type: Option<&str>) -> Result<Boundary, Refusal> {
        let content_type = ContentType::parse(content_type.ok_or(Refusal::NoContentType)?)?;
        if !content_type.is("multipart/mixed") {
            return Err(Refusal::NotMultipart { found: content_type.base().to_owned() });
        }
        Ok(content_type.boundary()?)
    }
}

/// What the decoder has read. Digests are of the part's bytes as received, by the algorithm given to [`Decoder::new`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// An OCSP response of the peer's authentication certificate or of an intermediate: one DER sequence.
    OcspResponse(Bytes),
    /// The message. Check the peer now: in a request no OCSP response follows any more.
    Message {
        /// [`PartKind::RestRequest`] or [`PartKind::RestResponse`].
        kind: PartKind,
        /// Its bytes.
        bytes: Bytes,
        /// Their digest.
        digest: Vec<u8>,
    },
    /// The message of a SOAP exchange, with the head of its part. Where a REST message is expected, [`Refusal::MissingRest`] follows.
    Soap {
        /// The head of its part: its type, and what it had in the consumer's or the service's multipart.
        head: PartHead,
        /// The message.
        message: Box<soap::Message>,
        /// The digest of its bytes.
        digest: Vec<u8>,
    },
    /// A fault instead of the message or the signature; only [`Event::End`] follows.
    Fault(ReceivedFault),
    /// The body of a REST message begins, or an attachment of a SOAP message; it may be empty.
    BodyStart(PartHead),
    /// Some of it.
    Body(Bytes),
    /// It has ended.
    BodyEnd {
        /// The digest of its bytes.
        digest: Vec<u8>,
        /// How many they were.
        length: u64,
    },
    /// The hash chain's result.
    HashChainResult(Bytes),
    /// The hash chain.
    HashChain(Bytes),
    /// The signature.
    Signature(Bytes),
    /// The closing boundary: the message is whole, has all it must have, and nothing else.
    End,
}

/// Reads one message between gateways.
///
/// Feed it with [`push`](Self::push), take events until `None`; at the end of the HTTP body call
/// [`finish`](Self::finish) and take what is left. Only [`Event::End`] says that the message is whole.
#[derive(Debug)]
pub struct Decoder {
    reader: Reader,
    order: Order,
    algorithm: DigestAlgorithm,
    part: Part,
    refusal: Option<Refusal>,
}

/// The part that is being read.
#[derive(Debug)]
enum Part {
    None,
    Collected { kind: PartKind, head: PartHead, bytes: Collected },
    Body(Passing),
    Attachments(Box<Attachments>),
}

/// What streams, digested as it passes.
#[derive(Debug)]
struct Passing {
    hasher: Hasher,
    length: u64,
}

/// The multipart inside the multipart.
#[derive(Debug)]
struct Attachments {
    reader: Reader,
    begun: usize,
    current: Option<Passing>,
    /// The part around it has ended.
    ended: bool,
}

impl Decoder {
    /// A decoder of the expected message; `algorithm` is that of the HTTP header `x-hash-algorithm`.
    #[must_use]
    pub fn new(expected: Expected, boundary: &Boundary, algorithm: DigestAlgorithm) -> Self {
        Self {
            reader: Reader::new(boundary),
            order: Order::new(expected),
            algorithm,
            part: Part::None,
            refusal: None,
        }
    }

    /// Takes the next chunk of the HTTP body. Take all events before the next one.
    pub fn push(&mut self, chunk: Bytes) {
        self.reader.push(chunk);
    }

    /// Says that the HTTP body has ended, completely.
    pub fn finish(&mut self) {
        self.reader.finish();
    }

    /// The next event; `None` when more input is needed, or after [`Event::End`].
    ///
    /// # Errors
    /// [`Refusal`]; every further call refuses in the same way.
    pub fn next_event(&mut self) -> Result<Option<Event>, Refusal> {
        if let Some(refusal) = &self.refusal {
            return Err(refusal.clone());
        }
        self.advance().inspect_err(|refusal| self.refusal = Some(refusal.clone()))
    }

    fn advance(&mut self) -> Result<Option<Event>, Refusal> {
        loop {
            if let Some(event) = self.attachment()? {
                return Ok(Some(event));
            }
            let Some(event) = self.reader.next_event()? else { return Ok(None) };
            let event = match event {
                multipart::Event::PartStart(head) => self.start(head)?,
                multipart::Event::Data(data) => self.data(data)?,
                multipart::Event::PartEnd => self.end_of_part()?,
                multipart::Event::End => {
                    self.order.end()?;
                    Some(Event::End)
                }
            };
            if event.is_some() {
                return Ok(event);
            }
        }
    }

    fn start(&mut self, head: PartHead) -> Result<Option<Event>, Refusal> {
        match self.order.part(head.base_type())? {
            PartKind::Body => {
                self.part = Part::Body(Passing::new(self.algorithm));
                return Ok(Some(Event::BodyStart(head)));
            }
            PartKind::Attachments => {
                let content_type = ContentType::parse(head.content_type().unwrap_or_default())?;
                self.part = Part::Attachments(Box::new(Attachments {
                    reader: Reader::new(&content_type.boundary()?),
                    begun: 0,
                    current: None,
                    ended: false,
                }));
            }
            kind @ (PartKind::OcspResponse
            | PartKind::RestRequest
            | PartKind::RestResponse
            | PartKind::Soap
            | PartKind::HashChainResult
            | PartKind::HashChain
            | PartKind::Signature
            | PartKind::Fault) => self.part = Part::Collected { kind, head, bytes: Collected::default() },
        }
        Ok(None)
    }

    fn data(&mut self, data: Bytes) -> Result<Option<Event>, Refusal> {
        match &mut self.part {
            Part::Body(passing) => {
                passing.see(&data);
                Ok(Some(Event::Body(data)))
            }
            Part::Attachments(attachments) => {
                attachments.reader.push(data);
                Ok(None)
            }
            Part::Collected { kind, bytes, .. } => {
                let limit = limit(*kind, self.order.expected());
                if bytes.len().saturating_add(data.len()) > limit {
                    return Err(Refusal::PartTooLarge { kind: *kind, limit });
                }
                bytes.add(data);
                Ok(None)
            }
            Part::None => Ok(None),
        }
    }

    fn end_of_part(&mut self) -> Result<Option<Event>, Refusal> {
        match std::mem::replace(&mut self.part, Part::None) {
            Part::Body(passing) => Ok(Some(passing.end())),
            Part::Attachments(mut attachments) => {
                attachments.reader.finish();
                attachments.ended = true;
                self.part = Part::Attachments(attachments);
                Ok(None)
            }
            Part::Collected { kind, head, bytes } => self.collected(kind, head, bytes.finish()).map(Some),
            Part::None => Err(multipart::Malformed::Truncated.into()),
        }
    }

    /// What the multipart inside has for us.
    fn attachment(&mut self) -> Result<Option<Event>, Refusal> {
        let Part::Attachments(attachments) = &mut self.part else { return Ok(None) };
        while let Some(event) = attachments.reader.next_event()? {
            match event {
                multipart::Event::PartStart(head) if head.content_type().is_none() => {
                    return Err(Refusal::NoPartType);
                }
                multipart::Event::PartStart(head) => {
                    attachments.begun = attachments.begun.saturating_add(1);
                    if attachments.begun > ATTACHMENTS_MAX {
                        return Err(Refusal::TooManyAttachments);
                    }
                    attachments.current = Some(Passing::new(self.algorithm));
                    return Ok(Some(Event::BodyStart(head)));
                }
                multipart::Event::Data(data) => {
                    if let Some(passing) = &mut attachments.current {
                        passing.see(&data);
                    }
                    return Ok(Some(Event::Body(data)));
                }
                multipart::Event::PartEnd => {
                    if let Some(passing) = attachments.current.take() {
                        return Ok(Some(passing.end()));
                    }
                }
                multipart::Event::End => {}
            }
        }
        if attachments.ended {
            self.part = Part::None;
        }
        Ok(None)
    }

    fn collected(&mut self, kind: PartKind, head: PartHead, bytes: Bytes) -> Result<Event, Refusal> {
        Ok(match kind {
            PartKind::OcspResponse if !text::is_der_sequence(&bytes) => return Err(Refusal::OcspResponse),
            PartKind::OcspResponse => Event::OcspResponse(bytes),
            PartKind::Fault => self.fault(ReceivedFault::read(bytes)?)?,
            PartKind::Soap => {
                let digest = self.algorithm.digest(&bytes);
                match Soap::read(bytes)? {
                    Soap::Fault(fault) => self.fault(fault)?,
                    Soap::Message(message) => Event::Soap { head, message, digest },
                }
            }
            PartKind::HashChainResult => Event::HashChainResult(bytes),
            PartKind::HashChain => Event::HashChain(bytes),
            PartKind::Signature => Event::Signature(bytes),
            // The last two are never collected.
            PartKind::RestRequest | PartKind::RestResponse | PartKind::Body | PartKind::Attachments => {
                self.message(kind, bytes)
            }
        })
    }

    fn message(&self, kind: PartKind, bytes: Bytes) -> Event {
        let digest = self.algorithm.digest(&bytes);
        Event::Message { kind, bytes, digest }
    }

    fn fault(&mut self, fault: ReceivedFault) -> Result<Event, Refusal> {
        self.order.fault()?;
        Ok(Event::Fault(fault))
    }
}

impl Passing {
    fn new(algorithm: DigestAlgorithm) -> Self {
        Self { hasher: algorithm.hasher(), length: 0 }
    }

    fn see(&mut self, data: &[u8]) {
        self.hasher.update(data);
        self.length = self.length.saturating_add(u64::try_from(data.len()).unwrap_or(u64::MAX));
    }

    fn end(self) -> Event {
        Event::BodyEnd { digest: self.hasher.finish(), length: self.length }
    }
}

/// How many bytes a part may have that is held in memory. X-Road knows no such limits.
fn limit(kind: PartKind, expected: Expected) -> usize {
    match kind {
        PartKind::Soap if expected.is_soap() => soap::BYTES_MAX,
        PartKind::OcspResponse | PartKind::HashChainResult => 64 * 1024,
        PartKind::RestRequest | PartKind::RestResponse => MESSAGE_BYTES_MAX,
        PartKind::Soap | PartKind::Fault => fault::BYTES_MAX,
        PartKind::HashChain | PartKind::Signature => 1024 * 1024,
        // Streamed, never collected.
        PartKind::Body | PartKind::Attachments => usize::MAX,
    }
}

/// A part's bytes; a part that comes in one piece is not copied.
#[derive(Debug, Default)]
struct Collected {
    first: Bytes,
    joined: BytesMut,
}

impl Collected {
    fn len(&self) -> usize {
        self.first.len().saturating_add(self.joined.len())
    }

    fn add(&mut self, data: Bytes) {
        if self.first.is_empty() && self.joined.is_empty() {
            self.first = data;
            return;
        }
        self.joined.extend_from_slice(&std::mem::take(&mut self.first));
        self.joined.extend_from_slice(&data);
    }

    fn finish(self) -> Bytes {
        if self.joined.is_empty() { self.first } else { self.joined.freeze() }
    }
}
