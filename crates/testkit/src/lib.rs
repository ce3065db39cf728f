//! A whole exchange inside a test: practice CA, OCSP responder, time-stamp authority, registry, two gateways, a service.
//!
//! The path: [`Nation::start`] makes a folder, mints keys and certificates, declares members and servers, publishes a globalconf, and
//! starts two gateways on loopback addresses of its own (no two nations share one, so tests run side by side). The consumer's
//! gateway serves `GOV/MOC/business-registry`, the provider's `GOV/MOI/civil-registry` with the service `people`, behind which stands
//! a [`Service`] that a test scripts and that counts what reached it.
//!
//! Everything runs as in production: real sockets, real TLS, real files. What is small is the cost of guessing the PIN. The clock is
//! the test's: [`Nation::hands`] moves it.
//!
//! What it deliberately does not do: stand in for a room. No part of it verifies anything; other people's tools and the tests do.

mod address;
mod bell;
mod enrol;
mod flow;
mod gateway;
mod nation;
mod service;
mod wire;

pub use address::{Block, take_block};
pub use bell::{ring, until};
pub use enrol::{Enrolled, enrol};
pub use flow::{mirror, there_and_back};
pub use gateway::RunningGateway;
pub use nation::{CLIENT, Choices, Databases, INSTANCE, Nation, PIN, PROVIDER, chance};
pub use service::{Reply, Seen, Service};
pub use wire::{Answer, call, call_to};
