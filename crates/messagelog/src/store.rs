//! The storage behind the writer. SQL stands in this module's folder and nowhere else.

use std::io::Write;

use jiff::Timestamp;
use signature::archive::Link;

use crate::error::{BodyFault, OpenFailure, ReadFailure, StoreFault};
use crate::pack::Packed;
use crate::prepare::Prepared;
use crate::record::{ArchiveFigures, Entry, Record, RecordId, Search, Stamp, Statistics};
use crate::seal::KeyName;
use archive::{Deletable, Party};

pub(crate) mod schema;
mod body;
pub(crate) mod append;
pub(crate) mod values;
pub(crate) mod read;
pub(crate) mod figures;
pub(crate) mod archive;
mod reading;
pub(crate) mod xroad;

/// What the writer needs of a storage. Tests put a double in its place that fails where they want.
pub(crate) trait Store: Send {
    /// Opens a group.
    fn begin(&mut self) -> Result<(), StoreFault>;
    /// Adds a record to the group.
    fn append(&mut self, record: &Prepared, time: Timestamp) -> Result<RecordId, AppendFault>;
    /// Whether a time-stamp is for records that wait for it, the first of those that do. `stamped` and `last` are the last record with
    /// a time-stamp and the last one.
    fn awaits(&mut self, stamp: &NewStamp, stamped: u64, last: u64) -> Result<bool, StoreFault> {
        let follows = stamp.first.0 == stamped.saturating_add(1) && stamp.last.0 <= last;
        Ok(follows && stamp.first <= stamp.last)
    }
    /// Adds a time-stamp to the group.
    fn append_stamp(&mut self, stamp: &NewStamp, time: Timestamp) -> Result<(), StoreFault>;
    /// Notes what has become of records, in the group; how many were deleted.
    fn keep(&mut self, keeping: &Keeping, time: Timestamp) -> Result<u64, StoreFault>;
    /// Makes the group durable. When this has answered `Ok`, the group survives a crash; when it has answered `Err`,
    /// nobody knows.
    fn commit(&mut self) -> Result<(), StoreFault>;
    /// Takes the group back, as far as that is possible.
    fn rollback(&mut self);
    /// The end: moves everything into the main file.
    fn close(&mut self) -> Result<(), StoreFault>;
}

/// What readers need of a storage, beside the writer. All calls block.
pub(crate) trait Reading: Send {
    /// The records that fit, newest first.
    fn find(&self, search: &Search) -> Result<Vec<Entry>, ReadFailure>;
    /// A whole record but for its time-stamp; its signature is the one that was recorded.
    fn record(&self, id: RecordId) -> Result<Record, ReadFailure>;
    /// The time-stamp of a record.
    fn stamp(&self, id: RecordId) -> Result<Option<Stamped>, ReadFailure>;
    /// Writes an attachment into `out`, chunk by chunk; gives its length.
    fn body(&self, id: RecordId, number: u32, out: &mut dyn Write) -> Result<u64, ReadFailure>;
    /// How an attachment is kept; one that is not there is open.
    fn kept(&self, id: RecordId, number: u32) -> Result<KeptBody, ReadFailure>;
    /// The numbers of the attachments of a record that are there, those aside that are known to be cut.
    fn attachments(&self, record: &Record) -> Result<Vec<u32>, ReadFailure>;
    /// Whether an attachment is as it was signed, where that could not be known before.
    fn is_whole(&self, _record: &Record, _body: &[u8]) -> bool {
        true
    }
    /// The oldest records without a time-stamp, with the digests of their signatures.
    fn unstamped(&self, limit: usize) -> Result<Vec<(RecordId, Vec<u8>)>, ReadFailure>;
    /// The keys under which records lie that are in no archive yet, and how many records each.
    fn keys_needed(&self) -> Result<Vec<(KeyName, u64)>, ReadFailure>;
    /// Figures of the whole log.
    fn statistics(&self) -> Result<Statistics, ReadFailure>;
    /// How archiving fares, and what has been written since a time.
    fn archives(&self, since: Timestamp) -> Result<ArchiveFigures, StoreFault>;
    /// Everybody who has records that may have to be archived, in X-Road's order: a member's own records stand behind those of its subsystems.
    fn parties(&self) -> Result<Vec<Party>, ReadFailure>;
    /// Records of a party that have a time-stamp and are not archived, in the order of their numbers.
    fn waiting(
        &self,
        party: &Party,
        after: RecordId,
        through: RecordId,
        limit: usize,
    ) -> Result<Vec<RecordId>, StoreFault>;
    /// The next records behind `after` that are archived and from before a time; they are looked for among so many at most.
    fn deletable(&self, before: Timestamp, after: RecordId, limit: usize) -> Result<Deletable, StoreFault>;
    /// The last archive of a group.
    fn last_link(&self, group: Option<&str>) -> Result<Option<Link>, StoreFault>;
    /// Whether this log was ever archived here.
    fn any_archive(&self) -> Result<bool, StoreFault>;
    /// Numbers, names and lengths of the archives that nobody has taken away.
    fn untaken(&self) -> Result<Vec<(i64, String, u64)>, StoreFault>;
    /// Whether it can still be asked.
    fn is_alive(&self) -> bool {
        true
    }
}

