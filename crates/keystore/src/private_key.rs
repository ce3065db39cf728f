//! A private key in memory: read in the forms it comes in, checked, generated, and made to sign.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256,
    RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding,
    RsaKeyPair,
};
use aws_lc_rs::{digest, error::KeyRejected};
use const_oid::db::rfc5912::{ID_EC_PUBLIC_KEY, RSA_ENCRYPTION, SECP_256_R_1};
use der::{Tag, Tagged};
use trust::algorithm::{DigestAlgorithm, EcdsaForm, SignatureAlgorithm};
use zeroize::Zeroizing;

use crate::asn1::{Fault, Fields};
use crate::error::{KeyRefusal, P12Refusal, SignFailure};
use crate::key::KeyAlgorithm;
use crate::pin::Pin;
use crate::{pbes, pem};

/// Longest private key, in any form, that is read.
const KEY_BYTES_MAX: usize = 64 * 1024;
const P256_BYTES: usize = 32;

/// A private key that passed every check. The cryptographic library zeroes its memory when it is dropped.
pub(crate) enum PrivateKey {
    Rsa {
        pair: Box<RsaKeyPair>,
        algorithm: KeyAlgorithm,
    },
    /// The same key twice, since the library ties a pair to the form of its signatures.
    Ec {
        raw: Box<EcdsaKeyPair>,
        der: Box<EcdsaKeyPair>,
    },
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PrivateKey({})", self.algorithm())
    }
}

fn unreadable(why: impl Into<String>) -> KeyRefusal {
    KeyRefusal::Unreadable { why: why.into() }
}

impl From<Fault> for KeyRefusal {
    fn from(fault: Fault) -> Self {
        unreadable(fault.0)
    }
}

