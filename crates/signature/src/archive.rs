//! Archives of the evidence: containers in a zip, each linked to the one before it, the first to the archive before (data-plane 7.7).
//!
//! The last entry, `linkinginfo`, names the archive before and gives, container by container, the digest of everything up to there. Whoever
//! has noted one digest can prove every archive and every container that it rests on: nothing can be taken out, put in or changed.
//!
//! An archive of ours is not compressed at all; X-Road compresses at level 0, which adds a few octets and takes none away. Both are
//! read, and nothing else: every octet of the file counts, and an entry never unpacks to more than it has.

mod linking;
mod name;
mod read;
mod write;

pub use linking::Link;
pub use name::file_name;
pub use read::{Before, Verified, verify};
pub use write::{ArchiveWriter, WriteFailure, Written};

/// The entry that links the others.
pub const LINKING: &str = "linkinginfo";

/// The most octets that a container in an archive may have.
pub const CONTAINER_BYTES_MAX: u64 = 1 << 30;

/// Why a file is not an archive as it was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The file could not be read: nothing is known about it.
    #[error("the archive cannot be read: {0}")]
    Unreadable(String),
    /// Not a zip file as gateways write archives.
    #[error("the archive cannot be unpacked: {0}")]
    NotZip(String),
    /// An entry, the directory or the linking information has more octets than are read here.
    #[error("the archive's {what} has more than {bytes_max} octets")]
    TooLarge {
        /// What is too large.
        what: String,
        /// What is read.
        bytes_max: u64,
    },
    /// The last entry is not the linking information.
    #[error("the archive's last entry is not {LINKING}")]
    NoLinking,
    /// The linking information does not have its form.
    #[error("the archive's {LINKING} cannot be read: {0}")]
    BadLinking(&'static str),
    /// The linking information lists something else than is there.
    #[error("the archive does not hold what its {LINKING} lists: {found} stands where {listed} should")]
    OtherContents {
        /// The name that is listed, or that nothing is.
        listed: String,
        /// The name that is there, or that nothing is.
        found: String,
    },
    /// A container is not the one that was archived.
    #[error("{name} is not the container that was archived in this place")]
    OtherContainer {
        /// Its name.
        name: String,
    },
    /// The archive does not follow the one that it should.
    #[error("the archive follows {stated}, not {expected}")]
    OtherPrevious {
        /// What the archive says.
        stated: String,
        /// What was expected.
        expected: String,
    },
}

impl Refusal {
    /// A code of ours; X-Road's verifier of archives has none.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "archive_unreadable",
            Self::NotZip(_) | Self::TooLarge { .. } => "archive_invalid",
            Self::NoLinking | Self::BadLinking(_) => "archive_linking_invalid",
            Self::OtherContents { .. } => "archive_other_contents",
            Self::OtherContainer { .. } => "archive_other_container",
            Self::OtherPrevious { .. } => "archive_other_previous",
        }
    }
}
