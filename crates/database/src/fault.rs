//! What a server says, or that it says nothing: the verdicts that the stores tell apart.

use postgres::error::SqlState;
use std::error::Error as _;
use thiserror::Error;

/// Why the database did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// The server's disk is full.
    #[error("no space is left on the database server")]
    Full,
    /// This database, or this user, may not write.
    #[error("the database may not be written: {0}")]
    ReadOnly(String),
    /// The server cannot be reached, or has closed the connection. It may be back later.
    #[error("the database cannot be reached: {0}")]
    Away(String),
    /// The server answers that it does not serve now: it has no resources, is being stopped or started, or took too long.
    #[error("the database does not serve now: {0}")]
    Busy(String),
    /// The server's disk failed.
    #[error("the disk of the database server failed: {0}")]
    Disk(String),
    /// The server says that its data is damaged.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// The user is not let in, or has not the rights: the operator has to act.
    #[error("the database refuses: {0}")]
    Refused(String),
    /// The server is set up so that nothing may be entrusted to it.
    #[error("the database cannot be used: {0}")]
    Unfit(&'static str),
    /// Anything else, in the server's words.
    #[error("the database failed: {0}")]
    Other(String),
}

impl From<postgres::Error> for Fault {
    fn from(error: postgres::Error) -> Self {
        let Some(told) = error.as_db_error() else { return without_words(&error) };
        // Not the detail: it may show values.
        let text = format!("{} ({})", told.message(), told.code().code());
        match told.code().code() {
            code if code == SqlState::DISK_FULL.code() => Self::Full,
            code if code == SqlState::READ_ONLY_SQL_TRANSACTION.code() => Self::ReadOnly(text),
            code if code == SqlState::IO_ERROR.code() => Self::Disk(text),
            code if code == SqlState::DATA_CORRUPTED.code() || code == SqlState::INDEX_CORRUPTED.code() => {
                Self::Damaged(text)
            }
            code if code == SqlState::INSUFFICIENT_PRIVILEGE.code() || code.starts_with("28") => {
                Self::Refused(text)
            }
            code if code.starts_with("08") => Self::Away(text),
            // Resources, and an operator's act at the server.
            code if code.starts_with("53") || code.starts_with("57") => Self::Busy(text),
            _ => Self::Other(text),
        }
    }
}

/// What comes from the connection and not from the server.
fn without_words(error: &postgres::Error) -> Fault {
    let mut text = error.to_string();
    let (mut cause, mut broken) = (error.source(), error.is_closed());
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        broken |= inner.is::<std::io::Error>();
        cause = inner.source();
    }
    if broken || text.contains("timeout") { Fault::Away(text) } else { Fault::Other(text) }
}
