//! The room through its public face: worked vectors, manifests, and every recorded exchange.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::wildcard_enum_match_arm,
    reason = "helpers of tests"
)]

mod support;
mod http;
mod worked;
mod manifests;
mod soap;
mod exchanges;
mod legs;
mod cuts;
mod tolerance;
