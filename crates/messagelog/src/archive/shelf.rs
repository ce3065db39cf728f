//! What an archive asks of the file system, one durable step at a time. Tests put a double in its place that fails where they want.

use std::fmt::Debug;
use std::fs::File;
use std::io::Result;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::ArchiveFailure;
use crate::lock::lock;
use crate::log::opening::make;

/// Its holder is the one who archives into the directory.
pub(super) const LOCK: &str = "archive.lock";

/// The steps.
pub(super) trait Shelf: Debug + Send + Sync {
    /// Makes the directory if it is missing, durably, and locks it for as long as the file is held.
    fn enter(&self, directory: &Path) -> std::result::Result<File, ArchiveFailure> {
        make(directory).map_err(|error| failed(directory, "made", &error))?;
        let path = directory.join(LOCK);
        let locked = lock(&path).map_err(|error| failed(&path, "locked", &error))?;
        locked.ok_or(ArchiveFailure::InUse { path })
    }

    /// Makes a file, or empties one that a crash has left.
    fn create(&self, path: &Path) -> Result<File> {
        File::options().create(true).write(true).truncate(true).mode(0o600).open(path)
    }

    /// Makes a file that loses its name before anything is written to it: whatever happens, nobody finds it. A crash between the two steps
    /// leaves an empty file, and the next one takes its place.
    fn scratch(&self, path: &Path) -> Result<File> {
        path.parent().map_or(Ok(()), make)?;
        let mut options = File::options();
        let file = options.create(true).read(true).write(true).truncate(true).mode(0o600).open(path)?;
        std::fs::remove_file(path)?;
        Ok(file)
    }

    /// Brings a file to the disk.
    fn flush(&self, file: &File) -> Result<()> {
        file.sync_all()
    }

    /// Opens a file that is on the disk, so that it is read from there and not from memory, as far as the system does as it is asked.
    fn reopen(&self, path: &Path) -> Result<File> {
        let file = File::open(path)?;
        let _advised = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed);
        Ok(file)
    }

    /// Gives a file its name.
    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        std::fs::rename(from, to)
    }

    /// Brings the names in a directory to the disk.
    fn flush_directory(&self, directory: &Path) -> Result<()> {
        File::open(directory)?.sync_all()
    }
}

/// The file system.
#[derive(Debug)]
pub(super) struct Directory;

impl Shelf for Directory {}

pub(super) fn failed(path: &Path, act: &'static str, error: &std::io::Error) -> ArchiveFailure {
    ArchiveFailure::File { path: path.to_owned(), act, reason: error.to_string() }
}
