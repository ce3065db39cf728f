//! The log as the gateway holds it: open, record, read, close.

use std::fs::{DirBuilder, File, TryLockError};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clock::Clock;
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};

use crate::error::{Failure, OpenFailure, ReadFailure, StoreFault};
use crate::prepare::Prepared;
use crate::reader::Reader;
use crate::record::{NewRecord, RecordId};
use crate::settings::Settings;
use crate::store::append::Sqlite;
use crate::store::{NewStamp, Store, figures, schema};
use crate::writer::{self, Gauges, Job};

/// Name of the lock file: its holder is the one writer.
const LOCK: &str = "messagelog.lock";
/// Newest records that are rebuilt when the log is opened.
const REBUILT_AT_OPEN: usize = 16;

/// The message log. Clones are the same log; it ends with [`MessageLog::close`].
#[derive(Clone, Debug)]
pub struct MessageLog {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    directory: PathBuf,
    settings: Settings,
    clock: Clock,
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    gauges: Arc<Gauges>,
    ended: watch::Receiver<Option<Result<(), StoreFault>>>,
    idle: Mutex<Option<Reader>>,
}

/// How the log fares, without asking the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// The storage's first fault: nothing is recorded any more until the log is opened anew.
    pub broken: Option<StoreFault>,
    /// Since when time-stamping fails.
    pub stamping_failing_since: Option<Timestamp>,
    /// Whether a time-stamping service is known.
    pub stamping_provided: bool,
    /// Last record.
    pub last: RecordId,
    /// Records without a time-stamp.
    pub unstamped: u64,
    /// Groups made durable since the log was opened.
    pub groups: u64,
}

impl MessageLog {
    /// Opens the log in a directory, which is made when it is missing, and starts the writer. Blocks: it waits for the
    /// disk and reads the whole database once (`quick_check`; above 8 GiB only the newest records).
    ///
    /// A log that ended in a crash recovers here by the normal path: SQLite replays the write-ahead log up to the last
    /// complete group.
    ///
    /// # Errors
    /// A second writer, damage, a newer schema, or what the disk said.
    pub fn open(directory: &Path, settings: Settings, clock: Clock) -> Result<Self, OpenFailure> {
        let unusable = |error: std::io::Error| OpenFailure::Directory {
            path: directory.to_owned(),
            reason: error.to_string(),
        };
        DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(unusable)?;
        let lock = lock(directory)?;
        let connection = schema::open_for_writing(directory)?;
        check_newest(directory)?;
        let (last, stamped) = figures::ends(&connection)?;
        let store = Box::new(Sqlite::new(connection)?);
        Self::start(directory, settings, clock, store, Gauges::new(last, stamped), Some(lock))
            .map_err(unusable)
    }

    /// Starts the writer over a storage. The lock is held as long as the writer lives.
    pub(crate) fn start(
        directory: &Path,
        settings: Settings,
        clock: Clock,
        store: Box<dyn Store>,
        gauges: Gauges,
        lock: Option<File>,
    ) -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::channel(settings.queue_max.max(1));
        let (ended_sender, ended) = watch::channel(None);
        let gauges = Arc::new(gauges);
        let (shared, time) = (Arc::clone(&gauges), clock.clone());
        std::thread::Builder::new().name("messagelog".to_owned()).spawn(move || {
            let end = writer::run(store, receiver, &shared, &time);
            drop(lock);
            let _unheard = ended_sender.send(Some(end));
        })?;
        let (jobs, idle) = (Mutex::new(Some(sender)), Mutex::new(None));
        let inner = Inner { directory: directory.to_owned(), settings, clock, jobs, gauges, ended, idle };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Says whether the gateway knows a time-stamping service. Until this has been called with `true`, nothing is
    /// recorded (data-plane 7.3).
    pub fn provide_time_stamping(&self, provided: bool) {
        self.inner.gauges.provided.store(provided, Ordering::Release);
    }

    /// Whether a record would be taken now, as far as that is known without writing.
    ///
    /// # Errors
    /// Why not: the storage, the time-stamping services (data-plane 7.3), or the log is closed.
    pub fn admits(&self) -> Result<(), Failure> {
        let gauges = &self.inner.gauges;
        if let Some(fault) = gauges.broken.get() {
            return Err(Failure::Storage(fault.clone()));
        }
        if held(&self.inner.jobs).is_none() {
            return Err(Failure::Closed);
        }
        if !gauges.provided.load(Ordering::Acquire) {
            return Err(Failure::NoTimestampingProvider);
        }
        let allowed_seconds = self.inner.settings.time_stamping.failure_accepted.as_secs();
        let Some(since) = gauges.failing_since().filter(|_| allowed_seconds > 0) else {
            return Ok(());
        };
        let now = self.inner.clock.now();
        let failing = now.duration_since(since).as_secs();
        if failing > i64::try_from(allowed_seconds).unwrap_or(i64::MAX) {
            return Err(Failure::TimestampingFailedTooLong { since, now, allowed_seconds });
        }
        Ok(())
    }