impl PrivateKey {
    /// A fresh key. RSA takes its time (seconds for 4096 bits): not for an async thread.
    pub(crate) fn generate(algorithm: KeyAlgorithm) -> Result<Self, KeyRefusal> {
        let size = match algorithm {
            KeyAlgorithm::Rsa2048 => KeySize::Rsa2048,
            KeyAlgorithm::Rsa3072 => KeySize::Rsa3072,
            KeyAlgorithm::Rsa4096 => KeySize::Rsa4096,
            KeyAlgorithm::EcP256 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
                let pkcs8 = pair.and_then(|p| p.to_pkcs8v1()).map_err(|_| KeyRefusal::Generation)?;
                return ec(pkcs8.as_ref());
            }
        };
        let pair = RsaKeyPair::generate(size).map_err(|_| KeyRefusal::Generation)?;
        Ok(Self::Rsa { pair: Box::new(pair), algorithm })
    }

    /// Reads a key from PEM or DER, in PKCS#8 (plain, or encrypted by a method of [`pbes`]), PKCS#1 or SEC1 form.
    pub(crate) fn read(bytes: &[u8], passphrase: Option<&Pin>) -> Result<Self, KeyRefusal> {
        if bytes.len() > pem::PEM_BYTES_MAX {
            return Err(unreadable(format!("it is longer than {} bytes", pem::PEM_BYTES_MAX)));
        }
        if !pem::is_pem(bytes) {
            return Self::read_der(bytes, passphrase);
        }
        let blocks = pem::blocks(bytes).map_err(unreadable)?;
        // `openssl ecparam -genkey` puts the curve's parameters in a block of their own before the key.
        let mut keys = blocks.iter().filter(|block| block.label.ends_with("PRIVATE KEY"));
        match (keys.next(), keys.next()) {
            (Some(block), None) if block.headers => Err(KeyRefusal::Sealed(P12Refusal::Unsupported {
                method: "the old OpenSSL encryption inside PEM".to_owned(),
            })),
            (Some(block), None) => Self::read_der(&block.bytes, passphrase),
            (None, _) => Err(unreadable("there is no private key in it")),
            (Some(_), Some(_)) => Err(unreadable("there are several private keys in it")),
        }
    }

    /// Reads a key from DER in any of the four forms, told apart by their first elements.
    pub(crate) fn read_der(der: &[u8], passphrase: Option<&Pin>) -> Result<Self, KeyRefusal> {
        if der.len() > KEY_BYTES_MAX {
            return Err(unreadable(format!("it is longer than {KEY_BYTES_MAX} bytes")));
        }
        let mut fields = Fields::of_sequence(der)?;
        if fields.peek() == Some(Tag::Sequence) {
            let method = fields.algorithm()?;
            let sealed = fields.octets()?;
            fields.end()?;
            let passphrase = passphrase.ok_or(KeyRefusal::NeedsPassphrase)?;
            let opened = pbes::open(&method, passphrase.text(), sealed)?;
            return Self::read_pkcs8(&opened);
        }
        fields.integer()?;
        match fields.peek() {
            Some(Tag::Sequence) => Self::read_pkcs8(der),
            Some(Tag::Integer) => rsa(der),
            Some(Tag::OctetString) => sec1(der, fields, None),
            _ => Err(unreadable("it is none of PKCS#8, PKCS#1, SEC1")),
        }
    }

    /// Reads plain PKCS#8.
    pub(crate) fn read_pkcs8(der: &[u8]) -> Result<Self, KeyRefusal> {
        let mut fields = Fields::of_sequence(der)?;
        fields.number()?;
        let kind = fields.algorithm()?;
        let inner = fields.octets()?;
        if kind.oid == RSA_ENCRYPTION {
            if kind.parameters.is_some_and(|parameters| !parameters.is_null()) {
                return Err(unreadable("an RSA key has no parameters"));
            }
            return rsa(inner);
        }
        if kind.oid != ID_EC_PUBLIC_KEY {
            return Err(KeyRefusal::UnsupportedKind { oid: kind.oid.to_string() });
        }
        let parameters = kind.parameters.ok_or_else(|| unreadable("the curve is not named"))?;
        check_curve(parameters)?;
        let mut inner_fields = Fields::of_sequence(inner)?;
        inner_fields.integer()?;
        sec1(inner, inner_fields, Some(der))
    }

    /// RSA of a length, or P-256.
    pub(crate) fn algorithm(&self) -> KeyAlgorithm {
        match self {
            Self::Rsa { algorithm, .. } => *algorithm,
            Self::Ec { .. } => KeyAlgorithm::EcP256,
        }
    }

    /// Whether a signature takes less time than the way to another thread and back: so with P-256, the only curve there is here.
    pub(crate) const fn is_quick(&self) -> bool {
        matches!(self, Self::Ec { .. })
    }

    /// The key as plain PKCS#8 version 1.
    pub(crate) fn pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyRefusal> {
        match self {
            Self::Rsa { pair, .. } => {
                let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| KeyRefusal::Generation)?;
                Ok(Zeroizing::new(der.as_ref().to_vec()))
            }
            Self::Ec { raw, .. } => {
                let der = raw.to_pkcs8v1().map_err(|_| KeyRefusal::Generation)?;
                Ok(Zeroizing::new(der.as_ref().to_vec()))
            }
        }
    }

    /// Its public key as SubjectPublicKeyInfo, DER.
    pub(crate) fn public_key(&self) -> Result<Vec<u8>, KeyRefusal> {
        let der: Result<PublicKeyX509Der<'_>, _> = match self {
            Self::Rsa { pair, .. } => pair.public_key().as_der(),
            Self::Ec { raw, .. } => raw.public_key().as_der(),
        };
        der.map(|d| d.as_ref().to_vec()).map_err(|_| KeyRefusal::Generation)
    }

    /// Signs a digest that the caller computed.
    pub(crate) fn sign_digest(
        &self,
        algorithm: SignatureAlgorithm,
        digest_value: &[u8],
        form: EcdsaForm,
    ) -> Result<Vec<u8>, SignFailure> {
        let digest_algorithm = algorithm.digest();
        if algorithm.is_legacy() {
            return Err(SignFailure::WeakDigest { digest: digest_algorithm.name().to_owned() });
        }
        let expected = digest_algorithm.output_bytes();
        if digest_value.len() != expected {
            return Err(SignFailure::DigestLength { expected, found: digest_value.len() });
        }
        let wrong =
            || SignFailure::WrongAlgorithm { algorithm: self.algorithm(), asked: algorithm.uri().to_owned() };
        match (self, algorithm) {
            (Self::Rsa { pair, .. }, SignatureAlgorithm::RsaPkcs1(_) | SignatureAlgorithm::RsaPss(_)) => {
                let (encoding, known) = rsa_encoding(algorithm).ok_or_else(wrong)?;
                sign_rsa(pair, encoding, known, digest_value)
            }
            (Self::Ec { raw, der }, SignatureAlgorithm::Ecdsa(_)) => {
                let pair = match form {
                    EcdsaForm::Raw => raw,
                    EcdsaForm::Der => der,
                };
                sign_ec(pair, digest_value)
            }
            (Self::Rsa { .. } | Self::Ec { .. }, _) => Err(wrong()),
        }
    }
}

fn rsa_encoding(
    algorithm: SignatureAlgorithm,
) -> Option<(&'static dyn RsaEncoding, &'static digest::Algorithm)> {
    use DigestAlgorithm::{Sha256, Sha384, Sha512};
    use SignatureAlgorithm::{RsaPkcs1, RsaPss};
    match algorithm {
        RsaPkcs1(Sha256) => Some((&RSA_PKCS1_SHA256, &digest::SHA256)),
        RsaPkcs1(Sha384) => Some((&RSA_PKCS1_SHA384, &digest::SHA384)),
        RsaPkcs1(Sha512) => Some((&RSA_PKCS1_SHA512, &digest::SHA512)),
        RsaPss(Sha256) => Some((&RSA_PSS_SHA256, &digest::SHA256)),
        RsaPss(Sha384) => Some((&RSA_PSS_SHA384, &digest::SHA384)),
        RsaPss(Sha512) => Some((&RSA_PSS_SHA512, &digest::SHA512)),
        RsaPkcs1(_) | RsaPss(_) | SignatureAlgorithm::Ecdsa(_) => None,
    }
}

