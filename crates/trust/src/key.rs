//! Public keys as certificates carry them.

use std::sync::Arc;

use crate::asn1::{self, Malformed, Reader};
use crate::oid;

/// The elliptic curves that we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Curve {
    /// NIST P-256 (secp256r1): X-Road's default curve.
    P256,
    /// NIST P-384.
    P384,
    /// NIST P-521.
    P521,
}

impl Curve {
    /// How many bytes one half of a raw signature has.
    #[must_use]
    pub fn field_bytes(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

/// What kind of key it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyKind {
    /// RSA.
    Rsa,
    /// Elliptic curve, on a curve that we know.
    Ec(Curve),
    /// Any other: such a key never verifies anything here.
    Other,
}

/// A public key: its SubjectPublicKeyInfo as received. Equal when the bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    kind: KeyKind,
    spki: Arc<[u8]>,
    bits: Arc<[u8]>,
}

impl PublicKey {
    /// Reads a DER SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// [`Malformed`] when the bytes are something else. A key of an unknown kind is no error: see [`KeyKind::Other`].
    pub fn from_spki(der: &[u8]) -> Result<Self, Malformed> {
        let whole = asn1::only(der, asn1::SEQUENCE)?;
        let mut fields = whole.open();
        let mut algorithm = fields.sequence()?;
        let kind = kind(&mut algorithm)?;
        let bits = asn1::bits(&fields.any()?)?;
        fields.end()?;
        Ok(Self { kind, spki: der.into(), bits: bits.into() })
    }

    /// RSA, EC or neither.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The DER SubjectPublicKeyInfo.
    #[must_use]
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// How long the modulus of an RSA key is; 0 when the key is not well formed.
    pub(crate) fn rsa_bits(&self) -> Option<usize> {
        let modulus =
            |bits| Some(asn1::only(bits, asn1::SEQUENCE).ok()?.open().expect(asn1::INTEGER).ok()?.body);
        let significant = |octets: &[u8]| {
            let zeros = octets.iter().take_while(|octet| **octet == 0).count();
            let first = octets.get(zeros).map_or(0, |octet| octet.leading_zeros());
            let octets = octets.len().saturating_sub(zeros).saturating_mul(8);
            octets.saturating_sub(usize::try_from(first).unwrap_or(0))
        };
        (self.kind == KeyKind::Rsa).then(|| modulus(&self.bits).map_or(0, significant))
    }

    /// The content of the key's BIT STRING: what key identifiers are hashes of.
    #[must_use]
    pub fn key_bits(&self) -> &[u8] {
        &self.bits
    }
}

fn kind(algorithm: &mut Reader<'_>) -> Result<KeyKind, Malformed> {
    let family = algorithm.expect(asn1::OID)?.body;
    // One element at most, whatever the family; what is not a named curve is not looked into.
    let parameters = if algorithm.is_empty() { None } else { Some(algorithm.any()?) };
    algorithm.end()?;
    if family == oid::RSA {
        return Ok(KeyKind::Rsa);
    }
    if family != oid::EC {
        return Ok(KeyKind::Other);
    }
    let curve = parameters.filter(|named| named.tag == asn1::OID).map(|named| named.body);
    Ok(match curve {
        Some(name) if name == oid::P256 => KeyKind::Ec(Curve::P256),
        Some(name) if name == oid::P384 => KeyKind::Ec(Curve::P384),
        Some(name) if name == oid::P521 => KeyKind::Ec(Curve::P521),
        _ => KeyKind::Other,
    })
}
