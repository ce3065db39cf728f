//! Reading heads: a scanner that finds the end and refuses odd lines, then the tokens.

use super::{RequestHead, ResponseHead, Version, values};
use crate::error::HeadRefusal;
use crate::limits::Limits;
use bytes::Bytes;

/// Finds the end of a head in bytes that arrive piece by piece, without looking at any byte twice.
///
/// Lines must end in CR LF. The parser below would also take bare line feeds; two readers that disagree about where
/// a line ends are how requests are smuggled, so such a head never reaches it.
#[derive(Debug, Default)]
pub(crate) struct HeadScanner {
    line_start: usize,
    scanned: usize,
    lines: usize,
}

impl HeadScanner {
    /// `Some(n)`: the head is the first `n` bytes, the empty line included.
    pub(crate) fn advance(&mut self, bytes: &[u8], limits: &Limits) -> Result<Option<usize>, HeadRefusal> {
        while let Some(found) = bytes.get(self.scanned..).and_then(|rest| memchr::memchr(b'\n', rest)) {
            let end = self.scanned.saturating_add(found);
            let line = bytes.get(self.line_start..end).unwrap_or_default();
            let Some(line) = line.strip_suffix(b"\r") else {
                return Err(HeadRefusal::BareLineFeed);
            };
            self.line_start = end.saturating_add(1);
            self.scanned = self.line_start;
            if line.is_empty() {
                return self.end(limits);
            }
            self.line(line, limits)?;
        }
        self.scanned = bytes.len();
        self.unfinished(bytes, limits)
    }

    fn end(&self, limits: &Limits) -> Result<Option<usize>, HeadRefusal> {
        if self.lines == 0 {
            return Err(HeadRefusal::Malformed("an empty line instead of a first line"));
        }
        if self.line_start > limits.head_bytes_max {
            return Err(HeadRefusal::HeadTooLarge { bytes_max: limits.head_bytes_max });
        }
        Ok(Some(self.line_start))
    }

    fn line(&mut self, line: &[u8], limits: &Limits) -> Result<(), HeadRefusal> {
        length(self.lines, line.len(), limits)?;
        if self.lines > 0 && line.first().is_some_and(|b| *b == b' ' || *b == b'\t') {
            return Err(HeadRefusal::FoldedLine);
        }
        if line.contains(&b'\r') {
            return Err(HeadRefusal::BareCarriageReturn);
        }
        self.lines = self.lines.saturating_add(1);
        if self.lines.saturating_sub(1) > limits.headers_max {
            return Err(HeadRefusal::TooManyHeaders { headers_max: limits.headers_max });
        }
        Ok(())
    }

    fn unfinished(&self, bytes: &[u8], limits: &Limits) -> Result<Option<usize>, HeadRefusal> {
        length(self.lines, bytes.len().saturating_sub(self.line_start).saturating_sub(1), limits)?;
        if bytes.len() >= limits.head_bytes_max {
            return Err(HeadRefusal::HeadTooLarge { bytes_max: limits.head_bytes_max });
        }
        Ok(None)
    }

    pub(crate) fn headers(&self) -> usize {
        self.lines.saturating_sub(1)
    }
}

fn length(lines_before: usize, length: usize, limits: &Limits) -> Result<(), HeadRefusal> {
    if lines_before == 0 && length > limits.start_line_bytes_max {
        return Err(HeadRefusal::StartLineTooLong { bytes_max: limits.start_line_bytes_max });
    }
    if lines_before > 0 && length > limits.header_line_bytes_max {
        return Err(HeadRefusal::HeaderLineTooLong { bytes_max: limits.header_line_bytes_max });
    }
    Ok(())
}

/// Parses a complete request head with `headers` header lines.
pub(crate) fn parse_request(head: &Bytes, headers: usize) -> Result<RequestHead, HeadRefusal> {
    let mut places = vec![httparse::EMPTY_HEADER; headers];
    let mut request = httparse::Request::new(&mut places);
    complete(request.parse(head).map_err(refusal)?)?;
    let parsed = RequestHead {
        method: request.method.unwrap_or_default().to_owned(),
        target: target(request.path.unwrap_or_default())?,
        version: version(request.version)?,
        headers: own(head, request.headers),
    };
    check_host(&parsed)?;
    Ok(parsed)
}

