//! The authority's own keys: RSA-2048 or P-256, signing with SHA-256.

use crate::asn1;
use crate::certificate::KeyInformation;
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use const_oid::db::rfc5912::{
    ECDSA_WITH_SHA_256, ID_EC_PUBLIC_KEY, RSA_ENCRYPTION, SECP_256_R_1, SHA_256_WITH_RSA_ENCRYPTION,
};

/// Which keys the authority makes for itself. What it certifies may be of either kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyKind {
    /// RSA with 2048 bits.
    #[default]
    Rsa,
    /// P-256.
    Ec,
}

/// The library gives no reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CryptoFailure;

pub(crate) enum Key {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Rsa(_) => "Key(RSA)",
            Self::Ec(_) => "Key(P-256)",
        })
    }
}

impl Key {
    /// Makes a key with the library's own generator.
    pub(crate) fn generate(kind: KeyKind) -> Result<Self, CryptoFailure> {
        match kind {
            KeyKind::Rsa => RsaKeyPair::generate(KeySize::Rsa2048).map(Self::Rsa),
            KeyKind::Ec => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map(Self::Ec),
        }
        .map_err(|_| CryptoFailure)
    }

    pub(crate) fn from_pkcs8(kind: KeyKind, pkcs8: &[u8]) -> Result<Self, CryptoFailure> {
        match kind {
            KeyKind::Rsa => RsaKeyPair::from_pkcs8(pkcs8).map(Self::Rsa),
            KeyKind::Ec => EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8).map(Self::Ec),
        }
        .map_err(|_| CryptoFailure)
    }

    pub(crate) fn to_pkcs8(&self) -> Result<Vec<u8>, CryptoFailure> {
        match self {
            Self::Rsa(key) => key.as_der().map(|der| der.as_ref().to_vec()).map_err(|_| CryptoFailure),
            Self::Ec(key) => key.to_pkcs8v1().map(|der| der.as_ref().to_vec()).map_err(|_| CryptoFailure),
        }
    }

    /// `AlgorithmIdentifier` of its signatures.
    pub(crate) fn signature_algorithm(&self) -> Vec<u8> {
        match self {
            Self::Rsa(_) => asn1::algorithm(SHA_256_WITH_RSA_ENCRYPTION, &asn1::null()),
            Self::Ec(_) => asn1::algorithm(ECDSA_WITH_SHA_256, &[]),
        }
    }

    /// The signature as it stands in certificates: PKCS#1 v1.5, or `ECDSA-Sig-Value`.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CryptoFailure> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).map_err(|_| CryptoFailure)?;
                Ok(signature)
            }
            Self::Ec(key) => {
                let signature = key.sign(&random, message).map_err(|_| CryptoFailure)?;
                Ok(signature.as_ref().to_vec())
            }
        }
    }

    pub(crate) fn information(&self) -> KeyInformation {
        let (algorithm, bits) = match self {
            Self::Rsa(key) => {
                (asn1::algorithm(RSA_ENCRYPTION, &asn1::null()), key.public_key().as_ref().to_vec())
            }
            Self::Ec(key) => (
                asn1::algorithm(ID_EC_PUBLIC_KEY, &asn1::oid(SECP_256_R_1)),
                key.public_key().as_ref().to_vec(),
            ),
        };
        let is_rsa = matches!(self, Self::Rsa(_));
        KeyInformation { spki: asn1::sequence(&[&algorithm, &asn1::bits(&bits)]), bits, is_rsa }
    }
}
