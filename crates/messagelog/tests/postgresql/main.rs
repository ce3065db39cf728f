//! The message log on a real PostgreSQL: the tests of the embedded store once more, and what only this store has to hold.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "helpers of tests outside of test functions"
)]

mod store;
#[path = "../it/bench.rs"]
mod bench;
#[path = "../it/recorded.rs"]
mod recorded;
#[path = "../it/rebuilds.rs"]
mod rebuilds;
#[path = "../it/records.rs"]
mod records;
#[path = "../it/settings.rs"]
mod settings;
#[path = "../it/kill.rs"]
mod kill;
#[path = "../it/practice.rs"]
mod practice;
#[path = "../it/stamps.rs"]
mod stamps;
#[path = "../it/archives.rs"]
mod archives;
#[path = "../it/originals.rs"]
mod originals;
#[path = "../it/sealed.rs"]
mod sealed;
#[path = "../it/sealed_archives.rs"]
mod sealed_archives;
mod layout;
mod sealed_rows;
mod encrypted;
mod away;
mod failover;
mod taken_over;
