//! How a record is kept: how a new one will be, how one that is there is.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::xroad::XroadKey;
use super::{CHUNK_BYTES, Keys, NotSealed, Sealer, count};
use crate::record::RecordId;

/// How a new record will be kept.
#[derive(Clone, Debug)]
pub(crate) enum Protection {
    /// As it is.
    Open,
    /// Sealed; its message is already.
    Sealed(Arc<Sealer>),
    /// Encrypted as X-Road does it, which needs the record's number.
    Xroad(Arc<XroadKey>),
}

/// A piece of a new record's body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece<'c> {
    /// Of the record, when it is known.
    pub(crate) record: Option<RecordId>,
    pub(crate) place: usize,
    /// Of the whole body.
    pub(crate) body_bytes: u64,
    pub(crate) content: &'c [u8],
}

impl Protection {
    pub(crate) fn new(keys: &Keys, binding: &[u8]) -> Result<Self, NotSealed> {
        if let Some(key) = keys.of_xroad_for_new() {
            return Ok(Self::Xroad(Arc::clone(key)));
        }
        let sealer = Sealer::new(keys, binding).transpose()?;
        Ok(sealer.map_or(Self::Open, |sealer| Self::Sealed(Arc::new(sealer))))
    }

    /// A piece as it is stored.
    pub(crate) fn stored<'c>(&self, piece: Piece<'c>) -> Result<Cow<'c, [u8]>, NotSealed> {
        match self {
            Self::Open => Ok(Cow::Borrowed(piece.content)),
            Self::Sealed(sealer) => {
                sealer.chunk(piece.place, piece.body_bytes, piece.content).map(Cow::Owned)
            }
            Self::Xroad(key) => {
                let offset = count(piece.place).saturating_mul(count(CHUNK_BYTES));
                key.attachment(piece.record.ok_or(NotSealed)?, 1, offset, piece.content).map(Cow::Owned)
            }
        }
    }
}

/// How a record that is there is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// As it is.
    Open,
    /// Sealed, as these bytes say.
    Sealed(Vec<u8>),
    /// Encrypted as X-Road does it, under the key of this name.
    Xroad(String),
}

/// The key that a record needs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyName {
    /// One that `chhatra evidence key` has made.
    Own(String),
    /// One of X-Road's.
    Xroad(String),
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own(name) => write!(f, "the key {name}, which no key file holds"),
            Self::Xroad(name) => {
                write!(f, "X-Road's key {name:?}, which no key store of xroad_encryption holds")
            }
        }
    }
}
