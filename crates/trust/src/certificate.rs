//! X.509 certificates: the fields that trust is decided on, over the bytes as received.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use crate::algorithm::{DigestAlgorithm, EcdsaForm, SignatureAlgorithm};
use crate::asn1::{self, Malformed, Reader};
use crate::error::{SignatureMismatch, UnreadableCertificate};
use crate::key::PublicKey;
use crate::name::Name;
use crate::oid;

mod extensions;
mod number;

pub use extensions::{BasicConstraints, KeyUsage};

use extensions::Extensions;
pub(crate) use extensions::has_critical;
pub(crate) use number::decimal;

/// A certificate may have this many bytes.
pub const CERTIFICATE_BYTES_MAX: usize = 64 * 1024;

/// A parsed certificate. Cheap to clone; equal when the DER is equal.
#[derive(Clone)]
pub struct Certificate {
    inner: Arc<Inner>,
}

struct Inner {
    der: Vec<u8>,
    tbs: Vec<u8>,
    serial: Vec<u8>,
    issuer: Name,
    subject: Name,
    not_before: Timestamp,
    not_after: Timestamp,
    key: PublicKey,
    /// `Err` when the algorithm is unknown: the certificate can be read, but nothing vouches for it.
    algorithm: Result<SignatureAlgorithm, Malformed>,
    signature: Vec<u8>,
    extensions: Extensions,
}

impl Certificate {
    /// Reads one DER certificate. It need not be perfect DER: negative serial numbers, odd string kinds and unsorted
    /// sets exist and are taken as they are.
    ///
    /// # Errors
    /// [`UnreadableCertificate`]: larger than 64 KiB, or not a certificate.
    pub fn from_der(der: &[u8]) -> Result<Self, UnreadableCertificate> {
        if der.len() > CERTIFICATE_BYTES_MAX {
            return Err(UnreadableCertificate::TooLarge {
                bytes: der.len(),
                bytes_max: CERTIFICATE_BYTES_MAX,
            });
        }
        Ok(Self { inner: Arc::new(parse(der)?) })
    }

    /// Reads one certificate, DER or PEM text (X-Road's shared parameters hold both, data-plane E.1.19).
    ///
    /// # Errors
    /// As [`Self::from_der`], and PEM that is broken or holds no certificate.
    pub fn from_der_or_pem(bytes: &[u8]) -> Result<Self, UnreadableCertificate> {
        match Self::all_from_pem(bytes)? {
            None => Self::from_der(bytes),
            Some(certificates) => certificates.into_iter().next().ok_or(UnreadableCertificate::Pem),
        }
    }

