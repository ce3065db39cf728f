//! The digests of a generation: what its files are, and that they belong together.

use super::metadata::Metadata;
use crate::configuration::StoredFile;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use trust::DigestAlgorithm;

/// All in hex.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Digests {
    /// SHA-256 of each file.
    pub(super) files: BTreeMap<String, String>,
    /// SHA-256 over everything that belongs together: the instance, and name, metadata and content of each file.
    pub(super) generation: String,
}

impl Digests {
    pub(super) fn of(instance: &str, files: &BTreeMap<String, StoredFile>) -> Self {
        let digests: BTreeMap<String, String> =
            files.iter().map(|(name, file)| (name.clone(), sha256(&file.bytes))).collect();
        let described: Vec<(&str, Metadata)> =
            files.iter().map(|(name, file)| (name.as_str(), Metadata::of(file))).collect();
        // Structs of strings always serialise.
        let generation = sha256(&serde_json::to_vec(&(instance, described, &digests)).unwrap_or_default());
        Self { files: digests, generation }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    hex::encode(DigestAlgorithm::Sha256.digest(bytes))
}
