//! Documents that were packed a moment ago: the messages of one batch bring the same `signatures.xml`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use trust::algorithm::DigestAlgorithm;

use super::{Packed, pack};

/// As many signatures as are on their way at a time; with one more all are forgotten.
const DOCUMENTS_MAX: usize = 64;
/// Longer documents are not worth remembering.
const DOCUMENT_BYTES_MAX: usize = 64 * 1024;

/// A signature document ready to be stored.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PackedSignature {
    /// What is stored.
    pub(crate) packed: Packed,
    /// SHA-512 of the document.
    pub(crate) digest: Vec<u8>,
}

/// The signatures packed last, by their octets.
#[derive(Debug, Default)]
pub(crate) struct Recent(Mutex<BTreeMap<Vec<u8>, Arc<PackedSignature>>>);

impl Recent {
    /// Packs a signature, or gives what was made of the same octets before.
    pub(crate) fn pack(&self, document: &[u8]) -> Arc<PackedSignature> {
        if let Some(known) = self.held(|recent| recent.get(document).cloned()) {
            return known;
        }
        let digest = DigestAlgorithm::Sha512.digest(document);
        let fresh = Arc::new(PackedSignature { packed: pack(document), digest });
        if document.len() <= DOCUMENT_BYTES_MAX {
            self.held(|recent| {
                if recent.len() >= DOCUMENTS_MAX {
                    recent.clear();
                }
                recent.insert(document.to_vec(), Arc::clone(&fresh))
            });
        }
        fresh
    }

    fn held<T>(&self, act: impl FnOnce(&mut BTreeMap<Vec<u8>, Arc<PackedSignature>>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
