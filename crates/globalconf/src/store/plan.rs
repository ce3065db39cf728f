//! What a write does, as a list of steps, so that a test can stop after each of them and inside each of them.

use super::Failure;
use super::digests::Digests;
use super::journal;
use super::metadata::Metadata;
use super::read::{digests_name, folder_name, journal_name};
use crate::configuration::{Configuration, StoredFile};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// One act on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    MakeFolder(PathBuf),
    /// Write a whole file and flush it to the disk; nobody reads it under this name.
    WriteTemporary(PathBuf, Vec<u8>),
    Rename(PathBuf, PathBuf),
    /// Make renames and removals in this folder last.
    FlushFolder(PathBuf),
    RemoveFile(PathBuf),
    RemoveFolder(PathBuf),
}

impl Step {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let (act, path, result) = match self {
            Self::MakeFolder(path) => ("make the folder", path, fs::create_dir_all(path)),
            Self::WriteTemporary(path, bytes) => ("write", path, write_and_flush(path, bytes)),
            Self::Rename(from, to) => ("rename to", to, fs::rename(from, to)),
            Self::FlushFolder(path) => {
                ("flush the folder", path, File::open(path).and_then(|folder| folder.sync_all()))
            }
            Self::RemoveFile(path) => ("remove", path, ignore_missing(fs::remove_file(path))),
            Self::RemoveFolder(path) => ("remove the folder", path, ignore_missing(fs::remove_dir_all(path))),
        };
        result.map_err(|error| Failure { act, path: path.clone(), error })
    }
}

fn write_and_flush(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn ignore_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Temporary file, name, and the folder made to last: a crash leaves the old content or the new one under
/// `name`.
fn put(steps: &mut Vec<Step>, folder: &Path, name: &str, bytes: Vec<u8>) {
    let temporary = folder.join(format!(".{name}.tmp"));
    steps.push(Step::WriteTemporary(temporary.clone(), bytes));
    steps.push(Step::Rename(temporary, folder.join(name)));
    steps.push(Step::FlushFolder(folder.to_owned()));
}

fn is_on_disk(folder: &Path, name: &str, file: &StoredFile) -> bool {
    fs::read(folder.join(name)).is_ok_and(|bytes| bytes == *file.bytes)
}

/// The steps of [`super::replace`]; the table there says what a crash after each leaves.
pub(super) fn replace(dir: &Path, configuration: &Configuration, is_main: bool) -> Vec<Step> {
    let folder = dir.join(folder_name(configuration.instance()));
    let journal_name = journal_name(configuration.instance());
    let files: BTreeMap<String, StoredFile> =
        configuration.files().map(|(name, file)| (name.to_owned(), file.clone())).collect();
    let mut steps = vec![Step::MakeFolder(folder.clone()), Step::FlushFolder(dir.to_owned())];
    put(
        &mut steps,
        dir,
        &journal_name,
        journal::write(configuration, |name, file| is_on_disk(&folder, name, file)),
    );
    for (name, file) in &files {
        // XML before metadata, as X-Road does it; only what differs, since X-Road looks at the times of
        // files.
        if !is_on_disk(&folder, name, file) {
            put(&mut steps, &folder, name, file.bytes.to_vec());
        }
        let metadata = Metadata::of(file).to_bytes();
        put(&mut steps, &folder, &format!("{name}.metadata"), metadata);
    }
    let kept: BTreeSet<String> =
        files.keys().flat_map(|name| [name.clone(), format!("{name}.metadata")]).collect();
    let gone: Vec<String> = names_in(&folder)
        .into_iter()
        .filter(|name| !kept.contains(name) && !folder.join(name).is_dir())
        .collect();
    if !gone.is_empty() {
        steps.extend(gone.iter().map(|name| Step::RemoveFile(folder.join(name))));
        steps.push(Step::FlushFolder(folder));
    }
    let digests = Digests::of(configuration.instance(), &files).to_bytes();
    put(&mut steps, dir, &digests_name(&folder_name(configuration.instance())), digests);
    if is_main
        && fs::read(dir.join("instance-identifier")).ok().as_deref()
            != Some(configuration.instance().as_bytes())
    {
        put(&mut steps, dir, "instance-identifier", configuration.instance().as_bytes().to_vec());
    }
    steps.push(Step::RemoveFile(dir.join(journal_name)));
    steps.push(Step::FlushFolder(dir.to_owned()));
    steps
}

/// The steps of [`super::retain`]: a journal goes before its folder, so that nothing comes back from it, and the digests behind it, so
/// that what is left of a folder is not taken for a whole one.
pub(super) fn retain(dir: &Path, kept: &BTreeSet<String>) -> Vec<Step> {
    let mut journals = Vec::new();
    let mut folders = Vec::new();
    let mut digests = Vec::new();
    for name in names_in(dir) {
        let path = dir.join(&name);
        let own = name.strip_prefix(".chhatra-").and_then(|rest| rest.rsplit_once('.'));
        match own {
            Some((instance, _)) if kept.contains(instance) => {}
            Some((_, "journal")) => journals.push(Step::RemoveFile(path)),
            Some((_, "digests")) => digests.push(Step::RemoveFile(path)),
            Some(_) => {}
            None if path.is_dir() && !kept.contains(&name) => folders.push(Step::RemoveFolder(path)),
            None => {}
        }
    }
    if !journals.is_empty() {
        journals.push(Step::FlushFolder(dir.to_owned()));
    }
    if !folders.is_empty() {
        folders.push(Step::FlushFolder(dir.to_owned()));
    }
    if !digests.is_empty() {
        digests.push(Step::FlushFolder(dir.to_owned()));
    }
    journals.append(&mut folders);
    journals.append(&mut digests);
    journals
}

/// Names in a folder, sorted; those that are no UTF-8 are not ours.
pub(super) fn names_in(folder: &Path) -> Vec<String> {
    let entries =
        fs::read_dir(folder).map(|entries| entries.flatten().collect::<Vec<_>>()).unwrap_or_default();
    let mut names: Vec<String> =
        entries.into_iter().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
}
