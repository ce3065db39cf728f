//! The signed directory: which files make up the configuration, their digests, until when it holds
//! (control-plane 1.3).

pub mod multipart;
mod read;
mod split;
mod write;

use crate::parts::{PRIVATE_PARAMETERS, SHARED_PARAMETERS};
use jiff::Timestamp;
use trust::DigestAlgorithm;

pub use read::{Refusal, read};
pub use split::Unsplittable;
pub use write::{BOUNDARY_CHARACTERS, Draft, DraftFile, UnwritableDirectory, file_location, seal};

/// Largest directory that is read, in bytes.
pub const DIRECTORY_BYTES_MAX: usize = 1 << 20;
/// Most files that a directory may list.
pub const FILES_MAX: usize = 64;

/// A directory whose signature was verified with a certificate of its location and which had not ended.
///
/// Only [`read`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedDirectory {
    expires: Timestamp,
    version: u8,
    files: Vec<ListedFile>,
    certificate_digest: Vec<u8>,
}

/// One file that a verified directory lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedFile {
    identifier: String,
    instance: Option<String>,
    location: String,
    file_name: String,
    algorithm: DigestAlgorithm,
    digest: Vec<u8>,
}

impl VerifiedDirectory {
    /// `Expire-date`: the configuration holds up to and including this moment.
    #[must_use]
    pub const fn expires(&self) -> Timestamp {
        self.expires
    }

    /// `Version`: 2 to 6; a directory without the header counts as 2.
    #[must_use]
    pub const fn version(&self) -> u8 {
        self.version
    }

    /// The files in the order of the directory.
    #[must_use]
    pub fn files(&self) -> &[ListedFile] {
        &self.files
    }

    /// Digest of the certificate with which it was verified, as the signature part named it.
    #[must_use]
    pub fn certificate_digest(&self) -> &[u8] {
        &self.certificate_digest
    }

    /// When the generation was made, if the locations tell: the newest path segment of 23 digits, which
    /// central servers write as `uuuuMMddHHmmss` and nanoseconds. A configuration proxy keeps that segment in
    /// its longer path.
    #[must_use]
    pub fn generation(&self) -> Option<&str> {
        self.files.iter().filter_map(|file| generation_of(&file.location)).max()
    }
}

/// The generation that a location names, see [`VerifiedDirectory::generation`].
pub(crate) fn generation_of(location: &str) -> Option<&str> {
    location
        .split('/')
        .find(|segment| segment.len() == 23 && segment.bytes().all(|byte| byte.is_ascii_digit()))
}

impl ListedFile {
    /// `Content-identifier`, for instance `SHARED-PARAMETERS`; empty when the directory does not give one.
    #[must_use]
    pub fn identifier(&self) -> &str {
        &self.identifier
    }

    /// Parameter `instance` of the identifier; shared and private parameters always have it.
    #[must_use]
    pub fn instance(&self) -> Option<&str> {
        self.instance.as_deref()
    }

    /// `Content-location`, a path of the server that gave the directory; it does not lead out of that server.
    #[must_use]
    pub fn location(&self) -> &str {
        &self.location
    }

    /// The name under which the file is stored: one plain path segment.
    #[must_use]
    pub fn file_name(&self) -> &str {
        &self.file_name
    }

    /// Algorithm of the digest: SHA-224 or stronger.
    #[must_use]
    pub const fn algorithm(&self) -> DigestAlgorithm {
        self.algorithm
    }

    /// Whether these are the bytes that the directory speaks of.
    #[must_use]
    pub fn is(&self, bytes: &[u8]) -> bool {
        self.algorithm.digest(bytes) == self.digest
    }

    /// Whether this is the shared parameters file.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.identifier == SHARED_PARAMETERS
    }

    /// Whether this is the private parameters file.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.identifier == PRIVATE_PARAMETERS
    }
}
