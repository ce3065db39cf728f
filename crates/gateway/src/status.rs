//! What a running gateway says of itself to other processes of the machine: a small file beside its state, for `doctor` and for whoever
//! watches. It is believed only while somebody holds the log's lock; a stop and a start take it away.

use serde::{Deserialize, Serialize};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

const NAME: &str = "status.json";

/// Since when it has been so, and how it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Status {
    /// In UTC, as RFC 3339 writes it.
    pub since: String,
    /// Why no messages are carried; nothing: they are.
    pub not_carried: Option<String>,
    /// The fault of the evidence log for which nothing is recorded.
    pub log_fault: Option<String>,
    /// Why records stay in the log that should be in archives by now; that may be so for longer.
    pub not_archived: Option<String>,
}

impl Status {
    /// What was said last in this state folder.
    ///
    /// # Errors
    /// It cannot be read, or it is something else.
    pub fn read(state_dir: &Path) -> std::io::Result<Self> {
        let text = std::fs::read(place(state_dir))?;
        serde_json::from_slice(&text).map_err(std::io::Error::other)
    }

    /// Written beside and renamed, not flushed: after a crash of the machine nobody asks for it. When it cannot be written, what was said
    /// before is taken back, so that nothing untrue stands there.
    pub(crate) fn write(&self, state_dir: &Path) {
        let beside = state_dir.join("status.json.new");
        let written = serde_json::to_vec(self).map_err(std::io::Error::other).and_then(|text| {
            std::fs::write(&beside, text)?;
            std::fs::set_permissions(&beside, Permissions::from_mode(0o600))?;
            std::fs::rename(&beside, place(state_dir))
        });
        if written.is_err() {
            let _left = std::fs::remove_file(&beside);
            Self::take_back(state_dir);
        }
    }

    /// Nothing is said any more.
    pub(crate) fn take_back(state_dir: &Path) {
        let _absent = std::fs::remove_file(place(state_dir));
    }
}

fn place(state_dir: &Path) -> PathBuf {
    state_dir.join(NAME)
}
