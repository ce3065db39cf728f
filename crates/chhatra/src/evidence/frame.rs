//! The zip file around the evidence. No signature reaches it, so a file that a gateway has written must be packed as a gateway packs
//! it, in every field: one changed octet anywhere is noticed. A file that somebody has packed anew (it lacks the comment that
//! gateways write) is judged by its contents alone.

use signature::container::{AsicContainer, MEDIA_TYPE};

const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
const DESCRIPTOR: u32 = 0x0807_4b50;
const LOCAL_BYTES: usize = 30;
const CENTRAL_BYTES: usize = 46;
const END_BYTES: usize = 22;
const DESCRIPTOR_BYTES: usize = 16;
/// Java writes an entry before it knows its length (bit 3), with names in UTF-8 (bit 11).
const STREAMED: u32 = 0x0808;

/// Why the packing is odd.
pub(super) type Odd = &'static str;

/// Whether the file is packed as a gateway packs it, or was packed anew by somebody else.
pub(super) fn check(bytes: &[u8], container: &AsicContainer) -> Result<(), Odd> {
    let frame = Frame(bytes);
    let comment = format!("mimetype={MEDIA_TYPE}");
    let Some(end) = bytes.len().checked_sub(END_BYTES.saturating_add(comment.len())) else {
        return packed_anew(&frame);
    };
    if frame.number(end, 4) != Some(END) || !bytes.ends_with(comment.as_bytes()) {
        return packed_anew(&frame);
    }
    let odd = "its directory is not as a gateway writes it";
    let (count, size, start) = (frame.at(end, 10, 2)?, frame.at(end, 12, 4)?, frame.at(end, 16, 4)?);
    let length = u32::try_from(comment.len()).unwrap_or_default();
    let same = frame.at(end, 4, 4)? == 0
        && frame.at(end, 8, 2)? == count
        && frame.at(end, 20, 2)? == length
        && usize::try_from(u64::from(start).saturating_add(size.into())) == Ok(end);
    if !same {
        return Err(odd);
    }
    let start = usize::try_from(start).map_err(|_| odd)?;
    let shape = Shape::of(&frame, start)?;
    let (mut central, mut local) = (start, 0);
    for _ in 0..count {
        shape.check_central(&frame, central, local)?;
        local = shape.check_local(&frame, central, local, container)?;
        central = frame.after(central, CENTRAL_BYTES, &[28, 30, 32])?;
    }
    if central == end && local == start { Ok(()) } else { Err(odd) }
}

/// Without any comment it is not a gateway's file, and does not pretend to be.
fn packed_anew(frame: &Frame<'_>) -> Result<(), Odd> {
    let end = frame.0.len().checked_sub(END_BYTES);
    if end.and_then(|end| frame.number(end, 4)) == Some(END) {
        Ok(())
    } else {
        Err("its comment is not the one that gateways write")
    }
}

/// The file as numbers, little end first.
struct Frame<'a>(&'a [u8]);

impl Frame<'_> {
    fn number(&self, at: usize, octets: usize) -> Option<u32> {
        let found = self.0.get(at..at.checked_add(octets)?)?;
        Some(found.iter().rev().fold(0, |number, octet| (number << 8) | u32::from(*octet)))
    }

    fn at(&self, record: usize, field: usize, octets: usize) -> Result<u32, Odd> {
        self.number(record.saturating_add(field), octets).ok_or("it is cut")
    }

    /// Where a record ends that has so many fixed octets and these lengths of variable ones.
    fn after(&self, record: usize, fixed: usize, lengths: &[usize]) -> Result<usize, Odd> {
        let mut end = record.saturating_add(fixed);
        for field in lengths {
            end = end.saturating_add(usize::try_from(self.at(record, *field, 2)?).unwrap_or(usize::MAX));
        }
        Ok(end)
    }

    fn extra(&self, record: usize, fixed: usize, lengths: [usize; 2]) -> Result<&[u8], Odd> {
        let [name, extra] = lengths;
        let from = self.after(record, fixed, &[name])?;
        let to = self.after(record, fixed, &[name, extra])?;
        self.0.get(from..to).ok_or("it is cut")
    }
}

/// How one writer packs all its entries.
struct Shape<'a> {
    streamed: bool,
    flags: u32,
    /// The system in `version made by`.
    system: u32,
    attributes: u32,
    time: u32,
    extra: &'a [u8],
}

