//! A signature document under a single time-stamp: only its value is stamped, and only two of its elements are signed.
//! Everything else in it must follow from what it holds.
//!
//! Canonical XML forgives much inside the signed elements too (spaces in tags, spellings of characters), so the whole
//! text must be the plain printing of what was read. Outside the signed elements there is no white space but single line
//! ends, Base64 is printed regularly, and no name or number is free.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use roxmltree::{Document, Node, NodeType};
use trust::certificate::Certificate;

use crate::canonical;
use crate::reading::{self, DS, XADES};
use crate::structure::{self, Signature};

use super::super::Refusal;

const NAME: &str = "META-INF/signatures.xml";

/// What may stand before the root.
const DECLARATIONS: [&str; 5] = [
    "",
    "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?>",
    "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?>\n",
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
];

/// The namespaces that a signature declares, and under which prefixes.
const NAMESPACES: [(&str, &str); 6] = [
    ("asic", "http://uri.etsi.org/02918/v1.2.1#"),
    ("asic", "http://uri.etsi.org/02918/v1.1.1#"),
    ("ds", DS),
    ("xades", XADES),
    ("xsi", "http://www.w3.org/2001/XMLSchema-instance"),
    ("ec", "http://www.w3.org/2001/10/xml-exc-c14n#"),
];

/// The elements outside the signed ones whose text is Base64.
const BASE64: [&str; 6] = [
    "SignatureValue",
    "X509Certificate",
    "EncapsulatedTimeStamp",
    "EncapsulatedX509Certificate",
    "EncapsulatedOCSPValue",
    "DigestValue",
];

pub(super) fn check(bytes: &[u8]) -> Result<(), Refusal> {
    let text = reading::text_of(bytes).map_err(structure::UnreadableSignature::from)?;
    let document = reading::parse(text).map_err(structure::UnreadableSignature::from)?;
    let signature = Signature::of(&document)?;
    let why = oddity(text, &document, &signature);
    why.map_or(Ok(()), |why| super::unsealed(NAME, why))
}

/// What the signature carries beside itself.
pub(super) struct Carried {
    pub(super) ocsp: Vec<Vec<u8>>,
    /// The certificates between the signer's and the root, as far as they can be read.
    pub(super) certificates: Vec<Certificate>,
}

pub(super) fn carried(bytes: &[u8]) -> Result<Carried, Refusal> {
    let text = reading::text_of(bytes).map_err(structure::UnreadableSignature::from)?;
    let document = reading::parse(text).map_err(structure::UnreadableSignature::from)?;
    let unsigned = Signature::of(&document)?.unsigned;
    let certificates =
        unsigned.certificates.iter().filter_map(|one| Certificate::from_der(&one.der).ok()).collect();
    Ok(Carried { ocsp: unsigned.ocsp, certificates })
}

fn oddity(text: &str, document: &Document<'_>, signature: &Signature<'_, '_>) -> Option<String> {
    if !is_plainly_printed(text, document) {
        return Some("its text is not plainly printed".to_owned());
    }
    if signature.certificates.len() != 1 {
        return Some("it carries more than the signing certificate".to_owned());
    }
    let signed = |node: Node<'_, '_>| {
        node.ancestors()
            .any(|above| above == signature.signed_info.node || above == signature.signed_properties)
    };
    let odd = document
        .descendants()
        .filter(|node| !signed(*node))
        .find_map(|node| odd_text(node).or_else(|| odd_attribute(node, signature)));
    odd.or_else(|| odd_certificates(signature))
}

/// Whether the text is what a plain printer makes of the document, with one spelling of empty elements and of CR.
fn is_plainly_printed(text: &str, document: &Document<'_>) -> bool {
    let root = document.root_element();
    let before = text.get(..root.range().start);
    let after = text.get(root.range().end..);
    if !before.is_some_and(|before| DECLARATIONS.contains(&before)) || after != Some("") {
        return false;
    }
    let body = text.get(root.range()).unwrap_or_default();
    [(true, "&#13;"), (true, "&#xD;"), (false, "&#13;"), (false, "&#xD;")].into_iter().any(|(short, cr)| {
        let mut printer = Printer { text, short, cr, out: String::new() };
        printer.element(root).is_some() && printer.out == body
    })
}

struct Printer<'p> {
    text: &'p str,
    short: bool,
    cr: &'p str,
    out: String,
}

