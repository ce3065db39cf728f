//! The global configuration from outside: vectors, recordings of a live server, oracles, refusals.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test helpers stand outside of test functions"
)]

mod practice;
mod vectors;
mod queries;
mod recorded;
mod written;
mod refused_directories;
mod refusals;
mod rollback;
mod stored;
