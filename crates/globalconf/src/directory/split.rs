//! The byte-exact splitter: what is signed are raw octets, so nothing here re-writes what it reads
//! (control-plane 1.3.2).

/// Headers in one part at most.
const HEADERS_MAX: usize = 64;
/// Characters of a boundary at most (RFC 2046).
const BOUNDARY_BYTES_MAX: usize = 70;

/// Header fields; names in lower case, values trimmed, folded lines joined.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Headers(Vec<(String, String)>);

/// Why the octets are no multipart document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsplittable {
    /// A line of a header block has no colon, or the text is not UTF-8.
    #[error("a header line cannot be read")]
    HeaderLine,
    /// More header fields than anybody needs.
    #[error("a part has more than {HEADERS_MAX} header fields")]
    TooManyHeaders,
    /// The same field twice: which one counts would depend on the reader.
    #[error("the header field {name:?} occurs twice")]
    DuplicateHeader {
        /// Name of the field, lower case, at most 64 characters of it.
        name: String,
    },
    /// No `multipart/…` with a usable boundary.
    #[error("the content type names no usable multipart boundary")]
    NoBoundary,
}

/// One line: where it starts, and where its text and its line end stop.
struct Line {
    start: usize,
    text_end: usize,
    next: usize,
}

struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Iterator for Lines<'_> {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        let rest = self.bytes.get(self.at..).filter(|rest| !rest.is_empty())?;
        let start = self.at;
        let (feed, next) = match memchr::memchr(b'\n', rest) {
            Some(length) => (start.saturating_add(length), start.saturating_add(length).saturating_add(1)),
            None => (self.bytes.len(), self.bytes.len()),
        };
        let text = self.bytes.get(start..feed).unwrap_or_default();
        let text_end = if feed < next && text.ends_with(b"\r") { feed.saturating_sub(1) } else { feed };
        self.at = next;
        Some(Line { start, text_end, next })
    }
}

impl Headers {
    /// Reads the block at the start of `bytes`; gives it with the rest, which begins after the blank line.
    pub(super) fn split(bytes: &[u8]) -> Result<(Self, &[u8]), Unsplittable> {
        let mut fields: Vec<(String, String)> = Vec::new();
        let mut body = bytes.len();
        for line in (Lines { bytes, at: 0 }) {
            if line.start == line.text_end {
                body = line.next;
                break;
            }
            let text = bytes.get(line.start..line.text_end).unwrap_or_default();
            let text = std::str::from_utf8(text).map_err(|_| Unsplittable::HeaderLine)?;
            if text.starts_with([' ', '\t']) {
                let (_, value) = fields.last_mut().ok_or(Unsplittable::HeaderLine)?;
                value.push(' ');
                value.push_str(text.trim());
                continue;
            }
            let (name, value) = text.split_once(':').ok_or(Unsplittable::HeaderLine)?;
            let name = name.trim_end().to_ascii_lowercase();
            if name.is_empty() {
                return Err(Unsplittable::HeaderLine);
            }
            if fields.iter().any(|(known, _)| *known == name) {
                return Err(Unsplittable::DuplicateHeader { name: name.chars().take(64).collect() });
            }
            fields.push((name, value.trim().to_owned()));
            if fields.len() > HEADERS_MAX {
                return Err(Unsplittable::TooManyHeaders);
            }
        }
        Ok((Self(fields), bytes.get(body..).unwrap_or_default()))
    }

    /// The value of a field, by its lower-case name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The boundary that the content type declares.
    pub(super) fn boundary(&self) -> Result<String, Unsplittable> {
        let content_type = self.get("content-type").ok_or(Unsplittable::NoBoundary)?;
        let value = Value::parse(content_type);
        let multipart = value.token.get(..10).is_some_and(|start| start.eq_ignore_ascii_case("multipart/"));
        let boundary = value.parameter("boundary").filter(|_| multipart).ok_or(Unsplittable::NoBoundary)?;
        let usable = (1..=BOUNDARY_BYTES_MAX).contains(&boundary.len())
            && boundary.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
            && !boundary.ends_with(' ');
        if usable { Ok(boundary.to_owned()) } else { Err(Unsplittable::NoBoundary) }
    }
}

/// A header value with parameters: `token; name=value; name="value"; name='value'`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) token: String,
    parameters: Vec<(String, String)>,
}

impl Value {
    /// Splits at semicolons outside quotes. Single quotes count as quotes, as the original writes them.
    pub(super) fn parse(text: &str) -> Self {
        let mut pieces = vec![String::new()];
        let mut quote: Option<char> = None;
        let mut value_begun = false;
        for character in text.chars() {
            match (quote, character) {
                (None, ';') => {
                    pieces.push(String::new());
                    value_begun = false;
                    continue;
                }
                (None, '"' | '\'') if value_begun => quote = Some(character),
                (Some(open), close) if open == close => quote = None,
                _ => {}
            }
            // A quote opens only right after the equals sign: an apostrophe inside a bare value is no quote.
            value_begun = quote.is_none() && (character == '=' || (value_begun && character == ' '));
            if let Some(piece) = pieces.last_mut() {
                piece.push(character);
            }
        }
        let mut pieces = pieces.into_iter();
        let token = pieces.next().unwrap_or_default().trim().to_owned();
        let parameters = pieces
            .filter_map(|piece| {
                let (name, value) = piece.split_once('=')?;
                Some((name.trim().to_ascii_lowercase(), unquote(value.trim()).to_owned()))
            })
            .collect();
        Self { token, parameters }
    }

