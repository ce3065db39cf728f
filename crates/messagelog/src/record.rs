//! A message on its way into the log, and what is found there.

use std::fmt;
use std::path::PathBuf;

use bytes::Bytes;
use identifier::{ClientId, MemberId, ServiceId};
use jiff::Timestamp;

use crate::seal::Kept;

/// Number of a record, in the order in which records became durable: embedded from 1, without holes; in X-Road's layout with holes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId(pub u64);

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// On which side of the exchange this gateway stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The consumer's gateway: the provider is remote.
    Consumer,
    /// The provider's gateway: the provider is local.
    Provider,
}

/// Which of the two messages of an exchange it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// Consumer to provider.
    Request,
    /// Provider to consumer.
    Response,
}

/// The body of a REST message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// The message has no body.
    None,
    /// In memory.
    Bytes(Bytes),
    /// Spooled. The file is read while the record is written and may be removed once `record` has answered.
    File {
        /// Where it lies.
        path: PathBuf,
        /// How long it is.
        bytes: u64,
    },
}

impl Body {
    /// Length in bytes.
    #[must_use]
    pub fn byte_count(&self) -> u64 {
        match self {
            Self::None => 0,
            Self::Bytes(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            Self::File { bytes, .. } => *bytes,
        }
    }
}

/// One message to be put on record (data-plane 7.1).
#[derive(Clone, Debug)]
pub struct NewRecord {
    /// The message identifier; at most 255 characters.
    pub query_id: String,
    /// The request identifier (`x-road-request-id`), the same for both messages of an exchange.
    pub request_id: String,
    /// To whom the record belongs: the client on the consumer's side, the service's client on the provider's side.
    pub owner: ClientId,
    /// The service: decides with `side` what is kept of the body.
    pub service: ServiceId,
    /// On which side this gateway stands.
    pub side: Side,
    /// Request or response.
    pub direction: Direction,
    /// The serialised REST message (data-plane 2.5), exactly as signed.
    pub message: Vec<u8>,
    /// Its body, exactly as signed.
    pub body: Body,
    /// The signature and, of a batch signature, its hash chain, exactly as made or received.
    pub signed: signature::SignedParts,
}

/// Which records are looked for; what is `None` is not asked. The newest come first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// The message identifier.
    pub query_id: Option<String>,
    /// To whom it belongs.
    pub owner: Option<Owner>,
    /// Request or response.
    pub direction: Option<Direction>,
    /// Recorded at this time or later.
    pub from: Option<Timestamp>,
    /// Recorded before this time.
    pub until: Option<Timestamp>,
    /// Only records older than this one: the last of the page before.
    pub before: Option<RecordId>,
    /// Size of the page; 0 stands for 100, more than 1000 for 1000.
    pub limit: usize,
}

/// Owner of records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Exactly this client.
    Client(ClientId),
    /// This member and all its subsystems.
    Member(MemberId),
}

/// What a list shows of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number.
    pub id: RecordId,
    /// When it was recorded, to the millisecond.
    pub time: Timestamp,
    /// The message identifier.
    pub query_id: String,
    /// The request identifier.
    pub request_id: String,
    /// To whom it belongs.
    pub owner: ClientId,
    /// Request or response.
    pub direction: Direction,
    /// Bytes of the stored body, when one was stored.
    pub body_bytes: Option<u64>,
    /// Whether the body was cut, and how long it was.
    pub body_bytes_signed: Option<u64>,
    /// Whether it has a time-stamp.
    pub stamped: bool,
}

/// A record with all that was stored, byte for byte, apart from the body (see [`crate::Reader::body`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What a list shows of it.
    pub entry: Entry,
    /// The message text; the reduced form when bodies were not logged.
    pub message: Vec<u8>,
    /// How message and body are kept in the storage.
    pub(crate) kept: Kept,
    /// The signature as recorded: a single time-stamp is not in it (see `stamp`).
    pub signature: Vec<u8>,
    /// The hash chain result of a batch signature.
    pub hash_chain_result: Option<Vec<u8>>,
    /// The hash chain of a batch signature.
    pub hash_chain: Option<Vec<u8>>,
    /// SHA-512 of `signature`, 64 bytes: what a batch time-stamp covers.
    pub signature_digest: Vec<u8>,
    /// Its time-stamp.
    pub stamp: Option<Stamp>,
}

/// A time-stamp as it covers one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// First record that it covers.
    pub first: RecordId,
    /// Last record that it covers.
    pub last: RecordId,
    /// When it was put on record.
    pub time: Timestamp,
    /// The token, DER.
    pub token: Vec<u8>,
    /// `ts-hashchainresult.xml`: what the token covers; empty for a single one of X-Road's, which covers the signature's value.
    pub result: Vec<u8>,
}

/// Figures for `doctor` and health.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Message records.
    pub records: u64,
    /// Records without a time-stamp.
    pub unstamped: u64,
    /// When the oldest record without a time-stamp was recorded.
    pub oldest_unstamped: Option<Timestamp>,
    /// When the newest record was recorded.
    pub newest: Option<Timestamp>,
    /// Time-stamps.
    pub stamps: u64,
    /// Stored bodies.
    pub bodies: u64,
    /// Bytes of stored bodies.
    pub body_bytes: u64,
    /// Contents that are stored once: certificates, OCSP answers, skeletons.
    pub shared: u64,
    /// Bytes of the database, without the write-ahead log.
    pub file_bytes: u64,
}

/// How archiving fares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArchiveFigures {
    /// When the last archive was made.
    pub newest: Option<Timestamp>,
    /// The oldest record that is in no archive; those that are withheld are not counted here.
    pub oldest_waiting: Option<Timestamp>,
    /// Records that could not be rebuilt.
    pub withheld: u64,
    /// Names of the archives that nobody has taken away.
    pub untaken: Vec<String>,
    /// The oldest record of the week that was asked for.
    pub oldest_of_week: Option<Timestamp>,
    /// The week's share of the log's file, by the number of records.
    pub log_bytes_of_week: u64,
    /// The archives of the week.
    pub archive_bytes_of_week: u64,
}
