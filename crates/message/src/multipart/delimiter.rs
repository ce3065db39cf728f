//! Boundary lines: whether the bytes at a line's beginning are one, are not, or need more bytes to tell.

/// Spaces and tabs that are borne after a boundary before its line end.
const PADDING_MAX: usize = 1000;

/// What stands at the place that was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// Not a boundary line: body.
    Data,
    /// All bytes fit so far. `closing`: the closing boundary is complete but for its line end.
    Incomplete { closing: bool },
    /// A boundary line of `length` bytes, with the line break before it and its own.
    Boundary { length: usize, closing: bool },
    /// It begins with the boundary, but what follows is neither a line end nor the rest of a longer word.
    Ambiguous,
}

/// A boundary and the bytes that announce it.
#[derive(Debug)]
pub(super) struct Delimiter {
    /// `LF--boundary`: what is searched for.
    needle: Vec<u8>,
    finder: memchr::memmem::Finder<'static>,
}

impl Delimiter {
    pub(super) fn new(boundary: &str) -> Self {
        let needle = format!("\n--{boundary}").into_bytes();
        let finder = memchr::memmem::Finder::new(&needle).into_owned();
        Self { needle, finder }
    }

    /// The first place in `bytes` from which a boundary line stands or may begin; everything before it is body.
    /// Equals the length when there is none.
    pub(super) fn candidate(&self, bytes: &[u8]) -> usize {
        if let Some(found) = self.finder.find(bytes) {
            return before_line_feed(bytes, found);
        }
        // The needle has one line feed, its first byte: only the last line feed near the end can begin it.
        let tail_start = bytes.len().saturating_sub(self.needle.len().saturating_sub(1));
        let tail = bytes.get(tail_start..).unwrap_or_default();
        if let Some(at) = memchr::memrchr(b'\n', tail)
            && tail.get(at..).is_some_and(|rest| self.needle.starts_with(rest))
        {
            return before_line_feed(bytes, tail_start.saturating_add(at));
        }
        if bytes.last() == Some(&b'\r') { bytes.len().saturating_sub(1) } else { bytes.len() }
    }

    /// Looks at a candidate. `fresh`: it stands at the beginning of the input or of a body, where a boundary needs no
    /// line break before it.
    pub(super) fn look(&self, bytes: impl Iterator<Item = u8>, fresh: bool) -> Line {
        let mut cursor = Cursor { bytes, taken: 0 };
        match self.opening(&mut cursor, fresh) {
            Ok(()) => ending(&mut cursor),
            Err(line) => line,
        }
    }

    /// Takes the line break, the dashes and the boundary.
    fn opening(&self, cursor: &mut Cursor<impl Iterator<Item = u8>>, fresh: bool) -> Result<(), Line> {
        let (line_feed, dashes) = self.needle.split_first().ok_or(Line::Data)?;
        let mut first = cursor.next().ok_or(INCOMPLETE)?;
        if first == b'\r' {
            first = cursor.next().ok_or(INCOMPLETE)?;
            if first != *line_feed {
                return Err(Line::Data);
            }
        }
        let mut expected = dashes.iter();
        if first != *line_feed && (!fresh || expected.next() != Some(&first)) {
            return Err(Line::Data);
        }
        for byte in expected {
            if cursor.next().ok_or(INCOMPLETE)? != *byte {
                return Err(Line::Data);
            }
        }
        Ok(())
    }
}

const INCOMPLETE: Line = Line::Incomplete { closing: false };

