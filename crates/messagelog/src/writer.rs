//! The one writer: groups what waits, makes each group durable, then answers.
//!
//! While a group is being flushed to the disk the next one gathers in the queue, so the size of groups follows the load
//! by itself. The queue is bounded: when it is full, callers wait.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use clock::Clock;
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};

use crate::error::{Failure, StampFault, StoreFault};
use crate::prepare::Prepared;
use crate::record::Body;
use crate::store::{Acknowledged, AppendFault, Ends, Keeping, NewStamp, Store};

/// Jobs of one group.
const GROUP_JOBS_MAX: usize = 1_024;
/// Bytes of bodies after which a group is closed, so that small messages do not wait for many large ones.
const GROUP_BYTES_MAX: u64 = 16 << 20;
/// Says that time-stamping is not failing.
const NOT_FAILING: i64 = i64::MIN;

/// What a caller is told: the number of its record, the last record that its time-stamp covers, or how many were deleted.
pub(crate) type Answer = oneshot::Sender<Result<u64, Failure>>;

/// Something to be written.
#[derive(Debug)]
pub(crate) enum Job {
    /// A message.
    Record(Box<Prepared>, Answer),
    /// A time-stamp.
    Stamp(Box<NewStamp>, Answer),
    /// What becomes of archived records.
    Keep(Keeping, Answer),
}

impl Job {
    fn body_bytes(&self) -> u64 {
        match self {
            Self::Record(record, _) if !matches!(record.body.source, Body::None) => record.body.bytes,
            Self::Record(..) | Self::Stamp(..) | Self::Keep(..) => 0,
        }
    }

    fn answer(self, verdict: Result<u64, Failure>) {
        let (Self::Record(_, answer) | Self::Stamp(_, answer) | Self::Keep(_, answer)) = self;
        // Whoever asked may have gone; the record stands all the same: evidence of a message that was not sent.
        let _unheard = answer.send(verdict);
    }
}

/// What the writer and the callers know together. Nothing here decides what is durable; it only spares questions.
#[derive(Debug)]
pub(crate) struct Gauges {
    /// Last durable record.
    pub(crate) last: AtomicU64,
    /// Last record with a durable time-stamp.
    pub(crate) stamped: AtomicU64,
    /// How many durable records have none.
    pub(crate) unstamped: AtomicU64,
    /// The last record whose deletion was begun, durable or not.
    pub(crate) deleted: AtomicU64,
    /// Groups made durable since the log was opened.
    pub(crate) groups: AtomicU64,
    /// Whether the gateway knows a time-stamping service.
    pub(crate) provided: AtomicBool,
    /// The first fault of the storage since the log was opened.
    broken: Mutex<Option<StoreFault>>,
    failing_since: AtomicI64,
    /// Ticks after each change of the others.
    changed: watch::Sender<()>,
}

impl Gauges {
    pub(crate) fn new(ends: Ends) -> Self {
        Self {
            last: AtomicU64::new(ends.last),
            stamped: AtomicU64::new(ends.stamped),
            unstamped: AtomicU64::new(ends.unstamped),
            deleted: AtomicU64::new(0),
            groups: AtomicU64::new(0),
            provided: AtomicBool::new(false),
            broken: Mutex::default(),
            failing_since: AtomicI64::new(NOT_FAILING),
            changed: watch::Sender::default(),
        }
    }

    /// What is durable now.
    pub(crate) fn hold(&self, ends: Ends) {
        self.last.store(ends.last, Ordering::Release);
        self.stamped.store(ends.stamped, Ordering::Release);
        self.unstamped.store(ends.unstamped, Ordering::Release);
        self.tell();
    }

    /// What the storage must still have when it is opened again.
    pub(crate) fn acknowledged(&self) -> Acknowledged {
        let last = self.last.load(Ordering::Acquire);
        Acknowledged { last, may_be_deleted: self.deleted.load(Ordering::Acquire) >= last }
    }

    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    fn tell(&self) {
        self.changed.send_replace(());
    }

