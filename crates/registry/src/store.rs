//! Where the state is kept: in an embedded database, or in a PostgreSQL one. What is declared is replaced as a whole.

mod file;
mod server;
#[cfg(test)]
mod tests;

use crate::config::Config;
use crate::declaration::Declaration;
use crate::error::StoreFault;
use crate::signing_key::{SigningKey, Source};
use file::File;
use jiff::Timestamp;
use keystore::KeyId;
use server::Server;
use trust::Certificate;

/// The state of one registry.
#[derive(Debug)]
pub(crate) enum Store {
    File(File),
    Server(Box<Server>),
}

impl Store {
    /// Opens the state that a configuration names, making an empty one when there is none. It is bound to the instance the first time.
    pub(crate) fn create(config: &Config) -> Result<Self, StoreFault> {
        match config.database_url()? {
            Some(url) => Server::create(url, &config.instance).map(|server| Self::Server(Box::new(server))),
            None => File::create(&config.store_file(), &config.instance).map(Self::File),
        }
    }

    /// Opens the state that [`Self::create`] made.
    pub(crate) fn open(config: &Config) -> Result<Self, StoreFault> {
        match config.database_url()? {
            Some(url) => Server::open(url, &config.instance).map(|server| Self::Server(Box::new(server))),
            None => File::open(&config.store_file(), &config.instance).map(Self::File),
        }
    }

    /// Changes whenever somebody else has committed; cheap enough to ask every second.
    pub(crate) fn version(&mut self) -> Result<i64, StoreFault> {
        match self {
            Self::File(file) => file.version(),
            Self::Server(server) => server.version(),
        }
    }

    /// What is declared, if anything was, and the signing keys, at one moment.
    pub(crate) fn read(&mut self) -> Result<(Option<Declaration>, Vec<SigningKey>), StoreFault> {
        match self {
            Self::File(file) => file.read(),
            Self::Server(server) => server.read(),
        }
    }

    /// Replaces what is declared. A crash before the commit leaves what was there.
    pub(crate) fn replace(&mut self, declaration: &Declaration) -> Result<(), StoreFault> {
        match self {
            Self::File(file) => file.replace(declaration),
            Self::Server(server) => server.replace(declaration),
        }
    }

    /// The signing keys, in the order of their making.
    pub(crate) fn signing_keys(&mut self) -> Result<Vec<SigningKey>, StoreFault> {
        match self {
            Self::File(file) => file.signing_keys(),
            Self::Server(server) => server.signing_keys(),
        }
    }

    /// Notes a new signing key. The first of a source is active at once.
    pub(crate) fn add_key(
        &mut self,
        key: &KeyId,
        source: Source,
        certificate: &Certificate,
        made_at: Timestamp,
    ) -> Result<(), StoreFault> {
        match self {
            Self::File(file) => file.add_key(key, source, certificate, made_at),
            Self::Server(server) => server.add_key(key, source, certificate, made_at),
        }
    }

    /// Makes `key` the active one of its source; `false` when there is no such key.
    pub(crate) fn activate_key(&mut self, key: &KeyId) -> Result<bool, StoreFault> {
        match self {
            Self::File(file) => file.activate_key(key),
            Self::Server(server) => server.activate_key(key),
        }
    }

    /// Forgets a key that is not active; `false` when there is no such key.
    pub(crate) fn forget_key(&mut self, key: &KeyId) -> Result<bool, StoreFault> {
        match self {
            Self::File(file) => file.forget_key(key),
            Self::Server(server) => server.forget_key(key),
        }
    }
}
