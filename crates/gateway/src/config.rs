//! This room's section of the configuration file: `[gateway]`. Unknown keys refuse to start.

use database::{Url, UrlRefusal};
use http1::Limits;
use identifier::ServerId;
use keystore::TokenSettings;
use messagelog::Place;
use serde::{Deserialize, Deserializer};
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
    #[serde(default, deserialize_with = "database_url")]
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

impl Peer {
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
    /// Provider subsystems for which the opposite holds.
    pub bodies_except: Vec<identifier::ClientId>,
    /// The longest body that is kept; a longer one is refused.
    pub body_bytes_max: u64,
    /// Keep the head of a body that is too long, instead of refusing it.
    pub truncate_bodies: bool,
    /// How long time-stamping may fail before messages are refused; 0 means forever.
    pub timestamp_failure_seconds_max: u64,
    /// A PostgreSQL database that the log is kept in, laid out as X-Road does it; absent: under `state_dir`.
    #[serde(deserialize_with = "database_url")]
    pub database: Option<Url>,
    /// A file whose first line is the password of that database.
    pub database_password_file: Option<PathBuf>,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            bodies: true,
            bodies_except: Vec::new(),
            body_bytes_max: 10_485_760,
            truncate_bodies: false,
            timestamp_failure_seconds_max: 14_400,
            database: None,
            database_password_file: None,
        }
    }
}

/// Archives of the log (data-plane 7.7). The defaults are X-Road's.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Archive {
    /// Where archives are put; absent: `archive` under `state_dir`.
    pub directory: Option<PathBuf>,
    /// How often; 0: never.
    pub interval_seconds: u64,
    /// An archive ends with the container that brings it above this.
    pub file_bytes_max: u64,
    /// Whose records stand in one archive together.
    pub grouping: Grouping,
    /// A program with its arguments that takes an archive elsewhere; absent: archives stay where they are.
    pub transfer_command: Vec<String>,
    /// How long that program may run.
    pub transfer_timeout_seconds: u64,
    /// How long archived records stay in the log; 0: for ever.
    pub keep_records_days: u64,
}

/// Whose records stand in one archive together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grouping {
    /// Everybody's.
    None,
    /// A member's, with all its subsystems.
    Member,
    /// A subsystem's.
    Subsystem,
}

impl From<Grouping> for messagelog::Grouping {
    fn from(grouping: Grouping) -> Self {
        match grouping {
            Grouping::None => Self::None,
            Grouping::Member => Self::Member,
            Grouping::Subsystem => Self::Subsystem,
        }
    }
}

impl Default for Archive {
    fn default() -> Self {
        Self {
            directory: None,
            interval_seconds: 21_600,
            file_bytes_max: 33_554_432,
            grouping: Grouping::None,
            transfer_command: Vec::new(),
            transfer_timeout_seconds: 600,
            keep_records_days: 30,
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
        for path in own.into_iter().chain(of_tokens) {
            *path = folder.join(&*path);
        }
        let passwords = [&mut self.log.database_password_file, &mut self.database_password_file];
        for path in self.archive.directory.iter_mut().chain(passwords.into_iter().flatten()) {
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
    /// A password by value and in a file.
    pub fn messagelog(&self) -> Result<Place, UrlRefusal> {
        let folder = self.messagelog_dir();
        let Some(url) = self.log.database.clone() else { return Ok(Place::Folder(folder)) };
        let url = url.with_password_file(self.log.database_password_file.clone())?;
        Ok(Place::Database {
            url: Box::new(url),
            instance: self.server.owner().instance().to_owned(),
            folder,
        })
    }

    /// The folder of archives.
    #[must_use]
    pub fn archive_dir(&self) -> PathBuf {
        self.archive.directory.clone().unwrap_or_else(|| self.state_dir.join("archive"))
    }

    /// The database server that has this server's own settings, where there is one.
    ///
    /// # Errors
    /// A password by value and in a file.
    pub fn serverconf_database(&self) -> Result<Option<Url>, UrlRefusal> {
        let url = self.database.clone();
        url.map(|url| url.with_password_file(self.database_password_file.clone())).transpose()
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

/// The address of a database, where there is one.
fn database_url<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<Url>, D::Error> {
    let text = Option::<String>::deserialize(reader)?;
    text.map(|text| Url::parse(&text).map_err(serde::de::Error::custom)).transpose()
}
