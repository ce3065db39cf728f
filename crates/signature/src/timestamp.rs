//! What is time-stamped (data-plane 7.4): the hash chain of the documents of one or of many signatures.
//!
//! X-Road has a second way for a record that stands alone: it stamps the signature's value and puts the stamp into the document.
//! That is read ([`crate::evidence`]), not written: the value covers only some of the document, and another producer may have
//! laid out the rest in a way that nobody could tell from a change.

use trust::algorithm::DigestAlgorithm;

use crate::hashchain::{BuildRefusal, Leaf, Part, TIME_STAMP_CHAIN, Tree};

/// The name by which a time-stamp's hash chain calls a signature.
pub const SIGNATURES: &str = "/META-INF/signatures.xml";

/// The algorithm of imprints, signature hashes and time-stamp hash chains.
pub const ALGORITHM: DigestAlgorithm = DigestAlgorithm::Sha512;

/// The hash under which a log keeps a signature and a batch chains it: over the document's octets.
#[must_use]
pub fn signature_hash(signatures_xml: &[u8]) -> Vec<u8> {
    ALGORITHM.digest(signatures_xml)
}

/// The signatures that get one time-stamp together.
#[derive(Debug, Clone)]
pub struct Batch {
    tree: Tree,
    result: Vec<u8>,
}

impl Batch {
    /// Chains the signatures' hashes (see [`signature_hash`]), one or more.
    ///
    /// # Errors
    /// [`BuildRefusal::NoLeaves`] when there is none, [`BuildRefusal::TooManyLeaves`].
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
