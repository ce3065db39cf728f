//! OCSP answers, one per certificate, in memory and on disk (control-plane 5.5).
//!
//! A pure store: whether an answer is genuine and fresh is judged by the caller through crate `trust`. Nothing in it is
//! secret and nothing is missed when it is lost: a file that does not read is as good as none.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::asn1::Fields;
use crate::disk;
use crate::error::StorageFailure;

/// Longest answer that is kept.
pub const OCSP_RESPONSE_BYTES_MAX: usize = 128 * 1024;
/// Most answers that are kept.
pub const OCSP_RESPONSES_MAX: usize = 10_000;
const SUFFIX: &str = ".ocsp";

/// Why an answer was not kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PutRefusal {
    /// Not one DER structure.
    #[error(
        "this is not an OCSP response: it is not one DER structure of at most {OCSP_RESPONSE_BYTES_MAX} bytes"
    )]
    NotDer,
    /// No room.
    #[error("{OCSP_RESPONSES_MAX} OCSP responses are kept already")]
    Full,
    /// The disk.
    #[error(transparent)]
    Storage(#[from] StorageFailure),
}

/// The store. A clone is another handle on the same one.
#[derive(Clone, Debug)]
pub struct OcspCache {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    dir: PathBuf,
    kept: RwLock<BTreeMap<[u8; 20], Arc<[u8]>>>,
    writing: Mutex<()>,
}

impl OcspCache {
    /// Opens the store in `dir`, which is created (mode 0700) if need be, and reads what is there. Files that are not
    /// an answer (a foreign name, a write cut short by a crash, no DER) are passed over.
    ///
    /// # Errors
    /// [`StorageFailure`] when the directory cannot be made or read.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, StorageFailure> {
        let dir = dir.as_ref().to_path_buf();
        disk::make_private_directory(&dir)?;
        let mut kept = BTreeMap::new();
        let entries = fs::read_dir(&dir).map_err(|e| StorageFailure::io("list", &dir, &e))?;
        for entry in entries.flatten() {
            let name = entry.file_name();
            let Some(sha1) = name.to_str().and_then(sha1_of_name) else {
                continue;
            };
            let bytes_max = u64::try_from(OCSP_RESPONSE_BYTES_MAX).unwrap_or(u64::MAX);
            let Ok(Some(bytes)) = disk::read_foreign(&entry.path(), bytes_max) else {
                continue;
            };
            if kept.len() < OCSP_RESPONSES_MAX && is_one_structure(&bytes) {
                kept.insert(sha1, Arc::from(bytes.as_slice()));
            }
        }
        Ok(Self { shared: Arc::new(Shared { dir, kept: RwLock::new(kept), writing: Mutex::new(()) }) })
    }

    /// The answer for the certificate of this SHA-1, DER as received.
    pub fn get(&self, certificate_sha1: &[u8; 20]) -> Option<Arc<[u8]>> {
        self.shared.kept.read().unwrap_or_else(PoisonError::into_inner).get(certificate_sha1).cloned()
    }

    /// All answers, each under the SHA-1 of its certificate.
    pub fn all(&self) -> Vec<([u8; 20], Arc<[u8]>)> {
        let kept = self.shared.kept.read().unwrap_or_else(PoisonError::into_inner);
        kept.iter().map(|(sha1, response)| (*sha1, Arc::clone(response))).collect()
    }

    /// Keeps an answer in the place of the former one, durable when this returns. A crash leaves one of the two.
    ///
    /// # Errors
    /// [`PutRefusal`]; the former answer stays.
    pub fn put(&self, certificate_sha1: &[u8; 20], response: &[u8]) -> Result<(), PutRefusal> {
        if !is_one_structure(response) {
            return Err(PutRefusal::NotDer);
        }
        let _writing = self.shared.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let full = {
            let kept = self.shared.kept.read().unwrap_or_else(PoisonError::into_inner);
            kept.len() >= OCSP_RESPONSES_MAX && !kept.contains_key(certificate_sha1)
        };
        if full {
            return Err(PutRefusal::Full);
        }
        disk::replace(&self.path(certificate_sha1), response)?;
        let mut kept = self.shared.kept.write().unwrap_or_else(PoisonError::into_inner);
        kept.insert(*certificate_sha1, Arc::from(response));
        Ok(())
    }

    /// Forgets the answer for a certificate; fine when there is none.
    ///
    /// # Errors
    /// [`StorageFailure`].
    pub fn remove(&self, certificate_sha1: &[u8; 20]) -> Result<(), StorageFailure> {
        let _writing = self.shared.writing.lock().unwrap_or_else(PoisonError::into_inner);
        disk::remove(&self.path(certificate_sha1))?;
        self.shared.kept.write().unwrap_or_else(PoisonError::into_inner).remove(certificate_sha1);
        Ok(())
    }

    fn path(&self, sha1: &[u8; 20]) -> PathBuf {
        self.shared.dir.join(format!("{}{SUFFIX}", hex::encode(sha1)))
    }
}

fn sha1_of_name(name: &str) -> Option<[u8; 20]> {
    hex::decode(name.strip_suffix(SUFFIX)?).ok()?.try_into().ok()
}

fn is_one_structure(bytes: &[u8]) -> bool {
    bytes.len() <= OCSP_RESPONSE_BYTES_MAX
        && Fields::of_sequence(bytes).is_ok_and(|inside| !inside.is_empty())
}
