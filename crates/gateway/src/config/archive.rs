//! `[gateway.archive]`: how the log is archived, and where archives go.

use serde::Deserialize;
use std::path::PathBuf;
use vault::Store;

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
    /// How long taking one archive elsewhere may last.
    pub transfer_timeout_seconds: u64,
    /// Where archives are put instead, verified there; absent: they stay, or go by the command.
    pub store: Option<Store>,
    /// How archives are signed and encrypted; absent: they are written open.
    pub openpgp: Option<openpgp::Settings>,
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
            store: None,
            openpgp: None,
            keep_records_days: 30,
        }
    }
}

impl Archive {
    /// Every path in it.
    pub(super) fn paths(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let of_store = self.store.iter_mut().flat_map(Store::paths);
        self.directory
            .iter_mut()
            .chain(of_store)
            .chain(self.openpgp.iter_mut().flat_map(openpgp::Settings::paths))
    }
}
