//! Just enough HTTP to take a recording apart.

use std::path::Path;

use bytes::Bytes;

/// A recorded request or response.
#[derive(Debug)]
pub(crate) struct Recording {
    /// Request or status line.
    pub(crate) line: String,
    pub(crate) headers: Vec<(Bytes, Bytes)>,
    /// The body without chunk framing.
    pub(crate) body: Vec<u8>,
}

impl Recording {
    /// Reads a file; `None` when it is absent or holds no whole head.
    pub(crate) fn read(path: &Path) -> Option<Self> {
        let bytes = std::fs::read(path).ok()?;
        let end = memchr::memmem::find(&bytes, b"\r\n\r\n")?;
        let (head, body) = bytes.split_at(end + 4);
        let mut lines = head.split(|byte| *byte == b'\n').map(|line| line.trim_ascii_end());
        let line = String::from_utf8_lossy(lines.next()?).into_owned();
        let mut headers = Vec::new();
        for line in lines.filter(|line| !line.is_empty()) {
            let colon = memchr::memchr(b':', line)?;
            let (name, value) = line.split_at(colon);
            headers.push((
                Bytes::copy_from_slice(name),
                Bytes::copy_from_slice(value.strip_prefix(b":")?.trim_ascii_start()),
            ));
        }
        let mut recording = Self { line, headers, body: body.to_vec() };
        if recording.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"))
        {
            recording.body = dechunk(body);
        }
        Some(recording)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let (_, value) =
            self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes()))?;
        std::str::from_utf8(value).ok()
    }

    /// The parts of the request line: method and target.
    pub(crate) fn request_line(&self) -> (&str, &str) {
        let mut words = self.line.split(' ');
        (words.next().unwrap_or_default(), words.next().unwrap_or_default())
    }

    /// The status code and reason of a status line.
    pub(crate) fn status_line(&self) -> (u16, &str) {
        let (_, rest) = self.line.split_once(' ').unwrap_or_default();
        let (status, reason) = rest.split_once(' ').unwrap_or((rest, ""));
        (status.parse().unwrap_or_default(), reason)
    }
}

/// Removes chunk framing; what is cut stays cut.
fn dechunk(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = memchr::memmem::find(rest, b"\r\n") {
        let (line, after) = rest.split_at(end);
        let length =
            std::str::from_utf8(line).ok().and_then(|hex| usize::from_str_radix(hex.trim(), 16).ok());
        let Some(length) = length.filter(|length| *length > 0) else {
            break;
        };
        let after = after.get(2..).unwrap_or_default();
        body.extend_from_slice(after.get(..length.min(after.len())).unwrap_or_default());
        rest = after.get(length.saturating_add(2)..).unwrap_or_default();
    }
    body
}
