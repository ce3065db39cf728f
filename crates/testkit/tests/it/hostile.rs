//! A network that breaks at the worst moment, and strangers at every port: what each is told, what stays, and what it costs.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "helpers of tests"
)]

mod between;
mod faults;
mod records;
mod messages;
mod doors;
