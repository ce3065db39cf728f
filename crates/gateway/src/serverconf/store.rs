//! Where the settings are kept: in an embedded database, or in a PostgreSQL one.

mod file;
mod server;
#[cfg(test)]
mod tests;

use super::declaration::Declaration;
use crate::config::Config;
use crate::error::StoreFault;
use file::File;
use server::Server;

/// The settings of one gateway.
#[derive(Debug)]
pub(crate) enum Store {
    File(File),
    Server(Box<Server>),
}

impl Store {
    /// Opens the settings that a configuration names, making an empty place for them when there is none.
    pub(crate) fn open(config: &Config) -> Result<Self, StoreFault> {
        match config.serverconf_database()? {
            Some(url) => Server::open(url, &config.server).map(|server| Self::Server(Box::new(server))),
            None => File::open(&config.serverconf_file()).map(Self::File),
        }
    }

    /// Changes whenever somebody else has committed; cheap enough to ask every second.
    pub(crate) fn version(&mut self) -> Result<i64, StoreFault> {
        match self {
            Self::File(file) => file.version(),
            Self::Server(server) => server.version(),
        }
    }

    /// Reads the whole of the settings.
    pub(crate) fn read(&mut self) -> Result<Declaration, StoreFault> {
        match self {
            Self::File(file) => file.read(),
            Self::Server(server) => server.read(),
        }
    }

    /// Replaces the settings. A crash before the commit leaves what was there.
    pub(crate) fn replace(&mut self, declaration: &Declaration) -> Result<(), StoreFault> {
        match self {
            Self::File(file) => file.replace(declaration),
            Self::Server(server) => server.replace(declaration),
        }
    }
}
