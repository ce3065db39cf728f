//! Unpacking a zip file that a stranger may have made: every entry once, within bounds, and no two readings of it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Read as _};

use zip::{CompressionMethod, ZipArchive};

use super::{ENTRIES_MAX, ENTRY_BYTES_MAX, ReadRefusal, TOTAL_BYTES_MAX};

/// The most octets that an entry's name may have.
const NAME_BYTES_MAX: usize = 512;
/// The fixed part of the record at the end of a zip file.
const END_BYTES: usize = 22;

/// The entries by name in lower case. Directories are left out.
pub(super) fn unzip(bytes: &[u8]) -> Result<BTreeMap<String, Vec<u8>>, ReadRefusal> {
    let count = directory(bytes)?;
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|why| not_zip(why.to_string()))?;
    if archive.len() != count {
        return Err(not_zip("two readings of its directory differ"));
    }
    let mut entries = BTreeMap::new();
    let mut total: u64 = 0;
    for index in 0..count {
        let mut file = archive.by_index(index).map_err(|why| not_zip(why.to_string()))?;
        let name = file.name().map_err(|why| not_zip(why.to_string()))?.to_lowercase();
        if !matches!(file.compression(), CompressionMethod::Stored | CompressionMethod::Deflated) {
            return Err(not_zip("an entry is compressed in an unknown way"));
        }
        let mut octets = Vec::new();
        let bound = ENTRY_BYTES_MAX.min(TOTAL_BYTES_MAX.saturating_sub(total));
        file.by_ref()
            .take(bound.saturating_add(1))
            .read_to_end(&mut octets)
            .map_err(|why| not_zip(format!("the entry {name} cannot be unpacked: {why}")))?;
        let length = u64::try_from(octets.len()).unwrap_or(u64::MAX);
        if length > bound {
            return Err(ReadRefusal::TooLarge { name });
        }
        total = total.saturating_add(length);
        if name.ends_with('/') && octets.is_empty() {
            continue;
        }
        if entries.insert(name.clone(), octets).is_some() {
            return Err(ReadRefusal::Duplicate { name });
        }
    }
    Ok(entries)
}

fn not_zip(why: impl Into<String>) -> ReadRefusal {
    ReadRefusal::NotZip(why.into())
}

/// Walks the central directory ourselves: the library keeps the last of two entries of one name, and takes an entry's
/// name from the directory without looking at the entry itself. Gives the number of entries.
fn directory(bytes: &[u8]) -> Result<usize, ReadRefusal> {
    let end = end_record(bytes).ok_or_else(|| not_zip("it has no end record"))?;
    let count = number(bytes, end.saturating_add(10), 2);
    let size = number(bytes, end.saturating_add(12), 4);
    let start = number(bytes, end.saturating_add(16), 4);
    let (Some(count), Some(size), Some(start)) = (count, size, start) else {
        return Err(not_zip("its end record is cut"));
    };
    if count > ENTRIES_MAX {
        return Err(ReadRefusal::TooManyEntries { count });
    }
    if start.checked_add(size) != Some(end) {
        return Err(not_zip("something stands between its directory and its end record"));
    }
    let mut names = BTreeSet::new();
    let mut at = start;
    for _ in 0..count {
        let entry = Entry::at(bytes, at).ok_or_else(|| not_zip("its directory is cut"))?;
        if entry.encrypted {
            return Err(not_zip("an entry is encrypted"));
        }
        if entry.name.len() > NAME_BYTES_MAX || entry.local_name(bytes) != Some(entry.name) {
            return Err(not_zip("an entry and the directory disagree about its name"));
        }
        let name = String::from_utf8_lossy(entry.name).to_lowercase();
        if !names.insert(name.clone()) {
            return Err(ReadRefusal::Duplicate { name });
        }
        at = entry.next;
    }
    if at == end { Ok(count) } else { Err(not_zip("its directory has another length than it says")) }
}

struct Entry<'z> {
    name: &'z [u8],
    encrypted: bool,
    local: usize,
    next: usize,
}

impl<'z> Entry<'z> {
    fn at(bytes: &'z [u8], at: usize) -> Option<Self> {
        let signature = bytes.get(at..at.checked_add(4)?)?;
        if signature != b"PK\x01\x02" {
            return None;
        }
        let flags = number(bytes, at.checked_add(8)?, 2)?;
        let name_length = number(bytes, at.checked_add(28)?, 2)?;
        let extra_length = number(bytes, at.checked_add(30)?, 2)?;
        let comment_length = number(bytes, at.checked_add(32)?, 2)?;
        let local = number(bytes, at.checked_add(42)?, 4)?;
        let name_start = at.checked_add(46)?;
        let name_end = name_start.checked_add(name_length)?;
        let next = name_end.checked_add(extra_length)?.checked_add(comment_length)?;
        Some(Self { name: bytes.get(name_start..name_end)?, encrypted: flags & 1 != 0, local, next })
    }

    /// The name that stands before the entry's own octets.
    fn local_name(&self, bytes: &'z [u8]) -> Option<&'z [u8]> {
        if bytes.get(self.local..self.local.checked_add(4)?)? != b"PK\x03\x04" {
            return None;
        }
        let length = number(bytes, self.local.checked_add(26)?, 2)?;
        let start = self.local.checked_add(30)?;
        bytes.get(start..start.checked_add(length)?)
    }
}

/// Where the end record starts: the last one whose comment reaches exactly to the end of the file.
fn end_record(bytes: &[u8]) -> Option<usize> {
    let last = bytes.len().checked_sub(END_BYTES)?;
    let first = last.saturating_sub(usize::from(u16::MAX));
    (first..=last).rev().find(|at| {
        bytes.get(*at..at.saturating_add(4)) == Some(b"PK\x05\x06".as_slice())
            && number(bytes, at.saturating_add(20), 2)
                == bytes.len().checked_sub(at.saturating_add(END_BYTES))
    })
}

/// A little-endian number of up to four octets.
fn number(bytes: &[u8], at: usize, length: usize) -> Option<usize> {
    let octets = bytes.get(at..at.checked_add(length)?)?;
    octets
        .iter()
        .rev()
        .try_fold(0_usize, |value, octet| value.checked_mul(256)?.checked_add(usize::from(*octet)))
}
