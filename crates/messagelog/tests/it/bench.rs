//! A log on a temporary directory, and messages to put into it.

use std::path::Path;

use clock::{Clock, Hands};
use identifier::{ClientId, ServiceId};
use jiff::Timestamp;
use messagelog::{Body, Direction, MessageLog, NewRecord, Reader, Settings, Side};

pub(crate) use crate::store::{EMBEDDED, place};
use signature::SignedParts;
use tempfile::TempDir;

/// The time of all tests that do not say another.
pub(crate) fn noon() -> Timestamp {
    "2026-11-22T12:00:00.123Z".parse().unwrap()
}

pub(crate) struct Bench {
    pub(crate) directory: TempDir,
    pub(crate) log: MessageLog,
    pub(crate) hands: Hands,
}

/// A fresh log that takes records.
pub(crate) fn bench(settings: Settings) -> Bench {
    let directory = tempfile::tempdir().unwrap();
    let (clock, hands) = Clock::by_hand(noon());
    let log = open_with(directory.path(), settings, clock);
    Bench { directory, log, hands }
}

pub(crate) fn open(directory: &Path) -> MessageLog {
    open_with(directory, Settings::default(), Clock::fixed(noon()))
}

pub(crate) fn open_with(directory: &Path, settings: Settings, clock: Clock) -> MessageLog {
    let log = MessageLog::open(place(directory), settings, clock).unwrap();
    log.provide_time_stamping(true);
    log
}

pub(crate) fn reader(directory: &Path) -> Reader {
    Reader::open(place(directory)).unwrap()
}

pub(crate) fn client(text: &str) -> ClientId {
    ClientId::parse_short(text).unwrap()
}

/// A small request of the consumer's side.
pub(crate) fn request(query_id: &str) -> NewRecord {
    let text = format!(
        "POST\r\n/r1/EX/COM/1/sub/svc/people?id=1\r\nX-Road-Client:EX/GOV/2/c\r\nContent-Type:text/plain\r\n\
         x-road-request-id:0b6c5fe0-7f0d-4a2b-9d0b-000000000001\r\nx-road-id:{query_id}\r\n"
    );
    NewRecord {
        query_id: query_id.to_owned(),
        request_id: "0b6c5fe0-7f0d-4a2b-9d0b-000000000001".to_owned(),
        owner: client("EX/GOV/2/c"),
        service: ServiceId::parse_short("EX/COM/1/sub/svc").unwrap(),
        side: Side::Consumer,
        direction: Direction::Request,
        message: text.into_bytes(),
        body: Body::None,
        signed: signed(format!("<s><ds:SigningTime>{query_id}</ds:SigningTime></s>").as_bytes()),
    }
}

pub(crate) fn with_body(query_id: &str, body: &[u8]) -> NewRecord {
    NewRecord { body: Body::Bytes(body.to_vec().into()), ..request(query_id) }
}

pub(crate) fn signed(signatures_xml: &[u8]) -> SignedParts {
    SignedParts { signatures_xml: signatures_xml.to_vec(), hash_chain_result: None, hash_chain: None }
}
