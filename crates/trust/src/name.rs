//! Distinguished names: attributes, comparison, and the RFC 2253 text that Java writes (data-plane 5.2).

use std::fmt;

use crate::asn1::{self, Element, Malformed, Reader};

/// More attributes than any name has.
const ATTRIBUTES_MAX: usize = 64;
/// More bytes than any name has. Names of strangers stand in verdicts, and so in logs and faults.
const NAME_BYTES_MAX: usize = 4096;

const UTF8_STRING: u8 = 0x0c;
const NUMERIC_STRING: u8 = 0x12;
const PRINTABLE_STRING: u8 = 0x13;
const TELETEX_STRING: u8 = 0x14;
const IA5_STRING: u8 = 0x16;
const GENERAL_STRING: u8 = 0x1b;
const UNIVERSAL_STRING: u8 = 0x1c;
const BMP_STRING: u8 = 0x1e;

/// A distinguished name, kept as received.
#[derive(Clone, PartialEq, Eq)]
pub struct Name {
    der: Vec<u8>,
    attributes: Vec<Attribute>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Attribute {
    /// The number of the RDN that it belongs to: several attributes may share one.
    set: usize,
    oid: Vec<u8>,
    tag: u8,
    value: Vec<u8>,
    /// The whole value with its tag.
    raw: Vec<u8>,
}

impl Name {
    /// Reads a DER Name.
    ///
    /// # Errors
    /// [`Malformed`] when the bytes are something else, are more than 4096, or hold more than 64 attributes.
    pub fn from_der(der: &[u8]) -> Result<Self, Malformed> {
        if der.len() > NAME_BYTES_MAX {
            return Err(Malformed::TooLarge { what: "bytes of a name", max: NAME_BYTES_MAX });
        }
        let mut sets = asn1::only(der, asn1::SEQUENCE)?.open();
        let mut attributes = Vec::new();
        let mut set = 0usize;
        while !sets.is_empty() {
            let mut members = sets.expect(asn1::SET)?.open();
            while !members.is_empty() {
                let mut pair = members.sequence()?;
                let oid = pair.expect(asn1::OID)?;
                let value = pair.any()?;
                pair.end()?;
                attributes.push(Attribute {
                    set,
                    oid: oid.body.to_vec(),
                    tag: value.tag,
                    value: value.body.to_vec(),
                    raw: value.raw.to_vec(),
                });
                if attributes.len() > ATTRIBUTES_MAX {
                    return Err(Malformed::TooLarge { what: "attributes of a name", max: ATTRIBUTES_MAX });
                }
            }
            set = set.saturating_add(1);
        }
        Ok(Self { der: der.to_vec(), attributes })
    }

    pub(crate) fn read(element: &Element<'_>) -> Result<Self, Malformed> {
        Self::from_der(element.raw)
    }

    /// The DER as received.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The text of the attribute with this dotted OID. Of several the one that stands last in the encoding: X-Road reads
    /// names in RFC 2253 order, where it is the first, and whom a certificate speaks for must not depend on the reader.
    #[must_use]
    pub fn attribute(&self, oid: &str) -> Option<String> {
        self.last_text(|attribute| asn1::dotted(&attribute.oid).as_deref() == Ok(oid))
    }

    /// As [`Self::attribute`], by the content octets of the OID.
    pub(crate) fn attribute_by_oid(&self, oid: &[u8]) -> Option<String> {
        self.last_text(|attribute| attribute.oid == oid)
    }

    fn last_text(&self, is_wanted: impl Fn(&&Attribute) -> bool) -> Option<String> {
        self.attributes.iter().rev().find(is_wanted).and_then(Attribute::text)
    }

    /// Whether both names mean the same: letter case, runs of spaces and the kind of string do not count
    /// (RFC 5280 §7.1, and what X-Road's name comparison does).
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.der == other.der || self.canonical() == other.canonical()
    }

    /// As [`Self::matches`], also when one of the two is written backwards: X-Road's library finds an OCSP responder so. It only
    /// looks a certificate up; signature and authorisation decide.
    pub(crate) fn matches_either_way(&self, other: &Self) -> bool {
        let backwards = || {
            let last = other.attributes.iter().map(|attribute| attribute.set).max().unwrap_or(0);
            let mut all = other.canonical();
            for (set, ..) in &mut all {
                *set = last.saturating_sub(*set);
            }
            all.sort();
            all
        };
        self.matches(other) || self.canonical() == backwards()
    }

    fn canonical(&self) -> Vec<(usize, Vec<u8>, Vec<u8>)> {
        let mut all: Vec<_> = self
            .attributes
            .iter()
            .map(|attribute| (attribute.set, attribute.oid.clone(), attribute.canonical()))
            .collect();
        all.sort();
        all
    }

