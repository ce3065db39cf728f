//! What is wrong with a key or its file, said so that whoever reads it knows what to do.

use std::fmt;
use std::path::PathBuf;

use jiff::Timestamp;
use thiserror::Error;

/// What a key is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To encrypt to it.
    Encrypting,
    /// To sign with it.
    Signing,
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Encrypting => "encrypting",
            Self::Signing => "signing",
        })
    }
}

/// A key that cannot be used, with the file that it stands in.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeyFault {
    /// The file.
    #[error("the OpenPGP key file {path} cannot be read: {reason}")]
    File {
        /// Which one.
        path: PathBuf,
        /// The operating system's words.
        reason: String,
    },
    /// Others than its owner may read or change it.
    #[error(
        "the OpenPGP key file {path} is open to others than its owner (mode {mode:03o}); it must have mode 600"
    )]
    Mode {
        /// Which one.
        path: PathBuf,
        /// The permissions found.
        mode: u32,
    },
    /// It would be encrypted to, since no other key is named for that.
    #[error(
        "there are no recipient_key_files, and the key in {path}, which signs, cannot be encrypted to instead: {why}"
    )]
    NoRecipient {
        /// Which one.
        path: PathBuf,
        /// What is wrong with it.
        why: Unfit,
    },
    /// What stands in it.
    #[error("the OpenPGP key file {path} cannot be used: {why}")]
    Unfit {
        /// Which one.
        path: PathBuf,
        /// What is wrong with it.
        why: Unfit,
    },
}

/// Why a key cannot be used. Keys are named by their fingerprints.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unfit {
    /// Something else stands there.
    #[error("it holds no OpenPGP key as gpg --export writes it")]
    NoKey,
    /// It is not whole, or was changed.
    #[error("it is damaged or cut short; export the key anew")]
    Damaged,
    /// No key is that long, except with what others have signed on it.
    #[error("it has more than {max} octets; export the key with --export-options export-minimal")]
    TooLong {
        /// How many it may have.
        max: u64,
    },
    /// Each may cost a verification.
    #[error(
        "it has more than {max} parts and signatures; export the key with --export-options export-minimal"
    )]
    TooMany {
        /// How many it may have.
        max: usize,
    },
    /// Which of them is meant is not clear.
    #[error("it holds more than one key; export each into a file of its own")]
    Several,
    /// A secret key where a public one belongs.
    #[error("it holds a secret key, which has no place here; put there what gpg --export writes")]
    Secret,
    /// A public key where a secret one belongs.
    #[error("it holds a public key only; put there what gpg --export-secret-keys writes")]
    Public,
    /// A secret RSA key.
    #[error(
        "it holds a secret RSA key, and this server does not sign with RSA here: how long that takes may tell of the key. Make one that it \
         takes: gpg --quick-generate-key NAME ed25519 sign"
    )]
    SecretRsa,
    /// A secret key in another form than `gpg` writes.
    #[error(
        "it holds a secret key of version {version}, and only version 4 is taken here; make one with gpg"
    )]
    SecretVersion {
        /// Which version.
        version: u8,
    },
    /// Its secret part cannot be had.
    #[error(
        "the secret part of the key {key} is locked with a passphrase or was not exported; take the passphrase away \
         (gpg --passwd) and export it anew"
    )]
    Locked {
        /// Which one.
        key: String,
    },
    /// A version that `gpg` does not know, or knows no more.
    #[error("the key {key} is not of version 4; make one with gpg")]
    Version {
        /// Which one.
        key: String,
    },
    /// An algorithm that is not for this, or that not every `gpg` knows.
    #[error(
        "the key {key} has an algorithm that is not taken for {purpose}: RSA from 2048 bits (not for signing), Curve25519, and the NIST curves \
         are"
    )]
    Algorithm {
        /// Which one.
        key: String,
        /// What for.
        purpose: Purpose,
    },
    /// Too short.
    #[error("the key {key} is an RSA key of {bits} bits, which is too weak; 2048 are the least")]
    Weak {
        /// Which one.
        key: String,
        /// How long it is.
        bits: u16,
    },
    /// Others can make such signatures.
    #[error(
        "the key {key} is bound to its owner with a digest that is forged today (SHA-1 or older); renew its own signatures, or make another key"
    )]
    Digest {
        /// Which one.
        key: String,
    },
    /// No valid signature of its own binds it.
    #[error("the key {key} is not bound by a valid signature of its own; export it anew")]
    Unbound {
        /// Which one.
        key: String,
    },
    /// It is not valid any more.
    #[error(
        "the key {key} has been revoked, or its file holds what would revoke it, which counts wherever it stands and whether or not it can \
         be verified; put another key there"
    )]
    Revoked {
        /// Which one.
        key: String,
    },
    /// It is not valid any more.
    #[error("the key {key} expired at {at}; have its time extended, or put another key there")]
    Expired {
        /// Which one.
        key: String,
        /// When.
        at: Timestamp,
    },
    /// It is not valid yet.
    #[error("the key {key} was made in the future, at {at}; does this machine's clock go right?")]
    Early {
        /// Which one.
        key: String,
        /// When.
        at: Timestamp,
    },
    /// It is for something else.
    #[error("the key {key} has no part that is made for {purpose}")]
    NothingFor {
        /// Which one.
        key: String,
        /// What for.
        purpose: Purpose,
    },
}

/// Why nothing was sealed. What was written until then is good for nothing.
#[derive(Debug, Error)]
pub enum SealFailure {
    /// Nobody could open it.
    #[error("there is no key to encrypt to")]
    NoRecipient,
    /// A key cannot be used now.
    #[error(transparent)]
    Key(#[from] KeyFault),
    /// What is to be sealed cannot be read.
    #[error("what is to be sealed cannot be read: {0}")]
    Read(std::io::Error),
    /// What is sealed cannot be written.
    #[error("what is sealed cannot be written: {0}")]
    Write(std::io::Error),
    /// What the library says.
    #[error("the OpenPGP library refuses: {0}")]
    Library(String),
}
