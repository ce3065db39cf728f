//! What the outside sees of `trust`: fixtures, recordings, oracles, and every way to be refused.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "helpers of tests: a broken fixture should fail loudly"
)]

mod der;
mod mint;
mod openssl;
mod vectors;

mod fixtures_identifiers;
mod fixtures_stamps;
mod hostile;
mod names;
mod ocsp;
mod path;
mod recorded;
mod signer_and_peer;
mod timestamp;
