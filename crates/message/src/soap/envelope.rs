//! The message as a whole: an envelope with a header and a body, or a fault.

use bytes::Bytes;
use roxmltree::{Document, Node, ParsingOptions};

use super::header::{Fields, Header};
use super::{BUDGET, BYTES_MAX, ENCODING, ENVELOPE, NODES_MAX, Refusal, encoding, request_hash};
use crate::fault::ReceivedFault;

/// What a SOAP document is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Soap {
    /// A request or an answer.
    Message(Box<Message>),
    /// A fault, of a service or of a gateway.
    Fault(ReceivedFault),
}

/// Whether a message asks or answers. The name of the element in its body says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It asks.
    Request,
    /// It answers: the name ends in `Response`.
    Response,
}

/// A message that every gateway reads in the same way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    bytes: Bytes,
    header: Header,
    kind: Kind,
    rpc_encoded: bool,
}

impl Soap {
    /// Reads a document in the encoding that it names itself.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn read(bytes: Bytes) -> Result<Self, Refusal> {
        if bytes.len() > BYTES_MAX {
            return Err(Refusal::TooLarge);
        }
        let text = encoding::decode(&bytes)?;
        let document = parse(&text)?;
        let envelope = Envelope::of(&document)?;
        if envelope.is_fault() {
            drop(document);
            let fault = ReceivedFault::read_decoded(&text, bytes.clone()).map_err(Refusal::Fault)?;
            return Ok(Self::Fault(fault));
        }
        let (header, name) = envelope.contents()?;
        let kind = if name.ends_with("Response") { Kind::Response } else { Kind::Request };
        let rpc_encoded = envelope.root.attribute((ENVELOPE, "encodingStyle")) == Some(ENCODING);
        Ok(Self::Message(Box::new(Message { header, kind, rpc_encoded, bytes: bytes.clone() })))
    }
}

impl Message {
    /// The message as it came: what is hashed, signed, logged and passed on.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// What its header says.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Whether it asks or answers.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether its envelope says that it is encoded as SOAP's own rules have it. Nothing depends on it.
    #[must_use]
    pub fn is_rpc_encoded(&self) -> bool {
        self.rpc_encoded
    }

    /// The same message in UTF-8 with the SHA-512 digest of its request right behind its `id` (data-plane 3.6). A hash that the service
    /// itself has put there is taken out.
    #[must_use]
    pub fn with_request_hash(&self, digest: &[u8]) -> Self {
        let hash = request_hash::of(digest);
        let bytes = match encoding::decode(&self.bytes) {
            Ok(text) => request_hash::put(&text, &hash.value),
            // It could be read when this message was made.
            Err(_) => self.bytes.clone(),
        };
        Self { bytes, header: Header { request_hash: Some(hash), ..self.header.clone() }, ..self.clone() }
    }
}

/// A document within its bounds.
pub(super) fn parse(text: &str) -> Result<Document<'_>, Refusal> {
    let broken = |reason: String| Refusal::Xml { reason };
    match xml::within_budget(text, &BUDGET) {
        Ok(()) => {}
        Err(
            refusal @ (xml::Refusal::DocumentType
            | xml::Refusal::Broken { .. }
            | xml::Refusal::DefaultTwice { .. }),
        ) => return Err(broken(refusal.to_string())),
        Err(refusal) => return Err(Refusal::OverBudget(refusal)),
    }
    let options = ParsingOptions { allow_dtd: false, nodes_limit: NODES_MAX, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).map_err(|error| broken(error.to_string()))
}

/// The elements of an envelope.
struct Envelope<'a, 'i> {
    root: Node<'a, 'i>,
    header: Option<Node<'a, 'i>>,
    body: Option<Node<'a, 'i>>,
}

impl<'a, 'i> Envelope<'a, 'i> {
    fn of(document: &'a Document<'i>) -> Result<Self, Refusal> {
        let root = document.root_element();
        if !root.has_tag_name((ENVELOPE, "Envelope")) {
            return Err(Refusal::NoEnvelope);
        }
        Ok(Self { root, header: only(root, "Header")?, body: only(root, "Body")? })
    }

    fn is_fault(&self) -> bool {
        let fault = |node: Node<'_, '_>| node.has_tag_name((ENVELOPE, "Fault"));
        self.body.is_some_and(|body| body.children().any(fault))
    }

    /// The header and the local name of the one element in the body. What is wrong is told in the order in which X-Road comes upon it.
    fn contents(&self) -> Result<(Header, &'a str), Refusal> {
        let fields = self.header.map(Fields::of).transpose()?;
        let mut elements = self.body.into_iter().flat_map(|body| body.children()).filter(Node::is_element);
        let (first, second) = (elements.next(), elements.next());
        if second.is_some() {
            return Err(Refusal::Body);
        }
        let header = fields.ok_or(Refusal::NoHeader)?.complete()?;
        if self.body.is_none() {
            return Err(Refusal::NoBody);
        }
        let name = first.ok_or(Refusal::Body)?.tag_name().name();
        if !name.starts_with(header.service.code()) {
            return Err(Refusal::OtherService);
        }
        Ok((header, name))
    }
}

fn only<'a, 'i>(root: Node<'a, 'i>, name: &'static str) -> Result<Option<Node<'a, 'i>>, Refusal> {
    let mut found = root.children().filter(|child| child.has_tag_name((ENVELOPE, name)));
    match (found.next(), found.next()) {
        (found, None) => Ok(found),
        (_, Some(_)) => Err(Refusal::Repeated { element: name }),
    }
}
