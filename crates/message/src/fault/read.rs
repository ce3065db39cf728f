//! Reading a fault: tolerant in what a fault holds, strict in what an XML document may be.

use bytes::Bytes;
use roxmltree::Node;

use super::{BYTES_MAX, Fault};
use crate::document::{self, Unreadable};
use crate::soap::ENVELOPE;

/// The most nodes of a fault's document.
const NODES_MAX: u32 = 10_000;

/// Why a document is not a fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Larger than [`BYTES_MAX`].
    #[error("the document has {length} bytes, and a fault may have {BYTES_MAX}")]
    TooLarge {
        /// Its length in bytes.
        length: usize,
    },
    /// Not UTF-8, not well-formed, with a DTD, or with too many nodes.
    #[error("the document cannot be read: {reason}")]
    Xml {
        /// What the parser says.
        reason: String,
    },
    /// It would cost more to read than we spend on a stranger.
    #[error(transparent)]
    OverBudget(xml::Refusal),
    /// Well-formed, but not a SOAP 1.1 envelope.
    #[error("the document is not a SOAP message")]
    NotSoap,
    /// A SOAP message without a fault.
    #[error("the SOAP message is not a fault")]
    NotAFault,
    /// A fault without a code.
    #[error("the fault has no code")]
    NoCode,
}

impl Refusal {
    /// The code that X-Road uses for this (data-plane 3.2), without prefix.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAFault => "invalid_message",
            Self::TooLarge { .. } | Self::Xml { .. } | Self::OverBudget(_) | Self::NotSoap | Self::NoCode => {
                "invalid_soap"
            }
        }
    }
}

/// A fault as a peer wrote it. Its XML is kept: faults are passed on byte for byte (data-plane 3.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedFault {
    fault: Fault,
    xml: Bytes,
}

impl ReceivedFault {
    /// Reads a fault in UTF-8, with or without a byte order mark. Codes are kept as spelled.
    ///
    /// # Errors
    /// [`Refusal`]; [`Refusal::NotAFault`] when it is another SOAP message.
    pub fn read(xml: Bytes) -> Result<Self, Refusal> {
        check_length(&xml)?;
        let bytes = xml.clone();
        let text = std::str::from_utf8(&bytes).map_err(|error| Refusal::Xml { reason: error.to_string() })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let document = document::parse(text, &xml::Budget::SMALL, NODES_MAX)?;
        let envelope = document.root_element();
        if !envelope.has_tag_name((ENVELOPE, "Envelope")) {
            return Err(Refusal::NotSoap);
        }
        let body = child(envelope, "Body").ok_or(Refusal::NotSoap)?;
        Self::of(child(body, "Fault").ok_or(Refusal::NotAFault)?, xml)
    }

    /// The fault of this element, in a document that was read already.
    pub(crate) fn of(element: Node<'_, '_>, xml: Bytes) -> Result<Self, Refusal> {
        check_length(&xml)?;
        Ok(Self { fault: fields(element)?, xml })
    }

    /// The fields.
    #[must_use]
    pub fn fault(&self) -> &Fault {
        &self.fault
    }

    /// The document as it came.
    #[must_use]
    pub fn xml(&self) -> &Bytes {
        &self.xml
    }
}

fn check_length(xml: &Bytes) -> Result<(), Refusal> {
    if xml.len() > BYTES_MAX { Err(Refusal::TooLarge { length: xml.len() }) } else { Ok(()) }
}

impl From<Unreadable> for Refusal {
    fn from(why: Unreadable) -> Self {
        match why {
            Unreadable::Xml(reason) => Self::Xml { reason },
            Unreadable::OverBudget(refusal) => Self::OverBudget(refusal),
        }
    }
}

/// The fields of a Fault element; their names count, not their namespaces.
fn fields(fault: Node<'_, '_>) -> Result<Fault, Refusal> {
    let named =
        |name: &str| fault.children().find(|node| node.is_element() && node.tag_name().name() == name);
    let text = |name: &str| named(name).map(|node| text_of(node).trim().to_owned());
    let code = text("faultcode").filter(|code| !code.is_empty()).ok_or(Refusal::NoCode)?;
    let detail = named("detail").map(|detail| {
        let own = detail.children().find(|node| node.is_element() && node.tag_name().name() == "faultDetail");
        text_of(own.unwrap_or(detail)).trim().to_owned()
    });
    Ok(Fault { code, string: text("faultstring").unwrap_or_default(), actor: text("faultactor"), detail })
}

fn child<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    node.children().find(|child| child.has_tag_name((ENVELOPE, name)))
}

/// All text inside an element.
fn text_of(node: Node<'_, '_>) -> String {
    node.descendants().filter(Node::is_text).filter_map(|text| text.text()).collect()
}
