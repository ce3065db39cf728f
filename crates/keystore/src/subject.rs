//! Whom a certificate is for: the subject, field by field in the order of the CA's profile (control-plane 4.3, 4.4),
//! and the names and addresses of the server.

use std::fmt;
use std::net::IpAddr;

use der::asn1::ObjectIdentifier;

use crate::der_out;

const FIELDS_MAX: usize = 32;
const VALUE_CHARACTERS_MAX: usize = 256;
const ALTERNATIVE_NAMES_MAX: usize = 64;

/// How a field is called, its object identifier, and its string type (as BouncyCastle chooses it).
struct Known {
    names: &'static [&'static str],
    oid: &'static str,
    tag: u8,
}

const KNOWN: &[Known] = &[
    known(&["CN"], "2.5.4.3", der_out::UTF8_STRING),
    known(&["C"], "2.5.4.6", der_out::PRINTABLE_STRING),
    known(&["O"], "2.5.4.10", der_out::UTF8_STRING),
    known(&["OU"], "2.5.4.11", der_out::UTF8_STRING),
    known(&["serialNumber", "SERIALNUMBER", "SN"], "2.5.4.5", der_out::PRINTABLE_STRING),
    known(&["businessCategory"], "2.5.4.15", der_out::UTF8_STRING),
    known(&["organizationIdentifier"], "2.5.4.97", der_out::UTF8_STRING),
    known(&["L"], "2.5.4.7", der_out::UTF8_STRING),
    known(&["ST"], "2.5.4.8", der_out::UTF8_STRING),
    known(&["street"], "2.5.4.9", der_out::UTF8_STRING),
    known(&["T", "title"], "2.5.4.12", der_out::UTF8_STRING),
    known(&["surname"], "2.5.4.4", der_out::UTF8_STRING),
    known(&["givenName"], "2.5.4.42", der_out::UTF8_STRING),
    known(&["DC"], "0.9.2342.19200300.100.1.25", der_out::IA5_STRING),
    known(&["E", "emailAddress"], "1.2.840.113549.1.9.1", der_out::IA5_STRING),
];

const fn known(names: &'static [&'static str], oid: &'static str, tag: u8) -> Known {
    Known { names, oid, tag }
}

/// Why a subject or a name cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubjectRefusal {
    /// Nothing in it.
    #[error("a subject has at least one field")]
    Empty,
    /// A field name that is neither known nor an object identifier.
    #[error("{field:?} is no field of a subject")]
    UnknownField {
        /// The name given.
        field: String,
    },
    /// A value that is blank, too long or has control characters.
    #[error(
        "the field {field} is blank, longer than {VALUE_CHARACTERS_MAX} characters or has control characters"
    )]
    Value {
        /// Which field.
        field: String,
    },
    /// Too many fields or names.
    #[error("there are more than {count_max} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// What is taken.
        count_max: usize,
    },
    /// A text that is not `NAME=value, NAME=value`.
    #[error("{text:?} is not of the form NAME=value, NAME=value")]
    Form {
        /// The part that does not read.
        text: String,
    },
    /// Not a DNS name.
    #[error("{name:?} is not a DNS name")]
    DnsName {
        /// The name given.
        name: String,
    },
}

/// A distinguished name: fields in order, each its own RDN, the first field first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    fields: Vec<(String, ObjectIdentifier, u8, String)>,
}

