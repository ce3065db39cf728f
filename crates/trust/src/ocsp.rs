//! OCSP: asking for a certificate's status, reading the answer, and believing it (data-plane 6).

use std::fmt;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::algorithm::{DigestAlgorithm, SignatureAlgorithm};
use crate::asn1::{self, Malformed};
use crate::authorities::OcspPolicy;
use crate::certificate::Certificate;
use crate::error::UnreadableOcsp;
use crate::name::Name;

mod read;
mod verify;

pub use verify::{FUTURE_SECONDS_MAX, VerifiedStatuses, verify_response, verify_statuses};

/// An OCSP response may have this many bytes.
pub const OCSP_BYTES_MAX: usize = 256 * 1024;

/// What the responder says about the certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateStatus {
    /// Not revoked.
    Good,
    /// Revoked.
    Revoked {
        /// Since when.
        at: Timestamp,
    },
    /// The responder does not know it.
    Unknown,
}

/// A parsed response, not yet believed. Only its first single response is kept (data-plane 6.3 step 1). Cheap to
/// clone; equal when the DER is equal.
#[derive(Clone)]
pub struct OcspResponse {
    inner: Arc<Inner>,
}

struct Inner {
    der: Vec<u8>,
    tbs: Vec<u8>,
    algorithm: Result<SignatureAlgorithm, Malformed>,
    signature: Vec<u8>,
    responder: ResponderId,
    produced_at: Timestamp,
    id: CertificateId,
    status: CertificateStatus,
    this_update: Timestamp,
    next_update: Option<Timestamp>,
    certificates: Vec<Certificate>,
}

enum ResponderId {
    Name(Name),
    /// SHA-1 of the key's bits.
    Key(Vec<u8>),
}

/// Which certificate a response is about.
#[derive(Clone, Debug, PartialEq, Eq)]
struct CertificateId {
    digest: DigestAlgorithm,
    issuer_name_hash: Vec<u8>,
    issuer_key_hash: Vec<u8>,
    serial: Vec<u8>,
}

impl CertificateId {
    fn of(certificate: &Certificate, issuer: &Certificate) -> Self {
        let digest = DigestAlgorithm::Sha1;
        Self {
            digest,
            issuer_name_hash: digest.digest(issuer.subject_der()),
            issuer_key_hash: digest.digest(issuer.public_key().key_bits()),
            serial: certificate.serial_bytes().to_vec(),
        }
    }

    fn der(&self) -> Vec<u8> {
        asn1::encode_all(
            asn1::SEQUENCE,
            &[
                &self.digest.identifier(),
                &asn1::encode(asn1::OCTET_STRING, &self.issuer_name_hash),
                &asn1::encode(asn1::OCTET_STRING, &self.issuer_key_hash),
                &asn1::encode(asn1::INTEGER, &self.serial),
            ],
        )
    }
}

/// The DER of an OCSPRequest for one certificate: CertID with SHA-1, no nonce, unsigned (data-plane 6.1).
#[must_use]
pub fn request(certificate: &Certificate, issuer: &Certificate) -> Vec<u8> {
    let id = CertificateId::of(certificate, issuer).der();
    let wrap = |inner: &[u8]| asn1::encode(asn1::SEQUENCE, inner);
    // OCSPRequest { TBSRequest { requestList { Request { CertID } } } }
    wrap(&wrap(&wrap(&wrap(&id))))
}

impl OcspResponse {
    /// Reads the DER of an OCSPResponse.
    ///
    /// # Errors
    /// [`UnreadableOcsp`]: larger than 256 KiB, an error status, or not an OCSP response.
    pub fn parse(der: &[u8]) -> Result<Self, UnreadableOcsp> {
        if der.len() > OCSP_BYTES_MAX {
            return Err(UnreadableOcsp::TooLarge { bytes: der.len(), bytes_max: OCSP_BYTES_MAX });
        }
        Ok(Self { inner: Arc::new(read::response(der)?) })
    }

    /// The DER as received.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.inner.der
    }

    /// Whether it is about `certificate`, issued by `issuer`: the whole SHA-1 CertID has to be equal.
    #[must_use]
    pub fn matches(&self, certificate: &Certificate, issuer: &Certificate) -> bool {
        self.inner.id.serial == certificate.serial_bytes()
            && self.inner.id == CertificateId::of(certificate, issuer)
    }

    /// What it says; unverified.
    #[must_use]
    pub fn status(&self) -> CertificateStatus {
        self.inner.status
    }

    /// The serial number of the certificate that it is about, in decimal.
    #[must_use]
    pub fn serial_decimal(&self) -> String {
        crate::certificate::decimal(&self.inner.id.serial)
    }

    /// When the status was known to be right.
    #[must_use]
    pub fn this_update(&self) -> Timestamp {
        self.inner.this_update
    }

    /// When newer information will exist, if the responder says.
    #[must_use]
    pub fn next_update(&self) -> Option<Timestamp> {
        self.inner.next_update
    }

    /// When the response was signed.
    #[must_use]
    pub fn produced_at(&self) -> Timestamp {
        self.inner.produced_at
    }

    /// The responder's name, or its key hash in hexadecimal.
    #[must_use]
    pub fn responder(&self) -> String {
        match &self.inner.responder {
            ResponderId::Name(name) => name.rfc2253(),
            ResponderId::Key(hash) => hash.iter().map(|octet| format!("{octet:02x}")).collect(),
        }
    }

    /// The certificates inside.
    #[must_use]
    pub fn certificates(&self) -> &[Certificate] {
        &self.inner.certificates
    }

    /// The last instant at which it passes steps 5 and 6 of data-plane 6.3.
    #[must_use]
    pub fn usable_until(&self, policy: &OcspPolicy) -> Timestamp {
        let freshness = i64::try_from(policy.freshness_seconds).unwrap_or(i64::MAX);
        let fresh =
            self.this_update().checked_add(SignedDuration::from_secs(freshness)).unwrap_or(Timestamp::MAX);
        match self.next_update() {
            Some(next_update) if policy.verify_next_update => fresh.min(next_update),
            _ => fresh,
        }
    }
}

impl PartialEq for OcspResponse {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner) || self.inner.der == other.inner.der
    }
}

impl Eq for OcspResponse {}

impl fmt::Debug for OcspResponse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("OcspResponse")
            .field("serial", &self.serial_decimal())
            .field("status", &self.inner.status)
            .field("this_update", &self.inner.this_update)
            .finish_non_exhaustive()
    }
}
