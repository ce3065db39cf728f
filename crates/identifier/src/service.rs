//! Services that a client offers.

use crate::client::ClientId;
use crate::error::Refusal;
use crate::form::{segments, written_forms};
use crate::object_type::ObjectType;
use crate::part::Part;

/// A service: its client, its code, and for SOAP perhaps a version (data-plane 1.1, 1.2).
///
/// A REST service never has a version and always belongs to a subsystem. Absent and present versions are different
/// services, but access rights look at the code only.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceId {
    client: ClientId,
    code: String,
    version: Option<String>,
}

impl ServiceId {
    /// The service `code` of `client`.
    ///
    /// # Errors
    /// [`Refusal::Blank`] or [`Refusal::TooLong`]; a version that is present but blank is refused too.
    pub fn new(client: ClientId, code: impl Into<String>, version: Option<&str>) -> Result<Self, Refusal> {
        Ok(Self {
            client,
            code: Part::ServiceCode.take(code)?,
            version: Part::ServiceVersion.take_if_any(version)?,
        })
    }

    /// The client that offers the service.
    pub fn client(&self) -> &ClientId {
        &self.client
    }

    /// The code of the service.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The version, if any.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// Always [`ObjectType::Service`].
    pub fn object_type(&self) -> ObjectType {
        ObjectType::Service
    }

    /// The parts with their names, in order.
    pub fn parts(&self) -> Vec<(Part, &str)> {
        let mut parts = self.client.parts();
        parts.push((Part::ServiceCode, self.code.as_str()));
        parts.extend(self.version().map(|version| (Part::ServiceVersion, version)));
        parts
    }

    /// Reads the short form: 4 parts are a service of a member, 5 of a subsystem, 6 of a subsystem with version. The
    /// versioned service of a member keeps the place of the subsystem empty: `EX/COM/1//code/v1`.
    ///
    /// # Errors
    /// Another number of parts, or a blank or too long part.
    pub fn parse_short(text: &str) -> Result<Self, Refusal> {
        Self::from_pieces(&text.split('/').collect::<Vec<_>>())
    }

    /// As [`ServiceId::parse_short`], with `:` between the parts.
    ///
    /// # Errors
    /// Another number of parts, or a blank or too long part.
    pub fn parse_encoded(text: &str) -> Result<Self, Refusal> {
        Self::from_pieces(&text.split(':').collect::<Vec<_>>())
    }

    /// Reads exactly 5 percent-encoded segments joined by `/`: the value of `x-road-service`, and the address of a REST
    /// call behind `/r1/` (data-plane 1.4, 2.2).
    ///
    /// # Errors
    /// Another number of segments, a wrongly encoded segment, or a blank or too long part.
    pub fn from_path(raw: &str) -> Result<Self, Refusal> {
        Self::from_segments(&segments(raw)?)
    }

    /// Makes a REST service of exactly 5 segments that are decoded already.
    ///
    /// # Errors
    /// Another number of segments, or a blank or too long part.
    pub fn from_segments<S: AsRef<str>>(decoded: &[S]) -> Result<Self, Refusal> {
        let [instance, class, member, subsystem, code] = decoded else {
            return Err(Refusal::PartCount {
                expected: "5 segments of a REST service",
                found: decoded.len(),
            });
        };
        let client =
            ClientId::new(instance.as_ref(), class.as_ref(), member.as_ref(), Some(subsystem.as_ref()))?;
        Self::new(client, code.as_ref(), None)
    }

    fn from_pieces(pieces: &[&str]) -> Result<Self, Refusal> {
        match *pieces {
            [instance, class, member, code] => {
                Self::new(ClientId::new(instance, class, member, None)?, code, None)
            }
            [instance, class, member, subsystem, code] => {
                Self::new(ClientId::new(instance, class, member, Some(subsystem))?, code, None)
            }
            [instance, class, member, subsystem, code, version] => {
                let subsystem = Some(subsystem).filter(|code| !code.is_empty());
                Self::new(ClientId::new(instance, class, member, subsystem)?, code, Some(version))
            }
            _ => Err(Refusal::PartCount { expected: "4 to 6 parts of a service", found: pieces.len() }),
        }
    }
}
written_forms!(ServiceId);

#[cfg(test)]
mod tests;
