//! Digest and signature algorithms: their names on the wire, and checking a signature (data-plane 5.4).

use std::fmt;

use aws_lc_rs::{digest, signature};

use crate::asn1::{self, Malformed, Reader};
use crate::error::SignatureMismatch;
use crate::key::{Curve, KeyKind, PublicKey};
use crate::oid;

/// The shortest RSA key by which a message or a configuration may be signed.
const RSA_BITS_MIN: usize = 2048;

/// A digest algorithm. SHA-1 exists for identifiers (OCSP, data-plane 4.4) and for old documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DigestAlgorithm {
    /// SHA-1, 20 bytes.
    Sha1,
    /// SHA-224, 28 bytes.
    Sha224,
    /// SHA-256, 32 bytes.
    Sha256,
    /// SHA-384, 48 bytes.
    Sha384,
    /// SHA-512, 64 bytes: what X-Road uses for everything it produces.
    Sha512,
}

impl DigestAlgorithm {
    /// Every algorithm that we know.
    pub const ALL: [Self; 5] = [Self::Sha1, Self::Sha224, Self::Sha256, Self::Sha384, Self::Sha512];

    /// The XML identifier, as in `ds:DigestMethod`.
    #[must_use]
    pub fn uri(self) -> &'static str {
        match self {
            Self::Sha1 => "http://www.w3.org/2000/09/xmldsig#sha1",
            Self::Sha224 => "http://www.w3.org/2001/04/xmldsig-more#sha224",
            Self::Sha256 => "http://www.w3.org/2001/04/xmlenc#sha256",
            Self::Sha384 => "http://www.w3.org/2001/04/xmldsig-more#sha384",
            Self::Sha512 => "http://www.w3.org/2001/04/xmlenc#sha512",
        }
    }

    /// The algorithm of an XML identifier, which has to match exactly.
    #[must_use]
    pub fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.uri() == uri)
    }

    /// The name in HTTP headers and log files: `SHA-512`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA-1",
            Self::Sha224 => "SHA-224",
            Self::Sha256 => "SHA-256",
            Self::Sha384 => "SHA-384",
            Self::Sha512 => "SHA-512",
        }
    }

    /// The algorithm of a name, in any case (data-plane E.1.8).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    /// How many bytes a digest has.
    #[must_use]
    pub fn output_bytes(self) -> usize {
        self.implementation().output_len()
    }

    /// The digest of these bytes.
    #[must_use]
    pub fn digest(self, bytes: &[u8]) -> Vec<u8> {
        digest::digest(self.implementation(), bytes).as_ref().to_vec()
    }

    /// A digest to be fed piece by piece.
    #[must_use]
    pub fn hasher(self) -> Hasher {
        Hasher { algorithm: self, context: digest::Context::new(self.implementation()) }
    }

    fn implementation(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha224 => &digest::SHA224,
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        }
    }

    pub(crate) fn oid(self) -> &'static [u8] {
        match self {
            Self::Sha1 => oid::SHA1,
            Self::Sha224 => oid::SHA224,
            Self::Sha256 => oid::SHA256,
            Self::Sha384 => oid::SHA384,
            Self::Sha512 => oid::SHA512,
        }
    }

    pub(crate) fn from_oid(oid: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.oid() == oid)
    }

    /// The AlgorithmIdentifier with NULL parameters, as Java peers write it and compare it.
    pub(crate) fn identifier(self) -> Vec<u8> {
        asn1::encode_all(
            asn1::SEQUENCE,
            &[&asn1::encode(asn1::OID, self.oid()), &asn1::encode(asn1::NULL, &[])],
        )
    }

    /// The algorithm of an AlgorithmIdentifier whose parameters are NULL or absent.
    pub(crate) fn read(identifier: &asn1::Element<'_>) -> Result<Self, Malformed> {
        identifier.as_tag(asn1::SEQUENCE)?;
        let mut fields = identifier.open();
        let oid = fields.expect(asn1::OID)?;
        no_parameters(&mut fields)?;
        Self::from_oid(oid.body).ok_or(Malformed::Unknown("digest algorithm"))
    }
}

