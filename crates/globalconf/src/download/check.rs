//! Is this directory for this source, complete, and not older than what is held? (control-plane 1.3.3, 1.4)

use super::fetching::Fetching;
use super::locations::{Location, resolve};
use crate::configuration::{Configuration, Uninterpretable};
use crate::directory::{self, ListedFile, VerifiedDirectory, generation_of};
use crate::parts::{PRIVATE_PARAMETERS, SHARED_PARAMETERS};
use jiff::Timestamp;
use std::fmt;

/// What a source is to the gateway that downloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Its own instance: shared and private parameters are required, everything listed is taken.
    Main,
    /// A federated instance: only shared parameters are taken.
    Federated,
}

/// Whose configuration is being downloaded; from the anchor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceOfConfiguration {
    /// Every part must be of this instance.
    pub instance: String,
    /// Main or federated.
    pub role: Role,
}

/// By which field a directory is older than the configuration held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RollbackField {
    /// The generation in `Content-location` (see [`VerifiedDirectory::generation`]).
    Generation,
    /// `Expire-date`, where a location names no generation.
    ExpireDate,
}

impl fmt::Display for RollbackField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Generation => "the generation in Content-location",
            Self::ExpireDate => "Expire-date",
        })
    }
}

/// Why a location's configuration is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The directory itself.
    #[error(transparent)]
    Directory(#[from] directory::Refusal),
    /// The URL of the directory is not one from which files can be fetched.
    #[error("{url:?} is no http or https URL")]
    UnusableLocation {
        /// The URL.
        url: String,
    },
    /// A part belongs to another instance than the anchor: one source must not speak for another.
    #[error("{file} is of instance {found:?}; the anchor is of {expected:?}")]
    WrongInstance {
        /// The file.
        file: String,
        /// The anchor's instance.
        expected: String,
        /// What the part says.
        found: String,
    },
    /// A part that every directory of this role must have.
    #[error("the directory does not list {identifier}")]
    MissingPart {
        /// Its identifier.
        identifier: &'static str,
    },
    /// Older than what is held, though well signed: somebody repeats an old directory, or a source lags
    /// behind.
    #[error("the directory is older than the one held: {field} is {offered}, held is {held}")]
    Rollback {
        /// By which field.
        field: RollbackField,
        /// Value of the configuration held.
        held: String,
        /// Value of the directory.
        offered: String,
    },
    /// The caller did not bring a file.
    #[error("{file} was not fetched")]
    NotFetched {
        /// The file.
        file: String,
    },
    /// Bigger than [`FetchFile::bytes_max`](super::FetchFile::bytes_max).
    #[error("{file} has {bytes} bytes; at most {bytes_max} are read")]
    TooLarge {
        /// The file.
        file: String,
        /// Its size.
        bytes: usize,
        /// The most that it may have.
        bytes_max: usize,
    },
    /// The bytes are not those that the directory speaks of.
    #[error("the digest of {file} is not the one in the directory")]
    DigestMismatch {
        /// The file.
        file: String,
    },
    /// A file does not follow its schema or speaks of another instance.
    #[error(transparent)]
    Uninterpretable(#[from] Uninterpretable),
}

impl Refusal {
    /// The diagnostics code of the original (control-plane 1.3.3). Ours without a counterpart take the
    /// nearest.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Directory(refusal) => refusal.code(),
            Self::UnusableLocation { .. } => "global_conf_download_url_connection_failure",
            Self::WrongInstance { .. } | Self::Uninterpretable(Uninterpretable::WrongInstance { .. }) => {
                "global_conf_part_invalid_instance_identifier"
            }
            Self::MissingPart { .. } | Self::NotFetched { .. } | Self::TooLarge { .. } => {
                "global_conf_part_download_failure"
            }
            Self::Rollback { .. } => "global_conf_outdated",
            Self::DigestMismatch { .. } => "global_conf_part_downloaded_file_integrity_failure",
            Self::Uninterpretable(_) => "global_conf_parsing_downloaded_conf_directory_failure",
        }
    }
}

/// A directory that is verified, of the right instance, complete and not older than the one held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedDirectory {
    pub(super) directory: VerifiedDirectory,
    /// The files that are taken, and where they are.
    pub(super) wanted: Vec<(ListedFile, String)>,
    pub(super) source: SourceOfConfiguration,
}

/// Verifies what a location answered. `held` is the configuration of this instance that is in force, ended or
/// not.
///
/// # Errors
/// [`Refusal`]; a directory of the same age as the one held is accepted.
pub fn check_directory(
    document: &[u8],
    location: &Location,
    source: &SourceOfConfiguration,
    held: Option<&Configuration>,
    now: Timestamp,
) -> Result<CheckedDirectory, Refusal> {
    let directory = directory::read(document, &location.certificates, now)?;
    let mut wanted = Vec::new();
    for file in directory.files() {
        if source.role == Role::Federated && !file.is_shared() {
            continue;
        }
        if let Some(found) = file.instance().filter(|found| *found != source.instance) {
            return Err(Refusal::WrongInstance {
                file: file.file_name().to_owned(),
                expected: source.instance.clone(),
                found: found.to_owned(),
            });
        }
        let url = resolve(&location.url, file.location())
            .ok_or_else(|| Refusal::UnusableLocation { url: location.url.clone() })?;
        wanted.push((file.clone(), url));
    }
    if !wanted.iter().any(|(file, _)| file.is_shared()) {
        return Err(Refusal::MissingPart { identifier: SHARED_PARAMETERS });
    }
    if source.role == Role::Main && !wanted.iter().any(|(file, _)| file.is_private()) {
        return Err(Refusal::MissingPart { identifier: PRIVATE_PARAMETERS });
    }
    if let Some(held) = held.filter(|held| held.instance() == source.instance) {
        refuse_rollback(&directory, held)?;
    }
    Ok(CheckedDirectory { directory, wanted, source: source.clone() })
}

/// The generation decides where both name one; it does not change when an operator shortens the validity of a
/// configuration. Otherwise `Expire-date` decides.
fn refuse_rollback(directory: &VerifiedDirectory, held: &Configuration) -> Result<(), Refusal> {
    let locations = held.files().filter_map(|(_, file)| file.location.as_deref());
    let held_generation = locations.filter_map(generation_of).max();
    if let (Some(offered), Some(held)) = (directory.generation(), held_generation) {
        if offered < held {
            let (held, offered) = (held.to_owned(), offered.to_owned());
            return Err(Refusal::Rollback { field: RollbackField::Generation, held, offered });
        }
        return Ok(());
    }
    match held.expires() {
        Some(held) if directory.expires() < held => Err(Refusal::Rollback {
            field: RollbackField::ExpireDate,
            held: held.to_string(),
            offered: directory.expires().to_string(),
        }),
        _ => Ok(()),
    }
}

impl CheckedDirectory {
    /// The directory.
    #[must_use]
    pub const fn directory(&self) -> &VerifiedDirectory {
        &self.directory
    }

    /// Begins the download of what is not held.
    #[must_use]
    pub fn fetch(self, held: Option<&Configuration>) -> Fetching {
        Fetching::new(self, held)
    }
}
