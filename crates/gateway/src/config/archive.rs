//! `[gateway.archive]`: how the log is archived, and where archives go.

use serde::Deserialize;
use std::fmt;
use std::path::PathBuf;

/// Archives of the log (data-plane 7.7). The defaults are X-Road's.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Archive {
    /// Where archives are put; absent: `archive` under `state_dir`.
    pub directory: Option<PathBuf>,
    /// How often; 0: never.
    pub interval_seconds: u64,
    /// An archive ends with the container that brings it above this.
    pub file_bytes_max: u64,
    /// Whose records stand in one archive together.
    pub grouping: Grouping,
    /// A program with its arguments that takes an archive elsewhere; absent: archives stay where they are.
    pub transfer_command: Vec<String>,
    /// How long taking one archive elsewhere may last.
    pub transfer_timeout_seconds: u64,
    /// Where archives are put instead, verified there; absent: they stay, or go by the command.
    pub store: Option<Store>,
    /// How long archived records stay in the log; 0: for ever.
    pub keep_records_days: u64,
}

/// Whose records stand in one archive together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grouping {
    /// Everybody's.
    None,
    /// A member's, with all its subsystems.
    Member,
    /// A subsystem's.
    Subsystem,
}

impl From<Grouping> for messagelog::Grouping {
    fn from(grouping: Grouping) -> Self {
        match grouping {
            Grouping::None => Self::None,
            Grouping::Member => Self::Member,
            Grouping::Subsystem => Self::Subsystem,
        }
    }
}

impl Default for Archive {
    fn default() -> Self {
        Self {
            directory: None,
            interval_seconds: 21_600,
            file_bytes_max: 33_554_432,
            grouping: Grouping::None,
            transfer_command: Vec::new(),
            transfer_timeout_seconds: 600,
            store: None,
            keep_records_days: 30,
        }
    }
}

impl Archive {
    /// Every path in it.
    pub(super) fn paths(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let of_store = self.store.iter_mut().flat_map(|store| {
            [&mut store.directory, &mut store.access_key_file, &mut store.secret_key_file, &mut store.ca_file]
        });
        self.directory.as_mut().into_iter().chain(of_store.flatten())
    }
}

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

/// What no journal shows.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub(crate) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}