impl<'a> Shape<'a> {
    /// X-Road's gateways stream with Java; ours write each entry when it is complete.
    fn of(frame: &Frame<'a>, first: usize) -> Result<Self, Odd> {
        let streamed = frame.at(first, 8, 2)? == STREAMED;
        let from = frame.after(first, CENTRAL_BYTES, &[28])?;
        let to = frame.after(first, CENTRAL_BYTES, &[28, 30])?;
        Ok(Self {
            streamed,
            flags: if streamed { STREAMED } else { 0 },
            system: if streamed { 0 } else { 3 },
            attributes: if streamed { 0 } else { 0o100_644 << 16 },
            time: frame.at(first, 12, 4)?,
            extra: if streamed { frame.0.get(from..to).ok_or("it is cut")? } else { &[] },
        })
    }

    fn check_central(&self, frame: &Frame<'_>, at: usize, local: usize) -> Result<(), Odd> {
        let (made, needed, method) = (frame.at(at, 4, 2)?, frame.at(at, 6, 2)?, frame.at(at, 10, 2)?);
        let fits = frame.at(at, 0, 4)? == CENTRAL
            && made == (self.system << 8 | needed)
            && needed == if method == 0 { 10 } else { 20 }
            && frame.at(at, 8, 2)? == self.flags
            && frame.at(at, 12, 4)? == self.time
            && frame.at(at, 32, 2)? == 0
            && frame.at(at, 34, 4)? == 0
            && frame.at(at, 38, 4)? == self.attributes
            && usize::try_from(frame.at(at, 42, 4)?) == Ok(local)
            && frame.extra(at, CENTRAL_BYTES, [28, 30])? == self.extra;
        if fits { Ok(()) } else { Err("an entry of its directory is not as a gateway writes it") }
    }

    /// Gives where the entry ends.
    fn check_local(
        &self,
        frame: &Frame<'_>,
        central: usize,
        at: usize,
        container: &AsicContainer,
    ) -> Result<usize, Odd> {
        let odd = Err("the head of an entry is not as a gateway writes it");
        // Version, flags, method, time stand in both, two octets further on in the directory.
        for field in [4_usize, 6, 8, 10, 12] {
            if frame.at(at, field, 2)? != frame.at(central, field.saturating_add(2), 2)? {
                return odd;
            }
        }
        let extra = frame.extra(at, LOCAL_BYTES, [26, 28])?;
        if frame.at(at, 0, 4)? != LOCAL || extra != self.extra {
            return odd;
        }
        for field in [14_usize, 18, 22] {
            let expected = if self.streamed { 0 } else { frame.at(central, field.saturating_add(2), 4)? };
            if frame.at(at, field, 4)? != expected {
                return odd;
            }
        }
        let length = usize::try_from(frame.at(central, 20, 4)?).unwrap_or(usize::MAX);
        let end = frame.after(at, LOCAL_BYTES, &[26, 28])?.saturating_add(length);
        if frame.at(at, 8, 2)? != 0 {
            check_padding(frame.0, end, container)?;
        }
        if !self.streamed {
            return Ok(end);
        }
        let same = (frame.at(end, 0, 4)?, frame.at(end, 4, 4)?, frame.at(end, 8, 4)?, frame.at(end, 12, 4)?)
            == (DESCRIPTOR, frame.at(central, 16, 4)?, frame.at(central, 20, 4)?, frame.at(central, 24, 4)?);
        if same { Ok(end.saturating_add(DESCRIPTOR_BYTES)) } else { odd }
    }
}

/// Compressed data end within an octet; what is left of it is zero. The highest bit that is set has to mean something: without it the
/// contents must not be the same.
fn check_padding(bytes: &[u8], end: usize, container: &AsicContainer) -> Result<(), Odd> {
    let Some(last) = end.checked_sub(1) else { return Ok(()) };
    let mut without = bytes.to_vec();
    let Some(octet) = without.get_mut(last).filter(|octet| **octet != 0) else { return Ok(()) };
    *octet &= !(0x80_u8.wrapping_shr(octet.leading_zeros()));
    match AsicContainer::read(&without) {
        Ok(read) if read == *container => Err("something is hidden behind the compressed data of an entry"),
        Ok(_) | Err(_) => Ok(()),
    }
}
