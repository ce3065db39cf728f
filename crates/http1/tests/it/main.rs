//! The room from outside: raw bytes on one side, the public API on the other.
#![expect(clippy::unwrap_used, reason = "helpers of tests stop at the first surprise")]

mod peer;
mod requests;
mod refusals;
mod bodies;
mod answers;
mod client;
mod times;
mod listening;
mod oracle;
