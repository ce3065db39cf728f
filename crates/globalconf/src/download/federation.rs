//! Which federated instances a gateway downloads (control-plane 2.1).

use std::collections::BTreeSet;

/// The setting `allowed-federations`: nothing by default, `all`, or a list of instance codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FederationFilter {
    own_instance: String,
    allowed: Allowed,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Allowed {
    None,
    All,
    These(BTreeSet<String>),
}

impl FederationFilter {
    /// Reads the setting: `none` anywhere wins, then `all`; case and blanks do not count; absent means none.
    #[must_use]
    pub fn new(own_instance: &str, setting: Option<&str>) -> Self {
        let codes: BTreeSet<String> = setting
            .unwrap_or_default()
            .split(',')
            .map(|code| code.trim().to_lowercase())
            .filter(|code| !code.is_empty())
            .collect();
        let allowed = if codes.contains("none") || codes.is_empty() {
            Allowed::None
        } else if codes.contains("all") {
            Allowed::All
        } else {
            Allowed::These(codes)
        };
        Self { own_instance: own_instance.to_owned(), allowed }
    }

    /// Whether the configuration of `instance` is to be downloaded; the own one always is.
    #[must_use]
    pub fn admits(&self, instance: &str) -> bool {
        instance == self.own_instance
            || match &self.allowed {
                Allowed::None => false,
                Allowed::All => true,
                Allowed::These(codes) => codes.contains(&instance.to_lowercase()),
            }
    }
}
