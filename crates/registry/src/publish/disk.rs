//! The few acts on files that publishing needs, behind a seam so that tests can make each of them fail or be cut.

use crate::error::PublishFault;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;

/// A disk. Every act is complete when it returns; what `write` wrote is durable, a name is after `sync_folder`.
pub(crate) trait Disk {
    /// Makes a folder and those above it; one that is there is left as it is.
    fn make_folder(&self, path: &Path) -> Result<(), PublishFault>;
    /// Writes a whole file and flushes it to the disk.
    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), PublishFault>;
    /// Gives a file or folder another name, in one step; a file of that name gives way.
    fn rename(&self, from: &Path, to: &Path) -> Result<(), PublishFault>;
    /// Makes the names in a folder durable.
    fn sync_folder(&self, path: &Path) -> Result<(), PublishFault>;
    /// Removes a file; one that is not there is no fault.
    fn remove_file(&self, path: &Path) -> Result<(), PublishFault>;
    /// Removes a folder with what is in it; one that is not there is no fault.
    fn remove_folder(&self, path: &Path) -> Result<(), PublishFault>;
    /// The names in a folder; none when it is not there.
    fn list(&self, path: &Path) -> Result<Vec<String>, PublishFault>;
    /// A whole file, if it is there.
    fn read(&self, path: &Path) -> Result<Option<Vec<u8>>, PublishFault>;
}

/// Puts `bytes` in the place of a file in one step: written beside, flushed, renamed.
pub(crate) fn replace(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<(), PublishFault> {
    let temporary = super::temporary(path);
    disk.write(&temporary, bytes)?;
    disk.rename(&temporary, path)?;
    path.parent().map_or(Ok(()), |folder| disk.sync_folder(folder))
}

/// The disk of this machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LocalDisk;

fn unless_absent<T: Default>(done: io::Result<T>) -> io::Result<T> {
    match done {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(T::default()),
        other => other,
    }
}

impl Disk for LocalDisk {
    fn make_folder(&self, path: &Path) -> Result<(), PublishFault> {
        fs::create_dir_all(path).map_err(PublishFault::at("making the folder", path))
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), PublishFault> {
        let write = || {
            let mut file = File::create(path)?;
            file.write_all(bytes)?;
            file.sync_all()
        };
        write().map_err(PublishFault::at("writing", path))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), PublishFault> {
        fs::rename(from, to).map_err(PublishFault::at("putting in place", to))
    }

    fn sync_folder(&self, path: &Path) -> Result<(), PublishFault> {
        File::open(path)
            .and_then(|folder| folder.sync_all())
            .map_err(PublishFault::at("flushing the folder", path))
    }

    fn remove_file(&self, path: &Path) -> Result<(), PublishFault> {
        unless_absent(fs::remove_file(path)).map_err(PublishFault::at("removing", path))
    }

    fn remove_folder(&self, path: &Path) -> Result<(), PublishFault> {
        unless_absent(fs::remove_dir_all(path)).map_err(PublishFault::at("removing the folder", path))
    }

    fn list(&self, path: &Path) -> Result<Vec<String>, PublishFault> {
        let list = || {
            let mut names = Vec::new();
            for entry in fs::read_dir(path)? {
                names.push(entry?.file_name().to_string_lossy().into_owned());
            }
            Ok(names)
        };
        unless_absent(list()).map_err(PublishFault::at("listing", path))
    }

    fn read(&self, path: &Path) -> Result<Option<Vec<u8>>, PublishFault> {
        unless_absent(fs::read(path).map(Some)).map_err(PublishFault::at("reading", path))
    }
}
