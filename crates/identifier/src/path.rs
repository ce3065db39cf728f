//! The one strict reading of a REST service path.
//!
//! A right names a path, the service behind the gateway reads the path once more, and both must mean the same. So a path
//! is decoded once, nothing is tidied up, and a path that two readers could read in two ways is refused, with the reason.
//! Why, and how X-Road differs: `docs/design/access-paths.md`.

use std::fmt;

use crate::percent;

/// Bytes of a raw path at most.
pub const PATH_BYTES_MAX: usize = 64 * 1024;

/// A service path that has exactly one reading, decoded. Empty, or begins with `/`. Made by [`decode_strict`] only.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServicePath(String);

impl ServicePath {
    /// The decoded path.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path as servers read it that cut the parameters (`;…`) off each segment; `None` when it has none.
    pub fn without_parameters(&self) -> Option<String> {
        self.0.contains(';').then(|| self.0.split('/').map(bare).collect::<Vec<_>>().join("/"))
    }
}

/// A segment without its parameters.
fn bare(segment: &str) -> &str {
    segment.split(';').next().unwrap_or(segment)
}

impl fmt::Display for ServicePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a path is refused. The caller wrote it; trying again cannot help. Positions count bytes of the raw path from 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Longer than [`PATH_BYTES_MAX`].
    #[error("the path has {bytes} bytes; {PATH_BYTES_MAX} are allowed")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// Neither empty nor beginning with `/`.
    #[error("the path does not begin with a slash")]
    NoLeadingSlash,
    /// A character that may not stand in a path unencoded, such as a space, `?`, `#` or a letter outside ASCII.
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
    /// The decoded bytes are not UTF-8 (overlong forms and surrogates included).
    #[error("the decoded bytes are not UTF-8")]
    NotUtf8,
    /// `%2F`: one reader sees a separator, another a character.
    #[error("the path holds an encoded slash")]
    EncodedSlash,
    /// A backslash, raw or encoded: some readers take it for a separator.
    #[error("the path holds a backslash")]
    Backslash,
    /// NUL or another control character.
    #[error("the path holds the control character {character:?}")]
    Control {
        /// The character.
        character: char,
    },
    /// `//` inside the path, also when only parameters (`;…`) stand between the slashes.
    #[error("the path holds an empty segment")]
    EmptySegment,
    /// A segment `.` or `..`, raw, encoded or with parameters behind it (`..;x`).
    #[error("the path holds the dot segment \"{segment}\"")]
    DotSegment {
        /// The segment, decoded.
        segment: String,
    },
}

impl From<percent::Refusal> for Refusal {
    fn from(refusal: percent::Refusal) -> Self {
        match refusal {
            percent::Refusal::Character { character: '\\', .. } => Self::Backslash,
            percent::Refusal::Character { character, at } => Self::Character { character, at },
            percent::Refusal::Triplet { at } => Self::Triplet { at },
            percent::Refusal::NotUtf8 => Self::NotUtf8,
        }
    }
}

/// Decodes a raw service path (without query) once, and refuses it if it is ambiguous. `%25` becomes a `%` that is never
/// looked at again; a space, `?` or `#` that came encoded is an ordinary character.
///
/// # Errors
/// See [`Refusal`]; the first reason found in the order: length, spelling, slashes, controls, segments.
pub fn decode_strict(raw: &str) -> Result<ServicePath, Refusal> {
    let decoded = decoded(raw)?;
    if separators(decoded.as_bytes()) != separators(raw.as_bytes()) {
        return Err(Refusal::EncodedSlash);
    }
    check_readings(&decoded)?;
    Ok(ServicePath(decoded))
}

/// Checks a path that is compared with nothing, because a right covers *every* path of the service. Then an encoded slash
/// changes no decision and is let through, if taking it for a separator leads to no empty and no dot segment either:
/// everything else that [`decode_strict`] refuses is refused here too, since it could lead out of the service.
///
/// # Errors
/// See [`Refusal`]; never [`Refusal::EncodedSlash`].
pub fn check_uncompared(raw: &str) -> Result<(), Refusal> {
    check_readings(&decoded(raw)?)
}

fn decoded(raw: &str) -> Result<String, Refusal> {
    if raw.len() > PATH_BYTES_MAX {
        return Err(Refusal::TooLong { bytes: raw.len() });
    }
    if !raw.is_empty() && !raw.starts_with('/') {
        return Err(Refusal::NoLeadingSlash);
    }
    let bytes = percent::decode(raw, |byte| byte == b'/')?;
    String::from_utf8(bytes).map_err(|_| Refusal::NotUtf8)
}

fn separators(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'/').count()
}

/// Whether the decoded path leaves room for a second reading.
fn check_readings(decoded: &str) -> Result<(), Refusal> {
    if let Some(character) = decoded.chars().find(|character| character.is_control()) {
        return Err(Refusal::Control { character });
    }
    if decoded.contains('\\') {
        return Err(Refusal::Backslash);
    }
    let mut segments = decoded.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        // Some servers cut parameters off (`..;x` becomes `..`), so a segment must be harmless with and without them.
        let bare = bare(segment);
        if bare == "." || bare == ".." {
            return Err(Refusal::DotSegment { segment: segment.to_owned() });
        }
        let closes_the_path = segment.is_empty() && segments.peek().is_none();
        if bare.is_empty() && !closes_the_path {
            return Err(Refusal::EmptySegment);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
