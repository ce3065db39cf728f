//! Lines of a message: read with any line end, written with CR LF.

use super::{Header, MESSAGE_BYTES_MAX, Refusal};

/// The lines of a message; CR, LF and CR LF end one (data-plane 2.5). The last line may lack its end.
pub(super) fn read(bytes: &[u8]) -> Result<impl Iterator<Item = &str>, Refusal> {
    if bytes.len() > MESSAGE_BYTES_MAX {
        return Err(Refusal::TooLong { length: bytes.len() });
    }
    let mut rest = std::str::from_utf8(bytes).map_err(|_| Refusal::NotUtf8)?;
    Ok(std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (line, after) = rest.split_at(rest.find(['\r', '\n']).unwrap_or(rest.len()));
        rest = after.strip_prefix("\r\n").or_else(|| after.get(1..)).unwrap_or_default();
        Some(line)
    }))
}

/// Writes the two first lines and the headers.
pub(super) fn write<'a>(first: &str, second: &str, headers: impl Iterator<Item = &'a Header>) -> Vec<u8> {
    let mut out = format!("{first}\r\n{second}\r\n");
    for header in headers {
        out.push_str(header.name());
        out.push(':');
        out.push_str(header.value());
        out.push_str("\r\n");
    }
    out.into_bytes()
}
