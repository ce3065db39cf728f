//! Archives: what is time-stamped leaves the log in files that are linked to one another (data-plane 7.7), and is deleted here later.
//!
//! A round goes through the groups, file by file. A file is written beside, flushed, read back and verified, renamed, and its place is
//! flushed; only then the log notes that its records are archived, and only such records are ever deleted. A crash anywhere leaves
//! records that are archived twice at worst, and then the older file is not linked to by the next one.
//!
//! Where the operator gave keys, an archive is sealed with OpenPGP before it gets a name, and never lies in the directory as it is. Records
//! of a group whose key has ended stay in the log.

mod build;
mod few;
mod sealing;
mod shelf;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use openpgp::KeyFault;
use signature::archive::Refusal;
use thiserror::Error;

use crate::error::{Failure, ReadFailure, StoreFault};
use crate::log::MessageLog;
use crate::reader::Reader;
use crate::record::RecordId;
use crate::store::Keeping;
use crate::store::archive::Deletable;
use build::{Built, Position, Task};
pub use few::Few;
pub use sealing::Sealing;
use shelf::{Directory, LOCK, Shelf};

/// Records that are looked at, and deleted in one group of the writer, so that messages wait for few.
const DELETED_AT_ONCE: usize = 500;

/// How the log is archived. [`Archiving::new`] has X-Road's defaults.
#[derive(Clone, Debug)]
pub struct Archiving {
    /// Where archives are put; it is made when it is missing. One log only archives there.
    pub directory: PathBuf,
    /// `archive-grouping`: whose records stand in one archive together.
    pub grouping: Grouping,
    /// `archive-max-filesize`: an archive ends with the container that brings it above this.
    pub file_bytes_max: u64,
    /// `keep-records-for`: how long records stay here at least; `None`: for ever.
    pub keep: Option<Duration>,
    /// Whose keys archives are sealed with; `None`: they are written open.
    pub sealing: Option<Arc<Sealing>>,
}

/// Whose records stand in one archive together; each group has a chain of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Grouping {
    /// Everybody's.
    #[default]
    None,
    /// A member's, with all its subsystems.
    Member,
    /// A subsystem's.
    Subsystem,
}

impl Archiving {
    /// X-Road's defaults.
    #[must_use]
    pub fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            grouping: Grouping::None,
            file_bytes_max: 33_554_432,
            keep: Some(Duration::from_secs(30 * 86_400)),
            sealing: None,
        }
    }
}

/// What a round has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArchiveRound {
    /// The archives that were made, in the order of their chains.
    pub archives: Vec<PathBuf>,
    /// How many records they hold.
    pub records: u64,
    /// Records that could not be rebuilt, and why. They are tried again in each round and never deleted.
    pub withheld: Few<ReadFailure>,
    /// Records that are archived without a body, since it is not the one that was signed. Bodies may be cut by the settings, and X-Road's
    /// layout does not tell one that was cut from one that is damaged.
    pub left_out: Few<RecordId>,
    /// Groups whose records stay in the log since their archives cannot be sealed now, in words. They are tried again in each round.
    pub unsealed: Vec<String>,
    /// How many records were deleted because they are old and archived.
    pub deleted: u64,
}

/// An archive that nobody has taken away yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Untaken {
    id: i64,
    /// Where it was put.
    pub path: PathBuf,
    /// How long it was when it was made and read back.
    pub bytes: u64,
}

impl Untaken {
    /// Whether it is as long as it was made: one that was cut since must not be handed over, for then it is deleted here.
    ///
    /// # Errors
    /// What the file system says.
    pub fn is_whole(&self) -> std::io::Result<bool> {
        Ok(std::fs::metadata(&self.path)?.len() == self.bytes)
    }

    /// The file that says, wherever the archive is now, that it has been taken away: beside it, or what it was renamed to.
    #[must_use]
    pub fn mark(&self) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(".taken");
        name.into()
    }

    /// Marks it as taken away, durably: a crash from here on leaves the mark, and the archive is not handed over once more.
    ///
    /// # Errors
    /// What the file system says.
    pub fn set_mark(&self) -> std::io::Result<()> {
        let mark = self.mark();
        match std::fs::rename(&self.path, &mark) {
            // Whoever took it did not leave it here.
            Err(error) if error.kind() == ErrorKind::NotFound => drop(File::create(&mark)?),
            done => done?,
        }
        File::open(self.path.parent().unwrap_or(Path::new(".")))?.sync_all()
    }
}

