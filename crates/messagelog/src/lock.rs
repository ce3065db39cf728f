//! Locks of files: who holds one is the only one.

use std::fs::{File, TryLockError};
use std::io::Result;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

/// How often a lock is asked for, and the pause in between.
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(20);

/// The locked file, or nothing where somebody else has it. The kernel drops the lock with the process, so a crash leaves no lock behind. A
/// program that a process starts holds all of its locks, too, until it has begun: so one that is held is asked for again for a second.
pub(crate) fn lock(path: &Path) -> Result<Option<File>> {
    let file = File::options().create(true).append(true).mode(0o600).open(path)?;
    for _ in 0..TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
        #[expect(clippy::disallowed_methods, reason = "nobody tells when somebody else's lock is free")]
        std::thread::sleep(PAUSE);
    }
    Ok(None)
}
