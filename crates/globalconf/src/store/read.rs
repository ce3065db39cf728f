//! Reading the store: whole and of one generation, or refused.

use super::digests::{Digests, sha256};
use super::journal;
use super::metadata::Metadata;
use super::plan::names_in;
use crate::configuration::{Configuration, StoredFile, Uninterpretable, Warning};
use crate::download::FILE_BYTES_MAX;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Largest metadata file that is read, in bytes.
const METADATA_BYTES_MAX: usize = 64 << 10;
/// Largest file with digests that is read, in bytes.
const DIGESTS_BYTES_MAX: usize = 64 << 10;
/// Most instances that a store may hold.
const INSTANCES_MAX: usize = 256;
/// How often a reader tries when the store moves under it.
const ATTEMPTS: u8 = 3;

/// Why a store, or one instance in it, cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The folder does not exist or cannot be read.
    #[error("cannot read the configuration store {}: {error}", path.display())]
    Unreadable {
        /// Folder or file.
        path: PathBuf,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// Nothing has been stored yet, or the first write was interrupted: download.
    #[error("the configuration store does not name its own instance")]
    MissingInstanceIdentifier,
    /// The own instance has no folder.
    #[error("the configuration store holds nothing of its own instance {instance:?}")]
    MissingInstance {
        /// The instance that `instance-identifier` names.
        instance: String,
    },
    /// A file is bigger than any configuration.
    #[error("{} is larger than {bytes_max} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// What is read.
        bytes_max: usize,
    },
    /// A metadata file is missing or is no metadata, or the file with the digests is none.
    #[error("{} is missing or cannot be understood", path.display())]
    UnreadableMetadata {
        /// The metadata file.
        path: PathBuf,
    },
    /// A file is not the one that its metadata describes: cut, changed, or of another generation.
    #[error("{} is not the file that its metadata describes", path.display())]
    ContentMismatch {
        /// The file.
        path: PathBuf,
    },
    /// Each file fits its metadata, but they do not belong together, or one is missing.
    #[error("the files in {} are not of one generation", path.display())]
    MixedGenerations {
        /// The folder.
        path: PathBuf,
    },
    /// A write was interrupted, and nothing says whether its files belong together.
    #[error("{} is damaged, and there are no digests by which to judge the files themselves", path.display())]
    DamagedJournal {
        /// The journal.
        path: PathBuf,
    },
    /// A folder whose name encodes no instance.
    #[error("the name of {} encodes no instance", path.display())]
    UnknownFolder {
        /// The folder.
        path: PathBuf,
    },
    /// The files are whole but cannot be read.
    #[error("the configuration in {} cannot be used: {reason}", path.display())]
    Uninterpretable {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        reason: Uninterpretable,
    },
}

/// All instances of a store.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) main: Configuration,
    pub(crate) federated: Vec<Configuration>,
    pub(crate) warnings: Vec<Warning>,
}

/// Name of an instance's folder: Java's form encoding (control-plane 1.8), blank as `+`.
#[must_use]
pub fn folder_name(instance: &str) -> String {
    let mut name = String::new();
    for byte in instance.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'*' | b'_' => {
                name.push(char::from(byte))
            }
            b' ' => name.push('+'),
            _ => name.push_str(&format!("%{byte:02X}")),
        }
    }
    name
}

pub(super) fn journal_name(instance: &str) -> String {
    format!(".chhatra-{}.journal", folder_name(instance))
}

pub(super) fn digests_name(folder: &str) -> String {
    format!(".chhatra-{folder}.digests")
}

/// Reads at most `bytes_max` bytes; `None` when there is no such file.
fn read_file(path: &Path, bytes_max: usize) -> Result<Option<Vec<u8>>, Refusal> {
    let unreadable = |error| Refusal::Unreadable { path: path.to_owned(), error };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > bytes_max {
        return Err(Refusal::TooLarge { path: path.to_owned(), bytes_max });
    }
    Ok(Some(bytes))
}

/// Loads everything; a federated instance that cannot be used is left out with a warning.
pub(crate) fn load(dir: &Path) -> Result<Loaded, Refusal> {
    fs::read_dir(dir).map_err(|error| Refusal::Unreadable { path: dir.to_owned(), error })?;
    let own = read_file(&dir.join("instance-identifier"), 1024)?.unwrap_or_default();
    let own = String::from_utf8(own).unwrap_or_default();
    let own = own.trim();
    if own.is_empty() {
        return Err(Refusal::MissingInstanceIdentifier);
    }
    let mut warnings = Vec::new();
    let own_folder = folder_name(own);
    let main = load_instance(dir, &own_folder, Some(own), &mut warnings)?
        .ok_or_else(|| Refusal::MissingInstance { instance: own.to_owned() })?;
    let mut federated = Vec::new();
    let folders = names_in(dir).into_iter().filter(|name| *name != own_folder && dir.join(name).is_dir());
    for folder in folders.take(INSTANCES_MAX) {
        match load_instance(dir, &folder, None, &mut warnings) {
            Ok(Some(configuration)) => federated.push(configuration),
            Ok(None) => {}
            Err(refusal) => {
                warnings.push(Warning::UnreadableInstance { folder, problem: refusal.to_string() })
            }
        }
    }
    for configuration in std::iter::once(&main).chain(&federated) {
        warnings.extend_from_slice(configuration.warnings());
    }
    Ok(Loaded { main, federated, warnings })
}

