//! What an operator says of a store.

use serde::Deserialize;
use std::fmt;
use std::path::PathBuf;

/// A place that keeps archives: a directory, or a bucket of an S3-compatible store.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// A directory that is there, of another file system perhaps. Absent: a bucket.
    pub directory: Option<PathBuf>,
    /// The address of the store: https, or http on a loopback address.
    pub endpoint: Option<String>,
    /// The region that requests are signed for.
    pub region: Option<String>,
    /// The bucket; it must be there.
    pub bucket: Option<String>,
    /// What stands before the names of archives, as folders do.
    pub prefix: String,
    /// The access key's name.
    pub access_key: Option<String>,
    /// Or a file whose first line is that.
    pub access_key_file: Option<PathBuf>,
    /// The secret key.
    pub secret_key: Option<Secret>,
    /// Or a file whose first line is that, and which nobody else may read.
    pub secret_key_file: Option<PathBuf>,
    /// The authorities that the store's certificate may come from, in PEM; absent: those of the system.
    pub ca_file: Option<PathBuf>,
}

impl Store {
    /// Every path in it.
    pub fn paths(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        [&mut self.directory, &mut self.access_key_file, &mut self.secret_key_file, &mut self.ca_file]
            .into_iter()
            .flatten()
    }
}

/// What no journal shows.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub(crate) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}
