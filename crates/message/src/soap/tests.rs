//! What is read, what is refused, and where the hash goes.

use bytes::Bytes;

use super::*;

const HEAD: &str = r#"<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:x="http://x-road.eu/xsd/xroad.xsd" xmlns:i="http://x-road.eu/xsd/identifiers" xmlns:r="http://x-road.eu/xsd/representation.xsd">"#;
const CLIENT: &str = r#"<x:client i:objectType="SUBSYSTEM"><i:xRoadInstance>KH</i:xRoadInstance><i:memberClass>GOV</i:memberClass><i:memberCode>MOC</i:memberCode><i:subsystemCode>desk</i:subsystemCode></x:client>"#;
const SERVICE: &str = r#"<x:service i:objectType="SERVICE"><i:xRoadInstance>KH</i:xRoadInstance><i:memberClass>GOV</i:memberClass><i:memberCode>MOI</i:memberCode><i:serviceCode>find</i:serviceCode></x:service>"#;
const ID: &str = "<x:id>a-1</x:id>";
const VERSION: &str = "<x:protocolVersion>4.0</x:protocolVersion>";
const BODY: &str = "<e:Body><find/></e:Body>";

fn envelope(header: &str, body: &str) -> String {
    format!("{HEAD}<e:Header>{header}</e:Header>{body}</e:Envelope>")
}

fn whole() -> String {
    envelope(&format!("{CLIENT}{SERVICE}{ID}{VERSION}"), BODY)
}

fn read(text: &str) -> Result<Soap, Refusal> {
    Soap::read(Bytes::copy_from_slice(text.as_bytes()))
}

fn message(bytes: &[u8]) -> Message {
    match Soap::read(Bytes::copy_from_slice(bytes)) {
        Ok(Soap::Message(message)) => *message,
        other => unreachable!("{other:?}"),
    }
}

fn hashed(bytes: &[u8]) -> Message {
    match Soap::read_answer(Bytes::copy_from_slice(bytes), &[1, 2]) {
        Ok(Soap::Message(message)) => *message,
        other => unreachable!("{other:?}"),
    }
}

fn code(text: &str) -> &'static str {
    read(text).map(|_| "").unwrap_or_else(|refusal| refusal.code())
}

#[test]
fn reads_what_the_header_says() {
    let more = "<x:userId> 1\n</x:userId><x:issue>b<!-- c --><![CDATA[&]]></x:issue><r:representedParty><r:partyCode>P</r:partyCode></r:representedParty><other/>";
    let message = message(envelope(&format!("{VERSION}{more}{ID}{SERVICE}{CLIENT}"), BODY).as_bytes());
    let header = message.header();
    assert_eq!(header.client.to_string(), "KH/GOV/MOC/desk");
    assert_eq!((header.service.code(), header.id.as_str()), ("find", "a-1"));
    assert_eq!((header.user_id.as_deref(), header.issue.as_deref()), (Some(" 1\n"), Some("b&")));
    let party = header.represented_party.as_ref().map(|party| (party.class.as_deref(), party.code.as_str()));
    assert_eq!(party, Some((None, "P")));
    assert_eq!((message.kind(), message.is_rpc_encoded()), (Kind::Request, false));
}

#[test]
fn an_answer_is_known_by_its_name() {
    let answer = whole().replace("<find/>", "<n:findResponse xmlns:n='urn:n'/>");
    assert_eq!(message(answer.as_bytes()).kind(), Kind::Response);
}

#[test]
fn each_refusal_has_the_code_that_x_road_gives_it() {
    let all = format!("{CLIENT}{SERVICE}{ID}{VERSION}");
    let header = |left_out: &str| envelope(&all.replace(left_out, ""), BODY);
    for (text, expected) in [
        (String::new(), "invalid_soap"),
        ("<x/>".to_owned(), "invalid_soap"),
        (whole().replace("</e:Header>", ""), "invalid_soap"),
        (format!("<!DOCTYPE e>{}", whole()), "invalid_soap"),
        (whole().replace("soap/envelope/", "other/"), "invalid_soap"),
        (format!("{HEAD}{BODY}</e:Envelope>"), "missing_header"),
        (header(CLIENT), "missing_header_field"),
        (header(SERVICE), "missing_header_field"),
        (header(ID), "missing_header_field"),
        (header(VERSION), "missing_header_field"),
        (whole().replace(ID, &format!("{ID}{ID}")), "duplicate_header_field"),
        (whole().replace(CLIENT, &format!("{CLIENT}{CLIENT}")), "duplicate_header_field"),
        (whole().replace("4.0", "5.0"), "invalid_protocol_version"),
        (whole().replace("4.0", " 4.0"), "invalid_protocol_version"),
        (whole().replace(BODY, ""), "missing_body"),
        (whole().replace("<find/>", " text "), "invalid_body"),
        (whole().replace("<find/>", "<find/><find/>"), "invalid_body"),
        (whole().replace("<find/>", "<seek/>"), "inconsistent_headers"),
        (whole().replace(" i:objectType=\"SUBSYSTEM\"", ""), "invalid_xml"),
        (whole().replace("SUBSYSTEM", "SERVER"), "invalid_xml"),
        (whole().replace("SUBSYSTEM", "MEMBER"), "invalid_client_identifier"),
        (whole().replace(BODY, &format!("{BODY}{BODY}")), "invalid_soap"),
        (whole().replace("<e:Header>", "<e:Header/><e:Header>"), "invalid_soap"),
    ] {
        assert_eq!(code(&text), expected, "{text}");
    }
}

