//! Records that cannot be read on the disk: messages and bodies sealed under keys of the operator's, in the form that
//! `docs/design/log-at-rest.md` gives byte for byte.
//!
//! A log in PostgreSQL can be kept in X-Road's form instead (see `xroad`), which is weaker and which X-Road reads.
//!
//! Each record has a key of its own, made from one of the operator's and 16 random bytes, so no nonce is ever used twice
//! under one key, however many records there are. What is sealed is bound to its record by the digest of its signature,
//! and to its place in it, so nothing can be exchanged for something else that was sealed here.

mod keys;
mod open;
mod protection;
mod xroad;

#[cfg(test)]
mod tests;

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::{hkdf, rand};
use trust::algorithm::DigestAlgorithm;

use crate::record::Direction;

pub(crate) use keys::OWN_MARK;
pub use keys::{KeyFault, Keys, XroadEncryption};
pub(crate) use open::{BodyDecryption, BodyOpening};
pub use protection::KeyName;
pub(crate) use protection::{Kept, Piece, Protection};

/// Plain bytes of a body that are sealed together; the last such piece is shorter.
pub(crate) const CHUNK_BYTES: usize = 65_536;
const TAG_BYTES: usize = 16;
const VERSION: u8 = 1;
const SEED_BYTES: usize = 16;
const KEY_ID_BYTES: usize = 8;
const RECORD_KEY: &[u8] = b"chhatra messagelog record key 1";

/// What of a record is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Message,
    Body,
}

impl What {
    const fn number(self) -> u8 {
        match self {
            Self::Message => 0,
            Self::Body => 1,
        }
    }
}

/// How a record is sealed: what its column `seal` holds.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seal {
    key: [u8; KEY_ID_BYTES],
    seed: [u8; SEED_BYTES],
}

impl Seal {
    fn to_bytes(&self) -> Vec<u8> {
        [&[VERSION], self.key.as_slice(), self.seed.as_slice()].concat()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        let (key, seed) = rest.split_first_chunk()?;
        (*version == VERSION).then_some(Self { key: *key, seed: seed.try_into().ok()? })
    }
}

/// The key of one record, for sealing and for opening.
pub(crate) struct Sealer {
    seal: Seal,
    key: LessSafeKey,
    /// See [`binding`].
    bound_to: Vec<u8>,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("key", &hex::encode(self.seal.key)).finish_non_exhaustive()
    }
}

/// Why something sealed is not shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unopened {
    /// The key is not at hand.
    NoKey(KeyName),
    /// It is not what was sealed, or it was sealed for another place.
    Changed,
}

/// What a record's values are bound to: its signature, and, since records that were signed together have one signature, its
/// identifiers.
pub(crate) fn binding(
    signature_digest: &[u8],
    query_id: &str,
    request_id: &str,
    direction: Direction,
) -> Vec<u8> {
    let mut hasher = DigestAlgorithm::Sha512.hasher();
    hasher.update(signature_digest);
    for identifier in [query_id, request_id] {
        hasher.update(&count(identifier.len()).to_be_bytes());
        hasher.update(identifier.as_bytes());
    }
    hasher.update(&[u8::from(direction == Direction::Response)]);
    hasher.finish()
}

impl Sealer {
    /// For a new record; `None` when there are no keys, and records are kept open.
    pub(crate) fn new(keys: &Keys, binding: &[u8]) -> Option<Result<Self, NotSealed>> {
        let (id, secret) = keys.current()?;
        let mut seed = [0; SEED_BYTES];
        let drawn = rand::fill(&mut seed).map_err(|_| NotSealed);
        Some(drawn.and_then(|()| Self::of(Seal { key: id, seed }, secret, binding).ok_or(NotSealed)))
    }

