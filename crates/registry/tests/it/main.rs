//! A registry from outside: declared, run, downloaded, and judged by programs of others.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test helpers")]

mod nation;
mod client;
mod declared;
mod refused;
mod published;
mod change_over;
mod served;
mod postgresql;