/// How an attachment is kept.
#[derive(Debug)]
pub(crate) enum KeptBody {
    Open,
    Sealed(SealedBody),
    /// Under X-Road's key of this name.
    Xroad(String),
}

/// What opens an attachment.
#[derive(Debug)]
pub(crate) struct SealedBody {
    pub(crate) seal: Vec<u8>,
    pub(crate) binding: Vec<u8>,
    /// Its length before it was sealed.
    pub(crate) bytes: u64,
}

/// A time-stamp, and how it leads to records.
#[derive(Debug)]
pub(crate) struct Stamped {
    pub(crate) stamp: Stamp,
    pub(crate) way: Way,
}

/// How a time-stamp leads to a record.
#[derive(Debug)]
pub(crate) enum Way {
    /// SHA-512 of each signature document, from the first record that it covers to the last.
    Leaves(Vec<Vec<u8>>),
    /// `ts-hashchain.xml` of the record that was asked for.
    Chain(Vec<u8>),
    /// It stands in the signature itself, as X-Road stamps a record that stands alone.
    Inside,
}

/// Why a record could not be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AppendFault {
    /// The record's own body is at fault; the group goes on without it.
    Body(BodyFault),
    /// The storage is at fault.
    Store(StoreFault),
}

/// How far a log is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ends {
    /// The last record.
    pub(crate) last: u64,
    /// The last record with a time-stamp.
    pub(crate) stamped: u64,
    /// How many records have none.
    pub(crate) unstamped: u64,
}

/// What a storage has answered for, and must have when it is opened again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Acknowledged {
    /// The last record.
    pub(crate) last: u64,
    /// Whether that may be gone since it was archived and old.
    pub(crate) may_be_deleted: bool,
}

/// A time-stamp to be stored.
#[derive(Clone, Debug)]
pub(crate) struct NewStamp {
    pub(crate) first: RecordId,
    pub(crate) last: RecordId,
    /// All of them; between two may stand numbers that are no records.
    pub(crate) records: Vec<RecordId>,
    pub(crate) token: Packed,
    pub(crate) result: Packed,
    pub(crate) leaves: Vec<u8>,
}

/// What becomes of records that have a time-stamp.
#[derive(Clone, Debug)]
pub(crate) enum Keeping {
    /// They are in an archive, which is on the disk and was verified.
    Archive(Box<archive::NewArchive>),
    /// That archive, by its number, has been taken away.
    Taken(i64),
    /// Those of these that are archived and from before this time are deleted.
    Delete { before: Timestamp, records: Vec<RecordId> },
}

impl From<rusqlite::Error> for StoreFault {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        let text = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
                Self::ReadOnly(text)
            }
            Some(ErrorCode::SystemIoFailure) => Self::Disk(text),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged(text),
            _ => Self::Other(text),
        }
    }
}

impl From<rusqlite::Error> for AppendFault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<database::Fault> for StoreFault {
    fn from(fault: database::Fault) -> Self {
        use database::Fault;
        match fault {
            Fault::Full => Self::Full,
            Fault::Away(text) | Fault::Busy(text) => Self::Away(text),
            Fault::ReadOnly(text) | Fault::Refused(text) => Self::ReadOnly(text),
            Fault::Disk(text) => Self::Disk(text),
            Fault::Damaged(text) => Self::Damaged(text),
            Fault::Unfit(why) => Self::Other(why.to_owned()),
            Fault::Other(text) => Self::Other(text),
        }
    }
}

impl From<postgres::Error> for StoreFault {
    fn from(error: postgres::Error) -> Self {
        database::Fault::from(error).into()
    }
}

impl From<postgres::Error> for ReadFailure {
    fn from(error: postgres::Error) -> Self {
        StoreFault::from(error).into()
    }
}

impl From<database::Fault> for ReadFailure {
    fn from(fault: database::Fault) -> Self {
        StoreFault::from(fault).into()
    }
}

impl From<postgres::Error> for OpenFailure {
    fn from(error: postgres::Error) -> Self {
        StoreFault::from(error).into()
    }
}

impl From<database::Fault> for OpenFailure {
    fn from(fault: database::Fault) -> Self {
        if let database::Fault::Unfit(why) = fault {
            return Self::Unfit(why);
        }
        StoreFault::from(fault).into()
    }
}
