//! The lexical cut of an XML document at the texts that are worth storing apart.
//!
//! This is no XML parser and need not be one: whatever it makes of the bytes, segments and texts joined again are the
//! document. What it does not understand it leaves uncut.

use super::Hole;
use super::text::Form;
use super::varint;

/// Elements nest less deeply than this in every document that the message log stores; deeper ones stay raw.
const DEPTH_MAX: usize = 32;
/// Holes of one document; a document with more (a chain of a thousand parts) stays raw.
const HOLES_MAX: usize = 1024;

/// What becomes of a text.
enum Fate {
    /// Stays in the skeleton: it repeats together with the markup.
    Stay,
    /// Leaves the skeleton and stands in the record: it is new each time.
    Leave,
    /// Leaves the skeleton and is shared: it repeats, but not in step with the markup.
    Share,
}

/// Decides by the names of the element and its parent (local names: prefixes differ from writer to writer).
fn fate(parent: &[u8], element: &[u8]) -> Fate {
    match element {
        b"SignatureValue" | b"SigningTime" | b"EncapsulatedTimeStamp" => Fate::Leave,
        // The digests of the certificate and of the policy are the same in every signature of a signer.
        b"DigestValue" if parent == b"CertDigest" || parent == b"SigPolicyHash" => Fate::Stay,
        b"DigestValue" => Fate::Leave,
        b"X509Certificate"
        | b"EncapsulatedX509Certificate"
        | b"EncapsulatedOCSPValue"
        | b"EncapsulatedCRLValue" => Fate::Share,
        _ => Fate::Stay,
    }
}

/// Segments (always one more than holes) and holes; `None` when the document is not of a kind that is cut.
pub(crate) fn cut(document: &[u8]) -> Option<(Vec<&[u8]>, Vec<Hole>)> {
    let mut segments = Vec::new();
    let mut holes = Vec::new();
    let mut open: Vec<&[u8]> = Vec::new();
    let mut segment_start = 0usize;
    let mut at = 0usize;
    while let Some(length) = document.get(at..)?.iter().position(|byte| *byte == b'<') {
        let text_end = at.checked_add(length)?;
        if let Some((from, to, hole)) = hole_between(document, at, text_end, &open) {
            segments.push(document.get(segment_start..from)?);
            holes.push(hole);
            segment_start = to;
        }
        if holes.len() > HOLES_MAX {
            return None;
        }
        at = text_end.checked_add(markup(document.get(text_end..)?, &mut open)?)?;
    }
    segments.push(document.get(segment_start..)?);
    (!holes.is_empty()).then_some((segments, holes))
}

/// The hole that the text from `start` to `end` makes, with its bounds without white space.
fn hole_between(document: &[u8], start: usize, end: usize, open: &[&[u8]]) -> Option<(usize, usize, Hole)> {
    let (element, above) = open.split_last()?;
    let shared = match fate(above.last().copied().unwrap_or_default(), element) {
        Fate::Stay => return None,
        Fate::Leave => false,
        Fate::Share => true,
    };
    let text = document.get(start..end)?;
    let from = start.checked_add(text.len().checked_sub(text.trim_ascii_start().len())?)?;
    let trimmed = text.trim_ascii();
    if trimmed.is_empty() {
        return None;
    }
    let (form, bytes) = Form::of(trimmed);
    Some((from, from.checked_add(trimmed.len())?, Hole { form, shared, bytes }))
}

/// Steps over one piece of markup and keeps the open elements; gives its length.
fn markup<'a>(rest: &'a [u8], open: &mut Vec<&'a [u8]>) -> Option<usize> {
    if rest.starts_with(b"<!--") {
        return until(rest, b"-->");
    }
    if rest.starts_with(b"<?") {
        return until(rest, b"?>");
    }
    if rest.starts_with(b"<!") {
        return None;
    }
    let length = tag_length(rest)?;
    let inside = rest.get(1..length.checked_sub(1)?)?;
    if inside.starts_with(b"/") {
        open.pop()?;
    } else if !inside.ends_with(b"/") {
        if open.len() >= DEPTH_MAX {
            return None;
        }
        let name = inside.split(u8::is_ascii_whitespace).next()?;
        open.push(name.rsplit(|byte| *byte == b':').next()?);
    }
    Some(length)
}

/// The length of a tag that begins `rest`; a `>` inside a quoted value does not end it.
fn tag_length(rest: &[u8]) -> Option<usize> {
    let mut quote = None;
    for (position, byte) in rest.iter().enumerate() {
        match (quote, *byte) {
            (None, b'"' | b'\'') => quote = Some(*byte),
            (None, b'>') => return position.checked_add(1),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
    }
    None
}

/// The length up to and including `end`.
fn until(rest: &[u8], end: &[u8]) -> Option<usize> {
    rest.windows(end.len()).position(|seen| seen == end)?.checked_add(end.len())
}

/// The skeleton's bytes: each segment with its length before it.
pub(crate) fn join_skeleton(segments: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for segment in segments {
        varint::put_bytes(&mut out, segment);
    }
    out
}

/// The document again: segments and texts by turns; `None` when their numbers do not fit.
pub(crate) fn fill(skeleton: &[u8], texts: &[Vec<u8>]) -> Option<Vec<u8>> {
    let mut rest = skeleton;
    let mut out = varint::take_bytes(&mut rest)?.to_vec();
    for text in texts {
        out.extend_from_slice(text);
        out.extend_from_slice(varint::take_bytes(&mut rest)?);
    }
    rest.is_empty().then_some(out)
}
