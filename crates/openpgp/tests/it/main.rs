//! GnuPG judges: what is sealed here it opens, and the keys are those that it makes.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "helpers of tests outside of test functions"
)]

mod gpg;
mod keys;
mod sealing;

/// When keys are made, as gpg writes it.
const MADE: &str = "20261101T000000";
/// When things are done with them.
const NOW: &str = "20261122T120000";
