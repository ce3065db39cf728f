//! Packing a zip file: every entry stored as it is, one behind the other.

use flate2::Crc;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::packing::{BY_US, NEEDED_TO_STORE, PLAIN_FILE, Packing};
use super::unzip::{CENTRAL, END, LOCAL, STORED};

/// The file of a container. `None` when there is more than a zip file holds.
pub(super) fn zip(entries: &[(String, Vec<u8>)], at: Timestamp) -> Option<Vec<u8>> {
    let (mut file, mut directory) = (Vec::new(), Directory::default());
    for (name, octets) in entries {
        let head = directory.add(name, octets, at, u64::try_from(file.len()).ok()?)?;
        file.extend_from_slice(&head);
        file.extend_from_slice(octets);
    }
    let start = u64::try_from(file.len()).ok()?;
    file.append(&mut directory.end(start, Packing::COMMENT)?);
    Some(file)
}

/// The directory that ends a zip file, as it grows.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    entries: Vec<u8>,
    count: u16,
}

impl Directory {
    /// Lists an entry that stands at `place`, and gives the head that stands before its octets. `None`, and nothing is listed, when
    /// there would be more than a zip file holds.
    pub(crate) fn add(&mut self, name: &str, octets: &[u8], at: Timestamp, place: u64) -> Option<Vec<u8>> {
        let count = self.count.checked_add(1)?;
        let place = u32::try_from(place).ok()?;
        let (about, length) = (about(octets, dos_time(at))?, u16::try_from(name.len()).ok()?);
        let mut head = LOCAL.to_vec();
        head.extend_from_slice(&about);
        head.extend(length.to_le_bytes());
        head.extend([0; 2]);
        head.extend_from_slice(name.as_bytes());
        let listed = &mut self.entries;
        listed.extend_from_slice(CENTRAL);
        listed.extend((BY_US | NEEDED_TO_STORE).to_le_bytes());
        listed.extend_from_slice(&about);
        listed.extend(length.to_le_bytes());
        // No extra field, no comment, the first disk, no internal attributes.
        listed.extend([0; 8]);
        listed.extend(PLAIN_FILE.to_le_bytes());
        listed.extend(place.to_le_bytes());
        listed.extend_from_slice(name.as_bytes());
        self.count = count;
        Some(head)
    }

    /// Whether so many entries may still be listed.
    pub(crate) fn has_room_for(&self, entries: u16) -> bool {
        self.count.checked_add(entries).is_some()
    }

    /// What stands behind the entries, which end at `start`.
    pub(crate) fn end(self, start: u64, comment: &str) -> Option<Vec<u8>> {
        let (start, size) = (u32::try_from(start).ok()?, u32::try_from(self.entries.len()).ok()?);
        let mut end = self.entries;
        end.extend_from_slice(END);
        end.extend([0; 4]);
        end.extend(self.count.to_le_bytes());
        end.extend(self.count.to_le_bytes());
        end.extend(size.to_le_bytes());
        end.extend(start.to_le_bytes());
        end.extend(u16::try_from(comment.len()).ok()?.to_le_bytes());
        end.extend_from_slice(comment.as_bytes());
        Some(end)
    }
}

/// What the head of an entry and the directory say alike.
fn about(octets: &[u8], time: u32) -> Option<Vec<u8>> {
    let length = u32::try_from(octets.len()).ok()?;
    let mut checksum = Crc::new();
    checksum.update(octets);
    let shorts = [NEEDED_TO_STORE, 0, STORED].map(u16::to_le_bytes).concat();
    let longs = [time, checksum.sum(), length, length].map(u32::to_le_bytes).concat();
    Some([shorts, longs].concat())
}

/// A zip file's time: UTC, in steps of two seconds, from 1980 to 2107.
fn dos_time(at: Timestamp) -> u32 {
    let at = at.to_zoned(TimeZone::UTC);
    let number = |value: i8| u32::try_from(value).unwrap_or_default();
    let years = i32::from(at.year()).clamp(1980, 2107).saturating_sub(1980);
    let date = u32::try_from(years).unwrap_or_default() << 9 | number(at.month()) << 5 | number(at.day());
    let time = number(at.hour()) << 11 | number(at.minute()) << 5 | number(at.second()) >> 1;
    date << 16 | time
}
