//! The parts that identifiers consist of, and what each of them must satisfy.

use std::fmt;

use crate::error::Refusal;

/// Characters (not bytes) in one part at most: what X-Road's registry and gateways can store.
pub const PART_CHARACTERS_MAX: usize = 255;

/// The name of one part of an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The instance: the nation or federation member, `xRoadInstance`.
    Instance,
    /// The class of the member, such as `GOV`.
    MemberClass,
    /// The code of the member within its class.
    MemberCode,
    /// The code of a subsystem within its member.
    SubsystemCode,
    /// The code of a group.
    GroupCode,
    /// The code of a service within its client.
    ServiceCode,
    /// The version of a service; SOAP only.
    ServiceVersion,
    /// The code of a gateway within its owner.
    ServerCode,
}

impl Part {
    /// All parts, in the order in which they stand in XML (data-plane 1.3).
    pub const ALL: [Self; 8] = [
        Self::Instance,
        Self::MemberClass,
        Self::MemberCode,
        Self::SubsystemCode,
        Self::GroupCode,
        Self::ServiceCode,
        Self::ServiceVersion,
        Self::ServerCode,
    ];

    /// The local name of the XML element of this part.
    pub fn xml_name(self) -> &'static str {
        match self {
            Self::Instance => "xRoadInstance",
            Self::MemberClass => "memberClass",
            Self::MemberCode => "memberCode",
            Self::SubsystemCode => "subsystemCode",
            Self::GroupCode => "groupCode",
            Self::ServiceCode => "serviceCode",
            Self::ServiceVersion => "serviceVersion",
            Self::ServerCode => "serverCode",
        }
    }

    /// The part whose XML element has this local name.
    pub fn from_xml_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.xml_name() == name)
    }

    /// Takes `text` as the value of this part: not blank, not too long.
    pub(crate) fn take(self, text: impl Into<String>) -> Result<String, Refusal> {
        let text = text.into();
        if text.chars().all(char::is_whitespace) {
            return Err(Refusal::Blank { part: self });
        }
        let characters = text.chars().count();
        if characters > PART_CHARACTERS_MAX {
            return Err(Refusal::TooLong { part: self, characters });
        }
        Ok(text)
    }

    /// As [`Part::take`], for a part that may be absent. Present but blank is refused.
    pub(crate) fn take_if_any(self, text: Option<&str>) -> Result<Option<String>, Refusal> {
        text.map(|text| self.take(text)).transpose()
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.xml_name())
    }
}
