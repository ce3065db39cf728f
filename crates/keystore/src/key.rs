//! What a key is called, what it is for, and of which kind it is.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Name of a key: 40 upper-case hexadecimal digits, random, not derived from the key (as X-Road's, control-plane
/// 5.2), so that a key taken over keeps its name. Safe as a file name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId(String);

/// Text that is no [`KeyId`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key identifier is 40 upper-case hexadecimal digits")]
pub struct NotAKeyId;

impl KeyId {
    /// Reads an identifier.
    ///
    /// # Errors
    /// [`NotAKeyId`] for anything but 40 digits `0-9A-F`.
    pub fn parse(text: &str) -> Result<Self, NotAKeyId> {
        let fits = text.len() == 40 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F'));
        if fits { Ok(Self(text.to_owned())) } else { Err(NotAKeyId) }
    }

    pub(crate) fn from_bytes(bytes: &[u8; 20]) -> Self {
        Self(hex::encode_upper(bytes))
    }

    /// The 40 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for KeyId {
    type Error = NotAKeyId;

    fn try_from(text: String) -> Result<Self, NotAKeyId> {
        Self::parse(&text)
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> Self {
        id.0
    }
}

/// What a key is for. It is sealed together with the key, so that editing the index does not change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyUsage {
    /// Signs messages for a member. Never leaves the keystore.
    Signing,
    /// TLS between gateways (port 5500).
    Authentication,
    /// TLS towards the member's own systems.
    InternalTls,
    /// Signs a registry's global configuration. Never leaves the keystore.
    Configuration,
}

impl KeyUsage {
    /// The word used in the index and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Signing => "signing",
            Self::Authentication => "authentication",
            Self::InternalTls => "internal_tls",
            Self::Configuration => "configuration",
        }
    }

    /// Reads [`Self::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Signing, Self::Authentication, Self::InternalTls, Self::Configuration]
            .into_iter()
            .find(|usage| usage.name() == name)
    }
}

impl fmt::Display for KeyUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The kinds of key we hold: RSA of three lengths, and EC on P-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum KeyAlgorithm {
    /// RSA, 2048 bits.
    #[serde(rename = "RSA-2048")]
    Rsa2048,
    /// RSA, 3072 bits.
    #[serde(rename = "RSA-3072")]
    Rsa3072,
    /// RSA, 4096 bits.
    #[serde(rename = "RSA-4096")]
    Rsa4096,
    /// EC on NIST P-256 (secp256r1).
    #[serde(rename = "EC-P256")]
    EcP256,
}

impl KeyAlgorithm {
    /// The word used in the index and on the command line: `RSA-2048`, …, `EC-P256`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rsa2048 => "RSA-2048",
            Self::Rsa3072 => "RSA-3072",
            Self::Rsa4096 => "RSA-4096",
            Self::EcP256 => "EC-P256",
        }
    }

    /// Reads [`Self::name`], in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Rsa2048, Self::Rsa3072, Self::Rsa4096, Self::EcP256]
            .into_iter()
            .find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    /// Whether it is one of the RSA lengths.
    pub const fn is_rsa(self) -> bool {
        !matches!(self, Self::EcP256)
    }
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
