//! Which bodies are put on record, and how much of them (data-plane 7.2): what holds for all, and what holds for some.

use std::fmt;

use identifier::{ClientId, MemberId, Refusal, ServiceId};

use crate::record::Side;

/// What is kept of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyRule {
    /// `message-body-logging`. When not, neither the body nor the path, the query and foreign headers are kept.
    pub logged: bool,
    /// `max-loggable-message-body-size` in bytes; 0: no body is ever stored, and none is too large.
    pub bytes_max: u64,
    /// `truncated-body-allowed`: a larger body is cut instead of refused. Such a record proves less.
    pub truncate: bool,
}

impl Default for BodyRule {
    fn default() -> Self {
        Self { logged: true, bytes_max: 10_485_760, truncate: false }
    }
}

impl BodyRule {
    /// Whether anything of a body is stored.
    #[must_use]
    pub fn stores(&self) -> bool {
        self.logged && self.bytes_max > 0
    }
}

/// Which bodies are logged (data-plane 7.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BodyLogging {
    /// What holds where nothing else is said.
    pub rule: BodyRule,
    /// What is said of some providers. The narrower one goes before the wider one, in each thing that it says.
    pub overrides: Vec<BodyOverride>,
}

impl BodyLogging {
    /// Whether any body may be cut.
    pub(crate) fn cuts(&self) -> bool {
        self.rule.truncate || self.overrides.iter().any(|said| said.truncate == Some(true))
    }

    /// What holds for exchanges with this service, seen from one side.
    #[must_use]
    pub fn rule(&self, side: Side, service: &ServiceId) -> BodyRule {
        let mut fitting: Vec<&BodyOverride> =
            self.overrides.iter().filter(|said| said.fits(side, service)).collect();
        fitting.sort_by_key(|said| said.of.width());
        fitting.into_iter().fold(self.rule, |rule, said| BodyRule {
            logged: said.logged.unwrap_or(rule.logged),
            bytes_max: said.bytes_max.unwrap_or(rule.bytes_max),
            truncate: said.truncate.unwrap_or(rule.truncate),
        })
    }
}

/// What is said of one provider; what is `None` is left as the wider ones have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyOverride {
    /// Of whom.
    pub of: Provider,
    /// On which side this gateway stands; `None`: on either.
    pub side: Option<Side>,
    /// As [`BodyRule::logged`].
    pub logged: Option<bool>,
    /// As [`BodyRule::bytes_max`].
    pub bytes_max: Option<u64>,
    /// As [`BodyRule::truncate`].
    pub truncate: Option<bool>,
}

impl BodyOverride {
    fn fits(&self, side: Side, service: &ServiceId) -> bool {
        self.side.is_none_or(|at| at == side) && self.of.offers(service)
    }

    /// Whether both speak of the same provider on the same side, so that one would contradict the other.
    #[must_use]
    pub fn doubles(&self, other: &Self) -> bool {
        let sides_meet = self.side.is_none() || other.side.is_none() || self.side == other.side;
        sides_meet && self.of == other.of
    }
}

/// Whose services are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Provider {
    /// All of a member and of its subsystems.
    Member(MemberId),
    /// All of a subsystem.
    Subsystem(ClientId),
    /// One; its version, if it has one, does not count.
    Service(ServiceId),
}

impl Provider {
    /// Reads `instance/class/member`, with `/subsystem` and `/service` behind it or not.
    ///
    /// # Errors
    /// Another number of parts, or a blank or too long part.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        match text.split('/').count() {
            5.. => ServiceId::parse_short(text).map(Self::Service),
            4 => ClientId::parse_short(text).map(Self::Subsystem),
            _ => MemberId::parse_short(text).map(Self::Member),
        }
    }

    const fn width(&self) -> u8 {
        match self {
            Self::Member(_) => 0,
            Self::Subsystem(_) => 1,
            Self::Service(_) => 2,
        }
    }

    fn offers(&self, service: &ServiceId) -> bool {
        match self {
            Self::Member(member) => service.client().member_ref() == member,
            Self::Subsystem(client) => service.client() == client,
            Self::Service(one) => (service.client(), service.code()) == (one.client(), one.code()),
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member(member) => member.fmt(f),
            Self::Subsystem(client) => client.fmt(f),
            Self::Service(service) => service.fmt(f),
        }
    }
}
