//! How a zip file is packed. No signature reaches that, so a file with the comment that gateways write must be packed as a gateway packs
//! it, in every field: one changed octet anywhere is noticed. A file without it was packed anew by somebody else's program and is
//! judged by its contents; the dates and owners that such a program notes are read by nobody.

use super::unzip::{DEFLATED, Entry, STORED, STREAMED};

/// `version made by`: MS-DOS as Java says, Unix as we say.
const BY_JAVA: u16 = 20;
pub(super) const BY_US: u16 = 3 << 8;
/// A plain file that its owner may write and everybody read.
pub(super) const PLAIN_FILE: u32 = 0o100_644 << 16;
/// `version needed to extract` what is stored.
pub(super) const NEEDED_TO_STORE: u16 = 10;
const NEEDED_TO_INFLATE: u16 = 20;
/// Bits of the flags that say how hard was compressed, and that names are UTF-8.
const HARMLESS: u16 = 0x0806;
/// The extra fields of Info-ZIP: times, and numbers of owner and group.
const TIMES: &[u8] = b"UT";
const OWNER: &[u8] = b"ux";

/// Who packed it, as far as has been seen.
pub(super) enum Packing<'z> {
    /// A gateway; no entry has been seen yet.
    Gateway,
    /// X-Road's gateway: Java streams each entry, and dates all alike.
    Java { time: u32, extra: &'z [u8] },
    /// Ours: nothing is compressed, each entry is written when it is complete.
    Ours { time: u32 },
    /// Anybody.
    Anew,
}

impl<'z> Packing<'z> {
    /// The comment that gateways write: the media type once more.
    pub(super) const COMMENT: &'static str = "mimetype=application/vnd.etsi.asic-e+zip";

    pub(super) const fn of(comment: &[u8]) -> Self {
        if comment.is_empty() { Self::Anew } else { Self::Gateway }
    }

    /// Says what is odd about the next entry.
    pub(super) fn check(&mut self, entry: &Entry<'z>) -> Result<(), &'static str> {
        if let Self::Gateway = self {
            let time = entry.agreed.time;
            let [extra, _] = entry.extras;
            *self =
                if entry.agreed.flags == STREAMED { Self::Java { time, extra } } else { Self::Ours { time } };
        }
        let fits = match self {
            Self::Java { time, extra } => by_java(entry, *time, extra),
            Self::Ours { time } => by_us(entry, *time),
            Self::Anew | Self::Gateway => by_anybody(entry),
        };
        if fits { Ok(()) } else { Err("an entry is not packed as gateways do") }
    }
}

fn by_java(entry: &Entry<'_>, time: u32, extra: &[u8]) -> bool {
    entry.agreed.flags == STREAMED
        && entry.agreed.method == DEFLATED
        && (entry.agreed.needed, entry.made_by) == (NEEDED_TO_INFLATE, BY_JAVA)
        && (entry.internal, entry.external) == (0, 0)
        && entry.agreed.time == time
        && entry.extras == [extra; 2]
        // The time once more, to the second.
        && (extra.is_empty() || (extra.len() == 9 && extra.starts_with(b"UT\x05\x00\x01")))
        && !entry.name.ends_with('/')
}

fn by_us(entry: &Entry<'_>, time: u32) -> bool {
    (entry.agreed.flags, entry.agreed.method) == (0, STORED)
        && (entry.agreed.needed, entry.made_by) == (NEEDED_TO_STORE, BY_US | NEEDED_TO_STORE)
        && (entry.internal, entry.external) == (0, PLAIN_FILE)
        && entry.agreed.time == time
        && entry.extras == [b"".as_slice(); 2]
        && !entry.name.ends_with('/')
}

fn by_anybody(entry: &Entry<'_>) -> bool {
    let streamed = entry.agreed.flags == STREAMED && entry.agreed.method == DEFLATED;
    (streamed || entry.agreed.flags & !HARMLESS == 0)
        && matches!(entry.agreed.needed, NEEDED_TO_STORE | NEEDED_TO_INFLATE)
        && entry.extras.into_iter().all(is_times_and_owner)
        && (!entry.name.ends_with('/') || (entry.name == "META-INF/" && entry.sums.length == 0))
        && is_file_or_folder(entry)
}

/// Not a link or a device: programs that unpack would make one. Many note no kind at all.
fn is_file_or_folder(entry: &Entry<'_>) -> bool {
    match entry.external >> 28 {
        0 | 8 => true,
        kind => kind == 4 && entry.name.ends_with('/'),
    }
}

/// Whether a gateway packed this entry of an archive, in which each entry has its own date.
pub(super) fn is_gateways(entry: &Entry<'_>) -> bool {
    Packing::Gateway.check(entry).is_ok()
}

/// Whether an extra field holds nothing but what Info-ZIP notes, each once.
fn is_times_and_owner(extra: &[u8]) -> bool {
    let rest = without(extra, TIMES, &[5, 9, 13]).unwrap_or(extra);
    without(rest, OWNER, &[11]).unwrap_or(rest).is_empty()
}

/// What follows a field of this mark and one of these lengths.
fn without<'z>(extra: &'z [u8], mark: &[u8], lengths: &[u16]) -> Option<&'z [u8]> {
    let (length, rest) = extra.strip_prefix(mark)?.split_at_checked(2)?;
    let length = u16::from_le_bytes(length.try_into().ok()?);
    if lengths.contains(&length) { rest.get(length.into()..) } else { None }
}
