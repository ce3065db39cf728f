//! The verdicts of this room: one enum per act, each carrying its evidence. No text here holds a secret.

mod token;

use std::io;
use std::path::PathBuf;

use crate::key::{KeyAlgorithm, KeyId, KeyUsage};
use crate::subject::SubjectRefusal;
pub use token::TokenFailure;

/// The disk would not do its part, or what lies on it cannot be trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StorageFailure {
    /// The operating system refused.
    #[error("could not {act} {}: {text}", path.display())]
    Io {
        /// What was attempted, as a verb: "write", "read".
        act: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// The operating system's kind of error.
        kind: io::ErrorKind,
        /// The operating system's own words.
        text: String,
    },
    /// Someone besides the owner may read or write it.
    #[error(
        "{} is open to others than its owner (mode {mode:o}); allow only the owner: chmod {} {}",
        path.display(), if *directory { "700" } else { "600" }, path.display()
    )]
    OpenToOthers {
        /// The file or directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// Whether it is a directory.
        directory: bool,
    },
    /// A link, a pipe or a directory where a plain file belongs.
    #[error("{} is not a plain file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// Longer than anything this room writes.
    #[error("{} is longer than {bytes_max} bytes", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The bound.
        bytes_max: u64,
    },
    /// The content does not read, or does not fit the rest of the keystore.
    #[error("{} is damaged: {why}; restore it from a backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Sealing, opening or randomness failed inside the cryptographic library.
    #[error("the cryptographic library failed: {what}")]
    Cryptography {
        /// The step.
        what: &'static str,
    },
}

impl StorageFailure {
    pub(crate) fn io(act: &'static str, path: &std::path::Path, error: &io::Error) -> Self {
        Self::Io { act, path: path.to_path_buf(), kind: error.kind(), text: error.to_string() }
    }

    pub(crate) fn damaged(path: &std::path::Path, why: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_path_buf(), why: why.into() }
    }
}

/// Why a keystore was not created or opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenRefusal {
    /// There is no keystore there.
    #[error("{} holds no keystore", dir.display())]
    Absent {
        /// The directory asked for.
        dir: PathBuf,
    },
    /// `create` never overwrites.
    #[error("{} already holds a keystore", dir.display())]
    Exists {
        /// The directory asked for.
        dir: PathBuf,
    },
    /// The PIN is not the one the keystore was sealed with (or the PIN record itself was altered).
    #[error("the PIN is wrong")]
    WrongPin,
    /// The cost parameters of the PIN are outside what this version computes.
    #[error("the PIN's cost is out of bounds: {why}")]
    Hardness {
        /// Which bound.
        why: String,
    },
    /// The signing threads could not be started.
    #[error("could not start the signing threads: {text}")]
    Threads {
        /// The operating system's own words.
        text: String,
    },
    /// The disk.
    #[error(transparent)]
    Storage(#[from] StorageFailure),
}

