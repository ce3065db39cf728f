//! Writing DER: the few shapes that requests and certificates need.

use der::asn1::ObjectIdentifier;

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const UTF8_STRING: u8 = 0x0c;
pub(crate) const PRINTABLE_STRING: u8 = 0x13;
pub(crate) const IA5_STRING: u8 = 0x16;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// The tag `[n]` around another element.
pub(crate) const fn wrapped(n: u8) -> u8 {
    0xa0 | n
}

/// The tag `[n]` in the place of a primitive one.
pub(crate) const fn plain(n: u8) -> u8 {
    0x80 | n
}

/// Tag, length and the parts one after the other.
pub(crate) fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length = parts.iter().fold(0_usize, |sum, part| sum.saturating_add(part.len()));
    let mut out = vec![tag];
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let bytes = length.to_be_bytes();
            let significant: Vec<u8> = bytes.iter().copied().skip_while(|b| *b == 0).collect();
            out.push(0x80 | u8::try_from(significant.len()).unwrap_or(8));
            out.extend_from_slice(&significant);
        }
    }
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

/// A SEQUENCE of the parts.
pub(crate) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    element(SEQUENCE, parts)
}

/// An OBJECT IDENTIFIER.
pub(crate) fn oid(oid: ObjectIdentifier) -> Vec<u8> {
    element(0x06, &[oid.as_bytes()])
}

/// A BIT STRING of whole bytes.
pub(crate) fn bits(bytes: &[u8]) -> Vec<u8> {
    element(BIT_STRING, &[&[0], bytes])
}

/// A BIT STRING of named bits, numbered from the left, without trailing zero bits. Of the first eight bits only.
pub(crate) fn named_bits(bits: &[u8]) -> Vec<u8> {
    let byte = bits.iter().fold(0_u8, |byte, bit| byte | 0x80_u8.checked_shr(u32::from(*bit)).unwrap_or(0));
    let unused = u8::try_from(byte.trailing_zeros().min(7)).unwrap_or(0);
    element(BIT_STRING, &[&[unused], &[byte]])
}

/// An X.509 extension.
pub(crate) fn extension(id: ObjectIdentifier, critical: bool, value: &[u8]) -> Vec<u8> {
    let flag = if critical { element(BOOLEAN, &[&[0xff]]) } else { Vec::new() };
    sequence(&[&oid(id), &flag, &element(OCTET_STRING, &[value])])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_written_in_their_shortest_form() {
        assert_eq!(element(OCTET_STRING, &[&[1, 2]]), [4, 2, 1, 2]);
        assert_eq!(element(OCTET_STRING, &[&[0; 127]])[..2], [4, 127]);
        assert_eq!(element(OCTET_STRING, &[&[0; 128]])[..3], [4, 0x81, 128]);
        assert_eq!(element(OCTET_STRING, &[&[0; 256]])[..4], [4, 0x82, 1, 0]);
    }

    #[test]
    fn named_bits_have_no_trailing_zeros() {
        assert_eq!(named_bits(&[1, 5]), [3, 2, 2, 0x44]);
        assert_eq!(named_bits(&[0, 2, 3]), [3, 2, 4, 0xb0]);
    }
}
