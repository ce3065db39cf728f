//! The files of a configuration as they come: each is held to its digest before the next is asked for (control-plane 1.3.3 steps
//! 6 and 7).

use super::check::{CheckedDirectory, Refusal};
use crate::configuration::{Configuration, StoredFile, VerifiedConfiguration};
use crate::directory::ListedFile;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Largest file of a configuration, in bytes.
pub const FILE_BYTES_MAX: usize = 64 << 20;
/// Most bytes that all files of a configuration have together.
pub const CONFIGURATION_BYTES_MAX: usize = 128 << 20;

/// A file that the caller has to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchFile {
    /// Where.
    pub url: String,
    /// Its name in the configuration.
    pub file_name: String,
    /// Stop reading beyond this many bytes.
    pub bytes_max: usize,
}

/// A download in progress: what is verified so far, and what is missing.
///
/// Ask [`Fetching::next`], fetch, give [`Fetching::take`] the bytes, until nothing is missing; then [`Fetching::assemble`]. After a
/// refusal nothing of this location is to be used.
#[derive(Debug)]
pub struct Fetching {
    checked: CheckedDirectory,
    verified: BTreeMap<String, Arc<[u8]>>,
    bytes_left: usize,
}

impl Fetching {
    /// Begins with the files that are held with the digest that the directory demands.
    pub(super) fn new(checked: CheckedDirectory, held: Option<&Configuration>) -> Self {
        let mut fetching = Self { checked, verified: BTreeMap::new(), bytes_left: CONFIGURATION_BYTES_MAX };
        for (listed, _) in &fetching.checked.wanted {
            if let Some(bytes) = held_bytes(listed, held) {
                fetching.bytes_left = fetching.bytes_left.saturating_sub(bytes.len());
                fetching.verified.insert(listed.file_name().to_owned(), bytes);
            }
        }
        fetching
    }

    /// What to fetch now; `None` when nothing is missing.
    #[must_use]
    pub fn next(&self) -> Option<FetchFile> {
        let (listed, url) = self.missing()?;
        Some(FetchFile {
            url: url.clone(),
            file_name: listed.file_name().to_owned(),
            bytes_max: self.bytes_max(),
        })
    }

    /// Takes the bytes of the file that [`Self::next`] names, if they are those that the directory speaks of.
    ///
    /// # Errors
    /// [`Refusal`]; the file is still missing then.
    pub fn take(&mut self, bytes: Vec<u8>) -> Result<(), Refusal> {
        let Some((listed, _)) = self.missing() else {
            return Ok(());
        };
        let (file, bytes_max) = (listed.file_name().to_owned(), self.bytes_max());
        if bytes.len() > bytes_max {
            return Err(Refusal::TooLarge { file, bytes: bytes.len(), bytes_max });
        }
        if !listed.is(&bytes) {
            return Err(Refusal::DigestMismatch { file });
        }
        self.bytes_left = self.bytes_left.saturating_sub(bytes.len());
        self.verified.insert(file, Arc::from(bytes));
        Ok(())
    }

    /// Reads what the files have to say.
    ///
    /// # Errors
    /// [`Refusal`]: a file is missing, does not follow its schema, or speaks of another instance.
    pub fn assemble(mut self) -> Result<VerifiedConfiguration, Refusal> {
        let CheckedDirectory { directory, wanted, source } = self.checked;
        let mut files = BTreeMap::new();
        for (listed, _) in &wanted {
            let file = listed.file_name().to_owned();
            let Some(bytes) = self.verified.remove(&file) else {
                return Err(Refusal::NotFetched { file });
            };
            let stored = StoredFile {
                identifier: Some(listed.identifier().to_owned()),
                instance: listed.instance().map(str::to_owned).or_else(|| Some(source.instance.clone())),
                expires: Some(directory.expires()),
                location: Some(listed.location().to_owned()),
                version: directory.version(),
                bytes,
            };
            files.insert(file, stored);
        }
        let configuration = Configuration::interpret(&source.instance, files)?;
        Ok(VerifiedConfiguration::new(configuration, source.role))
    }

    fn missing(&self) -> Option<&(ListedFile, String)> {
        self.checked.wanted.iter().find(|(listed, _)| !self.verified.contains_key(listed.file_name()))
    }

    fn bytes_max(&self) -> usize {
        self.bytes_left.min(FILE_BYTES_MAX)
    }
}

fn held_bytes(listed: &ListedFile, held: Option<&Configuration>) -> Option<Arc<[u8]>> {
    let file = held?.file(listed.file_name())?;
    listed.is(&file.bytes).then(|| Arc::clone(&file.bytes))
}