    /// Every certificate of a PEM text, in order, or nothing when the bytes are no PEM text.
    ///
    /// # Errors
    /// Broken Base64, a missing end line, more than ten certificates, or one that cannot be read.
    pub fn all_from_pem(bytes: &[u8]) -> Result<Option<Vec<Self>>, UnreadableCertificate> {
        const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
        const END: &str = "-----END CERTIFICATE-----";
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Ok(None);
        };
        if !text.contains(BEGIN) {
            return Ok(None);
        }
        let mut certificates = Vec::new();
        for block in text.split(BEGIN).skip(1) {
            let (body, _) = block.split_once(END).ok_or(UnreadableCertificate::Pem)?;
            if certificates.len() >= crate::path::CERTIFICATES_MAX {
                return Err(UnreadableCertificate::Pem);
            }
            let body: String = body.split_whitespace().collect();
            let der = STANDARD.decode(body).map_err(|_| UnreadableCertificate::Pem)?;
            certificates.push(Self::from_der(&der)?);
        }
        Ok(Some(certificates))
    }

    /// The DER as received.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.inner.der
    }

    /// SHA-1 of the DER: X-Road's certificate id in OCSP distribution (data-plane 4.4).
    #[must_use]
    pub fn sha1(&self) -> [u8; 20] {
        fixed(&DigestAlgorithm::Sha1.digest(self.der()))
    }

    /// SHA-256 of the DER: how authentication certificates are registered (data-plane 4.2).
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        fixed(&DigestAlgorithm::Sha256.digest(self.der()))
    }

    /// The subject.
    #[must_use]
    pub fn subject(&self) -> &Name {
        &self.inner.subject
    }

    /// The issuer.
    #[must_use]
    pub fn issuer(&self) -> &Name {
        &self.inner.issuer
    }

    /// The DER of the subject.
    #[must_use]
    pub fn subject_der(&self) -> &[u8] {
        self.inner.subject.der()
    }

    /// The DER of the issuer.
    #[must_use]
    pub fn issuer_der(&self) -> &[u8] {
        self.inner.issuer.der()
    }

    /// The subject as Java writes it; see [`Name::rfc2253`].
    #[must_use]
    pub fn subject_rfc2253(&self) -> String {
        self.inner.subject.rfc2253()
    }

    /// The issuer as Java writes it, for `ds:X509IssuerName`.
    #[must_use]
    pub fn issuer_rfc2253(&self) -> String {
        self.inner.issuer.rfc2253()
    }

    /// The subject's attribute with this dotted OID; see [`Name::attribute`].
    #[must_use]
    pub fn subject_attribute(&self, oid: &str) -> Option<String> {
        self.inner.subject.attribute(oid)
    }

    /// The subject's CN.
    #[must_use]
    pub fn common_name(&self) -> Option<String> {
        self.inner.subject.attribute_by_oid(oid::COMMON_NAME)
    }

    /// The serial number in decimal, for `ds:X509SerialNumber`. It may be negative.
    #[must_use]
    pub fn serial_decimal(&self) -> String {
        decimal(&self.inner.serial)
    }

    /// The serial number's content octets, as encoded: big-endian two's complement.
    #[must_use]
    pub fn serial_bytes(&self) -> &[u8] {
        &self.inner.serial
    }

    /// Valid from this instant on.
    #[must_use]
    pub fn not_before(&self) -> Timestamp {
        self.inner.not_before
    }

    /// Valid up to and including this instant.
    #[must_use]
    pub fn not_after(&self) -> Timestamp {
        self.inner.not_after
    }

    /// Whether `at` lies within the period of validity, both ends included.
    #[must_use]
    pub fn is_valid_at(&self, at: Timestamp) -> bool {
        self.not_before() <= at && at <= self.not_after()
    }

    /// The keyUsage extension, if there is one.
    #[must_use]
    pub fn key_usage(&self) -> Option<KeyUsage> {
        self.inner.extensions.key_usage
    }

    /// The purposes of the extendedKeyUsage extension as dotted OIDs, if there is one.
    #[must_use]
    pub fn extended_key_usage(&self) -> Option<&[String]> {
        self.inner.extensions.extended_key_usage.as_deref()
    }

    /// Whether extendedKeyUsage names this purpose.
    #[must_use]
    pub fn has_purpose(&self, oid: &str) -> bool {
        self.extended_key_usage().is_some_and(|purposes| purposes.iter().any(|purpose| purpose == oid))
    }

    /// The basicConstraints extension, if there is one.
    #[must_use]
    pub fn basic_constraints(&self) -> Option<BasicConstraints> {
        self.inner.extensions.basic_constraints
    }

    /// basicConstraints says that this is a CA.
    #[must_use]
    pub fn is_ca(&self) -> bool {
        self.basic_constraints().is_some_and(|constraints| constraints.ca)
    }

    /// Subject and issuer are the same name.
    #[must_use]
    pub fn is_self_issued(&self) -> bool {
        self.subject().matches(self.issuer())
    }

    /// The dotted OIDs of extensions that we do not process and may not ignore: the critical ones, and name constraints.
    #[must_use]
    pub fn unprocessed_extensions(&self) -> &[String] {
        &self.inner.extensions.unprocessed
    }

    /// The key that the certificate is about.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.inner.key
    }

    /// The subjectKeyIdentifier extension.
    #[must_use]
    pub fn subject_key_identifier(&self) -> Option<&[u8]> {
        self.inner.extensions.subject_key_identifier.as_deref()
    }

    /// The OCSP addresses of the AuthorityInfoAccess extension, in order (data-plane 6.1).
    #[must_use]
    pub fn ocsp_urls(&self) -> &[String] {
        &self.inner.extensions.ocsp_urls
    }

    /// The subject's alternative names as one line of text, in the manner of OpenSSL.
    #[must_use]
    pub fn subject_alternative_names(&self) -> Option<&str> {
        self.inner.extensions.alternative_names.as_deref()
    }

    /// The algorithm that the issuer signed with.
    ///
    /// # Errors
    /// [`Malformed::Unknown`] when we do not know it.
    pub fn signature_algorithm(&self) -> Result<SignatureAlgorithm, Malformed> {
        self.inner.algorithm
    }

    /// Whether `issuer`'s key signed this certificate. Names are not compared.
    ///
    /// # Errors
    /// [`SignatureMismatch`]. SHA-1 is accepted here: the choice is the approved CA's, not the sender's.
    pub fn verify_signed_by(&self, issuer: &Self) -> Result<(), SignatureMismatch> {
        let algorithm = self.inner.algorithm.map_err(|_| SignatureMismatch::UnknownAlgorithm)?;
        algorithm.verify_legacy(issuer.public_key(), &self.inner.tbs, &self.inner.signature, EcdsaForm::Der)
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner) || self.inner.der == other.inner.der
    }
}

