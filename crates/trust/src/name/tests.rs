//! Tests of the module beside it.
use super::*;

const CN: &[u8] = &[0x55, 0x04, 0x03];
const O: &[u8] = &[0x55, 0x04, 0x0a];
const C: &[u8] = &[0x55, 0x04, 0x06];
const SERIAL: &[u8] = &[0x55, 0x04, 0x05];
const EMAIL: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01];
const DC: &[u8] = &[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x19];

type Pair<'a> = (&'a [u8], u8, &'a [u8]);

fn name(sets: &[&[Pair<'_>]]) -> Name {
    let mut all = Vec::new();
    for set in sets {
        let mut members = Vec::new();
        for (oid, tag, value) in *set {
            let pair = asn1::encode_all(
                asn1::SEQUENCE,
                &[&asn1::encode(asn1::OID, oid), &asn1::encode(*tag, value)],
            );
            members.extend(pair);
        }
        all.extend(asn1::encode(asn1::SET, &members));
    }
    Name::from_der(&asn1::encode(asn1::SEQUENCE, &all)).unwrap()
}

fn check(sets: &[&[Pair<'_>]], expected: &str) {
    assert_eq!(name(sets).rfc2253(), expected);
}

#[test]
fn writes_the_last_rdn_first_and_unknown_types_in_hexadecimal() {
    check(
        &[
            &[(C, PRINTABLE_STRING, b"EE")],
            &[(O, UTF8_STRING, "Õpetaja".as_bytes())],
            &[(CN, UTF8_STRING, b"a")],
            &[(EMAIL, IA5_STRING, b"aaa@bbb.ccc")],
        ],
        "1.2.840.113549.1.9.1=#160b616161406262622e636363,CN=a,O=Õpetaja,C=EE",
    );
    check(&[&[(SERIAL, PRINTABLE_STRING, b"1")]], "2.5.4.5=#130131");
    check(&[&[(DC, IA5_STRING, b"org")], &[(DC, IA5_STRING, b"example")]], "DC=example,DC=org");
    check(&[], "");
}

#[test]
fn joins_the_members_of_a_set_in_their_order() {
    check(
        &[&[(O, UTF8_STRING, b"x")], &[(CN, UTF8_STRING, b"a"), (C, PRINTABLE_STRING, b"EE")]],
        "CN=a+C=EE,O=x",
    );
}

#[test]
fn escapes_as_java_does() {
    let value = |text: &str, expected: &str| check(&[&[(CN, UTF8_STRING, text.as_bytes())]], expected);
    value("a,b+c=d", "CN=a\\,b\\+c\\=d");
    value("#1 \"q\" \\ <x>;", "CN=\\#1 \\\"q\\\" \\\\ \\<x\\>\\;");
    value("  two  ", "CN=\\ \\ two\\ \\ ");
    value(" ", "CN=\\ ");
    value("a\0b", "CN=a\\00b");
    value("", "CN=");
    check(&[&[(CN, BMP_STRING, &[0, 0x41])]], "CN=\\00A");
    check(&[&[(CN, 0x02, &[5])]], "CN=#020105");
}

#[test]
fn names_mean_the_same_whatever_case_spaces_and_kind_of_string() {
    let one = name(&[&[(O, UTF8_STRING, b"Test  Org ")], &[(CN, UTF8_STRING, b"CA")]]);
    let same = name(&[&[(O, PRINTABLE_STRING, b"test org")], &[(CN, BMP_STRING, &[0, 0x43, 0, 0x61])]]);
    assert!(one.matches(&same));
    assert_ne!(one, same);
    for other in [
        name(&[&[(O, UTF8_STRING, b"Test Org")]]),
        name(&[&[(CN, UTF8_STRING, b"CA")], &[(O, UTF8_STRING, b"Test Org")]]),
        name(&[&[(O, UTF8_STRING, b"TestOrg")], &[(CN, UTF8_STRING, b"CA")]]),
        name(&[&[(O, UTF8_STRING, b"Test Org"), (CN, UTF8_STRING, b"CA")]]),
        name(&[
            &[(O, UTF8_STRING, b"Test Org")],
            &[(CN, UTF8_STRING, b"CA")],
            &[(C, PRINTABLE_STRING, b"EE")],
        ]),
    ] {
        assert!(!one.matches(&other), "{other:?}");
    }
}

#[test]
fn gives_of_two_attributes_the_one_that_comes_first_in_the_text_of_the_name() {
    let name = name(&[&[(CN, UTF8_STRING, b"first")], &[(CN, UTF8_STRING, b"last")]]);
    assert_eq!(name.rfc2253(), "CN=last,CN=first");
    assert_eq!(name.attribute("2.5.4.3").as_deref(), Some("last"));
    assert_eq!(name.attribute_by_oid(CN).as_deref(), Some("last"));
    assert_eq!(name.attribute("2.5.4.10"), None);
}

#[test]
fn refuses_names_that_are_none_or_too_long() {
    assert!(Name::from_der(&[]).is_err());
    assert!(Name::from_der(&[0x31, 0]).is_err());
    assert!(Name::from_der(&[0x30, 2, 0x31, 5]).is_err());
    let one = asn1::encode(
        asn1::SET,
        &asn1::encode_all(asn1::SEQUENCE, &[&asn1::encode(asn1::OID, CN), &asn1::encode(UTF8_STRING, b"x")]),
    );
    assert!(Name::from_der(&asn1::encode(asn1::SEQUENCE, &one.repeat(64))).is_ok());
    assert_eq!(
        Name::from_der(&asn1::encode(asn1::SEQUENCE, &one.repeat(65))),
        Err(Malformed::TooLarge { what: "attributes of a name", max: 64 })
    );
    let long = |bytes: usize| {
        let pair = [asn1::encode(asn1::OID, CN), asn1::encode(UTF8_STRING, &vec![b'x'; bytes])].concat();
        let set = asn1::encode(asn1::SET, &asn1::encode(asn1::SEQUENCE, &pair));
        Name::from_der(&asn1::encode(asn1::SEQUENCE, &set)).map(|name| name.rfc2253().len())
    };
    assert_eq!(long(4000), Ok(4003));
    assert_eq!(long(4096), Err(Malformed::TooLarge { what: "bytes of a name", max: 4096 }));
}

#[test]
fn an_ill_formed_string_is_no_text() {
    assert_eq!(string(UTF8_STRING, &[0xff]), None);
    assert_eq!(string(PRINTABLE_STRING, &[0xe4]), None);
    assert_eq!(string(BMP_STRING, &[0]), None);
    assert_eq!(string(TELETEX_STRING, &[0xe4]).as_deref(), Some("ä"));
    assert_eq!(string(UNIVERSAL_STRING, &[0, 1, 0xf6, 0]).as_deref(), Some("😀"));
    assert_eq!(string(asn1::INTEGER, &[1]), None);
}

#[test]
fn a_responder_is_found_though_its_name_is_written_backwards() {
    // C=EE, CN=x and CN=x, C=EE
    let country: &[u8] = &[0x31, 0x0b, 0x30, 0x09, 0x06, 0x03, 0x55, 0x04, 0x06, 0x13, 0x02, b'E', b'E'];
    let common: &[u8] = &[0x31, 0x0a, 0x30, 0x08, 0x06, 0x03, 0x55, 0x04, 0x03, 0x0c, 0x01, b'x'];
    let name = |parts: [&[u8]; 2]| {
        let body = parts.concat();
        let mut der = vec![0x30, u8::try_from(body.len()).unwrap()];
        der.extend(body);
        Name::from_der(&der).unwrap()
    };
    let (forwards, backwards) = (name([country, common]), name([common, country]));
    assert!(!forwards.matches(&backwards), "as an issuer it is another");
    assert!(forwards.matches_either_way(&backwards));
    assert!(!forwards.matches_either_way(&name([common, common])));
}
