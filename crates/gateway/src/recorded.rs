//! Proof that something is on record: only [`put`] makes a [`Recorded`], and only after the log said that it is on disk.

use crate::error::Refusal;
use messagelog::{MessageLog, NewRecord, RecordId};

/// Something that can be put on record.
pub trait Recordable {
    /// What the log is to keep of it.
    fn to_record(&self) -> NewRecord;
}

/// A subject together with the fact that it is on record. The subject cannot be exchanged for another.
#[derive(Debug)]
pub struct Recorded<T> {
    subject: T,
    id: RecordId,
}

impl<T> Recorded<T> {
    /// What is on record.
    pub const fn subject(&self) -> &T {
        &self.subject
    }

    /// Under which number.
    pub const fn id(&self) -> RecordId {
        self.id
    }

    /// Goes on with the subject.
    pub(crate) fn into_subject(self) -> T {
        self.subject
    }
}

/// Puts the subject on record. A crash before this returns leaves either no record or one whose message was not yet acted upon;
/// the other side then has no signature part (a request) or no answer (a response).
///
/// # Errors
/// The log did not take it: nothing may go on.
pub(crate) async fn put<T: Recordable>(log: &MessageLog, subject: T) -> Result<Recorded<T>, Refusal> {
    let id = log.record(subject.to_record()).await?;
    Ok(Recorded { subject, id })
}
