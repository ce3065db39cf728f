//! Files that only their owner may read, written so that a crash leaves the old content or the new one, never a part.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::error::StorageFailure;

const OWNER_ONLY_FILE: u32 = 0o600;
const OWNER_ONLY_DIRECTORY: u32 = 0o700;
const OTHERS: u32 = 0o077;

/// Suffix of a file being written. One that a crash left behind is worthless and is overwritten by the next write.
pub(crate) const UNFINISHED: &str = "unfinished";

/// Makes `dir` (and what leads to it) with mode 0700, durably; one that exists must have that mode already.
pub(crate) fn make_private_directory(dir: &Path) -> Result<(), StorageFailure> {
    let new: Vec<&Path> =
        dir.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists()).collect();
    DirBuilder::new()
        .recursive(true)
        .mode(OWNER_ONLY_DIRECTORY)
        .create(dir)
        .map_err(|e| StorageFailure::io("create", dir, &e))?;
    // Files in a directory that is itself not on the disk would be lost with it.
    for made in new {
        sync_directory_of(made)?;
    }
    check_directory(dir)
}

/// Refuses a directory that others than its owner may enter or write.
pub(crate) fn check_directory(dir: &Path) -> Result<(), StorageFailure> {
    let metadata = fs::metadata(dir).map_err(|e| StorageFailure::io("look at", dir, &e))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & OTHERS != 0 {
        return Err(StorageFailure::OpenToOthers { path: dir.to_path_buf(), mode, directory: true });
    }
    Ok(())
}

/// Reads a whole private file of at most `bytes_max` bytes; `None` when there is none.
pub(crate) fn read_private(
    path: &Path,
    bytes_max: u64,
) -> Result<Option<Zeroizing<Vec<u8>>>, StorageFailure> {
    let Some(file) = open_plain(path)? else {
        return Ok(None);
    };
    let metadata = file.metadata().map_err(|e| StorageFailure::io("look at", path, &e))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & OTHERS != 0 {
        return Err(StorageFailure::OpenToOthers { path: path.to_path_buf(), mode, directory: false });
    }
    read_bounded(file, path, bytes_max).map(Some)
}

/// Reads a whole file of someone else (any mode) of at most `bytes_max` bytes; `None` when there is none.
pub(crate) fn read_foreign(
    path: &Path,
    bytes_max: u64,
) -> Result<Option<Zeroizing<Vec<u8>>>, StorageFailure> {
    match open_plain(path)? {
        Some(file) => read_bounded(file, path, bytes_max).map(Some),
        None => Ok(None),
    }
}

fn open_plain(path: &Path) -> Result<Option<File>, StorageFailure> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => {}
        Ok(_) => {
            return Err(StorageFailure::NotAFile { path: path.to_path_buf() });
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(StorageFailure::io("look at", path, &e)),
    }
    File::open(path).map(Some).map_err(|e| StorageFailure::io("open", path, &e))
}

fn read_bounded(file: File, path: &Path, bytes_max: u64) -> Result<Zeroizing<Vec<u8>>, StorageFailure> {
    let length = file.metadata().map_err(|e| StorageFailure::io("look at", path, &e))?.len();
    if length > bytes_max {
        return Err(StorageFailure::TooLong { path: path.to_path_buf(), bytes_max });
    }
    // Room for all of it at once: a vector that grows leaves copies of a secret behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(length).unwrap_or(0)));
    let read = file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|e| StorageFailure::io("read", path, &e))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > bytes_max {
        return Err(StorageFailure::TooLong { path: path.to_path_buf(), bytes_max });
    }
    Ok(bytes)
}

/// Puts `bytes` at `path`, mode 0600, durable when this returns.
///
/// A crash before the rename leaves the old file and perhaps a `….unfinished` beside it; a crash after the rename
/// leaves the new file, or the old one when the directory had not reached the disk. Callers see to it that only one
/// of them writes a given path at a time.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), StorageFailure> {
    let unfinished = unfinished_path(path);
    remove_if_there(&unfinished)?;
    write_new(&unfinished, bytes).map_err(|e| StorageFailure::io("write", &unfinished, &e))?;
    fs::rename(&unfinished, path).map_err(|e| StorageFailure::io("put in place", path, &e))?;
    sync_directory_of(path)
}

/// Removes `path` durably; fine when it is not there.
pub(crate) fn remove(path: &Path) -> Result<(), StorageFailure> {
    remove_if_there(path)?;
    sync_directory_of(path)
}

fn unfinished_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(UNFINISHED);
    PathBuf::from(name)
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(OWNER_ONLY_FILE).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn remove_if_there(path: &Path) -> Result<(), StorageFailure> {
    match fs::remove_file(path) {
        Ok(()) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(StorageFailure::io("remove", path, &e)),
    }
}

fn sync_directory_of(path: &Path) -> Result<(), StorageFailure> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(dir).and_then(|d| d.sync_all()).map_err(|e| StorageFailure::io("flush", dir, &e))
}

/// Held while index and key files are changed or read together, so that two processes (a gateway and a command) neither
/// overwrite each other's change nor see half of it. The operating system lets go of it when the process ends, however
/// it ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits until nobody else changes or reads the keystore in `dir`.
    pub(crate) fn take(dir: &Path) -> Result<Self, StorageFailure> {
        let path = dir.join("keystore.lock");
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(OWNER_ONLY_FILE)
            .open(&path)
            .map_err(|e| StorageFailure::io("open", &path, &e))?;
        file.lock().map_err(|e| StorageFailure::io("lock", &path, &e))?;
        Ok(Self { _file: file })
    }
}
