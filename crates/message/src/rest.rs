//! The REST message: the text that stands for the HTTP head when a call is hashed, signed and logged (data-plane 2.5).
//!
//! Both kinds are lines ended by CR LF, `Name:value` without a space, no blank line at the end. Bodies are not part of
//! it. In memory a text is Unicode; an HTTP head's bytes are taken as ISO-8859-1 and written as UTF-8, and turned back
//! towards the service or the consumer ([`Header::wire_value`]): so did the recorded servers.

mod error;
mod hash;
mod header;
mod lines;
mod request;
mod response;
mod target;

pub use error::{Inconsistent, Refusal};
pub use hash::request_hash;
pub use header::Header;
pub use request::{RepresentedParty, RestRequest, Verb};
pub use response::RestResponse;

/// The longest message text, in bytes; X-Road's own limit is that of its HTTP heads.
pub const MESSAGE_BYTES_MAX: usize = 1024 * 1024;

/// The most header lines of a message.
pub const HEADERS_MAX: usize = 1000;

/// A message of either kind, as found in a log or a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RestMessage {
    /// It began with a letter.
    Request(RestRequest),
    /// It began with a digit.
    Response(RestResponse),
}

impl RestMessage {
    /// Reads a message of unknown kind: a first byte `1`–`9` makes it a response (data-plane 2.5).
    ///
    /// # Errors
    /// As [`RestRequest::parse`] and [`RestResponse::parse`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        match bytes.first() {
            Some(b'1'..=b'9') => RestResponse::parse(bytes).map(Self::Response),
            Some(_) | None => RestRequest::parse(bytes).map(Self::Request),
        }
    }

    /// The text, written with CR LF.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Request(request) => request.to_bytes(),
            Self::Response(response) => response.to_bytes(),
        }
    }

    /// The text without what may be personal (data-plane 2.5, filtered form).
    #[must_use]
    pub fn filtered(&self) -> Vec<u8> {
        match self {
            Self::Request(request) => request.filtered(),
            Self::Response(response) => response.filtered(),
        }
    }
}

#[cfg(test)]
mod tests;
