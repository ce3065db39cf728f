//! Reading an identifier from an element.

use roxmltree::{Node, NodeType};

use crate::any::Identifier;
use crate::client::ClientId;
use crate::error::Refusal as IdentifierRefusal;
use crate::group::{GlobalGroupId, LocalGroupId};
use crate::object_type::ObjectType;
use crate::part::Part;
use crate::server::ServerId;
use crate::service::ServiceId;
use crate::xml::NAMESPACE;

/// Characters of a part at most while it is being collected, before its own rule is applied.
const COLLECTED_CHARACTERS_MAX: usize = 4096;

/// Why an element is not the identifier that was wanted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The attribute `objectType` is missing, or stands outside the namespace of identifiers.
    #[error("the identifier has no objectType")]
    NoObjectType,
    /// The attribute holds none of the six words.
    #[error("the identifier has the unknown objectType \"{found}\"")]
    UnknownObjectType {
        /// The word, cut after 64 characters.
        found: String,
    },
    /// A type of another kind was wanted here.
    #[error("an identifier of type {found} does not belong here")]
    WrongObjectType {
        /// The type found.
        found: ObjectType,
    },
    /// A client says MEMBER and has a subsystem code, or says SUBSYSTEM and has none.
    #[error("the client says {found}, and its subsystemCode says the opposite")]
    TypeContradictsParts {
        /// The type it says.
        found: ObjectType,
        /// The client that its parts make.
        client: ClientId,
    },
    /// An element that is no part of an identifier of this type.
    #[error("the element {name} does not belong into this identifier")]
    UnexpectedElement {
        /// Its local name, cut after 64 characters.
        name: String,
    },
    /// Text between the parts.
    #[error("text stands between the parts of the identifier")]
    StrayText,
    /// A part occurs twice.
    #[error("the part {part} occurs more than once")]
    DuplicatePart {
        /// Which part.
        part: Part,
    },
    /// A part that this type must have is absent.
    #[error("the part {part} is missing")]
    MissingPart {
        /// Which part.
        part: Part,
    },
    /// The parts are there, but they make no identifier.
    #[error(transparent)]
    Identifier(#[from] IdentifierRefusal),
}

impl Refusal {
    /// The X-Road fault code of this refusal, without prefix (data-plane 1.3).
    pub fn code(&self) -> &'static str {
        match self {
            Self::TypeContradictsParts { .. } => "invalid_client_identifier",
            Self::NoObjectType
            | Self::UnknownObjectType { .. }
            | Self::WrongObjectType { .. }
            | Self::UnexpectedElement { .. }
            | Self::StrayText
            | Self::DuplicatePart { .. }
            | Self::MissingPart { .. } => "invalid_xml",
            Self::Identifier(_) => "internal_error",
        }
    }
}

/// Reads a member or a subsystem.
///
/// # Errors
/// See [`Refusal`].
pub fn read_client(node: Node<'_, '_>) -> Result<ClientId, Refusal> {
    let found = object_type(node)?;
    if !matches!(found, ObjectType::Member | ObjectType::Subsystem) {
        return Err(Refusal::WrongObjectType { found });
    }
    let mut parts = Parts::of(node)?;
    let client = parts.take_client()?;
    parts.end()?;
    if client.object_type() == found {
        Ok(client)
    } else {
        Err(Refusal::TypeContradictsParts { found, client })
    }
}

/// Reads a service.
///
/// # Errors
/// See [`Refusal`].
pub fn read_service(node: Node<'_, '_>) -> Result<ServiceId, Refusal> {
    wanted(node, ObjectType::Service)?;
    let mut parts = Parts::of(node)?;
    let client = parts.take_client()?;
    let code = parts.take(Part::ServiceCode)?;
    let version = parts.take_if_any(Part::ServiceVersion);
    parts.end()?;
    Ok(ServiceId::new(client, code, version.as_deref())?)
}

/// Reads a gateway.
///
/// # Errors
/// See [`Refusal`].
pub fn read_server(node: Node<'_, '_>) -> Result<ServerId, Refusal> {
    wanted(node, ObjectType::Server)?;
    let mut parts = Parts::of(node)?;
    let (instance, class) = (parts.take(Part::Instance)?, parts.take(Part::MemberClass)?);
    let (code, server) = (parts.take(Part::MemberCode)?, parts.take(Part::ServerCode)?);
    parts.end()?;
    Ok(ServerId::new(instance, class, code, server)?)
}

/// Reads a global group.
///
/// # Errors
/// See [`Refusal`].
pub fn read_global_group(node: Node<'_, '_>) -> Result<GlobalGroupId, Refusal> {
    wanted(node, ObjectType::GlobalGroup)?;
    let mut parts = Parts::of(node)?;
    let (instance, code) = (parts.take(Part::Instance)?, parts.take(Part::GroupCode)?);
    parts.end()?;
    Ok(GlobalGroupId::new(instance, code)?)
}

