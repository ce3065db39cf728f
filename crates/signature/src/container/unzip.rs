//! Unpacking a zip file that a stranger may have made. There is one reading of it: entries stand one behind the other from the first
//! octet on, in the order of the directory, which says of each what its own head says; nothing stands before, between or behind
//! them, and what they unpack to has the length and the checksum that are stated.

use std::collections::BTreeMap;
use std::ops::Range;

use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::packing::{Packing, is_gateways};
use super::{ENTRIES_MAX, ENTRY_BYTES_MAX, ReadRefusal, TOTAL_BYTES_MAX};

/// The most octets that an entry's name may have.
const NAME_BYTES_MAX: usize = 512;
/// The record at the end, without its comment.
const END_BYTES: usize = 22;
pub(crate) const END_BYTES_LONG: u64 = 22;
const PIECE_BYTES: usize = 64 * 1024;

pub(super) const END: &[u8] = b"PK\x05\x06";
pub(super) const CENTRAL: &[u8] = b"PK\x01\x02";
pub(super) const LOCAL: &[u8] = b"PK\x03\x04";
const DESCRIPTOR: &[u8] = b"PK\x07\x08";

pub(super) const STORED: u16 = 0;
pub(super) const DEFLATED: u16 = 8;
/// As Java streams: checksum and lengths follow the data (bit 3), names are UTF-8 (bit 11).
pub(super) const STREAMED: u16 = 0x0808;

/// The entries by name in lower case. Directories are left out.
pub(super) fn unzip(bytes: &[u8]) -> Result<BTreeMap<String, Vec<u8>>, ReadRefusal> {
    let file = File::of(bytes)?;
    let (mut directory, mut contents) = (Reader(file.directory), Reader(file.contents));
    let mut packing = Packing::of(file.comment);
    let mut entries = BTreeMap::new();
    let mut total: u64 = 0;
    for _ in 0..file.count {
        let place = file.contents.len().saturating_sub(contents.0.len());
        let entry = Entry::read(&mut directory, &mut contents, place)?;
        packing.check(&entry).map_err(ReadRefusal::Altered)?;
        let name = entry.name.to_lowercase();
        let length = u64::from(entry.sums.length);
        total = total.saturating_add(length);
        if length > ENTRY_BYTES_MAX || total > TOTAL_BYTES_MAX {
            return Err(ReadRefusal::TooLarge { name });
        }
        let octets = entry.unpack()?;
        if entries.insert(name.clone(), octets).is_some() {
            return Err(ReadRefusal::Duplicate { name });
        }
    }
    if !directory.0.is_empty() || !contents.0.is_empty() {
        return not_zip("something stands behind its entries or their directory");
    }
    entries.retain(|name, _| !name.ends_with('/'));
    Ok(entries)
}

fn not_zip<T>(why: impl Into<String>) -> Result<T, ReadRefusal> {
    Err(ReadRefusal::NotZip(why.into()))
}

/// Where an entry of an archive is listed and stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Located {
    pub(crate) name: Vec<u8>,
    /// Octets of the file that are the entry's, up to the next one.
    pub(crate) start: u64,
    pub(crate) end: u64,
    listed: Range<usize>,
}

/// Where the directory of an archive begins, and how many entries it has. Of its file these are the last octets, from `at` on: archives
/// have no comment.
pub(crate) fn end_of_archive(octets: &[u8], at: u64) -> Result<(u64, u16), ReadRefusal> {
    let Some(end) = End::read(&mut Reader(octets)).filter(|end| end.comment == 0) else {
        return not_zip("it has no end record");
    };
    // What does not fit into an end record stands in another one, which is told by these values.
    if end.count == u16::MAX || end.size == u32::MAX || end.start == u32::MAX {
        return not_zip(
            "it is a zip64 file, with more than 65534 entries or 4 GB; such archives are not read here",
        );
    }
    let start = u64::from(end.start);
    if start.checked_add(end.size.into()) != Some(at) {
        return not_zip("its directory is not where its end record says");
    }
    Ok((start, end.count))
}

