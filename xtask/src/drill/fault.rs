//! Calls to the system that fail: `strace` answers them in the system's place, in any process, at any time.

use super::chance::Chance;
use super::pause;
use anyhow::{Context as _, Result, bail};
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// Calls by which a process reads, writes, keeps and names what is on a disk, and what can become of each. Not `write`: by it a process
/// speaks to its threads and its peers, too, and strace tells those from files by whole paths only. Files that are written by it meet
/// their end in [`short`].
const CALLS: [(&str, &[&str]); 9] = [
    ("pwrite64", &["ENOSPC", "EIO"]),
    ("fdatasync", &["EIO", "ENOSPC"]),
    ("fsync", &["EIO", "ENOSPC"]),
    ("openat", &["EIO", "ENOSPC", "EMFILE"]),
    ("pread64", &["EIO"]),
    ("ftruncate", &["EIO", "ENOSPC"]),
    ("rename", &["EIO", "ENOSPC"]),
    ("unlink", &["EIO"]),
    ("mkdir", &["ENOSPC", "EIO"]),
];
/// So many bytes of each file can be written, and not one more.
pub(super) const SHORT: [u64; 9] = [0, 1, 100, 512, 1_000, 4_096, 10_000, 50_000, 200_000];
const LOOK: Duration = Duration::from_millis(5);
const ATTACHED: Duration = Duration::from_secs(20);

/// What fails, how, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    call: &'static str,
    error: &'static str,
    /// The first one that fails, from 1; each thread counts its own.
    first: u64,
    /// All that follow, too: a disk that stays full, or dead.
    onward: bool,
}

impl Fault {
    pub(super) fn any(chance: &mut Chance) -> Self {
        let (call, errors) = pick(chance, &CALLS).copied().unwrap_or(CALLS[0]);
        let error = pick(chance, errors).copied().unwrap_or("EIO");
        Self { call, error, first: chance.below(12).saturating_add(1), onward: chance.below(3) == 0 }
    }

    /// What a gateway that records meets at once.
    pub(super) const fn sure() -> Self {
        Self { call: "fdatasync", error: "EIO", first: 1, onward: false }
    }

    /// Each call with its first error, failing once at a place.
    pub(super) fn once_each(first: u64) -> impl Iterator<Item = Self> {
        CALLS.into_iter().map(move |(call, errors)| Self {
            call,
            error: errors.first().copied().unwrap_or("EIO"),
            first,
            onward: false,
        })
    }

    pub(super) const fn call(self) -> &'static str {
        self.call
    }

    pub(super) fn told(self) -> String {
        let onward = if self.onward { " and all that follow" } else { "" };
        format!("{} number {}{onward}: {}", self.call, self.first, self.error)
    }

    fn arguments(self, log: &Path) -> Vec<String> {
        let onward = if self.onward { "+" } else { "" };
        let Self { call, error, first, .. } = self;
        let inject = format!("inject={call}:error={error}:when={first}{onward}");
        let log = log.to_string_lossy().into_owned();
        ["-f", "-o", &log, "-e", &format!("trace={call}"), "-e", &inject].map(str::to_owned).to_vec()
    }

    /// Lets calls of a running process fail from now on.
    pub(super) fn attach(self, pid: u32, folder: &Path) -> Result<Tracer> {
        let (log, said) = (fresh(folder)?, folder.join("strace.said"));
        let errors = File::create(&said).with_context(|| format!("{} cannot be written", said.display()))?;
        let child = Command::new("strace")
            .args(self.arguments(&log))
            .args(["-p", &pid.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(errors)
            .spawn()
            .context("strace cannot be started")?;
        let mut tracer = Tracer { child, log };
        let mut waited = Duration::ZERO;
        while !std::fs::read_to_string(&said).unwrap_or_default().contains("attached") {
            if tracer.child.try_wait()?.is_some() || waited > ATTACHED {
                bail!("strace does not attach: {}", std::fs::read_to_string(&said).unwrap_or_default());
            }
            pause(LOOK);
            waited = waited.saturating_add(LOOK);
        }
        Ok(tracer)
    }

    /// Runs a program to its end; what came of it, and how many of its calls failed by us.
    pub(super) fn around(self, program: &Path, arguments: &[String], folder: &Path) -> Result<(Output, u64)> {
        let log = fresh(folder)?;
        let output = Command::new("strace")
            .args(self.arguments(&log))
            .arg("--")
            .arg(program)
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .context("strace cannot be started")?;
        Ok((output, injected(&log)?))
    }
}

/// Somebody who lets calls of a process fail.
#[derive(Debug)]
pub(super) struct Tracer {
    child: Child,
    log: PathBuf,
}

impl Tracer {
    /// Lets go of the process, which runs on; how many calls failed.
    pub(super) fn end(mut self) -> Result<u64> {
        let pid = self.child.id().to_string();
        // An end by itself, with the process: then nobody is there to be asked.
        let _asked = Command::new("kill").args(["-INT", &pid]).stderr(Stdio::null()).status();
        self.child.wait().context("strace cannot be waited for")?;
        injected(&self.log)
    }
}

/// Runs a program to its end while no file can become longer than so many bytes: writing beyond that fails, as on a full disk.
pub(super) fn short(program: &Path, arguments: &[String], bytes: u64) -> Result<Output> {
    // A signal that is ignored stays ignored in the program: what is left of it is the error.
    let limited = format!("trap '' XFSZ; exec prlimit --fsize={bytes} -- \"$@\"");
    let output = Command::new("sh")
        .args(["-c", &limited, "sh"])
        .arg(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output();
    output.context("sh cannot be started")
}

/// Where strace tells what it did. What an earlier one told is gone: if this one does not begin, nothing is counted.
fn fresh(folder: &Path) -> Result<PathBuf> {
    let log = folder.join("strace.log");
    match std::fs::remove_file(&log) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} cannot be removed", log.display()))
        }
        _ => Ok(log),
    }
}

