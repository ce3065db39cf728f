//! Why a text or a set of parts is not an identifier.

use crate::part::{PART_CHARACTERS_MAX, Part};
use crate::percent;

/// The verdict of making an identifier. It is always the fault of whoever wrote the text; trying again cannot help.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A part is empty or white space only.
    #[error("the part {part} is blank")]
    Blank {
        /// Which part.
        part: Part,
    },
    /// A part is longer than can be stored.
    #[error("the part {part} has {characters} characters; {PART_CHARACTERS_MAX} are allowed")]
    TooLong {
        /// Which part.
        part: Part,
        /// Its length.
        characters: usize,
    },
    /// The text has too few or too many parts for its type.
    #[error("expected {expected}, found {found} parts")]
    PartCount {
        /// What was wanted, in words, for example "3 or 4 parts of a client".
        expected: &'static str,
        /// How many there were.
        found: usize,
    },
    /// One segment of a path is not correctly percent-encoded.
    #[error("a segment is not correctly percent-encoded: {0}")]
    Percent(#[from] percent::Refusal),
}
