//! The multipart between gateways: byte layout and limits of data-plane 4.7, as a writer and as a reader without I/O.
//!
//! Content-transfer-encodings are not decoded: what passes, is hashed and signed, is the encoded bytes. A part that is
//! a multipart itself is handed out as the bytes that it is.

mod delimiter;
mod head;
mod reader;
mod writer;

pub use head::PartHead;
pub use reader::{Event, Reader};
pub use writer::{Unwritable, Writer};

/// The longest header line of a part, in bytes, line end not counted (data-plane 4.7).
pub const HEADER_LINE_MAX: usize = 1000;

/// The most header lines of a part (data-plane 4.7).
pub const HEADER_LINES_MAX: usize = 1000;

/// The most bytes before the first boundary, and the most after the last; X-Road knows no limit.
pub const SURROUNDINGS_MAX: usize = 64 * 1024;

/// Why a multipart cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A header line is longer than [`HEADER_LINE_MAX`].
    #[error("a part's header line is longer than {HEADER_LINE_MAX} bytes")]
    HeaderLineTooLong,
    /// A part has more than [`HEADER_LINES_MAX`] header lines.
    #[error("a part has more than {HEADER_LINES_MAX} header lines")]
    TooManyHeaderLines,
    /// A header line has no colon, no proper name, or a control character.
    #[error("a part's header line cannot be read: {line}")]
    HeaderLine {
        /// The beginning of the line.
        line: String,
    },
    /// A part has two Content-Type headers.
    #[error("a part has two content types")]
    RepeatedContentType,
    /// A line begins with the boundary and continues so that readers would differ in what it is.
    #[error("a line begins with the boundary but is no boundary line")]
    AmbiguousBoundary,
    /// More than [`SURROUNDINGS_MAX`] bytes stand before the first boundary or after the last.
    #[error("more than {SURROUNDINGS_MAX} bytes stand outside the parts")]
    SurroundingsTooLong,
    /// The input ended before the closing boundary: the message was cut.
    #[error("the message ends without its closing boundary")]
    Truncated,
}

impl Malformed {
    /// The code that X-Road uses for this (data-plane 4.7, E.1.7), without prefix.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooManyHeaderLines => "internal_error",
            Self::Truncated => "io_error",
            Self::HeaderLineTooLong
            | Self::HeaderLine { .. }
            | Self::RepeatedContentType
            | Self::AmbiguousBoundary
            | Self::SurroundingsTooLong => "mime_parsing_failed",
        }
    }
}
