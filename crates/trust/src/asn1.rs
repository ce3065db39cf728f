//! A bounded reader of DER that hands out the bytes as received, and a small writer for what we send.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const NULL: u8 = 0x05;
pub(crate) const OID: u8 = 0x06;
pub(crate) const ENUMERATED: u8 = 0x0a;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// The tag `[n]` that wraps another element (explicit, or an implicit SEQUENCE/SET). `n` is at most 30.
pub(crate) const fn wrapped(n: u8) -> u8 {
    0xa0 | n
}

/// The tag `[n]` that stands in for a primitive one. `n` is at most 30.
pub(crate) const fn plain(n: u8) -> u8 {
    0x80 | n
}

/// Why bytes are not the ASN.1 structure that they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The bytes end inside an element.
    #[error("the bytes end inside an ASN.1 element")]
    Truncated,
    /// A length of more than four octets, or the indefinite form, which DER does not have.
    #[error("an ASN.1 length is indefinite or has more than four octets")]
    Length,
    /// A tag of more than one octet; none of our structures has one.
    #[error("an ASN.1 tag number above 30")]
    HighTag,
    /// Another element was expected here.
    #[error("expected ASN.1 tag {expected:#04x}, found {found:#04x}")]
    Tag {
        /// The tag that the structure has at this place.
        expected: u8,
        /// The tag that was read.
        found: u8,
    },
    /// Bytes follow where the structure has ended.
    #[error("bytes follow the end of an ASN.1 structure")]
    Trailing,
    /// The content of a primitive value is not what its type allows.
    #[error("an ASN.1 value is not a valid {0}")]
    Value(&'static str),
    /// The structure as a whole, or a list in it, is larger than we read.
    #[error("the ASN.1 structure has more than {max} {what}")]
    TooLarge {
        /// Of what.
        what: &'static str,
        /// What is read.
        max: usize,
    },
    /// Something that may appear once appears twice.
    #[error("{0} appears twice")]
    Duplicate(&'static str),
    /// A version or kind of structure that we do not know.
    #[error("unknown {0}")]
    Unknown(&'static str),
}

/// One element: its tag, its content, and both together as received.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    pub(crate) body: &'a [u8],
    pub(crate) raw: &'a [u8],
}

impl<'a> Element<'a> {
    /// A reader over the content.
    pub(crate) fn open(&self) -> Reader<'a> {
        Reader { rest: self.body }
    }

    /// The content when the tag is `tag`.
    pub(crate) fn as_tag(&self, tag: u8) -> Result<&'a [u8], Malformed> {
        if self.tag == tag { Ok(self.body) } else { Err(Malformed::Tag { expected: tag, found: self.tag }) }
    }
}

/// Reads elements one after another. It never copies and never recurses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next element, whatever it is.
    pub(crate) fn any(&mut self) -> Result<Element<'a>, Malformed> {
        let all = self.rest;
        let (&tag, after_tag) = all.split_first().ok_or(Malformed::Truncated)?;
        if tag & 0x1f == 0x1f {
            return Err(Malformed::HighTag);
        }
        let (&first, after_first) = after_tag.split_first().ok_or(Malformed::Truncated)?;
        let (length, after_length) = if first < 0x80 {
            (usize::from(first), after_first)
        } else {
            long_length(first & 0x7f, after_first)?
        };
        let body = after_length.get(..length).ok_or(Malformed::Truncated)?;
        let rest = after_length.get(length..).ok_or(Malformed::Truncated)?;
        let raw = all.get(..all.len().saturating_sub(rest.len())).ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(Element { tag, body, raw })
    }

    /// The next element, which has to have this tag.
    pub(crate) fn expect(&mut self, tag: u8) -> Result<Element<'a>, Malformed> {
        match self.peek() {
            Some(found) if found == tag => self.any(),
            Some(found) => Err(Malformed::Tag { expected: tag, found }),
            None => Err(Malformed::Truncated),
        }
    }

    /// The next element if it has this tag.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>, Malformed> {
        if self.peek() == Some(tag) { self.any().map(Some) } else { Ok(None) }
    }

    /// A SEQUENCE, opened.
    pub(crate) fn sequence(&mut self) -> Result<Self, Malformed> {
        Ok(self.expect(SEQUENCE)?.open())
    }

    /// The structure ends here.
    pub(crate) fn end(&self) -> Result<(), Malformed> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed::Trailing) }
    }
}

