//! The gateway's settings through its public face: declared, planned, applied, refused. And the stores that archives go to.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::wildcard_enum_match_arm,
    reason = "helpers of tests outside of test functions"
)]

mod settings;
mod stores;
