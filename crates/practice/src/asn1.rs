//! Writing DER: just enough to place bytes that came in unchanged into structures that go out.

use const_oid::ObjectIdentifier;
use jiff::Timestamp;

pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// One value with this tag, its content the parts one after another.
pub(crate) fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut out = Vec::with_capacity(length.saturating_add(6));
    out.push(tag);
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => out.push(short),
        Ok(_) | Err(_) => {
            let bytes = length.to_be_bytes();
            let digits = strip_zeros(&bytes);
            out.push(0x80 | u8::try_from(digits.len()).unwrap_or(0x7f));
            out.extend_from_slice(digits);
        }
    }
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

pub(crate) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tlv(SEQUENCE, parts)
}

/// `[n] EXPLICIT` or a constructed `[n] IMPLICIT`.
pub(crate) fn context(number: u8, parts: &[&[u8]]) -> Vec<u8> {
    tlv(0xa0 | number, parts)
}

pub(crate) fn octets(bytes: &[u8]) -> Vec<u8> {
    tlv(0x04, &[bytes])
}

/// A bit string of whole bytes.
pub(crate) fn bits(bytes: &[u8]) -> Vec<u8> {
    tlv(0x03, &[&[0], bytes])
}

pub(crate) fn text(text: &str) -> Vec<u8> {
    tlv(0x0c, &[text.as_bytes()])
}

pub(crate) fn oid(oid: ObjectIdentifier) -> Vec<u8> {
    tlv(0x06, &[oid.as_bytes()])
}

pub(crate) fn null() -> Vec<u8> {
    tlv(0x05, &[])
}

/// A non-negative integer from its big-endian bytes.
pub(crate) fn unsigned(bytes: &[u8]) -> Vec<u8> {
    let digits = strip_zeros(bytes);
    match digits.first() {
        None => tlv(0x02, &[&[0]]),
        Some(first) if *first >= 0x80 => tlv(0x02, &[&[0], digits]),
        Some(_) => tlv(0x02, &[digits]),
    }
}

/// `AlgorithmIdentifier`; `parameters` already encoded, or empty.
pub(crate) fn algorithm(algorithm: ObjectIdentifier, parameters: &[u8]) -> Vec<u8> {
    sequence(&[&oid(algorithm), parameters])
}

/// `SET OF` in DER order: the encodings sorted as bytes. The order of the library's own sets differs, and whoever
/// encodes signed attributes anew before checking them would then find another digest.
pub(crate) fn set_of(tag: u8, mut elements: Vec<Vec<u8>>) -> Vec<u8> {
    elements.sort();
    let parts: Vec<&[u8]> = elements.iter().map(Vec::as_slice).collect();
    tlv(tag, &parts)
}

/// `GeneralizedTime` in whole seconds, UTC.
pub(crate) fn generalized_time(at: Timestamp) -> Vec<u8> {
    let text = at.strftime("%Y%m%d%H%M%SZ").to_string();
    tlv(0x18, &[text.as_bytes()])
}

/// `Time` of a certificate: `UTCTime` until 2049 (RFC 5280 4.1.2.5).
pub(crate) fn certificate_time(at: Timestamp) -> Vec<u8> {
    let year = at.strftime("%Y").to_string();
    if year.as_str() >= "2050" {
        return generalized_time(at);
    }
    let text = at.strftime("%y%m%d%H%M%SZ").to_string();
    tlv(0x17, &[text.as_bytes()])
}

fn strip_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_integers_are_minimal() {
        assert_eq!(tlv(4, &[&[7; 127]])[..2], [4, 127]);
        assert_eq!(tlv(4, &[&[7; 128]])[..3], [4, 0x81, 128]);
        assert_eq!(tlv(4, &[&[7; 300]])[..4], [4, 0x82, 1, 44]);
        assert_eq!(unsigned(&[]), [2, 1, 0]);
        assert_eq!(unsigned(&[0, 0, 0x7f]), [2, 1, 0x7f]);
        assert_eq!(unsigned(&[0x80]), [2, 2, 0, 0x80]);
    }

    #[test]
    fn times_change_form_in_2050() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(&certificate_time(at("2049-12-31T23:59:59.9Z"))[2..], b"491231235959Z");
        assert_eq!(&certificate_time(at("2050-01-01T00:00:00Z"))[2..], b"20500101000000Z");
        assert_eq!(&generalized_time(at("2026-02-01T03:04:05.678Z"))[2..], b"20260201030405Z");
    }

    #[test]
    fn sets_are_sorted_by_their_bytes() {
        assert_eq!(set_of(SET, vec![vec![4, 1, 9], vec![2, 1, 1]]), [0x31, 6, 2, 1, 1, 4, 1, 9]);
    }
}