fn sign_rsa(
    pair: &RsaKeyPair,
    encoding: &'static dyn RsaEncoding,
    known: &'static digest::Algorithm,
    digest_value: &[u8],
) -> Result<Vec<u8>, SignFailure> {
    let digest =
        digest::Digest::import_less_safe(digest_value, known).map_err(|_| SignFailure::Cryptography)?;
    let mut signature = vec![0_u8; pair.public_modulus_len()];
    pair.sign_digest(encoding, &digest, &mut signature).map_err(|_| SignFailure::Cryptography)?;
    Ok(signature)
}

/// ECDSA uses the leftmost bits of a digest, as many as the curve's order has (FIPS 186-5, 6.4.1). The library ties
/// P-256 to SHA-256, so a longer digest is cut here; the signature is the one that SHA-384 and SHA-512 with P-256 mean.
fn sign_ec(pair: &EcdsaKeyPair, digest_value: &[u8]) -> Result<Vec<u8>, SignFailure> {
    let leftmost = digest_value.get(..P256_BYTES).ok_or(SignFailure::Cryptography)?;
    let digest =
        digest::Digest::import_less_safe(leftmost, &digest::SHA256).map_err(|_| SignFailure::Cryptography)?;
    let signature = pair.sign_digest(&digest).map_err(|_| SignFailure::Cryptography)?;
    Ok(signature.as_ref().to_vec())
}

pub(crate) fn check_curve(parameters: der::asn1::AnyRef<'_>) -> Result<(), KeyRefusal> {
    if parameters.tag() != Tag::ObjectIdentifier {
        return Err(KeyRefusal::ForeignCurve { oid: "given by explicit parameters".to_owned() });
    }
    let curve = parameters.decode_as::<der::asn1::ObjectIdentifier>().map_err(Fault::from)?;
    if curve == SECP_256_R_1 { Ok(()) } else { Err(KeyRefusal::ForeignCurve { oid: curve.to_string() }) }
}

/// Reads PKCS#1, strict about the length of the modulus.
fn rsa(der: &[u8]) -> Result<PrivateKey, KeyRefusal> {
    let mut fields = Fields::of_sequence(der)?;
    fields.number()?;
    let modulus = fields.integer()?;
    let algorithm = rsa_length(modulus)?;
    let pair = RsaKeyPair::from_der(der).map_err(|e| rejected(&e))?;
    Ok(PrivateKey::Rsa { pair: Box::new(pair), algorithm })
}

/// Of which kind an RSA key with this modulus is.
pub(crate) fn rsa_length(modulus: &[u8]) -> Result<KeyAlgorithm, KeyRefusal> {
    let modulus = modulus.strip_prefix(&[0]).unwrap_or(modulus);
    let unused = modulus.first().map_or(0, |b| b.leading_zeros());
    let bits = modulus.len().saturating_mul(8).saturating_sub(usize::try_from(unused).unwrap_or(0));
    match bits {
        2048 => Ok(KeyAlgorithm::Rsa2048),
        3072 => Ok(KeyAlgorithm::Rsa3072),
        4096 => Ok(KeyAlgorithm::Rsa4096),
        0..2048 => Err(KeyRefusal::Weak { bits }),
        _ => Err(KeyRefusal::UnsupportedSize { bits }),
    }
}

/// Reads SEC1 (`fields` stand behind its version). Inside PKCS#8 (`outer`) the curve is named outside and was checked.
fn sec1(der: &[u8], mut fields: Fields<'_>, outer: Option<&[u8]>) -> Result<PrivateKey, KeyRefusal> {
    let secret = fields.octets()?;
    let mut named = outer.is_some();
    while let Some(tag) = fields.peek() {
        let number = if tag.is_constructed() { tag.number().value() } else { u8::MAX };
        if number == 0 {
            let parameters = Fields::of(fields.context(0)?)?.element()?;
            check_curve(parameters)?;
            named = true;
        } else {
            fields.element()?;
        }
    }
    if !named {
        return Err(unreadable("the curve is not named"));
    }
    if secret.len() > P256_BYTES {
        return Err(unreadable("the private number is longer than the curve allows"));
    }
    ec(outer.unwrap_or(der))
}

fn ec(der: &[u8]) -> Result<PrivateKey, KeyRefusal> {
    let raw = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, der);
    let asn1 = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_ASN1_SIGNING, der);
    match (raw, asn1) {
        (Ok(raw), Ok(asn1)) => Ok(PrivateKey::Ec { raw: Box::new(raw), der: Box::new(asn1) }),
        (Err(e), _) | (_, Err(e)) => Err(rejected(&e)),
    }
}

fn rejected(error: &KeyRejected) -> KeyRefusal {
    unreadable(format!("the cryptographic library rejects it: {error}"))
}

#[cfg(test)]
mod tests;
