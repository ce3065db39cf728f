//! `cargo xtask drill kill|storage`: processes of a nation are killed, or their disks fail, again and again while messages cross. Every
//! exchange that a consumer was told of has to be on record on both sides afterwards, once and with evidence that holds; a reader that
//! has none of our code says so. `cargo xtask drill network`: the tests of broken networks, at more places.

mod chance;
mod fault;
mod http;
mod kill;
mod load;
mod nation;
mod storage;
mod sweep;

use crate::nation::{build, command};
use crate::packages;
use crate::run::run_with;
use anyhow::{Context as _, Result, bail};
use chance::Chance;
use load::Load;
use nation::Nation;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::time::Duration;

const STAMPED: u32 = 60;
/// The distribution's, which has its packages.
const PYTHON: &str = "/usr/bin/python3";
/// Containers that are verified by one process.
const FILES_AT_ONCE: usize = 500;

/// What the command line says.
#[derive(Debug, PartialEq, Eq)]
struct Options {
    count: u64,
    seed: Option<u64>,
    /// What the tests have built, instead of what an operator runs.
    dev: bool,
}

impl Options {
    fn read(arguments: &[&str], count: u64) -> Result<Self> {
        let mut options = Self { count, seed: None, dev: false };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let mut value = || -> Result<u64> {
                let value = rest.next().with_context(|| format!("{argument} needs a value"))?;
                value.parse().with_context(|| format!("{argument} takes a whole number"))
            };
            match *argument {
                "--count" => options.count = value()?,
                "--seed" => options.seed = Some(value()?),
                "--dev" => options.dev = true,
                other => bail!("drill has no option {other}"),
            }
        }
        Ok(options)
    }
}

/// What the independent reader found.
#[derive(Debug, Deserialize)]
struct Verdict {
    records: u64,
    unstamped: u64,
    proven: u64,
    lost: Vec<String>,
    doubled: Vec<String>,
}

/// Kills as often as the command line says.
pub(crate) fn kill(root: &Path, arguments: &[&str]) -> Result<()> {
    let options = Options::read(arguments, 200)?;
    prepare(packages::TEST)?;
    kill::run(root, &options)
}

/// Lets networks break as the tests do, at so many places of each direction: by hand at each boundary between parts, and of the octets on
/// their way at places that lie evenly.
pub(crate) fn network(root: &Path, arguments: &[&str]) -> Result<()> {
    let options = Options::read(arguments, 500)?;
    if options.seed.is_some() || options.dev || options.count == 0 {
        bail!(
            "drill network takes --count, at least 1: nothing in it is drawn by lot, and it is what the tests have built"
        );
    }
    packages::ensure(packages::TEST)?;
    println!("a connection breaks at {} places of each direction, in each of its ways …", options.count);
    let test = ["test", "--locked", "--package", "testkit", "--test", "it", "hostile::"];
    run_with(root, "cargo", &test, &[("CHHATRA_PLACES", &options.count.to_string())])
}

/// Lets disks fail as often as the command line says.
pub(crate) fn storage(root: &Path, arguments: &[&str]) -> Result<()> {
    let options = Options::read(arguments, 100)?;
    prepare(packages::TEST)?;
    storage::run(root, &options, sweep::ALL)
}

/// The little of it in every test run.
pub(crate) fn briefly(root: &Path) -> Result<()> {
    kill::run(root, &Options { count: 10, seed: None, dev: true })?;
    storage::run(root, &Options { count: 6, seed: None, dev: true }, sweep::FEW)
}

fn prepare(packages: &[&str]) -> Result<()> {
    packages::ensure(packages::BUILD)?;
    packages::ensure(packages)
}

/// A nation that carries messages, and who looks at what comes of it.
#[derive(Debug)]
struct Drill {
    folder: PathBuf,
    reader: PathBuf,
    chhatra: PathBuf,
    nation: Nation,
    load: Load,
    chance: Chance,
    seed: u64,
    started: std::time::Instant,
}

