//! A PostgreSQL server as a store: its address, the way to it, what it says when it fails.
//!
//! A [`Url`] is parsed once, when the configuration is read. A [`Session`] is one connection, used by whoever holds it, one call after
//! the other; it may be used on any thread, one that drives asynchronous work included. A [`Document`] is a room's whole state as one
//! text. Which tables there are otherwise is the business of the rooms: their `store` modules hold the SQL.
//!
//! **Nobody is sent a password, or anything else, who has not shown a certificate for the name in the URL**, unless the operator
//! says `sslmode=disable` or the way is a Unix socket. What PostgreSQL's own clients do between these two, encrypting towards
//! whoever answers, is not to be had.
//!
//! Not here: no pool, no second try. A session that failed is dropped; who needs another opens one.

mod url;
mod tls;
mod session;
mod store;
mod fault;
#[cfg(feature = "practice")]
pub mod practice;

pub use fault::Fault;
pub use session::Session;
pub use store::Document;
pub use url::{Url, UrlRefusal};
