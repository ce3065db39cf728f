//! A few lines of DER, so that tests can make what no tool makes.

pub(crate) fn tlv(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match body.len() {
        short @ 0..=127 => out.push(u8::try_from(short).unwrap()),
        long => {
            let octets = u32::try_from(long).unwrap().to_be_bytes();
            let octets: Vec<u8> = octets.into_iter().skip_while(|octet| *octet == 0).collect();
            out.push(0x80 | u8::try_from(octets.len()).unwrap());
            out.extend(octets);
        }
    }
    out.extend_from_slice(body);
    out
}

pub(crate) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

pub(crate) fn set(parts: &[&[u8]]) -> Vec<u8> {
    tlv(0x31, &parts.concat())
}

/// A dotted OID.
pub(crate) fn oid(dotted: &str) -> Vec<u8> {
    let arcs: Vec<u64> = dotted.split('.').map(|arc| arc.parse().unwrap()).collect();
    let mut body = Vec::new();
    let head = arcs[0] * 40 + arcs[1];
    for arc in std::iter::once(&head).chain(&arcs[2..]) {
        let mut septets = vec![u8::try_from(arc & 0x7f).unwrap()];
        let mut rest = arc >> 7;
        while rest > 0 {
            septets.push(u8::try_from(rest & 0x7f).unwrap() | 0x80);
            rest >>= 7;
        }
        septets.reverse();
        body.extend(septets);
    }
    tlv(0x06, &body)
}

pub(crate) fn integer(value: u8) -> Vec<u8> {
    tlv(0x02, &if value & 0x80 == 0 { vec![value] } else { vec![0, value] })
}

pub(crate) fn octets(body: &[u8]) -> Vec<u8> {
    tlv(0x04, body)
}

pub(crate) fn bits(body: &[u8]) -> Vec<u8> {
    tlv(0x03, &[&[0], body].concat())
}

/// GeneralizedTime
pub(crate) fn time(at: jiff::Timestamp) -> Vec<u8> {
    let text: String = at.to_string().chars().filter(char::is_ascii_digit).take(14).collect();
    tlv(0x18, format!("{text}Z").as_bytes())
}

pub(crate) fn utf8(text: &str) -> Vec<u8> {
    tlv(0x0c, text.as_bytes())
}

/// A Name with one attribute per RDN; the attributes are dotted OIDs.
pub(crate) fn name(attributes: &[(&str, &str)]) -> Vec<u8> {
    let sets: Vec<Vec<u8>> =
        attributes.iter().map(|(kind, text)| set(&[&sequence(&[&oid(kind), &utf8(text)])])).collect();
    tlv(0x30, &sets.concat())
}

/// AlgorithmIdentifier of a digest.
pub(crate) fn digest(dotted: &str) -> Vec<u8> {
    sequence(&[&oid(dotted), &tlv(0x05, &[])])
}
