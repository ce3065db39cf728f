//! A sealed body on its way out: pieces come in as they are stored, what was sealed goes on.

use std::io::{Error, ErrorKind, Write};

use super::xroad::XroadKey;
use super::{CHUNK_BYTES, Sealer, TAG_BYTES, What, count};
use crate::record::RecordId;

const STORED_BYTES: usize = CHUNK_BYTES + TAG_BYTES;

/// Opens what is written to it and writes that on, piece by piece. Nothing of a piece leaves before it is proven.
pub(crate) struct BodyOpening<'o> {
    sealer: &'o Sealer,
    body_bytes: u64,
    out: &'o mut dyn Write,
    kept: Vec<u8>,
    place: u64,
    /// Whether something was not what had been sealed.
    pub(crate) changed: bool,
}

impl<'o> BodyOpening<'o> {
    pub(crate) fn new(sealer: &'o Sealer, body_bytes: u64, out: &'o mut dyn Write) -> Self {
        Self { sealer, body_bytes, out, kept: Vec::new(), place: 0, changed: false }
    }

    /// The last piece, which may be shorter.
    pub(crate) fn finish(&mut self) -> std::io::Result<()> {
        if self.kept.is_empty() { Ok(()) } else { self.piece(self.kept.len()) }
    }

    fn piece(&mut self, length: usize) -> std::io::Result<()> {
        let sealed: Vec<u8> = self.kept.drain(..length.min(self.kept.len())).collect();
        let opened = self.sealer.opened(What::Body, self.place, self.body_bytes, &sealed);
        let plain = opened.map_err(|_| {
            self.changed = true;
            Error::new(ErrorKind::InvalidData, "a piece of the body is not what was sealed")
        })?;
        self.place = self.place.saturating_add(1);
        self.out.write_all(&plain)
    }
}

impl Write for BodyOpening<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.kept.extend_from_slice(bytes);
        while self.kept.len() >= STORED_BYTES {
            self.piece(STORED_BYTES)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

/// An attachment in X-Road's form on its way out. Nothing tells whether it was changed: whoever has the signature does.
pub(crate) struct BodyDecryption<'o> {
    key: &'o XroadKey,
    record: RecordId,
    number: u32,
    offset: u64,
    out: &'o mut dyn Write,
}

impl<'o> BodyDecryption<'o> {
    pub(crate) fn new(key: &'o XroadKey, record: RecordId, number: u32, out: &'o mut dyn Write) -> Self {
        Self { key, record, number, offset: 0, out }
    }
}

impl Write for BodyDecryption<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let plain = self.key.attachment(self.record, self.number, self.offset, bytes);
        self.out.write_all(&plain.map_err(|_| Error::other("the library decrypts nothing"))?)?;
        self.offset = self.offset.saturating_add(count(bytes.len()));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}
