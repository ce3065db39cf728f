//! The storage behind the writer. SQL stands in this module's folder and nowhere else.

use jiff::Timestamp;

use crate::error::{BodyFault, StoreFault};
use crate::pack::Packed;
use crate::prepare::Prepared;
use crate::record::RecordId;

pub(crate) mod schema;
pub(crate) mod append;
pub(crate) mod values;
pub(crate) mod read;
pub(crate) mod figures;
pub(crate) mod archive;

/// What the writer needs of a storage. Tests put a double in its place that fails where they want.
pub(crate) trait Store: Send {
    /// Opens a group.
    fn begin(&mut self) -> Result<(), StoreFault>;
    /// Adds a record to the group.
    fn append(&mut self, record: &Prepared, time: Timestamp) -> Result<RecordId, AppendFault>;
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

/// Why a record could not be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AppendFault {
    /// The record's own body is at fault; the group goes on without it.
    Body(BodyFault),
    /// The storage is at fault.
    Store(StoreFault),
}

/// A time-stamp to be stored.
#[derive(Clone, Debug)]
pub(crate) struct NewStamp {
    pub(crate) first: RecordId,
    pub(crate) last: RecordId,
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
    /// Those that are archived and from before this time are deleted, so many at most.
    Delete { before: Timestamp, limit: usize },
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