/// Reads what follows the boundary: closing dashes, padding, line end.
fn ending(cursor: &mut Cursor<impl Iterator<Item = u8>>) -> Line {
    let mut closing = false;
    let mut padding: usize = 0;
    loop {
        match cursor.next() {
            None => return Line::Incomplete { closing },
            Some(b'\n') => {
                return Line::Boundary { length: cursor.taken, closing };
            }
            Some(b'\r') => {
                return match cursor.next() {
                    None => Line::Incomplete { closing },
                    Some(b'\n') => Line::Boundary { length: cursor.taken, closing },
                    Some(_) => Line::Ambiguous,
                };
            }
            Some(b'-') if !closing && padding == 0 => match cursor.next() {
                None => return INCOMPLETE,
                Some(b'-') => closing = true,
                Some(_) => return Line::Ambiguous,
            },
            Some(b' ' | b'\t') => {
                padding = padding.saturating_add(1);
                if padding > PADDING_MAX {
                    return Line::Ambiguous;
                }
            }
            // A longer word than the boundary, as a nested multipart may have one.
            Some(_) if !closing && padding == 0 => return Line::Data,
            Some(_) => return Line::Ambiguous,
        }
    }
}

/// The place of the carriage return before a line feed, or of the line feed itself.
fn before_line_feed(bytes: &[u8], at: usize) -> usize {
    match at.checked_sub(1) {
        Some(before) if bytes.get(before) == Some(&b'\r') => before,
        Some(_) | None => at,
    }
}

/// Counts what it gives.
struct Cursor<I> {
    bytes: I,
    taken: usize,
}

impl<I: Iterator<Item = u8>> Cursor<I> {
    fn next(&mut self) -> Option<u8> {
        let byte = self.bytes.next()?;
        self.taken = self.taken.saturating_add(1);
        Some(byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(text: &str, fresh: bool) -> Line {
        Delimiter::new("B").look(text.bytes(), fresh)
    }

    #[test]
    fn knows_a_boundary_line_by_its_line_break_before_and_after() {
        let check = |text: &str, length: usize, closing: bool| {
            assert_eq!(look(text, false), Line::Boundary { length, closing }, "{text:?}");
        };
        check("\r\n--B\r\nX", 7, false);
        check("\n--B\nX", 5, false);
        check("\n--B \t\r\n", 8, false);
        check("\r\n--B--\r\n", 9, true);
        check("\n--B-- \n", 8, true);
        assert_eq!(look("--B\n", true), Line::Boundary { length: 4, closing: false });
        assert_eq!(look("--B\n", false), Line::Data);
    }

    #[test]
    fn waits_while_the_bytes_could_still_be_one() {
        for text in ["\r", "\r\n", "\r\n-", "\n--", "\n--B", "\n--B-", "\n--B ", "\n--B\r"] {
            assert_eq!(look(text, false), INCOMPLETE, "{text:?}");
        }
        for text in ["\n--B--", "\n--B-- ", "\n--B--\r"] {
            assert_eq!(look(text, false), Line::Incomplete { closing: true }, "{text:?}");
        }
    }

    #[test]
    fn a_longer_word_is_body_and_a_botched_line_is_ambiguous() {
        for text in ["\rx", "\r\r\n--B\r\n", "\nx", "\n-x", "\n--A", "\n--BB\r\n", "\n--Bx--"] {
            assert_eq!(look(text, false), Line::Data, "{text:?}");
        }
        for text in ["\n--B-x", "\n--B--x", "\n--B x", "\n--B\rx", "\n--B-- -"] {
            assert_eq!(look(text, false), Line::Ambiguous, "{text:?}");
        }
        assert_eq!(look(&format!("\n--B{}", " ".repeat(1001)), false), Line::Ambiguous);
    }

    #[test]
    fn holds_back_only_what_may_begin_a_boundary() {
        let check = |text: &str, at: usize| {
            assert_eq!(Delimiter::new("B").candidate(text.as_bytes()), at, "{text:?}");
        };
        check("abc", 3);
        check("abc\r", 3);
        check("abc\r\n", 3);
        check("abc\n-", 3);
        check("abc\r\n--", 3);
        check("abc\nx", 5);
        check("a\n--Bx", 1);
        check("\r\n--B", 0);
        check("a\n--\n--", 4);
        check("", 0);
    }
}
