//! This room's section of the configuration file: `[gateway]`. Unknown keys refuse to start.

mod archive;
mod bodies;
mod encryption;

pub use archive::{Archive, Grouping};
pub use bodies::{At, BodyOverride};
pub use encryption::XroadEncryption;

use database::{Url, UrlRefusal};
use http1::Limits;
use identifier::ServerId;
use keystore::TokenSettings;
use messagelog::Place;
use quota::Quota;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// What `GATEWAY.toml` says. Relative paths are relative to the file's folder.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The identifier of this server: `INSTANCE/CLASS/MEMBER/SERVER`.
    pub server: ServerId,
    /// Everything that this gateway keeps: keys, configuration, settings, evidence.
    pub state_dir: PathBuf,
    /// The anchor of the instance: where the global configuration is found and who signs it.
    pub anchor: PathBuf,
    /// A file whose first line is the keystore's PIN.
    pub pin_file: PathBuf,
    /// A PostgreSQL database for this server's own settings; absent: under `state_dir`.
    #[serde(default)]
    pub database: Option<Url>,
    /// A file whose first line is the password of that database.
    #[serde(default)]
    pub database_password_file: Option<PathBuf>,
    /// Hardware security modules in which signing keys may live.
    #[serde(default)]
    pub token: Vec<TokenSettings>,
    /// Where consumers and peers reach this gateway.
    pub listen: Listen,
    /// How peers are reached.
    #[serde(default)]
    pub peer: Peer,
    /// What is logged, and how much of it.
    #[serde(default)]
    pub log: Log,
    /// How the log is archived, and how long records stay in it.
    #[serde(default)]
    pub archive: Archive,
    /// How much one client may ask.
    #[serde(default)]
    pub quota: Quota,
    /// How often the background jobs run.
    #[serde(default)]
    pub jobs: Jobs,
}

/// The four listeners (data-plane 2.1).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    /// Consumers over plain HTTP; X-Road's default port is 8080.
    pub consumer_http: SocketAddr,
    /// Consumers over HTTPS; X-Road's default port is 8443.
    pub consumer_https: SocketAddr,
    /// Other gateways; 5500.
    pub transport: SocketAddr,
    /// OCSP answers by certificate hash; 5577.
    pub ocsp: SocketAddr,
}

/// Towards other gateways (data-plane 4.12). Times in milliseconds.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Peer {
    /// The port on which peers listen.
    pub port: u16,
    /// The port on which peers answer OCSP by hash.
    pub ocsp_port: u16,
    /// Whether gateways of our own kind are met in our own way: TLS 1.3, connections and sessions kept. Without it each is met as an
    /// X-Road server is.
    pub own_kind: bool,
    /// TCP and TLS together towards a peer; TLS with one that comes.
    pub connect_timeout_ms: u64,
    /// How long a peer may stay silent in the middle of an answer.
    pub read_timeout_ms: u64,
    /// How long a consumer's or a peer's idle connection is kept.
    pub idle_timeout_ms: u64,
    /// The most connections that each listener holds at once; when more come, those at rest give way.
    pub connections_max: usize,
    /// The longest body that is taken where the log sets no limit of its own.
    pub body_bytes_max: u64,
    /// How long a stopping gateway waits for what runs.
    pub stop_timeout_ms: u64,
}

/// What a stranger has to move within 30 seconds for a body to go on: less than any line does, and more than whoever only holds a
/// connection wants to spend.
const PROGRESS_BYTES_MIN: usize = 1024;

/// Connections that wait on the four listeners leave half of the file handles to the messages: to peers, services, bodies, the log.
const HANDLES_FOR_EACH: usize = 8;

impl Peer {
    /// Has each listener hold no more connections than file handles allow, of which this process may have so many. Whether that is fewer
    /// than configured.
    pub fn fit(&mut self, handles: usize) -> bool {
        let most = handles.checked_div(HANDLES_FOR_EACH).unwrap_or_default().max(1);
        let fewer = most < self.connections_max;
        self.connections_max = self.connections_max.min(most);
        fewer
    }

    /// For those who listen.
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            idle_timeout: Duration::from_millis(self.idle_timeout_ms),
            connections_max: self.connections_max,
            stop_timeout: Duration::from_millis(self.stop_timeout_ms),
            progress_bytes_min: PROGRESS_BYTES_MIN,
            ..Limits::default()
        }
    }
}

impl Default for Peer {
    fn default() -> Self {
        Self {
            port: 5500,
            ocsp_port: 5577,
            own_kind: true,
            connect_timeout_ms: 30_000,
            read_timeout_ms: 600_000,
            idle_timeout_ms: 30_000,
            connections_max: 5_000,
            body_bytes_max: 64 << 30,
            stop_timeout_ms: 75_000,
        }
    }
}

