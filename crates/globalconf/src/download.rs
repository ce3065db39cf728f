//! The download as pure steps; the caller does the HTTP (control-plane 1.4).
//!
//! One source at a time, the main instance first, then every federated instance that [`FederationFilter`]
//! admits:
//!
//! 1. [`locations`] gives the addresses in the order in which to try them;
//! 2. [`Negotiation`] tells which URL to ask and settles the configuration version from HTTP statuses;
//! 3. [`check_directory`] verifies what came back, for this source and not older than what is held;
//! 4. [`CheckedDirectory::fetch`] begins a [`Fetching`], which names one file after the other that is not already held, each with
//!    a limit, and holds it to its digest as soon as it has come;
//! 5. [`Fetching::assemble`] reads the contents and makes a [`VerifiedConfiguration`](crate::VerifiedConfiguration), the only
//!    thing that [`store::replace`](crate::store::replace) writes.
//!
//! Whatever fails at one location: try the next. Nothing is written before everything has been verified.

mod check;
mod fetching;
mod federation;
mod locations;
mod negotiate;

pub use check::{CheckedDirectory, Refusal, Role, RollbackField, SourceOfConfiguration, check_directory};
pub use federation::FederationFilter;
pub use fetching::{CONFIGURATION_BYTES_MAX, FILE_BYTES_MAX, FetchFile, Fetching};
pub use locations::{Location, locations, locations_from_shared, resolve};
pub use negotiate::{Ask, Negotiation, Wanted};