impl fmt::Display for DigestAlgorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

fn no_parameters(fields: &mut Reader<'_>) -> Result<(), Malformed> {
    fields.optional(asn1::NULL)?;
    fields.end()
}

/// A digest in the making.
#[derive(Clone)]
pub struct Hasher {
    algorithm: DigestAlgorithm,
    context: digest::Context,
}

impl Hasher {
    /// The algorithm that was chosen at the start.
    #[must_use]
    pub fn algorithm(&self) -> DigestAlgorithm {
        self.algorithm
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
    }

    /// The digest of everything taken.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.context.finish().as_ref().to_vec()
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Hasher").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// How an ECDSA value is written. RSA values have one form only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EcdsaForm {
    /// `r‖s` in two equal halves, possibly shorter than twice the field (XML signatures, data-plane 5.4).
    Raw,
    /// A SEQUENCE of two INTEGERs (certificates, OCSP, time-stamps, MIME directories).
    Der,
}

/// A signature algorithm: kind of key, padding and digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SignatureAlgorithm {
    /// RSASSA-PKCS1-v1_5, the default for RSA keys.
    RsaPkcs1(DigestAlgorithm),
    /// RSASSA-PSS with MGF1 over the same digest, salt as long as the digest.
    RsaPss(DigestAlgorithm),
    /// ECDSA on P-256, P-384 or P-521.
    Ecdsa(DigestAlgorithm),
}

impl SignatureAlgorithm {
    /// Every algorithm that has a name on the wire.
    pub const ALL: [Self; 12] = [
        Self::RsaPkcs1(DigestAlgorithm::Sha1),
        Self::RsaPkcs1(DigestAlgorithm::Sha256),
        Self::RsaPkcs1(DigestAlgorithm::Sha384),
        Self::RsaPkcs1(DigestAlgorithm::Sha512),
        Self::RsaPss(DigestAlgorithm::Sha256),
        Self::RsaPss(DigestAlgorithm::Sha384),
        Self::RsaPss(DigestAlgorithm::Sha512),
        Self::Ecdsa(DigestAlgorithm::Sha1),
        Self::Ecdsa(DigestAlgorithm::Sha224),
        Self::Ecdsa(DigestAlgorithm::Sha256),
        Self::Ecdsa(DigestAlgorithm::Sha384),
        Self::Ecdsa(DigestAlgorithm::Sha512),
    ];

    /// The digest that the signature is over.
    #[must_use]
    pub fn digest(self) -> DigestAlgorithm {
        match self {
            Self::RsaPkcs1(digest) | Self::RsaPss(digest) | Self::Ecdsa(digest) => digest,
        }
    }

