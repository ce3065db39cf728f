//! What stays of an exchange and what it costs: evidence, bodies, connections, servers, restarts.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "helpers of tests"
)]

pub(crate) mod tools;
pub(crate) mod containers;
pub(crate) mod forwarder;
mod evidence;
mod changed;
mod bodies;
mod uploads;
mod memory;
mod several;
mod races;
mod kept;
mod restart;
mod ending;
mod settings;
mod renewal;
mod token;
mod postgresql;
