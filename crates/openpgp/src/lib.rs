//! OpenPGP for files that leave this machine: signed with a key of this server, encrypted to keys of those who may read them.
//!
//! What [`seal`] writes is a message as `gpg` writes it and as every version of it since 2.1 opens it: the session key encrypted to each
//! recipient, and then, in AES-256 with a modification detection code, the file with a signature over it (SHA-512). Nothing is
//! compressed, and no more than a few hundred kilobytes are held, however long the file is.
//!
//! **Invariants**
//! - *Nothing is encrypted to a key that has ended, was revoked, or is weak*: that is looked at each time, with the time handed in, and
//!   only what the key's own signatures say counts. There is no way to have the file written open instead.
//! - *RSA's private operation is never used*: the library that does it can be timed (RUSTSEC-2023-0071). A secret RSA key is refused before
//!   it is parsed; encrypting to RSA keys and verifying what they signed take the public operation only.
//!
//! What it deliberately does not do: open anything, make keys, believe anybody else's signature on a key, ask a key server.

mod certificate;
mod fault;
mod keyring;
mod keys;
mod packets;
mod sealing;
mod settings;

pub use fault::{KeyFault, Purpose, SealFailure, Unfit};
pub use keyring::Keyring;
pub use keys::{Recipient, Signer};
pub use sealing::seal;
pub use settings::{MemberKeys, Settings};
