//! The log in a PostgreSQL database, laid out as X-Road does it (data-plane 7.5, Appendix E): its tools read ours, and a log of its own
//! is taken over as it stands.
//!
//! Messages and time-stamps share one sequence of numbers, so that numbers of messages rise with holes. What is not in X-Road's layout stands
//! in a schema of its own.

mod append;
mod archive;
mod kept;
mod read;
mod schema;

pub(crate) use schema::{open_for_reading, open_for_writing};
