//! Every certificate that left the house and what became of it: one JSON line each, appended and synced.

use crate::error::{OpenFailure, StoreFailure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// What a certificate was issued for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// A member's signing certificate.
    Signing,
    /// A gateway's authentication certificate.
    Authentication,
    /// One of the authority's own: issuing authority, OCSP signer, time-stamper.
    Own,
}

/// Why a certificate is no longer good (RFC 5280 5.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevocationReason {
    Unspecified,
    KeyCompromise,
    AffiliationChanged,
    Superseded,
    CessationOfOperation,
}

/// The standing of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "status")]
pub enum Status {
    Good,
    /// For good.
    Revoked {
        #[serde(with = "instant")]
        at: Timestamp,
        reason: RevocationReason,
    },
    /// May become good again.
    Suspended {
        #[serde(with = "instant")]
        at: Timestamp,
    },
}

/// One issued certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Lower-case hexadecimal.
    pub serial: String,
    pub profile: Profile,
    /// Whether the root issued it; otherwise the issuing authority did.
    pub by_root: bool,
    /// DER.
    pub certificate: Vec<u8>,
    pub status: Status,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "act", deny_unknown_fields)]
enum Line {
    Issue { serial: String, profile: Profile, by_root: bool, certificate: String },
    Change { serial: String, standing: Status },
}

/// The register, in memory and on disk.
#[derive(Debug)]
pub(crate) struct Register {
    path: PathBuf,
    file: File,
    entries: BTreeMap<String, Entry>,
    broken: bool,
}

impl Register {
    /// Opens the register. A last line without its line feed is what a crash in the middle of a write
    /// leaves; nobody has heard of it, so it is cut off.
    pub(crate) fn open(path: &Path) -> Result<Self, OpenFailure> {
        let fail = |act| move |error| StoreFailure::File { path: path.to_owned(), act, error };
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).open(path).map_err(fail("opened"))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(fail("read"))?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at.saturating_add(1));
        if whole < bytes.len() {
            file.set_len(u64::try_from(whole).unwrap_or(0)).map_err(fail("cut"))?;
            file.sync_all().map_err(fail("synced"))?;
        }
        file.seek(SeekFrom::End(0)).map_err(fail("read"))?;
        let mut register = Self { path: path.to_owned(), file, entries: BTreeMap::new(), broken: false };
        let lines = bytes.get(..whole).unwrap_or_default().split(|byte| *byte == b'\n');
        for line in lines.filter(|line| !line.is_empty()) {
            register.replay(line).map_err(|why| OpenFailure::Damaged { path: path.to_owned(), why })?;
        }
        Ok(register)
    }

    pub(crate) fn get(&self, serial: &str) -> Option<&Entry> {
        self.entries.get(serial)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// Records a new certificate; when this returns it is on disk.
    pub(crate) fn issue(&mut self, entry: Entry) -> Result<(), StoreFailure> {
        self.append(&Line::Issue {
            serial: entry.serial.clone(),
            profile: entry.profile,
            by_root: entry.by_root,
            certificate: STANDARD.encode(&entry.certificate),
        })?;
        self.entries.insert(entry.serial.clone(), entry);
        Ok(())
    }

    /// Records a new standing of a known certificate; when this returns it is on disk.
    pub(crate) fn change(&mut self, serial: &str, standing: Status) -> Result<(), StoreFailure> {
        self.append(&Line::Change { serial: serial.to_owned(), standing })?;
        if let Some(entry) = self.entries.get_mut(serial) {
            entry.status = standing;
        }
        Ok(())
    }

    fn append(&mut self, line: &Line) -> Result<(), StoreFailure> {
        if self.broken {
            return Err(StoreFailure::Broken);
        }
        let fail = |act| {
            let path = self.path.clone();
            move |error| StoreFailure::File { path, act, error }
        };
        let mut text = serde_json::to_vec(line).map_err(|error| fail("written")(error.into()))?;
        text.push(b'\n');
        // A crash before the sync leaves nothing or a piece without line feed: the next start cuts it off.
        let written = self.file.write_all(&text).and_then(|()| self.file.sync_data());
        self.broken = written.is_err();
        written.map_err(fail("written"))
    }

    fn replay(&mut self, line: &[u8]) -> Result<(), String> {
        match serde_json::from_slice(line).map_err(|error| error.to_string())? {
            Line::Issue { serial, profile, by_root, certificate } => {
                let certificate = STANDARD.decode(certificate).map_err(|error| error.to_string())?;
                let entry =
                    Entry { serial: serial.clone(), profile, by_root, certificate, status: Status::Good };
                if self.entries.insert(serial, entry).is_some() {
                    return Err("a serial number was issued twice".to_owned());
                }
            }
            Line::Change { serial, standing } => {
                let entry = self.entries.get_mut(&serial).ok_or("a change of a certificate never issued")?;
                entry.status = standing;
            }
        }
        Ok(())
    }
}

/// A time as RFC 3339 text.
mod instant {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(at)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(Error::custom)
    }
}
