//! Canonical XML over a `roxmltree` document: inclusive 1.0 and 1.1, exclusive, each with or without comments.
//!
//! What is canonicalised is a whole document or one element with everything in it; no other node-sets occur in
//! X-Road's signatures. Prefixes are not in the tree and are read from the source text.

use std::collections::BTreeMap;

use roxmltree::{Document, Node, NodeType};

const XML_NAMESPACE: &str = "http://www.w3.org/XML/1998/namespace";

/// The deepest nesting that is canonicalised; deeper input is refused rather than followed.
const DEPTH_MAX: usize = 256;

/// A family of canonicalisation rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rules {
    /// Canonical XML 1.0 (`http://www.w3.org/TR/2001/REC-xml-c14n-20010315`), what a live server writes.
    Inclusive10,
    /// Canonical XML 1.1 (`http://www.w3.org/2006/12/xml-c14n11`).
    Inclusive11,
    /// Exclusive canonicalisation (`http://www.w3.org/2001/10/xml-exc-c14n#`). The list names the prefixes that are
    /// nevertheless treated inclusively; the empty string stands for the default namespace (`#default`).
    Exclusive {
        /// The `PrefixList` of `InclusiveNamespaces`.
        inclusive_prefixes: Vec<String>,
    },
}

/// A canonicalisation method: the rules, and whether comments are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Method {
    /// Which rules.
    pub rules: Rules,
    /// Whether comments are part of the output.
    pub comments: bool,
}

/// Why something could not be canonicalised.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The nesting is deeper than we follow.
    #[error("the XML is nested deeper than {DEPTH_MAX} levels")]
    TooDeep,
    /// An `xml:base` above the chosen element would have to be joined (Canonical XML 1.1, 2.4).
    #[error("an xml:base above the canonicalised element is not supported")]
    BaseAbove,
    /// A qualified name could not be read from the source text.
    #[error("a qualified name could not be read back from the source text")]
    UnreadableName,
}

impl Method {
    /// Inclusive canonicalisation 1.0 without comments.
    #[must_use]
    pub const fn inclusive() -> Self {
        Self { rules: Rules::Inclusive10, comments: false }
    }

    /// The method with this algorithm identifier, with an empty prefix list; `None` when we do not know it.
    #[must_use]
    pub fn from_uri(uri: &str) -> Option<Self> {
        let exclusive = || Rules::Exclusive { inclusive_prefixes: Vec::new() };
        let (rules, comments) = match uri {
            "http://www.w3.org/TR/2001/REC-xml-c14n-20010315" => (Rules::Inclusive10, false),
            "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments" => (Rules::Inclusive10, true),
            "http://www.w3.org/2006/12/xml-c14n11" => (Rules::Inclusive11, false),
            "http://www.w3.org/2006/12/xml-c14n11#WithComments" => (Rules::Inclusive11, true),
            "http://www.w3.org/2001/10/xml-exc-c14n#" => (exclusive(), false),
            "http://www.w3.org/2001/10/xml-exc-c14n#WithComments" => (exclusive(), true),
            _ => return None,
        };
        Some(Self { rules, comments })
    }

    /// Sets the prefixes of an `InclusiveNamespaces` element (`#default` as the empty string). They mean something
    /// only to the exclusive rules; `None` when the rules are not exclusive.
    #[must_use]
    pub fn with_inclusive_prefixes(self, prefixes: Vec<String>) -> Option<Self> {
        match self.rules {
            Rules::Exclusive { .. } => Some(Self {
                rules: Rules::Exclusive { inclusive_prefixes: prefixes },
                comments: self.comments,
            }),
            Rules::Inclusive10 | Rules::Inclusive11 => None,
        }
    }
}

/// Canonicalises a whole document.
///
/// # Errors
/// A [`Refusal`] when the nesting is too deep.
pub fn document(document: &Document<'_>, method: &Method) -> Result<Vec<u8>, Refusal> {
    let mut writer = Writer::new(document.input_text(), method);
    let root_element = document.root_element();
    let mut before = true;
    for node in document.root().children() {
        match node.node_type() {
            NodeType::Element => {
                before = false;
                writer.element(root_element, &BTreeMap::new(), true, 0)?;
            }
            NodeType::Comment if method.comments => writer.beside_root(node, before),
            NodeType::PI => writer.beside_root(node, before),
            NodeType::Root | NodeType::Text | NodeType::Comment => {}
        }
    }
    Ok(writer.out)
}

/// Canonicalises one element with everything in it, as a same-document reference `#id` selects it.
///
/// # Errors
/// A [`Refusal`] when the nesting is too deep or an `xml:base` above would have to be joined.
pub fn element(element: Node<'_, '_>, method: &Method) -> Result<Vec<u8>, Refusal> {
    let mut writer = Writer::new(element.document().input_text(), method);
    writer.element(element, &BTreeMap::new(), true, 0)?;
    Ok(writer.out)
}

