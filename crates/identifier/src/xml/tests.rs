//! Identifiers in XML: there and back, and everything that is refused.

use super::{
    NAMESPACE, Refusal, escape_attribute, escape_lossy, escape_text, read_client, read_global_group,
    read_identifier, read_local_group, read_server, read_service, write_client, write_global_group,
    write_local_group, write_server, write_service,
};
use crate::{ClientId, GlobalGroupId, Identifier, LocalGroupId, ObjectType, Part, ServerId, ServiceId};

/// An element of this type and content, with the prefix `id` bound.
fn element(object_type: &str, content: &str) -> String {
    format!("<x xmlns:id='{NAMESPACE}' id:objectType='{object_type}'>{content}</x>")
}

fn read(document: &str) -> Result<Identifier, Refusal> {
    read_identifier(roxmltree::Document::parse(document).unwrap().root_element())
}

/// Wraps what was written, so that its prefix is bound, and reads it back.
fn reread(written: &str) -> Identifier {
    let document = format!("<r xmlns:id='{NAMESPACE}'>{written}</r>");
    let document = roxmltree::Document::parse(&document).unwrap();
    read_identifier(document.root_element().first_element_child().unwrap()).unwrap()
}

const MEMBER: &str = "<id:xRoadInstance>EX</id:xRoadInstance><id:memberClass>COM</id:memberClass>\
                      <id:memberCode>1</id:memberCode>";
const SUBSYSTEM: &str = "<id:subsystemCode>s</id:subsystemCode>";

#[test]
fn a_client_is_written_in_the_order_of_the_schema() {
    let mut out = String::from("before ");
    let id = ClientId::new("EX", "COM", "1", Some("s")).unwrap();
    write_client(&mut out, "xroad:client", "id", &id).unwrap();
    let expected =
        format!("before <xroad:client id:objectType=\"SUBSYSTEM\">{MEMBER}{SUBSYSTEM}</xroad:client>");
    assert_eq!(out, expected);
}

#[test]
fn every_type_comes_back_equal() {
    let odd = "<&>\"' \t\r\n]]>ខ😀";
    let client = ClientId::new("EX", odd, "1", Some(odd)).unwrap();
    let service = ServiceId::new(client.clone(), odd, Some(odd)).unwrap();
    let unversioned = ServiceId::new(client.member().into(), "svc", None).unwrap();
    let server = ServerId::new("EX", "COM", "1", odd).unwrap();
    let (global, local) = (GlobalGroupId::new("EX", odd).unwrap(), LocalGroupId::new(odd).unwrap());
    let mut out = String::new();
    write_client(&mut out, "x", "id", &client).unwrap();
    assert_eq!(reread(&out), Identifier::Client(client));
    for service in [service, unversioned] {
        out.clear();
        write_service(&mut out, "x", "id", &service).unwrap();
        assert_eq!(reread(&out), Identifier::Service(service));
    }
    out.clear();
    write_server(&mut out, "x", "id", &server).unwrap();
    assert_eq!(reread(&out), Identifier::Server(server));
    out.clear();
    write_global_group(&mut out, "x", "id", &global).unwrap();
    assert_eq!(reread(&out), Identifier::GlobalGroup(global));
    out.clear();
    write_local_group(&mut out, "x", "id", &local).unwrap();
    assert_eq!(reread(&out), Identifier::LocalGroup(local));
}

#[test]
fn refuses_to_write_what_xml_cannot_hold() {
    let mut out = String::from("kept");
    let id = ClientId::new("EX", "COM", "a\u{0}b", None).unwrap();
    assert_eq!(write_client(&mut out, "x", "id", &id).unwrap_err().character, '\0');
    assert_eq!(out, "kept");
    assert!(escape_text("\u{fffe}").is_err());
    assert!(escape_attribute("\u{b}").is_err());
    assert_eq!(escape_lossy("a\u{1}<\r"), "a\u{fffd}&lt;&#13;");
    assert_eq!(escape_attribute("\"\t\n").as_deref(), Ok("&quot;&#9;&#10;"));
}

#[test]
fn order_white_space_and_comments_do_not_matter() {
    let content = " <id:memberCode>1</id:memberCode>\n<!-- c --><id:memberClass>COM</id:memberClass>\
                   <id:xRoadInstance>E<!-- c -->X</id:xRoadInstance><?pi?>";
    let id = ClientId::new("EX", "COM", "1", None).unwrap();
    assert_eq!(read(&element("MEMBER", content)), Ok(Identifier::Client(id)));
}