/// Body logging (data-plane 7.2) and the limits of 7.3.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// Whether bodies are kept with the messages.
    pub bodies: bool,
    /// The longest body that is kept; a longer one is refused.
    pub body_bytes_max: u64,
    /// Keep the head of a body that is too long, instead of refusing it.
    pub truncate_bodies: bool,
    /// How long time-stamping may fail before messages are refused; 0 means forever.
    pub timestamp_failure_seconds_max: u64,
    /// A PostgreSQL database that the log is kept in, laid out as X-Road does it; absent: under `state_dir`.
    pub database: Option<Url>,
    /// A file whose first line is the password of that database.
    pub database_password_file: Option<PathBuf>,
    /// Key files under which messages and bodies are sealed in the log, the first one for new records; none: they are kept open.
    pub key_files: Vec<PathBuf>,
    /// X-Road's keys, for a log in PostgreSQL; absent: what X-Road has encrypted is not read.
    pub xroad_encryption: Option<XroadEncryption>,
    /// What holds for some providers instead of the first three.
    #[serde(rename = "override", deserialize_with = "bodies::overrides")]
    pub overrides: Vec<BodyOverride>,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            bodies: true,
            body_bytes_max: 10_485_760,
            truncate_bodies: false,
            timestamp_failure_seconds_max: 14_400,
            database: None,
            database_password_file: None,
            key_files: Vec::new(),
            xroad_encryption: None,
            overrides: Vec::new(),
        }
    }
}

/// Periods of the background jobs, in seconds. The defaults are X-Road's.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Jobs {
    /// Download of the global configuration.
    pub globalconf_seconds: u64,
    /// Pause after a failed round of any job.
    pub retry_seconds: u64,
    /// Time-stamping; absent: what the global configuration says.
    pub timestamp_seconds: Option<u64>,
    /// OCSP answers for our own certificates; absent: what the global configuration says.
    pub ocsp_seconds: Option<u64>,
}

impl Default for Jobs {
    fn default() -> Self {
        Self { globalconf_seconds: 60, retry_seconds: 60, timestamp_seconds: None, ocsp_seconds: None }
    }
}

impl Config {
    /// Makes every path absolute, relative to the folder of the configuration file.
    #[must_use]
    pub fn resolved(mut self, folder: &std::path::Path) -> Self {
        let own = [&mut self.state_dir, &mut self.anchor, &mut self.pin_file];
        let of_tokens = self.token.iter_mut().flat_map(|token| [&mut token.module, &mut token.pin_file]);
        for path in own.into_iter().chain(of_tokens).chain(&mut self.log.key_files) {
            *path = folder.join(&*path);
        }
        let passwords = [&mut self.log.database_password_file, &mut self.database_password_file];
        let of_xroad = self.log.xroad_encryption.iter_mut().flat_map(XroadEncryption::paths);
        for path in self.archive.paths().chain(passwords.into_iter().flatten()).chain(of_xroad) {
            *path = folder.join(&*path);
        }
        self.log.database = self.log.database.map(|url| url.resolved(folder));
        self.database = self.database.map(|url| url.resolved(folder));
        self
    }

    /// The folder of the keystore.
    #[must_use]
    pub fn keystore_dir(&self) -> PathBuf {
        self.state_dir.join("keystore")
    }

    /// How the keystore is opened.
    #[must_use]
    pub fn keystore_settings(&self) -> keystore::Settings {
        keystore::Settings { tokens: self.token.clone(), ..keystore::Settings::default() }
    }

    /// The folder of the global configuration, laid out as an X-Road server lays it out.
    #[must_use]
    pub fn globalconf_dir(&self) -> PathBuf {
        self.state_dir.join("globalconf")
    }

    /// The folder of the evidence log.
    #[must_use]
    pub fn messagelog_dir(&self) -> PathBuf {
        self.state_dir.join("messagelog")
    }

    /// Where the evidence log is kept.
    ///
    /// # Errors
    /// A password by value and in a file, or in a file for no database.
    pub fn messagelog(&self) -> Result<Place, UrlRefusal> {
        let folder = self.messagelog_dir();
        let url = Url::configured(self.log.database.clone(), self.log.database_password_file.clone())?;
        let Some(url) = url else { return Ok(Place::Folder(folder)) };
        let instance = self.server.instance().to_owned();
        Ok(Place::Database { url: Box::new(url), instance, folder })
    }

    /// The keys of the evidence log.
    ///
    /// # Errors
    /// A key file or X-Road's key store cannot be read, is open to others, or holds no key; or there is no place for X-Road's.
    pub fn log_keys(&self) -> Result<messagelog::Keys, messagelog::KeyFault> {
        let keys = messagelog::Keys::read(&self.log.key_files)?;
        match &self.log.xroad_encryption {
            None => Ok(keys),
            Some(_) if self.log.database.is_none() => Err(messagelog::KeyFault::NotXroads),
            Some(section) => keys.with_xroad(&section.into()),
        }
    }

    /// The folder of archives.
    #[must_use]
    pub fn archive_dir(&self) -> PathBuf {
        self.archive.directory.clone().unwrap_or_else(|| self.state_dir.join("archive"))
    }

    /// The database server that has this server's own settings, where there is one.
    ///
    /// # Errors
    /// A password by value and in a file, or in a file for no database.
    pub fn serverconf_database(&self) -> Result<Option<Url>, UrlRefusal> {
        Url::configured(self.database.clone(), self.database_password_file.clone())
    }

    /// The embedded database of this server's own settings.
    #[must_use]
    pub fn serverconf_file(&self) -> PathBuf {
        self.state_dir.join("serverconf.sqlite")
    }

    /// Where bodies wait while their message is verified.
    #[must_use]
    pub fn spool_dir(&self) -> PathBuf {
        self.state_dir.join("spool")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_hold_as_many_as_handles_allow() {
        let fitted = |handles| {
            let mut peer = Peer::default();
            (peer.fit(handles), peer.connections_max)
        };
        assert_eq!(fitted(40_000), (false, 5_000));
        assert_eq!(fitted(39_992), (true, 4_999));
        assert_eq!((fitted(1_024), fitted(0)), ((true, 128), (true, 1)));
    }
}
