//! Where a database is: `postgresql://user@host:port/name?…`, parsed once.

use percent_encoding::percent_decode_str;
use postgres::Config;
use postgres::config::{Host, SslMode};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use thiserror::Error;

/// The certificates that Debian's `ca-certificates` keeps.
const SYSTEM_ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A server that takes nothing for so long has gone.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// The address of a database. Shown without its password.
#[derive(Clone)]
pub struct Url {
    pub(crate) config: Config,
    /// Whose certificates are believed; nothing: the way is not encrypted.
    pub(crate) roots: Option<PathBuf>,
    pub(crate) password_file: Option<PathBuf>,
    shown: String,
}

/// Why a text is no address of a database.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UrlRefusal {
    /// It begins otherwise.
    #[error("the address of a database begins with postgresql://")]
    Scheme,
    /// It cannot be read.
    #[error("the address of the database cannot be read: {0}")]
    Syntax(String),
    /// User, host or database is missing.
    #[error("the address of the database says no {0}; it is postgresql://USER@HOST:PORT/DATABASE")]
    Missing(&'static str),
    /// One of PostgreSQL's ways to encrypt without knowing towards whom.
    #[error(
        "sslmode={0} does not make sure who answers: say sslmode=verify-full with sslrootcert=FILE, or sslmode=disable where nobody listens"
    )]
    HalfEncrypted(String),
    /// A part of a password would be taken for the host, and shown as such.
    #[error(
        "the address of the database holds an @ too many: in a name or a password write it as %40, and a ? as %3F"
    )]
    At,
    /// Both a password in the address and a password file.
    #[error("the address of the database holds a password, and a password file is named too: keep one")]
    TwoPasswords,
    /// A password file for no database: one of the two keys is missing, or stands in another section.
    #[error("database_password_file is set and database is not")]
    OnlyPassword,
}

impl<'de> Deserialize<'de> for Url {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(reader)?).map_err(serde::de::Error::custom)
    }
}

impl Url {
    /// Reads an address. `sslmode` is `verify-full` unless it says `disable`; the way to a Unix socket is never encrypted.
    ///
    /// # Errors
    /// A [`UrlRefusal`].
    pub fn parse(text: &str) -> Result<Self, UrlRefusal> {
        let (base, query) = text.split_once('?').unwrap_or((text, ""));
        if !base.starts_with("postgresql://") && !base.starts_with("postgres://") {
            return Err(UrlRefusal::Scheme);
        }
        if base.matches('@').count() > 1 || query.contains('@') {
            return Err(UrlRefusal::At);
        }
        let (mut rest, mut mode, mut roots) = (Vec::new(), None, None);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_decode_str(value).decode_utf8_lossy().into_owned();
            match name {
                "sslmode" => mode = Some(value),
                "sslrootcert" => roots = Some(PathBuf::from(value)),
                _ => rest.push(pair),
            }
        }
        let mut config: Config = format!("{base}?{}", rest.join("&")).parse().map_err(|e| syntax(&e))?;
        if config.get_hosts().iter().any(|host| matches!(host, Host::Tcp(name) if name.contains('@'))) {
            return Err(UrlRefusal::At);
        }
        let missing = |what| Err(UrlRefusal::Missing(what));
        if config.get_user().is_none_or(str::is_empty) {
            return missing("user");
        }
        if config.get_dbname().is_none_or(str::is_empty) {
            return missing("database");
        }
        let sockets = config.get_hosts().iter().filter(|host| matches!(host, Host::Unix(_))).count();
        if config.get_hosts().is_empty() {
            return missing("host");
        }
        let encrypted = match mode.as_deref() {
            Some("disable") => false,
            None | Some("verify-full") => sockets < config.get_hosts().len(),
            Some(other) => return Err(UrlRefusal::HalfEncrypted(other.to_owned())),
        };
        config.ssl_mode(if encrypted { SslMode::Require } else { SslMode::Disable });
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(SILENCE_MAX);
        }
        if !rest.iter().any(|pair| pair.starts_with("keepalives_idle=")) {
            config.keepalives_idle(SILENCE_MAX);
        }
        let roots = encrypted.then(|| roots.unwrap_or_else(|| SYSTEM_ROOTS.into()));
        let shown = shown(&config);
        Ok(Self { config, roots, password_file: None, shown })
    }

    /// The same with the password in a file; its first line is read whenever a connection is made.
    ///
    /// # Errors
    /// [`UrlRefusal::TwoPasswords`].
    pub fn with_password_file(self, file: Option<PathBuf>) -> Result<Self, UrlRefusal> {
        if file.is_some() && self.config.get_password().is_some() {
            return Err(UrlRefusal::TwoPasswords);
        }
        Ok(Self { password_file: file, ..self })
    }

    /// What a section says with its two keys, of which both may be absent.
    ///
    /// # Errors
    /// [`UrlRefusal::TwoPasswords`], [`UrlRefusal::OnlyPassword`].
    pub fn configured(url: Option<Self>, password_file: Option<PathBuf>) -> Result<Option<Self>, UrlRefusal> {
        match url {
            Some(url) => url.with_password_file(password_file).map(Some),
            None if password_file.is_some() => Err(UrlRefusal::OnlyPassword),
            None => Ok(None),
        }
    }

    /// Makes the paths in it absolute, relative to a folder.
    #[must_use]
    pub fn resolved(mut self, folder: &Path) -> Self {
        for path in self.roots.iter_mut().chain(&mut self.password_file) {
            *path = folder.join(&*path);
        }
        self
    }
}

