//! What this machine can do at most: signatures a second by the distribution's OpenSSL, and how long its disk takes for a commit.

use super::rows::{Habit, Keys};
use anyhow::{Context as _, Result};
use serde::Serialize;
use std::fmt;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

/// How often the disk is asked.
const COMMITS: u32 = 200;

/// What was measured on.
#[derive(Debug, Serialize)]
pub(super) struct Machine {
    cores: usize,
    processor: String,
    file_system: String,
    /// Until 4 KB that were added to a file are on the disk, the middle of many.
    commit_ms: f64,
}

impl Machine {
    pub(super) fn look(folder: &Path) -> Result<Self> {
        let cores =
            std::thread::available_parallelism().context("the number of processors is not told")?.get();
        let described = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = described.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        Ok(Self {
            cores,
            processor: model.map_or("unknown", |(_, name)| name).to_owned(),
            file_system: said_by("stat", &["--file-system", "--format", "%T", &folder.to_string_lossy()])?
                .trim()
                .to_owned(),
            commit_ms: commit_ms(folder)?,
        })
    }
}

#[cfg(test)]
impl Machine {
    pub(super) const fn of_nobody() -> Self {
        Self { cores: 2, processor: String::new(), file_system: String::new(), commit_ms: 1.0 }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cores, processor, file_system, commit_ms } = self;
        write!(f, "{cores} × {processor}; {file_system}, {commit_ms:.2} ms until 4 KB are on the disk")
    }
}

fn commit_ms(folder: &Path) -> Result<f64> {
    let path = folder.join("commit.probe");
    let mut file =
        std::fs::File::create(&path).with_context(|| format!("{} cannot be written", path.display()))?;
    let mut times = Vec::new();
    for _ in 0..COMMITS {
        #[expect(clippy::disallowed_methods, reason = "the disk is measured; nothing depends on it")]
        let start = std::time::Instant::now();
        file.write_all(&[7; 4096]).and_then(|()| file.sync_data()).context("the disk cannot be measured")?;
        times.push(start.elapsed());
    }
    let _removed = std::fs::remove_file(&path);
    times.sort();
    Ok(times.get(times.len() / 2).map_or(0.0, |middle| middle.as_secs_f64() * 1e3))
}

/// Signatures and verifications a second by all processors together.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ceiling {
    signs: f64,
    verifies: f64,
}

impl Ceiling {
    pub(super) fn measure(keys: Keys) -> Result<Self> {
        let cores = std::thread::available_parallelism().context("the number of processors is not told")?;
        let name = match keys {
            Keys::P256 => "ecdsap256",
            Keys::Rsa => "rsa2048",
        };
        let said =
            said_by("openssl", &["speed", "-mr", "-seconds", "2", "-multi", &cores.to_string(), name])?;
        Self::read(&said, keys)
            .with_context(|| format!("openssl speed said something else than expected:\n{said}"))
    }

    /// `+F2:…:signs:verifies` for RSA, `+F4` for ECDSA; a second, or, in other versions, seconds for one.
    fn read(said: &str, keys: Keys) -> Option<Self> {
        let mark = match keys {
            Keys::P256 => "+F4:",
            Keys::Rsa => "+F2:",
        };
        let line = said.lines().find(|line| line.starts_with(mark))?;
        let mut last = line.rsplit(':').map(|field| field.trim().parse::<f64>().ok());
        let rate = |value: f64| if value < 1.0 { 1.0 / value } else { value };
        let (verifies, signs) = (rate(last.next()??), rate(last.next()??));
        Some(Self { signs, verifies })
    }

    /// The exchanges a second of a machine that did nothing else than sign request and answer and verify both; with a new connection for
    /// each, also what the two sides prove to each other.
    pub(super) fn exchanges(&self, habit: Habit) -> f64 {
        let each = match habit {
            Habit::Kept => 2.0,
            Habit::Xroad => 4.0,
        };
        1.0 / (each / self.signs + each / self.verifies)
    }
}

impl fmt::Display for Ceiling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "this machine signs {:.0} and verifies {:.0} times a second", self.signs, self.verifies)
    }
}

pub(super) fn said_by(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .with_context(|| format!("{program} cannot be started"))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_openssl_measured() {
        let said = "Forked child 0\nGot: +F2:2:2048:700.0:24000.0 from 0\n+F2:2:2048:1500.0:50000.0\n";
        let rsa = Ceiling::read(said, Keys::Rsa).unwrap();
        assert_eq!(rsa, Ceiling { signs: 1500.0, verifies: 50_000.0 });
        assert_eq!(Ceiling::read(said, Keys::P256), None);
        let other_version = Ceiling::read("+F4:3:256:0.00005:0.0001\n", Keys::P256).unwrap();
        assert!((other_version.signs - 20_000.0).abs() < 1e-6);
    }

    #[test]
    fn an_exchange_is_two_signatures_and_with_a_new_connection_four() {
        let ceiling = Ceiling { signs: 1000.0, verifies: 1000.0 };
        assert_eq!((ceiling.exchanges(Habit::Kept), ceiling.exchanges(Habit::Xroad)), (250.0, 125.0));
    }
}
