//! The type word that stands before or beside an identifier.

use std::fmt;
use std::str::FromStr;

/// The six types of identifiers (data-plane 1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectType {
    /// A member of the exchange.
    Member,
    /// A subsystem of a member.
    Subsystem,
    /// A gateway.
    Server,
    /// A group that the registry keeps, published in globalconf.
    GlobalGroup,
    /// A group that one client of a gateway keeps for itself.
    LocalGroup,
    /// A service.
    Service,
}

impl ObjectType {
    /// All six.
    pub const ALL: [Self; 6] =
        [Self::Member, Self::Subsystem, Self::Server, Self::GlobalGroup, Self::LocalGroup, Self::Service];

    /// The word, in capitals, as it stands in `objectType` attributes and in the display form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Member => "MEMBER",
            Self::Subsystem => "SUBSYSTEM",
            Self::Server => "SERVER",
            Self::GlobalGroup => "GLOBALGROUP",
            Self::LocalGroup => "LOCALGROUP",
            Self::Service => "SERVICE",
        }
    }
}

impl fmt::Display for ObjectType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is none of the six words. Case counts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a type of identifier")]
pub struct UnknownObjectType(pub String);

impl FromStr for ObjectType {
    type Err = UnknownObjectType;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| UnknownObjectType(text.chars().take(64).collect()))
    }
}
