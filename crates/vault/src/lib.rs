//! Where evidence goes that leaves this machine.
//!
//! An archive of the message log is handed over in one of two ways ([`Transfer`]): to a command of the operator's, or into a store, a
//! directory or a bucket of a server that speaks S3.
//!
//! **Invariant:** nothing in a store is ever written over, and an archive counts as handed over only when the store gave back every octet
//! of it.
//!
//! What it deliberately does not do: delete anything, here or there; know what stands in an archive; decide when one goes.

mod settings;
mod transfer;
mod store;
mod courier;

pub use settings::{Secret, Store};
pub use transfer::{HandOverFailure, StoreFault, Transfer};
