//! Refusals and answers as a consumer sees them, and what must not have happened when there is a refusal.

pub(crate) mod common;
mod raw;
pub(crate) mod tls;
mod shape;
mod consumer;
mod addressing;
mod permission;
mod broken_peer;
mod service_faults;
mod answers;
mod bodies;
mod body_limit;
mod meanwhile;
mod quotas;
mod consumer_tls;
mod service_tls;
mod version_one;
mod configuration;
mod tampered;
mod passed_over;
mod certificates;
mod stamping;
mod log;
mod stop;
