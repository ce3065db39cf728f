//! Practice trust services: a certification authority, an OCSP responder and a time-stamp authority, for learning,
//! for demonstrations and for tests. Nobody must rely on what they sign.
//!
//! The path: [`PracticeAuthority::create_or_open`] mints keys and certificates at the first start and finds them
//! again at every later one → [`PracticeAuthority::issue_signing`] and [`PracticeAuthority::issue_authentication`]
//! turn certificate requests into certificates with the key usages that X-Road tells them apart by →
//! [`PracticeAuthority::answer_ocsp`] says whether they are good (data-plane 6) → [`PracticeAuthority::answer_tsa`]
//! stamps imprints (data-plane 7.4) → [`Services`] puts the three on the network, on loopback addresses only.
//! [`drills`] makes them fail on purpose.
//!
//! **Invariant: what was issued, revoked or numbered is on disk before anyone hears of it.** After a crash at any
//! point the next start continues with the same keys, knows every certificate that left the house and never uses a
//! time-stamp number twice.
//!
//! This is the one room beside the keystore that holds private keys: its own, which protect nothing. They lie in
//! files of mode 0600 without a PIN, so that a demonstration can start by itself.
//!
//! Deliberately absent: checking who asks, certificate revocation lists, renewal, policy. The answers are those of
//! a real service down to the bytes; the promise behind them is missing.

mod asn1;
mod error;
mod key;
mod pem;
mod request;
mod certificate;
mod party;
mod register;
mod home;
mod authority;
mod revocation;
mod timestamp;
pub mod drills;
mod serve;

pub use authority::{Issued, PracticeAuthority, Settings};
pub use error::{IssueRefusal, OpenFailure, StartFailure, StoreFailure};
pub use key::KeyKind;
pub use register::{Entry, Profile, RevocationReason, Status};
pub use serve::{Addresses, Services};
