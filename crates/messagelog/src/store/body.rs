//! A body on its way into a storage, chunk by chunk.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::AppendFault;
use crate::error::{BodyFault, StoreFault};
use crate::prepare::LoggedBody;
use crate::record::Body;
use crate::seal::CHUNK_BYTES;

/// Hands out what is to be stored of a body.
pub(super) fn each_chunk(
    logged: &LoggedBody,
    mut act: impl FnMut(&[u8]) -> Result<(), StoreFault>,
) -> Result<(), AppendFault> {
    match &logged.source {
        Body::None => Ok(()),
        Body::Bytes(bytes) => {
            let end = usize::try_from(logged.bytes).unwrap_or(usize::MAX).min(bytes.len());
            for chunk in bytes.slice(..end).chunks(CHUNK_BYTES) {
                act(chunk)?;
            }
            Ok(())
        }
        Body::File { path, bytes } => each_of_file(path, *bytes, logged.bytes, act),
    }
}

fn each_of_file(
    path: &Path,
    said: u64,
    wanted: u64,
    mut act: impl FnMut(&[u8]) -> Result<(), StoreFault>,
) -> Result<(), AppendFault> {
    let unreadable = |error: std::io::Error| {
        AppendFault::Body(BodyFault::Unreadable { path: path.to_owned(), reason: error.to_string() })
    };
    let length = |found| AppendFault::Body(BodyFault::Length { path: path.to_owned(), said, found });
    let mut file = File::open(path).map_err(unreadable)?;
    let found = file.metadata().map_err(unreadable)?.len();
    if found != said {
        return Err(length(found));
    }
    let mut buffer = vec![0u8; CHUNK_BYTES];
    let mut copied = 0u64;
    while copied < wanted {
        let room = usize::try_from(wanted.saturating_sub(copied)).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
        let space = buffer.get_mut(..room).unwrap_or_default();
        let read = fill(&mut file, space).map_err(unreadable)?;
        if read == 0 {
            return Err(length(copied));
        }
        act(buffer.get(..read).unwrap_or_default())?;
        copied = copied.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
    }
    Ok(())
}

/// Reads until the space is full or the file ends.
fn fill(file: &mut File, space: &mut [u8]) -> std::io::Result<usize> {
    let limit = u64::try_from(space.len()).unwrap_or(u64::MAX);
    let mut taken = file.take(limit);
    let mut rest = space;
    let mut read = 0usize;
    loop {
        let more = taken.read(rest)?;
        if more == 0 {
            return Ok(read);
        }
        read = read.saturating_add(more);
        rest = rest.split_at_mut_checked(more).map(|(_, rest)| rest).unwrap_or_default();
    }
}
