//! The `.metadata` file beside each file of the store.

use crate::configuration::StoredFile;
use crate::time::parse_offset;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The members in the order in which X-Road writes them, and no others: its programs refuse what they do not know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_identifier: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) instance_identifier: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expiration_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_location: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) configuration_version: Option<String>,
}

impl Metadata {
    pub(super) fn of(file: &StoredFile) -> Self {
        Self {
            content_identifier: file.identifier.clone(),
            instance_identifier: file.instance.clone(),
            expiration_date: file.expires.map(time_text),
            content_location: file.location.clone(),
            configuration_version: Some(file.version.to_string()),
        }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        // A struct of optional strings always serialises.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The file that these members describe, as far as they say; `None` when a member says nonsense.
    pub(super) fn describe(&self, bytes: impl Into<std::sync::Arc<[u8]>>) -> Option<StoredFile> {
        let expires = match &self.expiration_date {
            Some(text) => Some(parse_offset(text)?),
            None => None,
        };
        let version = match &self.configuration_version {
            Some(text) => text.trim().parse().ok()?,
            None => crate::shared::VERSION_OLDEST,
        };
        Some(StoredFile {
            identifier: self.content_identifier.clone(),
            instance: self.instance_identifier.clone(),
            expires,
            location: self.content_location.clone(),
            version,
            bytes: bytes.into(),
        })
    }
}

/// ISO 8601; a fraction only when there is one, as `OffsetDateTime.toString` has it.
fn time_text(at: Timestamp) -> String {
    if at.subsec_nanosecond() == 0 { crate::time::seconds_text(at) } else { at.to_string() }
}
