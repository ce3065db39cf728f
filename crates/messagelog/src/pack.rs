//! Documents cut into what repeats (stored once, by content) and what does not (stored compactly), rebuilt byte for byte.
//!
//! A signature document of a live server is about 8 KB, of which some 450 bytes are new in each message: two digests,
//! the signature value, the signing time. The rest is markup, certificates and OCSP answers that hundreds of messages
//! share. A document is therefore cut lexically at chosen text nodes into a *skeleton* and its *holes*. Nothing is
//! interpreted on the way back: segments and holes are joined. [`pack`] proves this for every document before it is
//! stored and falls back to the raw bytes where it does not hold.

pub(crate) mod cut;
pub(crate) mod recent;
pub(crate) mod text;
pub(crate) mod varint;

#[cfg(test)]
mod tests;

use text::Form;

/// Leading byte of an encoded document: the bytes follow as they are.
const RAW: u8 = 0;
/// Leading byte of an encoded document: skeleton reference and holes follow.
const CUT: u8 = 1;
/// Marks a hole whose content lies in the shared table.
const SHARED: u8 = 0x80;

/// One hole of a skeleton: the content in its stored form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hole {
    /// How the stored bytes become text again.
    pub(crate) form: Form,
    /// Whether the content is stored once for all documents.
    pub(crate) shared: bool,
    /// The stored bytes.
    pub(crate) bytes: Vec<u8>,
}

/// A document ready to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Packed {
    /// As it is.
    Raw(Vec<u8>),
    /// Cut: the skeleton (see [`cut::join_skeleton`]) is shared, holes as they say.
    Cut {
        /// The segments between the holes, each with its length before it.
        skeleton: Vec<u8>,
        /// What stands between the segments.
        holes: Vec<Hole>,
    },
}

impl Packed {
    /// The document again. What could be cut gives it back: that was seen when it was cut.
    pub(crate) fn whole(&self) -> Vec<u8> {
        match self {
            Self::Raw(bytes) => bytes.clone(),
            Self::Cut { skeleton, holes } => {
                let texts = holes.iter().map(|hole| hole.form.text_of(&hole.bytes)).collect::<Vec<_>>();
                cut::fill(skeleton, &texts).unwrap_or_default()
            }
        }
    }
}

/// Cuts an XML document; raw when it cannot be cut or would not come back byte for byte.
pub(crate) fn pack(document: &[u8]) -> Packed {
    let Some((segments, holes)) = cut::cut(document) else {
        return Packed::Raw(document.to_vec());
    };
    proven(document, cut::join_skeleton(&segments), holes)
}

/// Cuts one known part (the authority's certificate) out of a time-stamp token, so that it is stored once.
pub(crate) fn pack_around(document: &[u8], part: &[u8]) -> Packed {
    let found =
        if part.is_empty() { None } else { document.windows(part.len()).position(|seen| seen == part) };
    let Some(start) = found else {
        return Packed::Raw(document.to_vec());
    };
    let (before, rest) = document.split_at(start);
    let (part, after) = rest.split_at(part.len());
    let holes = vec![
        Hole { form: Form::Text, shared: false, bytes: before.to_vec() },
        Hole { form: Form::Text, shared: true, bytes: part.to_vec() },
        Hole { form: Form::Text, shared: false, bytes: after.to_vec() },
    ];
    proven(document, cut::join_skeleton(&[&[], &[], &[], &[]]), holes)
}

/// The round trip: what is stored must give back the document, or the document itself is stored.
fn proven(document: &[u8], skeleton: Vec<u8>, holes: Vec<Hole>) -> Packed {
    let texts = holes.iter().map(|hole| hole.form.text_of(&hole.bytes)).collect::<Vec<_>>();
    match cut::fill(&skeleton, &texts) {
        Some(rebuilt) if rebuilt == document => Packed::Cut { skeleton, holes },
        Some(_) | None => Packed::Raw(document.to_vec()),
    }
}

/// The bytes of the record's column. `share` stores a content once and gives its number.
pub(crate) fn encode<F>(
    packed: &Packed,
    mut share: impl FnMut(&[u8]) -> Result<u64, F>,
) -> Result<Vec<u8>, F> {
    let mut out = Vec::new();
    match packed {
        Packed::Raw(bytes) => {
            out.push(RAW);
            out.extend_from_slice(bytes);
        }
        Packed::Cut { skeleton, holes } => {
            out.push(CUT);
            varint::put(&mut out, share(skeleton)?);
            for hole in holes {
                if hole.shared {
                    out.push(hole.form.tag() | SHARED);
                    varint::put(&mut out, share(&hole.bytes)?);
                } else {
                    out.push(hole.form.tag());
                    varint::put_bytes(&mut out, &hole.bytes);
                }
            }
        }
    }
    Ok(out)
}

/// Why a stored document could not be rebuilt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DecodeFailure<F> {
    /// The stored bytes are not what [`encode`] writes.
    Broken,
    /// A shared content could not be had.
    Shared(F),
}

/// The document again. `shared` gives the content of a number.
pub(crate) fn decode<F>(
    stored: &[u8],
    mut shared: impl FnMut(u64) -> Result<Vec<u8>, F>,
) -> Result<Vec<u8>, DecodeFailure<F>> {
    let (kind, mut rest) = stored.split_first().ok_or(DecodeFailure::Broken)?;
    match *kind {
        RAW => return Ok(rest.to_vec()),
        CUT => {}
        _ => return Err(DecodeFailure::Broken),
    }
    let number = varint::take(&mut rest).ok_or(DecodeFailure::Broken)?;
    let skeleton = shared(number).map_err(DecodeFailure::Shared)?;
    let mut texts = Vec::new();
    while let Some((tag, after)) = rest.split_first() {
        rest = after;
        let form = Form::of_tag(tag & !SHARED).ok_or(DecodeFailure::Broken)?;
        if tag & SHARED == 0 {
            let bytes = varint::take_bytes(&mut rest).ok_or(DecodeFailure::Broken)?;
            texts.push(form.text_of(bytes));
        } else {
            let number = varint::take(&mut rest).ok_or(DecodeFailure::Broken)?;
            texts.push(form.text_of(&shared(number).map_err(DecodeFailure::Shared)?));
        }
    }
    cut::fill(&skeleton, &texts).ok_or(DecodeFailure::Broken)
}