/// The entries of an archive, one behind the other from the first octet of the file up to `end`, where the directory begins.
pub(crate) fn located(directory: &[u8], count: u16, end: u64) -> Result<Vec<Located>, ReadRefusal> {
    let mut rest = Reader(directory);
    let mut entries: Vec<Located> = Vec::new();
    for _ in 0..count {
        let from = directory.len().saturating_sub(rest.0.len());
        let Some(listed) = Listed::read(&mut rest) else {
            return not_zip("its directory is cut, in several parts, or comments on an entry");
        };
        let start = u64::from(listed.place);
        let follows = match entries.last_mut() {
            Some(before) => {
                before.end = start;
                before.start < start
            }
            None => start == 0,
        };
        if !follows || start > end {
            return not_zip("an entry is not where the directory says");
        }
        let listed_at = from..directory.len().saturating_sub(rest.0.len());
        entries.push(Located { name: listed.name.to_vec(), start, end, listed: listed_at });
    }
    if !rest.0.is_empty() || (entries.is_empty() && end != 0) {
        return not_zip("something stands behind its entries or their directory");
    }
    Ok(entries)
}

/// What an entry of an archive holds, of which these are all octets.
pub(crate) fn archived(directory: &[u8], entry: &Located, contents: &[u8]) -> Result<Vec<u8>, ReadRefusal> {
    let mut listed = Reader(directory.get(entry.listed.clone()).unwrap_or_default());
    let mut contents = Reader(contents);
    let Ok(place) = usize::try_from(entry.start) else { return not_zip("it is too long") };
    let entry = Entry::read(&mut listed, &mut contents, place)?;
    if !contents.0.is_empty() {
        return not_zip("something stands behind an entry");
    }
    if !is_gateways(&entry) {
        return not_zip("an entry is not packed as gateways do");
    }
    entry.unpack_as_it_is()
}

/// The file in its three pieces.
struct File<'z> {
    contents: &'z [u8],
    directory: &'z [u8],
    count: u16,
    comment: &'z [u8],
}

impl<'z> File<'z> {
    /// The end record stands where the one comment that is known leaves it, or there is no comment: no searching.
    fn of(bytes: &'z [u8]) -> Result<Self, ReadRefusal> {
        let body = bytes.strip_suffix(Packing::COMMENT.as_bytes()).unwrap_or(bytes);
        let comment = bytes.get(body.len()..).unwrap_or_default();
        let Some((before, end)) = body.len().checked_sub(END_BYTES).and_then(|at| body.split_at_checked(at))
        else {
            return not_zip("it is too short");
        };
        let Some(end) = End::read(&mut Reader(end)).filter(|end| usize::from(end.comment) == comment.len())
        else {
            return not_zip("it has no end record");
        };
        if usize::from(end.count) > ENTRIES_MAX {
            return Err(ReadRefusal::TooManyEntries { count: end.count.into() });
        }
        let pieces = usize::try_from(end.start).ok().and_then(|start| before.split_at_checked(start));
        match pieces {
            Some((contents, directory)) if u32::try_from(directory.len()) == Ok(end.size) => {
                Ok(Self { contents, directory, count: end.count, comment })
            }
            _ => not_zip("its directory is not where its end record says"),
        }
    }
}

struct End {
    count: u16,
    size: u32,
    start: u32,
    comment: u16,
}

impl End {
    fn read(record: &mut Reader<'_>) -> Option<Self> {
        record.mark(END)?;
        let (disks, here) = (record.long()?, record.short()?);
        let end = Self {
            count: record.short()?,
            size: record.long()?,
            start: record.long()?,
            comment: record.short()?,
        };
        (disks == 0 && here == end.count).then_some(end)
    }
}

