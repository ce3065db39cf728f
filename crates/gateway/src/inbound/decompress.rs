//! A service's compressed body is unpacked before it is signed, as X-Road does (data-plane 4.10).

use crate::error::Refusal;
use bytes::{Buf as _, Bytes};
use flate2::bufread::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use std::io::{self, BufRead, ErrorKind, Read};

/// The longest unpacked piece: a short packed chunk can hold a thousand times its length.
const PIECE_BYTES_MAX: usize = 64 * 1024;

/// Unpacks piece by piece: packed chunks are given in, unpacked pieces taken out until there is none.
#[derive(Debug, Default)]
pub(crate) struct Unpacker {
    coding: Coding,
    /// Where a piece is unpacked.
    room: Vec<u8>,
    /// The packed stream has ended itself; what follows it counts for nothing.
    over: bool,
}

#[derive(Debug)]
enum Coding {
    /// Not compressed, or in a coding that passes through.
    Plain(Packed),
    /// `gzip`, `x-gzip`.
    Gzip(Box<MultiGzDecoder<Packed>>),
    /// `deflate`, before its first byte tells which of its two forms it has.
    DeflateUnknown(Packed),
    /// `deflate` with the zlib wrapper.
    Zlib(Box<ZlibDecoder<Packed>>),
    /// `deflate` without it.
    Raw(Box<DeflateDecoder<Packed>>),
}

impl Default for Coding {
    fn default() -> Self {
        Self::Plain(Packed::default())
    }
}

/// What came from the service and is not unpacked yet.
#[derive(Debug, Default)]
struct Packed {
    chunk: Bytes,
    ended: bool,
}

impl BufRead for Packed {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.chunk.is_empty() && !self.ended {
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(&self.chunk)
    }

    fn consume(&mut self, amount: usize) {
        self.chunk.advance(amount.min(self.chunk.len()));
    }
}

impl Read for Packed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

impl Unpacker {
    /// By the value of `Content-Encoding`.
    pub(crate) fn new(coding: Option<&[u8]>) -> Self {
        let packed = Packed::default();
        let coding = match coding.map(|c| c.trim_ascii().to_ascii_lowercase()).as_deref() {
            Some(b"gzip" | b"x-gzip") => Coding::Gzip(Box::new(MultiGzDecoder::new(packed))),
            Some(b"deflate") => Coding::DeflateUnknown(packed),
            Some(_) | None => Coding::Plain(packed),
        };
        Self { coding, ..Self::default() }
    }

    /// Whether the body changes on its way.
    pub(crate) const fn unpacks(&self) -> bool {
        !matches!(self.coding, Coding::Plain(_))
    }

    /// Gives the next chunk in, when [`Self::next`] has no more.
    pub(crate) fn push(&mut self, chunk: Bytes) {
        if let (Coding::DeflateUnknown(_), Some(first)) = (&self.coding, chunk.first()) {
            let packed = Packed::default();
            // RFC 1950: the low four bits of the first byte say 8.
            self.coding = if first & 0x0f == 8 {
                Coding::Zlib(Box::new(ZlibDecoder::new(packed)))
            } else {
                Coding::Raw(Box::new(DeflateDecoder::new(packed)))
            };
        }
        self.packed().chunk = chunk;
    }

    /// No chunk follows.
    pub(crate) fn end(&mut self) {
        self.packed().ended = true;
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.packed().ended
    }

    /// The next unpacked piece; `None` when another chunk is needed, or when all is unpacked. A stream that is cut is refused.
    pub(crate) fn next(&mut self) -> Result<Option<Bytes>, Refusal> {
        if self.over {
            return Ok(None);
        }
        self.room.resize(if self.unpacks() { PIECE_BYTES_MAX } else { 0 }, 0);
        let unpacked = match &mut self.coding {
            Coding::Plain(packed) | Coding::DeflateUnknown(packed) => {
                let chunk = std::mem::take(&mut packed.chunk);
                return Ok((!chunk.is_empty()).then_some(chunk));
            }
            Coding::Gzip(decoder) => decoder.read(&mut self.room),
            Coding::Zlib(decoder) => decoder.read(&mut self.room),
            Coding::Raw(decoder) => decoder.read(&mut self.room),
        };
        match unpacked {
            Ok(0) => {
                self.over = true;
                Ok(None)
            }
            Ok(length) => Ok(self.room.get(..length).map(Bytes::copy_from_slice)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(_) => Err(Refusal::ServiceIo("The service's compressed answer is broken".to_owned())),
        }
    }

    fn packed(&mut self) -> &mut Packed {
        match &mut self.coding {
            Coding::Plain(packed) | Coding::DeflateUnknown(packed) => packed,
            Coding::Gzip(decoder) => decoder.get_mut(),
            Coding::Zlib(decoder) => decoder.get_mut(),
            Coding::Raw(decoder) => decoder.get_mut(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use std::io::Write as _;

    /// The pieces that come out when these chunks go in.
    fn pieces(coding: &str, packed: &[u8], step: usize) -> Result<Vec<Bytes>, Refusal> {
        let mut unpacker = Unpacker::new(Some(coding.as_bytes()));
        let mut out = Vec::new();
        for chunk in packed.chunks(step) {
            unpacker.push(Bytes::copy_from_slice(chunk));
            while let Some(piece) = unpacker.next()? {
                out.push(piece);
            }
        }
        unpacker.end();
        while let Some(piece) = unpacker.next()? {
            out.push(piece);
        }
        Ok(out)
    }

    fn packed(text: &[u8]) -> [(&'static str, Vec<u8>); 3] {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(text).unwrap();
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(text).unwrap();
        let mut raw = DeflateEncoder::new(Vec::new(), Compression::default());
        raw.write_all(text).unwrap();
        [
            ("gzip", gzip.finish().unwrap()),
            ("deflate", zlib.finish().unwrap()),
            ("Deflate", raw.finish().unwrap()),
        ]
    }

    #[test]
    fn unpacks_each_coding_in_any_chunks() {
        let text = b"a person's record, a person's record".repeat(50);
        for (coding, packed) in packed(&text) {
            for step in [1, 7, 10_000] {
                assert_eq!(pieces(coding, &packed, step).unwrap().concat(), text, "{coding} {step}");
                for length in 1..packed.len() {
                    assert!(pieces(coding, &packed[..length], step).is_err(), "{coding} {step} {length}");
                }
            }
        }
        assert_eq!(pieces("br", b"as it is", 3).unwrap().concat(), b"as it is");
        let [(_, one), ..] = packed(b"one");
        let [(_, two), ..] = packed(b"two");
        assert_eq!(pieces("gzip", &[one, two].concat(), 7).unwrap().concat(), b"onetwo");
    }

    #[test]
    fn a_short_chunk_that_holds_megabytes_comes_out_in_pieces() {
        let zeros = vec![0; 8 << 20];
        for (coding, packed) in packed(&zeros) {
            assert!(packed.len() < 10_000, "{coding}");
            let pieces = pieces(coding, &packed, packed.len()).unwrap();
            assert!(pieces.iter().all(|piece| piece.len() <= PIECE_BYTES_MAX), "{coding}");
            assert_eq!(pieces.iter().map(Bytes::len).sum::<usize>(), zeros.len(), "{coding}");
        }
    }
}
