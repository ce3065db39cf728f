//! The message log from outside: what goes in comes out, what was acknowledged survives, what is stamped verifies.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "helpers of tests outside of test functions"
)]

mod store;
mod bench;
mod recorded;
mod rebuilds;
mod records;
mod sealed;
mod sealed_file;
mod sealed_archives;
mod xroad_keys;
mod settings;
mod kill;
mod crash;
mod compact;
mod practice;
mod stamps;
mod archives;
mod originals;
