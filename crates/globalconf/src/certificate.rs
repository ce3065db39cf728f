//! Certificates as the configuration carries them: bytes that may be DER, PEM or nothing at all.

use std::borrow::Cow;
use std::sync::Arc;
use trust::{Certificate, DigestAlgorithm};

const PEM_BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
const PEM_END: &[u8] = b"-----END CERTIFICATE-----";

/// The bytes that stood in an element, Base64 removed: DER, a PEM file (control-plane 1.5), or rubbish.
///
/// Kept as they came, so that a document can be written again with the same bytes, and decoded only when
/// somebody needs the certificate: real anchors carry values that are no certificate at all and are never
/// used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateBytes(Arc<[u8]>);

/// The bytes hold no X.509 certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the value is no certificate: {problem}")]
pub struct Undecodable {
    /// What the certificate reader said.
    pub problem: String,
}

impl CertificateBytes {
    /// Bytes as they stood in an element.
    #[must_use]
    pub fn new(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes as they are written into an element.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// DER if the bytes are PEM, otherwise the bytes themselves. Hashes are taken over this.
    #[must_use]
    pub fn der(&self) -> Cow<'_, [u8]> {
        pem_body(&self.0).map_or(Cow::Borrowed(&self.0), Cow::Owned)
    }

    /// Digest of [`Self::der`], the value that `Verification-certificate-hash` carries.
    #[must_use]
    pub fn digest(&self, algorithm: DigestAlgorithm) -> Vec<u8> {
        algorithm.digest(&self.der())
    }

    /// The certificate, if it is one.
    ///
    /// # Errors
    /// [`Undecodable`] when the bytes are neither DER nor PEM of an X.509 certificate.
    pub fn decode(&self) -> Result<Certificate, Undecodable> {
        Certificate::from_der(&self.der()).map_err(|error| Undecodable { problem: error.to_string() })
    }
}

impl From<&Certificate> for CertificateBytes {
    fn from(certificate: &Certificate) -> Self {
        Self::new(certificate.der())
    }
}

fn pem_body(bytes: &[u8]) -> Option<Vec<u8>> {
    let begin = memchr::memmem::find(bytes, PEM_BEGIN)?.checked_add(PEM_BEGIN.len())?;
    let rest = bytes.get(begin..)?;
    let body = rest.get(..memchr::memmem::find(rest, PEM_END)?)?;
    crate::xml::decode_base64(std::str::from_utf8(body).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_body_of_a_pem_file_and_leaves_other_bytes_alone() {
        let pem = CertificateBytes::new(
            &b"Bag\r\n-----BEGIN CERTIFICATE-----\r\nYW\r\nJj\r\n-----END CERTIFICATE-----\n"[..],
        );
        assert_eq!(pem.der().as_ref(), b"abc");
        assert_eq!(CertificateBytes::new(&b"bar\n"[..]).der().as_ref(), b"bar\n");
    }

    #[test]
    fn reports_bytes_that_are_no_certificate_only_when_asked() {
        assert!(CertificateBytes::new(&b"bar\n"[..]).decode().is_err());
    }
}
