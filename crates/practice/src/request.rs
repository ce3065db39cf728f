//! Reading certificate requests (PKCS#10): strict, and only what proves the possession of a sound key.

use crate::asn1;
use crate::certificate::KeyInformation;
use crate::error::IssueRefusal;
use crate::pem;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA384_ASN1, ECDSA_P256_SHA512_ASN1, ECDSA_P384_SHA256_ASN1,
    ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA512_ASN1, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, UnparsedPublicKey, VerificationAlgorithm,
};
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912::{
    ECDSA_WITH_SHA_256, ECDSA_WITH_SHA_384, ECDSA_WITH_SHA_512, ID_EC_PUBLIC_KEY, RSA_ENCRYPTION,
    SECP_256_R_1, SECP_384_R_1, SHA_256_WITH_RSA_ENCRYPTION, SHA_384_WITH_RSA_ENCRYPTION,
    SHA_512_WITH_RSA_ENCRYPTION,
};
use der::asn1::{BitStringRef, UintRef};
use der::{Decode, Reader, SliceReader};
use x509_cert::name::Name;
use x509_cert::request::CertReq;
use x509_cert::spki::SubjectPublicKeyInfoRef;

pub(crate) const REQUEST_BYTES_MAX: usize = 16 * 1024;

/// A request whose signature was verified.
#[derive(Debug)]
pub(crate) struct VerifiedRequest {
    /// `Name`, DER, as it came.
    pub(crate) subject: Vec<u8>,
    pub(crate) key: KeyInformation,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rsa,
    P256,
    P384,
}

/// Reads PEM or DER and verifies it.
pub(crate) fn read(bytes: &[u8]) -> Result<VerifiedRequest, IssueRefusal> {
    if bytes.len() > REQUEST_BYTES_MAX {
        return Err(IssueRefusal::TooLarge(REQUEST_BYTES_MAX));
    }
    let unpacked = pem::read(bytes, &["CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"]);
    let der = unpacked.as_deref().unwrap_or(bytes);
    // The library reads the whole structure and refuses what follows it; the parts are then taken as they came.
    CertReq::from_der(der).map_err(|_| IssueRefusal::NotARequest)?;
    let parts = split(der).map_err(|_| IssueRefusal::NotARequest)?;
    let subject = Name::from_der(parts.subject).map_err(|_| IssueRefusal::NotARequest)?;
    if subject.0.is_empty() {
        return Err(IssueRefusal::NoSubject);
    }
    let (kind, key) = key(parts.spki)?;
    let algorithm = signature_algorithm(kind, parts.algorithm)?;
    UnparsedPublicKey::new(algorithm, &key.bits)
        .verify(parts.information, parts.signature)
        .map_err(|_| IssueRefusal::Signature)?;
    Ok(VerifiedRequest { subject: parts.subject.to_vec(), key })
}

struct Parts<'a> {
    information: &'a [u8],
    subject: &'a [u8],
    spki: &'a [u8],
    algorithm: &'a [u8],
    signature: &'a [u8],
}

fn split(der: &[u8]) -> der::Result<Parts<'_>> {
    let outer = content(der)?;
    let mut reader = SliceReader::new(outer)?;
    let information = reader.tlv_bytes()?;
    let algorithm = reader.tlv_bytes()?;
    let signature = BitStringRef::decode(&mut reader)?;
    let signature = signature.as_bytes().ok_or(der::ErrorKind::Failed)?;
    let mut inner = SliceReader::new(content(information)?)?;
    let _version = inner.tlv_bytes()?;
    let subject = inner.tlv_bytes()?;
    let spki = inner.tlv_bytes()?;
    Ok(Parts { information, subject, spki, algorithm, signature })
}

/// What is inside one value.
fn content(der: &[u8]) -> der::Result<&[u8]> {
    let mut reader = SliceReader::new(der)?;
    let header = der::Header::decode(&mut reader)?;
    reader.read_slice(header.length)
}

