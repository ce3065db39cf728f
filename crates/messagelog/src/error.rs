//! The verdicts of this room: why a message was not recorded, why the log did not open, why it could not be read.

use std::path::PathBuf;

use jiff::Timestamp;
use thiserror::Error;

use crate::record::RecordId;
use crate::seal::{KeyFault, KeyName};

/// Why a message was not recorded. Nothing may be sent or delivered then (data-plane 7.1, 7.3).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Failure {
    /// This gateway knows no time-stamping service (data-plane 7.3, `mlog.no_timestamping_provider_found`).
    #[error("no time-stamping service is configured, so nothing can be put on record")]
    NoTimestampingProvider,
    /// Time-stamping has failed longer than is allowed (data-plane 7.3, `timestamping_failed`).
    #[error("time-stamping has failed since {since}, longer than the allowed {allowed_seconds} seconds")]
    TimestampingFailedTooLong {
        /// The first failed round.
        since: Timestamp,
        /// When the record was refused.
        now: Timestamp,
        /// The acceptable failure period.
        allowed_seconds: u64,
    },
    /// The body is larger than may be logged and must not be cut (data-plane 7.2).
    #[error("the body has {bytes} bytes, more than the {bytes_max} that may be logged")]
    TooLarge {
        /// Length of the body.
        bytes: u64,
        /// The setting.
        bytes_max: u64,
    },
    /// A message identifier of more characters than evidence may carry (data-plane 7.1).
    #[error("the message identifier has {chars} characters, more than {chars_max}")]
    IdentifierTooLong {
        /// Length found.
        chars: usize,
        /// Length allowed.
        chars_max: usize,
    },
    /// The message text is not a REST message, so that its loggable form cannot be made (data-plane 2.5).
    #[error("the message cannot be reduced to the form that is logged without its body: {0}")]
    NotReducible(String),
    /// A part of the message that a log in X-Road's layout keeps as text is none: it is not UTF-8, or has a zero octet in it.
    #[error("the {0} is not text, and this log keeps it as text")]
    NotText(&'static str),
    /// The spooled body could not be read, or is not as long as was said. Only this record is refused.
    #[error("the spooled body could not be put on record: {0}")]
    Body(BodyFault),
    /// The record could not be sealed, and it may not be kept open.
    #[error(
        "the record could not be sealed under its key, and is not kept open: the system gives no random bytes"
    )]
    NotSealed,
    /// The time-stamp is for other records or another imprint than the log waits for.
    #[error("the time-stamp does not fit the log: {0}")]
    WrongStamp(StampFault),
    /// The log cannot write. It refuses everything from the first such failure until it is opened anew.
    #[error("the message log cannot write: {0}")]
    Storage(StoreFault),
    /// The log has been closed.
    #[error("the message log is closed")]
    Closed,
}

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// Whoever wrote the message.
    Message,
    /// The time-stamping service.
    TimeStamping,
    /// This gateway: its set-up, its disk.
    Us,
}

impl Failure {
    /// Whose fault it is.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::TooLarge { .. }
            | Self::IdentifierTooLong { .. }
            | Self::NotReducible(_)
            | Self::NotText(_) => Blame::Message,
            Self::TimestampingFailedTooLong { .. } | Self::WrongStamp(_) => Blame::TimeStamping,
            Self::NoTimestampingProvider
            | Self::Body(_)
            | Self::NotSealed
            | Self::Storage(_)
            | Self::Closed => Blame::Us,
        }
    }

    /// Whether the same message may be recorded later without a change to it.
    #[must_use]
    pub fn retry_can_help(&self) -> bool {
        !matches!(self.blame(), Blame::Message)
    }
}

/// What was wrong with a spooled body.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BodyFault {
    /// The file could not be read.
    #[error("{path} could not be read: {reason}")]
    Unreadable {
        /// The spooled file.
        path: PathBuf,
        /// The operating system's words.
        reason: String,
    },
    /// The file has another length than was said.
    #[error("{path} has {found} bytes instead of {said}")]
    Length {
        /// The spooled file.
        path: PathBuf,
        /// Length that the caller gave.
        said: u64,
        /// Length found; when the file is longer, one byte more than said.
        found: u64,
    },
}

/// Why a time-stamp was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StampFault {
    /// The records of the round are no longer the first ones without a time-stamp.
    #[error(
        "it begins at record {first}, but the records up to {stamped_through} are stamped already or missing"
    )]
    Stale {
        /// First record of the round.
        first: RecordId,
        /// Last record that has a time-stamp.
        stamped_through: u64,
    },
    /// The token is about something else.
    #[error("the token's imprint is not the imprint of the round")]
    Imprint,
}

/// What the storage said.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StoreFault {
    /// No space is left.
    #[error("no space is left for the log")]
    Full,
    /// The database server cannot be reached. It may be back later.
    #[error("the log's database cannot be reached: {0}")]
    Away(String),
    /// The files may not be written.
    #[error("the log may not be written: {0}")]
    ReadOnly(String),
    /// The disk failed.
    #[error("the disk failed: {0}")]
    Disk(String),
    /// The file is damaged.
    #[error("the log is damaged: {0}")]
    Damaged(String),
    /// Anything else, in the storage's words.
    #[error("the storage failed: {0}")]
    Other(String),
}

/// More numbers than can have been given behind the last record that was acknowledged: to time-stamps, and to one group that was not.
const NUMBERS_SKIPPED: u64 = 100_000;

