//! Identifiers inside the documents, in and out (control-plane 1.5, data-plane 1.3).

use crate::xml::{Malformed, Unwritable, Writer, path_of};
use identifier::xml::Refusal;
use identifier::{ClientId, MemberId, ObjectType, Part, ServerId, ServiceId};
use roxmltree::Node;

fn refused(node: Node<'_, '_>, problem: &impl ToString) -> Malformed {
    Malformed::new(path_of(node), problem.to_string())
}

pub(crate) fn read_client(node: Node<'_, '_>) -> Result<ClientId, Malformed> {
    identifier::xml::read_client(node).map_err(|error| refused(node, &error))
}

/// Reads a member of a global group. The schema lets `MEMBER` stand with a `subsystemCode`, and
/// configurations in use have it: that is read as the subsystem, the narrower of the two readings, so that no
/// right grows and no instance falls out.
pub(crate) fn read_group_member(node: Node<'_, '_>) -> Result<ClientId, Malformed> {
    match identifier::xml::read_client(node) {
        Err(Refusal::TypeContradictsParts { found: ObjectType::Member, client }) => Ok(client),
        other => other.map_err(|error| refused(node, &error)),
    }
}

pub(crate) fn read_service(node: Node<'_, '_>) -> Result<ServiceId, Malformed> {
    identifier::xml::read_service(node).map_err(|error| refused(node, &error))
}

pub(crate) fn client(
    node: Node<'_, '_>,
    member: &MemberId,
    subsystem: Option<&str>,
) -> Result<ClientId, Malformed> {
    ClientId::new(member.instance(), member.class(), member.code(), subsystem)
        .map_err(|error| refused(node, &error))
}

pub(crate) fn member(
    node: Node<'_, '_>,
    instance: &str,
    class: &str,
    code: &str,
) -> Result<MemberId, Malformed> {
    MemberId::new(instance, class, code).map_err(|error| refused(node, &error))
}

pub(crate) fn server(node: Node<'_, '_>, owner: MemberId, code: &str) -> Result<ServerId, Malformed> {
    ServerId::of(owner, code).map_err(|error| refused(node, &error))
}

fn write(
    writer: &mut Writer,
    element: &str,
    kind: ObjectType,
    parts: &[(Part, &str)],
) -> Result<(), Unwritable> {
    writer.open(element, &format!(" ns2:objectType=\"{kind}\""));
    for (part, value) in parts {
        writer.text(&format!("ns2:{}", part.xml_name()), value)?;
    }
    writer.close();
    Ok(())
}

pub(crate) fn write_client(writer: &mut Writer, element: &str, client: &ClientId) -> Result<(), Unwritable> {
    write(writer, element, client.object_type(), &client.parts())
}

pub(crate) fn write_service(
    writer: &mut Writer,
    element: &str,
    service: &ServiceId,
) -> Result<(), Unwritable> {
    write(writer, element, service.object_type(), &service.parts())
}

#[cfg(test)]
mod tests {
    use super::read_group_member;

    fn read(object_type: &str, parts: &str) -> Option<String> {
        let text = format!(
            "<x xmlns:i='http://x-road.eu/xsd/identifiers' i:objectType='{object_type}'><i:xRoadInstance>EX</i:xRoadInstance><i:memberClass>GOV</i:memberClass>{parts}</x>"
        );
        let document = roxmltree::Document::parse(&text).unwrap();
        read_group_member(document.root_element()).ok().map(|client| client.to_string())
    }

    #[test]
    fn a_member_of_a_group_that_names_a_subsystem_is_the_subsystem() {
        let code = "<i:memberCode>1<!-- -->2</i:memberCode>";
        let subsystem = format!("{code}<i:subsystemCode>s<!-- -->t</i:subsystemCode>");
        // A comment hides nothing.
        assert_eq!(read("MEMBER", &subsystem).as_deref(), Some("EX/GOV/12/st"));
        assert_eq!(read("MEMBER", code).as_deref(), Some("EX/GOV/12"));
        assert_eq!(read("SUBSYSTEM", &subsystem).as_deref(), Some("EX/GOV/12/st"));
        // The wider reading of the other contradiction would give a right to a whole member.
        assert_eq!(read("SUBSYSTEM", code), None);
    }
}