/// Why a key was not generated, imported, deleted or handed out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefusal {
    /// Not a private key in any of the forms PKCS#8, PKCS#1, SEC1.
    #[error("this is not a private key that can be read: {why}")]
    Unreadable {
        /// What is wrong.
        why: String,
    },
    /// An RSA key shorter than 2048 bits.
    #[error("an RSA key of {bits} bits is too weak; at least 2048 are needed")]
    Weak {
        /// Length of the modulus.
        bits: usize,
    },
    /// An RSA key of a length that is not used here.
    #[error("an RSA key of {bits} bits is not supported; use 2048, 3072 or 4096")]
    UnsupportedSize {
        /// Length of the modulus.
        bits: usize,
    },
    /// An EC key on another curve than P-256.
    #[error("the curve {oid} is not supported; use P-256")]
    ForeignCurve {
        /// Object identifier of the curve, or a word for explicit parameters.
        oid: String,
    },
    /// Neither RSA nor EC.
    #[error("keys of kind {oid} are not supported; use RSA or EC P-256")]
    UnsupportedKind {
        /// Object identifier of the key's algorithm.
        oid: String,
    },
    /// The key is encrypted and no passphrase was given.
    #[error("the key is encrypted; give its passphrase")]
    NeedsPassphrase,
    /// The encryption around the key could not be undone.
    #[error(transparent)]
    Sealed(#[from] P12Refusal),
    /// The keystore already holds this key.
    #[error("this key is already held, as {key}")]
    AlreadyHeld {
        /// Its identifier here.
        key: KeyId,
    },
    /// No key of that identifier.
    #[error("there is no key {key}")]
    Unknown {
        /// The identifier asked for.
        key: KeyId,
    },
    /// Only authentication and internal TLS keys may be handed to a TLS library.
    #[error("key {key} is for {usage} and never leaves the keystore")]
    NeverLeaves {
        /// The key asked for.
        key: KeyId,
        /// Its usage.
        usage: KeyUsage,
    },
    /// A key with an active certificate is in use.
    #[error("key {key} has an active certificate; deactivate it first")]
    InUse {
        /// The key.
        key: KeyId,
    },
    /// A label is one line of at most 255 characters.
    #[error("a label is one line of 1 to 255 characters without control characters")]
    Label,
    /// More keys than a keystore holds.
    #[error("a keystore holds at most {keys_max} keys")]
    TooMany {
        /// The bound.
        keys_max: usize,
    },
    /// Only signing keys live in tokens.
    #[error(
        "only keys that sign messages live in tokens; a key for {usage} stays in software, as with X-Road (TLS needs its key in memory): leave --token out"
    )]
    NotInToken {
        /// The usage asked for.
        usage: KeyUsage,
    },
    /// A CKA_ID is 1 to 128 bytes.
    #[error("a CKA_ID is 1 to 128 bytes in hexadecimal digits")]
    TokenKeyId,
    /// The token.
    #[error(transparent)]
    Token(#[from] TokenFailure),
    /// The key is not held any more, but its token did not destroy it.
    #[error("the key is not held here any more, but it is still in its token: {failure}")]
    LeftInToken {
        /// What the token said.
        failure: TokenFailure,
    },
    /// The generator of the cryptographic library failed.
    #[error("the cryptographic library could not generate a key")]
    Generation,
    /// The disk.
    #[error(transparent)]
    Storage(#[from] StorageFailure),
}

/// Why a certificate or certificate request was not made, imported, activated or removed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateRefusal {
    /// Not a certificate.
    #[error("this is not a certificate that can be read: {why}")]
    Unreadable {
        /// What is wrong.
        why: String,
    },
    /// No key here belongs to it.
    #[error("no key in this keystore belongs to the certificate {sha256}")]
    NoKey {
        /// SHA-256 of the certificate, hex.
        sha256: String,
    },
    /// The certificate is of the other kind than its key.
    #[error("key {key} is for {usage}, the certificate is for {certificate_usage}")]
    WrongUsage {
        /// The key that matches.
        key: KeyId,
        /// What the key is for.
        usage: KeyUsage,
        /// What the certificate is for.
        certificate_usage: KeyUsage,
    },
    /// keyUsage and extendedKeyUsage make it neither or both (control-plane 4.3).
    #[error("the certificate's key usage makes it {}", if *both { "both a signing and an authentication certificate" } else { "neither a signing nor an authentication certificate" })]
    Undecided {
        /// Both, or neither.
        both: bool,
    },
    /// Already imported.
    #[error("key {key} already has this certificate")]
    AlreadyHeld {
        /// The key.
        key: KeyId,
    },
    /// No certificate of that hash.
    #[error("there is no certificate {sha256} here")]
    Unknown {
        /// The hash asked for, hex.
        sha256: String,
    },
    /// No key of that identifier.
    #[error("there is no key {key}")]
    UnknownKey {
        /// The identifier asked for.
        key: KeyId,
    },
    /// This kind of key does not get what was asked for.
    #[error("a key for {usage} does not get {what}")]
    NotForUsage {
        /// What the key is for.
        usage: KeyUsage,
        /// What was asked for.
        what: &'static str,
    },
    /// The subject or the alternative names cannot be written.
    #[error(transparent)]
    Subject(#[from] SubjectRefusal),
    /// The validity ends before it begins, or cannot be written in a certificate.
    #[error("the validity cannot be written: {why}")]
    Validity {
        /// What is wrong.
        why: String,
    },
    /// A certificate that is in use cannot be removed.
    #[error("the certificate is active; deactivate it first")]
    Active,
    /// More certificates than a key holds.
    #[error("a key holds at most {certificates_max} certificates and requests")]
    TooMany {
        /// The bound.
        certificates_max: usize,
    },
    /// Signing failed.
    #[error(transparent)]
    Sign(#[from] SignFailure),
    /// The DER could not be written.
    #[error("could not encode: {why}")]
    Encode {
        /// The encoder's words.
        why: String,
    },
    /// The disk.
    #[error(transparent)]
    Storage(#[from] StorageFailure),
}

/// Why there is no signature. All of these are our own side's affair, never the peer's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignFailure {
    /// No key of that identifier.
    #[error("there is no key {key}")]
    UnknownKey {
        /// The identifier asked for.
        key: KeyId,
    },
    /// An RSA algorithm for an EC key or the other way round.
    #[error("an {algorithm} key cannot sign with {asked}")]
    WrongAlgorithm {
        /// What the key is.
        algorithm: KeyAlgorithm,
        /// The algorithm asked for.
        asked: String,
    },
    /// SHA-1 and SHA-224 are verified where history demands it, never signed with.
    #[error("signatures over {digest} are not made")]
    WeakDigest {
        /// The digest's name.
        digest: String,
    },
    /// The digest is not as long as its algorithm says.
    #[error("the digest has {found} bytes, {expected} are needed")]
    DigestLength {
        /// Bytes needed.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
    /// No signature within the time allowed (control-plane 5, 60 s). A later try can help.
    #[error("no signature from key {key} within {seconds} s")]
    TimedOut {
        /// The key.
        key: KeyId,
        /// The time allowed.
        seconds: u64,
    },
    /// The signing threads are gone: the keystore is being closed.
    #[error("the signing threads have stopped")]
    Stopped,
    /// The cryptographic library refused.
    #[error("the cryptographic library could not sign")]
    Cryptography,
    /// The token in which the key lives.
    #[error(transparent)]
    Token(#[from] TokenFailure),
}

/// Why a PKCS#12 file or an encrypted PKCS#8 key was not opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum P12Refusal {
    /// Not such a file.
    #[error("this is not a key file that can be read: {why}")]
    Unreadable {
        /// What is wrong.
        why: String,
    },
    /// The password (PIN) does not open it, or it was altered.
    #[error("the password does not open the key file")]
    WrongPassword,
    /// An encryption or checksum method that is not supported.
    #[error(
        "the key file uses {method}, which is not supported; have a newer openssl or keytool write it again"
    )]
    Unsupported {
        /// Object identifier or name of the method.
        method: String,
    },
    /// The iteration count would keep a thread busy without end.
    #[error("the key file asks for {asked} iterations; at most {iterations_max} are computed")]
    TooCostly {
        /// Asked for.
        asked: u64,
        /// The bound.
        iterations_max: u32,
    },
    /// There is no checksum, so that nobody knows whether it was altered.
    #[error("the key file has no checksum (MAC)")]
    NoChecksum,
    /// No key, or none of that name.
    #[error("the key file holds no key{}", alias.as_ref().map(|a| format!(" named {a}")).unwrap_or_default())]
    NoKey {
        /// The name asked for.
        alias: Option<String>,
    },
    /// Several keys and no name given, or two of the same name.
    #[error("the key file holds {count} keys; say which by its name")]
    SeveralKeys {
        /// How many.
        count: usize,
    },
    /// Longer than any key file.
    #[error("the key file has {bytes} bytes; at most {bytes_max} are read")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The bound.
        bytes_max: usize,
    },
}

/// Why an X-Road server's keys were not taken over. Nothing is taken when any of these is returned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TakeOverRefusal {
    /// keyconf.xml does not read.
    #[error(transparent)]
    Keyconf(#[from] crate::keyconf::KeyconfRefusal),
    /// A file of the software token would not be read.
    #[error(transparent)]
    Storage(#[from] StorageFailure),
    /// The software token's PIN is another one.
    #[error("the PIN does not open the software token")]
    WrongPin,
    /// One key's file did not open.
    #[error("key {key}: {refusal}")]
    Key {
        /// Key identifier in keyconf.xml.
        key: String,
        /// Why.
        refusal: KeyRefusal,
    },
    /// The key in the file is not the one keyconf.xml describes.
    #[error("key {key}: its file holds another key than keyconf.xml says")]
    AnotherKey {
        /// Key identifier in keyconf.xml.
        key: String,
    },
}
