//! The verdicts of this room.

use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Why something is not on disk.
#[derive(Debug, Error)]
pub enum StoreFailure {
    #[error("{path} cannot be {act}: {error}")]
    File { path: PathBuf, act: &'static str, error: io::Error },
    /// A write failed before; whether it is on disk is not known until the next start reads it.
    #[error("the register does not know its own state since a write failed; start again")]
    Broken,
}

/// Why the authority does not open.
#[derive(Debug, Error)]
pub enum OpenFailure {
    #[error("{0}")]
    Store(#[from] StoreFailure),
    #[error("another process uses {0}")]
    InUse(PathBuf),
    #[error("{path} is damaged: {why}")]
    Damaged { path: PathBuf, why: String },
    #[error("the authority's name must have 1 to 40 printable characters")]
    Name,
    #[error("the OCSP address must be printable ASCII of at most 200 characters")]
    OcspUrl,
    #[error("the cryptographic library made no key or signature")]
    Crypto,
}

/// Why a certificate request is refused, or its outcome could not be kept.
#[derive(Debug, Error)]
pub enum IssueRefusal {
    #[error("the request is larger than {0} bytes")]
    TooLarge(usize),
    #[error("this is not a PKCS#10 certificate request, neither PEM nor DER")]
    NotARequest,
    #[error("the request has an empty subject")]
    NoSubject,
    #[error(
        "the request's signature algorithm {0} is not taken (RSA or ECDSA with SHA-256, SHA-384 or SHA-512)"
    )]
    SignatureAlgorithm(String),
    #[error("the key is not RSA, P-256 or P-384")]
    KeyKind,
    #[error("the RSA key has {0} bits; 2048 to 8192 are taken")]
    KeySize(usize),
    #[error("the RSA key's public exponent is too small")]
    Exponent,
    #[error("the request is not signed by the key it names")]
    Signature,
    #[error("this key belongs to the authority itself")]
    OwnKey,
    #[error("the certificate could not be kept: {0}")]
    Store(#[from] StoreFailure),
    #[error("the cryptographic library made no signature")]
    Crypto,
    #[error("no certificate with this serial number was issued")]
    NotIssued,
    #[error("a revoked certificate stays revoked")]
    Revoked,
}

impl PartialEq for IssueRefusal {
    /// Store failures are never equal: their evidence cannot be compared.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Store(_), _) | (_, Self::Store(_)) => false,
            (left, right) => left.to_string() == right.to_string(),
        }
    }
}

/// Why the services do not start.
#[derive(Debug, Error)]
pub enum StartFailure {
    #[error("{0} is not a loopback address; practice services are for this machine only")]
    NotLoopback(std::net::SocketAddr),
    #[error("cannot listen on {address}: {error}")]
    Listen { address: std::net::SocketAddr, error: io::Error },
}
