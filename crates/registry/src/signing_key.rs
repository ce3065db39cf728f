//! Configuration signing keys: two sources, each with one active key and, during a change-over, a second one.

use jiff::Timestamp;
use keystore::KeyId;
use std::fmt;
use trust::Certificate;

/// Most signing keys of one source: the old one and the new one of a change-over (control-plane 1.2).
pub const SIGNING_KEYS_MAX: usize = 2;

/// For whom a configuration is (control-plane 1.0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// For the gateways of the own instance: all parts.
    Internal,
    /// For federated instances: shared parameters only.
    External,
}

impl Source {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Internal, Self::External];

    /// `internal` or `external`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::External => "external",
        }
    }

    /// Reads [`Self::name`].
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.name() == name)
    }

    /// The path and file name of its signed directory (control-plane 1.4).
    #[must_use]
    pub const fn directory(self) -> &'static str {
        match self {
            Self::Internal => "internalconf",
            Self::External => "externalconf",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A signing key of a source, without its secret half.
#[derive(Debug, Clone, PartialEq)]
pub struct SigningKey {
    /// Its name in the keystore.
    pub key: KeyId,
    /// What it signs.
    pub source: Source,
    /// The self-signed certificate by which clients know it.
    pub certificate: Certificate,
    /// When it was made.
    pub made_at: Timestamp,
    /// Whether it signs now.
    pub active: bool,
}

/// A key was activated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Activated {
    /// Whether its certificate has been public for as long as a configuration holds. If not, gateways that have not fetched
    /// since the key was made know it only from a new anchor.
    pub known_to_clients: bool,
}