impl Subject {
    /// Checks and takes fields. A field is called as in the profiles (`CN`, `C`, `O`, `serialNumber`,
    /// `businessCategory`, …; case does not matter; `SN` is serialNumber as in BouncyCastle) or by its object
    /// identifier. Values are taken literally: nothing in them is an escape.
    ///
    /// # Errors
    /// What cannot be written.
    pub fn new<N: Into<String>, V: Into<String>>(
        fields: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, SubjectRefusal> {
        let mut taken = Vec::new();
        for (name, value) in fields {
            let (name, value) = (name.into(), value.into());
            if taken.len() >= FIELDS_MAX {
                return Err(SubjectRefusal::TooMany { what: "fields", count_max: FIELDS_MAX });
            }
            let (oid, tag) =
                find(&name).ok_or_else(|| SubjectRefusal::UnknownField { field: name.clone() })?;
            let long = value.chars().count() > VALUE_CHARACTERS_MAX;
            if long || value.trim().is_empty() || value.chars().any(char::is_control) {
                return Err(SubjectRefusal::Value { field: name });
            }
            let tag = fitting(tag, &value);
            taken.push((name, oid, tag, value));
        }
        if taken.is_empty() { Err(SubjectRefusal::Empty) } else { Ok(Self { fields: taken }) }
    }

    /// Reads `CN=ss1, C=KH`. A comma belongs to the value unless `NAME=` follows it.
    ///
    /// # Errors
    /// What does not read or cannot be written.
    pub fn parse(text: &str) -> Result<Self, SubjectRefusal> {
        let mut fields: Vec<(String, String)> = Vec::new();
        for part in text.split(',') {
            let named = part.split_once('=').filter(|(name, _)| find(name.trim()).is_some());
            match (named, fields.last_mut()) {
                (Some((name, value)), _) => fields.push((name.trim().to_owned(), value.trim().to_owned())),
                (None, Some((_, value))) if !part.contains('=') => {
                    value.push(',');
                    value.push_str(part);
                }
                (None, _) => {
                    return Err(SubjectRefusal::Form { text: part.trim().to_owned() });
                }
            }
        }
        Self::new(fields)
    }

    /// The subject and the alternative names that a certificate profile's filled-in fields stand for
    /// (`CertificateProfile::subject_of_auth`, `subject_of_sign`): the field `subjectAltName` is a comma separated list of
    /// names, all others are the subject in their order.
    ///
    /// # Errors
    /// What cannot be written; a field that was left blank is one.
    pub fn of_profile(
        fields: &[trust::profile::SubjectField],
    ) -> Result<(Self, Vec<AlternativeName>), SubjectRefusal> {
        let (names, subject): (Vec<_>, Vec<_>) =
            fields.iter().partition(|field| field.name == "subjectAltName");
        let subject = Self::new(subject.into_iter().map(|field| (field.name, field.value.as_str())))?;
        let names = names.iter().flat_map(|field| field.value.split(',')).map(str::trim);
        let names =
            names.filter(|name| !name.is_empty()).map(AlternativeName::parse).collect::<Result<_, _>>()?;
        Ok((subject, names))
    }

    pub(crate) fn der(&self) -> Vec<u8> {
        let names: Vec<Vec<u8>> = self
            .fields
            .iter()
            .map(|(_, oid, tag, value)| {
                let pair =
                    der_out::sequence(&[&der_out::oid(*oid), &der_out::element(*tag, &[value.as_bytes()])]);
                der_out::element(der_out::SET, &[&pair])
            })
            .collect();
        der_out::sequence(&names.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }
}

impl fmt::Display for Subject {
    /// `CN=ss1, C=KH`: for people, not for comparing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, _, _, value)) in self.fields.iter().enumerate() {
            write!(f, "{}{name}={value}", if at == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

fn find(name: &str) -> Option<(ObjectIdentifier, u8)> {
    let known = KNOWN.iter().find(|k| k.names.iter().any(|n| n.eq_ignore_ascii_case(name)));
    match known {
        Some(known) => ObjectIdentifier::new(known.oid).ok().map(|oid| (oid, known.tag)),
        None => in_numbers(name).map(|oid| (oid, der_out::UTF8_STRING)),
    }
}

/// The library takes a number that does not fit for another one.
fn in_numbers(name: &str) -> Option<ObjectIdentifier> {
    let fits = |number: &str| number.bytes().all(|b| b.is_ascii_digit()) && number.parse::<u32>().is_ok();
    name.split('.').all(fits).then(|| ObjectIdentifier::new(name).ok()).flatten()
}

/// A value that its usual string type cannot hold is written as UTF-8.
fn fitting(tag: u8, value: &str) -> u8 {
    let printable = |b: u8| b.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(&b);
    let holds = match tag {
        der_out::PRINTABLE_STRING => value.bytes().all(printable),
        der_out::IA5_STRING => value.is_ascii(),
        _ => true,
    };
    if holds { tag } else { der_out::UTF8_STRING }
}

/// A subject alternative name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlternativeName {
    /// A DNS name.
    Dns(String),
    /// An IP address.
    Ip(IpAddr),
}

impl AlternativeName {
    /// An IP address when the text is one, else a DNS name.
    ///
    /// # Errors
    /// [`SubjectRefusal::DnsName`].
    pub fn parse(text: &str) -> Result<Self, SubjectRefusal> {
        if let Ok(address) = text.parse() {
            return Ok(Self::Ip(address));
        }
        let good = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_' || b == b'*')
        };
        if text.len() > 253 || !text.split('.').all(good) {
            return Err(SubjectRefusal::DnsName { name: text.to_owned() });
        }
        Ok(Self::Dns(text.to_owned()))
    }

    /// The content of the subjectAltName extension.
    pub(crate) fn extension_value(names: &[Self]) -> Result<Vec<u8>, SubjectRefusal> {
        if names.len() > ALTERNATIVE_NAMES_MAX {
            let count_max = ALTERNATIVE_NAMES_MAX;
            return Err(SubjectRefusal::TooMany { what: "alternative names", count_max });
        }
        let mut written = Vec::new();
        for name in names {
            written.push(match name {
                Self::Dns(dns) => {
                    Self::parse(dns)?;
                    der_out::element(der_out::plain(2), &[dns.as_bytes()])
                }
                Self::Ip(IpAddr::V4(v4)) => der_out::element(der_out::plain(7), &[&v4.octets()]),
                Self::Ip(IpAddr::V6(v6)) => der_out::element(der_out::plain(7), &[&v6.octets()]),
            });
        }
        Ok(der_out::sequence(&written.iter().map(Vec::as_slice).collect::<Vec<_>>()))
    }
}

impl fmt::Display for AlternativeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => f.write_str(name),
            Self::Ip(address) => write!(f, "{address}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_reads_as_it_prints() {
        let cases =
            ["CN=ss1", "C=CAMBODIA, O=GOV, CN=MOI", "CN=Ministry, of Interior, C=KH", "2.5.4.15=GOV, CN=a b"];
        for text in cases {
            assert_eq!(Subject::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_subject_that_cannot_be_written_is_refused() {
        assert_eq!(Subject::parse(""), Err(SubjectRefusal::Form { text: String::new() }));
        assert!(matches!(Subject::parse("XYZ=1"), Err(SubjectRefusal::Form { .. })));
        assert!(matches!(Subject::parse("CN=a, XYZ=1"), Err(SubjectRefusal::Form { .. })));
        assert_eq!(Subject::new::<String, String>([]), Err(SubjectRefusal::Empty));
        assert!(matches!(Subject::new([("CN", " ")]), Err(SubjectRefusal::Value { .. })));
        assert!(matches!(Subject::new([("CN", "a\nb")]), Err(SubjectRefusal::Value { .. })));
        assert!(matches!(Subject::new([("CN", "x".repeat(257))]), Err(SubjectRefusal::Value { .. })));
        for none in
            ["what", "3333333333333333333333", "1.2.4294967296", "1.2.18446744073709551619", "1..2", "+1.2"]
        {
            assert!(
                matches!(Subject::new([(none, "x")]), Err(SubjectRefusal::UnknownField { .. })),
                "{none}"
            );
        }
        assert!(Subject::new([("1.2.4294967295", "x")]).is_ok());
        let too_many = SubjectRefusal::TooMany { what: "fields", count_max: 32 };
        assert_eq!(Subject::new(vec![("CN", "x"); 33]), Err(too_many));
    }

    #[test]
    fn names_and_addresses_are_told_apart_and_checked() {
        assert_eq!(
            AlternativeName::parse("127.0.0.1"),
            Ok(AlternativeName::Ip("127.0.0.1".parse().unwrap()))
        );
        assert_eq!(AlternativeName::parse("::1"), Ok(AlternativeName::Ip("::1".parse().unwrap())));
        assert!(matches!(AlternativeName::parse("ss1.example.org"), Ok(AlternativeName::Dns(_))));
        for bad in ["", "a..b", ".a", "a b", "ក", &"a".repeat(64)] {
            assert!(AlternativeName::parse(bad).is_err(), "{bad:?}");
        }
        let smuggled = AlternativeName::Dns("a b".to_owned());
        assert!(AlternativeName::extension_value(&[smuggled]).is_err());
    }
}