/// An entry, with what its head and the directory agree about.
pub(super) struct Entry<'z> {
    pub(super) name: &'z str,
    pub(super) agreed: Agreed,
    pub(super) sums: Sums,
    pub(super) made_by: u16,
    pub(super) internal: u16,
    pub(super) external: u32,
    /// The extra fields of the directory and of the head.
    pub(super) extras: [&'z [u8]; 2],
    packed: &'z [u8],
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Agreed {
    pub(super) needed: u16,
    pub(super) flags: u16,
    pub(super) method: u16,
    pub(super) time: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Sums {
    checksum: u32,
    packed: u32,
    pub(super) length: u32,
}

impl<'z> Entry<'z> {
    /// Takes the next entry off both; `place` is how far the contents have been read.
    fn read(
        directory: &mut Reader<'z>,
        contents: &mut Reader<'z>,
        place: usize,
    ) -> Result<Self, ReadRefusal> {
        let Some(listed) = Listed::read(directory) else {
            return not_zip("its directory is cut, in several parts, or comments on an entry");
        };
        if usize::try_from(listed.place) != Ok(place) {
            return not_zip("an entry is not where the directory says");
        }
        let Some((head, packed)) = Head::read(contents, &listed) else {
            return not_zip("an entry is cut");
        };
        if head.agreed != listed.agreed || head.sums != listed.sums || head.name != listed.name {
            return not_zip("an entry and the directory disagree about it");
        }
        let is_plain =
            |name: &&str| name.len() <= NAME_BYTES_MAX && name.bytes().all(|byte| byte.is_ascii_graphic());
        let Some(name) = std::str::from_utf8(listed.name).ok().filter(is_plain) else {
            return not_zip(format!(
                "an entry has a name of more than {NAME_BYTES_MAX} octets, or one that is not plain"
            ));
        };
        Ok(Self {
            name,
            agreed: listed.agreed,
            sums: listed.sums,
            made_by: listed.made_by,
            internal: listed.internal,
            external: listed.external,
            extras: [listed.extra, head.extra],
            packed,
        })
    }

    fn unpack(&self) -> Result<Vec<u8>, ReadRefusal> {
        let odd = || ReadRefusal::NotZip(format!("the entry {} cannot be unpacked as it should", self.name));
        let octets = match self.agreed.method {
            STORED => self.packed.to_vec(),
            DEFLATED => self.inflate().ok_or_else(odd)?,
            _ => return not_zip("an entry is compressed in an unknown way"),
        };
        let mut checksum = Crc::new();
        checksum.update(&octets);
        if u32::try_from(octets.len()) != Ok(self.sums.length) || checksum.sum() != self.sums.checksum {
            return Err(odd());
        }
        if self.agreed.method == DEFLATED && hides_bits(self.packed, &octets) {
            return Err(ReadRefusal::Altered("something is hidden behind the compressed data of an entry"));
        }
        Ok(octets)
    }

    /// As [`Entry::unpack`], where nothing was compressed. There is one way to write that, but for the lengths of the blocks, so that every
    /// octet counts.
    fn unpack_as_it_is(&self) -> Result<Vec<u8>, ReadRefusal> {
        let octets = match self.agreed.method {
            STORED => Some(self.packed.to_vec()),
            DEFLATED => level_zero(self.packed),
            _ => None,
        };
        let mut checksum = Crc::new();
        octets.iter().for_each(|octets| checksum.update(octets));
        let whole = |octets: &Vec<u8>| {
            u32::try_from(octets.len()) == Ok(self.sums.length) && checksum.sum() == self.sums.checksum
        };
        octets.filter(whole).map_or_else(
            || not_zip(format!("the entry {} is compressed, or not what its checksum says", self.name)),
            Ok,
        )
    }

    fn inflate(&self) -> Option<Vec<u8>> {
        let bound = usize::try_from(self.sums.length).ok()?;
        let mut octets = Vec::new();
        let whole = inflate([self.packed, &[]], |piece| {
            octets.extend_from_slice(piece);
            octets.len() <= bound
        });
        whole.then_some(octets)
    }
}

/// Compressed data end within an octet, and what is left of it is zero: then the highest bit that is set means something, and without it
/// the data would not be the same.
fn hides_bits(packed: &[u8], octets: &[u8]) -> bool {
    let Some((last, before)) = packed.split_last().filter(|(last, _)| **last != 0) else { return false };
    let without = last & !(0x80_u8.wrapping_shr(last.leading_zeros()));
    let mut expected = octets;
    let same = inflate([before, &[without]], |piece| match expected.strip_prefix(piece) {
        Some(rest) => {
            expected = rest;
            true
        }
        None => false,
    });
    same && expected.is_empty()
}

/// Hands out piece by piece what the data of both slices unpack to. Whether they are one whole stream, to the last octet, and every piece
/// was taken.
fn inflate(packed: [&[u8]; 2], mut take: impl FnMut(&[u8]) -> bool) -> bool {
    let mut stream = Decompress::new(false);
    let mut piece = vec![0_u8; PIECE_BYTES];
    let mut ended = false;
    for mut rest in packed {
        while !ended {
            let (read, written) = (stream.total_in(), stream.total_out());
            let Ok(status) = stream.decompress(rest, &mut piece, FlushDecompress::None) else { return false };
            ended = status == Status::StreamEnd;
            let since = |total: u64, before| usize::try_from(total.saturating_sub(before)).ok();
            let read = since(stream.total_in(), read);
            let written = since(stream.total_out(), written).and_then(|written| piece.get(..written));
            let (Some(read), Some(written)) = (read, written) else { return false };
            if !take(written) {
                return false;
            }
            rest = rest.get(read..).unwrap_or_default();
            if read == 0 && written.is_empty() {
                break;
            }
        }
        if !rest.is_empty() {
            return false;
        }
    }
    ended
}

/// What "compressed" data say that are nothing but stored blocks, each with its length and the opposite of it.
fn level_zero(packed: &[u8]) -> Option<Vec<u8>> {
    let mut rest = Reader(packed);
    let mut octets = Vec::with_capacity(packed.len());
    loop {
        let last = match rest.take(1)? {
            [0] => false,
            [1] => true,
            _ => return None,
        };
        let (length, opposite) = (rest.short()?, rest.short()?);
        if length != !opposite {
            return None;
        }
        octets.extend_from_slice(rest.take(length.into())?);
        if last {
            return rest.0.is_empty().then_some(octets);
        }
    }
}

/// What the directory says of an entry.
struct Listed<'z> {
    made_by: u16,
    agreed: Agreed,
    sums: Sums,
    internal: u16,
    external: u32,
    place: u32,
    name: &'z [u8],
    extra: &'z [u8],
}

impl<'z> Listed<'z> {
    fn read(directory: &mut Reader<'z>) -> Option<Self> {
        directory.mark(CENTRAL)?;
        let made_by = directory.short()?;
        let (agreed, sums) = (directory.agreed()?, directory.sums()?);
        let (name, extra) = (directory.short()?, directory.short()?);
        let (comment, disk) = (directory.short()?, directory.short()?);
        let (internal, external, place) = (directory.short()?, directory.long()?, directory.long()?);
        let (name, extra) = (directory.take(name.into())?, directory.take(extra.into())?);
        let listed = Self { made_by, agreed, sums, internal, external, place, name, extra };
        (comment == 0 && disk == 0).then_some(listed)
    }
}

/// What stands before, and when it was streamed also behind, the data of an entry.
struct Head<'z> {
    agreed: Agreed,
    sums: Sums,
    name: &'z [u8],
    extra: &'z [u8],
}

