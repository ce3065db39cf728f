//! A signature document under a single time-stamp: only its value is stamped, and only two of its elements are signed.
//! Everything else in it must follow from what it holds.
//!
//! Canonical XML forgives much inside the signed elements too (spaces in tags, spellings of characters), so the whole
//! text must be plainly printed; and outside the signed elements no name or number is free.

use roxmltree::{Document, Node};
use trust::certificate::Certificate;

use crate::reading::{self, DS, XADES};
use crate::structure::{self, Signature};

use super::super::Refusal;
use super::plain;

const NAME: &str = "META-INF/signatures.xml";

/// The namespaces that a signature declares, used or not, and under which prefixes.
const NAMESPACES: [(&str, &str); 6] = [
    ("asic", "http://uri.etsi.org/02918/v1.2.1#"),
    ("asic", "http://uri.etsi.org/02918/v1.1.1#"),
    ("ds", DS),
    ("xades", XADES),
    ("xsi", "http://www.w3.org/2001/XMLSchema-instance"),
    ("ec", "http://www.w3.org/2001/10/xml-exc-c14n#"),
];

pub(super) fn check(bytes: &[u8]) -> Result<(), Refusal> {
    let text = reading::text_of(bytes).map_err(structure::UnreadableSignature::from)?;
    let document = reading::parse(text).map_err(structure::UnreadableSignature::from)?;
    let signature = Signature::of(&document)?;
    let why = oddity(&document, &signature);
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

fn oddity(document: &Document<'_>, signature: &Signature<'_, '_>) -> Option<String> {
    let signed = |node: Node<'_, '_>| {
        node.ancestors()
            .any(|above| above == signature.signed_info.node || above == signature.signed_properties)
    };
    // One that stands there twice is as good as one.
    if signature.certificates.iter().any(|carried| Some(carried) != signature.certificates.first()) {
        return Some("it carries more than the signing certificate".to_owned());
    }
    plain::oddity(document, &NAMESPACES, signed)
        .or_else(|| {
            let mut free = document.descendants().filter(|node| !signed(*node));
            free.find_map(|node| odd_attribute(node, signature))
        })
        .or_else(|| odd_certificates(signature))
}

/// Names that nothing refers to must follow from the one of the signature, which something refers to: X-Road's begin alike, other
/// producers write the signature's behind their own word.
fn odd_attribute(node: Node<'_, '_>, signature: &Signature<'_, '_>) -> Option<String> {
    let of_signature = reading::attribute(signature.node, "Id").unwrap_or_default();
    let beginning = of_signature.strip_suffix("signature").unwrap_or_default();
    let name = node.tag_name().name();
    let odd = node.attributes().find(|attribute| {
        let value = attribute.value();
        let ends = value.strip_prefix(beginning).unwrap_or_default();
        let regular = match (name, attribute.name()) {
            // Signature and QualifyingProperties name each other.
            ("Signature", "Id") | ("QualifyingProperties", "Target") => true,
            ("SignatureValue", "Id") => ends == "signature-value" || value == format!("value-{of_signature}"),
            ("CompleteCertificateRefs", "Id") => ends == "complete-certificate-refs",
            ("EncapsulatedOCSPValue", "Id") => ends == format!("ocsp-response-{}", place(node)),
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