fn syntax(error: &postgres::Error) -> UrlRefusal {
    use std::error::Error as _;
    let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    UrlRefusal::Syntax(cause)
}

fn shown(config: &Config) -> String {
    let hosts: Vec<String> = config
        .get_hosts()
        .iter()
        .enumerate()
        .map(|(place, host)| {
            let ports = config.get_ports();
            let port = ports.get(place).or(ports.first()).copied().unwrap_or(5432);
            match host {
                Host::Tcp(name) => format!("{name}:{port}"),
                Host::Unix(path) => path.display().to_string(),
            }
        })
        .collect();
    let (user, name) = (config.get_user().unwrap_or_default(), config.get_dbname().unwrap_or_default());
    format!("postgresql://{user}@{}/{name}", hosts.join(","))
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        Url::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn an_address_is_shown_without_its_password_and_encrypted_unless_it_says_otherwise() {
        let url = Url::parse("postgresql://log:geheim@db.example/messagelog").unwrap();
        assert_eq!(format!("{url} {url:?}"), ["postgresql://log@db.example:5432/messagelog"; 2].join(" "));
        assert_eq!(url.roots, Some(PathBuf::from(SYSTEM_ROOTS)));
        assert_eq!(url.config.get_ssl_mode(), SslMode::Require);
        let url = Url::parse("postgresql://log@db/x?sslmode=verify-full&sslrootcert=own%20ca.pem").unwrap();
        assert_eq!(url.resolved(Path::new("/etc/chhatra")).roots, Some("/etc/chhatra/own ca.pem".into()));
        let url = Url::parse("postgresql://log@db:5433/x?sslmode=disable&connect_timeout=3").unwrap();
        assert_eq!((url.config.get_ssl_mode(), url.roots), (SslMode::Disable, None));
        assert_eq!(url.config.get_keepalives_idle(), SILENCE_MAX);
        let url = Url::parse("postgresql://log@db/x?keepalives_idle=7").unwrap();
        assert_eq!(url.config.get_keepalives_idle(), Duration::from_secs(7));
        let url = Url::parse("postgresql://log@%2Frun%2Fpostgresql/x").unwrap();
        assert_eq!(
            (url.config.get_ssl_mode(), url.to_string().as_str()),
            (SslMode::Disable, "postgresql://log@/run/postgresql/x")
        );
    }

    #[test]
    fn what_is_no_address_or_does_not_say_towards_whom_it_encrypts_is_refused() {
        assert!(refused("sqlite://x").contains("begins with postgresql://"));
        assert!(refused("postgresql://db/x").contains("no user"));
        assert!(refused("postgresql://log@db").contains("no database"));
        assert!(refused("postgresql://log@/x").contains("no host"));
        assert!(refused("postgresql://log@db/x?sslmod=disable").contains("cannot be read"));
        assert!(refused("postgresql://log@db:port/x").contains("cannot be read"));
        for unclear in ["log:ge@heim@db/x", "log:ge?heim@db/x", "log:geheim@d%40b/x", "log@db/x?user=a@b"] {
            assert_eq!(Url::parse(&format!("postgresql://{unclear}")).unwrap_err(), UrlRefusal::At);
        }
        let escaped = Url::parse("postgresql://log:ge%40h%3Feim@db/x").unwrap();
        assert_eq!(escaped.to_string(), "postgresql://log@db:5432/x");
        assert_eq!(escaped.config.get_password(), Some(&b"ge@h?eim"[..]));
        for half in ["require", "prefer", "allow", "verify-ca", ""] {
            let refused = Url::parse(&format!("postgresql://log@db/x?sslmode={half}")).unwrap_err();
            assert_eq!(refused, UrlRefusal::HalfEncrypted(half.to_owned()));
        }
        let url = Url::parse("postgresql://log:geheim@db/x").unwrap();
        assert_eq!(url.clone().with_password_file(Some("pw".into())).unwrap_err(), UrlRefusal::TwoPasswords);
        assert!(url.with_password_file(None).is_ok());
        assert_eq!(Url::configured(None, Some("pw".into())).unwrap_err(), UrlRefusal::OnlyPassword);
        assert!(Url::configured(None, None).unwrap().is_none());
    }
}
