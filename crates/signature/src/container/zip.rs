//! Packing a zip file: every entry stored as it is, one behind the other, all of the same date.

use flate2::Crc;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::packing::{BY_US, NEEDED_TO_STORE, PLAIN_FILE, Packing};
use super::unzip::{CENTRAL, END, LOCAL, STORED};

/// `None` when there is more than a zip file holds.
pub(super) fn zip(entries: &[(String, Vec<u8>)], at: Timestamp) -> Option<Vec<u8>> {
    let time = dos_time(at);
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, octets) in entries {
        let place = u32::try_from(file.len()).ok()?;
        let (about, length) = (about(octets, time)?, u16::try_from(name.len()).ok()?);
        directory.extend_from_slice(CENTRAL);
        directory.extend((BY_US | NEEDED_TO_STORE).to_le_bytes());
        directory.extend_from_slice(&about);
        directory.extend(length.to_le_bytes());
        // No extra field, no comment, the first disk, no internal attributes.
        directory.extend([0; 8]);
        directory.extend(PLAIN_FILE.to_le_bytes());
        directory.extend(place.to_le_bytes());
        directory.extend_from_slice(name.as_bytes());
        file.extend_from_slice(LOCAL);
        file.extend_from_slice(&about);
        file.extend(length.to_le_bytes());
        file.extend([0; 2]);
        file.extend_from_slice(name.as_bytes());
        file.extend_from_slice(octets);
    }
    let start = u32::try_from(file.len()).ok()?;
    let (count, size) = (u16::try_from(entries.len()).ok()?, u32::try_from(directory.len()).ok()?);
    file.append(&mut directory);
    file.extend_from_slice(END);
    file.extend([0; 4]);
    file.extend(count.to_le_bytes());
    file.extend(count.to_le_bytes());
    file.extend(size.to_le_bytes());
    file.extend(start.to_le_bytes());
    file.extend(u16::try_from(Packing::COMMENT.len()).ok()?.to_le_bytes());
    file.extend_from_slice(Packing::COMMENT.as_bytes());
    Some(file)
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
