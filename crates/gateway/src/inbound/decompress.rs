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
mod tests;
