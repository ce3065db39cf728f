//! The public face of the crate, over recordings of a live server, X-Road's own fixtures, and what we build ourselves.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "helpers of tests may fail loudly"
)]

mod support;
mod wire;
mod workshop;
mod worked;
mod hashchains;
mod signatures;
mod recorded;
mod remembered;
mod tolerance;
mod containers;
mod built;
mod wrapped;
mod lookalikes;
mod layouts;
mod packing;
mod archives;
mod changed;
mod oracles;
mod etsi;