    /// The XML identifier, as in `ds:SignatureMethod`; empty for combinations outside [`Self::ALL`].
    #[must_use]
    pub fn uri(self) -> &'static str {
        match self {
            Self::RsaPkcs1(DigestAlgorithm::Sha1) => "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
            Self::RsaPkcs1(DigestAlgorithm::Sha256) => "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
            Self::RsaPkcs1(DigestAlgorithm::Sha384) => "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384",
            Self::RsaPkcs1(DigestAlgorithm::Sha512) => "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
            Self::RsaPss(DigestAlgorithm::Sha256) => "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1",
            Self::RsaPss(DigestAlgorithm::Sha384) => "http://www.w3.org/2007/05/xmldsig-more#sha384-rsa-MGF1",
            Self::RsaPss(DigestAlgorithm::Sha512) => "http://www.w3.org/2007/05/xmldsig-more#sha512-rsa-MGF1",
            Self::Ecdsa(DigestAlgorithm::Sha1) => "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1",
            Self::Ecdsa(DigestAlgorithm::Sha224) => "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha224",
            Self::Ecdsa(DigestAlgorithm::Sha256) => "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
            Self::Ecdsa(DigestAlgorithm::Sha384) => "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384",
            Self::Ecdsa(DigestAlgorithm::Sha512) => "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512",
            Self::RsaPkcs1(DigestAlgorithm::Sha224)
            | Self::RsaPss(DigestAlgorithm::Sha1 | DigestAlgorithm::Sha224) => "",
        }
    }

    /// The algorithm of an XML identifier, which has to match exactly.
    #[must_use]
    pub fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.uri() == uri)
    }

    /// Whether the signature rests on SHA-1 or SHA-224, which we check but never produce.
    #[must_use]
    pub fn is_legacy(self) -> bool {
        matches!(self.digest(), DigestAlgorithm::Sha1 | DigestAlgorithm::Sha224)
    }

    /// Checks a signature over `message`.
    ///
    /// # Errors
    /// [`SignatureMismatch`]: the value does not fit, key and algorithm do not belong together, RSA is below
    /// 2048 bits, or the digest is SHA-1 or SHA-224.
    pub fn verify(
        self,
        key: &PublicKey,
        message: &[u8],
        value: &[u8],
        form: EcdsaForm,
    ) -> Result<(), SignatureMismatch> {
        if self.is_legacy() {
            return Err(SignatureMismatch::LegacyAlgorithm(self));
        }
        self.check(key, message, value, form, false)
    }

    /// As [`Self::verify`], and also takes SHA-1, SHA-224 and RSA from 1024 bits, as far as the cryptographic library has
    /// them together. For what an approved trust service signed with the algorithm of its time, and for old documents;
    /// never for a message that arrives now.
    ///
    /// # Errors
    /// [`SignatureMismatch`]: the value does not fit, or key and algorithm do not belong together.
    pub fn verify_legacy(
        self,
        key: &PublicKey,
        message: &[u8],
        value: &[u8],
        form: EcdsaForm,
    ) -> Result<(), SignatureMismatch> {
        self.check(key, message, value, form, true)
    }

    fn check(
        self,
        key: &PublicKey,
        message: &[u8],
        value: &[u8],
        form: EcdsaForm,
        legacy: bool,
    ) -> Result<(), SignatureMismatch> {
        let der;
        let value = match (self, form) {
            (Self::Ecdsa(_), EcdsaForm::Raw) => {
                der = raw_to_der(value).ok_or(SignatureMismatch::Value)?;
                der.as_slice()
            }
            _ => value,
        };
        let method = self.method(key, legacy)?;
        signature::UnparsedPublicKey::new(method, key.spki())
            .verify(message, value)
            .map_err(|_| SignatureMismatch::Value)
    }

    fn method(
        self,
        key: &PublicKey,
        legacy: bool,
    ) -> Result<&'static dyn signature::VerificationAlgorithm, SignatureMismatch> {
        use DigestAlgorithm::{Sha1, Sha224, Sha256, Sha384, Sha512};
        if !legacy && key.rsa_bits().is_some_and(|bits| bits < RSA_BITS_MIN) {
            return Err(SignatureMismatch::WrongKey { algorithm: self });
        }
        Ok(match (self, key.kind(), legacy) {
            (Self::RsaPkcs1(Sha1), KeyKind::Rsa, true) => {
                &signature::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY
            }
            (Self::RsaPkcs1(Sha256), KeyKind::Rsa, true) => {
                &signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY
            }
            (Self::RsaPkcs1(Sha512), KeyKind::Rsa, true) => {
                &signature::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY
            }
            (Self::RsaPkcs1(Sha256), KeyKind::Rsa, false) => &signature::RSA_PKCS1_2048_8192_SHA256,
            (Self::RsaPkcs1(Sha384), KeyKind::Rsa, _) => &signature::RSA_PKCS1_2048_8192_SHA384,
            (Self::RsaPkcs1(Sha512), KeyKind::Rsa, false) => &signature::RSA_PKCS1_2048_8192_SHA512,
            (Self::RsaPss(Sha256), KeyKind::Rsa, _) => &signature::RSA_PSS_2048_8192_SHA256,
            (Self::RsaPss(Sha384), KeyKind::Rsa, _) => &signature::RSA_PSS_2048_8192_SHA384,
            (Self::RsaPss(Sha512), KeyKind::Rsa, _) => &signature::RSA_PSS_2048_8192_SHA512,
            (Self::Ecdsa(Sha1), KeyKind::Ec(Curve::P256), true) => &signature::ECDSA_P256_SHA1_ASN1,
            (Self::Ecdsa(Sha256), KeyKind::Ec(Curve::P256), _) => &signature::ECDSA_P256_SHA256_ASN1,
            (Self::Ecdsa(Sha384), KeyKind::Ec(Curve::P256), _) => &signature::ECDSA_P256_SHA384_ASN1,
            (Self::Ecdsa(Sha512), KeyKind::Ec(Curve::P256), _) => &signature::ECDSA_P256_SHA512_ASN1,
            (Self::Ecdsa(Sha256), KeyKind::Ec(Curve::P384), _) => &signature::ECDSA_P384_SHA256_ASN1,
            (Self::Ecdsa(Sha384), KeyKind::Ec(Curve::P384), _) => &signature::ECDSA_P384_SHA384_ASN1,
            (Self::Ecdsa(Sha512), KeyKind::Ec(Curve::P384), _) => &signature::ECDSA_P384_SHA512_ASN1,
            (Self::Ecdsa(Sha1), KeyKind::Ec(Curve::P521), true) => &signature::ECDSA_P521_SHA1_ASN1,
            (Self::Ecdsa(Sha224), KeyKind::Ec(Curve::P521), true) => &signature::ECDSA_P521_SHA224_ASN1,
            (Self::Ecdsa(Sha256), KeyKind::Ec(Curve::P521), _) => &signature::ECDSA_P521_SHA256_ASN1,
            (Self::Ecdsa(Sha384), KeyKind::Ec(Curve::P521), _) => &signature::ECDSA_P521_SHA384_ASN1,
            (Self::Ecdsa(Sha512), KeyKind::Ec(Curve::P521), _) => &signature::ECDSA_P521_SHA512_ASN1,
            _ => return Err(SignatureMismatch::WrongKey { algorithm: self }),
        })
    }

    /// The algorithm of an AlgorithmIdentifier, as in a certificate.
    pub(crate) fn read(identifier: &asn1::Element<'_>) -> Result<Self, Malformed> {
        use DigestAlgorithm::{Sha1, Sha224, Sha256, Sha384, Sha512};
        identifier.as_tag(asn1::SEQUENCE)?;
        let mut fields = identifier.open();
        let oid = fields.expect(asn1::OID)?.body;
        if oid == oid::RSA_PSS {
            return pss_digest(&mut fields).map(Self::RsaPss);
        }
        no_parameters(&mut fields)?;
        Ok(match oid {
            _ if oid == oid::RSA_SHA1 || oid == oid::RSA_SHA1_OIW => Self::RsaPkcs1(Sha1),
            _ if oid == oid::RSA_SHA224 => Self::RsaPkcs1(Sha224),
            _ if oid == oid::RSA_SHA256 => Self::RsaPkcs1(Sha256),
            _ if oid == oid::RSA_SHA384 => Self::RsaPkcs1(Sha384),
            _ if oid == oid::RSA_SHA512 => Self::RsaPkcs1(Sha512),
            _ if oid == oid::ECDSA_SHA1 => Self::Ecdsa(Sha1),
            _ if oid == oid::ECDSA_SHA224 => Self::Ecdsa(Sha224),
            _ if oid == oid::ECDSA_SHA256 => Self::Ecdsa(Sha256),
            _ if oid == oid::ECDSA_SHA384 => Self::Ecdsa(Sha384),
            _ if oid == oid::ECDSA_SHA512 => Self::Ecdsa(Sha512),
            _ => return Err(Malformed::Unknown("signature algorithm")),
        })
    }

    /// The algorithm of a CMS SignerInfo, where the bare kind of key may stand and the digest is told apart.
    pub(crate) fn read_cms(
        identifier: &asn1::Element<'_>,
        digest: DigestAlgorithm,
    ) -> Result<Self, Malformed> {
        identifier.as_tag(asn1::SEQUENCE)?;
        let mut fields = identifier.open();
        let oid = fields.expect(asn1::OID)?.body;
        let algorithm = if oid == oid::RSA {
            Self::RsaPkcs1(digest)
        } else if oid == oid::EC {
            Self::Ecdsa(digest)
        } else {
            Self::read(identifier)?
        };
        if algorithm.digest() == digest {
            Ok(algorithm)
        } else {
            Err(Malformed::Value("pair of digest and signature algorithm"))
        }
    }
}

