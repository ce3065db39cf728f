//! A service's compressed body is unpacked before it is signed, as X-Road does (data-plane 4.10).

use crate::error::Refusal;
use bytes::Bytes;
use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use std::io::Write as _;

/// Unpacks chunk by chunk.
#[derive(Debug, Default)]
pub(crate) enum Unpacker {
    /// Not compressed, or in a coding that passes through.
    #[default]
    Plain,
    /// `gzip`, `x-gzip`.
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
    /// `deflate`, before its first byte tells which of its two forms it has.
    DeflateUnknown,
    /// `deflate` with the zlib wrapper.
    Zlib(Box<ZlibDecoder<Vec<u8>>>),
    /// `deflate` without it.
    Raw(Box<DeflateDecoder<Vec<u8>>>),
}

impl Unpacker {
    /// By the value of `Content-Encoding`.
    pub(crate) fn new(coding: Option<&[u8]>) -> Self {
        match coding.map(|c| c.trim_ascii().to_ascii_lowercase()).as_deref() {
            Some(b"gzip" | b"x-gzip") => Self::Gzip(Box::new(MultiGzDecoder::new(Vec::new()))),
            Some(b"deflate") => Self::DeflateUnknown,
            Some(_) | None => Self::Plain,
        }
    }

    /// Whether the body changes on its way.
    pub(crate) const fn unpacks(&self) -> bool {
        !matches!(self, Self::Plain)
    }

    /// Takes a chunk and gives what it unpacks to.
    pub(crate) fn push(&mut self, chunk: Bytes) -> Result<Bytes, Refusal> {
        if let (Self::DeflateUnknown, Some(first)) = (&self, chunk.first()) {
            // RFC 1950: the low four bits of the first byte say 8.
            *self = if first & 0x0f == 8 {
                Self::Zlib(Box::new(ZlibDecoder::new(Vec::new())))
            } else {
                Self::Raw(Box::new(DeflateDecoder::new(Vec::new())))
            };
        }
        let unpacked = match self {
            Self::Plain | Self::DeflateUnknown => return Ok(chunk),
            Self::Gzip(decoder) => decoder.write_all(&chunk).map(|()| std::mem::take(decoder.get_mut())),
            Self::Zlib(decoder) => decoder.write_all(&chunk).map(|()| std::mem::take(decoder.get_mut())),
            Self::Raw(decoder) => decoder.write_all(&chunk).map(|()| std::mem::take(decoder.get_mut())),
        };
        unpacked.map(Bytes::from).map_err(|_| broken())
    }

    /// What is left at the end; a stream that is cut is refused.
    pub(crate) fn finish(self) -> Result<Bytes, Refusal> {
        let rest = match self {
            Self::Plain | Self::DeflateUnknown => return Ok(Bytes::new()),
            Self::Gzip(decoder) => decoder.finish(),
            Self::Zlib(decoder) => decoder.finish(),
            Self::Raw(decoder) => decoder.finish(),
        };
        rest.map(Bytes::from).map_err(|_| broken())
    }
}

fn broken() -> Refusal {
    Refusal::ServiceIo("The service's compressed answer is broken".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;

    fn unpack(coding: &str, packed: &[u8], step: usize) -> Result<Vec<u8>, Refusal> {
        let mut unpacker = Unpacker::new(Some(coding.as_bytes()));
        let mut out = Vec::new();
        for chunk in packed.chunks(step) {
            out.extend_from_slice(&unpacker.push(Bytes::copy_from_slice(chunk))?);
        }
        out.extend_from_slice(&unpacker.finish()?);
        Ok(out)
    }

    #[test]
    fn unpacks_each_coding_in_any_chunks() {
        let text = b"a person's record, a person's record".repeat(50);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(&text).unwrap();
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(&text).unwrap();
        let mut raw = flate2::write::DeflateEncoder::new(Vec::new(), Compression::default());
        raw.write_all(&text).unwrap();
        for (coding, packed) in [
            ("gzip", gzip.finish().unwrap()),
            ("deflate", zlib.finish().unwrap()),
            ("Deflate", raw.finish().unwrap()),
        ] {
            for step in [1, 7, 10_000] {
                assert_eq!(unpack(coding, &packed, step).unwrap(), text, "{coding} {step}");
            }
            assert!(unpack(coding, &packed[..packed.len() - 9], 10_000).is_err(), "{coding} cut");
        }
        assert_eq!(unpack("br", b"as it is", 3).unwrap(), b"as it is");
    }
}
