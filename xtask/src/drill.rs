//! `cargo xtask drill kill`: processes of a nation are killed again and again while messages cross. Every exchange that a consumer was
//! told of has to be on record on both sides afterwards, once and with evidence that holds; a reader that has none of our code says so.

mod chance;
mod http;
mod load;
mod nation;

use crate::nation::{build, command};
use crate::packages;
use anyhow::{Context as _, Result, bail};
use chance::Chance;
use load::Load;
use nation::{Nation, Role};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The records are read after so many kills, and at the end.
const LOOK_EVERY: u64 = 20;
/// At most so many exchanges are acknowledged between two kills.
const EXCHANGES_MAX: u64 = 40;
/// Then it is killed within that time: an exchange is shorter.
const MOMENT_MS: u64 = 30;
/// A start is shorter, too.
const START_MS: u64 = 600;
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
    fn read(arguments: &[&str]) -> Result<Self> {
        let mut options = Self { count: 200, seed: None, dev: false };
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
                other => bail!("drill kill has no option {other}"),
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
    let options = Options::read(arguments)?;
    packages::ensure(packages::BUILD)?;
    packages::ensure(packages::TEST)?;
    run(root, &options)
}

/// The few kills of every test run.
pub(crate) fn briefly(root: &Path) -> Result<()> {
    run(root, &Options { count: 10, seed: None, dev: true })
}

fn run(root: &Path, options: &Options) -> Result<()> {
    let chhatra = build(root, !options.dev)?;
    let folder = root.join("var/drill");
    std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let seed = options.seed.unwrap_or_else(Chance::seed);
    println!("{} kills, seed {seed}, in {}", options.count, folder.display());
    #[expect(clippy::disallowed_methods, reason = "a person reads how long it took; nothing depends on it")]
    let start = std::time::Instant::now();
    let nation = Nation::start(&chhatra, &folder)?;
    let load = Load::start(seed)?;
    let reader = root.join("xtask/src/drill/reader.py");
    let mut drill =
        Drill { folder, reader, chhatra, nation, load, chance: Chance::of(seed), kills: BTreeMap::new() };
    drill.kill_and_restart(options.count)?;
    drill.load.wait_for(EXCHANGES_MAX)?;
    drill.load.stop();
    let verdict = drill.evidence()?;
    let table = drill.table(&verdict, seed, start.elapsed().as_secs());
    println!("{table}");
    drill.judge(&verdict)
}

#[derive(Debug)]
struct Drill {
    folder: PathBuf,
    reader: PathBuf,
    chhatra: PathBuf,
    nation: Nation,
    load: Load,
    chance: Chance,
    kills: BTreeMap<Role, u64>,
}

impl Drill {
    fn kill_and_restart(&mut self, count: u64) -> Result<()> {
        let mut looked = LOOK_EVERY;
        while self.killed() < count {
            self.load.wait_for(self.chance.below(EXCHANGES_MAX))?;
            pause(self.chance.up_to(MOMENT_MS));
            let victims = self.victims();
            for victim in victims {
                self.kill(*victim)?;
            }
            for victim in victims {
                self.nation.begin(*victim)?;
            }
            // A start that recovers from a kill can be killed, too.
            if self.chance.below(6) == 0 {
                pause(self.chance.up_to(START_MS));
                for victim in victims {
                    self.kill(*victim)?;
                    self.nation.begin(*victim)?;
                }
            }
            for victim in victims {
                self.nation.ready(*victim)?;
            }
            if self.killed() >= looked {
                looked = looked.saturating_add(LOOK_EVERY);
                let verdict = self.read("records", None)?;
                println!("  {} kills: {}", self.killed(), self.told(&verdict));
                self.judge(&verdict)?;
            }
        }
        Ok(())
    }

    fn victims(&mut self) -> &'static [Role] {
        match self.chance.below(20) {
            0..=7 => &[Role::Consumer],
            8..=15 => &[Role::Provider],
            16..=17 => &[Role::Provider, Role::Consumer],
            18 => &[Role::Registry],
            _ => &[Role::Trust],
        }
    }

    fn kill(&mut self, role: Role) -> Result<()> {
        self.nation.kill(role)?;
        let kills = self.kills.entry(role).or_default();
        *kills = kills.saturating_add(1);
        Ok(())
    }

    fn killed(&self) -> u64 {
        self.kills.values().sum()
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

    fn table(&self, verdict: &Verdict, seed: u64, seconds: u64) -> String {
        let tally = self.load.tally();
        let roles: Vec<String> =
            self.kills.iter().map(|(role, kills)| format!("{} {kills}", role.name())).collect();
        let rows = [
            ("kills", format!("{} ({})", self.killed(), roles.join(", "))),
            ("exchanges acknowledged", tally.acknowledged.len().to_string()),
            ("refused", tally.refused.to_string()),
            ("unanswered", tally.unanswered.to_string()),
            ("records", verdict.records.to_string()),
            ("containers proven", verdict.proven.to_string()),
            ("lost", verdict.lost.len().to_string()),
            ("doubled", verdict.doubled.len().to_string()),
            ("seed", seed.to_string()),
            ("seconds", seconds.to_string()),
        ];
        rows.iter().map(|(name, value)| format!("  {name:<24}{value}\n")).collect()
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
    fn reads_how_often_is_killed() {
        let read = |line: &str| Options::read(&line.split_whitespace().collect::<Vec<_>>());
        assert_eq!(read("").unwrap(), Options { count: 200, seed: None, dev: false });
        assert_eq!(read("--seed 7 --count 3 --dev").unwrap(), Options { count: 3, seed: Some(7), dev: true });
        for wrong in ["--count", "--count many", "--fast", "7"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
