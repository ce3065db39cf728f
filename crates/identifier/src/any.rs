//! An identifier whose type is known only when it has been read.

use std::fmt;

use crate::client::ClientId;
use crate::group::{GlobalGroupId, LocalGroupId};
use crate::object_type::ObjectType;
use crate::part::Part;
use crate::server::ServerId;
use crate::service::ServiceId;

/// Any of the six types; members and subsystems are both [`Identifier::Client`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Identifier {
    /// A member or a subsystem.
    Client(ClientId),
    /// A service.
    Service(ServiceId),
    /// A gateway.
    Server(ServerId),
    /// A global group.
    GlobalGroup(GlobalGroupId),
    /// A local group.
    LocalGroup(LocalGroupId),
}

impl Identifier {
    /// The type of what is inside.
    pub fn object_type(&self) -> ObjectType {
        match self {
            Self::Client(id) => id.object_type(),
            Self::Service(id) => id.object_type(),
            Self::Server(id) => id.object_type(),
            Self::GlobalGroup(id) => id.object_type(),
            Self::LocalGroup(id) => id.object_type(),
        }
    }

    /// The parts with their names, in order.
    pub fn parts(&self) -> Vec<(Part, &str)> {
        match self {
            Self::Client(id) => id.parts(),
            Self::Service(id) => id.parts(),
            Self::Server(id) => id.parts(),
            Self::GlobalGroup(id) => id.parts(),
            Self::LocalGroup(id) => id.parts(),
        }
    }

    /// `TYPE:a/b/c`.
    pub fn display_form(&self) -> String {
        format!("{}:{self}", self.object_type())
    }
}

/// The short form, without the type.
impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::form::joined(&self.parts(), "/"))
    }
}
