//! The message as a whole: an envelope with a header and a body, or a fault.

use bytes::Bytes;
use roxmltree::{Document, Node};

use super::header::{Fields, Header, RequestHash};
use super::{BUDGET, BYTES_MAX, ENCODING, ENVELOPE, NODES_MAX, Refusal, encoding, request_hash};
use crate::document;
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
        Self::read_as(bytes, None)
    }

    /// Reads what a service answers to a request of which this is the SHA-512 digest. A message gets the request's hash right behind its
    /// `id`, in UTF-8; a hash that the service itself has put there is taken out (data-plane 3.6). A fault stays as it is.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn read_answer(bytes: Bytes, request_digest: &[u8]) -> Result<Self, Refusal> {
        Self::read_as(bytes, Some(RequestHash::of(request_digest)))
    }

    fn read_as(bytes: Bytes, hash: Option<RequestHash>) -> Result<Self, Refusal> {
        if bytes.len() > BYTES_MAX {
            return Err(Refusal::TooLarge);
        }
        let text = encoding::decode(&bytes)?;
        let document = document::parse(&text, &BUDGET, NODES_MAX)?;
        let envelope = Envelope::of(&document)?;
        if let Some(fault) = envelope.fault() {
            return ReceivedFault::of(fault, bytes.clone()).map(Self::Fault).map_err(Refusal::Fault);
        }
        let (element, mut header, name) = envelope.contents()?;
        let kind = if name.ends_with("Response") { Kind::Response } else { Kind::Request };
        let rpc_encoded = envelope.root.attribute((ENVELOPE, "encodingStyle")) == Some(ENCODING);
        let bytes = match hash {
            None => bytes.clone(),
            Some(hash) => {
                let bytes = request_hash::put(&text, element, &hash);
                header.request_hash = Some(hash);
                bytes
            }
        };
        Ok(Self::Message(Box::new(Message { bytes, header, kind, rpc_encoded })))
    }
}

impl Message {
    /// The message as it came, or an answer with its request's hash: what is hashed, signed, logged and passed on.
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

    fn fault(&self) -> Option<Node<'a, 'i>> {
        self.body?.children().find(|node| node.has_tag_name((ENVELOPE, "Fault")))
    }

    /// The header, what it says, and the local name of the one element in the body. What is wrong is told in the order in which X-Road comes upon it.
    fn contents(&self) -> Result<(Node<'a, 'i>, Header, &'a str), Refusal> {
        let fields = self.header.map(Fields::of).transpose()?;
        let mut elements = self.body.into_iter().flat_map(|body| body.children()).filter(Node::is_element);
        let (first, second) = (elements.next(), elements.next());
        if second.is_some() {
            return Err(Refusal::Body);
        }
        let (Some(element), Some(fields)) = (self.header, fields) else { return Err(Refusal::NoHeader) };
        let header = fields.complete()?;
        if self.body.is_none() {
            return Err(Refusal::NoBody);
        }
        let name = first.ok_or(Refusal::Body)?.tag_name().name();
        if !name.starts_with(header.service.code()) {
            return Err(Refusal::OtherService);
        }
        Ok((element, header, name))
    }
}

fn only<'a, 'i>(root: Node<'a, 'i>, name: &'static str) -> Result<Option<Node<'a, 'i>>, Refusal> {
    let mut found = root.children().filter(|child| child.has_tag_name((ENVELOPE, name)));
    match (found.next(), found.next()) {
        (found, None) => Ok(found),
        (_, Some(_)) => Err(Refusal::Repeated { element: name }),
    }
}
