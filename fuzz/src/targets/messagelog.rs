//! The log and its compact form: whatever is put on record is read back octet by octet.

use crate::recordings;
use crate::seeds::{cut, join};
use ::messagelog::{Body, Direction, MessageLog, NewRecord, Settings, Side};
use bytes::Bytes;
use clock::Clock;
use identifier::{ClientId, ServiceId};
use jiff::Timestamp;
use signature::SignedParts;
use std::cell::RefCell;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// So many records, then the log begins anew: what piles up is not what is tested.
const RECORDS_MAX: u32 = 2000;

struct Bench {
    runtime: Runtime,
    log: MessageLog,
    records: u32,
    _directory: TempDir,
}

impl Bench {
    fn new() -> Self {
        let directory = TempDir::new().expect("a folder for the log");
        let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
        let log =
            MessageLog::open(directory.path(), Settings::default(), Clock::fixed(Timestamp::UNIX_EPOCH));
        let log = log.expect("an empty log");
        log.provide_time_stamping(true);
        Self { runtime, log, records: 0, _directory: directory }
    }
}

/// Message, signature, hash chain result, hash chain, body.
pub(crate) fn run(octets: &[u8]) {
    thread_local!(static BENCH: RefCell<Option<Bench>> = const { RefCell::new(None) });
    BENCH.with_borrow_mut(|held| {
        if held.as_ref().is_some_and(|bench| bench.records >= RECORDS_MAX) {
            *held = None;
        }
        let bench = held.get_or_insert_with(Bench::new);
        bench.records += 1;
        record(bench, octets);
    });
}

fn record(bench: &Bench, octets: &[u8]) {
    let [message, signature, result, chain, body] = cut::<5>(octets);
    let some = |octets: &[u8]| (!octets.is_empty()).then(|| octets.to_vec());
    let client = ClientId::new("EX", "GOV", "1", Some("sub")).expect("a client");
    let new = NewRecord {
        query_id: "id".to_owned(),
        request_id: "request".to_owned(),
        owner: client,
        service: ServiceId::from_path("EX/GOV/1/sub/people").expect("a service"),
        side: Side::Consumer,
        direction: Direction::Request,
        message: message.to_vec(),
        body: Body::Bytes(Bytes::copy_from_slice(body)),
        signed: SignedParts {
            signatures_xml: signature.to_vec(),
            hash_chain_result: some(result),
            hash_chain: some(chain),
        },
    };
    let recorded = bench.runtime.block_on(bench.log.record(new.clone()));
    let id = recorded.expect("nothing that short is refused");
    let read = bench.runtime.block_on(bench.log.read(move |reader| {
        let mut body = Vec::new();
        let _ = reader.body(id, 1, &mut body);
        Ok((reader.record(id)?, body))
    }));
    let (read, read_body) = read.expect("what was recorded can be read");
    assert_eq!(read.message, new.message);
    assert_eq!(read.signature, new.signed.signatures_xml);
    assert_eq!(read.hash_chain_result, new.signed.hash_chain_result);
    assert_eq!(read.hash_chain, new.signed.hash_chain);
    assert_eq!(read_body, body);
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let signed = recordings::messages()
        .iter()
        .map(|message| &message.parts)
        .filter(|parts| !parts.signature.is_empty());
    let all = signed.map(|parts| {
        let body = parts.body.as_deref().unwrap_or_default();
        join(&[&parts.message, &parts.signature, &parts.result, &parts.chain, body])
    });
    let mut found: Vec<_> = all.filter(|seed| seed.len() < 32 * 1024).collect();
    found.push(join(&[b"GET\r\n", b"<a/>", b"<b/>", b"<c/>", b"body"]));
    found
}
