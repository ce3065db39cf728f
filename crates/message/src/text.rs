//! The few character rules that HTTP, MIME and XML share.

/// A token of RFC 9110: what names of headers and parameters are made of.
pub(crate) fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().copied().all(is_token_byte)
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Control characters other than TAB have no place in a header's value: they end lines early in somebody's parser.
pub(crate) fn has_controls(text: &str) -> bool {
    text.chars().any(|c| c != '\t' && c.is_ascii_control())
}

/// HTTP and MIME heads are ISO-8859-1: one byte, one character.
pub(crate) fn from_latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// The bytes of a head's text; `None` when a character does not fit.
pub(crate) fn to_latin1(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|c| u8::try_from(c).ok()).collect()
}

/// Removes the white space that may stand around a header's value.
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// At most `limit` bytes of a text, cut between characters: evidence for a log, not a copy of what a stranger sent.
pub(crate) fn shortened(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let end = (0..=limit).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    format!("{}…", text.get(..end).unwrap_or_default())
}

/// Whether quotation marks become entities too: both forms occur on the wire (data-plane 2.8 without, 3.4 with).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quotes {
    Escaped,
    Kept,
}

/// Text of an XML 1.0 element: predefined entities, control characters that XML 1.0 does not know left out.
pub(crate) fn escape_xml(text: &str, quotes: Quotes) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' if quotes == Quotes::Escaped => out.push_str("&quot;"),
            '\'' if quotes == Quotes::Escaped => out.push_str("&apos;"),
            '\u{fffe}' | '\u{ffff}' => {}
            '\t' | '\n' | '\r' => out.push(c),
            c if u32::from(c) < 0x20 => {}
            '\u{7f}'..='\u{84}' | '\u{86}'..='\u{9f}' => {
                // Writing to a String cannot fail.
                let _ = write!(out, "&#{};", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

/// Whether bytes are exactly one DER SEQUENCE, by its outermost tag and length.
pub(crate) fn is_der_sequence(bytes: &[u8]) -> bool {
    let Some((0x30, rest)) = bytes.split_first().map(|(tag, rest)| (*tag, rest)) else {
        return false;
    };
    let Some((first, rest)) = rest.split_first() else {
        return false;
    };
    if *first < 0x80 {
        return rest.len() == usize::from(*first);
    }
    let count = usize::from(first & 0x7f);
    let Some((length, content)) = rest.split_at_checked(count) else {
        return false;
    };
    let value = length.iter().fold(0_u64, |value, byte| (value << 8) | u64::from(*byte));
    let shortest = length.first().is_some_and(|byte| *byte != 0) && value >= 0x80;
    (1..=4).contains(&count) && shortest && u64::try_from(content.len()) == Ok(value)
}