/// The prefix of an element, read from the source text; empty when it has none.
///
/// # Errors
/// [`Refusal::UnreadableName`] when the source text does not hold a start tag where the tree says so.
pub fn prefix_of<'a>(node: Node<'a, '_>) -> Result<&'a str, Refusal> {
    let text = node.document().input_text();
    let tag = text.get(node.range()).and_then(|tag| tag.strip_prefix('<')).ok_or(Refusal::UnreadableName)?;
    let end = tag.find([' ', '\t', '\r', '\n', '/', '>']).ok_or(Refusal::UnreadableName)?;
    let name = tag.get(..end).ok_or(Refusal::UnreadableName)?;
    Ok(name.split_once(':').map_or("", |(prefix, _)| prefix))
}

/// Namespaces by prefix, the empty prefix for the default namespace; no entry means "none in scope".
type Scope<'a> = BTreeMap<&'a str, &'a str>;

struct Writer<'w> {
    source: &'w str,
    method: &'w Method,
    out: Vec<u8>,
}

impl<'w> Writer<'w> {
    fn new(source: &'w str, method: &'w Method) -> Self {
        Self { source, method, out: Vec::new() }
    }

    fn beside_root(&mut self, node: Node<'_, '_>, before: bool) {
        if !before {
            self.out.push(b'\n');
        }
        self.comment_or_instruction(node);
        if before {
            self.out.push(b'\n');
        }
    }