/// Reads a local group.
///
/// # Errors
/// See [`Refusal`].
pub fn read_local_group(node: Node<'_, '_>) -> Result<LocalGroupId, Refusal> {
    wanted(node, ObjectType::LocalGroup)?;
    let mut parts = Parts::of(node)?;
    let code = parts.take(Part::GroupCode)?;
    parts.end()?;
    Ok(LocalGroupId::new(code)?)
}

/// Reads an identifier of whatever type its `objectType` says.
///
/// # Errors
/// See [`Refusal`].
pub fn read_identifier(node: Node<'_, '_>) -> Result<Identifier, Refusal> {
    match object_type(node)? {
        ObjectType::Member | ObjectType::Subsystem => read_client(node).map(Identifier::Client),
        ObjectType::Service => read_service(node).map(Identifier::Service),
        ObjectType::Server => read_server(node).map(Identifier::Server),
        ObjectType::GlobalGroup => read_global_group(node).map(Identifier::GlobalGroup),
        ObjectType::LocalGroup => read_local_group(node).map(Identifier::LocalGroup),
    }
}

fn object_type(node: Node<'_, '_>) -> Result<ObjectType, Refusal> {
    let word = node.attribute((NAMESPACE, "objectType")).ok_or(Refusal::NoObjectType)?;
    word.parse().map_err(|unknown: crate::UnknownObjectType| Refusal::UnknownObjectType { found: unknown.0 })
}

fn wanted(node: Node<'_, '_>, wanted: ObjectType) -> Result<(), Refusal> {
    let found = object_type(node)?;
    if found == wanted { Ok(()) } else { Err(Refusal::WrongObjectType { found }) }
}

/// The parts that an element holds; taken out one by one until none is left.
struct Parts {
    found: Vec<(Part, String)>,
}

impl Parts {
    fn of(node: Node<'_, '_>) -> Result<Self, Refusal> {
        let mut found: Vec<(Part, String)> = Vec::new();
        for child in node.children() {
            match child.node_type() {
                NodeType::Element => {
                    let part = part_of(child)?;
                    if found.iter().any(|(known, _)| *known == part) {
                        return Err(Refusal::DuplicatePart { part });
                    }
                    found.push((part, text_of(child)?));
                }
                NodeType::Text => {
                    if !child.text().unwrap_or_default().trim().is_empty() {
                        return Err(Refusal::StrayText);
                    }
                }
                NodeType::Comment | NodeType::PI | NodeType::Root => {}
            }
        }
        Ok(Self { found })
    }

    fn take_if_any(&mut self, part: Part) -> Option<String> {
        let at = self.found.iter().position(|(known, _)| *known == part)?;
        Some(self.found.swap_remove(at).1)
    }

    fn take(&mut self, part: Part) -> Result<String, Refusal> {
        self.take_if_any(part).ok_or(Refusal::MissingPart { part })
    }

    fn take_client(&mut self) -> Result<ClientId, Refusal> {
        let (instance, class) = (self.take(Part::Instance)?, self.take(Part::MemberClass)?);
        let code = self.take(Part::MemberCode)?;
        let subsystem = self.take_if_any(Part::SubsystemCode);
        Ok(ClientId::new(instance, class, code, subsystem.as_deref())?)
    }

    /// What is left over belongs to another type of identifier.
    fn end(self) -> Result<(), Refusal> {
        match self.found.first() {
            Some((part, _)) => Err(Refusal::UnexpectedElement { name: part.xml_name().to_owned() }),
            None => Ok(()),
        }
    }
}

fn part_of(element: Node<'_, '_>) -> Result<Part, Refusal> {
    let name = element.tag_name();
    let part = Part::from_xml_name(name.name()).filter(|_| name.namespace() == Some(NAMESPACE));
    part.ok_or_else(|| Refusal::UnexpectedElement { name: name.name().chars().take(64).collect() })
}

/// The whole text of a part. A comment may stand inside, and must not hide what follows it.
fn text_of(element: Node<'_, '_>) -> Result<String, Refusal> {
    let mut text = String::new();
    for child in element.children() {
        if child.is_element() {
            let name = child.tag_name().name().chars().take(64).collect();
            return Err(Refusal::UnexpectedElement { name });
        }
        if child.is_text() {
            let room = COLLECTED_CHARACTERS_MAX.saturating_sub(text.chars().count());
            text.extend(child.text().unwrap_or_default().chars().take(room));
        }
    }
    Ok(text)
}
