//! From the bytes of a directory to a verified configuration (control-plane 1.3.3, 1.4).

use super::locations::{Location, resolve};
use crate::configuration::{Configuration, StoredFile, Uninterpretable, VerifiedConfiguration};
use crate::directory::{self, ListedFile, VerifiedDirectory, generation_of};
use crate::parts::{PRIVATE_PARAMETERS, SHARED_PARAMETERS};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Largest file of a configuration, in bytes.
pub const FILE_BYTES_MAX: usize = 64 << 20;

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
    /// Bigger than [`FILE_BYTES_MAX`].
    #[error("{file} has {bytes} bytes; at most {FILE_BYTES_MAX} are read")]
    TooLarge {
        /// The file.
        file: String,
        /// Its size.
        bytes: usize,
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
    directory: VerifiedDirectory,
    wanted: Vec<(ListedFile, String)>,
    source: SourceOfConfiguration,
}

/// A file that the caller has to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchFile {
    /// Where.
    pub url: String,
    /// Under which key [`CheckedDirectory::assemble`] expects it.
    pub file_name: String,
    /// Stop reading beyond this many bytes.
    pub bytes_max: usize,
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

    /// The files that are not held with the digest that the directory demands; perhaps none.
    #[must_use]
    pub fn files_to_fetch(&self, held: Option<&Configuration>) -> Vec<FetchFile> {
        let missing = self.wanted.iter().filter(|(file, _)| held_bytes(file, held).is_none());
        missing
            .map(|(file, url)| FetchFile {
                url: url.clone(),
                file_name: file.file_name().to_owned(),
                bytes_max: FILE_BYTES_MAX,
            })
            .collect()
    }

    /// Verifies every file, fetched or held, and reads what it has to say.
    ///
    /// # Errors
    /// [`Refusal`]; then nothing of this location is to be used.
    pub fn assemble(
        self,
        mut fetched: BTreeMap<String, Vec<u8>>,
        held: Option<&Configuration>,
    ) -> Result<VerifiedConfiguration, Refusal> {
        let mut files = BTreeMap::new();
        for (listed, _) in &self.wanted {
            let file = listed.file_name().to_owned();
            let bytes = match (fetched.remove(&file), held_bytes(listed, held)) {
                (Some(bytes), _) if bytes.len() > FILE_BYTES_MAX => {
                    return Err(Refusal::TooLarge { file, bytes: bytes.len() });
                }
                (Some(bytes), _) if listed.is(&bytes) => Arc::from(bytes),
                (Some(_), _) => return Err(Refusal::DigestMismatch { file }),
                (None, Some(bytes)) => bytes,
                (None, None) => return Err(Refusal::NotFetched { file }),
            };
            let stored = StoredFile {
                identifier: Some(listed.identifier().to_owned()),
                instance: listed.instance().map(str::to_owned).or_else(|| Some(self.source.instance.clone())),
                expires: Some(self.directory.expires()),
                location: Some(listed.location().to_owned()),
                version: self.directory.version(),
                bytes,
            };
            files.insert(file, stored);
        }
        let configuration = Configuration::interpret(&self.source.instance, files)?;
        Ok(VerifiedConfiguration::new(configuration, self.source.role))
    }
}

fn held_bytes(listed: &ListedFile, held: Option<&Configuration>) -> Option<Arc<[u8]>> {
    let file = held?.file(listed.file_name())?;
    listed.is(&file.bytes).then(|| Arc::clone(&file.bytes))
}
