//! The XML of the global configuration: strict sequences when reading, JAXB's layout when writing.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use roxmltree::{Document, Node, ParsingOptions};

/// Namespace of the root elements (control-plane 1.1, 1.5, 1.6); their children are in no namespace.
pub(crate) const XROAD: &str = "http://x-road.eu/xsd/xroad.xsd";
/// Namespace of the children of an identifier and of its attribute `objectType`.
pub(crate) const IDENTIFIERS: &str = "http://x-road.eu/xsd/identifiers";
const INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";
const NODES_MAX: u32 = 8_000_000;

/// Why a document does not have the shape that its schema asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the document is malformed at {path}: {problem}")]
pub struct Malformed {
    /// Element names from the root, joined by `/`.
    pub path: String,
    /// What is wrong there, in a plain phrase.
    pub problem: String,
}

impl Malformed {
    pub(crate) fn new(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { path: path.into(), problem: problem.into() }
    }
}

/// Parses `bytes` as UTF-8 XML within the budget and without a document type declaration, and checks the root element.
pub(crate) fn with_root<T>(
    bytes: &[u8],
    root: &str,
    read: impl FnOnce(Node<'_, '_>) -> Result<T, Malformed>,
) -> Result<T, Malformed> {
    let text = std::str::from_utf8(bytes).map_err(|_| Malformed::new("/", "it is not UTF-8 text"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    ::xml::within_budget(text, &::xml::Budget::LARGE).map_err(|e| Malformed::new("/", e.to_string()))?;
    let options = ParsingOptions { allow_dtd: false, nodes_limit: NODES_MAX, ..ParsingOptions::default() };
    let document =
        Document::parse_with_options(text, options).map_err(|e| Malformed::new("/", e.to_string()))?;
    let element = document.root_element();
    let name = element.tag_name();
    if name.name() != root || name.namespace() != Some(XROAD) {
        return Err(Malformed::new("/", format!("the root element is not {{{XROAD}}}{root}")));
    }
    read(element)
}

/// The children of one element, taken in the order of the schema.
pub(crate) struct Sequence<'a, 'input> {
    path: String,
    children: std::iter::Peekable<std::vec::IntoIter<Node<'a, 'input>>>,
}

impl<'a, 'input> Sequence<'a, 'input> {
    /// The children are in no namespace. `attributes` are the unqualified attributes that may stand on
    /// `node`.
    pub(crate) fn of(node: Node<'a, 'input>, attributes: &[&str]) -> Result<Self, Malformed> {
        check_attributes(node, attributes)?;
        Self::new(node)
    }

    fn new(node: Node<'a, 'input>) -> Result<Self, Malformed> {
        let path = path_of(node);
        let mut children = Vec::new();
        for child in node.children() {
            if child.is_element() {
                children.push(child);
            } else if child.is_text() && !child.text().unwrap_or_default().trim().is_empty() {
                return Err(Malformed::new(path, "there is text between the elements"));
            }
        }
        Ok(Self { path, children: children.into_iter().peekable() })
    }

    pub(crate) fn optional(&mut self, name: &str) -> Option<Node<'a, 'input>> {
        let next = *self.children.peek()?;
        if next.has_tag_name(name) && next.tag_name().namespace().is_none() {
            self.children.next()
        } else {
            None
        }
    }

    pub(crate) fn required(&mut self, name: &str) -> Result<Node<'a, 'input>, Malformed> {
        self.optional(name).ok_or_else(|| {
            let found = self.children.peek().map_or("the end", |node| node.tag_name().name());
            Malformed::new(self.path.clone(), format!("element {name} is expected, found {found}"))
        })
    }

    pub(crate) fn many(&mut self, name: &str) -> Vec<Node<'a, 'input>> {
        let mut found = Vec::new();
        while let Some(node) = self.optional(name) {
            found.push(node);
        }
        found
    }

    pub(crate) fn at_least_one(&mut self, name: &str) -> Result<Vec<Node<'a, 'input>>, Malformed> {
        let first = self.required(name)?;
        let mut found = vec![first];
        found.extend(self.many(name));
        Ok(found)
    }

    /// Nothing may follow, unless the schema ends in a wildcard (`open`, versions 3 and later).
    pub(crate) fn finish(mut self, open: bool) -> Result<(), Malformed> {
        match self.children.next() {
            Some(node) if !open => Err(Malformed::new(
                self.path,
                format!("element {} is not expected here", node.tag_name().name()),
            )),
            _ => Ok(()),
        }
    }
}

fn check_attributes(node: Node<'_, '_>, plain: &[&str]) -> Result<(), Malformed> {
    for attribute in node.attributes() {
        let known = match attribute.namespace() {
            None => plain.contains(&attribute.name()),
            Some(INSTANCE) => true,
            Some(_) => false,
        };
        if !known {
            return Err(Malformed::new(path_of(node), format!("attribute {} is unknown", attribute.name())));
        }
    }
    Ok(())
}

/// Where a node stands, for messages.
pub(crate) fn path_of(node: Node<'_, '_>) -> String {
    let mut names: Vec<&str> =
        node.ancestors().filter(Node::is_element).map(|element| element.tag_name().name()).collect();
    names.reverse();
    format!("/{}", names.join("/"))
}

/// The text of a simple element, white space kept (`xs:string`).
pub(crate) fn text(node: Node<'_, '_>) -> Result<String, Malformed> {
    check_attributes(node, &[])?;
    let mut content = String::new();
    for child in node.children() {
        if child.is_element() {
            return Err(Malformed::new(path_of(node), "text is expected, an element was found"));
        }
        if child.is_text() {
            content.push_str(child.text().unwrap_or_default());
        }
    }
    Ok(content)
}

/// A text that may not be blank, white space kept.
pub(crate) fn filled_text(node: Node<'_, '_>) -> Result<String, Malformed> {
    let content = text(node)?;
    if content.trim().is_empty() {
        return Err(Malformed::new(path_of(node), "the element is empty"));
    }
    Ok(content)
}

/// `xs:base64Binary`, white space anywhere.
pub(crate) fn base64(node: Node<'_, '_>) -> Result<Vec<u8>, Malformed> {
    decode_base64(&text(node)?).ok_or_else(|| Malformed::new(path_of(node), "the text is not Base64"))
}

/// Standard Base64 with padding; ASCII white space is skipped.
pub(crate) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let compact: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    STANDARD.decode(compact).ok()
}

pub(crate) fn encode_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// `xs:integer` as far as seconds go: not negative, at most 2^63 - 1.
pub(crate) fn seconds(node: Node<'_, '_>) -> Result<u64, Malformed> {
    let content = text(node)?;
    let trimmed = content.trim();
    let digits = trimmed.strip_prefix('+').unwrap_or(trimmed);
    let value = digits.parse::<i64>().ok().and_then(|number| u64::try_from(number).ok());
    value
        .filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()))
        .ok_or_else(|| Malformed::new(path_of(node), format!("{trimmed:?} is not a number of seconds")))
}

