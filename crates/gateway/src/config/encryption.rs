//! `[gateway.log.xroad_encryption]`: the keys of a log that X-Road has encrypted, or shall be able to read.

use serde::Deserialize;
use std::path::PathBuf;

/// X-Road's keys (data-plane 7.5).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct XroadEncryption {
    /// X-Road's `messagelog-keystore`: PKCS#12 with secret keys.
    pub key_store: PathBuf,
    /// A file whose first line is its password.
    pub password_file: PathBuf,
    /// Under which of them new records are encrypted; absent: what is there is read.
    pub key: Option<String>,
}

impl XroadEncryption {
    pub(super) fn paths(&mut self) -> [&mut PathBuf; 2] {
        [&mut self.key_store, &mut self.password_file]
    }
}

impl From<&XroadEncryption> for messagelog::XroadEncryption {
    fn from(section: &XroadEncryption) -> Self {
        let XroadEncryption { key_store, password_file, key } = section.clone();
        Self { key_store, password_file, key }
    }
}
