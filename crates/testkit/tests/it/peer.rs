//! Our gateways before other people's eyes: the independent peer on both sides, its verdict on our bytes, and OpenSSL at the door.

mod answers;
mod kept_answers;
mod as_consumer;
mod as_provider;
mod callers;
mod cast;
mod handshakes;
mod identity;
mod judged;
pub(crate) mod recorder;
mod tap;
mod resumption;
mod disbelief;
mod tool;
