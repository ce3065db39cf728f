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
mod tests {
    use super::*;

    fn log(text: &str) -> Result<Log, String> {
        toml::from_str(text).map_err(|error: toml::de::Error| error.message().to_owned())
    }

    #[test]
    fn overrides_are_read_and_what_they_leave_out_is_left_open() {
        let log = log(
            "bodies = false\n[[override]]\nprovider = \"EX/COM/1\"\nside = \"provider\"\nbodies = true\n\
             [[override]]\nprovider = \"EX/COM/1\"\nside = \"consumer\"\nbody_bytes_max = 7\n",
        )
        .unwrap();
        let said = log.bodies().overrides;
        assert_eq!(
            (said[0].side, said[0].logged, said[0].bytes_max),
            (Some(Side::Provider), Some(true), None)
        );
        assert_eq!((said[1].side, said[1].logged, said[1].bytes_max), (Some(Side::Consumer), None, Some(7)));
        assert_eq!(log.longest_body(), 10_485_760, "what is said of some does not shorten it for the others");
    }

    #[test]
    fn the_longest_body_is_that_of_whoever_may_have_the_longest() {
        let longest = |first: u64, second: u64| {
            let text = format!(
                "body_bytes_max = {first}\n[[override]]\nprovider = \"EX/COM/1\"\nbody_bytes_max = {second}\n"
            );
            log(&text).unwrap().longest_body()
        };
        assert_eq!((longest(5, 7), longest(7, 5)), (7, 7));
    }

    #[test]
    fn two_words_on_the_same_thing_are_refused() {
        let twice = |first: &str, second: &str| {
            let one = |side: &str| format!("[[override]]\nprovider = \"EX/COM/1/sub\"\n{side}\n");
            log(&(one(first) + &one(second)))
        };
        let refused = twice("", "side = \"provider\"").unwrap_err();
        assert!(refused.contains("two overrides speak of EX/COM/1/sub on the same side"), "{refused}");
        assert!(twice("side = \"provider\"", "side = \"provider\"").is_err());
        assert!(twice("side = \"provider\"", "side = \"consumer\"").is_ok());
    }

    #[test]
    fn an_unknown_provider_side_or_key_is_refused() {
        for (text, why) in [
            ("provider = \"EX/COM\"", "EX/COM is no INSTANCE/CLASS/MEMBER"),
            ("provider = \"EX/COM/1\"\nside = \"both\"", "unknown variant `both`"),
            ("provider = \"EX/COM/1\"\nbody = false", "unknown field `body`"),
        ] {
            let refused = log(&format!("[[override]]\n{text}\n")).unwrap_err();
            assert!(refused.contains(why), "{refused}");
        }
    }
}
