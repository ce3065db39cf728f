//! The journal: one file that holds all that is new in a generation, so that an interrupted write can be
//! completed.
//!
//! `chhatra-journal 1 <SHA-256 of the rest>\n`, one line of JSON, then the contents that the JSON names, end
//! to end.

use super::digests::sha256;
use super::metadata::Metadata;
use crate::configuration::{Configuration, StoredFile};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const MAGIC: &str = "chhatra-journal 1 ";

#[derive(Debug, Serialize, Deserialize)]
struct Head {
    instance: String,
    files: Vec<Entry>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    name: String,
    metadata: Metadata,
    sha256: String,
    /// Length of the content in this journal; absent when the file beside it already has the content.
    #[serde(skip_serializing_if = "Option::is_none")]
    length: Option<usize>,
}

/// Writes the journal of `configuration`; `is_on_disk` tells which contents need not be repeated.
pub(super) fn write(
    configuration: &Configuration,
    is_on_disk: impl Fn(&str, &StoredFile) -> bool,
) -> Vec<u8> {
    let files: BTreeMap<String, StoredFile> =
        configuration.files().map(|(name, file)| (name.to_owned(), file.clone())).collect();
    let mut head = Head { instance: configuration.instance().to_owned(), files: Vec::new() };
    let mut contents = Vec::new();
    for (name, file) in &files {
        let known = is_on_disk(name, file);
        if !known {
            contents.extend_from_slice(&file.bytes);
        }
        head.files.push(Entry {
            name: name.clone(),
            metadata: Metadata::of(file),
            sha256: sha256(&file.bytes),
            length: (!known).then_some(file.bytes.len()),
        });
    }
    let mut rest = serde_json::to_vec(&head).unwrap_or_default();
    rest.push(b'\n');
    rest.append(&mut contents);
    let mut journal = format!("{MAGIC}{}\n", sha256(&rest)).into_bytes();
    journal.append(&mut rest);
    journal
}

/// What a journal holds, taking what it leaves out from `on_disk`. `None` when a byte of it or of such a file
/// is not as it was.
pub(super) fn read(
    journal: &[u8],
    on_disk: impl Fn(&str) -> Option<Vec<u8>>,
) -> Option<(String, BTreeMap<String, StoredFile>)> {
    let line_end = memchr::memchr(b'\n', journal)?;
    let (line, rest) = journal.split_at_checked(line_end)?;
    let rest = rest.get(1..)?;
    let expected = std::str::from_utf8(line).ok()?.strip_prefix(MAGIC)?;
    if sha256(rest) != expected {
        return None;
    }
    let (head, mut contents) = rest.split_at_checked(memchr::memchr(b'\n', rest)?)?;
    contents = contents.get(1..)?;
    let head: Head = serde_json::from_slice(head).ok()?;
    let mut files = BTreeMap::new();
    for entry in head.files {
        let bytes = match entry.length {
            Some(length) => {
                let (bytes, further) = contents.split_at_checked(length)?;
                contents = further;
                bytes.to_vec()
            }
            None => on_disk(&entry.name)?,
        };
        if entry.sha256 != sha256(&bytes) {
            return None;
        }
        files.insert(entry.name, entry.metadata.describe(bytes)?);
    }
    contents.is_empty().then_some((head.instance, files))
}
