//! Where a body waits until its message is known to be good: in memory while there is room for it, else in a temporary file.
//!
//! Each body has a little room of its own; beyond that, all bodies together share a bounded one, and none takes more than a part of it.
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
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What a body has of its own, what it may take of what is shared, and how much is shared.
const OWN_BYTES_MAX: usize = 64 * 1024;
const SHARE_BYTES_MAX: usize = 1024 * 1024;
const SHARED_BYTES: usize = 8 * 1024 * 1024;
const READ_BYTES: usize = 64 * 1024;
const PREFIX: &str = "body-";

/// The folder of the temporary files, who is told when one comes or goes, and the shared memory. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Spools {
    folder: Arc<Path>,
    announcer: Announcer,
    shared: Arc<Semaphore>,
}

/// A body being received.
#[derive(Debug)]
pub(crate) struct Spool {
    spools: Option<Spools>,
    memory: BytesMut,
    /// So many bytes of the shared memory.
    share: Option<OwnedSemaphorePermit>,
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
        Self { folder: folder.into(), announcer, shared: Arc::new(Semaphore::new(SHARED_BYTES)) }
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
        Self { spools: None, memory: BytesMut::new(), share: None, file: None, length: 0 }
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
        if has_room(&mut self.memory, &mut self.share, chunk.len(), &spools.shared) {
            self.memory.extend_from_slice(chunk);
            return Ok(());
        }
        let (mut file, path) = spools.file()?;
        file.write_all(&self.memory).await?;
        file.write_all(chunk).await?;
        (self.memory, self.share) = (BytesMut::new(), None);
        self.file = Some((file, path));
        Ok(())
    }

    pub(crate) async fn finish(mut self) -> io::Result<Spooled> {
        let place = match self.file.take() {
            None if self.spools.is_none() => Place::Nowhere,
            None => Place::Memory(Bytes::from_owner(Held { memory: self.memory, _share: self.share })),
            Some((mut file, path)) => {
                file.flush().await?;
                Place::File(Arc::new(path))
            }
        };
        Ok(Spooled { place, length: self.length })
    }
}

/// A body in memory. What it has of the shared memory is given back when nobody has the body any more, the log included.
struct Held {
    memory: BytesMut,
    _share: Option<OwnedSemaphorePermit>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.memory
    }
}

/// Whether `more` bytes may stay in memory. Of what is shared, twice as much is taken each time.
fn has_room(
    memory: &mut BytesMut,
    share: &mut Option<OwnedSemaphorePermit>,
    more: usize,
    shared: &Arc<Semaphore>,
) -> bool {
    let wanted = memory.len().saturating_add(more);
    let room = share.as_ref().map_or(0, OwnedSemaphorePermit::num_permits).saturating_add(OWN_BYTES_MAX);
    if wanted <= room {
        return true;
    }
    let larger = wanted.max(room.saturating_mul(2)).min(OWN_BYTES_MAX.saturating_add(SHARE_BYTES_MAX));
    let Some(taken) = (wanted <= larger).then(|| take(shared, larger.saturating_sub(room))).flatten() else {
        return false;
    };
    match share {
        Some(share) => share.merge(taken),
        None => *share = Some(taken),
    }
    memory.reserve(larger.saturating_sub(memory.len()));
    true
}

fn take(shared: &Arc<Semaphore>, bytes: usize) -> Option<OwnedSemaphorePermit> {
    Arc::clone(shared).try_acquire_many_owned(u32::try_from(bytes).ok()?).ok()
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
        let Some(memory) = self.memory.as_mut().filter(|memory| !memory.is_empty()) else { return Ok(None) };
        Ok(Some(memory.split_to(memory.len().min(READ_BYTES))))
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
