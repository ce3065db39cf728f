//! A process that is measured, and ended when we end.

use anyhow::{Context as _, Result, bail};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The kernel counts processor time in hundredths of a second.
const TICKS_PER_SECOND: f64 = 100.0;

/// A running process.
#[derive(Debug)]
pub(super) struct Process {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

/// Its memory, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Memory {
    pub(super) resident: f64,
    /// The most since [`Process::forget_peak`].
    pub(super) peak: f64,
}

impl Process {
    /// Starts a program; what it says goes into a file, and it ends with us, however we end.
    pub(super) fn start(name: &'static str, program: &Path, arguments: &[&str], logs: &Path) -> Result<Self> {
        let log = logs.join(format!("{name}.log"));
        let file = File::create(&log).with_context(|| format!("{} cannot be written", log.display()))?;
        let errors = file.try_clone().context("the log file cannot be shared")?;
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "TERM", "--"])
            .arg(program)
            .args(arguments)
            // Whoever wants to know whether we are still there reads until the end.
            .stdin(Stdio::piped())
            .stdout(file)
            .stderr(errors)
            .spawn()
            .with_context(|| format!("{name} cannot be started"))?;
        Ok(Self { name, child, log })
    }

    /// Fails when it has ended, with the end of what it said.
    pub(super) fn check(&mut self) -> Result<()> {
        let Some(status) =
            self.child.try_wait().with_context(|| format!("{} cannot be looked at", self.name))?
        else {
            return Ok(());
        };
        let said = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = said.lines().collect();
        let last = lines.get(lines.len().saturating_sub(12)..).unwrap_or_default();
        bail!(
            "{} ended by itself ({status}); the end of {}:\n{}",
            self.name,
            self.log.display(),
            last.join("\n")
        )
    }

    /// Processor time so far, in seconds.
    pub(super) fn cpu_seconds(&self) -> Result<f64> {
        let stat = self.proc("stat")?;
        cpu_of_stat(&stat).with_context(|| format!("/proc/…/stat of {} cannot be understood", self.name))
    }

    pub(super) fn memory(&self) -> Result<Memory> {
        let status = self.proc("status")?;
        let found = |key| kilobytes(&status, key).map(|kb| kb * 1024.0);
        found("VmRSS:")
            .zip(found("VmHWM:"))
            .map(|(resident, peak)| Memory { resident, peak })
            .with_context(|| format!("/proc/…/status of {} cannot be understood", self.name))
    }

    /// How many file handles it holds: sockets, files and all.
    pub(super) fn handles(&self) -> Result<usize> {
        let folder = format!("/proc/{}/fd", self.child.id());
        let handles = std::fs::read_dir(&folder)
            .with_context(|| format!("{} is gone: {folder} cannot be read", self.name))?;
        Ok(handles.count())
    }

    /// The last whole line that it said.
    pub(super) fn last_line(&self) -> Option<String> {
        let said = std::fs::read_to_string(&self.log).ok()?;
        let (whole, _) = said.rsplit_once('\n')?;
        whole.lines().last().map(str::to_owned)
    }

    /// Counts the peak of its memory anew.
    pub(super) fn forget_peak(&self) -> Result<()> {
        let file = format!("/proc/{}/clear_refs", self.child.id());
        std::fs::write(&file, "5").with_context(|| format!("{file} cannot be written"))
    }

    fn proc(&self, file: &str) -> Result<String> {
        let path = format!("/proc/{}/{file}", self.child.id());
        std::fs::read_to_string(&path)
            .with_context(|| format!("{} is gone: {path} cannot be read", self.name))
    }

    /// Asks for the end and waits for it.
    pub(super) fn stop(&mut self) {
        self.ask_to_stop();
        let _gone = self.child.wait();
    }

    pub(super) fn ask_to_stop(&mut self) {
        // The end of its standard input, for those who wait for that.
        drop(self.child.stdin.take());
        let _sent = Command::new("kill").arg(self.child.id().to_string()).stderr(Stdio::null()).status();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _killed = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// The processor time of our own children that have ended, in seconds.
pub(super) fn children_cpu_seconds() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").context("/proc/self/stat cannot be read")?;
    children_of_stat(&stat).context("/proc/self/stat cannot be understood")
}

/// What all processors of the machine have worked, for anybody, in seconds.
pub(super) fn machine_cpu_seconds() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/stat").context("/proc/stat cannot be read")?;
    busy_of_stat(&stat).context("/proc/stat cannot be understood")
}

/// Fields 14 and 15; the name in field 2 may have spaces.
fn cpu_of_stat(stat: &str) -> Option<f64> {
    sum_of_stat(stat, [11, 12])
}

/// Fields 16 and 17.
fn children_of_stat(stat: &str) -> Option<f64> {
    sum_of_stat(stat, [13, 14])
}

fn sum_of_stat(stat: &str, fields: [usize; 2]) -> Option<f64> {
    let (_, after_name) = stat.rsplit_once(") ")?;
    let all: Vec<&str> = after_name.split_whitespace().collect();
    let ticks = |at: usize| all.get(at)?.parse::<f64>().ok();
    let [first, second] = fields;
    Some((ticks(first)? + ticks(second)?) / TICKS_PER_SECOND)
}

/// User, nice, system, irq, softirq; not idle, waiting for disks, or stolen.
fn busy_of_stat(stat: &str) -> Option<f64> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let all: Vec<f64> = line.split_whitespace().filter_map(|field| field.parse().ok()).collect();
    let ticks = |at: usize| all.get(at).copied();
    Some((ticks(0)? + ticks(1)? + ticks(2)? + ticks(5)? + ticks(6)?) / TICKS_PER_SECOND)
}

fn kilobytes(status: &str, key: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_kernel_says() {
        let stat = "77 (a (b) c) S 1 77 77 0 -1 4194560 9 8 7 6 250 50 300 100 20 0 3 0 555 1000 200";
        assert_eq!(cpu_of_stat(stat), Some(3.0));
        assert_eq!(children_of_stat(stat), Some(4.0));
        assert_eq!(busy_of_stat("cpu  100 20 30 4000 50 6 7 8 0 0\ncpu0 1 2 3 4"), Some(1.63));
        let status = "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";
        assert_eq!(kilobytes(status, "VmRSS:"), Some(1024.0));
        assert_eq!((cpu_of_stat("77"), kilobytes(status, "VmSwap:")), (None, None));
    }
}
