//! The walk over the tags.

use memchr::{memchr, memchr2, memchr3, memmem};

use crate::{Budget, DEPTH_CEILING, Refusal};

pub(crate) struct Walk<'a> {
    text: &'a [u8],
    budget: &'a Budget,
    /// Where the walk stands, in bytes.
    at: usize,
    declarations: usize,
    /// The declarations of the open elements.
    in_scope: usize,
    depth: usize,
    /// The declarations of the open element at each level.
    at_level: [usize; DEPTH_CEILING],
}

/// What a start tag adds.
#[derive(Default)]
struct Tag {
    attributes: usize,
    declarations: usize,
    /// It declares a default namespace.
    default: bool,
    /// It is an end tag too.
    empty: bool,
}

impl<'a> Walk<'a> {
    pub(crate) fn over(text: &'a str, budget: &'a Budget) -> Self {
        Self {
            text: text.as_bytes(),
            budget,
            at: 0,
            declarations: 0,
            in_scope: 0,
            depth: 0,
            at_level: [0; DEPTH_CEILING],
        }
    }

    pub(crate) fn finish(mut self) -> Result<(), Refusal> {
        while let Some(found) = memchr(b'<', self.rest()) {
            self.at = self.at.saturating_add(found);
            let length = self.markup()?;
            self.at = self.at.saturating_add(length);
        }
        Ok(())
    }

    fn rest(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn broken(&self) -> Refusal {
        Refusal::Broken { at: self.at }
    }

    /// The length of the markup that begins here.
    fn markup(&mut self) -> Result<usize, Refusal> {
        let rest = self.rest();
        let length = match rest.get(1) {
            Some(b'!') if rest.starts_with(b"<!--") => through(rest, 4, b"-->"),
            Some(b'!') if rest.starts_with(b"<![CDATA[") => through(rest, 9, b"]]>"),
            Some(b'!') if rest.starts_with(b"<!DOCTYPE") => return Err(Refusal::DocumentType),
            Some(b'!') | None => None,
            // In the XML declaration, and only there, `?>` may stand inside quotes.
            Some(b'?') if rest.starts_with(b"<?xml ") => xml_declaration(rest),
            Some(b'?') if is_declaration_like(rest) => None,
            Some(b'?') => through(rest, 2, b"?>"),
            Some(b'/') => {
                self.close();
                through(rest, 2, b">")
            }
            Some(_) => return self.start_tag(),
        };
        length.ok_or_else(|| self.broken())
    }

    fn start_tag(&mut self) -> Result<usize, Refusal> {
        let rest = self.rest();
        let window = rest.get(..self.budget.tag_bytes_max).unwrap_or(rest);
        let unfinished = if window.len() < rest.len() {
            Refusal::TagTooLong { bytes_max: self.budget.tag_bytes_max }
        } else {
            self.broken()
        };
        let mut tag = Tag::default();
        let mut from = 1;
        loop {
            let ahead = window.get(from..).unwrap_or_default();
            let found = memchr3(b'"', b'\'', b'>', ahead).ok_or(unfinished)?;
            let (gap, tail) = ahead.split_at_checked(found).ok_or(unfinished)?;
            let (mark, tail) = tail.split_first().ok_or(unfinished)?;
            if memchr(b'<', gap).is_some() {
                return Err(self.broken());
            }
            from = from.saturating_add(found).saturating_add(1);
            if *mark == b'>' {
                tag.empty = gap.last() == Some(&b'/');
                self.open(&tag)?;
                return Ok(from);
            }
            tag.attributes = tag.attributes.saturating_add(1);
            let name = attribute_name(gap);
            tag.declarations = tag.declarations.saturating_add(usize::from(declares(name)));
            if name == b"xmlns" && std::mem::replace(&mut tag.default, true) {
                return Err(Refusal::DefaultTwice { at: self.at });
            }
            let value = memchr2(*mark, b'<', tail).ok_or(unfinished)?;
            if tail.get(value) == Some(&b'<') {
                return Err(self.broken());
            }
            from = from.saturating_add(value).saturating_add(1);
        }
    }

    fn open(&mut self, tag: &Tag) -> Result<(), Refusal> {
        let Budget { attributes_max, declarations_max, scope_max, depth_max, .. } = *self.budget;
        if tag.attributes > attributes_max {
            return Err(Refusal::TooManyAttributes { attributes_max });
        }
        self.declarations = self.declarations.saturating_add(tag.declarations);
        if self.declarations > declarations_max {
            return Err(Refusal::TooManyDeclarations { declarations_max });
        }
        let in_scope = self.in_scope.saturating_add(tag.declarations);
        if in_scope > scope_max {
            return Err(Refusal::TooManyInScope { scope_max });
        }
        let depth_max = depth_max.min(DEPTH_CEILING);
        let level = self.at_level.get_mut(self.depth).filter(|_| self.depth < depth_max);
        let Some(level) = level else { return Err(Refusal::TooDeep { depth_max }) };
        if !tag.empty {
            *level = tag.declarations;
            self.in_scope = in_scope;
            self.depth = self.depth.saturating_add(1);
        }
        Ok(())
    }

    /// An end tag too many is left to the parser, which stops at it.
    fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        if let Some(level) = self.at_level.get_mut(self.depth) {
            self.in_scope = self.in_scope.saturating_sub(*level);
            *level = 0;
        }
    }
}

/// The length up to the first `end` that begins at `from` or later, and through it.
fn through(rest: &[u8], from: usize, end: &[u8]) -> Option<usize> {
    let found = memmem::find(rest.get(from..)?, end)?;
    Some(from.saturating_add(found).saturating_add(end.len()))
}

/// Whether it is an instruction called `xml`, in whatever case: XML has none (2.6), and the parser would take it for one. So it does with
/// a declaration that goes on with a tab or a line's end.
fn is_declaration_like(rest: &[u8]) -> bool {
    let goes_on = |byte: &u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':') || !byte.is_ascii()
    };
    rest.get(2..5).is_some_and(|name| name.eq_ignore_ascii_case(b"xml")) && !rest.get(5).is_some_and(goes_on)
}

/// The length of the XML declaration, whose quotes may hold anything but `<`.
fn xml_declaration(rest: &[u8]) -> Option<usize> {
    let mut from = 2;
    loop {
        let found = memchr3(b'"', b'\'', b'?', rest.get(from..)?)?;
        let mark = from.saturating_add(found);
        from = mark.saturating_add(1);
        let quote = *rest.get(mark)?;
        if quote == b'?' {
            return (rest.get(from) == Some(&b'>')).then(|| from.saturating_add(1));
        }
        let tail = rest.get(from..)?;
        let value = memchr2(quote, b'<', tail)?;
        if tail.get(value) == Some(&b'<') {
            return None;
        }
        from = from.saturating_add(value).saturating_add(1);
    }
}

/// The name that, with `=`, ends the gap before a value.
fn attribute_name(gap: &[u8]) -> &[u8] {
    let name = gap.trim_ascii_end();
    let name = name.strip_suffix(b"=").unwrap_or(name).trim_ascii_end();
    name.rsplit(u8::is_ascii_whitespace).next().unwrap_or_default()
}

/// Whether the attribute declares a namespace. The parser also takes `a:xmlns` for one.
fn declares(name: &[u8]) -> bool {
    name.split(|byte| *byte == b':').any(|part| part == b"xmlns")
}