/// `xs:boolean`.
pub(crate) fn boolean(node: Node<'_, '_>) -> Result<bool, Malformed> {
    match text(node)?.trim() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        other => Err(Malformed::new(path_of(node), format!("{other:?} is not a boolean"))),
    }
}

/// Why a value cannot be written as XML.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unwritable {
    /// XML 1.0 has no way to carry this character.
    #[error("{element} contains the character U+{code:04X}, which XML cannot carry")]
    Character {
        /// Name of the element.
        element: String,
        /// The character's number.
        code: u32,
    },
    /// The schema demands something that the value does not have.
    #[error("{element}: {problem}")]
    Shape {
        /// Name of the element.
        element: String,
        /// What is missing or too much.
        problem: String,
    },
}

impl Unwritable {
    pub(crate) fn shape(element: &str, problem: impl Into<String>) -> Self {
        Self::Shape { element: element.to_owned(), problem: problem.into() }
    }
}

/// Writes as the original's marshaller does: four blanks a level, `ns2` identifiers, `ns3` root.
pub(crate) struct Writer {
    out: String,
    open: Vec<String>,
}

impl Writer {
    /// Starts the document with root `ns3:<root>`.
    pub(crate) fn new(root: &str) -> Self {
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n");
        out.push_str(&format!("<ns3:{root} xmlns:ns2=\"{IDENTIFIERS}\" xmlns:ns3=\"{XROAD}\">\n"));
        Self { out, open: vec![format!("ns3:{root}")] }
    }