#[test]
fn says_first_what_x_road_says_first() {
    let two = whole().replace(VERSION, "").replace("<find/>", "<find/><find/>");
    assert_eq!(code(&two), "invalid_body");
    let twice = whole().replace(ID, &format!("{ID}{ID}")).replace(VERSION, "");
    assert_eq!(code(&twice), "duplicate_header_field");
}

#[test]
fn a_fault_needs_no_header_and_its_bytes_are_kept() {
    let text = format!(
        "\u{feff}{HEAD}<e:Body><e:Fault><faultcode>A.b</faultcode><faultstring>no</faultstring></e:Fault></e:Body></e:Envelope>"
    );
    let Ok(Soap::Fault(fault)) = read(&text) else { unreachable!("not a fault") };
    assert_eq!((fault.fault().code.as_str(), fault.xml().as_ref()), ("A.b", text.as_bytes()));
    assert_eq!(code(&text.replace("A.b", " ")), "invalid_soap");
}

#[test]
fn what_is_too_large_is_refused_before_it_is_read() {
    let large = format!("{}{}", whole(), " ".repeat(BYTES_MAX));
    assert_eq!(read(&large), Err(Refusal::TooLarge));
    let many = "<a/>".repeat(usize::try_from(NODES_MAX).unwrap_or(usize::MAX));
    let many = whole().replace("<find/>", &format!("<find>{many}</find>"));
    assert!(matches!(read(&many), Err(Refusal::Xml { .. })));
    let deep = format!("{}{}", "<a>".repeat(200), "</a>".repeat(200));
    let deep = whole().replace("<find/>", &format!("<find>{deep}</find>"));
    assert!(matches!(read(&deep), Err(Refusal::OverBudget(xml::Refusal::TooDeep { .. }))));
}

