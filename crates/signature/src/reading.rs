//! Strict reading of small XML documents: no DTD, no comments, no instructions, nothing that is not expected.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use roxmltree::{Document, Node, NodeType, ParsingOptions};

/// XML-DSig, Core 1.
pub(crate) const DS: &str = "http://www.w3.org/2000/09/xmldsig#";
/// ETSI TS 101 903 v1.3.2.
pub(crate) const XADES: &str = "http://uri.etsi.org/01903/v1.3.2#";

/// The largest XML document that is read here, in bytes.
pub(crate) const DOCUMENT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The most nodes such a document may have.
const NODES_MAX: u32 = 100_000;

/// Why a text is not a document that is read here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum XmlRefusal {
    /// Longer than we read.
    #[error("the XML document has {bytes} bytes, more than {DOCUMENT_BYTES_MAX}")]
    TooLong {
        /// Its length in bytes.
        bytes: usize,
    },
    /// Not UTF-8.
    #[error("the XML document is not UTF-8")]
    NotUtf8,
    /// It carries a document type declaration.
    #[error("the XML document carries a document type declaration")]
    DocumentType,
    /// Not well-formed.
    #[error("the XML document is not well-formed: {0}")]
    NotWellFormed(String),
    /// It would cost more to read than we spend on a stranger.
    #[error(transparent)]
    OverBudget(xml::Refusal),
}

impl From<xml::Refusal> for XmlRefusal {
    fn from(refusal: xml::Refusal) -> Self {
        match refusal {
            xml::Refusal::DocumentType => Self::DocumentType,
            xml::Refusal::Broken { at } => Self::NotWellFormed(format!("the markup at byte {at} is broken")),
            xml::Refusal::DefaultTwice { at } => {
                Self::NotWellFormed(format!("the tag at byte {at} declares its default namespace twice"))
            }
            xml::Refusal::TagTooLong { .. }
            | xml::Refusal::TooManyAttributes { .. }
            | xml::Refusal::TooManyDeclarations { .. }
            | xml::Refusal::TooManyInScope { .. }
            | xml::Refusal::TooDeep { .. } => Self::OverBudget(refusal),
        }
    }
}

/// Why a well-formed document does not have the structure it must have: a plain sentence with the evidence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Misshapen(pub String);

pub(crate) fn misshapen<T>(why: impl Into<String>) -> Result<T, Misshapen> {
    Err(Misshapen(why.into()))
}

/// Reads the bytes as UTF-8 text of bounded length.
pub(crate) fn text_of(bytes: &[u8]) -> Result<&str, XmlRefusal> {
    if bytes.len() > DOCUMENT_BYTES_MAX {
        return Err(XmlRefusal::TooLong { bytes: bytes.len() });
    }
    std::str::from_utf8(bytes).map_err(|_| XmlRefusal::NotUtf8)
}

/// Parses a text that is within the budget; a document type declaration is refused.
pub(crate) fn parse(text: &str) -> Result<Document<'_>, XmlRefusal> {
    xml::within_budget(text, &xml::Budget::SMALL)?;
    let options = ParsingOptions { allow_dtd: false, nodes_limit: NODES_MAX, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).map_err(|error| {
        if matches!(error, roxmltree::Error::DtdDetected) {
            XmlRefusal::DocumentType
        } else {
            XmlRefusal::NotWellFormed(error.to_string())
        }
    })
}

/// The only element of the document, with nothing beside it.
pub(crate) fn only_root<'a, 'i>(document: &'a Document<'i>) -> Result<Node<'a, 'i>, Misshapen> {
    if document.root().children().any(|node| !node.is_element()) {
        return misshapen("a comment or an instruction stands beside the root element");
    }
    Ok(document.root_element())
}

/// Whether the element has this expanded name.
pub(crate) fn is(node: Node<'_, '_>, namespace: &str, name: &str) -> bool {
    node.tag_name().namespace() == Some(namespace) && node.tag_name().name() == name
}