impl<'z> Head<'z> {
    fn read(contents: &mut Reader<'z>, listed: &Listed<'_>) -> Option<(Self, &'z [u8])> {
        contents.mark(LOCAL)?;
        let agreed = contents.agreed()?;
        let mut sums = contents.sums()?;
        let (name, extra) = (contents.short()?, contents.short()?);
        let (name, extra) = (contents.take(name.into())?, contents.take(extra.into())?);
        let packed = contents.take(usize::try_from(listed.sums.packed).ok()?)?;
        if agreed.flags == STREAMED {
            if sums != (Sums { checksum: 0, packed: 0, length: 0 }) {
                return None;
            }
            contents.mark(DESCRIPTOR)?;
            sums = contents.sums()?;
        }
        Some((Self { agreed, sums, name, extra }, packed))
    }
}

/// What is still to be read.
struct Reader<'z>(&'z [u8]);

impl<'z> Reader<'z> {
    fn take(&mut self, count: usize) -> Option<&'z [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn mark(&mut self, mark: &[u8]) -> Option<()> {
        (self.take(mark.len())? == mark).then_some(())
    }

    fn short(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes(self.take(2)?.try_into().ok()?))
    }

    fn long(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn agreed(&mut self) -> Option<Agreed> {
        let (needed, flags) = (self.short()?, self.short()?);
        Some(Agreed { needed, flags, method: self.short()?, time: self.long()? })
    }

    fn sums(&mut self) -> Option<Sums> {
        Some(Sums { checksum: self.long()?, packed: self.long()?, length: self.long()? })
    }
}