    /// Puts a message on record. Answers when it is durable; waits while the queue is full.
    ///
    /// If the caller goes away while it waits, the record may be made all the same.
    ///
    /// # Errors
    /// A [`Failure`]; then the message must not be sent or delivered.
    pub async fn record(&self, record: NewRecord) -> Result<RecordId, Failure> {
        self.admits()?;
        let prepared = Box::new(Prepared::new(record, &self.inner.settings.bodies)?);
        self.submit(|answer| Job::Record(prepared, answer)).await
    }

    pub(crate) async fn put_stamp(&self, stamp: NewStamp) -> Result<RecordId, Failure> {
        self.submit(|answer| Job::Stamp(Box::new(stamp), answer)).await
    }

    async fn submit(&self, job: impl FnOnce(writer::Answer) -> Job) -> Result<RecordId, Failure> {
        let sender = held(&self.inner.jobs).clone().ok_or(Failure::Closed)?;
        let (answer, verdict) = oneshot::channel();
        let gone = || Failure::Storage(StoreFault::Other("the writer has ended".to_owned()));
        sender.send(job(answer)).await.map_err(|_| gone())?;
        drop(sender);
        verdict.await.map_err(|_| gone())?
    }

    /// Takes nothing more, waits until everything taken is durable, and closes the files.
    ///
    /// # Errors
    /// What the storage said, now or when it broke.
    pub async fn close(&self) -> Result<(), StoreFault> {
        drop(held(&self.inner.jobs).take());
        drop(held(&self.inner.idle).take());
        let mut ended = self.inner.ended.clone();
        let gone = || StoreFault::Other("the writer has ended".to_owned());
        match ended.wait_for(Option::is_some).await {
            Ok(end) => end.clone().unwrap_or_else(|| Err(gone())),
            Err(_) => Err(gone()),
        }
    }

    /// How the log fares.
    #[must_use]
    pub fn health(&self) -> Health {
        let gauges = &self.inner.gauges;
        let last = gauges.last.load(Ordering::Acquire);
        Health {
            broken: gauges.broken.get().cloned(),
            stamping_failing_since: gauges.failing_since(),
            stamping_provided: gauges.provided.load(Ordering::Acquire),
            last: RecordId(last),
            unstamped: last.saturating_sub(gauges.stamped.load(Ordering::Acquire)),
            groups: gauges.groups.load(Ordering::Acquire),
        }
    }

    /// Reads on a thread that may block, with a connection of its own.
    ///
    /// # Errors
    /// Whatever `act` answers, or that the log could not be opened for reading.
    pub async fn read<T, F>(&self, act: F) -> Result<T, ReadFailure>
    where
        T: Send + 'static,
        F: FnOnce(&Reader) -> Result<T, ReadFailure> + Send + 'static,
    {
        let inner = Arc::clone(&self.inner);
        let reading = tokio::task::spawn_blocking(move || {
            let kept = held(&inner.idle).take();
            let reader = match kept {
                Some(reader) => reader,
                None => Reader::open(&inner.directory)
                    .map_err(|failure| ReadFailure::Storage(StoreFault::Other(failure.to_string())))?,
            };
            let read = act(&reader);
            // After `close` no connection is kept: it would hold the write-ahead log open.
            if held(&inner.jobs).is_some() {
                *held(&inner.idle) = Some(reader);
            }
            read
        });
        match reading.await {
            Ok(read) => read,
            Err(error) => Err(ReadFailure::Storage(StoreFault::Other(error.to_string()))),
        }
    }

    /// The settings it was opened with.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    pub(crate) fn gauges(&self) -> &Gauges {
        &self.inner.gauges
    }
}

/// The value even if a thread died with it in hand: none of these locks is held over more than one assignment.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The kernel drops the lock with the process, so a crash leaves no lock behind.
fn lock(directory: &Path) -> Result<File, OpenFailure> {
    let path = directory.join(LOCK);
    let unusable =
        |error: std::io::Error| OpenFailure::Directory { path: path.clone(), reason: error.to_string() };
    let file = File::options().create(true).append(true).open(&path).map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenFailure::InUse { path }),
        Err(TryLockError::Error(error)) => Err(unusable(error)),
    }
}

/// Rebuilds the newest records: what was written last is what a failing disk loses first.
fn check_newest(directory: &Path) -> Result<(), OpenFailure> {
    let reader = Reader::open(directory)?;
    let rebuilt = reader.rebuild_newest(REBUILT_AT_OPEN);
    rebuilt.map_err(|failure| {
        if let ReadFailure::Storage(fault) = failure {
            OpenFailure::Storage(fault)
        } else {
            OpenFailure::Damaged(failure.to_string())
        }
    })
}

#[cfg(test)]
mod tests;
