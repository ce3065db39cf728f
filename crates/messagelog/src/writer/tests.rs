//! A storage that fails where the test wants: what callers are told, and that nothing is written afterwards.

use std::sync::mpsc as plain;
use std::sync::{Arc, Mutex};

use identifier::ClientId;

use super::*;
use crate::error::BodyFault;
use crate::pack::Packed;
use crate::pack::recent::PackedSignature;
use crate::prepare::LoggedBody;
use crate::record::{Direction, RecordId};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Begin,
    Append,
    Stamp,
    Keep,
    Commit,
    Rollback,
    Close,
}

/// Counts calls and fails at the one whose number it was given.
struct Double {
    calls: Arc<Mutex<Vec<Call>>>,
    fails_at: Option<usize>,
    last: u64,
    /// Sent before each commit; then waits for leave to go on.
    gate: Option<(plain::Sender<()>, plain::Receiver<()>)>,
}

impl Double {
    fn call(&mut self, call: Call) -> Result<(), StoreFault> {
        let mut calls = self.calls.lock().map_err(|_| StoreFault::Full)?;
        calls.push(call);
        if Some(calls.len()) == self.fails_at { Err(StoreFault::Full) } else { Ok(()) }
    }
}

impl Store for Double {
    fn begin(&mut self) -> Result<(), StoreFault> {
        self.call(Call::Begin)
    }
    fn append(&mut self, record: &Prepared, _: Timestamp) -> Result<RecordId, AppendFault> {
        self.call(Call::Append).map_err(AppendFault::Store)?;
        if let Body::File { path, .. } = &record.body.source {
            return Err(AppendFault::Body(BodyFault::Length { path: path.clone(), said: 1, found: 0 }));
        }
        self.last = self.last.saturating_add(1);
        Ok(RecordId(self.last))
    }
    fn append_stamp(&mut self, _: &NewStamp, _: Timestamp) -> Result<(), StoreFault> {
        self.call(Call::Stamp)
    }
    fn keep(&mut self, _: &Keeping, _: Timestamp) -> Result<u64, StoreFault> {
        self.call(Call::Keep).map(|()| 7)
    }
    fn commit(&mut self) -> Result<(), StoreFault> {
        if let Some((reached, leave)) = &self.gate {
            let _ = reached.send(());
            let _ = leave.recv();
        }
        self.call(Call::Commit)
    }
    fn rollback(&mut self) {
        let _ = self.call(Call::Rollback);
    }
    fn close(&mut self) -> Result<(), StoreFault> {
        self.call(Call::Close)
    }
}

fn prepared(body: Body) -> Box<Prepared> {
    Box::new(Prepared {
        query_id: "q".to_owned(),
        request_id: "r".to_owned(),
        owner: ClientId::parse_short("EX/COM/1/sub").unwrap(),
        direction: Direction::Request,
        message: Vec::new(),
        body: LoggedBody { bytes: body.byte_count(), source: body },
        signature: Arc::new(PackedSignature { packed: Packed::Raw(Vec::new()), digest: Vec::new() }),
        hash_chain_result: None,
        hash_chain: None,
        protection: crate::seal::Protection::Open,
    })
}

fn stamp(first: u64, last: u64) -> Box<NewStamp> {
    let raw = Packed::Raw(Vec::new());
    Box::new(NewStamp {
        first: RecordId(first),
        last: RecordId(last),
        records: (first..=last).map(RecordId).collect(),
        token: raw,
        result: Packed::Raw(Vec::new()),
        leaves: Vec::new(),
    })
}

type Verdicts = Vec<Result<RecordId, Failure>>;

struct Run {
    verdicts: Verdicts,
    calls: Vec<Call>,
    end: Result<(), StoreFault>,
    gauges: Arc<Gauges>,
}

/// Puts all jobs in the queue, then lets the writer work: they are one group.
fn run_with(jobs: Vec<Box<dyn FnOnce(Answer) -> Job>>, fails_at: Option<usize>) -> Run {
    let (sender, receiver) = mpsc::channel(64);
    let answers: Vec<_> = jobs
        .into_iter()
        .map(|job| {
            let (answer, verdict) = oneshot::channel();
            sender.try_send(job(answer)).unwrap();
            verdict
        })
        .collect();
    drop(sender);
    let calls = Arc::new(Mutex::new(Vec::new()));
    let store = Double { calls: Arc::clone(&calls), fails_at, last: 0, gate: None };
    let gauges = Arc::new(Gauges::new(Ends::default()));
    let end = run(Box::new(store), receiver, &gauges, &Clock::fixed(Timestamp::UNIX_EPOCH));
    let verdicts = answers.into_iter().map(|mut verdict| verdict.try_recv().unwrap().map(RecordId)).collect();
    let calls = calls.lock().unwrap().clone();
    Run { verdicts, calls, end, gauges }
}

fn record(body: Body) -> Box<dyn FnOnce(Answer) -> Job> {
    Box::new(move |answer| Job::Record(prepared(body), answer))
}

fn stamped(first: u64, last: u64) -> Box<dyn FnOnce(Answer) -> Job> {
    Box::new(move |answer| Job::Stamp(stamp(first, last), answer))
}

