//! The writer: the bytes around the bodies, which the caller sends itself.

use crate::content_type::Boundary;
use crate::text;

/// Why a part's head cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unwritable {
    /// A header's name is not a token, or its value has control characters or does not fit ISO-8859-1.
    #[error("the part header `{name}` cannot be written")]
    Header {
        /// The header's name.
        name: String,
    },
}

/// Writes a multipart in X-Road's layout (data-plane 4.7): no preamble, no epilogue, lower-case `content-type` first.
///
/// It holds no body: send what [`part`](Self::part) returns, then the body's bytes in any number of chunks, then the
/// next part, and at last what [`end`](Self::end) returns.
#[derive(Debug)]
pub struct Writer {
    boundary: Boundary,
    begun: bool,
    /// What stands between `content-type:` and its value.
    gap: &'static str,
}

impl Writer {
    /// A writer of a multipart with this boundary.
    #[must_use]
    pub fn new(boundary: Boundary) -> Self {
        Self { boundary, begun: false, gap: " " }
    }

    /// A writer that leaves no space before a part's type, as X-Road does towards services and consumers where there are attachments
    /// (data-plane 3.3).
    #[must_use]
    pub fn tight(boundary: Boundary) -> Self {
        Self { gap: "", ..Self::new(boundary) }
    }

    /// The boundary between the parts.
    #[must_use]
    pub fn boundary(&self) -> &Boundary {
        &self.boundary
    }

    /// The content type of the whole.
    #[must_use]
    pub fn content_type(&self) -> String {
        self.boundary.content_type()
    }

    /// Ends the part before, if there is one, and begins a new one: boundary line, headers, blank line.
    ///
    /// # Errors
    /// [`Unwritable`] when a header could not be read back as it is given; nothing has been begun then.
    pub fn part(&mut self, content_type: &str, headers: &[(String, String)]) -> Result<Vec<u8>, Unwritable> {
        let mut out = self.separator();
        out.extend_from_slice(b"\r\ncontent-type:");
        out.extend_from_slice(self.gap.as_bytes());
        out.extend_from_slice(&value("content-type", content_type)?);
        out.extend_from_slice(b"\r\n");
        for (name, text) in headers {
            let refuse = || Unwritable::Header { name: text::shortened(name, 100) };
            if !text::is_token(name.as_bytes()) || name.eq_ignore_ascii_case("content-type") {
                return Err(refuse());
            }
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(&value(name, text)?);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
        self.begun = true;
        Ok(out)
    }

    /// Ends the last part and the multipart.
    #[must_use]
    pub fn end(self) -> Vec<u8> {
        let mut out = self.separator();
        out.extend_from_slice(b"--\r\n");
        out
    }

    fn separator(&self) -> Vec<u8> {
        let line_break = if self.begun { "\r\n" } else { "" };
        format!("{line_break}--{}", self.boundary.as_str()).into_bytes()
    }
}

/// A header's value as bytes, if the reader would give the same text back.
fn value(name: &str, value: &str) -> Result<Vec<u8>, Unwritable> {
    let refuse = || Unwritable::Header { name: text::shortened(name, 100) };
    if text::has_controls(value) || text::trim(value) != value {
        return Err(refuse());
    }
    text::to_latin1(value).ok_or_else(refuse)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer() -> Writer {
        Writer::new(Boundary::new("B").unwrap())
    }

    #[test]
    fn writes_the_layout_byte_for_byte() {
        let mut writer = writer();
        let mut out = writer.part("a/b", &[]).unwrap();
        out.extend_from_slice(b"one");
        out.extend(writer.part("c/d; e=f", &[("Content-ID".to_owned(), "<ä>".to_owned())]).unwrap());
        out.extend(writer.end());
        assert_eq!(
            out,
            b"--B\r\ncontent-type: a/b\r\n\r\none\r\n--B\r\ncontent-type: c/d; e=f\r\nContent-ID: <\xe4>\r\n\r\n\r\n--B--\r\n"
        );
    }

    #[test]
    fn refuses_headers_that_would_be_read_back_differently() {
        let check = |content_type: &str, name: &str, value: &str| {
            let headers = [(name.to_owned(), value.to_owned())];
            assert!(writer().part(content_type, &headers).is_err(), "{content_type:?} {name:?} {value:?}");
        };
        check("a/b\r\nX: y", "n", "v");
        check("a/b\n", "n", "v");
        check(" a/b", "n", "v");
        check("a/b", "n", "v\r\n\r\nbody");
        check("a/b", "n", "v\0");
        check("a/b", "n", " v");
        check("a/b", "n", "€");
        check("a/b", "", "v");
        check("a/b", "n m", "v");
        check("a/b", "n:", "v");
        check("a/b", "Content-Type", "v");
    }
}
