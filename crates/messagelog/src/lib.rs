//! The evidence: every message that this gateway sends, takes, hands on or answers, on record before it moves.
//!
//! **The path.** The gateway hands over a [`NewRecord`] — message, body, signature, hash chain — and waits.
//! `prepare` applies the body logging settings and makes the compact forms, on the caller's thread. The record goes
//! through a bounded queue to the one `writer` thread, which groups all that waits into one transaction of the database, an embedded
//! SQLite or a PostgreSQL in X-Road's layout ([`Place`]), and answers when the group is on the disk. From time to time a [`Stamper`] takes the records that
//! have no time-stamp yet, says what must be stamped, and puts the authority's token on record. A [`Reader`] lists
//! records, rebuilds them byte for byte, and exports them as ASiC-E containers that anybody can verify. An [`Archivist`] puts what is time-stamped into archives, and deletes it here when it is old.
//!
//! **Invariants.**
//! - *What was acknowledged is there*, whatever happens afterwards: a crash, a power cut, a kill. What was not
//!   acknowledged may be there too.
//! - Records are appended and never changed. Numbers rise in the order in which records became durable, and time-stamps cover them
//!   in that order. Embedded, they rise by one, and the records without a time-stamp are always the newest ones; in X-Road's layout
//!   time-stamps have numbers of the same sequence, and what was there before may be in any order.
//! - Nothing is deleted but what stands in an archive that was on the disk and was verified there, and is older than records
//!   are kept. (Of what X-Road has archived before its log was taken over, its word is taken for it.) A number is never given again, and the newest time-stamp stays. A crash leaves a record here and in an
//!   archive, or in two archives; never in none. (In X-Road's layout a time-stamp goes with its last record: the sequence remembers numbers.)
//! - What is rebuilt is what was recorded. Embedded, each document is taken apart only after the parts have been seen to give it
//!   back, and each rebuilt signature is compared with its SHA-512 before it leaves. In X-Road's layout documents stand as they are; a
//!   signature is compared with its hash until it has a time-stamp, and then the time-stamp's chain must lead to it in a container.
//! - A log that cannot write refuses everything from that moment on ([`Failure::Storage`]) until it is opened anew;
//!   opening is recovery. It never goes on in the hope that a failed write did no harm. After a full disk,
//!   or when the database server was away, [`MessageLog::recover`] opens it anew, and refuses a server that has not what was
//!   acknowledged; any other fault is for a person and a restart.
//! - Memory does not grow with a body: a spooled body goes into the database chunk by chunk, and comes out so.
//! - Where the operator gave keys for archives, an archive is sealed before it has a name, and is never written open instead.
//! - Where the operator gave keys, neither a message nor a body is ever on the disk of the log as it is (see `seal`).
//!
//! **Bytes.** Embedded, a recorded message costs about 1.2 KB besides its body, instead of some 8.5 KB: see `pack`.
//!
//! **Not here.** No network: the gateway asks the time-stamping authorities and hands in their tokens. No decision about
//! the message. No transfer of archives: whoever takes them away says so. Contents that records share are not deleted with the last record
//! that has them.

mod record;
mod bodies;
mod seal;
mod settings;
mod error;
mod place;
mod lock;
mod log;
mod prepare;
mod pack;
mod writer;
mod store;
mod stamper;
mod reader;
mod export;
mod archive;

pub use archive::{ArchiveFailure, ArchiveRound, Archiving, Archivist, Few, Grouping, Sealing, Untaken};
pub use bodies::{BodyLogging, BodyOverride, BodyRule, Provider};
pub use error::{Blame, BodyFault, Failure, OpenFailure, ReadFailure, StampFault, StoreFault};
pub use export::Exported;
pub use log::{Health, MessageLog};
pub use place::Place;
pub use reader::Reader;
pub use record::{
    ArchiveFigures, Body, Direction, Entry, NewRecord, Owner, Record, RecordId, Search, Side, Stamp,
    Statistics,
};
pub use seal::{KeyFault, KeyName, Keys, XroadEncryption};
pub use settings::{Settings, TimeStamping};
pub use stamper::{Round, Stamper};