    /// The text that Java's `X500Principal.getName()` gives: RFC 2253 with the last RDN first, no spaces, and every
    /// attribute type outside CN, C, L, ST, O, OU, STREET, DC, UID as `OID=#hex`.
    #[must_use]
    pub fn rfc2253(&self) -> String {
        let mut text = String::new();
        let mut sets: Vec<&[Attribute]> = self.attributes.chunk_by(|a, b| a.set == b.set).collect();
        sets.reverse();
        for (at, set) in sets.into_iter().enumerate() {
            if at > 0 {
                text.push(',');
            }
            for (at, attribute) in set.iter().enumerate() {
                if at > 0 {
                    text.push('+');
                }
                attribute.write(&mut text);
            }
        }
        text
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.rfc2253())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Name({})", self.rfc2253())
    }
}

impl Attribute {
    fn text(&self) -> Option<String> {
        string(self.tag, &self.value)
    }

    fn canonical(&self) -> Vec<u8> {
        match self.text() {
            Some(text) => {
                let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
                words.join(" ").into_bytes()
            }
            None => self.raw.clone(),
        }
    }

    fn write(&self, out: &mut String) {
        let keyword = keyword(&self.oid);
        match keyword {
            Some(keyword) => out.push_str(keyword),
            None => out.push_str(&asn1::dotted(&self.oid).unwrap_or_default()),
        }
        out.push('=');
        let printable = matches!(
            self.tag,
            UTF8_STRING | PRINTABLE_STRING | TELETEX_STRING | IA5_STRING | GENERAL_STRING | BMP_STRING
        );
        if keyword.is_some() && printable {
            // Java reads the octets of every kind of string as UTF-8 here, BMPString included.
            escape(&String::from_utf8_lossy(&self.value), out);
        } else {
            out.push('#');
            for octet in &self.raw {
                out.push_str(&format!("{octet:02x}"));
            }
        }
    }
}

fn keyword(oid: &[u8]) -> Option<&'static str> {
    Some(match oid {
        [0x55, 0x04, 0x03] => "CN",
        [0x55, 0x04, 0x06] => "C",
        [0x55, 0x04, 0x07] => "L",
        [0x55, 0x04, 0x08] => "ST",
        [0x55, 0x04, 0x09] => "STREET",
        [0x55, 0x04, 0x0a] => "O",
        [0x55, 0x04, 0x0b] => "OU",
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x19] => "DC",
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x01] => "UID",
        _ => return None,
    })
}

fn escape(value: &str, out: &mut String) {
    let edge = |character: char| matches!(character, ' ' | '\r');
    let without_lead = value.trim_start_matches(edge).len();
    let without_trail = value.trim_end_matches(edge).len();
    let lead = value.len().saturating_sub(without_lead);
    for (at, character) in value.char_indices() {
        match character {
            '\0' => out.push_str("\\00"),
            ',' | '=' | '+' | '<' | '>' | '#' | ';' | '"' | '\\' => {
                out.push('\\');
                out.push(character);
            }
            _ => {
                if at < lead || at >= without_trail {
                    out.push('\\');
                }
                out.push(character);
            }
        }
    }
}

/// The text of an ASN.1 string, or nothing when it is no string or not well formed.
pub(crate) fn string(tag: u8, value: &[u8]) -> Option<String> {
    match tag {
        UTF8_STRING => String::from_utf8(value.to_vec()).ok(),
        NUMERIC_STRING | PRINTABLE_STRING | IA5_STRING => {
            value.is_ascii().then(|| value.iter().map(|octet| char::from(*octet)).collect())
        }
        TELETEX_STRING | GENERAL_STRING => Some(value.iter().map(|octet| char::from(*octet)).collect()),
        BMP_STRING => {
            let units: Vec<u16> = value
                .chunks(2)
                .map(|pair| <[u8; 2]>::try_from(pair).map(u16::from_be_bytes))
                .collect::<Result<_, _>>()
                .ok()?;
            String::from_utf16(&units).ok()
        }
        UNIVERSAL_STRING => value
            .chunks(4)
            .map(|four| char::from_u32(u32::from_be_bytes(<[u8; 4]>::try_from(four).ok()?)))
            .collect(),
        _ => None,
    }
}

/// The Name in a GeneralName `directoryName`.
pub(crate) fn directory(body: &[u8]) -> Result<Name, Malformed> {
    let mut reader = Reader::new(body);
    let name = Name::read(&reader.expect(asn1::SEQUENCE)?)?;
    reader.end()?;
    Ok(name)
}

#[cfg(test)]
mod tests;
