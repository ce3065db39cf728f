//! Where a log is kept.

use std::fmt;
use std::path::{Path, PathBuf};

use database::Url;

/// Where a log is kept.
#[derive(Clone, Debug)]
pub enum Place {
    /// In a database of its own in this folder, which is made when it is missing.
    Folder(PathBuf),
    /// In a PostgreSQL database, laid out as X-Road does it (data-plane 7.5).
    Database {
        /// Which one.
        url: Box<Url>,
        /// The instance that all owners of records belong to; X-Road's layout has no place for it.
        instance: String,
        /// A folder of this server, where it is noted that a log was begun.
        folder: PathBuf,
    },
}

/// Names of the files whose holder is the one writer on this server. They say whether a log was begun.
const LOCK: &str = "messagelog.lock";
/// A lock of the database keeps out writers of other servers.
const LOCK_OF_DATABASE: &str = "messagelog-postgresql.lock";

impl Place {
    /// The file that the writer holds locked as long as it runs.
    #[must_use]
    pub fn lock_file(&self) -> PathBuf {
        match self {
            Self::Folder(folder) => folder.join(LOCK),
            Self::Database { folder, .. } => folder.join(LOCK_OF_DATABASE),
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        match self {
            Self::Folder(folder) | Self::Database { folder, .. } => folder,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => folder.display().fmt(f),
            Self::Database { url, .. } => url.fmt(f),
        }
    }
}

impl From<&Path> for Place {
    fn from(folder: &Path) -> Self {
        Self::Folder(folder.to_owned())
    }
}

impl From<&PathBuf> for Place {
    fn from(folder: &PathBuf) -> Self {
        Self::Folder(folder.clone())
    }
}

impl From<&Self> for Place {
    fn from(place: &Self) -> Self {
        place.clone()
    }
}
