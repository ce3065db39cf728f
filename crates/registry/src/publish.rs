//! A generation onto the disk, so that whoever asks finds a whole one at every moment, also after a crash.
//!
//! The order, and what a crash leaves behind each step:
//!
//! 1. `V<n>/.new-<stamp>/…` – the files of each version. A crash leaves folders that nobody asks for; the next run sweeps them.
//! 2. `V<n>/<stamp>` – each folder gets its name. A crash leaves folders that no directory names yet; they go when they are old.
//! 3. `V<n>/internalconf.tmp`, `externalconf.tmp` – the signed directories of all versions. A crash leaves them to be swept.
//! 4. `V<n>/internalconf`, `externalconf` – each directory takes its place by one rename. A crash in the middle leaves some versions at
//!    this generation and some at the one before: each is whole, signed and in date, and its files are there.
//! 5. Folders older than a configuration holds are removed. A crash leaves some for the next time.
//!
//! When a step *fails*, everything goes back: a generation is there for every version or for none.

mod disk;

use crate::error::PublishFault;
use crate::generate::{Contents, Generation};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::path::{Path, PathBuf};

pub(crate) use disk::{Disk, LocalDisk, replace};

/// Digits in the name of a generation.
const STAMP_DIGITS: usize = 23;
const NEW_PREFIX: &str = ".new-";
const TEMPORARY_SUFFIX: &str = ".tmp";
/// Folders of one version at most, should the clock keep them from growing old.
const GENERATIONS_MAX: usize = 1_000;

/// What was published, and what of the tidying did not succeed.
#[derive(Debug)]
pub(crate) struct Published {
    pub(crate) leftovers: Vec<PublishFault>,
}

/// A directory that took its place, and what had stood there.
type Swapped = (PathBuf, Option<Vec<u8>>);

/// Publishes a generation. On a fault the one before is published still.
pub(crate) fn publish(
    disk: &dyn Disk,
    public: &Path,
    generation: &Generation,
    keep_from: Timestamp,
) -> Result<Published, PublishFault> {
    for version in generation.versions.keys() {
        prepare(disk, &folder(public, *version))?;
    }
    let staged = stage(disk, public, generation);
    if staged.is_err() {
        withdraw(disk, public, generation);
    }
    staged?;
    let mut swapped = Vec::new();
    let outcome = swap(disk, public, generation, &mut swapped);
    if outcome.is_err() {
        put_back(disk, &swapped);
    }
    outcome?;
    let mut leftovers = Vec::new();
    for version in generation.versions.keys() {
        let removed = remove_old(disk, &folder(public, *version), &generation.stamp, keep_from);
        leftovers.extend(removed.err());
    }
    Ok(Published { leftovers })
}

/// The newest generation of which anything lies on the disk, published or not.
pub(crate) fn newest(
    disk: &dyn Disk,
    public: &Path,
    versions: &[u8],
) -> Result<Option<Timestamp>, PublishFault> {
    let mut newest = None;
    for version in versions {
        for name in disk.list(&folder(public, *version))? {
            newest = newest.max(time_of(name.strip_prefix(NEW_PREFIX).unwrap_or(&name)));
        }
    }
    Ok(newest)
}

/// Whether this is the name of a generation's folder.
pub(crate) fn is_stamp(name: &str) -> bool {
    name.len() == STAMP_DIGITS && name.bytes().all(|byte| byte.is_ascii_digit())
}

/// The folder of a version.
pub(crate) fn folder(public: &Path, version: u8) -> PathBuf {
    public.join(format!("V{version}"))
}

fn time_of(stamp: &str) -> Option<Timestamp> {
    if !is_stamp(stamp) {
        return None;
    }
    let (seconds, nanoseconds) = stamp.split_at_checked(14)?;
    let whole = DateTime::strptime("%Y%m%d%H%M%S", seconds).ok()?;
    let whole = whole.to_zoned(TimeZone::UTC).ok()?.timestamp();
    whole.checked_add(SignedDuration::from_nanos(nanoseconds.parse().ok()?)).ok()
}