fn long_length(count: u8, mut rest: &[u8]) -> Result<(usize, &[u8]), Malformed> {
    if count == 0 || count > 4 {
        return Err(Malformed::Length);
    }
    let mut length: u32 = 0;
    for _ in 0..count {
        let (&octet, after) = rest.split_first().ok_or(Malformed::Truncated)?;
        length = (length << 8) | u32::from(octet);
        rest = after;
    }
    Ok((usize::try_from(length).map_err(|_| Malformed::Length)?, rest))
}

/// The one element that these bytes are.
pub(crate) fn only(bytes: &[u8], tag: u8) -> Result<Element<'_>, Malformed> {
    let mut reader = Reader::new(bytes);
    let element = reader.expect(tag)?;
    reader.end()?;
    Ok(element)
}

/// The octets of a BIT STRING that has no unused bits.
pub(crate) fn bits<'a>(element: &Element<'a>) -> Result<&'a [u8], Malformed> {
    match element.as_tag(BIT_STRING)?.split_first() {
        Some((0, octets)) => Ok(octets),
        _ => Err(Malformed::Value("BIT STRING of whole octets")),
    }
}

/// BOOLEAN: any octet but zero is true.
pub(crate) fn boolean(element: &Element<'_>) -> Result<bool, Malformed> {
    match element.as_tag(BOOLEAN)? {
        [octet] => Ok(*octet != 0),
        _ => Err(Malformed::Value("BOOLEAN")),
    }
}

/// A small non-negative INTEGER.
pub(crate) fn small(element: &Element<'_>) -> Result<u64, Malformed> {
    unsigned(element.as_tag(INTEGER)?)
}

/// The content octets of a small non-negative INTEGER or ENUMERATED.
pub(crate) fn unsigned(body: &[u8]) -> Result<u64, Malformed> {
    let first = body.first().ok_or(Malformed::Value("INTEGER"))?;
    if first & 0x80 != 0 || body.len() > 9 || (body.len() == 9 && *first != 0) {
        return Err(Malformed::Value("small non-negative INTEGER"));
    }
    Ok(body.iter().fold(0u64, |sum, octet| (sum << 8) | u64::from(*octet)))
}

/// The dotted form of an OID's content octets. An arc that begins with a zero septet is refused: it would be a second
/// spelling of the same text.
pub(crate) fn dotted(body: &[u8]) -> Result<String, Malformed> {
    const BAD: Malformed = Malformed::Value("OBJECT IDENTIFIER");
    if body.is_empty() || body.len() > 64 || body.last().is_some_and(|last| last & 0x80 != 0) {
        return Err(BAD);
    }
    let mut text = String::new();
    let mut arc: u64 = 0;
    let mut begins = true;
    for octet in body {
        if begins && *octet == 0x80 {
            return Err(BAD);
        }
        begins = octet & 0x80 == 0;
        arc = arc.checked_mul(128).and_then(|arc| arc.checked_add(u64::from(octet & 0x7f))).ok_or(BAD)?;
        if octet & 0x80 != 0 {
            continue;
        }
        if text.is_empty() {
            let root = (arc / 40).min(2);
            let second = arc.saturating_sub(root.saturating_mul(40));
            text = format!("{root}.{second}");
        } else {
            text.push('.');
            text.push_str(&arc.to_string());
        }
        arc = 0;
    }
    Ok(text)
}