    fn indent(&mut self) {
        for _ in 0..self.open.len() {
            self.out.push_str("    ");
        }
    }

    /// Opens an element; `attributes` is ready-made text that begins with a blank, or empty.
    pub(crate) fn open(&mut self, name: &str, attributes: &str) {
        self.indent();
        self.out.push_str(&format!("<{name}{attributes}>\n"));
        self.open.push(name.to_owned());
    }

    pub(crate) fn close(&mut self) {
        if let Some(name) = self.open.pop() {
            self.indent();
            self.out.push_str(&format!("</{name}>\n"));
        }
    }

    pub(crate) fn empty(&mut self, name: &str) {
        self.indent();
        self.out.push_str(&format!("<{name}/>\n"));
    }

    pub(crate) fn text(&mut self, name: &str, value: &str) -> Result<(), Unwritable> {
        let value = identifier::xml::escape_text(value).map_err(|unwritable| Unwritable::Character {
            element: name.to_owned(),
            code: u32::from(unwritable.character),
        })?;
        self.indent();
        self.out.push_str(&format!("<{name}>{value}</{name}>\n"));
        Ok(())
    }

    pub(crate) fn optional_text(&mut self, name: &str, value: Option<&str>) -> Result<(), Unwritable> {
        value.map_or(Ok(()), |value| self.text(name, value))
    }

    pub(crate) fn base64(&mut self, name: &str, value: &[u8]) -> Result<(), Unwritable> {
        self.text(name, &encode_base64(value))
    }

    /// Closes everything that is open; the document ends with a line feed.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        while !self.open.is_empty() {
            self.close();
        }
        self.out.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root_only(text: &str) -> Result<(), Malformed> {
        with_root(text.as_bytes(), "conf", |node| Sequence::of(node, &[])?.finish(false))
    }

    #[test]
    fn refuses_a_document_type_declaration() {
        let text = "<!DOCTYPE c [<!ENTITY x \"y\">]><c:conf xmlns:c=\"http://x-road.eu/xsd/xroad.xsd\"/>";
        assert!(root_only(text).is_err());
    }

    #[test]
    fn refuses_what_would_cost_too_much_to_parse() {
        let attributes: String = (0..1000).map(|n| format!(" a{n}=''")).collect();
        let flood = format!("<c:conf xmlns:c=\"http://x-road.eu/xsd/xroad.xsd\"{attributes}/>");
        let problem = root_only(&flood).unwrap_err().problem;
        assert!(
            problem.contains("longer than 8192 bytes") || problem.contains("more than 64 attributes"),
            "{problem}"
        );
        let children: String = (0..20_000).map(|n| format!("<a xmlns:p{n}='u'/>")).collect();
        let flood = format!("<c:conf xmlns:c=\"http://x-road.eu/xsd/xroad.xsd\">{children}</c:conf>");
        let problem = root_only(&flood).unwrap_err().problem;
        assert!(problem.contains("more than 16384 namespaces"), "{problem}");
    }

    #[test]
    fn refuses_a_root_in_another_namespace_and_text_or_elements_that_do_not_belong() {
        let good = "<c:conf xmlns:c=\"http://x-road.eu/xsd/xroad.xsd\"> <!-- x --> </c:conf>";
        assert_eq!(root_only(good), Ok(()));
        assert!(root_only("<conf/>").is_err());
        for inner in ["x", "<a/>", "&#65;"] {
            assert!(root_only(&good.replace("<!-- x -->", inner)).is_err(), "{inner}");
        }
        assert!(root_only(&good.replace("<c:conf", "<c:conf a='b'")).is_err());
    }

    #[test]
    fn writes_only_what_xml_can_carry() {
        let mut writer = Writer::new("conf");
        assert_eq!(writer.text("a", "x < y & z\r\n\"'>"), Ok(()));
        assert!(matches!(writer.text("b", "\u{0}"), Err(Unwritable::Character { code: 0, .. })));
        let text = String::from_utf8(writer.finish()).unwrap();
        assert!(text.contains("<a>x &lt; y &amp; z&#13;\n\"'&gt;</a>"));
    }
}
