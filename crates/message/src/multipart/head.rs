//! The head of a part: header lines, unfolded, in the order and spelling in which they came.

use super::{HEADER_LINE_MAX, HEADER_LINES_MAX, Malformed};
use crate::content_type::base_of;
use crate::text;

/// The headers of one part. Texts hold one character a byte (ISO-8859-1).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PartHead {
    content_type: Option<String>,
    headers: Vec<(String, String)>,
}

impl PartHead {
    /// The head of what stands alone: its content type and nothing else.
    #[must_use]
    pub(crate) fn of_type(content_type: &str) -> Self {
        Self { content_type: Some(content_type.to_owned()), headers: Vec::new() }
    }

    /// The value of Content-Type, if the part has one.
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// The base type as written, without parameters; empty when the part names none.
    #[must_use]
    pub fn base_type(&self) -> &str {
        self.content_type.as_deref().map_or("", base_of)
    }

    /// All headers but Content-Type, in order.
    #[must_use]
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }
}

/// Collects header lines until the blank one.
#[derive(Debug, Default)]
pub(super) struct HeadReader {
    /// The bytes of a line whose end has not come yet.
    partial: Vec<u8>,
    lines: usize,
    fields: Vec<(String, String)>,
}

impl HeadReader {
    /// Takes bytes up to a line feed, without it. Gives the head when the line was the blank one.
    pub(super) fn line(&mut self, bytes: &[u8]) -> Result<Option<PartHead>, Malformed> {
        let whole;
        let line = if self.partial.is_empty() {
            bytes
        } else {
            self.partial.extend_from_slice(bytes);
            whole = std::mem::take(&mut self.partial);
            &whole
        };
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.len() > HEADER_LINE_MAX {
            return Err(Malformed::HeaderLineTooLong);
        }
        if line.is_empty() {
            return finish(std::mem::take(&mut self.fields)).map(Some);
        }
        self.lines = self.lines.saturating_add(1);
        if self.lines > HEADER_LINES_MAX {
            return Err(Malformed::TooManyHeaderLines);
        }
        self.field(line).map(|()| None)
    }

    /// Takes the beginning of a line whose end is not there yet.
    pub(super) fn hold(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        // One more than the limit: a carriage return may be the last of them.
        if self.partial.len().saturating_add(bytes.len()) > HEADER_LINE_MAX.saturating_add(1) {
            return Err(Malformed::HeaderLineTooLong);
        }
        self.partial.extend_from_slice(bytes);
        Ok(())
    }

    fn field(&mut self, line: &[u8]) -> Result<(), Malformed> {
        let line = text::from_latin1(line);
        let unreadable = |line: &str| Malformed::HeaderLine { line: text::shortened(line, 100) };
        if text::has_controls(&line) {
            return Err(unreadable(&line));
        }
        if line.starts_with([' ', '\t']) {
            let (_, value) = self.fields.last_mut().ok_or_else(|| unreadable(&line))?;
            value.push_str(&line);
            return Ok(());
        }
        let (name, value) = line.split_once(':').ok_or_else(|| unreadable(&line))?;
        if !text::is_token(name.as_bytes()) {
            return Err(unreadable(&line));
        }
        self.fields.push((name.to_owned(), value.to_owned()));
        Ok(())
    }
}

fn finish(fields: Vec<(String, String)>) -> Result<PartHead, Malformed> {
    let mut head = PartHead::default();
    for (name, value) in fields {
        let value = text::trim(&value).to_owned();
        if !name.eq_ignore_ascii_case("content-type") {
            head.headers.push((name, value));
        } else if head.content_type.replace(value).is_some() {
            return Err(Malformed::RepeatedContentType);
        }
    }
    Ok(head)
}
