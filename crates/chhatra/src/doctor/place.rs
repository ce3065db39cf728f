//! The machine around a set-up: folders, PIN file, free space, ports.

use super::findings::Findings;
use crate::config;
use ::keystore::{Keystore, OpenRefusal, Pin};
use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

const MEGABYTE: u64 = 1024 * 1024;
const FREE_BYTES_WARNING: u64 = 2048 * MEGABYTE;
const FREE_BYTES_PROBLEM: u64 = 200 * MEGABYTE;

/// Whether the state folder is there and its owner's alone.
pub(super) fn state_dir(dir: &Path, findings: &mut Findings) -> bool {
    let shown = dir.display();
    match std::fs::metadata(dir) {
        Ok(found) if !found.is_dir() => {
            findings.problem("state", format!("{shown} is not a folder"), "set state_dir to a folder");
            false
        }
        Ok(found) => {
            let mode = found.permissions().mode() & 0o777;
            if mode & 0o077 == 0 {
                findings.ok("state", format!("{shown} is there, mode {mode:o}"));
            } else {
                let says =
                    format!("{shown} has mode {mode:o}: others on this machine may see messages on record");
                findings.warning("state", says, format!("run: chmod 700 {shown}"));
            }
            true
        }
        Err(error) => {
            let advice = "it is made when the first key is generated or the first state applied";
            findings.problem("state", format!("{shown} cannot be used: {error}"), advice);
            false
        }
    }
}

/// The PIN, if its file is as it should be.
pub(super) fn pin(path: &Path, findings: &mut Findings) -> Option<Pin> {
    match config::pin(path) {
        Ok(pin) => {
            findings.ok("PIN", format!("{} holds one, and nobody else may read it", path.display()));
            Some(pin)
        }
        Err(error) => {
            findings.problem(
                "PIN",
                crate::outside::told(&error),
                "the PIN belongs on the first line of that file, mode 600",
            );
            None
        }
    }
}

/// The keystore, if it opens.
pub(super) fn keystore(
    dir: &Path,
    pin: Option<&Pin>,
    how: &str,
    findings: &mut Findings,
) -> Option<Keystore> {
    match Keystore::open(dir, pin?) {
        Ok(keystore) => {
            findings.ok("keystore", format!("{} opens; keys: {}", dir.display(), keystore.list().len()));
            Some(keystore)
        }
        Err(refusal) => {
            let advice = if matches!(refusal, OpenRefusal::Absent { .. }) {
                how
            } else {
                "restore the keystore, or the PIN with which it was made"
            };
            findings.problem("keystore", refusal.to_string(), advice);
            None
        }
    }
}

/// Room for what is put on record.
pub(super) fn free_space(dir: &Path, findings: &mut Findings) {
    let space = match rustix::fs::statvfs(dir) {
        Ok(space) => space,
        Err(error) => {
            let says = format!("free space of {} cannot be found out: {error}", dir.display());
            findings.warning("disk", says, "look with: df");
            return;
        }
    };
    let free = space.f_bavail.saturating_mul(space.f_frsize);
    let says = format!("{} MB free for {}", free.checked_div(MEGABYTE).unwrap_or_default(), dir.display());
    if free < FREE_BYTES_PROBLEM {
        findings.problem("disk", says, "make room: what cannot be put on record is not carried");
    } else if free < FREE_BYTES_WARNING {
        findings.warning(
            "disk",
            says,
            "make room before it is full: what cannot be put on record is not carried",
        );
    } else {
        findings.ok("disk", says);
    }
}

/// Whether a process runs on this state: it holds the lock.
pub(super) fn is_running(lock: &Path) -> bool {
    // Without the file nothing has ever run; another error means that we cannot tell, and the ports will.
    File::open(lock).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// Whether an address can be listened on, or is held by the one who should.
pub(super) fn port(address: SocketAddr, running: bool, findings: &mut Findings) {
    match TcpListener::bind(address) {
        Ok(_) if running => {
            let says = format!("{address} is free, although this set-up is running");
            findings.warning("port", says, "was the file changed? restart to use what it says");
        }
        Ok(_) => findings.ok("port", format!("{address} is free")),
        Err(error) if error.kind() == ErrorKind::AddrInUse && running => {
            findings.ok("port", format!("{address} is in use, as it should be"));
        }
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            let says = format!("{address} is taken by another program");
            findings.problem("port", says, "find it with: ss -ltnp");
        }
        Err(error) if error.kind() == ErrorKind::AddrNotAvailable => {
            let says = format!("{address} is not an address of this machine");
            findings.problem("port", says, "see the machine's addresses with: ip address");
        }
        Err(error) => {
            findings.problem(
                "port",
                format!("{address} cannot be listened on: {error}"),
                "choose another port",
            );
        }
    }
}
