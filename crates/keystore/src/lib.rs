//! Private keys: the only room that ever holds one.
//!
//! A gateway signs messages for its members and shows itself to other gateways by TLS; a registry signs what it
//! publishes. All of these keys live here, in a directory that a PIN opens:
//!
//! ```text
//! keystore.json   every key's name, label, usage, kind, public key, certificates and requests; the PIN record
//! <KEYID>.key     one private key: PKCS#8, sealed with AES-256-GCM under the data key
//! keystore.lock   empty; held while something is changed or all of it is read
//! ```
//!
//! The data key is random and sealed under what argon2id makes of the PIN; a verifier beside it tells a wrong PIN
//! before any key is touched. Name, usage and kind of a key are sealed together with it, so an edited index cannot turn
//! a signing key into one that may be handed out. Directory and files belong to their owner alone (0700, 0600); anything
//! wider is refused.
//!
//! The path: [`Keystore::create`] or [`Keystore::open`] · a key is made ([`Keystore::generate`]) or brought
//! ([`Keystore::import_key`], [`Keystore::import_p12`], [`Keystore::import_softtoken`] for a whole X-Road server) ·
//! [`Keystore::csr`] asks a CA for a certificate, [`Keystore::import_certificate`] takes it in,
//! [`Keystore::self_signed`] does without · [`Keystore::activate`] · [`Keystore::active_signing`] and
//! [`Keystore::active_authentication`] say what to use · [`Signer::sign_digest`] signs.
//!
//! A signing key may live in a PKCS#11 token instead ([`TokenSettings`], [`Keystore::generate_in_token`],
//! [`Keystore::import_from_token`]); then the index says where, and there is no file. The keystore opens without the
//! token: whether it is there shows when it shall sign.
//!
//! **Invariants.** A private key leaves this room through one door only, [`Keystore::tls_key_der`], and only when it is
//! for authentication or internal TLS. A change is on disk wholly or not at all, whatever a crash cuts short: files are
//! written beside, flushed, renamed, and the index is renamed last. Signing that takes its time, RSA or
//! in a token, runs on its own threads behind a bounded queue, a token's beside the others'; a signature comes within the time allowed or
//! a verdict does. What is secret is zeroed when dropped, and nothing that can be listed or printed holds it.
//!
//! What it deliberately does not do: judge certificates (chains, OCSP, members: crate `trust`, by the caller), know the
//! time, talk to a network, or merge several messages under one signature (the gateway queues and merges).
//!
//! [`secret_keys`] reads what X-Road encrypts its log with: those keys do not live here, they are handed to whoever keeps the log.
//!
//! Beside the keys lies [`ocsp_cache`], since the answers belong to the same certificates and need the same care with
//! files.

mod error;
mod key;
mod pin;
mod held;
mod subject;
mod certify;
mod store;
mod signer;
mod opened;
mod token;
pub mod keyconf;
pub mod softtoken;
pub mod secret_keys;
pub mod ocsp_cache;
mod pool;
mod index;
mod seal;
mod private_key;
mod pkcs12;
mod pbes;
mod pem;
mod asn1;
mod der_out;
mod disk;

pub use certify::SelfSigned;
pub use error::{
    CertificateRefusal, KeyRefusal, OpenRefusal, P12Refusal, SignFailure, StorageFailure, TakeOverRefusal,
    TokenFailure,
};
pub use held::{
    CertificateRequest, Credential, HeldCertificate, HeldInToken, HeldKey, HeldRequest, ImportedKey, Left,
    Owner, TakenOver, TokenKeyTaken,
};
pub use key::{KeyAlgorithm, KeyId, KeyUsage, NotAKeyId};
pub use ocsp_cache::OcspCache;
pub use pin::{PIN_CHARACTERS_MIN, PIN_CLASSES_MIN, Pin, WeakPin, check_policy};
pub use seal::PinHardness;
pub use signer::{Signer, Signing};
pub use store::{Keystore, Settings};
pub use subject::{AlternativeName, Subject, SubjectRefusal};
pub use token::{TokenAccess, TokenFound, TokenReport, TokenSettings};
