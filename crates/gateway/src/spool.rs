//! Where a body waits until its message is known to be good: a little in memory, the rest in a temporary file.
//!
//! A crash leaves temporary files behind; [`sweep`] removes them at the next start, since nothing acknowledged depends on them.

use crate::changes::{Announcer, ToldWhenGone};
use bytes::{Bytes, BytesMut};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempPath;
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const MEMORY_BYTES_MAX: usize = 64 * 1024;
const READ_BYTES: usize = 64 * 1024;
const PREFIX: &str = "body-";

/// The folder of the temporary files, and who is told when one comes or goes.
#[derive(Debug, Clone)]
pub(crate) struct Spools {
    folder: PathBuf,
    announcer: Announcer,
}

/// A body being received.
#[derive(Debug)]
pub(crate) struct Spool {
    spools: Option<Spools>,
    memory: BytesMut,
    file: Option<(File, Temporary)>,
    length: u64,
}

/// A temporary file, there as long as this is.
#[derive(Debug)]
struct Temporary {
    path: TempPath,
    _told: ToldWhenGone,
}

/// A body received whole. Cloning shares it; the file goes with the last clone.
#[derive(Debug, Clone)]
pub(crate) struct Spooled {
    place: Place,
    length: u64,
}

#[derive(Debug, Clone)]
enum Place {
    Memory(Bytes),
    File(Arc<Temporary>),
    /// Only its length was wanted.
    Nowhere,
}

impl Spools {
    pub(crate) fn new(folder: PathBuf, announcer: Announcer) -> Self {
        Self { folder, announcer }
    }

    pub(crate) fn begin(&self) -> Spool {
        Spool { spools: Some(self.clone()), ..Spool::nowhere() }
    }

    fn file(&self) -> io::Result<(File, Temporary)> {
        let named = tempfile::Builder::new().prefix(PREFIX).tempfile_in(&self.folder)?;
        let (file, path) = named.into_parts();
        self.announcer.tell();
        let _told = ToldWhenGone(self.announcer.clone());
        Ok((File::from_std(file), Temporary { path, _told }))
    }
}

impl Spool {
    /// Keeps nothing: for a body that has passed and that the log does not want.
    pub(crate) fn nowhere() -> Self {
        Self { spools: None, memory: BytesMut::new(), file: None, length: 0 }
    }

    /// Bytes so far.
    pub(crate) const fn length(&self) -> u64 {
        self.length
    }

    pub(crate) async fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        self.length = self.length.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
        let Some(spools) = &self.spools else { return Ok(()) };
        if let Some((file, _)) = &mut self.file {
            return file.write_all(chunk).await;
        }
        if self.memory.len().saturating_add(chunk.len()) <= MEMORY_BYTES_MAX {
            self.memory.extend_from_slice(chunk);
            return Ok(());
        }
        let (mut file, path) = spools.file()?;
        file.write_all(&self.memory).await?;
        file.write_all(chunk).await?;
        self.memory = BytesMut::new();
        self.file = Some((file, path));
        Ok(())
    }

    pub(crate) async fn finish(mut self) -> io::Result<Spooled> {
        let place = match self.file.take() {
            None if self.spools.is_none() => Place::Nowhere,
            None => Place::Memory(self.memory.freeze()),
            Some((mut file, path)) => {
                file.flush().await?;
                Place::File(Arc::new(path))
            }
        };
        Ok(Spooled { place, length: self.length })
    }
}

impl Spooled {
    /// Length in bytes.
    pub(crate) const fn length(&self) -> u64 {
        self.length
    }

    /// As the evidence log takes it.
    pub(crate) fn to_log(&self) -> messagelog::Body {
        match &self.place {
            Place::Nowhere => messagelog::Body::None,
            Place::Memory(bytes) => messagelog::Body::Bytes(bytes.clone()),
            Place::File(file) => messagelog::Body::File { path: file.path.to_path_buf(), bytes: self.length },
        }
    }

    /// Reads it from the beginning.
    pub(crate) async fn read(&self) -> io::Result<SpoolReader> {
        match &self.place {
            Place::Nowhere => Err(io::Error::other("this body was not kept")),
            Place::Memory(bytes) => Ok(SpoolReader { memory: Some(bytes.clone()), file: None }),
            Place::File(file) => {
                let file = File::open(&file.path).await?;
                Ok(SpoolReader { memory: None, file: Some((file, self.clone())) })
            }
        }
    }
}

/// Reads a spooled body chunk by chunk.
#[derive(Debug)]
pub(crate) struct SpoolReader {
    memory: Option<Bytes>,
    file: Option<(File, Spooled)>,
}

impl SpoolReader {
    /// The next chunk; `None` at the end.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Bytes>> {
        if let Some((file, _)) = &mut self.file {
            let mut chunk = BytesMut::with_capacity(READ_BYTES);
            return match file.read_buf(&mut chunk).await? {
                0 => Ok(None),
                _ => Ok(Some(chunk.freeze())),
            };
        }
        Ok(self.memory.take().filter(|bytes| !bytes.is_empty()))
    }
}

/// Removes what a crash left behind.
pub(crate) fn sweep(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(PREFIX) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
