//! The operator's acts on a gateway's settings. The command line calls them now; web pages and a REST face will.

use crate::config::Config;
use crate::error::StoreFault;
use crate::serverconf::{Change, Declaration, changes, store::Store};

/// What applying this declaration would change; nothing is touched.
///
/// # Errors
/// The settings database cannot be read.
pub fn plan(config: &Config, declared: &Declaration) -> Result<Vec<Change>, StoreFault> {
    let mut store = open(config)?;
    Ok(changes(&store.read()?, declared))
}

/// Replaces the settings by this declaration, in one transaction; a running gateway takes them over within a second.
///
/// # Errors
/// The settings database cannot be read or written; then the old settings stand.
pub fn apply(config: &Config, declared: &Declaration) -> Result<Vec<Change>, StoreFault> {
    let mut store = open(config)?;
    let changes = changes(&store.read()?, declared);
    if !changes.is_empty() {
        store.replace(declared)?;
    }
    Ok(changes)
}

/// The settings as they are stored.
///
/// # Errors
/// The settings database cannot be read.
pub fn settings(config: &Config) -> Result<Declaration, StoreFault> {
    open(config)?.read()
}

fn open(config: &Config) -> Result<Store, StoreFault> {
    std::fs::create_dir_all(&config.state_dir).map_err(StoreFault::Folder)?;
    Store::open(&config.serverconf_file())
}
