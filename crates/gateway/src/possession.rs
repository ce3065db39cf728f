//! Who presents a certificate in a TLS handshake must hold its key. Which certificate that may be is decided afterwards, by comparing it
//! (data-plane 8.2, 8.4) or by verifying it (4.3).
//!
//! Certificates are read by our own reader: rustls' refuses those of X.509 version 1, which consumers and services have and X-Road takes.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, PeerMisbehaved, SignatureScheme,
};
use trust::algorithm::DigestAlgorithm::{Sha256, Sha384, Sha512};
use trust::algorithm::SignatureAlgorithm::{self, Ecdsa, RsaPkcs1, RsaPss};
use trust::key::Curve::{P256, P384, P521};
use trust::key::KeyKind::{self, Ec, Rsa};
use trust::{Certificate, EcdsaForm};

/// The schemes that a signature may have, best first, each with the one kind of key that may use it in TLS 1.3. TLS 1.2 binds no curve to
/// a scheme; TLS 1.3 has no PKCS#1.
const SCHEMES: [(SignatureScheme, SignatureAlgorithm, Option<KeyKind>); 9] = [
    (SignatureScheme::ECDSA_NISTP384_SHA384, Ecdsa(Sha384), Some(Ec(P384))),
    (SignatureScheme::ECDSA_NISTP256_SHA256, Ecdsa(Sha256), Some(Ec(P256))),
    (SignatureScheme::ECDSA_NISTP521_SHA512, Ecdsa(Sha512), Some(Ec(P521))),
    (SignatureScheme::RSA_PSS_SHA512, RsaPss(Sha512), Some(Rsa)),
    (SignatureScheme::RSA_PSS_SHA384, RsaPss(Sha384), Some(Rsa)),
    (SignatureScheme::RSA_PSS_SHA256, RsaPss(Sha256), Some(Rsa)),
    (SignatureScheme::RSA_PKCS1_SHA512, RsaPkcs1(Sha512), None),
    (SignatureScheme::RSA_PKCS1_SHA384, RsaPkcs1(Sha384), None),
    (SignatureScheme::RSA_PKCS1_SHA256, RsaPkcs1(Sha256), None),
];

/// Verifies the signature of a handshake with the key of the certificate that came with it, and nothing else. A server that uses it takes
/// any certificate or none.
#[derive(Debug)]
pub(crate) struct Possession;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    Tls12,
    Tls13,
}

/// RSA keys below 2048 bits are refused here as everywhere in the house, though X-Road's Java takes them from 1024.
fn check(
    version: Version,
    message: &[u8],
    certificate: &[u8],
    scheme: SignatureScheme,
    signature: &[u8],
) -> Result<(), Error> {
    let unoffered = || Error::from(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme);
    let certificate = Certificate::from_der(certificate).map_err(|_| CertificateError::BadEncoding)?;
    let key = certificate.public_key();
    let (_, algorithm, bound) = SCHEMES.iter().find(|(known, ..)| *known == scheme).ok_or_else(unoffered)?;
    if version == Version::Tls13 && *bound != Some(key.kind()) {
        return Err(unoffered());
    }
    algorithm
        .verify(key, message, signature, EcdsaForm::Der)
        .map_err(|_| CertificateError::BadSignature.into())
}

fn proven(
    version: Version,
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    check(version, message, certificate, signed.scheme, signed.signature())
        .map(|()| HandshakeSignatureValid::assertion())
}

fn schemes() -> Vec<SignatureScheme> {
    SCHEMES.iter().map(|(scheme, ..)| *scheme).collect()
}

impl ServerCertVerifier for Possession {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        proven(Version::Tls12, message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        proven(Version::Tls13, message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        schemes()
    }
}

impl ClientCertVerifier for Possession {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        proven(Version::Tls12, message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        proven(Version::Tls13, message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        schemes()
    }
}

#[cfg(test)]
mod tests;
