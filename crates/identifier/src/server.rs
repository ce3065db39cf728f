//! Gateways, which X-Road calls security servers.

use crate::client::MemberId;
use crate::error::Refusal;
use crate::form::{segments, written_forms};
use crate::object_type::ObjectType;
use crate::part::Part;

/// A gateway: the member that owns it, and its code (data-plane 1.1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerId {
    owner: MemberId,
    server: String,
}

impl ServerId {
    /// The gateway `server` of the member of the first three parts.
    ///
    /// # Errors
    /// [`Refusal::Blank`] or [`Refusal::TooLong`].
    pub fn new(
        instance: impl Into<String>,
        class: impl Into<String>,
        code: impl Into<String>,
        server: impl Into<String>,
    ) -> Result<Self, Refusal> {
        Self::of(MemberId::new(instance, class, code)?, server)
    }

    /// The gateway `server` of `owner`.
    ///
    /// # Errors
    /// [`Refusal::Blank`] or [`Refusal::TooLong`].
    pub fn of(owner: MemberId, server: impl Into<String>) -> Result<Self, Refusal> {
        Ok(Self { owner, server: Part::ServerCode.take(server)? })
    }

    /// The instance.
    pub fn instance(&self) -> &str {
        self.owner.instance()
    }

    /// The class of the owner.
    pub fn class(&self) -> &str {
        self.owner.class()
    }

    /// The code of the owner.
    pub fn code(&self) -> &str {
        self.owner.code()
    }

    /// The code of the gateway itself.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The member that owns the gateway.
    pub fn owner(&self) -> MemberId {
        self.owner.clone()
    }

    /// As [`ServerId::owner`], by reference.
    pub fn owner_ref(&self) -> &MemberId {
        &self.owner
    }

    /// Always [`ObjectType::Server`].
    pub fn object_type(&self) -> ObjectType {
        ObjectType::Server
    }

    /// The parts with their names, in order.
    pub fn parts(&self) -> Vec<(Part, &str)> {
        let mut parts = self.owner.parts();
        parts.push((Part::ServerCode, self.server.as_str()));
        parts
    }

    /// Reads `instance/class/code/server`.
    ///
    /// # Errors
    /// Another number of parts, or a blank or too long part.
    pub fn parse_short(text: &str) -> Result<Self, Refusal> {
        Self::from_pieces(&text.split('/').collect::<Vec<_>>())
    }

    /// Reads `instance:class:code:server`.
    ///
    /// # Errors
    /// Another number of parts, or a blank or too long part.
    pub fn parse_encoded(text: &str) -> Result<Self, Refusal> {
        Self::from_pieces(&text.split(':').collect::<Vec<_>>())
    }

    /// Reads 4 percent-encoded segments joined by `/`: the value of an `X-Road-Security-Server` header (data-plane 2.3).
    ///
    /// # Errors
    /// Another number of segments, a wrongly encoded segment, or a blank or too long part.
    pub fn from_path(raw: &str) -> Result<Self, Refusal> {
        Self::from_pieces(&segments(raw)?)
    }

    fn from_pieces<S: AsRef<str>>(pieces: &[S]) -> Result<Self, Refusal> {
        match pieces {
            [instance, class, code, server] => {
                Self::new(instance.as_ref(), class.as_ref(), code.as_ref(), server.as_ref())
            }
            _ => Err(Refusal::PartCount { expected: "4 parts of a gateway", found: pieces.len() }),
        }
    }
}
written_forms!(ServerId);
