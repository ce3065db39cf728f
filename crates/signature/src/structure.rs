//! Reading a signature into types: what the XAdES schema says, as far as it occurs, and no more (data-plane 5.2, 5.6).
//!
//! Every element and attribute of the document is accounted for, so nothing can be hidden beside what is verified:
//! one signature, one object, the properties inside it. Comments, instructions, a DTD, unknown elements, a second
//! signature or object, a repeated Id are all refused.

mod properties;
mod signed_info;

pub(crate) use properties::{Digest, SigningCertificateForm, Unsigned};
pub(crate) use signed_info::{REFERENCES_MAX, Reference, SignedInfo};

use std::collections::BTreeSet;

use roxmltree::{Document, Node};

use crate::canonical;
use crate::reading::{self, Children, DS, Misshapen, XADES, XmlRefusal, misshapen};

/// The roots that may stand around a signature.
const ASIC: [&str; 2] = ["http://uri.etsi.org/02918/v1.2.1#", "http://uri.etsi.org/02918/v1.1.1#"];

/// The most certificates, OCSP responses or time-stamps one signature may carry.
pub(crate) const VALUES_MAX: usize = 32;

/// Why a text is not a signature that can be verified.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableSignature {
    /// It is not XML that we read.
    #[error("the signature cannot be read: {0}")]
    Xml(#[from] XmlRefusal),
    /// It is XML, but not a signature as we know it.
    #[error("the signature is malformed: {0}")]
    Malformed(#[from] Misshapen),
    /// More references than anybody may make (data-plane 5.3).
    #[error("the signature makes more than {REFERENCES_MAX} references")]
    TooManyReferences,
}

/// A signature as its document gives it; nothing in it has been verified yet.
#[derive(Debug)]
pub(crate) struct Signature<'a, 'i> {
    pub(crate) node: Node<'a, 'i>,
    pub(crate) signed_info: SignedInfo<'a, 'i>,
    pub(crate) value: Vec<u8>,
    /// The certificates of `ds:KeyInfo`; the first is the signer's.
    pub(crate) certificates: Vec<Vec<u8>>,
    pub(crate) signed_properties: Node<'a, 'i>,
    pub(crate) signing_time: Option<String>,
    pub(crate) signing_certificate_form: SigningCertificateForm,
    pub(crate) signing_certificates: Vec<Digest>,
    pub(crate) unsigned: Unsigned,
}

impl<'a, 'i> Signature<'a, 'i> {
    /// Reads the signature of a document.
    pub(crate) fn of(document: &'a Document<'i>) -> Result<Self, UnreadableSignature> {
        let node = signature_element(document)?;
        literal_prefixes(node)?;
        unique_ids(document)?;
        reading::only_attributes(node, &["Id"])?;
        let mut children = Children::of(node)?;
        let signed_info = SignedInfo::of(children.required(DS, "SignedInfo")?)?;
        let value_node = children.required(DS, "SignatureValue")?;
        reading::only_attributes(value_node, &["Id"])?;
        let value = reading::base64(value_node)?;
        let certificates = key_info(children.required(DS, "KeyInfo")?)?;
        let object = children.required(DS, "Object")?;
        children.end()?;
        reading::only_attributes(object, &["Id"])?;
        let mut in_object = Children::of(object)?;
        let qualifying = in_object.required(XADES, "QualifyingProperties")?;
        in_object.end()?;
        targets(qualifying, node)?;
        let mut in_qualifying = Children::of(qualifying)?;
        let signed_properties = in_qualifying.required(XADES, "SignedProperties")?;
        let read = properties::signed(signed_properties)?;
        let unsigned = in_qualifying
            .optional(XADES, "UnsignedProperties")
            .map(properties::unsigned)
            .transpose()?
            .unwrap_or_default();
        in_qualifying.end()?;
        Ok(Self {
            node,
            signed_info,
            value,
            certificates,
            signed_properties,
            signing_time: read.signing_time,
            signing_certificate_form: read.form,
            signing_certificates: read.certificates,
            unsigned,
        })
    }
}

/// The one `ds:Signature`: the root itself, or the only node in an `XAdESSignatures` root.
fn signature_element<'a, 'i>(document: &'a Document<'i>) -> Result<Node<'a, 'i>, Misshapen> {
    let root = reading::only_root(document)?;
    if reading::is(root, DS, "Signature") {
        return Ok(root);
    }
    if !ASIC.iter().any(|namespace| reading::is(root, namespace, "XAdESSignatures")) {
        return misshapen(format!("{} is no root of a signature", reading::called(root)));
    }
    reading::only_attributes(root, &[])?;
    let mut children = root.children();
    match (children.next(), children.next()) {
        (Some(only), None) if reading::is(only, DS, "Signature") => Ok(only),
        _ => misshapen("ds:Signature must be the only node in the root, with no white space beside it"),
    }
}

/// `ds:` and `xades:` are part of the format: a live server finds elements by their qualified names.
fn literal_prefixes(signature: Node<'_, '_>) -> Result<(), Misshapen> {
    for node in signature.descendants().filter(Node::is_element) {
        let wanted = match node.tag_name().namespace() {
            Some(DS) => "ds",
            Some(XADES) => "xades",
            Some("http://www.w3.org/2001/10/xml-exc-c14n#") => continue,
            _ => return misshapen(format!("{} belongs to no known namespace", reading::called(node))),
        };
        let found = canonical::prefix_of(node).map_err(|why| Misshapen(why.to_string()))?;
        if found != wanted {
            return misshapen(format!("{} must have the prefix {wanted}:", reading::called(node)));
        }
    }
    Ok(())
}

fn unique_ids(document: &Document<'_>) -> Result<(), Misshapen> {
    let mut seen = BTreeSet::new();
    for node in document.descendants() {
        for attribute in node.attributes().filter(|a| a.name().eq_ignore_ascii_case("id")) {
            if attribute.value().is_empty() || !seen.insert(attribute.value()) {
                return misshapen(format!("the Id {:?} is not unique", attribute.value()));
            }
        }
    }
    Ok(())
}

fn targets(qualifying: Node<'_, '_>, signature: Node<'_, '_>) -> Result<(), Misshapen> {
    reading::only_attributes(qualifying, &["Target", "Id"])?;
    let target = reading::required_attribute(qualifying, "Target")?;
    match (target.strip_prefix('#'), reading::attribute(signature, "Id")) {
        (Some(target), Some(id)) if target == id => Ok(()),
        _ => misshapen("the qualifying properties do not target this signature"),
    }
}

fn key_info(node: Node<'_, '_>) -> Result<Vec<Vec<u8>>, Misshapen> {
    reading::only_attributes(node, &["Id"])?;
    let mut children = Children::of(node)?;
    let data = children.required(DS, "X509Data")?;
    children.end()?;
    reading::only_attributes(data, &[])?;
    let mut in_data = Children::of(data)?;
    let mut certificates = Vec::new();
    while let Some(certificate) = in_data.optional(DS, "X509Certificate") {
        reading::only_attributes(certificate, &[])?;
        certificates.push(reading::base64(certificate)?);
    }
    in_data.end()?;
    if certificates.is_empty() || certificates.len() > VALUES_MAX {
        return misshapen(format!("ds:KeyInfo must hold 1 to {VALUES_MAX} certificates"));
    }
    Ok(certificates)
}
