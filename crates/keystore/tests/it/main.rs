//! The keystore through its public interface.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test helpers")]

mod common;
mod life;
mod refusals;
mod damage;
mod signing;
mod oracle;
mod p12;
mod secret_keys;
mod take_over;
mod vectors;
mod ocsp_cache;
mod token;
