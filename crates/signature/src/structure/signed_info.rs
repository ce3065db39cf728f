//! `ds:SignedInfo`: the algorithms and the references.

use roxmltree::Node;
use trust::algorithm::{DigestAlgorithm, SignatureAlgorithm};

use crate::canonical::Method;
use crate::reading::{self, Children, DS, Misshapen, misshapen};

use super::UnreadableSignature;

/// The most references one signature may make (data-plane 5.3).
pub(crate) const REFERENCES_MAX: usize = 30;
/// The most transforms one reference may name (data-plane 5.3).
const TRANSFORMS_MAX: usize = 5;
const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
/// The type that marks the reference to the signed properties.
pub(super) const SIGNED_PROPERTIES: &str = "http://uri.etsi.org/01903#SignedProperties";

#[derive(Debug)]
pub(crate) struct SignedInfo<'a, 'i> {
    pub(crate) node: Node<'a, 'i>,
    pub(crate) canonicalization: Method,
    pub(crate) algorithm: SignatureAlgorithm,
    pub(crate) references: Vec<Reference>,
}

#[derive(Debug)]
pub(crate) struct Reference {
    pub(crate) uri: String,
    pub(crate) marks_signed_properties: bool,
    pub(crate) transforms: Vec<Method>,
    pub(crate) digest_algorithm: DigestAlgorithm,
    pub(crate) digest: Vec<u8>,
}

impl<'a, 'i> SignedInfo<'a, 'i> {
    pub(super) fn of(node: Node<'a, 'i>) -> Result<Self, UnreadableSignature> {
        reading::only_attributes(node, &["Id"])?;
        let mut children = Children::of(node)?;
        let canonicalization = method(children.required(DS, "CanonicalizationMethod")?)?;
        let algorithm = signature_method(children.required(DS, "SignatureMethod")?)?;
        let mut references = Vec::new();
        while let Some(reference) = children.optional(DS, "Reference") {
            if references.len() >= REFERENCES_MAX {
                return Err(UnreadableSignature::TooManyReferences);
            }
            references.push(read_reference(reference)?);
        }
        children.end()?;
        Ok(Self { node, canonicalization, algorithm, references })
    }
}

fn read_reference(node: Node<'_, '_>) -> Result<Reference, Misshapen> {
    reading::only_attributes(node, &["Id", "URI", "Type"])?;
    let mut children = Children::of(node)?;
    let transforms =
        children.optional(DS, "Transforms").map(read_transforms).transpose()?.unwrap_or_default();
    let digest_algorithm = digest_method(children.required(DS, "DigestMethod")?)?;
    let value = children.required(DS, "DigestValue")?;
    children.end()?;
    reading::only_attributes(value, &[])?;
    Ok(Reference {
        uri: reading::required_attribute(node, "URI")?.to_owned(),
        marks_signed_properties: reading::attribute(node, "Type") == Some(SIGNED_PROPERTIES),
        transforms,
        digest_algorithm,
        digest: reading::base64(value)?,
    })
}

fn read_transforms(node: Node<'_, '_>) -> Result<Vec<Method>, Misshapen> {
    reading::only_attributes(node, &[])?;
    let mut children = Children::of(node)?;
    let mut transforms = Vec::new();
    while let Some(transform) = children.optional(DS, "Transform") {
        if transforms.len() >= TRANSFORMS_MAX {
            return misshapen(format!("a reference names more than {TRANSFORMS_MAX} transforms"));
        }
        transforms.push(method(transform)?);
    }
    children.end()?;
    Ok(transforms)
}

/// A canonicalisation method or transform, the only transforms that are known.
fn method(node: Node<'_, '_>) -> Result<Method, Misshapen> {
    reading::only_attributes(node, &["Algorithm"])?;
    let uri = reading::required_attribute(node, "Algorithm")?;
    let method = Method::from_uri(uri)
        .ok_or_else(|| Misshapen(format!("the algorithm {uri:?} is not accepted here")))?;
    let mut children = Children::of(node)?;
    let list = children.optional(EXCLUSIVE, "InclusiveNamespaces");
    children.end()?;
    let Some(list) = list else { return Ok(method) };
    reading::only_attributes(list, &["PrefixList"])?;
    Children::of(list)?.end()?;
    let prefixes = reading::required_attribute(list, "PrefixList")?
        .split(reading::is_space)
        .filter(|prefix| !prefix.is_empty())
        .map(|prefix| if prefix == "#default" { String::new() } else { prefix.to_owned() })
        .collect();
    method
        .with_inclusive_prefixes(prefixes)
        .ok_or_else(|| Misshapen("InclusiveNamespaces belongs to exclusive canonicalisation only".to_owned()))
}

fn signature_method(node: Node<'_, '_>) -> Result<SignatureAlgorithm, Misshapen> {
    reading::only_attributes(node, &["Algorithm"])?;
    Children::of(node)?.end()?;
    let uri = reading::required_attribute(node, "Algorithm")?;
    match SignatureAlgorithm::from_uri(uri) {
        Some(algorithm) if is_strong(algorithm.digest()) => Ok(algorithm),
        _ => misshapen(format!("the signature method {uri:?} is not accepted")),
    }
}

pub(super) fn digest_method(node: Node<'_, '_>) -> Result<DigestAlgorithm, Misshapen> {
    reading::only_attributes(node, &["Algorithm"])?;
    Children::of(node)?.end()?;
    let uri = reading::required_attribute(node, "Algorithm")?;
    match DigestAlgorithm::from_uri(uri) {
        Some(algorithm) if is_strong(algorithm) => Ok(algorithm),
        _ => misshapen(format!("the digest method {uri:?} is not accepted")),
    }
}

/// SHA-1 and SHA-224 sign nothing here, although a live server takes them (data-plane E.1.14).
const fn is_strong(algorithm: DigestAlgorithm) -> bool {
    matches!(algorithm, DigestAlgorithm::Sha256 | DigestAlgorithm::Sha384 | DigestAlgorithm::Sha512)
}
