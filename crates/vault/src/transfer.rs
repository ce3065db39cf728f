//! How archives go elsewhere: by the operator's command, into a store, or not at all.

use crate::settings::Store;
use crate::store::{ARCHIVE_BYTES_MAX, Vault};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// Where archives go.
#[derive(Debug)]
pub enum Transfer {
    /// They stay in their directory.
    Stays,
    /// A command takes them.
    Command {
        /// The program.
        program: String,
        /// What it is given before the path.
        arguments: Vec<String>,
        /// How long it may run.
        seconds: u64,
    },
    /// They are put into a store, and compared there.
    #[expect(private_interfaces, reason = "nobody else makes one or looks into it")]
    Store {
        /// The store.
        vault: Vault,
        /// How long one archive may take.
        seconds: u64,
    },
}

/// `[gateway.archive.store]` cannot be used as it stands.
#[derive(Debug, thiserror::Error)]
pub enum StoreFault {
    /// Both ways at once.
    #[error("[gateway.archive] has a transfer_command and a store; archives can go one way only")]
    Both,
    /// A part is missing, or there is one too many.
    #[error("[gateway.archive.store] {0}")]
    Incomplete(&'static str),
    /// Keys and evidence would travel in the clear.
    #[error("the store {0} is not reached by https; only a loopback address may be reached by http")]
    Clear(String),
    /// The address is none.
    #[error("the address of the store {0} cannot be understood: {1}")]
    Endpoint(String, http1::UrlRefusal),
    /// A file cannot be used.
    #[error("{path} {why}")]
    File {
        /// Which one.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Archives are larger than what is held in memory on their way.
    #[error(
        "archives of [gateway.archive] file_bytes_max octets and a body of [gateway.log] body_bytes_max (or of one of its overrides) are too large for a store: both \
         together may be {max} at most; a transfer_command takes any"
    )]
    TooLarge {
        /// What both together may be.
        max: u64,
    },
    /// What the library says of the settings.
    #[error("the store cannot be used: {0}")]
    Settings(String),
}

/// Why an archive stays here.
#[derive(Debug, thiserror::Error)]
pub enum HandOverFailure {
    /// The command did not start.
    #[error("{program} cannot be run: {error}")]
    NotRun {
        /// The program.
        program: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// The command failed.
    #[error("{program} did not take it: {status}")]
    NotTaken {
        /// The program.
        program: String,
        /// How it ended.
        status: std::process::ExitStatus,
    },
    /// Nobody knows how the command ended.
    #[error("{program} was lost: {error}")]
    Lost {
        /// The program.
        program: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// The command took too long.
    #[error("{program} did not end within {seconds} seconds and was killed")]
    Slow {
        /// The program.
        program: String,
        /// What it was given.
        seconds: u64,
    },
    /// The store took too long.
    #[error("{store} did not take it within {seconds} seconds")]
    StoreSlow {
        /// The store.
        store: String,
        /// What it was given.
        seconds: u64,
    },
    /// The archive here cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(std::io::Error),
    /// More than is held in memory.
    #[error("it has more than {0} octets, which is too large for a store; a transfer_command takes any")]
    TooLarge(u64),
    /// The name is taken.
    #[error(
        "{store} holds something else under this name, and nothing was written over it: is another gateway using the same prefix? See \
         what it is, and move it away"
    )]
    OtherThere {
        /// The store.
        store: String,
    },
    /// The store does not hold what it was given.
    #[error(
        "{store} said that it has taken it, and does not hold it as it was sent: the store cannot be relied on"
    )]
    NotAsWritten {
        /// The store.
        store: String,
    },
    /// The keys are wrong, or have no right.
    #[error("{store} does not give access: {reason}")]
    NoAccess {
        /// The store.
        store: String,
        /// What it said.
        reason: String,
    },
    /// It does not answer, or answers with a fault.
    #[error("{store} cannot be used now: {reason}")]
    Store {
        /// The store.
        store: String,
        /// What was said.
        reason: String,
    },
}

impl Transfer {
    /// As it is configured: the command with its arguments (none: empty), the store, how long taking one archive elsewhere may last, and
    /// how large one may be.
    ///
    /// # Errors
    /// What is wrong with the configuration or its files; nothing is asked of the store itself.
    pub fn new(
        command: &[String],
        store: Option<&Store>,
        seconds: u64,
        archive_bytes_max: u64,
    ) -> Result<Self, StoreFault> {
        match (command.split_first(), store) {
            (None, None) => Ok(Self::Stays),
            (Some(_), Some(_)) => Err(StoreFault::Both),
            (Some((program, arguments)), None) => {
                Ok(Self::Command { program: program.clone(), arguments: arguments.to_vec(), seconds })
            }
            (None, Some(store)) => {
                if archive_bytes_max > ARCHIVE_BYTES_MAX {
                    return Err(StoreFault::TooLarge { max: ARCHIVE_BYTES_MAX });
                }
                Ok(Self::Store { vault: Vault::open(store)?, seconds })
            }
        }
    }

    /// When this has succeeded, the archive is elsewhere, whole.
    ///
    /// # Errors
    /// Why it stays here.
    pub async fn hand_over(&self, path: &Path) -> Result<(), HandOverFailure> {
        match self {
            Self::Stays => Ok(()),
            Self::Command { program, arguments, seconds } => {
                command(program, arguments, path, *seconds).await
            }
            Self::Store { vault, seconds } => {
                let put = tokio::time::timeout(Duration::from_secs(*seconds), vault.put(path)).await;
                put.unwrap_or_else(|_| {
                    Err(HandOverFailure::StoreSlow { store: vault.shown().to_owned(), seconds: *seconds })
                })
            }
        }
    }

    /// Asks the store, if there is one, for something that is not there: what it is called, and why it cannot be used now.
    pub async fn look(&self) -> Option<(&str, Result<(), String>)> {
        let Self::Store { vault, .. } = self else { return None };
        let wait = Duration::from_secs(30);
        let found = match tokio::time::timeout(wait, vault.look()).await {
            Ok(found) => found.map_err(|why| why.to_string()),
            Err(_) => Err(format!("{} does not answer within 30 seconds", vault.shown())),
        };
        Some((vault.shown(), found))
    }
}

/// Runs the operator's command, without a shell, with the archive as its last argument. When it succeeds, the archive is elsewhere.
async fn command(
    program: &str,
    arguments: &[String],
    path: &Path,
    seconds: u64,
) -> Result<(), HandOverFailure> {
    let mut command = Command::new(program);
    command.args(arguments).arg(path).stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
    let program = program.to_owned();
    let mut running = match command.spawn() {
        Ok(running) => running,
        Err(error) => return Err(HandOverFailure::NotRun { program, error }),
    };
    match tokio::time::timeout(Duration::from_secs(seconds), running.wait()).await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(HandOverFailure::NotTaken { program, status }),
        Ok(Err(error)) => Err(HandOverFailure::Lost { program, error }),
        Err(_) => Err(HandOverFailure::Slow { program, seconds }),
    }
}