    /// For a record that is there.
    pub(crate) fn again(keys: &Keys, seal: &[u8], binding: &[u8]) -> Result<Self, Unopened> {
        let seal = Seal::read(seal).ok_or(Unopened::Changed)?;
        let secret =
            keys.secret(&seal.key).ok_or_else(|| Unopened::NoKey(KeyName::Own(hex::encode(seal.key))))?;
        Self::of(seal, secret, binding).ok_or(Unopened::Changed)
    }

    fn of(seal: Seal, secret: &[u8], binding: &[u8]) -> Option<Self> {
        let made = hkdf::Salt::new(hkdf::HKDF_SHA512, &seal.seed).extract(secret);
        let key = LessSafeKey::new(UnboundKey::from(made.expand(&[RECORD_KEY], &AES_256_GCM).ok()?));
        Some(Self { seal, key, bound_to: binding.to_vec() })
    }

    /// What the column `seal` holds.
    pub(crate) fn column(&self) -> Vec<u8> {
        self.seal.to_bytes()
    }

    pub(crate) fn message(&self, message: &[u8]) -> Result<Vec<u8>, NotSealed> {
        self.sealed(What::Message, 0, 0, message)
    }

    /// One piece of a body that has so many bytes as a whole.
    pub(crate) fn chunk(&self, place: usize, body_bytes: u64, chunk: &[u8]) -> Result<Vec<u8>, NotSealed> {
        self.sealed(What::Body, count(place), body_bytes, chunk)
    }

    pub(crate) fn open_message(&self, sealed: &[u8]) -> Result<Vec<u8>, Unopened> {
        self.opened(What::Message, 0, 0, sealed)
    }

    fn sealed(&self, what: What, place: u64, body_bytes: u64, plain: &[u8]) -> Result<Vec<u8>, NotSealed> {
        let mut out = plain.to_vec();
        let sealed =
            self.key.seal_in_place_append_tag(nonce(what, place), self.aad(what, body_bytes), &mut out);
        sealed.map(|()| out).map_err(|_| NotSealed)
    }

    fn opened(&self, what: What, place: u64, body_bytes: u64, sealed: &[u8]) -> Result<Vec<u8>, Unopened> {
        let mut plain = sealed.to_vec();
        let opened = self.key.open_in_place(nonce(what, place), self.aad(what, body_bytes), &mut plain);
        let length = opened.map_err(|_| Unopened::Changed)?.len();
        plain.truncate(length);
        Ok(plain)
    }

    fn aad(&self, what: What, body_bytes: u64) -> Aad<Vec<u8>> {
        let bytes =
            [&[VERSION, what.number()], &body_bytes.to_be_bytes()[..], &self.seal.key, &self.bound_to];
        Aad::from(bytes.concat())
    }
}

/// How many bytes a sealed body of so many bytes has.
pub(crate) fn stored_bytes(body_bytes: u64) -> u64 {
    body_bytes.saturating_add(body_bytes.div_ceil(count(CHUNK_BYTES)).saturating_mul(count(TAG_BYTES)))
}

/// How many bytes a body had that has so many now that it is sealed.
pub(crate) fn plain_bytes(stored: u64) -> u64 {
    let tag = count(TAG_BYTES);
    let pieces = stored.div_ceil(count(CHUNK_BYTES).saturating_add(tag));
    stored.saturating_sub(pieces.saturating_mul(tag))
}

/// The name of the key in what a column `seal` begins with.
pub(crate) fn key_name(seal: &[u8]) -> Option<KeyName> {
    let (_, rest) = seal.split_first()?;
    rest.first_chunk::<KEY_ID_BYTES>().map(|name| KeyName::Own(hex::encode(name)))
}

/// The system gave no random bytes, or the library sealed nothing: then nothing is put on record rather than something open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotSealed;

/// What is sealed, three zeros, and the place in it.
fn nonce(what: What, place: u64) -> Nonce {
    let mut bytes = [0; 12];
    let (head, tail) = bytes.split_at_mut(4);
    head.copy_from_slice(&[what.number(), 0, 0, 0]);
    tail.copy_from_slice(&place.to_be_bytes());
    Nonce::assume_unique_for_key(bytes)
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
