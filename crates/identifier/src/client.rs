//! Members and their subsystems: whoever can send and offer services.

use crate::error::Refusal;
use crate::form::{segments, written_forms};
use crate::object_type::ObjectType;
use crate::part::Part;

/// A member of the exchange: an organisation. Certificates for signing belong to members (data-plane 1.1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId {
    instance: String,
    class: String,
    code: String,
}

impl MemberId {
    /// A member of these three parts.
    ///
    /// # Errors
    /// [`Refusal::Blank`] or [`Refusal::TooLong`].
    pub fn new(
        instance: impl Into<String>,
        class: impl Into<String>,
        code: impl Into<String>,
    ) -> Result<Self, Refusal> {
        Ok(Self {
            instance: Part::Instance.take(instance)?,
            class: Part::MemberClass.take(class)?,
            code: Part::MemberCode.take(code)?,
        })
    }

    /// The instance.
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// The class of the member.
    pub fn class(&self) -> &str {
        &self.class
    }

    /// The code of the member.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// Always [`ObjectType::Member`].
    pub fn object_type(&self) -> ObjectType {
        ObjectType::Member
    }

    /// The parts with their names, in order.
    pub fn parts(&self) -> Vec<(Part, &str)> {
        vec![
            (Part::Instance, self.instance.as_str()),
            (Part::MemberClass, self.class.as_str()),
            (Part::MemberCode, self.code.as_str()),
        ]
    }

    /// Reads `instance/class/code`.
    ///
    /// # Errors
    /// Another number of parts, or a blank or too long part.
    pub fn parse_short(text: &str) -> Result<Self, Refusal> {
        Self::from_pieces(text.split('/').collect())
    }

    /// Reads `instance:class:code`.
    ///
    /// # Errors
    /// Another number of parts, or a blank or too long part.
    pub fn parse_encoded(text: &str) -> Result<Self, Refusal> {
        Self::from_pieces(text.split(':').collect())
    }

    fn from_pieces(pieces: Vec<&str>) -> Result<Self, Refusal> {
        match pieces[..] {
            [instance, class, code] => Self::new(instance, class, code),
            _ => Err(Refusal::PartCount { expected: "3 parts of a member", found: pieces.len() }),
        }
    }
}
written_forms!(MemberId);

/// A client of a gateway: a member itself, or one of its subsystems (data-plane 1.1).
///
/// A member and its subsystem are two different clients: rights of the one are not rights of the other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId {
    member: MemberId,
    subsystem: Option<String>,
}

impl ClientId {
    /// A subsystem, or with `None` the member itself.
    ///
    /// # Errors
    /// [`Refusal::Blank`] or [`Refusal::TooLong`]; a subsystem code that is present but blank is refused too.
    pub fn new(
        instance: impl Into<String>,
        class: impl Into<String>,
        code: impl Into<String>,
        subsystem: Option<&str>,
    ) -> Result<Self, Refusal> {
        Ok(Self {
            member: MemberId::new(instance, class, code)?,
            subsystem: Part::SubsystemCode.take_if_any(subsystem)?,
        })
    }

    /// The subsystem `code` of `member`.
    ///
    /// # Errors
    /// [`Refusal::Blank`] or [`Refusal::TooLong`].
    pub fn subsystem_of(member: MemberId, code: impl Into<String>) -> Result<Self, Refusal> {
        Ok(Self { member, subsystem: Some(Part::SubsystemCode.take(code)?) })
    }

    /// The instance.
    pub fn instance(&self) -> &str {
        &self.member.instance
    }

    /// The class of the member.
    pub fn class(&self) -> &str {
        &self.member.class
    }

    /// The code of the member.
    pub fn code(&self) -> &str {
        &self.member.code
    }

    /// The code of the subsystem; `None` for a member.
    pub fn subsystem(&self) -> Option<&str> {
        self.subsystem.as_deref()
    }

    /// The member that this client is or belongs to.
    pub fn member(&self) -> MemberId {
        self.member.clone()
    }

    /// As [`ClientId::member`], by reference.
    pub fn member_ref(&self) -> &MemberId {
        &self.member
    }

    /// Whether this is a subsystem and not a member.
    pub fn is_subsystem(&self) -> bool {
        self.subsystem.is_some()
    }

    /// Whether both belong to the same member, whatever their subsystems: the test for the owner of a signing
    /// certificate (data-plane 1.1). Never the test for a right.
    pub fn same_member(&self, other: &Self) -> bool {
        self.member == other.member
    }

    /// [`ObjectType::Subsystem`] or [`ObjectType::Member`].
    pub fn object_type(&self) -> ObjectType {
        if self.is_subsystem() { ObjectType::Subsystem } else { ObjectType::Member }
    }

    /// The parts with their names, in order.
    pub fn parts(&self) -> Vec<(Part, &str)> {
        let mut parts = self.member.parts();
        parts.extend(self.subsystem().map(|subsystem| (Part::SubsystemCode, subsystem)));
        parts
    }

    /// Reads `instance/class/code` or `instance/class/code/subsystem`; the count of parts tells which.
    ///
    /// # Errors
    /// Another number of parts, or a blank or too long part.
    pub fn parse_short(text: &str) -> Result<Self, Refusal> {
        Self::from_pieces(&text.split('/').collect::<Vec<_>>())
    }

    /// Reads `instance:class:code` or `instance:class:code:subsystem`.
    ///
    /// # Errors
    /// Another number of parts, or a blank or too long part.
    pub fn parse_encoded(text: &str) -> Result<Self, Refusal> {
        Self::from_pieces(&text.split(':').collect::<Vec<_>>())
    }

    /// Reads 3 or 4 percent-encoded segments joined by `/`: the value of an `X-Road-Client` header (data-plane 1.4, 2.3).
    ///
    /// # Errors
    /// Another number of segments, a wrongly encoded segment, or a blank or too long part.
    pub fn from_path(raw: &str) -> Result<Self, Refusal> {
        Self::from_pieces(&segments(raw)?)
    }

    fn from_pieces<S: AsRef<str>>(pieces: &[S]) -> Result<Self, Refusal> {
        match pieces {
            [instance, class, code] => Self::new(instance.as_ref(), class.as_ref(), code.as_ref(), None),
            [instance, class, code, subsystem] => {
                Self::new(instance.as_ref(), class.as_ref(), code.as_ref(), Some(subsystem.as_ref()))
            }
            _ => Err(Refusal::PartCount { expected: "3 or 4 parts of a client", found: pieces.len() }),
        }
    }
}
written_forms!(ClientId);

impl From<MemberId> for ClientId {
    fn from(member: MemberId) -> Self {
        Self { member, subsystem: None }
    }
}

#[cfg(test)]
mod tests;