#[test]
fn the_document_says_how_it_is_encoded() {
    let issue =
        format!("<?xml version=\"1.0\" encoding=\"NAME\"?>\n{}", whole().replace(ID, "<x:id>ä</x:id>"));
    let utf16 = |mark: [u8; 2], order: fn(u16) -> [u8; 2]| {
        let text = issue.replace("NAME", "UTF-16");
        mark.into_iter().chain(text.encode_utf16().flat_map(order)).collect::<Vec<_>>()
    };
    let latin = |name: &str| crate::text::to_latin1(&issue.replace("NAME", name)).unwrap_or_default();
    let marked = [&b"\xef\xbb\xbf"[..], issue.replace("NAME", "utf-8").as_bytes()].concat();
    for bytes in [
        issue.replace("NAME", "UTF-8").into_bytes(),
        whole().replace(ID, "<x:id>ä</x:id>").into_bytes(),
        marked.clone(),
        utf16([0xfe, 0xff], u16::to_be_bytes),
        utf16([0xff, 0xfe], u16::to_le_bytes),
        latin("ISO-8859-1"),
        latin("windows-1257"),
    ] {
        let message = message(&bytes);
        assert_eq!(message.header().id, "ä", "{bytes:?}");
        assert_eq!(message.bytes().as_ref(), bytes);
        let hashed = hashed(&bytes);
        let text = std::str::from_utf8(hashed.bytes()).unwrap();
        assert!(text.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<e:Envelope "), "{text}");
        assert_eq!(text.matches("encoding=").count(), 1);
        assert_eq!(self::message(hashed.bytes()).header(), hashed.header());
        assert_eq!(hashed.header().request_hash, Some(RequestHash::of(&[1, 2])));
    }
    for bytes in [
        latin("UTF-8"),
        latin("US-ASCII"),
        latin("UTF-16"),
        latin("none-such"),
        latin("replacement"),
        latin("Shift_JIS"),
        latin("ISO-2022-JP"),
        latin("x-user-defined"),
        [&b"\xef\xbb\xbf"[..], issue.replace("NAME", "ISO-8859-1").as_bytes()].concat(),
    ] {
        let refused = Soap::read(Bytes::copy_from_slice(&bytes));
        assert!(matches!(refused, Err(Refusal::Encoding { .. })), "{refused:?}");
    }
}

#[test]
fn only_a_declaration_names_an_encoding() {
    let instruction = format!("<?xml-stylesheet encoding='UTF-16'?>{}", whole());
    assert!(!matches!(read(&instruction), Err(Refusal::Encoding { .. })));
    let long = format!("<?xml version='1.0'{}encoding='ISO-8859-1'?>{}", " ".repeat(300), whole());
    let refused = read(&long).unwrap_err();
    assert!(refused.to_string().contains("does not end within 256 bytes"), "{refused}");
}

#[test]
fn a_fault_gets_no_hash() {
    let text = envelope("", "<e:Body><e:Fault><faultcode>a</faultcode></e:Fault></e:Body>");
    let read = Soap::read_answer(Bytes::copy_from_slice(text.as_bytes()), &[1, 2]);
    let Ok(Soap::Fault(fault)) = read else { unreachable!("not a fault") };
    assert_eq!(fault.xml().as_ref(), text.as_bytes());
}

#[test]
fn the_hash_stands_behind_the_id_and_nowhere_else() {
    let hash = r#"<x:requestHash algorithmId="http://www.w3.org/2001/04/xmlenc#sha512">AQI=</x:requestHash>"#;
    let hashed = |text: &str| {
        let hashed = hashed(text.as_bytes());
        let text = String::from_utf8(hashed.bytes().to_vec()).unwrap();
        assert_eq!(message(text.as_bytes()).header(), hashed.header(), "{text}");
        text.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n").unwrap().to_owned()
    };
    assert_eq!(hashed(&whole()), whole().replace(ID, &format!("{ID}{hash}")));
    let spaced =
        whole().replace("<x:", "\n  <x:").replace("<find/>", "<find><!-- &amp; --><![CDATA[<]]>&#13;</find>");
    assert_eq!(hashed(&spaced), spaced.replace(ID, &format!("{ID}\n  {hash}")));
    let old = "<x:requestHash algorithmId='urn:other'>b2xk</x:requestHash>";
    for (before, after) in [(ID.to_owned(), format!("\n {old}")), (format!("\n {old}{ID}"), String::new())] {
        let text = whole().replace(ID, &format!("{before}{after}"));
        assert_eq!(hashed(&text), whole().replace(ID, &format!("{ID}\n {hash}")), "{text}");
    }
}

#[test]
fn the_hash_has_the_prefix_of_the_id_wherever_that_is_declared() {
    for (id, name) in [
        (r#"<id xmlns="http://x-road.eu/xsd/xroad.xsd">a-1</id>"#, "requestHash xmlns="),
        (r#"<y:id xmlns:y="http://x-road.eu/xsd/xroad.xsd">a-1</y:id>"#, "y:requestHash xmlns:y="),
        (
            r#"<x:id
 xmlns:x="http://x-road.eu/xsd/xroad.xsd"/>"#,
            "x:requestHash algorithmId=",
        ),
    ] {
        let hashed = hashed(whole().replace(ID, id).as_bytes());
        let text = std::str::from_utf8(hashed.bytes()).unwrap();
        assert!(text.contains(&format!("{id}<{name}")), "{text}");
        let again = message(text.as_bytes());
        assert_eq!(again.header().request_hash.as_ref().map(|hash| hash.value.as_str()), Some("AQI="));
    }
}

#[test]
fn an_answer_belongs_to_the_request_whose_fields_it_repeats() {
    let optional = "<x:userId>u</x:userId><x:issue>i</x:issue><r:representedParty><r:partyClass>c</r:partyClass><r:partyCode>p</r:partyCode></r:representedParty>";
    let text = whole().replace(ID, &format!("{ID}{optional}"));
    let request = message(text.as_bytes());
    assert_eq!(request.header().answers(request.header()), Ok(()));
    for (from, to, field) in [
        ("MOC", "MOX", "client"),
        ("MOI", "MOX", "service"),
        (">u<", ">v<", "userId"),
        (">c<", ">d<", "representedParty"),
        (">i<", ">j<", "issue"),
        ("<x:issue>i</x:issue>", "", "issue"),
        ("a-1", "a-2", "id"),
    ] {
        let answer = message(text.replace(from, to).as_bytes());
        assert_eq!(answer.header().answers(request.header()), Err(Inconsistent { field }));
    }
    let other = message(text.replace("4.0", "4.1").as_bytes());
    assert_eq!(other.header().answers(request.header()), Ok(()));
}