/// Why the log did not open.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OpenFailure {
    /// The directory could not be made or entered.
    #[error("{path} cannot be used: {reason}")]
    Directory {
        /// The log's directory.
        path: PathBuf,
        /// The operating system's words.
        reason: String,
    },
    /// Another process writes this log.
    #[error("{path} is in use by another process")]
    InUse {
        /// The lock file.
        path: PathBuf,
    },
    /// The database was written by a newer release, or by an older one and the gateway has not been started since.
    #[error(
        "the log has schema {found}, this release knows {known}; an older one is brought up to date when the gateway starts"
    )]
    Schema {
        /// Schema version found.
        found: i64,
        /// Schema version that this release reads and writes.
        known: i64,
    },
    /// The database is not a message log.
    #[error("the file is a database of something else (application id {0})")]
    Foreign(i64),
    /// A log was begun here, and its database is not there any more, or empty.
    #[error(
        "a message log was begun here and {path} is gone or empty: put it back from a backup; to begin another log, move this folder away"
    )]
    Gone {
        /// The database.
        path: PathBuf,
    },
    /// A log was begun in a database of a server, and its tables are not there any more.
    #[error(
        "a message log was begun in {database}, as {mark} says, and its tables are not there: put the database back from a backup; to \
         begin another log in it, move that file away"
    )]
    GoneAtServer {
        /// Which database.
        database: String,
        /// The file that says so.
        mark: PathBuf,
    },
    /// No log was begun in a database of a server yet.
    #[error("no message log is in {database} yet: a gateway makes it when it starts")]
    NotBegun {
        /// Which database.
        database: String,
    },
    /// The database has a schema `messagelog` that is not X-Road's of 7.8.
    #[error("the schema messagelog of the database is not laid out as X-Road 7.8 does it: {0}")]
    Layout(String),
    /// The database has no schema for what this log adds to X-Road's layout, and its user may not make it.
    #[error(
        "the database has no schema {schema}, and {user} may not make it; its administrator can: CREATE SCHEMA {schema} AUTHORIZATION {user}"
    )]
    NoSchema {
        /// Which one.
        schema: &'static str,
        /// The user of the log.
        user: String,
    },
    /// The server that is back has not everything that was acknowledged before.
    #[error(
        "the database has lost records that were acknowledged, the last of them was {acknowledged}, and it has {there} now: did a standby take \
         over that was behind? Bring back the server that has them. To go on without them, see to it that their numbers are not given \
         again, with SELECT setval('messagelog.logrecord_sequence', {beyond}), and start the gateway anew",
        beyond = acknowledged.0.saturating_add(NUMBERS_SKIPPED)
    )]
    Lost {
        /// The last record that was acknowledged.
        acknowledged: RecordId,
        /// The last one that is there.
        there: RecordId,
    },
    /// The server, or the database, is none for a log.
    #[error("the database is not fit for a log: {0}")]
    Unfit(&'static str),
    /// The keys are none for this log.
    #[error(transparent)]
    Keys(#[from] KeyFault),
    /// New records are sealed under a key that is not at hand.
    #[error("the newest records of the log are sealed under {key}: add it again")]
    NoKey {
        /// Which one.
        key: KeyName,
    },
    /// The integrity check found damage.
    #[error("the log is damaged: {0}")]
    Damaged(String),
    /// The storage failed.
    #[error("the log cannot be opened: {0}")]
    Storage(#[from] StoreFault),
}

impl From<OpenFailure> for StoreFault {
    fn from(failure: OpenFailure) -> Self {
        match failure {
            OpenFailure::Storage(fault) => fault,
            OpenFailure::Damaged(what) => Self::Damaged(what),
            OpenFailure::Directory { .. }
            | OpenFailure::InUse { .. }
            | OpenFailure::Schema { .. }
            | OpenFailure::Gone { .. }
            | OpenFailure::GoneAtServer { .. }
            | OpenFailure::NotBegun { .. }
            | OpenFailure::Layout(_)
            | OpenFailure::NoSchema { .. }
            | OpenFailure::Unfit(_)
            | OpenFailure::Lost { .. }
            | OpenFailure::Keys(_)
            | OpenFailure::NoKey { .. }
            | OpenFailure::Foreign(_) => Self::Other(failure.to_string()),
        }
    }
}

/// Why something could not be read from the log.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ReadFailure {
    /// There is no such record.
    #[error("there is no record {0}")]
    NoSuchRecord(RecordId),
    /// The record has no such attachment.
    #[error("record {record} has no attachment {number}")]
    NoSuchAttachment {
        /// The record.
        record: RecordId,
        /// Number, from 1.
        number: u32,
    },
    /// It is sealed under a key that is not at hand.
    #[error("record {record} is sealed under {key}")]
    NoKey {
        /// The record.
        record: RecordId,
        /// Which one.
        key: KeyName,
    },
    /// The rebuilt bytes are not those that were recorded.
    #[error("record {record} is damaged: {what}")]
    Damaged {
        /// The record.
        record: RecordId,
        /// What does not fit.
        what: String,
    },
    /// A time-stamp or hash chain of the record does not allow the container to be written.
    #[error("record {record} cannot be exported: {reason}")]
    NotExportable {
        /// The record.
        record: RecordId,
        /// The reason.
        reason: String,
    },
    /// The storage failed.
    #[error("the log cannot be read: {0}")]
    Storage(#[from] StoreFault),
    /// The receiver of the bytes failed.
    #[error("the bytes could not be handed over: {0}")]
    Output(String),
}