#[test]
fn a_comment_does_not_hide_the_rest_of_a_part() {
    let content = MEMBER.replace(">1<", ">1<!-- -->2<![CDATA[3]]><");
    let Identifier::Client(id) = read(&element("MEMBER", &content)).unwrap() else { panic!("a client") };
    assert_eq!(id.code(), "123");
}

#[test]
fn refuses_a_type_that_its_parts_contradict() {
    for (object_type, content, found, subsystem) in [
        ("MEMBER", format!("{MEMBER}{SUBSYSTEM}"), ObjectType::Member, Some("s")),
        ("SUBSYSTEM", MEMBER.to_owned(), ObjectType::Subsystem, None),
    ] {
        let refusal = read(&element(object_type, &content)).unwrap_err();
        let client = ClientId::new("EX", "COM", "1", subsystem).unwrap();
        assert_eq!(refusal, Refusal::TypeContradictsParts { found, client });
        assert_eq!(refusal.code(), "invalid_client_identifier");
    }
}

#[test]
fn refuses_missing_and_doubled_parts() {
    for part in [Part::Instance, Part::MemberClass, Part::MemberCode] {
        let name = part.xml_name();
        let without = MEMBER.replace(&format!("id:{name}>"), "id:subsystemCode>");
        assert_eq!(read(&element("SUBSYSTEM", &without)), Err(Refusal::MissingPart { part }));
        let twice = format!("{MEMBER}<id:{name}>x</id:{name}>");
        assert_eq!(read(&element("MEMBER", &twice)), Err(Refusal::DuplicatePart { part }));
    }
}

#[test]
fn refuses_elements_that_do_not_belong() {
    for stranger in [
        "<id:serviceCode>x</id:serviceCode>",
        "<id:groupCode>x</id:groupCode>",
        "<id:serverCode>x</id:serverCode>",
        "<id:other/>",
        "<subsystemCode>s</subsystemCode>",
        "<o:subsystemCode xmlns:o='urn:other'>s</o:subsystemCode>",
    ] {
        let refusal = read(&element("MEMBER", &format!("{MEMBER}{stranger}"))).unwrap_err();
        assert!(matches!(refusal, Refusal::UnexpectedElement { .. }), "{stranger}: {refusal}");
        assert_eq!(refusal.code(), "invalid_xml");
    }
    let nested = MEMBER.replace(">1<", "><id:memberCode>1</id:memberCode><");
    assert!(matches!(read(&element("MEMBER", &nested)), Err(Refusal::UnexpectedElement { .. })));
}

#[test]
fn refuses_stray_text_and_blank_or_endless_parts() {
    assert_eq!(read(&element("MEMBER", &format!("{MEMBER}x"))), Err(Refusal::StrayText));
    let blank = crate::Refusal::Blank { part: Part::MemberCode };
    assert_eq!(read(&element("MEMBER", &MEMBER.replace(">1<", "> <"))), Err(Refusal::Identifier(blank)));
    let endless = MEMBER.replace(">1<", &format!(">{}<", "1".repeat(100_000)));
    let refusal = read(&element("MEMBER", &endless)).unwrap_err();
    assert!(matches!(refusal, Refusal::Identifier(crate::Refusal::TooLong { .. })));
}

#[test]
fn refuses_a_missing_unknown_or_unqualified_type() {
    let unqualified = format!("<x xmlns:id='{NAMESPACE}' objectType='MEMBER'>{MEMBER}</x>");
    assert_eq!(read(&unqualified), Err(Refusal::NoObjectType));
    for word in ["", "member", "MEMBER ", "unknown", "CENTRALSERVICE"] {
        let refusal = read(&element(word, MEMBER)).unwrap_err();
        assert_eq!(refusal, Refusal::UnknownObjectType { found: word.to_owned() });
    }
}

#[test]
fn refuses_a_type_of_another_kind() {
    let document = element("SERVICE", &format!("{MEMBER}<id:serviceCode>s</id:serviceCode>"));
    let document = roxmltree::Document::parse(&document).unwrap();
    let node = document.root_element();
    let wrong = Refusal::WrongObjectType { found: ObjectType::Service };
    assert!(read_service(node).is_ok());
    assert_eq!(read_client(node), Err(wrong.clone()));
    assert_eq!(read_server(node), Err(wrong.clone()));
    assert_eq!(read_global_group(node), Err(wrong.clone()));
    assert_eq!(read_local_group(node), Err(wrong));
}
