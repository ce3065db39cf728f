//! The log as the gateway holds it: open, record, read, recover, close.

pub(crate) mod opening;

use std::fs::File;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clock::Clock;
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};

use crate::error::{Failure, OpenFailure, ReadFailure, StoreFault};
use crate::pack::recent::Recent;
use crate::place::Place;
use crate::prepare::{Form, Prepared};
use crate::reader::Reader;
use crate::record::{NewRecord, RecordId};
use crate::settings::Settings;
use crate::store::{Keeping, NewStamp, Store};
use crate::writer::{self, Gauges, Job};
use opening::Opened;

/// The message log. Clones are the same log; it ends with [`MessageLog::close`].
#[derive(Clone, Debug)]
pub struct MessageLog {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    place: Place,
    settings: Settings,
    clock: Clock,
    gauges: Arc<Gauges>,
    writing: Mutex<Writing>,
    recent: Recent,
    idle: Mutex<Option<Reader>>,
    /// Held while the log is closed or opened anew, so that it is not opened anew after it has been closed.
    turning: tokio::sync::Mutex<()>,
}

/// The way to the writer, and word of its end.
#[derive(Debug)]
struct Writing {
    jobs: Option<mpsc::Sender<Job>>,
    ended: watch::Receiver<Option<Result<(), StoreFault>>>,
    closed: bool,
}

