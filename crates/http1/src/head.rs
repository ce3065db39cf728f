//! Heads as received and as written: order and spelling of names are kept.

mod parse;
mod put;

use bytes::Bytes;

pub(crate) use parse::{HeadScanner, parse_request, parse_response};
pub(crate) use put::{is_token, put_request, put_response};

/// The two versions that are spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Version {
    Http10,
    #[default]
    Http11,
}

/// The head of a request: first line and headers, in received order, names and values as received (values without
/// the white space around them).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestHead {
    /// As received, upper and lower case distinguished.
    pub method: String,
    /// As received: `/path?query`, `http://host/path?query` or `*`; never decoded.
    pub target: String,
    pub version: Version,
    pub headers: Vec<(Bytes, Bytes)>,
}

/// The head of a response.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ResponseHead {
    /// 100–999.
    pub status: u16,
    /// May be empty.
    pub reason: String,
    pub version: Version,
    pub headers: Vec<(Bytes, Bytes)>,
}

impl RequestHead {
    /// A head to be written; headers are added with [`RequestHead::with`].
    #[must_use]
    pub fn new(method: &str, target: &str) -> Self {
        Self { method: method.to_owned(), target: target.to_owned(), ..Self::default() }
    }

    /// Adds one header at the end, spelt exactly so.
    #[must_use]
    pub fn with(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.headers.push(pair(name, value));
        self
    }

    /// Adds one header at the end, spelt exactly so.
    pub fn push(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        self.headers.push(pair(name, value));
    }

    /// The first value under this name, case of the name not distinguished.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&Bytes> {
        values(&self.headers, name).next()
    }

    /// The last value under this name.
    #[must_use]
    pub fn last_header(&self, name: &str) -> Option<&Bytes> {
        values(&self.headers, name).last()
    }

    /// All values under this name, in order.
    pub fn header_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Bytes> {
        values(&self.headers, name)
    }

    /// The first value under this name as text; `None` also when it is not UTF-8.
    #[must_use]
    pub fn header_text(&self, name: &str) -> Option<&str> {
        self.header(name).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// Path and query, raw, whatever form the target had (a client that takes us for its proxy sends a whole
    /// address): always begins with `/`, except for `*`. An address with a query and no path is refused when a head is
    /// read; in a head that was made otherwise, its path is `/` and nothing of the query is taken for a path.
    #[must_use]
    pub fn path_and_query(&self) -> &str {
        let Some((_, rest)) = self.target.split_once("://").filter(|_| !self.target.starts_with('/')) else {
            return &self.target;
        };
        rest.find(['/', '?'])
            .and_then(|at| rest.get(at..))
            .filter(|tail| tail.starts_with('/'))
            .unwrap_or("/")
    }

    /// The raw path.
    #[must_use]
    pub fn path(&self) -> &str {
        self.path_and_query().split_once('?').map_or(self.path_and_query(), |(path, _)| path)
    }

    /// The raw query, without the question mark.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.path_and_query().split_once('?').map(|(_, query)| query)
    }

    /// Whether the sender would use the connection again.
    #[must_use]
    pub fn wants_keep_alive(&self) -> bool {
        keeps_alive(self.version, &self.headers)
    }
}

impl ResponseHead {
    /// A head to be written; headers are added with [`ResponseHead::with`].
    #[must_use]
    pub fn new(status: u16) -> Self {
        Self { status, reason: usual_reason(status).to_owned(), ..Self::default() }
    }

    /// Adds one header at the end, spelt exactly so.
    #[must_use]
    pub fn with(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.headers.push(pair(name, value));
        self
    }

    /// Adds one header at the end, spelt exactly so.
    pub fn push(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        self.headers.push(pair(name, value));
    }

    /// The first value under this name, case of the name not distinguished.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&Bytes> {
        values(&self.headers, name).next()
    }

    /// All values under this name, in order.
    pub fn header_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Bytes> {
        values(&self.headers, name)
    }

    /// The first value under this name as text; `None` also when it is not UTF-8.
    #[must_use]
    pub fn header_text(&self, name: &str) -> Option<&str> {
        self.header(name).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// Whether the sender would use the connection again.
    #[must_use]
    pub fn wants_keep_alive(&self) -> bool {
        keeps_alive(self.version, &self.headers)
    }
}

fn pair(name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> (Bytes, Bytes) {
    (Bytes::copy_from_slice(name.as_ref()), Bytes::copy_from_slice(value.as_ref()))
}

pub(crate) fn values<'h, 'n>(
    headers: &'h [(Bytes, Bytes)],
    name: &'n str,
) -> impl Iterator<Item = &'h Bytes> + use<'h, 'n> {
    headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
}

/// Whether a comma separated list under this name has the token.
pub(crate) fn has_token(headers: &[(Bytes, Bytes)], name: &str, token: &str) -> bool {
    values(headers, name)
        .flat_map(|value| value.split(|b| *b == b','))
        .any(|item| item.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

fn keeps_alive(version: Version, headers: &[(Bytes, Bytes)]) -> bool {
    match version {
        _ if has_token(headers, "connection", "close") => false,
        Version::Http11 => true,
        Version::Http10 => has_token(headers, "connection", "keep-alive"),
    }
}

/// The reason phrase that goes with a status; empty when we know none.
fn usual_reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}
