//! `[[gateway.log.override]]`: what is kept of the bodies of some providers.

use messagelog::{BodyLogging, BodyRule, Provider, Side};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::Log;

/// What holds for one provider; what is absent is left as the wider words have it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BodyOverride {
    /// A member, a subsystem or a service: `INSTANCE/CLASS/MEMBER[/SUBSYSTEM[/SERVICE]]`.
    #[serde(deserialize_with = "provider")]
    pub provider: Provider,
    /// Where this gateway stands; absent: on either side.
    pub side: Option<At>,
    /// As [`Log::bodies`].
    pub bodies: Option<bool>,
    /// As [`Log::body_bytes_max`].
    pub body_bytes_max: Option<u64>,
    /// As [`Log::truncate_bodies`].
    pub truncate_bodies: Option<bool>,
}

/// Where this gateway stands in an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum At {
    /// It is the consumer's.
    Consumer,
    /// It is the provider's.
    Provider,
}

impl BodyOverride {
    fn said(&self) -> messagelog::BodyOverride {
        messagelog::BodyOverride {
            of: self.provider.clone(),
            side: self.side.map(|at| match at {
                At::Consumer => Side::Consumer,
                At::Provider => Side::Provider,
            }),
            logged: self.bodies,
            bytes_max: self.body_bytes_max,
            truncate: self.truncate_bodies,
        }
    }
}

impl Log {
    /// The longest body that is put on record for any provider.
    pub(crate) fn longest_body(&self) -> u64 {
        let said = self.overrides.iter().filter_map(|said| said.body_bytes_max);
        said.fold(self.body_bytes_max, u64::max)
    }

    /// Which bodies are logged.
    pub(crate) fn bodies(&self) -> BodyLogging {
        BodyLogging {
            rule: BodyRule {
                logged: self.bodies,
                bytes_max: self.body_bytes_max,
                truncate: self.truncate_bodies,
            },
            overrides: self.overrides.iter().map(BodyOverride::said).collect(),
        }
    }
}

fn provider<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Provider, D::Error> {
    let text = String::deserialize(deserializer)?;
    Provider::parse(&text).map_err(|why| {
        D::Error::custom(format!("{text} is no INSTANCE/CLASS/MEMBER[/SUBSYSTEM[/SERVICE]]: {why}"))
    })
}

/// Two words on the same thing would leave open which one holds.
pub(super) fn overrides<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<BodyOverride>, D::Error> {
    let all = Vec::<BodyOverride>::deserialize(deserializer)?;
    for (place, one) in all.iter().enumerate() {
        if all.iter().skip(place.saturating_add(1)).any(|other| one.said().doubles(&other.said())) {
            let provider = &one.provider;
            return Err(D::Error::custom(format!("two overrides speak of {provider} on the same side")));
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests;
