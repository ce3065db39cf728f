//! Whom we believe.
//!
//! Everything that another party says about itself arrives with certificates, and this room decides what they are worth.
//! Its only source of trust is the global configuration: the CAs that a registry approves, the OCSP responders and the
//! time-stamp authorities that it lists ([`Authorities`], plain data that `globalconf` fills in after verifying it).
//!
//! The path through the room, for a message's signer ([`signer`], data-plane 5.6) as for a peer on the wire
//! ([`peer`], data-plane 4.2 and 4.3):
//!
//! ```text
//! bytes → Certificate → VerifiedPath → VerifiedStatuses → VerifiedSigner | VerifiedPeer
//!         certificate   path           ocsp               signer           peer
//! ```
//!
//! Beside it stand time-stamps ([`timestamp`], data-plane 7.4) and the words that all rooms above share: digests and
//! signature algorithms ([`algorithm`]), keys ([`key`]), names ([`name`]), profiles of certificates ([`profile`]).
//!
//! **Invariant:** a `Verified…` value exists only when every check that its name promises has passed, at the instant
//! that was given, and it carries what was checked, so that proof and subject cannot be parted. Signatures and digests
//! are always taken over the bytes as received, never over an encoding of ours.
//!
//! Certificates in use are not all perfect DER, and the names in `X509IssuerName` have to come out as Java writes them.
//! So this room reads ASN.1 with a small reader of its own ([`certificate`] and its neighbours): lenient about how a
//! value is written, strict about structure, sizes and counts, and without copying or recursion. The only BER that is
//! understood is that of time-stamp answers.
//!
//! Where we are stricter than X-Road 7.8.0: an OCSP response from the future is refused; a delegated responder's
//! certificate has to be valid; a time-stamp has to name its authority's certificate; critical extensions that we do not
//! process are refused, and name constraints, critical or not.
//!
//! What it deliberately does not do: fetch anything, read a clock (every decision takes `at`), hold a private key, make
//! certificates or requests for them, know which server or member a certificate is registered to.

mod asn1;
mod oid;
mod error;
mod serial;
pub mod algorithm;
pub mod key;
pub mod name;
pub mod certificate;
pub mod authorities;
pub mod profile;
pub mod path;
pub mod ocsp;
pub mod signer;
pub mod peer;
pub mod timestamp;

pub use algorithm::{DigestAlgorithm, EcdsaForm, Hasher, SignatureAlgorithm};
pub use authorities::{Authorities, Authority, CaCertificate, OcspPolicy, Responder};
pub use certificate::{BasicConstraints, CERTIFICATE_BYTES_MAX, Certificate, KeyUsage};
pub use error::{
    Malformed, OcspRefusal, PathRefusal, PeerRefusal, SignatureMismatch, SignerRefusal, SubjectRefusal,
    TimestampRefusal, UnreadableCertificate, UnreadableOcsp,
};
pub use key::{Curve, KeyKind, PublicKey};
pub use name::Name;
pub use ocsp::{CertificateStatus, OcspResponse, VerifiedStatuses};
pub use path::VerifiedPath;
pub use peer::VerifiedPeer;
pub use profile::CertificateProfile;
pub use signer::VerifiedSigner;
pub use timestamp::{TimeStampToken, VerifiedTimeStamp};