/// Parses a complete response head with `headers` header lines.
pub(crate) fn parse_response(head: &Bytes, headers: usize) -> Result<ResponseHead, HeadRefusal> {
    let mut places = vec![httparse::EMPTY_HEADER; headers];
    let mut response = httparse::Response::new(&mut places);
    complete(response.parse(head).map_err(refusal)?)?;
    let status = response.code.unwrap_or_default();
    if !(100..=999).contains(&status) {
        return Err(HeadRefusal::Malformed("status"));
    }
    Ok(ResponseHead {
        status,
        reason: response.reason.unwrap_or_default().to_owned(),
        version: version(response.version)?,
        headers: own(head, response.headers),
    })
}

fn complete(status: httparse::Status<usize>) -> Result<(), HeadRefusal> {
    if status.is_partial() {
        return Err(HeadRefusal::Malformed("end of the head"));
    }
    Ok(())
}

fn own(head: &Bytes, headers: &[httparse::Header<'_>]) -> Vec<(Bytes, Bytes)> {
    headers
        .iter()
        .map(|header| (head.slice_ref(header.name.as_bytes()), head.slice_ref(header.value)))
        .collect()
}

fn version(minor: Option<u8>) -> Result<Version, HeadRefusal> {
    match minor {
        Some(0) => Ok(Version::Http10),
        Some(1) => Ok(Version::Http11),
        Some(_) | None => Err(HeadRefusal::Version),
    }
}

fn refusal(error: httparse::Error) -> HeadRefusal {
    match error {
        httparse::Error::HeaderName => HeadRefusal::Malformed("header name"),
        httparse::Error::HeaderValue => HeadRefusal::Malformed("header value"),
        httparse::Error::NewLine => HeadRefusal::Malformed("line end"),
        httparse::Error::Status => HeadRefusal::Malformed("status"),
        httparse::Error::Token => HeadRefusal::Malformed("first line"),
        httparse::Error::TooManyHeaders => HeadRefusal::Malformed("number of headers"),
        httparse::Error::Version => HeadRefusal::Version,
    }
}

/// A path, a whole http address, or `*`. Only visible ASCII, and no fragment: anything else is read differently
/// by different programs. So is an address whose query follows the host at once: the first `/` in it is the query's.
fn target(text: &str) -> Result<String, HeadRefusal> {
    let plain = text.bytes().all(|b| b.is_ascii_graphic() && b != b'#');
    let lower = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    let address = ["http://", "https://"].iter().any(|scheme| {
        lower.starts_with(scheme)
            && text.get(scheme.len()..).is_some_and(|rest| {
                let host = rest.split('/').next().unwrap_or_default();
                !host.is_empty() && is_host(host.as_bytes())
            })
    });
    if plain && (text.starts_with('/') || text == "*" || address) {
        return Ok(text.to_owned());
    }
    Err(HeadRefusal::Target)
}

/// RFC 9112 3.2: exactly one Host in HTTP/1.1, at most one in HTTP/1.0 (seen on a live server: a missing Host → 400).
fn check_host(head: &RequestHead) -> Result<(), HeadRefusal> {
    let mut hosts = values(&head.headers, "host");
    let Some(host) = hosts.next() else {
        return match head.version {
            Version::Http10 => Ok(()),
            Version::Http11 => Err(HeadRefusal::HostMissing),
        };
    };
    if hosts.next().is_some() {
        return Err(HeadRefusal::HostRepeated);
    }
    if !is_host(host) {
        return Err(HeadRefusal::HostMalformed);
    }
    Ok(())
}

/// Host and port by their characters; which host it is does not matter here. Empty is allowed.
fn is_host(host: &[u8]) -> bool {
    host.iter().all(|b| b.is_ascii_alphanumeric() || b"-._~!$&'()*+;=:[]%".contains(b))
}
