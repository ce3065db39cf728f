//! Time and chance, handed in from outside.
//!
//! Nothing in the house reads the system clock or the random generator, except the one binary. Pure code takes `now` as
//! an argument; a service that runs for long holds a [`Clock`] and asks it; whoever needs bytes that nobody can foresee
//! holds a [`Chance`]. Both are cheap to clone and safe to share between threads.
//!
//! The path: the binary makes one `Clock` and one `Chance` at start-up and gives clones to the rooms. A test makes
//! [`Clock::fixed`] or [`Clock::by_hand`] and [`Chance::seeded`], and every run of it is the same run.
//!
//! **Invariant:** this room never finds out the time or a random number by itself; it only passes on what it was given.
//!
//! What it deliberately does not do: timers and time-outs (they belong to the async runtime), time zones, and making
//! keys (only the keystore does that, with its own generator).

mod clock;
mod chance;

pub use chance::Chance;
pub use clock::{Clock, Hands};
