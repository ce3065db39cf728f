//! The operator's acts on a gateway's settings. The command line calls them now; web pages and a REST face will.

use crate::archiving::{self, Archived};
use crate::config::Config;
use crate::error::StoreFault;
use crate::gateway::log_settings;
use crate::serverconf::{Change, Declaration, changes, store::Store};
use clock::Clock;
use messagelog::{ArchiveFailure, KeyFault, MessageLog, OpenFailure};
use thiserror::Error;

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

/// Why the log was not archived.
#[derive(Debug, Error)]
pub enum ArchiveFault {
    /// A running gateway has it.
    #[error("the gateway is running, and archives by itself; stop it to do a round by hand")]
    Running,
    /// The configuration of its database.
    #[error(transparent)]
    Database(#[from] database::UrlRefusal),
    /// The log cannot be opened.
    #[error(transparent)]
    Open(OpenFailure),
    /// Archives cannot be taken elsewhere as it is configured.
    #[error(transparent)]
    Store(#[from] vault::StoreFault),
    /// Archives cannot be sealed as it is configured.
    #[error(transparent)]
    Sealing(#[from] archiving::SealingFault),
    /// The keys of the log.
    #[error(transparent)]
    Keys(#[from] KeyFault),
    /// The round could not be finished.
    #[error(transparent)]
    Round(#[from] ArchiveFailure),
}

/// Archives the evidence log once, as a running gateway does by itself; there must be none.
///
/// # Errors
/// The log is in use or cannot be opened, or the round could not be finished.
pub async fn archive(config: &Config, clock: Clock) -> Result<Archived, ArchiveFault> {
    let transfer = archiving::transfer(config)?;
    let sealing = archiving::sealing(config, clock.now())?;
    let log = MessageLog::open(config.messagelog()?, log_settings(config)?, clock.clone());
    let in_use = |failure: &OpenFailure| matches!(failure, OpenFailure::InUse { .. });
    let log =
        log.map_err(|why| if in_use(&why) { ArchiveFault::Running } else { ArchiveFault::Open(why) })?;
    // Nobody asks for it: whoever runs this waits for its end, or ends the process, which loses nothing.
    let (_stopper, stop) = http1::stop_channel();
    let archivist = archiving::archivist(log.clone(), config, sealing);
    let done = archiving::round(config, &archivist, &transfer, clock.now(), &stop).await;
    // What was noted is durable; closing only tidies up.
    let _closed = log.close().await;
    Ok(done?)
}

fn open(config: &Config) -> Result<Store, StoreFault> {
    std::fs::create_dir_all(&config.state_dir).map_err(StoreFault::Folder)?;
    Store::open(config)
}