fn prepare(disk: &dyn Disk, folder: &Path) -> Result<(), PublishFault> {
    disk.make_folder(folder)?;
    for name in disk.list(folder)? {
        let path = folder.join(&name);
        if name.starts_with(NEW_PREFIX) {
            disk.remove_folder(&path)?;
        } else if name.ends_with(TEMPORARY_SUFFIX) {
            disk.remove_file(&path)?;
        }
    }
    Ok(())
}

fn temporary(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(TEMPORARY_SUFFIX);
    PathBuf::from(name)
}

/// Steps 1 to 3: everything lies there durably, and nobody sees it yet.
fn stage(disk: &dyn Disk, public: &Path, generation: &Generation) -> Result<(), PublishFault> {
    for (version, contents) in &generation.versions {
        stage_version(disk, &folder(public, *version), &generation.stamp, contents)?;
    }
    Ok(())
}

fn stage_version(
    disk: &dyn Disk,
    folder: &Path,
    stamp: &str,
    contents: &Contents,
) -> Result<(), PublishFault> {
    let new = folder.join(format!("{NEW_PREFIX}{stamp}"));
    disk.make_folder(&new)?;
    for (name, bytes) in &contents.files {
        disk.write(&new.join(name), bytes)?;
    }
    disk.sync_folder(&new)?;
    disk.rename(&new, &folder.join(stamp))?;
    for (source, document) in &contents.directories {
        disk.write(&temporary(&folder.join(source.directory())), document)?;
    }
    disk.sync_folder(folder)
}

/// Step 4.
fn swap(
    disk: &dyn Disk,
    public: &Path,
    generation: &Generation,
    swapped: &mut Vec<Swapped>,
) -> Result<(), PublishFault> {
    for (version, contents) in &generation.versions {
        let folder = folder(public, *version);
        for (source, _) in &contents.directories {
            let path = folder.join(source.directory());
            let before = disk.read(&path)?;
            disk.rename(&temporary(&path), &path)?;
            swapped.push((path, before));
        }
        disk.sync_folder(&folder)?;
    }
    Ok(())
}

/// After a fault in steps 1 to 3. What cannot be removed now is swept or grows old.
fn withdraw(disk: &dyn Disk, public: &Path, generation: &Generation) {
    for version in generation.versions.keys() {
        let folder = folder(public, *version);
        // A disk that refuses may refuse this too; nobody asks for these folders in any case.
        let _ = disk.remove_folder(&folder.join(format!("{NEW_PREFIX}{}", generation.stamp)));
        let _ = disk.remove_folder(&folder.join(&generation.stamp));
    }
}

/// After a fault in step 4: the directories of the generation before. The new files stay, they harm nobody.
fn put_back(disk: &dyn Disk, swapped: &[Swapped]) {
    for (path, before) in swapped.iter().rev() {
        let done = match before {
            Some(bytes) => replace(disk, path, bytes),
            None => disk.remove_file(path),
        };
        if let Err(fault) = done {
            tracing::error!("a version stays at a generation that was not completed: {fault}");
        }
    }
}

/// Step 5.
fn remove_old(
    disk: &dyn Disk,
    folder: &Path,
    current: &str,
    keep_from: Timestamp,
) -> Result<(), PublishFault> {
    let mut stamps: Vec<String> = disk.list(folder)?.into_iter().filter(|name| is_stamp(name)).collect();
    stamps.sort_unstable();
    let surplus = stamps.len().saturating_sub(GENERATIONS_MAX);
    for (at, stamp) in stamps.iter().enumerate() {
        let old = time_of(stamp).is_none_or(|made| made < keep_from);
        if stamp != current && (old || at < surplus) {
            disk.remove_folder(&folder.join(stamp))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