impl Eq for Certificate {}

impl fmt::Debug for Certificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Certificate({}, serial {})", self.subject_rfc2253(), self.serial_decimal())
    }
}

fn fixed<const N: usize>(digest: &[u8]) -> [u8; N] {
    digest.try_into().unwrap_or([0; N])
}

fn parse(der: &[u8]) -> Result<Inner, Malformed> {
    let mut outer = asn1::only(der, asn1::SEQUENCE)?.open();
    let tbs = outer.expect(asn1::SEQUENCE)?;
    let algorithm = outer.expect(asn1::SEQUENCE)?;
    let signature = asn1::bits(&outer.any()?)?.to_vec();
    outer.end()?;

    let mut fields = tbs.open();
    if let Some(version) = fields.optional(asn1::wrapped(0))?
        && asn1::small(&version.open().any()?)? > 2
    {
        return Err(Malformed::Unknown("version of a certificate"));
    }
    let serial = fields.expect(asn1::INTEGER)?;
    if serial.body.is_empty() || serial.body.len() > 64 {
        return Err(Malformed::Value("serial number"));
    }
    // The signed copy of the algorithm has to say what the unsigned one says.
    if fields.expect(asn1::SEQUENCE)?.raw != algorithm.raw {
        return Err(Malformed::Value("pair of signature algorithms"));
    }
    let issuer = Name::read(&fields.expect(asn1::SEQUENCE)?)?;
    let (not_before, not_after) = validity(fields.sequence()?)?;
    let subject = Name::read(&fields.expect(asn1::SEQUENCE)?)?;
    let key = PublicKey::from_spki(fields.expect(asn1::SEQUENCE)?.raw)?;
    fields.optional(asn1::plain(1))?;
    fields.optional(asn1::plain(2))?;
    let extensions = match fields.optional(asn1::wrapped(3))? {
        Some(wrapped) => Extensions::read(wrapped.body)?,
        None => Extensions::default(),
    };
    fields.end()?;
    Ok(Inner {
        der: der.to_vec(),
        tbs: tbs.raw.to_vec(),
        serial: serial.body.to_vec(),
        issuer,
        subject,
        not_before,
        not_after,
        key,
        algorithm: SignatureAlgorithm::read(&algorithm),
        signature,
        extensions,
    })
}

fn validity(mut fields: Reader<'_>) -> Result<(Timestamp, Timestamp), Malformed> {
    let not_before = asn1::time(&fields.any()?)?;
    let not_after = asn1::time(&fields.any()?)?;
    fields.end()?;
    Ok((not_before, not_after))
}

#[cfg(test)]
mod tests;
