//! Writing an archive: container by container, so that no more than one is held.

use std::io::Write;

use jiff::Timestamp;

use super::LINKING;
use super::linking::{self, Chain, Link};
use crate::container::zip::Directory;
use crate::timestamp::ALGORITHM;

/// An archive could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteFailure {
    /// A zip file holds no more.
    #[error("the archive has more than a zip file holds")]
    Full,
    /// What the file said.
    #[error("the archive cannot be written: {0}")]
    File(#[from] std::io::Error),
}

/// An archive that is being written.
#[derive(Debug)]
pub struct ArchiveWriter<W> {
    out: W,
    bytes: u64,
    directory: Directory,
    chain: Chain,
    linking: String,
}

/// An archive, written.
#[derive(Debug)]
pub struct Written<W> {
    /// Where it was written to; nothing is flushed yet.
    pub out: W,
    /// Its digest, to which the next archive is linked.
    pub digest: String,
    /// How many octets it has.
    pub bytes: u64,
}

impl<W: Write> ArchiveWriter<W> {
    /// Begins an archive that follows another one of its group.
    pub fn new(out: W, previous: Option<&Link>) -> Self {
        let (chain, linking) = (Chain::new(ALGORITHM, previous), linking::head(previous, ALGORITHM));
        Self { out, bytes: 0, directory: Directory::default(), chain, linking }
    }

    /// Adds a container, with the time of its record. No name may be given twice.
    ///
    /// # Errors
    /// [`WriteFailure::Full`], and then nothing was added; or the file's words, and then the archive is good for nothing.
    pub fn add(&mut self, name: &str, container: &[u8], at: Timestamp) -> Result<(), WriteFailure> {
        self.entry(name, container, at)?;
        let line = linking::line(self.chain.step(container), name);
        self.linking.push_str(&line);
        Ok(())
    }

    /// Whether a container fits, with all that has to follow it.
    #[must_use]
    pub fn has_room_for(&self, container: &[u8]) -> bool {
        let bytes = u64::try_from(container.len()).unwrap_or(u64::MAX).saturating_add(self.bytes);
        // For linking information and directory of as many entries as there can be.
        // One more entry than that would be counted as 65535, which stands for zip64.
        self.directory.has_room_for(3) && bytes.saturating_add(64 << 20) <= u64::from(u32::MAX)
    }

    /// Ends the archive.
    ///
    /// # Errors
    /// As [`ArchiveWriter::add`].
    pub fn finish(mut self, at: Timestamp) -> Result<Written<W>, WriteFailure> {
        let linking = std::mem::take(&mut self.linking);
        self.entry(LINKING, linking.as_bytes(), at)?;
        let end = self.directory.end(self.bytes, "").ok_or(WriteFailure::Full)?;
        self.out.write_all(&end)?;
        let bytes = self.bytes.saturating_add(u64::try_from(end.len()).unwrap_or(u64::MAX));
        Ok(Written { out: self.out, digest: self.chain.digest().to_owned(), bytes })
    }

    fn entry(&mut self, name: &str, octets: &[u8], at: Timestamp) -> Result<(), WriteFailure> {
        let head = self.directory.add(name, octets, at, self.bytes).ok_or(WriteFailure::Full)?;
        self.out.write_all(&head)?;
        self.out.write_all(octets)?;
        let length = head.len().saturating_add(octets.len());
        self.bytes = self.bytes.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_ends_before_it_would_need_zip64() {
        let mut writer = ArchiveWriter::new(std::io::sink(), None);
        writer.bytes = u64::from(u32::MAX) - (64 << 20) - 10;
        assert!(writer.has_room_for(&[0; 10]) && !writer.has_room_for(&[0; 11]));
        let mut writer = ArchiveWriter::new(std::io::sink(), None);
        let mut entries = 0;
        while writer.has_room_for(b"x") {
            writer.add(&format!("{entries}.asice"), b"x", Timestamp::UNIX_EPOCH).unwrap();
            entries += 1;
        }
        // With the linking information there is one more, and a count of 65535 would say that it is zip64.
        assert_eq!(entries, 65_533);
        assert!(writer.finish(Timestamp::UNIX_EPOCH).is_ok());
    }
}