/// UTCTime or GeneralizedTime, with or without seconds, in UTC or with an offset.
///
/// `99991231235959Z`, "no end", lies beyond what a [`Timestamp`] holds and is read as the largest one.
pub(crate) fn time(element: &Element<'_>) -> Result<Timestamp, Malformed> {
    const BAD: Malformed = Malformed::Value("time");
    let text = std::str::from_utf8(element.body).map_err(|_| BAD)?;
    if !text.is_ascii() || text.len() > 40 {
        return Err(BAD);
    }
    let (year, rest) = match element.tag {
        UTC_TIME => {
            let (year, rest) = text.split_at_checked(2).ok_or(BAD)?;
            let year = digits(year)?;
            (if year < 50 { year.saturating_add(2000) } else { year.saturating_add(1900) }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = text.split_at_checked(4).ok_or(BAD)?;
            (digits(year)?, rest)
        }
        found => {
            return Err(Malformed::Tag { expected: UTC_TIME, found });
        }
    };
    let zone_at = rest.find(['Z', '+', '-']).ok_or(BAD)?;
    let (clock, zone) = rest.split_at_checked(zone_at).ok_or(BAD)?;
    let (clock, fraction) = clock.split_once(['.', ',']).unwrap_or((clock, ""));
    if !matches!(clock.len(), 8 | 10) || (element.tag == UTC_TIME && !fraction.is_empty()) {
        return Err(BAD);
    }
    let part = |at: usize| -> Result<i8, Malformed> {
        let piece = clock.get(at..at.saturating_add(2)).ok_or(BAD)?;
        i8::try_from(digits(piece)?).map_err(|_| BAD)
    };
    let second = if clock.len() == 10 { part(8)? } else { 0 };
    let nanosecond = i32::from(nanoseconds_high(fraction)?).saturating_mul(1_000_000);
    let civil =
        DateTime::new(year, part(0)?, part(2)?, part(4)?, part(6)?, second, nanosecond).map_err(|_| BAD)?;
    match offset(zone)?.to_timestamp(civil) {
        Ok(timestamp) => Ok(timestamp),
        Err(_) if year >= 9999 => Ok(Timestamp::MAX),
        Err(_) => Err(BAD),
    }
}

/// Fractions are kept to the millisecond.
fn nanoseconds_high(fraction: &str) -> Result<i16, Malformed> {
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Malformed::Value("time"));
    }
    let mut padded: String = fraction.chars().take(3).collect();
    while padded.len() < 3 {
        padded.push('0');
    }
    digits(&padded)
}

fn digits(text: &str) -> Result<i16, Malformed> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Malformed::Value("time"));
    }
    text.parse().map_err(|_| Malformed::Value("time"))
}

fn offset(zone: &str) -> Result<Offset, Malformed> {
    const BAD: Malformed = Malformed::Value("time");
    if zone == "Z" {
        return Ok(Offset::UTC);
    }
    let (sign, rest) = zone.split_at_checked(1).ok_or(BAD)?;
    let (hours, minutes) = rest.split_at_checked(2).ok_or(BAD)?;
    let hours = digits(hours)?;
    let minutes = match minutes.len() {
        0 => 0,
        2 => digits(minutes)?,
        _ => return Err(BAD),
    };
    if hours > 23 || minutes > 59 {
        return Err(BAD);
    }
    let seconds = i32::from(hours).saturating_mul(3600).saturating_add(i32::from(minutes).saturating_mul(60));
    let seconds = match sign {
        "+" => seconds,
        "-" => seconds.saturating_neg(),
        _ => return Err(BAD),
    };
    Offset::from_seconds(seconds).map_err(|_| BAD)
}

/// One element, written.
pub(crate) fn encode(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = body.len().to_be_bytes();
    let significant: Vec<u8> = length.iter().copied().skip_while(|octet| *octet == 0).collect();
    match significant.as_slice() {
        [] => out.push(0),
        [short] if *short < 0x80 => out.push(*short),
        long => {
            out.push(0x80 | u8::try_from(long.len()).unwrap_or(8));
            out.extend_from_slice(long);
        }
    }
    out.extend_from_slice(body);
    out
}

/// One element that holds others.
pub(crate) fn encode_all(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    encode(tag, &parts.concat())
}

#[cfg(test)]
mod tests;
