//! Archives that are sealed with OpenPGP: how an open one becomes a sealed one.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Result, Seek as _, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA512};
use identifier::MemberId;
use jiff::Timestamp;
use openpgp::{Keyring, SealFailure};

use super::ArchiveFailure;
use super::shelf::{Shelf, failed};

/// How archives are sealed. That some are for a member's own keys takes a grouping by members or subsystems.
#[derive(Debug)]
pub struct Sealing {
    /// Signs every archive, and says who can open it.
    pub keys: Keyring,
    /// A folder of this log's, in which an archive lies open, under no name, until it is sealed.
    pub scratch: PathBuf,
}

impl Sealing {
    /// Seals an open archive into a file of the directory, brings it to the disk and reads it back. How many octets it has.
    ///
    /// What was sealed is what was written and verified before, octet by octet; what lies on the disk is what was sealed. To open it takes
    /// a key that is not here.
    pub(super) fn seal(
        &self,
        shelf: &dyn Shelf,
        open: &Open,
        member: Option<&MemberId>,
        path: &Path,
        now: Timestamp,
    ) -> std::result::Result<u64, ArchiveFailure> {
        let unwritten = |error: &std::io::Error| failed(path, "written", error);
        let from = open.reread().map_err(|error| failed(&open.path, "read", &error))?;
        let mut from = Digesting::new(BufReader::new(from));
        // A crash from here on leaves an unfinished file under a name that no archive has, and nobody opens it without a key.
        let file = shelf.create(path).map_err(|error| failed(path, "made", &error))?;
        let mut to = Digesting::new(BufWriter::new(file));
        self.keys.seal(&mut from, &mut to, member, now).map_err(|why| match why {
            SealFailure::Read(error) => failed(&open.path, "read", &error),
            SealFailure::Write(error) => unwritten(&error),
            why @ (SealFailure::NoRecipient | SealFailure::Key(_) | SealFailure::Library(_)) => {
                failed(path, "sealed", &std::io::Error::other(why.to_string()))
            }
        })?;
        let (sealed, bytes) = (to.digest(), to.bytes);
        let file = to.inner.into_inner().map_err(|error| unwritten(error.error()))?;
        shelf.flush(&file).map_err(|error| failed(path, "flushed", &error))?;
        drop(file);
        let unread = |error: std::io::Error| failed(path, "read back", &error);
        let mut back = Digesting::new(shelf.reopen(path).map_err(unread)?);
        std::io::copy(&mut back, &mut std::io::sink()).map_err(unread)?;
        if from.digest() != open.digest || back.digest() != sealed || back.bytes != bytes {
            return Err(ArchiveFailure::NotAsSealed { path: path.to_owned() });
        }
        Ok(bytes)
    }
}

/// An archive that lies open, whole, in a file without a name.
pub(super) struct Open {
    pub(super) file: File,
    /// Of what was written to it.
    pub(super) digest: Vec<u8>,
    /// Where it had a name.
    pub(super) path: PathBuf,
}

impl Open {
    /// From its beginning.
    pub(super) fn reread(&self) -> Result<&File> {
        let mut file = &self.file;
        file.rewind()?;
        Ok(file)
    }
}

/// Digests what passes.
pub(super) struct Digesting<T> {
    pub(super) inner: T,
    context: Context,
    bytes: u64,
}

impl<T> Digesting<T> {
    pub(super) fn new(inner: T) -> Self {
        Self { inner, context: Context::new(&SHA512), bytes: 0 }
    }

    /// Of what has passed.
    pub(super) fn digest(&self) -> Vec<u8> {
        self.context.clone().finish().as_ref().to_vec()
    }

    fn passed(&mut self, octets: &[u8]) {
        self.context.update(octets);
        self.bytes = self.bytes.saturating_add(u64::try_from(octets.len()).unwrap_or(u64::MAX));
    }
}

impl<T: Read> Read for Digesting<T> {
    fn read(&mut self, octets: &mut [u8]) -> Result<usize> {
        let length = self.inner.read(octets)?;
        self.passed(octets.get(..length).unwrap_or_default());
        Ok(length)
    }
}

impl<T: Write> Write for Digesting<T> {
    fn write(&mut self, octets: &[u8]) -> Result<usize> {
        let length = self.inner.write(octets)?;
        self.passed(octets.get(..length).unwrap_or_default());
        Ok(length)
    }

    fn flush(&mut self) -> Result<()> {
        self.inner.flush()
    }
}