/// One instance. The journal and the files are read one after the other; if a writer passes between, they may
/// not fit, so try again before refusing.
fn load_instance(
    dir: &Path,
    folder: &str,
    instance: Option<&str>,
    warnings: &mut Vec<Warning>,
) -> Result<Option<Configuration>, Refusal> {
    let mut attempt = 1_u8;
    loop {
        match try_load_instance(dir, folder, instance) {
            Ok(found) => {
                let (configuration, warning) = found.unzip();
                warnings.extend(warning.flatten());
                return Ok(configuration);
            }
            Err(refusal) if attempt >= ATTEMPTS => return Err(refusal),
            Err(_) => attempt = attempt.saturating_add(1),
        }
    }
}

type Found = (Configuration, Option<Warning>);

fn try_load_instance(dir: &Path, folder: &str, instance: Option<&str>) -> Result<Option<Found>, Refusal> {
    let path = dir.join(folder);
    let mut damaged = false;
    let journal_path = dir.join(format!(".chhatra-{folder}.journal"));
    let journal = read_file(&journal_path, FILE_BYTES_MAX.saturating_mul(4))?;
    if let Some(journal) = journal {
        let on_disk = |name: &str| read_file(&path.join(name), FILE_BYTES_MAX).ok().flatten();
        match journal::read(&journal, on_disk).filter(|(found, _)| folder_name(found) == folder) {
            Some((found, files)) => {
                let configuration = interpret(&path, &found, files)?;
                return Ok(Some((configuration, Some(Warning::CompletedFromJournal { instance: found }))));
            }
            None => damaged = true,
        }
    }
    let digests = read_digests(dir, &path)?;
    let Some((instance, files)) = read_files(&path, instance, digests.as_ref())? else {
        return Ok(None);
    };
    if digests.is_none() {
        // A store that another program keeps has no digests; there the XML itself has to do. It has no journal either: whoever finds one,
        // or digests by now, has met our first write in such a store.
        if damaged {
            return Err(Refusal::DamagedJournal { path: journal_path });
        }
        if journal_path.exists() || dir.join(digests_name(folder)).exists() {
            return Err(Refusal::MixedGenerations { path });
        }
    }
    let configuration = interpret(&path, &instance, files)?;
    let warning = damaged.then_some(Warning::DamagedJournal { instance });
    Ok(Some((configuration, warning)))
}

fn interpret(
    path: &Path,
    instance: &str,
    files: BTreeMap<String, StoredFile>,
) -> Result<Configuration, Refusal> {
    Configuration::interpret(instance, files)
        .map_err(|reason| Refusal::Uninterpretable { path: path.to_owned(), reason })
}

type Files = (String, BTreeMap<String, StoredFile>);

/// The files of a folder with their metadata; `None` when the folder holds none.
fn read_files(
    folder: &Path,
    instance: Option<&str>,
    digests: Option<&Digests>,
) -> Result<Option<Files>, Refusal> {
    let mut files = BTreeMap::new();
    let names =
        names_in(folder).into_iter().filter(|name| !name.starts_with('.') && !folder.join(name).is_dir());
    for name in names.filter(|name| !name.ends_with(".metadata")) {
        let path = folder.join(&name);
        let Some(bytes) = read_file(&path, FILE_BYTES_MAX)? else {
            continue;
        };
        let metadata_path = folder.join(format!("{name}.metadata"));
        let unreadable = || Refusal::UnreadableMetadata { path: metadata_path.clone() };
        let metadata = read_file(&metadata_path, METADATA_BYTES_MAX)?.ok_or_else(unreadable)?;
        let metadata: Metadata = serde_json::from_slice(&metadata).map_err(|_| unreadable())?;
        let digest = digests.and_then(|digests| digests.files.get(&name));
        if digest.is_some_and(|digest| *digest != sha256(&bytes)) {
            return Err(Refusal::ContentMismatch { path });
        }
        files.insert(name, metadata.describe(bytes).ok_or_else(unreadable)?);
    }
    if files.is_empty() {
        return Ok(None);
    }
    let instance = match instance {
        Some(instance) => instance.to_owned(),
        None => {
            let name = folder.file_name().and_then(|name| name.to_str()).and_then(instance_of_folder);
            name.ok_or_else(|| Refusal::UnknownFolder { path: folder.to_owned() })?
        }
    };
    if digests.is_some_and(|digests| *digests != Digests::of(&instance, &files)) {
        return Err(Refusal::MixedGenerations { path: folder.to_owned() });
    }
    Ok(Some((instance, files)))
}

fn read_digests(dir: &Path, folder: &Path) -> Result<Option<Digests>, Refusal> {
    let Some(name) = folder.file_name().and_then(|name| name.to_str()) else { return Ok(None) };
    let path = dir.join(digests_name(name));
    let Some(bytes) = read_file(&path, DIGESTS_BYTES_MAX)? else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).map_err(|_| Refusal::UnreadableMetadata { path })
}

/// The instance whose folder this is: [`folder_name`] the other way round.
fn instance_of_folder(folder: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = folder.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_named_as_java_encodes_forms() {
        for (instance, folder) in [
            ("DEV", "DEV"),
            ("ee dev", "ee+dev"),
            ("a*-._/~", "a*-._%2F%7E"),
            ("កម្ពុជា/x", "%E1%9E%80%E1%9E%98%E1%9F%92%E1%9E%96%E1%9E%BB%E1%9E%87%E1%9E%B6%2Fx"),
        ] {
            assert_eq!(folder_name(instance), folder);
            assert_eq!(instance_of_folder(folder).as_deref(), Some(instance));
        }
    }

    #[test]
    fn a_folder_that_is_no_encoding_has_no_instance() {
        for folder in ["%", "%4", "%zz", "%ff"] {
            assert_eq!(instance_of_folder(folder), None, "{folder}");
        }
    }
}
