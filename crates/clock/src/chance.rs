//! Bytes that nobody can foresee, and the few shapes the house makes of them.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

const LETTERS: &[u8; 52] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// A sound source needs more draws than this for one number with a probability below 2⁻¹²⁸.
const DRAWS_MAX: u32 = 128;
const HEX: &[u8; 16] = b"0123456789abcdef";

type Fill = dyn Fn(&mut [u8]) + Send + Sync;

/// A source of random bytes. A clone draws from the same source.
#[derive(Clone)]
pub struct Chance {
    fill: Arc<Fill>,
}

impl Chance {
    /// A source that calls `fill`, which must fill the whole slice. It has no way to report failure on purpose: a
    /// generator that cannot answer must end the process rather than hand out bytes that can be foreseen.
    pub fn new(fill: impl Fn(&mut [u8]) + Send + Sync + 'static) -> Self {
        Self { fill: Arc::new(fill) }
    }

    /// For tests: the same bytes in the same order for the same seed. Worthless as a secret.
    pub fn seeded(seed: u64) -> Self {
        let state = Mutex::new(seed);
        Self::new(move |bytes| {
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            for chunk in bytes.chunks_mut(8) {
                *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                for (byte, drawn) in chunk.iter_mut().zip(mixed(*state).to_le_bytes()) {
                    *byte = drawn;
                }
            }
        })
    }

    /// Fills `bytes`.
    pub fn fill(&self, bytes: &mut [u8]) {
        (self.fill)(bytes);
    }

    /// A random UUID (RFC 9562 version 4) in lower-case text, 36 characters.
    pub fn uuid4(&self) -> String {
        let mut bytes = [0_u8; 16];
        self.fill(&mut bytes);
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        let mut text = String::with_capacity(36);
        for (at, byte) in bytes.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            for digit in [byte >> 4, byte & 0x0f] {
                text.push(HEX.get(usize::from(digit)).copied().map_or('0', char::from));
            }
        }
        text
    }

    /// `count` ASCII letters, upper and lower case, each of the 52 equally likely.
    pub fn letters(&self, count: usize) -> String {
        let mut text = String::with_capacity(count);
        for _ in 0..count {
            let drawn = usize::try_from(self.below(52)).unwrap_or(0);
            text.push(LETTERS.get(drawn).copied().map_or('A', char::from));
        }
        text
    }

    /// A number from 0 to `bound` − 1, each equally likely; 0 when `bound` is 0.
    pub fn below(&self, bound: u32) -> u32 {
        // Numbers above the greatest multiple of the bound are drawn again, otherwise the small ones would be likelier.
        let Some(over) = u32::MAX.checked_rem(bound) else {
            return 0;
        };
        let limit = u32::MAX.wrapping_sub(over);
        let mut drawn = u32::MAX;
        // A sound source is done after one or two draws; the end keeps a broken one from hanging us.
        for _ in 0..DRAWS_MAX {
            let mut bytes = [0_u8; 4];
            self.fill(&mut bytes);
            drawn = u32::from_le_bytes(bytes);
            if drawn < limit {
                break;
            }
        }
        drawn.checked_rem(bound).unwrap_or(0)
    }

    /// Puts `items` into a random order, each order equally likely.
    pub fn shuffle<T>(&self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let bound = u32::try_from(last).unwrap_or(u32::MAX).saturating_add(1);
            items.swap(last, usize::try_from(self.below(bound)).unwrap_or(last));
        }
    }
}

impl fmt::Debug for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chance")
    }
}

/// Spreads a counter over all 64 bits (the finishing steps of splitmix64).
fn mixed(counter: u64) -> u64 {
    let mut value = counter;
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests;