/// Why a round could not be finished. What it made before stands.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ArchiveFailure {
    /// Another log archives into the same directory at this moment.
    #[error("{path} is in use: two logs cannot archive into one directory")]
    InUse {
        /// The lock file.
        path: PathBuf,
    },
    /// There are archives, and none was ever put here.
    #[error(
        "no archive was ever put into {directory}, and this log has made some: is a file system not mounted? If the directory was \
         changed, make an empty file {LOCK} in the new one"
    )]
    OtherDirectory {
        /// The directory that was configured.
        directory: PathBuf,
    },
    /// A file or its directory.
    #[error("{path} cannot be {act}: {reason}")]
    File {
        /// Which one.
        path: PathBuf,
        /// What could not be done to it.
        act: &'static str,
        /// The operating system's words.
        reason: String,
    },
    /// The archive was written, and what is read there is something else. Nothing of it counts as archived.
    #[error("{path} was written and does not read back as it was written; is the disk failing? {refusal}")]
    NotAsWritten {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        refusal: Refusal,
    },
    /// The sealed archive was written, and what is read there is something else. Nothing of it counts as archived.
    #[error("{path} was sealed and does not read back as it was written; is the disk failing?")]
    NotAsSealed {
        /// The file.
        path: PathBuf,
    },
    /// An archive cannot be sealed now, and is not written open instead. Only the group is left out that it is about.
    #[error("not archived, and kept: records of {group}, since their archive cannot be sealed: {why}")]
    NotSealable {
        /// Whose records.
        group: String,
        /// Which key, and why.
        why: KeyFault,
    },
    /// The log could not be read.
    #[error(transparent)]
    Read(#[from] ReadFailure),
    /// The log could not be written.
    #[error(transparent)]
    Log(#[from] Failure),
}

/// Archives one log. There is one per log; what it knows stands in the log.
#[derive(Debug)]
pub struct Archivist {
    log: MessageLog,
    settings: Archiving,
    shelf: Arc<dyn Shelf>,
}

impl Archivist {
    /// Archives this log so.
    #[must_use]
    pub fn new(log: MessageLog, settings: Archiving) -> Self {
        Self { log, settings, shelf: Arc::new(Directory) }
    }

    /// Archives everything that has a time-stamp now and is not archived, then deletes what is archived and older than records are kept.
    /// `go_on` is asked before each archive and each deletion; what was begun is finished, so that nobody has to break it off.
    ///
    /// # Errors
    /// An [`ArchiveFailure`]; the next round goes on where this one stopped.
    pub async fn round(
        &self,
        now: Timestamp,
        go_on: impl Fn() -> bool,
    ) -> Result<ArchiveRound, ArchiveFailure> {
        let mut done = ArchiveRound::default();
        let (shelf, directory) = (Arc::clone(&self.shelf), self.settings.directory.clone());
        let entered = self.blocking(move |reader| {
            // Where a file system is not mounted, archives would lie beneath it later, and those on it be looked for in vain.
            if reader.tables().any_archive()? && !directory.join(LOCK).exists() {
                return Err(ArchiveFailure::OtherDirectory { directory });
            }
            shelf.enter(&directory)
        });
        let lock = Arc::new(entered.await?);
        let (grouping, through) = (self.settings.grouping, RecordId(self.log.stamped_through()));
        let groups = self.blocking(move |reader| Ok(build::groups(reader, grouping)?)).await?;
        for group in groups {
            let mut from = Position::START;
            while go_on() {
                let (settings, cuts) = (self.settings.clone(), self.log.settings().bodies.cuts());
                let task = Task { group: group.clone(), from, through, settings, now, cuts };
                // Whatever becomes of whoever waits here, the lock is held as long as the file is written.
                let (shelf, held) = (Arc::clone(&self.shelf), Arc::clone(&lock));
                let made = self.blocking(move |reader| {
                    let made = build::build(reader, &task, shelf.as_ref());
                    drop(held);
                    made
                });
                let made = match made.await {
                    Err(left @ ArchiveFailure::NotSealable { .. }) => {
                        done.unsealed.push(left.to_string());
                        break;
                    }
                    made => made?,
                };
                from = made.until;
                done.withheld.extend(made.withheld);
                let Some(Built { path, archive }) = made.archive else { break };
                let records = archive.containers;
                // A crash before this is durable leaves a whole archive of records that count as not archived: the next round archives
                // them once more, in a file that follows the same one as this.
                self.log.keep(Keeping::Archive(Box::new(archive))).await?;
                done.archives.push(path);
                done.left_out.extend(made.left_out);
                done.records = done.records.saturating_add(records);
            }
        }
        done.deleted = self.delete_old(now, go_on).await?;
        Ok(done)
    }

    /// Deletes in small groups; a crash between two leaves the others for the next round.
    async fn delete_old(&self, now: Timestamp, go_on: impl Fn() -> bool) -> Result<u64, ArchiveFailure> {
        let keep = self.settings.keep.map(SignedDuration::try_from);
        let Some(Ok(keep)) = keep else { return Ok(0) };
        let Ok(before) = now.checked_sub(keep) else { return Ok(0) };
        let (mut deleted, mut after) = (0_u64, Some(RecordId(0)));
        while let Some(from) = after.filter(|_| go_on()) {
            // Found beside the writer, which only looks whether it still holds.
            let find = move |reader: &Reader| Ok(reader.tables().deletable(before, from, DELETED_AT_ONCE)?);
            let Deletable { records, next } = self.blocking(find).await?;
            after = next;
            if records.is_empty() {
                continue;
            }
            match self.log.keep(Keeping::Delete { before, records }).await? {
                0 => break,
                more => deleted = deleted.saturating_add(more),
            }
        }
        Ok(deleted)
    }

    /// The archives that nobody has taken away yet, oldest first.
    ///
    /// # Errors
    /// The log could not be read.
    pub async fn untaken(&self) -> Result<Vec<Untaken>, ArchiveFailure> {
        let found = self.blocking(|reader| Ok(reader.tables().untaken()?)).await?;
        let at = |(id, name, bytes): (i64, String, u64)| Untaken {
            id,
            path: self.settings.directory.join(name),
            bytes,
        };
        Ok(found.into_iter().map(at).collect())
    }

    /// Notes that an archive has been taken away.
    ///
    /// # Errors
    /// The log could not be written.
    pub async fn taken(&self, archive: &Untaken) -> Result<(), ArchiveFailure> {
        self.log.keep(Keeping::Taken(archive.id)).await?;
        Ok(())
    }

    async fn blocking<T, F>(&self, act: F) -> Result<T, ArchiveFailure>
    where
        T: Send + 'static,
        F: FnOnce(&Reader) -> Result<T, ArchiveFailure> + Send + 'static,
    {
        self.log.read(move |reader| Ok(act(reader))).await?
    }
}

impl From<StoreFault> for ArchiveFailure {
    fn from(fault: StoreFault) -> Self {
        Self::Read(fault.into())
    }
}