fn key(spki: &[u8]) -> Result<(Kind, KeyInformation), IssueRefusal> {
    let parsed = SubjectPublicKeyInfoRef::try_from(spki).map_err(|_| IssueRefusal::NotARequest)?;
    let bits = parsed.subject_public_key.as_bytes().ok_or(IssueRefusal::NotARequest)?;
    let kind = if parsed.algorithm.oid == RSA_ENCRYPTION {
        check_rsa(bits)?;
        Kind::Rsa
    } else if parsed.algorithm.oid == ID_EC_PUBLIC_KEY {
        match parsed.algorithm.parameters_oid() {
            Ok(curve) if curve == SECP_256_R_1 => Kind::P256,
            Ok(curve) if curve == SECP_384_R_1 => Kind::P384,
            Ok(_) | Err(_) => return Err(IssueRefusal::KeyKind),
        }
    } else {
        return Err(IssueRefusal::KeyKind);
    };
    Ok((kind, KeyInformation { spki: spki.to_vec(), bits: bits.to_vec(), is_rsa: kind == Kind::Rsa }))
}

fn check_rsa(bits: &[u8]) -> Result<(), IssueRefusal> {
    let inner = content(bits).map_err(|_| IssueRefusal::NotARequest)?;
    let mut reader = SliceReader::new(inner).map_err(|_| IssueRefusal::NotARequest)?;
    let modulus = UintRef::decode(&mut reader).map_err(|_| IssueRefusal::NotARequest)?;
    let exponent = UintRef::decode(&mut reader).map_err(|_| IssueRefusal::NotARequest)?;
    let leading = modulus.as_bytes().first().map_or(0, |first| first.leading_zeros());
    let size = modulus.as_bytes().len().saturating_mul(8);
    let size = size.saturating_sub(usize::try_from(leading).unwrap_or(0));
    if !(2048..=8192).contains(&size) {
        return Err(IssueRefusal::KeySize(size));
    }
    // 65537 and above: three bytes at least.
    if exponent.as_bytes().len() < 3 {
        return Err(IssueRefusal::Exponent);
    }
    Ok(())
}

fn signature_algorithm(
    kind: Kind,
    algorithm: &[u8],
) -> Result<&'static dyn VerificationAlgorithm, IssueRefusal> {
    let is = |oid: ObjectIdentifier, parameters: &[u8]| algorithm == asn1::algorithm(oid, parameters);
    let rsa = |oid| kind == Kind::Rsa && (is(oid, &asn1::null()) || is(oid, &[]));
    if rsa(SHA_256_WITH_RSA_ENCRYPTION) {
        return Ok(&RSA_PKCS1_2048_8192_SHA256);
    }
    if rsa(SHA_384_WITH_RSA_ENCRYPTION) {
        return Ok(&RSA_PKCS1_2048_8192_SHA384);
    }
    if rsa(SHA_512_WITH_RSA_ENCRYPTION) {
        return Ok(&RSA_PKCS1_2048_8192_SHA512);
    }
    match kind {
        Kind::P256 if is(ECDSA_WITH_SHA_256, &[]) => Ok(&ECDSA_P256_SHA256_ASN1),
        Kind::P256 if is(ECDSA_WITH_SHA_384, &[]) => Ok(&ECDSA_P256_SHA384_ASN1),
        Kind::P256 if is(ECDSA_WITH_SHA_512, &[]) => Ok(&ECDSA_P256_SHA512_ASN1),
        Kind::P384 if is(ECDSA_WITH_SHA_256, &[]) => Ok(&ECDSA_P384_SHA256_ASN1),
        Kind::P384 if is(ECDSA_WITH_SHA_384, &[]) => Ok(&ECDSA_P384_SHA384_ASN1),
        Kind::P384 if is(ECDSA_WITH_SHA_512, &[]) => Ok(&ECDSA_P384_SHA512_ASN1),
        Kind::P256 | Kind::P384 | Kind::Rsa => Err(IssueRefusal::SignatureAlgorithm(shown(algorithm))),
    }
}

fn shown(algorithm: &[u8]) -> String {
    let oid = content(algorithm).and_then(|inner| ObjectIdentifier::decode(&mut SliceReader::new(inner)?));
    oid.map_or_else(|_| "(unreadable)".to_owned(), |oid| oid.to_string())
}