impl Printer<'_> {
    fn element(&mut self, node: Node<'_, '_>) -> Option<()> {
        let prefix = canonical::prefix_of(node).ok()?;
        let local = node.tag_name().name();
        let name = if prefix.is_empty() { local.to_owned() } else { format!("{prefix}:{local}") };
        self.out.push('<');
        self.out.push_str(&name);
        for (_, attribute) in self.attributes(node)? {
            self.out.push(' ');
            self.out.push_str(&attribute);
        }
        if self.short && !node.has_children() {
            self.out.push_str("/>");
            return Some(());
        }
        self.out.push('>');
        for child in node.children() {
            match child.node_type() {
                NodeType::Element => self.element(child)?,
                NodeType::Text => {
                    let text = escaped(child.text().unwrap_or_default()).replace('\r', self.cr);
                    self.out.push_str(&text);
                }
                NodeType::Comment | NodeType::PI | NodeType::Root => return None,
            }
        }
        self.out.push_str(&format!("</{name}>"));
        Some(())
    }

    /// Attributes and namespace declarations, each with its place in the text.
    fn attributes(&self, node: Node<'_, '_>) -> Option<Vec<(usize, String)>> {
        let mut printed = Vec::new();
        for attribute in node.attributes() {
            let value = escaped(attribute.value());
            if value.contains(['"', '\t', '\n', '\r']) {
                return None;
            }
            let name = self.text.get(attribute.range_qname())?;
            printed.push((attribute.range().start, format!("{name}=\"{value}\"")));
        }
        let above = node.parent_element();
        for namespace in node.namespaces().filter(|namespace| namespace.name() != Some("xml")) {
            let prefix = namespace.name()?;
            let inherited = above.and_then(|above| above.lookup_namespace_uri(Some(prefix)));
            if inherited == Some(namespace.uri()) {
                continue;
            }
            if !NAMESPACES.contains(&(prefix, namespace.uri())) {
                return None;
            }
            let declaration = format!("xmlns:{prefix}=\"{}\"", namespace.uri());
            let tag = self.text.get(node.range())?;
            let place = node.range().start.checked_add(tag.find(&declaration)?)?;
            printed.push((place, declaration));
        }
        printed.sort();
        Some(printed)
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// White space is a single line end; Base64 is regular.
fn odd_text(node: Node<'_, '_>) -> Option<String> {
    let parent = node.parent_element()?;
    let text = node.text().filter(|_| node.is_text())?;
    let name = parent.tag_name().name();
    let regular = if BASE64.contains(&name) {
        is_regular_base64(text)
    } else if parent.first_element_child().is_some() {
        text == "\n"
    } else {
        true
    };
    (!regular).then(|| format!("the text of {name} is irregular"))
}

/// The decoded octets printed again: in one line or in lines of 64 or 76, with or without a line end around.
fn is_regular_base64(text: &str) -> bool {
    let core = text.strip_prefix('\n').and_then(|text| text.strip_suffix('\n')).unwrap_or(text);
    let packed: String = core.chars().filter(|c| !reading::is_space(*c)).collect();
    if STANDARD.decode(packed.as_bytes()).is_err() {
        return false;
    }
    let broken = |width: usize, line_end: &str| {
        let mut out = String::new();
        for (position, character) in packed.chars().enumerate() {
            if position > 0 && position.checked_rem(width) == Some(0) {
                out.push_str(line_end);
            }
            out.push(character);
        }
        out
    };
    core == packed
        || [64, 76].into_iter().any(|width| core == broken(width, "\n") || core == broken(width, "\r\n"))
}

/// Names that nothing refers to must be the ones that gateways write.
fn odd_attribute(node: Node<'_, '_>, signature: &Signature<'_, '_>) -> Option<String> {
    let of_signature = reading::attribute(signature.node, "Id").unwrap_or_default();
    let name = node.tag_name().name();
    let odd = node.attributes().find(|attribute| {
        let value = attribute.value();
        let regular = match (name, attribute.name()) {
            // Signature and QualifyingProperties name each other.
            ("Signature", "Id") | ("QualifyingProperties", "Target") => true,
            ("SignatureValue", "Id") => {
                value == "signature-value" || value == format!("value-{of_signature}")
            }
            ("CompleteCertificateRefs", "Id") => value == "complete-certificate-refs",
            ("EncapsulatedOCSPValue", "Id") => value == format!("ocsp-response-{}", place(node)),
            // The reference and what it refers to name each other, or it would not have been found.
            ("Cert", "URI") | ("EncapsulatedX509Certificate", "Id") => true,
            ("DigestMethod", "Algorithm") => true,
            _ => false,
        };
        !regular
    })?;
    Some(format!("the attribute {} of {name} is free", odd.name()))
}

/// The place of an element among its siblings of the same name, counted from one.
fn place(node: Node<'_, '_>) -> usize {
    node.prev_siblings().filter(|sibling| sibling.tag_name() == node.tag_name()).count()
}

/// Every carried certificate is referred to once, and every reference describes it truly.
fn odd_certificates(signature: &Signature<'_, '_>) -> Option<String> {
    if signature.unsigned.certificates.len() != signature.unsigned.certificate_references.len() {
        return Some("a certificate is carried that nothing refers to".to_owned());
    }
    let described = signature.node.descendants().filter(|node| reading::is(*node, XADES, "CertRefs"));
    let described: Vec<Node<'_, '_>> =
        described.flat_map(|list| list.children().filter(|node| reading::is(*node, XADES, "Cert"))).collect();
    for (node, reference) in described.iter().zip(&signature.unsigned.certificate_references) {
        let carried = signature
            .unsigned
            .certificates
            .iter()
            .find(|carried| carried.id.as_deref() == reference.uri.strip_prefix('#'))
            .and_then(|carried| Certificate::from_der(&carried.der).ok());
        let text = |name: &str| {
            node.descendants().find(|node| reading::is(*node, DS, name)).and_then(|node| node.text())
        };
        let true_to_it = carried.is_some_and(|carried| {
            text("X509IssuerName") == Some(carried.issuer_rfc2253().as_str())
                && text("X509SerialNumber") == Some(carried.serial_decimal().as_str())
        });
        if !true_to_it {
            return Some("a reference describes another certificate".to_owned());
        }
    }
    None
}
