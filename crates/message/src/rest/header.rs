//! Header lines of a message: names as spelled, values as they came.

use bytes::Bytes;

use super::{HEADERS_MAX, Refusal};
use crate::text;

pub(super) const CLIENT: &str = "x-road-client";
pub(super) const ID: &str = "x-road-id";
pub(super) const REPRESENTED_PARTY: &str = "x-road-represented-party";
pub(super) const REQUEST_HASH: &str = "x-road-request-hash";
pub(super) const REQUEST_ID: &str = "x-road-request-id";
pub(super) const SECURITY_SERVER: &str = "x-road-security-server";
pub(super) const SERVICE: &str = "x-road-service";

/// Headers between neighbours, which never travel in a message (data-plane 2.3).
const SKIPPED: [&str; 13] = [
    "transfer-encoding",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "upgrade",
    "connection",
    "user-agent",
    "host",
    "content-length",
    "server",
    "expect",
];

/// One header line. A value holds whatever stood behind the colon, also a leading space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    name: String,
    value: String,
}

impl Header {
    /// A header line.
    ///
    /// # Errors
    /// [`Refusal::InvalidHeader`] when the name is no token or the value has control characters,
    /// [`Refusal::ForbiddenHeader`] when it is one that never travels.
    pub fn new(name: &str, value: &str) -> Result<Self, Refusal> {
        if !text::is_token(name.as_bytes()) || text::has_controls(value) {
            return Err(Refusal::invalid_header(name));
        }
        if let Some(skipped) = SKIPPED.iter().find(|skipped| skipped.eq_ignore_ascii_case(name)) {
            return Err(Refusal::ForbiddenHeader { name: (*skipped).to_owned() });
        }
        Ok(Self { name: name.to_owned(), value: value.to_owned() })
    }

    /// The name as spelled.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The value as bytes of an HTTP head; what does not fit ISO-8859-1 becomes `?`.
    #[must_use]
    pub fn wire_value(&self) -> Vec<u8> {
        self.value.chars().map(|c| u8::try_from(c).unwrap_or(b'?')).collect()
    }

    /// Whether the name is this one, without regard to case.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

/// The headers of an HTTP head that travel: all but [`SKIPPED`] and `dropped`, in order and spelling.
pub(super) fn travelling(head: &[(Bytes, Bytes)], dropped: &[&str]) -> Result<Vec<Header>, Refusal> {
    let mut headers = Vec::with_capacity(head.len());
    for (name, value) in head {
        let name = text::from_latin1(name);
        let stays = SKIPPED.iter().chain(dropped).any(|other| other.eq_ignore_ascii_case(&name));
        if !stays {
            headers.push(Header::new(&name, text::trim(&text::from_latin1(value)))?);
        }
    }
    Ok(headers)
}

/// Reads the header lines of a message.
pub(super) fn read<'a>(lines: impl Iterator<Item = &'a str>) -> Result<Vec<Header>, Refusal> {
    let mut headers = Vec::new();
    for line in lines {
        if headers.len() >= HEADERS_MAX {
            return Err(Refusal::TooManyHeaders);
        }
        let (name, value) = line.split_once(':').ok_or_else(|| Refusal::invalid_header(line))?;
        headers.push(Header::new(name, value)?);
    }
    Ok(headers)
}

/// The value of the last header of this name, without regard to case.
pub(super) fn last<'a>(headers: &'a [Header], name: &str) -> Option<&'a str> {
    headers.iter().rev().find(|header| header.is(name)).map(Header::value)
}

/// Refuses a second header of a name that only gateways write.
pub(super) fn at_most_one(headers: &[Header], name: &'static str) -> Result<(), Refusal> {
    match headers.iter().filter(|header| header.is(name)).nth(1) {
        Some(_) => Err(Refusal::RepeatedHeader { name }),
        None => Ok(()),
    }
}

/// Only the headers whose names begin with `x-road-`.
pub(super) fn filtered(headers: &[Header]) -> impl Iterator<Item = &Header> {
    headers.iter().filter(|header| header.name.to_ascii_lowercase().starts_with("x-road-"))
}