/// How the log fares, without asking the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// The storage's first fault: nothing is recorded until the log is opened anew (see [`MessageLog::recover`]).
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
    /// Opens the log in a place, which is made when it is missing, and starts the writer. Blocks: in a folder it waits for the
    /// disk and reads the whole database once (`quick_check`; above 8 GiB only the newest records).
    ///
    /// A log that ended in a crash recovers here by the normal path: the database replays its write-ahead log up to the last
    /// complete group.
    ///
    /// # Errors
    /// A second writer, damage, another layout, or what the disk or the database server said.
    pub fn open(place: impl Into<Place>, settings: Settings, clock: Clock) -> Result<Self, OpenFailure> {
        let place = place.into();
        let Opened { store, ends, lock } = opening::open(&place, &settings.keys)?;
        let started = Self::start(&place, settings, clock, store, Gauges::new(ends), Some(lock));
        started.map_err(|error| opening::unusable(place.folder(), &error))
    }

    /// Starts the writer over a storage. The lock is held as long as the writer lives.
    pub(crate) fn start(
        place: impl Into<Place>,
        settings: Settings,
        clock: Clock,
        store: Box<dyn Store>,
        gauges: Gauges,
        lock: Option<File>,
    ) -> std::io::Result<Self> {
        let gauges = Arc::new(gauges);
        let writing = Mutex::new(Writing::start(store, &gauges, &clock, settings.queue_max, lock)?);
        let (place, recent) = (place.into(), Recent::default());
        let (idle, turning) = (Mutex::default(), tokio::sync::Mutex::default());
        let inner = Inner { place, settings, clock, gauges, writing, recent, idle, turning };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// After the disk was full or the database server was away: opens the log anew when there is room again or the server is
    /// back, as at a start, with its checks. To be called now and then. Says whether the log was opened; `false` when there is nothing to mend.
    ///
    /// A full disk fails a write, never a flush, so what was durable stays so; what a server has committed is durable on that server, whether
    /// its answer has reached us or not. Whether the one that is back has it, too, is looked at: another one may have taken its place that
    /// was behind ([`OpenFailure::Lost`]). After any other fault a person has to look, and a restart recovers. What was refused meanwhile stays
    /// refused: nothing is kept to be written later. A crash in here is a crash at a start.
    ///
    /// # Errors
    /// Why it is still not open: no room yet, no server yet, or what a start would say. In the last case it is not tried again.
    pub async fn recover(&self) -> Result<bool, OpenFailure> {
        let inner = &self.inner;
        let _turn = inner.turning.lock().await;
        let mends = matches!(inner.gauges.broken(), Some(StoreFault::Full | StoreFault::Away(_)));
        if !mends || held(&inner.writing).closed {
            return Ok(false);
        }
        // The writer has closed its files when everybody who still waited has been refused.
        let _end = self.end_writing().await;
        let (place, keys) = (inner.place.clone(), inner.settings.keys.clone());
        let acknowledged = inner.gauges.acknowledged();
        let opening = tokio::task::spawn_blocking(move || opening::open_again(&place, &keys, acknowledged));
        let opened = opening.await.map_err(|error| StoreFault::Other(error.to_string()).into()).flatten();
        let started = opened.and_then(|Opened { store, ends, lock }| {
            inner.gauges.hold(ends);
            Writing::start(store, &inner.gauges, &inner.clock, inner.settings.queue_max, Some(lock))
                .map_err(|error| opening::unusable(inner.place.folder(), &error))
        });
        match started {
            Ok(writing) => {
                // Both under the lock: a fault of the new writer, which nobody reaches before, is not wiped out with the old one.
                let mut way = held(&inner.writing);
                *way = writing;
                inner.gauges.set_broken(None);
                Ok(true)
            }
            Err(failure) => {
                inner.gauges.set_broken(Some(failure.clone().into()));
                Err(failure)
            }
        }
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
        if let Some(fault) = gauges.broken() {
            return Err(Failure::Storage(fault));
        }
        if held(&self.inner.writing).closed {
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
        let form = match self.inner.place {
            Place::Folder(_) => Form::Compact(&self.inner.recent),
            Place::Database { .. } => Form::Text,
        };
        let prepared = Box::new(Prepared::new(record, &self.inner.settings, form)?);
        // Whoever is about to bring a record does so first, so that one flush of the disk serves them all.
        tokio::task::yield_now().await;
        self.submit(|answer| Job::Record(prepared, answer)).await.map(RecordId)
    }

    pub(crate) async fn put_stamp(&self, stamp: NewStamp) -> Result<RecordId, Failure> {
        self.submit(|answer| Job::Stamp(Box::new(stamp), answer)).await.map(RecordId)
    }

    /// How many records were deleted.
    pub(crate) async fn keep(&self, keeping: Keeping) -> Result<u64, Failure> {
        self.submit(|answer| Job::Keep(keeping, answer)).await
    }

    async fn submit(&self, job: impl FnOnce(writer::Answer) -> Job) -> Result<u64, Failure> {
        let sender = held(&self.inner.writing).jobs.clone();
        let sender =
            sender.ok_or_else(|| self.inner.gauges.broken().map_or(Failure::Closed, Failure::Storage))?;
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
        let _turn = self.inner.turning.lock().await;
        held(&self.inner.writing).closed = true;
        self.end_writing().await
    }

    /// Takes nothing more and waits for the end of the writer.
    async fn end_writing(&self) -> Result<(), StoreFault> {
        let mut ended = {
            let mut writing = held(&self.inner.writing);
            writing.jobs = None;
            writing.ended.clone()
        };
        let idle = held(&self.inner.idle).take();
        let gone = || StoreFault::Other("the writer has ended".to_owned());
        // It says good-bye to its server.
        if tokio::task::spawn_blocking(|| drop(idle)).await.is_err() {
            return Err(gone());
        }
        match ended.wait_for(Option::is_some).await {
            Ok(end) => end.clone().unwrap_or_else(|| Err(gone())),
            Err(_) => Err(gone()),
        }
    }

    /// Ticks whenever the log may fare otherwise than before.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<()> {
        self.inner.gauges.changes()
    }

    /// How the log fares.
    #[must_use]
    pub fn health(&self) -> Health {
        let gauges = &self.inner.gauges;
        Health {
            broken: gauges.broken(),
            stamping_failing_since: gauges.failing_since(),
            stamping_provided: gauges.provided.load(Ordering::Acquire),
            last: RecordId(gauges.last.load(Ordering::Acquire)),
            unstamped: gauges.unstamped.load(Ordering::Acquire),
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
            // A connection is asked, and ended, while nobody waits for the lock: the network may be slow to answer.
            let kept = held(&inner.idle).take();
            let reader = match kept.filter(|reader| reader.tables().is_alive()) {
                Some(reader) => reader,
                None => Reader::open(&inner.place)
                    .map_err(|failure| ReadFailure::Storage(StoreFault::Other(failure.to_string())))?
                    .with_keys(inner.settings.keys.clone()),
            };
            let read = act(&reader);
            drop(inner.keep(reader));
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

    pub(crate) fn stamped_through(&self) -> u64 {
        self.inner.gauges.stamped.load(Ordering::Acquire)
    }

    pub(crate) fn gauges(&self) -> &Gauges {
        &self.inner.gauges
    }
}

impl Inner {
    /// Keeps a connection for the next one who reads; what is not kept is given back. Without a writer none is: it would hold the
    /// write-ahead log open.
    fn keep(&self, reader: Reader) -> Option<Reader> {
        let writing = held(&self.writing);
        if writing.jobs.is_some() { held(&self.idle).replace(reader) } else { Some(reader) }
    }
}

impl Writing {
    fn start(
        store: Box<dyn Store>,
        gauges: &Arc<Gauges>,
        clock: &Clock,
        queue_max: usize,
        lock: Option<File>,
    ) -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::channel(queue_max.max(1));
        let (ended_sender, ended) = watch::channel(None);
        let (gauges, clock) = (Arc::clone(gauges), clock.clone());
        std::thread::Builder::new().name("messagelog".to_owned()).spawn(move || {
            let end = writer::run(store, receiver, &gauges, &clock);
            drop(lock);
            let _unheard = ended_sender.send(Some(end));
        })?;
        Ok(Self { jobs: Some(sender), ended, closed: false })
    }
}

/// The value even if a thread died with it in hand: none of these locks is held over more than one assignment.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
