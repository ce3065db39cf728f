//! The HTTP body of a SOAP message: the message alone, or with attachments in a `multipart/related` (data-plane 3.1, 3.3, 3.5).
//!
//! The first part is the message, whatever `start` says. Attachments are bytes with a head: their transfer encodings are not decoded, and
//! a multipart inside one of them is left as it is.

mod reader;
mod writer;

pub use reader::{Event, Reader};
pub use writer::Writer;

use crate::content_type::{self, Boundary, ContentType};
use crate::multipart;

/// The most attachments of a message: the hash chain over as many still fits what a gateway reads.
pub const ATTACHMENTS_MAX: usize = 1000;

/// Why a body is not a SOAP message with its attachments, or cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The HTTP message or a part of it has no content type.
    #[error("Could not get content type for {of}")]
    NoContentType {
        /// `the message` or `part`.
        of: &'static str,
    },
    /// Neither SOAP nor SOAP with attachments; or the first part is not SOAP.
    #[error("Invalid content type: {found}")]
    ContentType {
        /// The beginning of what stood there.
        found: String,
    },
    /// A content type that cannot be read, or without a usable boundary.
    #[error("Invalid content type: {0}")]
    Malformed(#[from] content_type::Malformed),
    /// The multipart cannot be read, or was cut.
    #[error("{0}")]
    Multipart(#[from] multipart::Malformed),
    /// The message itself is longer than it may be.
    #[error("{0}")]
    TooLarge(super::Refusal),
    /// More than [`ATTACHMENTS_MAX`] attachments.
    #[error("The message has more than {ATTACHMENTS_MAX} attachments")]
    TooManyAttachments,
    /// A multipart without parts.
    #[error("Request does not have SOAP message")]
    NoSoap,
    /// A part's head cannot be written as it was read.
    #[error("{0}")]
    Unwritable(#[from] multipart::Unwritable),
    /// A part holds a line that begins with the boundary: whoever reads it would take it for two.
    #[error("A part contains the boundary of the multipart")]
    BoundaryInside,
}

impl Refusal {
    /// The code that X-Road uses for this (data-plane 9.2, 9.3), without prefix.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoContentType { .. } | Self::ContentType { .. } | Self::Malformed(_) => {
                "invalid_content_type"
            }
            Self::Multipart(malformed) => malformed.code(),
            Self::TooLarge(refusal) => refusal.code(),
            Self::NoSoap => "missing_soap",
            Self::TooManyAttachments | Self::Unwritable(_) | Self::BoundaryInside => "invalid_message",
        }
    }
}

/// What a content type says of the body behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    /// The message alone.
    Single,
    /// The message as the first part of a multipart.
    Related(Boundary),
}

impl Form {
    fn of(content_type: &str) -> Result<Self, Refusal> {
        if is_soap(content_type) {
            return Ok(Self::Single);
        }
        let parsed = ContentType::parse(content_type)?;
        if !parsed.is("multipart/related") {
            return Err(Refusal::ContentType { found: crate::text::shortened(parsed.base(), 100) });
        }
        Ok(Self::Related(parsed.boundary()?))
    }
}

/// Whether a type is one of SOAP 1.1, alone or as a package's root.
fn is_soap(content_type: &str) -> bool {
    let base = content_type::base_of(content_type);
    ["text/xml", "application/xop+xml"].iter().any(|soap| base.eq_ignore_ascii_case(soap))
}

#[cfg(test)]
mod tests;
