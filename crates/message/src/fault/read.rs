//! Reading a fault: tolerant in what a fault holds, strict in what an XML document may be.

use bytes::Bytes;
use roxmltree::{Document, Node, ParsingOptions};

use super::{BYTES_MAX, Fault};

const ENVELOPE: &str = "http://schemas.xmlsoap.org/soap/envelope/";

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
        let refuse = |error: std::str::Utf8Error| Refusal::Xml { reason: error.to_string() };
        let bytes = xml.clone();
        let text = std::str::from_utf8(&bytes).map_err(refuse)?;
        Self::read_decoded(text.strip_prefix('\u{feff}').unwrap_or(text), xml)
    }

    /// The same from the characters that the bytes are.
    pub(crate) fn read_decoded(text: &str, xml: Bytes) -> Result<Self, Refusal> {
        if xml.len() > BYTES_MAX {
            return Err(Refusal::TooLarge { length: xml.len() });
        }
        within_budget(text)?;
        let options =
            ParsingOptions { allow_dtd: false, nodes_limit: NODES_MAX, ..ParsingOptions::default() };
        let document = Document::parse_with_options(text, options)
            .map_err(|error| Refusal::Xml { reason: error.to_string() })?;
        let envelope = document.root_element();
        if !envelope.has_tag_name((ENVELOPE, "Envelope")) {
            return Err(Refusal::NotSoap);
        }
        let body = child(envelope, ENVELOPE, "Body").ok_or(Refusal::NotSoap)?;
        let fault = child(body, ENVELOPE, "Fault").ok_or(Refusal::NotAFault)?;
        let fault = fields(fault)?;
        Ok(Self { fault, xml })
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

/// What is no XML is told as the parser would tell it.
fn within_budget(text: &str) -> Result<(), Refusal> {
    match xml::within_budget(text, &xml::Budget::SMALL) {
        Ok(()) => Ok(()),
        Err(
            refusal @ (xml::Refusal::DocumentType
            | xml::Refusal::Broken { .. }
            | xml::Refusal::DefaultTwice { .. }),
        ) => Err(Refusal::Xml { reason: refusal.to_string() }),
        Err(refusal) => Err(Refusal::OverBudget(refusal)),
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

fn child<'a, 'i>(node: Node<'a, 'i>, namespace: &str, name: &str) -> Option<Node<'a, 'i>> {
    node.children().find(|child| child.has_tag_name((namespace, name)))
}

/// All text inside an element.
fn text_of(node: Node<'_, '_>) -> String {
    node.descendants().filter(Node::is_text).filter_map(|text| text.text()).collect()
}