    /// Why nothing is recorded.
    pub(crate) fn broken(&self) -> Option<StoreFault> {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_broken(&self, fault: Option<StoreFault>) {
        *self.broken.lock().unwrap_or_else(PoisonError::into_inner) = fault;
        self.tell();
    }

    /// Since when time-stamping fails.
    pub(crate) fn failing_since(&self) -> Option<Timestamp> {
        match self.failing_since.load(Ordering::Acquire) {
            NOT_FAILING => None,
            since => Timestamp::from_millisecond(since).ok(),
        }
    }

    pub(crate) fn set_failing_since(&self, since: Option<Timestamp>) {
        self.failing_since.store(since.map_or(NOT_FAILING, Timestamp::as_millisecond), Ordering::Release);
        self.tell();
    }
}

/// Works until every sender is gone and the queue is empty, then closes the storage.
pub(crate) fn run(
    mut store: Box<dyn Store>,
    mut jobs: mpsc::Receiver<Job>,
    gauges: &Gauges,
    clock: &Clock,
) -> Result<(), StoreFault> {
    let mut broken = None;
    while let Some(first) = jobs.blocking_recv() {
        let group = gather(first, &mut jobs);
        let written = match &broken {
            Some(fault) => Err(StoreFault::clone(fault)),
            None => write(store.as_mut(), &group, gauges, clock),
        };
        match written {
            Ok(verdicts) => group.into_iter().zip(verdicts).for_each(|(job, verdict)| job.answer(verdict)),
            Err(fault) => {
                // From here on the log does not know its own state: what failed may or may not be on the disk. It
                // refuses everything; opening it anew finds out by the normal path.
                gauges.set_broken(Some(fault.clone()));
                group.into_iter().for_each(|job| job.answer(Err(Failure::Storage(fault.clone()))));
                broken = Some(fault);
            }
        }
    }
    match broken {
        Some(fault) => Err(fault),
        None => store.close(),
    }
}

fn gather(first: Job, jobs: &mut mpsc::Receiver<Job>) -> Vec<Job> {
    let mut bytes = first.body_bytes();
    let mut group = vec![first];
    while group.len() < GROUP_JOBS_MAX && bytes < GROUP_BYTES_MAX {
        let Ok(job) = jobs.try_recv() else { break };
        bytes = bytes.saturating_add(job.body_bytes());
        group.push(job);
    }
    group
}

/// One group: all of it durable, or `Err`.
fn write(
    store: &mut dyn Store,
    group: &[Job],
    gauges: &Gauges,
    clock: &Clock,
) -> Result<Vec<Result<u64, Failure>>, StoreFault> {
    let written = attempt(store, group, gauges, clock);
    if written.is_err() {
        store.rollback();
    }
    let written = written?;
    gauges.groups.fetch_add(1, Ordering::AcqRel);
    gauges.hold(written.ends);
    Ok(written.verdicts)
}

struct Written {
    verdicts: Vec<Result<u64, Failure>>,
    ends: Ends,
}

fn covered(stamp: &NewStamp) -> u64 {
    u64::try_from(stamp.records.len()).unwrap_or(u64::MAX)
}

fn attempt(
    store: &mut dyn Store,
    group: &[Job],
    gauges: &Gauges,
    clock: &Clock,
) -> Result<Written, StoreFault> {
    let mut verdicts = Vec::with_capacity(group.len());
    let mut last = gauges.last.load(Ordering::Acquire);
    let mut stamped = gauges.stamped.load(Ordering::Acquire);
    let mut unstamped = gauges.unstamped.load(Ordering::Acquire);
    // A crash up to `commit` leaves nothing of this group, and nobody has been told anything.
    store.begin()?;
    for job in group {
        verdicts.push(match job {
            Job::Record(record, _) => match store.append(record, clock.now()) {
                Ok(id) => {
                    last = id.0;
                    unstamped = unstamped.saturating_add(1);
                    Ok(last)
                }
                Err(AppendFault::Body(fault)) => Err(Failure::Body(fault)),
                Err(AppendFault::Store(fault)) => return Err(fault),
            },
            Job::Stamp(stamp, _) => {
                if store.awaits(stamp, stamped, last)? {
                    store.append_stamp(stamp, clock.now())?;
                    stamped = stamped.max(stamp.last.0);
                    unstamped = unstamped.saturating_sub(covered(stamp));
                    Ok(stamped)
                } else {
                    let stale = StampFault::Stale { first: stamp.first, stamped_through: stamped };
                    Err(Failure::WrongStamp(stale))
                }
            }
            Job::Keep(keeping, _) => {
                if let Keeping::Delete { records, .. } = keeping {
                    let last = records.iter().max().map_or(0, |record| record.0);
                    gauges.deleted.fetch_max(last, Ordering::AcqRel);
                }
                Ok(store.keep(keeping, clock.now())?)
            }
        });
    }
    // A crash in `commit` leaves the whole group or nothing of it. If the whole: records of messages that were never
    // sent, which harms nobody. A crash after it leaves the whole group, told or not.
    store.commit()?;
    Ok(Written { verdicts, ends: Ends { last, stamped, unstamped } })
}

#[cfg(test)]
mod tests;