fn deleted() -> Box<dyn FnOnce(Answer) -> Job> {
    let keeping = Keeping::Delete { before: Timestamp::UNIX_EPOCH, records: vec![RecordId(1)] };
    Box::new(move |answer| Job::Keep(keeping, answer))
}

fn file() -> Body {
    Body::File { path: "gone".into(), bytes: 1 }
}

#[test]
fn all_that_waits_becomes_one_group() {
    let jobs = vec![record(Body::None), record(Body::None), stamped(1, 2), record(Body::None), deleted()];
    let run = run_with(jobs, None);
    assert_eq!(run.verdicts, [1, 2, 2, 3, 7].map(|told| Ok(RecordId(told))));
    use Call::{Append, Begin, Close, Commit, Keep, Stamp};
    assert_eq!(run.calls, [Begin, Append, Append, Stamp, Append, Keep, Commit, Close]);
    assert_eq!(run.end, Ok(()));
    assert_eq!(run.gauges.last.load(Ordering::Acquire), 3);
    assert_eq!(run.gauges.stamped.load(Ordering::Acquire), 2);
}

#[test]
fn whichever_call_fails_everybody_in_the_group_is_refused_and_nothing_is_written_afterwards() {
    for fails_at in 1..=6 {
        let jobs = vec![record(Body::None), stamped(1, 1), record(Body::None), deleted()];
        let run = run_with(jobs, Some(fails_at));
        let refused = Err(Failure::Storage(StoreFault::Full));
        assert_eq!(run.verdicts, vec![refused; 4], "failed at call {fails_at}");
        assert_eq!(run.calls.last(), Some(&Call::Rollback), "failed at call {fails_at}");
        assert_eq!(run.calls.len(), fails_at + 1);
        assert_eq!(run.end, Err(StoreFault::Full));
        assert_eq!(run.gauges.last.load(Ordering::Acquire), 0);
    }
}

#[test]
fn after_a_failure_later_groups_are_refused_without_a_try() {
    let (sender, receiver) = mpsc::channel(64);
    let calls = Arc::new(Mutex::new(Vec::new()));
    let (reached, at_commit) = plain::channel();
    let (leave, wait) = plain::channel();
    let store = Double { calls: Arc::clone(&calls), fails_at: Some(3), last: 0, gate: Some((reached, wait)) };
    let gauges = Arc::new(Gauges::new(Ends::default()));
    let shared = Arc::clone(&gauges);
    let worker = std::thread::spawn(move || {
        run(Box::new(store), receiver, &shared, &Clock::fixed(Timestamp::UNIX_EPOCH))
    });
    let (first, first_verdict) = oneshot::channel();
    sender.blocking_send(Job::Record(prepared(Body::None), first)).unwrap();
    at_commit.recv().unwrap();
    // The first group stands in its commit; this one waits behind it.
    let (second, second_verdict) = oneshot::channel();
    sender.blocking_send(Job::Record(prepared(Body::None), second)).unwrap();
    drop(sender);
    leave.send(()).unwrap();
    let refused = Err(Failure::Storage(StoreFault::Full));
    assert_eq!(first_verdict.blocking_recv().unwrap().map(RecordId), refused);
    assert_eq!(second_verdict.blocking_recv().unwrap().map(RecordId), refused);
    assert_eq!(worker.join().unwrap(), Err(StoreFault::Full));
    assert_eq!(*calls.lock().unwrap(), [Call::Begin, Call::Append, Call::Commit, Call::Rollback]);
}

#[test]
fn a_body_that_cannot_be_read_refuses_only_its_own_record() {
    let run = run_with(vec![record(Body::None), record(file()), record(Body::None)], None);
    assert_eq!(run.verdicts[0], Ok(RecordId(1)));
    assert!(matches!(run.verdicts[1], Err(Failure::Body(BodyFault::Length { .. }))));
    assert_eq!(run.verdicts[2], Ok(RecordId(2)));
    assert_eq!(run.end, Ok(()));
}

#[test]
fn a_time_stamp_that_does_not_follow_the_last_one_is_refused() {
    for (first, last) in [(2, 2), (0, 1), (1, 3), (2, 1)] {
        let run = run_with(vec![record(Body::None), record(Body::None), stamped(first, last)], None);
        let stale = StampFault::Stale { first: RecordId(first), stamped_through: 0 };
        assert_eq!(run.verdicts[2], Err(Failure::WrongStamp(stale)), "{first}..{last}");
    }
    let twice = run_with(vec![record(Body::None), stamped(1, 1), stamped(1, 1)], None);
    let stale = StampFault::Stale { first: RecordId(1), stamped_through: 1 };
    assert_eq!(twice.verdicts[2], Err(Failure::WrongStamp(stale)));
}

#[test]
fn a_group_is_closed_when_its_bodies_are_many_bytes() {
    let large = || Body::Bytes(vec![0; 9 << 20].into());
    let run = run_with(vec![record(large()), record(large()), record(large())], None);
    assert_eq!(run.verdicts, [Ok(RecordId(1)), Ok(RecordId(2)), Ok(RecordId(3))]);
    assert_eq!(run.calls.iter().filter(|call| **call == Call::Commit).count(), 2);
}
