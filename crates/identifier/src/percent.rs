//! Percent-coding of one path segment (data-plane 1.4).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What a segment keeps as it is, beside letters and digits: unreserved characters, sub-delimiters, `:` and `@`.
const KEPT: &[u8; 17] = b"-._~!$&'()*+,;=:@";

const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

/// Why a text is not a correctly encoded segment. Positions count bytes from 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A character that may stand in a segment only in its encoded form; `/` is one of them.
    #[error("the character {character:?} at byte {at} must be percent-encoded")]
    Character {
        /// The character.
        character: char,
        /// Where it stands.
        at: usize,
    },
    /// A `%` that two hexadecimal digits do not follow.
    #[error("the % at byte {at} is not followed by two hexadecimal digits")]
    Triplet {
        /// Where the `%` stands.
        at: usize,
    },
    /// The decoded bytes are not UTF-8.
    #[error("the decoded bytes are not UTF-8")]
    NotUtf8,
}

/// Whether `byte` may stand in a segment as it is.
pub fn is_kept(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || KEPT.contains(&byte)
}

/// Encodes one segment: what may stay stays, everything else becomes `%HH` of its UTF-8 bytes, in capitals.
pub fn encode_segment(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// Decodes one segment, once. `+` is a plus. Every decoded character is allowed, even `/` and controls: whether it is
/// welcome is the question of whoever uses the result.
///
/// # Errors
/// A character that should have been encoded, a broken triplet, or bytes that are not UTF-8.
pub fn decode_segment(raw: &str) -> Result<String, Refusal> {
    String::from_utf8(decode(raw, |_| false)?).map_err(|_| Refusal::NotUtf8)
}

/// Decodes `raw`, in which also the bytes that `welcome` names may stand as they are.
pub(crate) fn decode(raw: &str, welcome: impl Fn(u8) -> bool) -> Result<Vec<u8>, Refusal> {
    let mut decoded = Vec::with_capacity(raw.len());
    let mut bytes = raw.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        if byte == b'%' {
            let high = bytes.next().and_then(|(_, digit)| hexadecimal(digit));
            let low = bytes.next().and_then(|(_, digit)| hexadecimal(digit));
            let (Some(high), Some(low)) = (high, low) else {
                return Err(Refusal::Triplet { at });
            };
            decoded.push(high << 4 | low);
        } else if is_kept(byte) || welcome(byte) {
            decoded.push(byte);
        } else {
            let character =
                raw.get(at..).and_then(|rest| rest.chars().next()).unwrap_or(char::REPLACEMENT_CHARACTER);
            return Err(Refusal::Character { character, at });
        }
    }
    Ok(decoded)
}

fn hexadecimal(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests;