    /// A parameter by its lower-case name; a parameter that occurs twice counts as absent.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let mut found = self.parameters.iter().filter(|(known, _)| known == name);
        let first = found.next();
        first.filter(|_| found.next().is_none()).map(|(_, value)| value.as_str())
    }
}

fn unquote(value: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(inner) = value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return inner;
        }
    }
    value
}

/// The octets between the delimiters of `boundary`, each without the line break that belongs to the next
/// delimiter.
///
/// A last part without a delimiter after it reaches to the end. What stands after the closing delimiter is
/// ignored.
pub(super) fn parts<'a>(bytes: &'a [u8], boundary: &str) -> Vec<&'a [u8]> {
    let mut found = Vec::new();
    let mut open: Option<usize> = None;
    let mut closed = false;
    for line in (Lines { bytes, at: 0 }) {
        let text = bytes.get(line.start..line.text_end).unwrap_or_default();
        let Some(closing) = delimiter(text, boundary) else {
            continue;
        };
        if let Some(start) = open.take() {
            found.push(before(bytes, start, line.start));
        }
        if closing {
            closed = true;
            break;
        }
        open = Some(line.next);
    }
    if let Some(start) = open.filter(|_| !closed) {
        found.push(bytes.get(start..).unwrap_or_default());
    }
    found
}

/// Whether `line` delimits parts (`Some(false)`), closes the document (`Some(true)`) or is content (`None`).
pub(super) fn delimiter(line: &[u8], boundary: &str) -> Option<bool> {
    let rest = line.strip_prefix(b"--")?.strip_prefix(boundary.as_bytes())?;
    match rest.trim_ascii_end() {
        b"" => Some(false),
        b"--" => Some(true),
        _ => None,
    }
}

/// `bytes[start..end]` without its last line break. A part without content may end before it begins: then it
/// is empty.
fn before(bytes: &[u8], start: usize, end: usize) -> &[u8] {
    let part = bytes.get(start..end).unwrap_or_default();
    let part = part.strip_suffix(b"\n").unwrap_or(part);
    part.strip_suffix(b"\r").unwrap_or(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_out_only_the_line_break_that_belongs_to_the_delimiter() {
        let bytes = b"preamble\r\n--b\r\na\r\n\r\n--b \nb\n--b\r\n--b--\r\nepilogue";
        assert_eq!(parts(bytes, "b"), [&b"a\r\n"[..], b"b", b""]);
        assert_eq!(parts(b"--b\nrest\r\n", "b"), [b"rest\r\n"]);
        assert_eq!(parts(b"x--b\n--bc\n", "b"), Vec::<&[u8]>::new());
    }

    #[test]
    fn joins_folded_lines_and_refuses_repeated_fields() {
        let (headers, body) = Headers::split(b"A: 1;\r\n\t2\r\nb : x:y\n\nbody").unwrap();
        assert_eq!((headers.get("a"), headers.get("b"), body), (Some("1; 2"), Some("x:y"), &b"body"[..]));
        assert_eq!(
            Headers::split(b"A: 1\na: 2\n"),
            Err(Unsplittable::DuplicateHeader { name: "a".to_owned() })
        );
        for bad in [&b"no colon\n"[..], b" folded first\n", b": no name\n", b"a: \xff\n"] {
            assert_eq!(Headers::split(bad), Err(Unsplittable::HeaderLine));
        }
        let many: String = (0..=HEADERS_MAX).map(|number| format!("h{number}: x\n")).collect();
        assert_eq!(Headers::split(many.as_bytes()), Err(Unsplittable::TooManyHeaders));
    }

    #[test]
    fn reads_parameters_in_either_quotes_or_none() {
        for text in ["P; instance='a;b'", "P;instance=\"a;b\"", "P ; INSTANCE = 'a;b' "] {
            let value = Value::parse(text);
            assert_eq!((value.token.as_str(), value.parameter("instance")), ("P", Some("a;b")), "{text}");
        }
        assert_eq!(Value::parse("h; a=b'c; d=e").parameter("d"), Some("e"));
        assert_eq!(Value::parse("h; a=1; a=2").parameter("a"), None);
    }

    #[test]
    fn refuses_a_content_type_without_a_usable_boundary() {
        let boundary = |value: &str| {
            let block = format!("Content-Type: {value}\n\n");
            Headers::split(block.as_bytes()).unwrap().0.boundary()
        };
        assert_eq!(boundary("Multipart/related; charset=UTF-8;boundary=\"a b\""), Ok("a b".to_owned()));
        let long = format!("multipart/mixed; boundary={}", "x".repeat(71));
        for bad in [
            "text/plain; boundary=a",
            "multipart/mixed",
            "multipart/mixed; boundary=",
            "multipart/mixed; boundary=é",
            &long,
        ] {
            assert_eq!(boundary(bad), Err(Unsplittable::NoBoundary), "{bad}");
        }
    }
}
