//! The note that a token refused a PIN, so that no process tries it a second time.
//!
//! Tokens lock after three or so wrong PINs, and every command is a process of its own: in memory alone the knowledge would be lost with
//! each of them. So it lies beside the keys. It holds no PIN and nothing made of one, only which file was read and when that file was
//! last written: whoever writes the file anew (or touches it) has the PIN in it tried once more.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::disk;
use crate::error::{StorageFailure, TokenFailure};
use crate::pin::Pin;
use crate::token::TokenSettings;

/// Longest PIN file that is read.
const PIN_FILE_BYTES_MAX: u64 = 4096;

/// Where the note about one token lies.
#[derive(Debug)]
pub(crate) struct PinNote {
    path: PathBuf,
    /// The same in memory, in case the disk does not take it.
    refused: Mutex<Option<String>>,
}

impl PinNote {
    /// The note about the token, in the folder of the keystore.
    pub(crate) fn of(dir: &Path, settings: &TokenSettings) -> Self {
        let name = format!("{}\n{}", settings.label, settings.serial.as_deref().unwrap_or_default());
        let digest = trust::algorithm::DigestAlgorithm::Sha256.digest(name.as_bytes());
        let digits: String = hex::encode(digest).chars().take(16).collect();
        Self { path: dir.join(format!("token-{digits}.pin-refused")), refused: Mutex::default() }
    }

    /// Whether the PIN file is still the one that was refused.
    pub(crate) fn speaks_of(&self, file: &PinFile) -> bool {
        self.remembered().as_ref() == Some(&file.stamp)
            || fs::read_to_string(&self.path).is_ok_and(|noted| noted == file.stamp)
    }

    /// Notes that this PIN file was refused.
    pub(crate) fn write(&self, file: &PinFile) -> Result<(), StorageFailure> {
        *self.remembered() = Some(file.stamp.clone());
        disk::replace(&self.path, file.stamp.as_bytes())
    }

    /// The PIN was right.
    pub(crate) fn clear(&self) {
        *self.remembered() = None;
        // A note that stays behind speaks of a file that was written before: it is asked about no more.
        if self.path.exists() {
            let _gone = disk::remove(&self.path);
        }
    }

    fn remembered(&self) -> MutexGuard<'_, Option<String>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A PIN file as it was when it was read.
#[derive(Debug)]
pub(crate) struct PinFile {
    pub(crate) pin: Pin,
    stamp: String,
}

impl PinFile {
    pub(crate) fn read(settings: &TokenSettings) -> Result<Self, TokenFailure> {
        let wrong = |why| TokenFailure::PinFile {
            token: settings.label.clone(),
            pin_file: settings.pin_file.clone(),
            why,
        };
        // Where a secret is mounted, the file is often a link.
        let path = settings.pin_file.canonicalize().map_err(|_| wrong("is not there"))?;
        let found = fs::metadata(&path).map_err(|_| wrong("cannot be looked at"))?;
        let stamp = format!("{} {} {} {}\n", found.ino(), found.size(), found.mtime(), found.mtime_nsec());
        let bytes = disk::read_private(&path, PIN_FILE_BYTES_MAX)?.ok_or_else(|| wrong("is not there"))?;
        let text = std::str::from_utf8(&bytes).map_err(|_| wrong("is not text"))?;
        let pin = Pin::of_first_line(text.to_owned()).ok_or_else(|| wrong("is empty"))?;
        Ok(Self { pin, stamp })
    }
}