impl Drill {
    fn start(root: &Path, options: &Options, what: &str) -> Result<Self> {
        let chhatra = build(root, !options.dev)?;
        let folder = root.join("var/drill");
        std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        let seed = options.seed.unwrap_or_else(Chance::seed);
        println!("{} {what}, seed {seed}, in {}", options.count, folder.display());
        #[expect(
            clippy::disallowed_methods,
            reason = "a person reads how long it took; nothing depends on it"
        )]
        let started = std::time::Instant::now();
        let nation = Nation::start(&chhatra, &folder)?;
        let load = Load::start(seed)?;
        let reader = root.join("xtask/src/drill/reader.py");
        Ok(Self { folder, reader, chhatra, nation, load, chance: Chance::of(seed), seed, started })
    }

    /// In the middle of it.
    fn look(&self, what: &str) -> Result<()> {
        let verdict = self.read("records", None)?;
        println!("  {what}: {}", self.told(&verdict));
        self.judge(&verdict)
    }

    /// At the end: nothing more is asked, and all that was is judged. Shows a table with the given lines first.
    fn finish(&mut self, rows: &[(&str, String)]) -> Result<()> {
        self.load.stop();
        let verdict = self.evidence()?;
        let table = self.table(rows, &verdict);
        println!("{table}");
        self.judge(&verdict)?;
        self.reader_is_awake()
    }

    /// A reader that notices nothing would be content with everything: it is shown copies that are damaged.
    fn reader_is_awake(&self) -> Result<()> {
        let mutants = self.reader.with_file_name("mutants.py");
        let paths = ["acknowledged", "delivered", "containers"].map(|name| shown(self.folder.join(name)));
        let mut arguments = vec![shown(mutants), shown(&self.reader), shown(&self.nation.state)];
        arguments.extend(paths);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let noticed = command(Path::new(PYTHON), &arguments)?;
        println!("  the reader notices each of {} damages", noticed.trim());
        Ok(())
    }

    /// Asks the independent reader about all that was acknowledged, and all that the service was asked, until now.
    fn read(&self, mode: &str, containers: Option<&Path>) -> Result<Verdict> {
        let (told, asked) = (self.folder.join("acknowledged"), self.folder.join("delivered"));
        let (acknowledged, delivered) = {
            let tally = self.load.tally();
            (tally.acknowledged.concat(), tally.delivered())
        };
        for (file, lines) in [(&told, acknowledged), (&asked, delivered)] {
            std::fs::write(file, lines).with_context(|| format!("{} cannot be written", file.display()))?;
        }
        let state = self.nation.state.as_path();
        let paths = [Some(self.reader.as_path()), None, Some(state), Some(&told), Some(&asked), containers];
        let arguments: Vec<String> = paths
            .iter()
            .enumerate()
            .filter_map(|(place, path)| if place == 1 { Some(mode.to_owned()) } else { path.map(shown) })
            .collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let told = command(Path::new(PYTHON), &arguments)?;
        serde_json::from_str(&told).context("the reader says something that cannot be understood")
    }

    /// When everything is time-stamped, takes the evidence out and has it judged: by the reader, and by our own command.
    fn evidence(&self) -> Result<Verdict> {
        let mut looks = 0;
        while self.read("records", None)?.unstamped > 0 {
            looks = u32::saturating_add(looks, 1);
            if looks > STAMPED {
                bail!("some records are still not time-stamped after {STAMPED} seconds");
            }
            pause(Duration::from_secs(1));
        }
        let out = self.folder.join("containers");
        if out.exists() {
            std::fs::remove_dir_all(&out).with_context(|| format!("{} cannot be removed", out.display()))?;
        }
        for of in ["commerce", "interior"] {
            let into = out.join(of);
            let export = ["evidence", "export", "--config", &self.nation.config(of), "--out", &shown(&into)];
            command(&self.chhatra, &export)?;
            self.verify(of, &into)?;
        }
        self.read("evidence", Some(&out))
    }

    fn verify(&self, of: &str, folder: &Path) -> Result<()> {
        let globalconf = shown(self.nation.state.join(of).join("globalconf"));
        let entries = std::fs::read_dir(folder).context("the containers cannot be listed")?;
        let files: Vec<String> = entries.flatten().map(|entry| shown(entry.path())).collect();
        for files in files.chunks(FILES_AT_ONCE) {
            let mut arguments = vec!["evidence", "verify", "--globalconf", &globalconf];
            arguments.extend(files.iter().map(String::as_str));
            command(&self.chhatra, &arguments)?;
        }
        Ok(())
    }

    fn told(&self, verdict: &Verdict) -> String {
        let tally = self.load.tally();
        let (acknowledged, refused, unanswered) = (tally.acknowledged.len(), tally.refused, tally.unanswered);
        format!(
            "{acknowledged} exchanges acknowledged, {refused} refused, {unanswered} unanswered; {} records, {} lost, {} doubled",
            verdict.records,
            verdict.lost.len(),
            verdict.doubled.len()
        )
    }

    fn table(&self, rows: &[(&str, String)], verdict: &Verdict) -> String {
        let tally = self.load.tally();
        let common = [
            ("exchanges acknowledged", tally.acknowledged.len().to_string()),
            ("refused", tally.refused.to_string()),
            ("unanswered", tally.unanswered.to_string()),
            ("records", verdict.records.to_string()),
            ("containers proven", verdict.proven.to_string()),
            ("lost", verdict.lost.len().to_string()),
            ("doubled", verdict.doubled.len().to_string()),
            ("seed", self.seed.to_string()),
            ("seconds", self.started.elapsed().as_secs().to_string()),
        ];
        rows.iter().chain(&common).map(|(name, value)| format!("  {name:<24}{value}\n")).collect()
    }

    fn judge(&self, verdict: &Verdict) -> Result<()> {
        let lost = verdict.lost.iter().map(|what| format!("LOST     {what}"));
        let doubled = verdict.doubled.iter().map(|what| format!("DOUBLED  {what}"));
        let tally = self.load.tally();
        let twice = tally.delivered_twice().map(|id| format!("DOUBLED  the service got {id} more than once"));
        let faults: Vec<String> = lost.chain(doubled).chain(twice).collect();
        if faults.is_empty() {
            return Ok(());
        }
        let first = faults.get(..faults.len().min(20)).unwrap_or_default().join("\n");
        bail!("{} faults; the state is kept in {}\n{first}", faults.len(), self.nation.state.display())
    }
}

/// Whether a process ended by a signal, or by what Rust ends with when something cannot go on that nobody thought of.
fn without_reason(code: Option<i32>) -> bool {
    code.is_none_or(|code| code == 101)
}

fn shown(path: impl AsRef<Path>) -> String {
    path.as_ref().to_string_lossy().into_owned()
}

/// A moment by the clock: other processes run, and do not tell us how far they are.
fn pause(time: Duration) {
    #[expect(clippy::disallowed_methods, reason = "the moment of a kill is a point in time")]
    std::thread::sleep(time);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_how_often() {
        let read = |line: &str| Options::read(&line.split_whitespace().collect::<Vec<_>>(), 200);
        assert_eq!(read("").unwrap(), Options { count: 200, seed: None, dev: false });
        assert_eq!(read("--seed 7 --count 3 --dev").unwrap(), Options { count: 3, seed: Some(7), dev: true });
        for wrong in ["--count", "--count many", "--fast", "7"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
