//! The local store: X-Road's directory on disk, readable by its programs, and whole after a crash at any byte
//! (control-plane 1.8).
//!
//! ```text
//! DIR/instance-identifier                    code of the own instance
//! DIR/<encoded instance>/shared-params.xml   and shared-params.xml.metadata, and so on for every file
//! DIR/.chhatra-<encoded instance>.digests    of all these files and metadata, as they belong together
//! DIR/.chhatra-<encoded instance>.journal    only while a configuration is being replaced
//! ```
//!
//! By the digests a file that is cut, or files of two generations side by side, are noticed. They stand in a file of their own, since
//! X-Road's programs refuse metadata with members that they do not know.
//!
//! [`replace`] works in this order; every file is written to a temporary name, flushed, renamed, and the
//! folder is flushed:
//!
//! | step | a crash here leaves | and [`load`](crate::GlobalConf::load) then gives |
//! |---|---|---|
//! | 1 the journal's temporary file | the old generation, and a file that nobody reads | the old generation |
//! | 2 the journal gets its name | old files, and a journal with all that is new | the new generation, from the journal |
//! | 3 each changed XML file, then its metadata | old and new files mixed, and the journal | the new generation, from the journal |
//! | 4 files that are no longer listed are removed | new files, some old ones, and the journal | the new generation, from the journal |
//! | 5 the digests | all new files, and the journal | the new generation, from the journal |
//! | 6 `instance-identifier`, if it changes | all new files, the old or the new name | the old or the new instance |
//! | 7 the journal is removed | the new generation | the new generation |
//!
//! The first configuration of a store makes no exception: without `instance-identifier` there is nothing to
//! load, and it is downloaded again. If a disk loses more than a crash does (the journal itself is cut, or a
//! file that it relies on), the set is accepted only when its digests agree, and refused otherwise. It is
//! never guessed.
//!
//! One process writes; any number may read, also while it writes: a reader that meets a moving store tries
//! again.

mod digests;
mod journal;
mod metadata;
mod plan;
mod read;

#[cfg(test)]
mod tests;

use crate::configuration::VerifiedConfiguration;
use crate::download::Role;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

pub(crate) use read::load;
pub use read::{Refusal, folder_name};

/// The store could not be written; what is in it is still whole.
#[derive(Debug, thiserror::Error)]
#[error("cannot {act} {}: {error}", path.display())]
pub struct Failure {
    /// What was tried, as a verb.
    pub act: &'static str,
    /// On which file or folder.
    pub path: PathBuf,
    /// What the system said.
    #[source]
    pub error: io::Error,
}

/// Makes `configuration` the stored one of its instance; for the own instance also names it in
/// `instance-identifier`.
///
/// # Errors
/// [`Failure`]: the old or the new generation is in force, see the table above.
pub fn replace(dir: &Path, configuration: &VerifiedConfiguration) -> Result<(), Failure> {
    for step in plan::replace(dir, configuration.configuration(), configuration.role() == Role::Main) {
        step.run()?;
    }
    Ok(())
}

/// Removes the folders and journals of all instances but `instances`: a federation that has ended.
///
/// # Errors
/// [`Failure`]: some may be left; the own instance must be among `instances`.
pub fn retain(dir: &Path, instances: &[&str]) -> Result<(), Failure> {
    let kept: BTreeSet<String> = instances.iter().map(|instance| folder_name(instance)).collect();
    for step in plan::retain(dir, &kept) {
        step.run()?;
    }
    Ok(())
}
