//! Some authorities answer in BER: indefinite lengths and octet strings in pieces. They are made DER before reading.

use std::borrow::Cow;

use crate::asn1::{self, Malformed};

const DEPTH_MAX: usize = 32;
const CONSTRUCTED: u8 = 0x20;
const CONSTRUCTED_OCTET_STRING: u8 = 0x24;
const END: &[u8] = &[0, 0];

/// The same structure with definite lengths. Bytes that are DER come back untouched.
pub(super) fn to_der(bytes: &[u8]) -> Result<Cow<'_, [u8]>, Malformed> {
    let (der, rest) = element(bytes, 0)?;
    if !rest.is_empty() {
        return Err(Malformed::Trailing);
    }
    Ok(if der == bytes { Cow::Borrowed(bytes) } else { Cow::Owned(der) })
}

fn element(bytes: &[u8], depth: usize) -> Result<(Vec<u8>, &[u8]), Malformed> {
    if depth > DEPTH_MAX {
        return Err(Malformed::TooLarge { what: "levels", max: DEPTH_MAX });
    }
    match bytes {
        [tag, 0x80, rest @ ..] if tag & CONSTRUCTED != 0 && tag & 0x1f != 0x1f => {
            let (children, rest) = until_end(rest, depth)?;
            Ok((assemble(*tag, &children)?, rest))
        }
        _ => {
            let mut reader = asn1::Reader::new(bytes);
            let whole = reader.any()?;
            let rest = bytes.get(whole.raw.len()..).unwrap_or_default();
            if whole.tag & CONSTRUCTED == 0 {
                return Ok((asn1::encode(whole.tag, whole.body), rest));
            }
            let mut children = Vec::new();
            let mut inside = whole.body;
            while !inside.is_empty() {
                let (child, after) = element(inside, depth.saturating_add(1))?;
                children.push(child);
                inside = after;
            }
            Ok((assemble(whole.tag, &children)?, rest))
        }
    }
}

fn until_end(mut rest: &[u8], depth: usize) -> Result<(Vec<Vec<u8>>, &[u8]), Malformed> {
    let mut children = Vec::new();
    loop {
        if let Some(after) = rest.strip_prefix(END) {
            return Ok((children, after));
        }
        let (child, after) = element(rest, depth.saturating_add(1))?;
        children.push(child);
        rest = after;
    }
}

fn assemble(tag: u8, children: &[Vec<u8>]) -> Result<Vec<u8>, Malformed> {
    if tag != CONSTRUCTED_OCTET_STRING {
        return Ok(asn1::encode(tag, &children.concat()));
    }
    let mut octets = Vec::new();
    for piece in children {
        octets.extend_from_slice(asn1::only(piece, asn1::OCTET_STRING)?.body);
    }
    Ok(asn1::encode(asn1::OCTET_STRING, &octets))
}

#[cfg(test)]
mod tests {
    use super::to_der;
    use crate::asn1::Malformed;

    #[test]
    fn leaves_der_alone() {
        let der = [0x30, 0x03, 0x02, 0x01, 0x05];
        assert_eq!(to_der(&der).unwrap().as_ref(), der);
    }

    #[test]
    fn closes_open_lengths_and_joins_pieces() {
        let ber =
            [0x30, 0x80, 0x24, 0x80, 0x04, 0x01, 0x41, 0x04, 0x01, 0x42, 0, 0, 0x02, 0x81, 0x01, 0x05, 0, 0];
        assert_eq!(to_der(&ber).unwrap().as_ref(), [0x30, 0x07, 0x04, 0x02, 0x41, 0x42, 0x02, 0x01, 0x05]);
    }

    #[test]
    fn refuses_what_does_not_end_or_goes_too_deep() {
        assert_eq!(to_der(&[0x30, 0x80, 0x02, 0x01, 0x05]), Err(Malformed::Truncated));
        assert_eq!(to_der(&[0x30, 0x80]), Err(Malformed::Truncated));
        assert_eq!(to_der(&[0x04, 0x80, 0, 0]), Err(Malformed::Length));
        assert_eq!(to_der(&[0x30, 0x00, 0x00]), Err(Malformed::Trailing));
        let too_deep = Malformed::TooLarge { what: "levels", max: 32 };
        assert_eq!(to_der(&[0x30, 0x80].repeat(10_000)), Err(too_deep));
    }
}
