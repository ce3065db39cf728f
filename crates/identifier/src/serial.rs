//! serde: identifiers as text in the short form.
//!
//! What is written can be read again and gives the same value. A part that holds a `/` has no such text: writing it is
//! refused rather than stored as somebody else's name.

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Error as _, Serialize, Serializer};

use crate::client::{ClientId, MemberId};
use crate::group::{GlobalGroupId, LocalGroupId};
use crate::part::Part;
use crate::server::ServerId;
use crate::service::ServiceId;

/// The short form, if it can be told apart from every other.
fn short(parts: &[(Part, &str)]) -> Result<String, String> {
    match parts.iter().find(|(_, text)| text.contains('/')) {
        Some((part, _)) => Err(format!("the part {part} holds a slash and has no short form")),
        None => Ok(crate::form::joined(parts, "/")),
    }
}

/// The versioned service of a member is told from the service of a subsystem by an empty place.
fn service(id: &ServiceId) -> Vec<(Part, &str)> {
    let mut parts = id.parts();
    if id.version().is_some() && !id.client().is_subsystem() {
        parts.insert(3, (Part::SubsystemCode, ""));
    }
    parts
}

macro_rules! as_short_text {
    ($type:ty, $parts:expr) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let text = short(&$parts(self)).map_err(S::Error::custom)?;
                serializer.serialize_str(&text)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse_short(&text).map_err(D::Error::custom)
            }
        }
    };
}

as_short_text!(MemberId, MemberId::parts);
as_short_text!(ClientId, ClientId::parts);
as_short_text!(ServiceId, service);
as_short_text!(ServerId, ServerId::parts);
as_short_text!(GlobalGroupId, GlobalGroupId::parts);
as_short_text!(LocalGroupId, LocalGroupId::parts);

#[cfg(test)]
mod tests;
