//! The `.metadata` file beside each file of the store.

use crate::configuration::StoredFile;
use crate::time::parse_offset;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use trust::DigestAlgorithm;

/// The members in the order in which X-Road writes them, then ours. X-Road leaves out what it does not know.
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
    /// SHA-256 of the file, hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_sha256: Option<String>,
    /// See [`generation`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) generation_sha256: Option<String>,
}

impl Metadata {
    pub(super) fn of(file: &StoredFile, generation: &str) -> Self {
        Self {
            content_identifier: file.identifier.clone(),
            instance_identifier: file.instance.clone(),
            expiration_date: file.expires.map(time_text),
            content_location: file.location.clone(),
            configuration_version: Some(file.version.to_string()),
            content_sha256: Some(sha256(&file.bytes)),
            generation_sha256: Some(generation.to_owned()),
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

pub(super) fn sha256(bytes: &[u8]) -> String {
    hex::encode(DigestAlgorithm::Sha256.digest(bytes))
}

/// A digest over everything that belongs together: the instance, and name, metadata and content of each file.
pub(super) fn generation(instance: &str, files: &BTreeMap<String, StoredFile>) -> String {
    let described: Vec<(&str, Metadata)> = files
        .iter()
        .map(|(name, file)| (name.as_str(), Metadata { generation_sha256: None, ..Metadata::of(file, "") }))
        .collect();
    sha256(&serde_json::to_vec(&(instance, described)).unwrap_or_default())
}
