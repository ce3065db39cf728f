//! Groups of clients, to which rights can be given together.

use crate::error::Refusal;
use crate::form::written_forms;
use crate::object_type::ObjectType;
use crate::part::Part;

/// A group that the registry of an instance keeps and publishes in globalconf (data-plane 1.1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GlobalGroupId {
    instance: String,
    code: String,
}

impl GlobalGroupId {
    /// The group `code` of `instance`.
    ///
    /// # Errors
    /// [`Refusal::Blank`] or [`Refusal::TooLong`].
    pub fn new(instance: impl Into<String>, code: impl Into<String>) -> Result<Self, Refusal> {
        Ok(Self { instance: Part::Instance.take(instance)?, code: Part::GroupCode.take(code)? })
    }

    /// The instance whose registry keeps the group.
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// The code of the group.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// Always [`ObjectType::GlobalGroup`].
    pub fn object_type(&self) -> ObjectType {
        ObjectType::GlobalGroup
    }

    /// The parts with their names, in order.
    pub fn parts(&self) -> Vec<(Part, &str)> {
        vec![(Part::Instance, self.instance.as_str()), (Part::GroupCode, self.code.as_str())]
    }

    /// Reads `instance/code`.
    ///
    /// # Errors
    /// Another number of parts, or a blank or too long part.
    pub fn parse_short(text: &str) -> Result<Self, Refusal> {
        Self::from_pieces(&text.split('/').collect::<Vec<_>>())
    }

    /// Reads `instance:code`.
    ///
    /// # Errors
    /// Another number of parts, or a blank or too long part.
    pub fn parse_encoded(text: &str) -> Result<Self, Refusal> {
        Self::from_pieces(&text.split(':').collect::<Vec<_>>())
    }

    fn from_pieces(pieces: &[&str]) -> Result<Self, Refusal> {
        match *pieces {
            [instance, code] => Self::new(instance, code),
            _ => Err(Refusal::PartCount { expected: "2 parts of a global group", found: pieces.len() }),
        }
    }
}
written_forms!(GlobalGroupId);

/// A group that one client keeps for its own services; it has no meaning outside that client (data-plane 1.1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalGroupId {
    code: String,
}

impl LocalGroupId {
    /// The group `code`.
    ///
    /// # Errors
    /// [`Refusal::Blank`] or [`Refusal::TooLong`].
    pub fn new(code: impl Into<String>) -> Result<Self, Refusal> {
        Ok(Self { code: Part::GroupCode.take(code)? })
    }

    /// The code of the group.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// Always [`ObjectType::LocalGroup`].
    pub fn object_type(&self) -> ObjectType {
        ObjectType::LocalGroup
    }

    /// The parts with their names, in order.
    pub fn parts(&self) -> Vec<(Part, &str)> {
        vec![(Part::GroupCode, self.code.as_str())]
    }

    /// Reads the code alone. A `/` is refused, so that no identifier of another type is taken for a local group.
    ///
    /// # Errors
    /// More than one part, or a blank or too long one.
    pub fn parse_short(text: &str) -> Result<Self, Refusal> {
        Self::from_pieces(&text.split('/').collect::<Vec<_>>())
    }

    /// Reads the code alone.
    ///
    /// # Errors
    /// More than one part, or a blank or too long one.
    pub fn parse_encoded(text: &str) -> Result<Self, Refusal> {
        Self::from_pieces(&text.split(':').collect::<Vec<_>>())
    }

    fn from_pieces(pieces: &[&str]) -> Result<Self, Refusal> {
        match *pieces {
            [code] => Self::new(code),
            _ => Err(Refusal::PartCount { expected: "1 part of a local group", found: pieces.len() }),
        }
    }
}
written_forms!(LocalGroupId);