impl fmt::Display for SignatureAlgorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::RsaPkcs1(_) => "RSA",
            Self::RsaPss(_) => "RSA-PSS",
            Self::Ecdsa(_) => "ECDSA",
        };
        write!(formatter, "{kind} with {}", self.digest())
    }
}

/// RSASSA-PSS-params in the one shape that we check: MGF1 and salt length follow the digest.
fn pss_digest(fields: &mut Reader<'_>) -> Result<DigestAlgorithm, Malformed> {
    const ODD: Malformed = Malformed::Unknown("set of RSA-PSS parameters");
    let mut parameters = fields.sequence()?;
    fields.end()?;
    let hash = parameters.expect(asn1::wrapped(0))?.open().expect(asn1::SEQUENCE)?;
    let digest = DigestAlgorithm::read(&hash)?;
    let mut mask = parameters.expect(asn1::wrapped(1))?.open().sequence()?;
    let generator = mask.expect(asn1::OID)?;
    if generator.body != oid::MGF1 || DigestAlgorithm::read(&mask.any()?)? != digest {
        return Err(ODD);
    }
    let salt = asn1::small(&parameters.expect(asn1::wrapped(2))?.open().any()?)?;
    if usize::try_from(salt) != Ok(digest.output_bytes()) {
        return Err(ODD);
    }
    if let Some(trailer) = parameters.optional(asn1::wrapped(3))?
        && asn1::small(&trailer.open().any()?)? != 1
    {
        return Err(ODD);
    }
    parameters.end()?;
    Ok(digest)
}