/// The element children of an element that may hold nothing else than elements and white space.
#[derive(Debug)]
pub(crate) struct Children<'a, 'i> {
    parent: Node<'a, 'i>,
    nodes: std::iter::Peekable<std::vec::IntoIter<Node<'a, 'i>>>,
}

impl<'a, 'i> Children<'a, 'i> {
    pub(crate) fn of(parent: Node<'a, 'i>) -> Result<Self, Misshapen> {
        let mut nodes = Vec::new();
        for node in parent.children() {
            match node.node_type() {
                NodeType::Element => nodes.push(node),
                NodeType::Text if node.text().unwrap_or_default().chars().all(is_space) => {}
                NodeType::Text => return misshapen(format!("text stands directly in {}", called(parent))),
                NodeType::Comment | NodeType::PI | NodeType::Root => {
                    return misshapen(format!("a comment or an instruction stands in {}", called(parent)));
                }
            }
        }
        Ok(Self { parent, nodes: nodes.into_iter().peekable() })
    }

    pub(crate) fn optional(&mut self, namespace: &str, name: &str) -> Option<Node<'a, 'i>> {
        self.nodes.next_if(|node| is(*node, namespace, name))
    }

    pub(crate) fn required(&mut self, namespace: &str, name: &str) -> Result<Node<'a, 'i>, Misshapen> {
        self.optional(namespace, name)
            .ok_or_else(|| Misshapen(format!("{} lacks {name} at its place", called(self.parent))))
    }

    pub(crate) fn any(&mut self) -> Option<Node<'a, 'i>> {
        self.nodes.next()
    }

    pub(crate) fn end(mut self) -> Result<(), Misshapen> {
        match self.nodes.next() {
            None => Ok(()),
            Some(node) => misshapen(format!("{} does not belong into {}", called(node), called(self.parent))),
        }
    }
}

/// An element's name for an error text.
pub(crate) fn called(node: Node<'_, '_>) -> String {
    node.tag_name().name().chars().take(80).collect()
}

/// The attribute without a namespace that has this name.
pub(crate) fn attribute<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    node.attributes().find(|a| a.namespace().is_none() && a.name() == name).map(|a| a.value())
}

/// The same, required.
pub(crate) fn required_attribute<'a>(node: Node<'a, '_>, name: &str) -> Result<&'a str, Misshapen> {
    attribute(node, name).ok_or_else(|| Misshapen(format!("{} lacks the attribute {name}", called(node))))
}

/// Refuses every attribute but the listed ones (which have no namespace).
pub(crate) fn only_attributes(node: Node<'_, '_>, allowed: &[&str]) -> Result<(), Misshapen> {
    for attribute in node.attributes() {
        if attribute.namespace().is_some() || !allowed.contains(&attribute.name()) {
            return misshapen(format!(
                "the attribute {} does not belong to {}",
                attribute.name(),
                called(node)
            ));
        }
    }
    Ok(())
}

/// The text of an element that holds nothing else.
pub(crate) fn text<'a>(node: Node<'a, '_>) -> Result<&'a str, Misshapen> {
    let mut children = node.children();
    match (children.next(), children.next()) {
        (None, _) => Ok(""),
        (Some(child), None) if child.is_text() => Ok(child.text().unwrap_or_default()),
        _ => misshapen(format!("{} must hold text and nothing else", called(node))),
    }
}

/// The octets that the text of an element spells in Base64; white space is skipped, padding is required.
pub(crate) fn base64(node: Node<'_, '_>) -> Result<Vec<u8>, Misshapen> {
    let packed: String = text(node)?.chars().filter(|c| !is_space(*c)).collect();
    STANDARD
        .decode(packed.as_bytes())
        .ok()
        .filter(|octets| !octets.is_empty())
        .ok_or_else(|| Misshapen(format!("{} does not hold Base64", called(node))))
}

/// White space as XML has it.
pub(crate) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}
