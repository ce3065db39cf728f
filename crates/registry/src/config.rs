//! This room's section of the configuration file: `[registry]`. Unknown keys refuse to start.

use crate::error::ConfigFault;
use database::{Url, UrlRefusal};
use jiff::SignedDuration;
use keystore::KeyAlgorithm;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// What `REGISTRY.toml` says. Relative paths are relative to the file's folder.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The code of the instance. It is fixed by `init` and cannot change afterwards.
    pub instance: String,
    /// Everything that this registry keeps: keys, database, published files.
    pub state_dir: PathBuf,
    /// Where `init` writes the anchor that gateways of this instance need.
    pub anchor_file: PathBuf,
    /// A file whose first line is the keystore's PIN.
    pub pin_file: PathBuf,
    /// A PostgreSQL database for the declared state; absent: under `state_dir`.
    pub database: Option<Url>,
    /// A file whose first line is the password of that database.
    pub database_password_file: Option<PathBuf>,
    /// Where the configuration is published, over plain HTTP.
    pub listen: SocketAddr,
    /// Under which host name or address (and port, if it is not 80) gateways reach it: it stands in anchors and in what is published.
    pub address: String,
    /// How long a published configuration holds.
    #[serde(default = "default_expire_seconds")]
    pub expire_seconds: u32,
    /// How often a new one is made. A change of the state is published within a second anyway.
    #[serde(default = "default_generate_seconds")]
    pub generate_seconds: u32,
    /// The kind of new signing keys: `RSA-2048` (X-Road's default), `RSA-3072`, `RSA-4096` or `EC-P256`.
    #[serde(default = "default_algorithm")]
    pub signing_key_algorithm: KeyAlgorithm,
    /// How many connections are held at once: whoever runs the registry makes it fit. Not read from the file.
    #[serde(skip, default = "default_connections")]
    pub connections_max: usize,
}

/// Half of the file handles are left to what is published and where it is kept.
const HANDLES_FOR_EACH: usize = 2;

fn default_connections() -> usize {
    http1::Limits::default().connections_max
}

const fn default_expire_seconds() -> u32 {
    600
}

const fn default_generate_seconds() -> u32 {
    60
}

const fn default_algorithm() -> KeyAlgorithm {
    KeyAlgorithm::Rsa2048
}

impl Config {
    /// Holds no more connections than file handles allow, of which this process may have so many.
    pub fn fit(&mut self, handles: usize) {
        let most = handles.checked_div(HANDLES_FOR_EACH).unwrap_or_default().max(1);
        self.connections_max = self.connections_max.min(most);
    }

    /// Makes every path absolute, relative to the folder of the configuration file.
    #[must_use]
    pub fn resolved(mut self, folder: &Path) -> Self {
        for path in [&mut self.state_dir, &mut self.anchor_file, &mut self.pin_file] {
            *path = folder.join(&*path);
        }
        if let Some(path) = &mut self.database_password_file {
            *path = folder.join(&*path);
        }
        self.database = self.database.map(|url| url.resolved(folder));
        self
    }

    /// How long the state that was read last is published while the database server is away: twice as long as a configuration holds.
    #[must_use]
    pub fn stale_max(&self) -> SignedDuration {
        SignedDuration::from_secs(i64::from(self.expire_seconds).saturating_mul(2))
    }

    /// The folder of the keystore with the configuration signing keys.
    #[must_use]
    pub fn keystore_dir(&self) -> PathBuf {
        self.state_dir.join("keystore")
    }

    /// The database server that has the declared state, where there is one.
    ///
    /// # Errors
    /// A password by value and in a file, or in a file for no database.
    pub fn database_url(&self) -> Result<Option<Url>, UrlRefusal> {
        Url::configured(self.database.clone(), self.database_password_file.clone())
    }

    /// The embedded database of the declared state.
    #[must_use]
    pub fn store_file(&self) -> PathBuf {
        self.state_dir.join("registry.sqlite")
    }

    /// What is published, laid out as a central server lays it out.
    #[must_use]
    pub fn public_dir(&self) -> PathBuf {
        self.state_dir.join("public")
    }

    /// The anchor for federated instances; the one for the own gateways is `anchor_file`.
    #[must_use]
    pub fn external_anchor_file(&self) -> PathBuf {
        self.state_dir.join("external-anchor.xml")
    }

    /// Whether the values make sense together.
    ///
    /// # Errors
    /// [`ConfigFault`], the first that is found.
    pub fn check(&self) -> Result<(), ConfigFault> {
        identifier::characters::check_new(&self.instance)
            .map_err(|why| ConfigFault::Instance { code: self.instance.clone(), why })?;
        if self.instance.contains('\'') {
            return Err(ConfigFault::Quote { code: self.instance.clone() });
        }
        let url = http1::Url::parse(&format!("http://{}/internalconf", self.address));
        if !url.is_ok_and(|url| url.target() == "/internalconf" && !url.host().is_empty()) {
            return Err(ConfigFault::Address { address: self.address.clone() });
        }
        if self.generate_seconds == 0 || self.expire_seconds <= self.generate_seconds {
            return Err(ConfigFault::Times { expire: self.expire_seconds, generate: self.generate_seconds });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_half_of_the_handles() {
        let text = "instance = 'X'\nstate_dir = 's'\nanchor_file = 'a'\npin_file = 'p'\nlisten = '127.0.0.1:80'\naddress = 'a'\n";
        let config: Config = toml::from_str(text).unwrap();
        let fitted = |handles| {
            let mut config = config.clone();
            config.fit(handles);
            config.connections_max
        };
        assert_eq!(config.connections_max, 1024);
        assert_eq!((fitted(1_000_000), fitted(1024), fitted(0)), (1024, 512, 1));
    }
}
