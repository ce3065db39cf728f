//! The same signature once more, for validators that know XAdES and nothing of X-Road (ETSI EN 319 132-1).
//!
//! X-Road's time-stamp covers every octet of `META-INF/signatures.xml`, so nothing can be added there. What a general validator wants
//! stands in a second document beside it: the first one, with a time-stamp over the canonical `ds:SignatureValue` (XAdES 5.3) and with the
//! certificates that a validator needs. Nothing else differs, so what was signed is the same to the octet, and the second document follows
//! wholly from the first, the token and the certificates: [`read`] makes it anew and compares.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use roxmltree::{Document, Node};

use crate::canonical::{self, Method};
use crate::reading::{self, DS, XADES};
use crate::structure::{Signature, UnreadableSignature};

/// Where the second document stands in a container. X-Road's verifier reads entries of this pattern and looks at its own name only.
pub const ENTRY: &str = "META-INF/signatures-etsi.xml";

/// How the value is canonicalised before it is stamped: what stands around it does not matter then.
const CANONICAL: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";

/// Why a signature has no such second form, or why a document is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It cannot be read.
    #[error(transparent)]
    Unreadable(#[from] UnreadableSignature),
    /// Its value has no canonical form.
    #[error("the signature's value cannot be brought into canonical form: {0}")]
    Canonical(#[from] canonical::Refusal),
    /// There is no place for a time-stamp: no gateway writes a signature without an OCSP response.
    #[error("the signature has no unsigned properties, where a time-stamp would stand")]
    NoPlace,
    /// It must have one time-stamp, and certificates behind those that the first document has.
    #[error("it does not add one time-stamp, and certificates, to META-INF/signatures.xml")]
    OtherContents,
    /// Something is in it that does not follow from the first document, the time-stamp and the certificates.
    #[error("it says more than META-INF/signatures.xml, its time-stamp and its certificates")]
    Differs,
}

/// What the second document adds to the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    /// The DER time-stamp token over [`to_be_stamped`].
    pub token: Vec<u8>,
    /// DER certificates.
    pub certificates: Vec<Vec<u8>>,
}

/// The octets that the second document's time-stamp covers: the canonical `ds:SignatureValue`.
///
/// # Errors
/// A [`Refusal`] when the document is no signature.
pub fn to_be_stamped(signatures_xml: &[u8]) -> Result<Vec<u8>, Refusal> {
    with_signature(signatures_xml, |_, signature| {
        let value = child(signature.node, DS, "SignatureValue").ok_or(Refusal::NoPlace)?;
        let method = Method::from_uri(CANONICAL).ok_or(Refusal::NoPlace)?;
        Ok(canonical::element(value, &method)?)
    })
}

/// The second document.
///
/// # Errors
/// A [`Refusal`] when the first one is no signature, or has no place for a time-stamp.
pub fn write(signatures_xml: &[u8], added: &Added) -> Result<Vec<u8>, Refusal> {
    with_signature(signatures_xml, |text, signature| {
        let holder = signature.node.descendants();
        let holder = holder.into_iter().find(|node| reading::is(*node, XADES, "UnsignedSignatureProperties"));
        let holder = holder.ok_or(Refusal::NoPlace)?;
        let edits = edits(text, holder, added).ok_or(Refusal::NoPlace)?;
        let mut out = String::with_capacity(text.len());
        let mut at = 0_usize;
        for Edit { place, insert } in edits {
            out.push_str(text.get(at..place.start).ok_or(Refusal::NoPlace)?);
            out.push_str(&insert);
            at = place.end;
        }
        out.push_str(text.get(at..).ok_or(Refusal::NoPlace)?);
        Ok(out.into_bytes())
    })
}

/// What a second document adds to the first; it must be exactly what [`write`] makes of that.
///
/// # Errors
/// A [`Refusal`].
pub fn read(document: &[u8], signatures_xml: &[u8]) -> Result<Added, Refusal> {
    let carried = |octets: &[u8]| {
        with_signature(octets, |_, signature| {
            let certificates = signature.unsigned.certificates.iter().map(|one| one.der.clone());
            Ok((signature.unsigned.time_stamps.clone(), certificates.collect::<Vec<_>>()))
        })
    };
    let (mut stamps, certificates) = carried(document)?;
    let (_, before) = carried(signatures_xml)?;
    let token = stamps.pop().filter(|_| stamps.is_empty()).ok_or(Refusal::OtherContents)?;
    let certificates = certificates.strip_prefix(before.as_slice()).ok_or(Refusal::OtherContents)?.to_vec();
    let added = Added { token, certificates };
    if write(signatures_xml, &added)? == document { Ok(added) } else { Err(Refusal::Differs) }
}

fn with_signature<T>(
    octets: &[u8],
    act: impl FnOnce(&str, &Signature<'_, '_>) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let text = reading::text_of(octets).map_err(UnreadableSignature::from)?;
    let document: Document<'_> = reading::parse(text).map_err(UnreadableSignature::from)?;
    act(text, &Signature::of(&document)?)
}

fn child<'a, 'i>(parent: Node<'a, 'i>, namespace: &str, name: &str) -> Option<Node<'a, 'i>> {
    parent.children().find(|node| reading::is(*node, namespace, name))
}

/// A piece of the text and what stands there instead.
struct Edit {
    place: Range<usize>,
    insert: String,
}

/// In the order of the text. X-Road's own single time-stamp is left out: it covers the decoded value, which to XAdES is a time-stamp over
/// something else.
fn edits(text: &str, holder: Node<'_, '_>, added: &Added) -> Option<Vec<Edit>> {
    let start = holder.first_child()?.range().start;
    let stamp = format!(
        "<xades:SignatureTimeStamp><ds:CanonicalizationMethod Algorithm=\"{CANONICAL}\"/><xades:EncapsulatedTimeStamp>{}\
         </xades:EncapsulatedTimeStamp></xades:SignatureTimeStamp>",
        STANDARD.encode(&added.token)
    );
    let certificates: String = added.certificates.iter().map(|der| encapsulated(der)).collect();
    let mut edits = vec![Edit { place: start..start, insert: stamp }];
    for one in holder.children().filter(|node| reading::is(*node, XADES, "SignatureTimeStamp")) {
        edits.push(Edit { place: one.range(), insert: String::new() });
    }
    if certificates.is_empty() {
        return Some(edits);
    }
    if let Some(values) = child(holder, XADES, "CertificateValues") {
        let place = values.range();
        let end = place.start.checked_add(text.get(place)?.rfind("</")?)?;
        edits.push(Edit { place: end..end, insert: certificates });
        edits.sort_by_key(|edit| edit.place.start);
    } else {
        let first = edits.first_mut()?;
        first.insert.push_str(&format!("<xades:CertificateValues>{certificates}</xades:CertificateValues>"));
    }
    Some(edits)
}

fn encapsulated(der: &[u8]) -> String {
    format!("<xades:EncapsulatedX509Certificate>{}</xades:EncapsulatedX509Certificate>", STANDARD.encode(der))
}