    /// Writes an element. `rendered` holds the namespace declarations that the output has in force here; `apex` is
    /// true for the element whose ancestors are not part of the output.
    fn element<'a>(
        &mut self,
        node: Node<'a, '_>,
        rendered: &Scope<'a>,
        apex: bool,
        depth: usize,
    ) -> Result<(), Refusal> {
        if depth >= DEPTH_MAX {
            return Err(Refusal::TooDeep);
        }
        let name = self.qualified_name(node)?;
        let attributes = self.attributes(node, apex)?;
        let declarations = self.declarations(node, &name, &attributes, rendered);
        let mut now = rendered.clone();
        self.out.push(b'<');
        self.out.extend_from_slice(name.as_bytes());
        for (prefix, uri) in &declarations {
            self.out.extend_from_slice(if prefix.is_empty() { b" xmlns" } else { b" xmlns:" });
            self.out.extend_from_slice(prefix.as_bytes());
            self.out.extend_from_slice(b"=\"");
            escape_attribute(uri, &mut self.out);
            self.out.push(b'"');
            now.insert(prefix, uri);
        }
        for attribute in &attributes {
            self.out.push(b' ');
            self.out.extend_from_slice(attribute.name.as_bytes());
            self.out.extend_from_slice(b"=\"");
            escape_attribute(attribute.value, &mut self.out);
            self.out.push(b'"');
        }
        self.out.push(b'>');
        for child in node.children() {
            match child.node_type() {
                NodeType::Element => self.element(child, &now, false, depth.saturating_add(1))?,
                NodeType::Text => escape_text(child.text().unwrap_or_default(), &mut self.out),
                NodeType::Comment if self.method.comments => self.comment_or_instruction(child),
                NodeType::PI => self.comment_or_instruction(child),
                NodeType::Comment | NodeType::Root => {}
            }
        }
        self.out.extend_from_slice(b"</");
        self.out.extend_from_slice(name.as_bytes());
        self.out.push(b'>');
        Ok(())
    }

    fn qualified_name<'a>(&self, node: Node<'a, '_>) -> Result<String, Refusal> {
        let prefix = prefix_of(node)?;
        let local = node.tag_name().name();
        Ok(if prefix.is_empty() { local.to_owned() } else { format!("{prefix}:{local}") })
    }

    /// The attributes in canonical order: by namespace, then by local name.
    fn attributes<'a>(&self, node: Node<'a, '_>, apex: bool) -> Result<Vec<CanonicalAttribute<'a>>, Refusal> {
        let mut attributes = Vec::new();
        for attribute in node.attributes() {
            let name = self.source.get(attribute.range_qname()).ok_or(Refusal::UnreadableName)?;
            attributes.push(CanonicalAttribute {
                namespace: attribute.namespace().unwrap_or_default(),
                local: attribute.name().to_owned(),
                name: name.to_owned(),
                value: attribute.value(),
            });
        }
        if apex {
            self.inherit(node, &mut attributes)?;
        }
        attributes.sort_by(|a, b| (a.namespace, &a.local).cmp(&(b.namespace, &b.local)));
        Ok(attributes)
    }

    /// Copies the `xml:` attributes of ancestors that are not part of the output to the apex element.
    fn inherit<'a>(
        &self,
        node: Node<'a, '_>,
        attributes: &mut Vec<CanonicalAttribute<'a>>,
    ) -> Result<(), Refusal> {
        let joined = match self.method.rules {
            Rules::Exclusive { .. } => return Ok(()),
            Rules::Inclusive10 => false,
            Rules::Inclusive11 => true,
        };
        for ancestor in node.ancestors().skip(1) {
            for attribute in ancestor.attributes().filter(|a| a.namespace() == Some(XML_NAMESPACE)) {
                match attribute.name() {
                    "id" if joined => continue,
                    "base" if joined => return Err(Refusal::BaseAbove),
                    _ => {}
                }
                let held = attributes
                    .iter()
                    .any(|held| held.namespace == XML_NAMESPACE && held.local == attribute.name());
                if !held {
                    attributes.push(CanonicalAttribute {
                        namespace: XML_NAMESPACE,
                        local: attribute.name().to_owned(),
                        name: format!("xml:{}", attribute.name()),
                        value: attribute.value(),
                    });
                }
            }
        }
        Ok(())
    }

    /// The namespace declarations to write on this element, in canonical order. An empty URI undeclares.
    fn declarations<'a>(
        &self,
        node: Node<'a, '_>,
        name: &str,
        attributes: &[CanonicalAttribute<'a>],
        rendered: &Scope<'a>,
    ) -> Scope<'a> {
        let mut scope: Scope<'a> = Scope::new();
        for namespace in node.namespaces() {
            let prefix = namespace.name().unwrap_or_default();
            if prefix != "xml" && !namespace.uri().is_empty() {
                scope.insert(prefix, namespace.uri());
            }
        }
        let wanted = |prefix: &str| match &self.method.rules {
            Rules::Inclusive10 | Rules::Inclusive11 => true,
            Rules::Exclusive { inclusive_prefixes } => {
                inclusive_prefixes.iter().any(|listed| listed == prefix)
                    || name.split_once(':').map_or("", |(own, _)| own) == prefix
                    || (!prefix.is_empty()
                        && attributes
                            .iter()
                            .any(|a| a.name.split_once(':').is_some_and(|(own, _)| own == prefix)))
            }
        };
        let mut declarations = Scope::new();
        for (prefix, uri) in &scope {
            if wanted(prefix) && rendered.get(prefix) != Some(uri) {
                declarations.insert(prefix, uri);
            }
        }
        let default_undeclared =
            !scope.contains_key("") && rendered.get("").is_some_and(|uri| !uri.is_empty());
        if default_undeclared && wanted("") {
            declarations.insert("", "");
        }
        declarations
    }

    fn comment_or_instruction(&mut self, node: Node<'_, '_>) {
        if let Some(instruction) = node.pi() {
            self.out.extend_from_slice(b"<?");
            self.out.extend_from_slice(instruction.target.as_bytes());
            if let Some(value) = instruction.value {
                self.out.push(b' ');
                unify_lines(value, &mut self.out);
            }
            self.out.extend_from_slice(b"?>");
        } else {
            self.out.extend_from_slice(b"<!--");
            unify_lines(node.text().unwrap_or_default(), &mut self.out);
            self.out.extend_from_slice(b"-->");
        }
    }
}

struct CanonicalAttribute<'a> {
    namespace: &'a str,
    local: String,
    name: String,
    value: &'a str,
}

/// Escapes text as Canonical XML does; a CR that survived parsing came from a character reference.
pub(crate) fn escape_text(text: &str, out: &mut Vec<u8>) {
    for byte in text.bytes() {
        match byte {
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            b'\r' => out.extend_from_slice(b"&#xD;"),
            other => out.push(other),
        }
    }
}

fn escape_attribute(value: &str, out: &mut Vec<u8>) {
    for byte in value.bytes() {
        match byte {
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'"' => out.extend_from_slice(b"&quot;"),
            b'\t' => out.extend_from_slice(b"&#x9;"),
            b'\n' => out.extend_from_slice(b"&#xA;"),
            b'\r' => out.extend_from_slice(b"&#xD;"),
            other => out.push(other),
        }
    }
}

/// Writes text with CR LF and CR as LF: the parser does so for text, but hands comments and instructions on raw.
fn unify_lines(text: &str, out: &mut Vec<u8>) {
    let mut bytes = text.bytes().peekable();
    while let Some(byte) = bytes.next() {
        if byte == b'\r' {
            let _ = bytes.next_if_eq(&b'\n');
            out.push(b'\n');
        } else {
            out.push(byte);
        }
    }
}

#[cfg(test)]
mod tests;