/// Whether this machine lets a process be traced; some containers do not.
pub(super) fn possible(folder: &Path) -> bool {
    let nothing = Fault { call: "unlink", error: "EIO", first: 1, onward: false };
    nothing.around(Path::new("true"), &[], folder).is_ok_and(|(output, _)| output.status.success())
}

fn injected(log: &Path) -> Result<u64> {
    let text = std::fs::read(log).with_context(|| format!("{} cannot be read", log.display()))?;
    let count = String::from_utf8_lossy(&text).lines().filter(|line| line.contains("(INJECTED)")).count();
    Ok(u64::try_from(count).unwrap_or(u64::MAX))
}

fn pick<'a, T>(chance: &mut Chance, from: &'a [T]) -> Option<&'a T> {
    let place = chance.below(u64::try_from(from.len()).unwrap_or(0));
    from.get(usize::try_from(place).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_ends_where_no_more_can_be_written() {
        let file = std::env::temp_dir().join(format!("chhatra-short-{}", std::process::id()));
        let copy = [
            "if=/dev/zero".to_owned(),
            format!("of={}", file.display()),
            "bs=3000".to_owned(),
            "count=1".to_owned(),
        ];
        let mut lengths = Vec::new();
        for bytes in [1_000, 3_000] {
            let output = short(Path::new("dd"), &copy, bytes).unwrap();
            lengths.push((output.status.success(), std::fs::metadata(&file).unwrap().len()));
            std::fs::remove_file(&file).unwrap();
        }
        assert_eq!(lengths, [(false, 1_000), (true, 3_000)]);
    }

    #[test]
    fn says_to_strace_what_fails() {
        let fault = Fault { call: "fsync", error: "EIO", first: 3, onward: true };
        let said = fault.arguments(Path::new("x")).join(" ");
        assert_eq!(said, "-f -o x -e trace=fsync -e inject=fsync:error=EIO:when=3+");
        assert_eq!(fault.told(), "fsync number 3 and all that follow: EIO");
    }

    #[test]
    fn counts_what_failed_in_a_program_of_others() {
        let folder = std::env::temp_dir().join(format!("chhatra-fault-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        if !possible(&folder) {
            println!("note: processes cannot be traced here");
            return;
        }
        let file = folder.join("file").to_string_lossy().into_owned();
        let fault = Fault { call: "openat", error: "ENOSPC", first: 1, onward: true };
        let (output, failed) =
            fault.around(Path::new("touch"), std::slice::from_ref(&file), &folder).unwrap();
        assert!(!output.status.success() && failed > 0);
        let never = Fault { first: 10_000, ..fault };
        let (output, failed) =
            never.around(Path::new("touch"), std::slice::from_ref(&file), &folder).unwrap();
        assert!(output.status.success() && failed == 0);
        let unknown = Fault { call: "no_such_call", ..fault };
        assert!(
            unknown.around(Path::new("true"), &[], &folder).is_err(),
            "what strace told before is not counted"
        );
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
