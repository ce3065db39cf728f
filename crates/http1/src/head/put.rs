//! Writing heads: exactly as given, or not at all.

use super::{RequestHead, ResponseHead, Version};
use crate::error::WriteError;
use bytes::{BufMut, Bytes, BytesMut};

/// Appends the head of a request and, before the empty line, the given framing header.
pub(crate) fn put_request(
    out: &mut BytesMut,
    head: &RequestHead,
    extra: Option<&str>,
) -> Result<(), WriteError> {
    if head.method.is_empty() || !head.method.bytes().all(is_token) {
        return Err(WriteError::Head("the method is not a token"));
    }
    if head.target.is_empty() || !head.target.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(WriteError::Head(
            "the target has a space or another character that must not stand in it",
        ));
    }
    check(&head.headers)?;
    out.put_slice(head.method.as_bytes());
    out.put_u8(b' ');
    out.put_slice(head.target.as_bytes());
    out.put_u8(b' ');
    out.put_slice(version(head.version));
    out.put_slice(b"\r\n");
    put_headers(out, &head.headers, extra);
    Ok(())
}

/// Appends the head of a response and, before the empty line, the given framing header.
pub(crate) fn put_response(
    out: &mut BytesMut,
    head: &ResponseHead,
    extra: Option<&str>,
) -> Result<(), WriteError> {
    if !(100..=999).contains(&head.status) {
        return Err(WriteError::Head("the status has not three digits"));
    }
    if !head.reason.bytes().all(is_text) {
        return Err(WriteError::Head("the reason phrase has a control character"));
    }
    check(&head.headers)?;
    out.put_slice(version(head.version));
    out.put_slice(format!(" {} {}\r\n", head.status, head.reason).as_bytes());
    put_headers(out, &head.headers, extra);
    Ok(())
}

fn put_headers(out: &mut BytesMut, headers: &[(Bytes, Bytes)], extra: Option<&str>) {
    for (name, value) in headers {
        out.put_slice(name);
        out.put_slice(b": ");
        out.put_slice(value);
        out.put_slice(b"\r\n");
    }
    if let Some(extra) = extra {
        out.put_slice(extra.as_bytes());
        out.put_slice(b"\r\n");
    }
    out.put_slice(b"\r\n");
}

/// A value with a line break would let whoever chose it write headers of their own.
fn check(headers: &[(Bytes, Bytes)]) -> Result<(), WriteError> {
    for (name, value) in headers {
        if name.is_empty() || !name.iter().copied().all(is_token) {
            return Err(WriteError::Head("a header's name is not a token"));
        }
        if !value.iter().copied().all(is_text) {
            return Err(WriteError::Head("a header's value has a control character"));
        }
    }
    Ok(())
}

fn version(version: Version) -> &'static [u8] {
    match version {
        Version::Http10 => b"HTTP/1.0",
        Version::Http11 => b"HTTP/1.1",
    }
}

pub(crate) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= 0x20 && byte != 0x7f)
}
