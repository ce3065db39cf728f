//! X-Road's form (data-plane 7.5): AES-128 in counter mode, under two keys that are made of one secret and its name. It hides; it notices no
//! change. No counter is used twice as long as no number of a record is.

use std::fmt;

use aws_lc_rs::cipher::{AES_128, DecryptingKey, DecryptionContext, UnboundCipherKey};
use aws_lc_rs::hkdf;
use aws_lc_rs::iv::{FixedLength, IV_LEN_128_BIT};
use zeroize::Zeroizing;

use super::NotSealed;
use crate::record::RecordId;

const KEY_BYTES: usize = 16;
const BLOCK_BYTES: u64 = 16;

/// The keys that one secret gives: in counter mode they lead there and back.
pub(crate) struct XroadKey {
    name: String,
    message: DecryptingKey,
    attachment: DecryptingKey,
}

impl fmt::Debug for XroadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("XroadKey").field("name", &self.name).finish_non_exhaustive()
    }
}

struct Both;

impl hkdf::KeyType for Both {
    fn len(&self) -> usize {
        2 * KEY_BYTES
    }
}

impl XroadKey {
    pub(super) fn new(name: String, secret: &[u8]) -> Option<Self> {
        let mut both = Zeroizing::new([0; 2 * KEY_BYTES]);
        let made = hkdf::Salt::new(hkdf::HKDF_SHA512, name.as_bytes()).extract(secret);
        made.expand(&[], Both).ok()?.fill(&mut *both).ok()?;
        let (message, attachment) = both.split_at(KEY_BYTES);
        let key = |octets: &[u8]| UnboundCipherKey::new(&AES_128, octets).and_then(DecryptingKey::ctr).ok();
        Some(Self { message: key(message)?, attachment: key(attachment)?, name })
    }

    /// What the column `keyid` holds.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The message of a record, there or back.
    pub(crate) fn message(&self, record: RecordId, message: &[u8]) -> Result<Vec<u8>, NotSealed> {
        turned(&self.message, u128::from(record.0) << 64, 0, message)
    }

    /// What stands in an attachment from an offset on, there or back.
    pub(crate) fn attachment(
        &self,
        record: RecordId,
        number: u32,
        offset: u64,
        piece: &[u8],
    ) -> Result<Vec<u8>, NotSealed> {
        let start = (u128::from(record.0) << 64) | (u128::from(number.saturating_sub(1)) << 32);
        turned(&self.attachment, start, offset, piece)
    }
}

/// The counter is the whole block, high byte first; a piece may begin inside one.
fn turned(key: &DecryptingKey, start: u128, offset: u64, piece: &[u8]) -> Result<Vec<u8>, NotSealed> {
    let counter = start.wrapping_add(u128::from(offset / BLOCK_BYTES));
    let lead = usize::try_from(offset % BLOCK_BYTES).unwrap_or_default();
    let mut octets = vec![0; lead];
    octets.extend_from_slice(piece);
    let context = DecryptionContext::Iv128(FixedLength::<IV_LEN_128_BIT>::from(counter.to_be_bytes()));
    key.decrypt(&mut octets, context).map_err(|_| NotSealed)?;
    octets.drain(..lead);
    Ok(octets)
}