/// `r‖s` as a SEQUENCE of two INTEGERs. The halves are equal, whatever their length.
#[must_use]
pub fn raw_to_der(raw: &[u8]) -> Option<Vec<u8>> {
    if raw.is_empty() || !raw.len().is_multiple_of(2) || raw.len() > 132 {
        return None;
    }
    let (r, s) = raw.split_at_checked(raw.len() / 2)?;
    Some(asn1::encode_all(asn1::SEQUENCE, &[&positive(r), &positive(s)]))
}

/// A SEQUENCE of two INTEGERs as `r‖s`, each half `field_bytes` long (32 for P-256).
#[must_use]
pub fn der_to_raw(der: &[u8], field_bytes: usize) -> Option<Vec<u8>> {
    let mut fields = asn1::only(der, asn1::SEQUENCE).ok()?.open();
    let mut raw = Vec::with_capacity(field_bytes.saturating_mul(2));
    for _ in 0..2 {
        let number = fields.expect(asn1::INTEGER).ok()?.body;
        let digits = trimmed(number);
        let missing = field_bytes.checked_sub(digits.len())?;
        raw.resize(raw.len().saturating_add(missing), 0);
        raw.extend_from_slice(digits);
    }
    fields.end().ok()?;
    Some(raw)
}

fn positive(number: &[u8]) -> Vec<u8> {
    let digits = trimmed(number);
    let mut body = Vec::with_capacity(digits.len().saturating_add(1));
    if digits.first().is_none_or(|first| first & 0x80 != 0) {
        body.push(0);
    }
    body.extend_from_slice(digits);
    asn1::encode(asn1::INTEGER, &body)
}

fn trimmed(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|octet| **octet == 0).count();
    number.get(zeros..).unwrap_or_default()
}

#[cfg(test)]
mod tests;
