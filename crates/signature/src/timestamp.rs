//! What is time-stamped, and where a time-stamp goes (data-plane 7.4): a single stamp over a signature's value, put into
//! `signatures.xml`, or one stamp over the hash chain of many.

use trust::algorithm::DigestAlgorithm;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::hashchain::{BuildRefusal, Leaf, Part, TIME_STAMP_CHAIN, Tree};
use crate::reading;
use crate::structure::{self, Signature};

/// The name by which a time-stamp's hash chain calls a signature.
pub const SIGNATURES: &str = "/META-INF/signatures.xml";

/// The algorithm of imprints, signature hashes and time-stamp hash chains.
pub const ALGORITHM: DigestAlgorithm = DigestAlgorithm::Sha512;

/// Why a signature cannot be time-stamped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The signature cannot be read.
    #[error(transparent)]
    Signature(#[from] structure::UnreadableSignature),
    /// There is no place for a time-stamp: the signature carries no unsigned properties.
    #[error("the signature carries no unsigned properties that a time-stamp could stand among")]
    NoPlace,
    /// No chain can be built.
    #[error(transparent)]
    Batch(#[from] BuildRefusal),
}

/// The octets that a single time-stamp covers: the decoded signature value.
///
/// # Errors
/// [`Refusal::Signature`] when the document is not a signature.
pub fn signature_value(signatures_xml: &[u8]) -> Result<Vec<u8>, Refusal> {
    with_signature(signatures_xml, |_, signature| Ok(signature.value.clone()))
}

/// Puts a single time-stamp into a signature: the first among the unsigned signature properties. Every other octet
/// stays as it is. The signature's hash changes; the log must note the new one.
///
/// # Errors
/// A [`Refusal`] when the document is not a signature or has no place for a time-stamp.
pub fn insert_single(signatures_xml: &[u8], token: &[u8]) -> Result<Vec<u8>, Refusal> {
    with_signature(signatures_xml, |text, signature| {
        let first = signature.unsigned.node.and_then(|node| node.first_child()).ok_or(Refusal::NoPlace)?;
        let (before, after) = text.split_at_checked(first.range().start).ok_or(Refusal::NoPlace)?;
        let stamp = format!(
            "<xades:SignatureTimeStamp><xades:EncapsulatedTimeStamp>{}</xades:EncapsulatedTimeStamp>\
             </xades:SignatureTimeStamp>",
            STANDARD.encode(token)
        );
        Ok([before, &stamp, after].concat().into_bytes())
    })
}

/// The time-stamp tokens inside a signature, in order.
///
/// # Errors
/// [`Refusal::Signature`] when the document is not a signature.
pub fn tokens(signatures_xml: &[u8]) -> Result<Vec<Vec<u8>>, Refusal> {
    with_signature(signatures_xml, |_, signature| Ok(signature.unsigned.time_stamps.clone()))
}

/// The hash under which a log keeps a signature and a batch chains it: over the document's octets.
#[must_use]
pub fn signature_hash(signatures_xml: &[u8]) -> Vec<u8> {
    ALGORITHM.digest(signatures_xml)
}

fn with_signature<T>(
    signatures_xml: &[u8],
    act: impl FnOnce(&str, &Signature<'_, '_>) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let text = reading::text_of(signatures_xml).map_err(structure::UnreadableSignature::from)?;
    let document = reading::parse(text).map_err(structure::UnreadableSignature::from)?;
    let signature = Signature::of(&document)?;
    act(text, &signature)
}

/// A batch of signatures that get one time-stamp together.
#[derive(Debug, Clone)]
pub struct Batch {
    tree: Tree,
    result: Vec<u8>,
}

impl Batch {
    /// Chains the signatures' hashes (see [`signature_hash`]), two or more.
    ///
    /// # Errors
    /// [`BuildRefusal::NoLeaves`] or [`BuildRefusal::SinglePart`] when there are fewer than two.
    pub fn new(signature_hashes: impl IntoIterator<Item = Vec<u8>>) -> Result<Self, BuildRefusal> {
        let leaves = signature_hashes
            .into_iter()
            .map(|digest| Leaf { parts: vec![Part { name: SIGNATURES.to_owned(), digest }] })
            .collect();
        let tree = Tree::new(ALGORITHM, leaves)?;
        let result = tree.result_xml(TIME_STAMP_CHAIN);
        Ok(Self { tree, result })
    }

    /// `ts-hashchainresult.xml`: what the time-stamp covers, and what every record of the batch keeps.
    #[must_use]
    pub fn result(&self) -> &[u8] {
        &self.result
    }

    /// `ts-hashchain.xml` of one signature, by its place in the batch.
    #[must_use]
    pub fn chain(&self, place: usize) -> Option<Vec<u8>> {
        self.tree.chain_xml(place)
    }
}
