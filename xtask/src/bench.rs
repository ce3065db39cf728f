//! `cargo xtask bench`: what an exchange costs, beside the same service called directly and beside what this machine could do at most.

mod options;
mod rows;
mod process;
mod nation;
mod load;
pub(crate) mod service;
pub(crate) mod strangers;
mod ceiling;
mod measure;
mod table;
mod abuse;
mod body;
mod growth;

use crate::nation::build;
use crate::packages;
use anyhow::{Context as _, Result, bail};
use ceiling::{Ceiling, Machine, said_by};
use nation::Nation;
use options::{Long, Options};
use rows::Group;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use table::{Figures, Report};

/// What every kind of measurement begins with.
#[derive(Debug)]
struct Ready {
    chhatra: PathBuf,
    folder: PathBuf,
    /// When the run began; its files are named so.
    began: String,
}

/// Measures what is wanted and prints it; a row with errors makes the command fail at the end.
pub(crate) fn run(root: &Path, arguments: &[&str]) -> Result<()> {
    if arguments.iter().any(|argument| matches!(*argument, "--help" | "-h" | "help")) {
        println!("{}", options::HELP);
        return Ok(());
    }
    let options = Options::read(arguments)?;
    packages::ensure(packages::BUILD)?;
    packages::ensure(packages::BENCH)?;
    let chhatra = build(root, true)?;
    let folder = root.join("var/bench");
    std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let began = said_by("date", &["--utc", "+%Y%m%dT%H%M%SZ"])?.trim().to_owned();
    let ready = Ready { chhatra, folder, began };
    if options.abuse {
        return abuse::run(&ready, &options);
    }
    let machine = Machine::look(&ready.folder)?;
    println!("{machine}");
    let report =
        Report { seconds: options.seconds, machine, rows: Vec::new(), bodies: Vec::new(), growth: None };
    measure_all(&ready, &options, report)
}

fn measure_all(ready: &Ready, options: &Options, mut report: Report) -> Result<()> {
    let groups = rows::groups(&options.rows);
    let mut progress = Progress::begin(options.rows.len());
    println!("{}", estimate(options, groups.len()));
    for group in groups {
        measure_group(ready, options, &group, &mut report, &mut progress);
        ready.keep("table", &report.text(), &report)?;
    }
    for long in &options.long {
        match long {
            Long::Body(wanted) => report.bodies.push(body::measure(ready, options, *wanted)),
            Long::Growth => report.growth = Some(growth::measure(ready, options)),
        }
        ready.keep("table", &report.text(), &report)?;
    }
    println!("\n{}", report.text());
    ready.tell_files("table");
    if let Some(file) = &options.json {
        write_json(file, &report)?;
    }
    match report.failed().as_slice() {
        [] => Ok(()),
        failed => bail!("these rows had errors and mean nothing: {}", failed.join(", ")),
    }
}

/// One nation with an empty log for the rows of a group. What fails is told in its row.
fn measure_group(
    ready: &Ready,
    options: &Options,
    group: &Group,
    report: &mut Report,
    progress: &mut Progress,
) {
    let begun = || -> Result<(Ceiling, measure::Bench)> {
        let ceiling = Ceiling::measure(group.keys)?;
        println!("\n{}: {ceiling}", group.name());
        let nation = Nation::start(&ready.chhatra, &ready.folder, group.into())?;
        Ok((ceiling, measure::Bench::begin(nation, &ready.folder, group, options.warm_up())?))
    };
    let begun = begun();
    for row in &group.rows {
        let measured = match &begun {
            Ok((ceiling, bench)) => {
                bench.row(row, options.seconds, ceiling).map_err(|why| Figures::failed(row.name(), &why))
            }
            Err(why) => Err(Figures::failed(row.name(), why)),
        };
        let figures = measured.unwrap_or_else(|failed| failed);
        println!("{} ({})", figures.line(), progress.one_more());
        report.rows.push(figures);
    }
    if let Ok((_, bench)) = begun {
        bench.end();
    }
}

/// Beside its seconds a row has a second before it and the service alone; a nation has to be made and warmed.
fn estimate(options: &Options, nations: usize) -> String {
    let each = |count: usize, seconds: u64| u64::try_from(count).unwrap_or(u64::MAX).saturating_mul(seconds);
    let row = u64::from(options.seconds).saturating_mul(6).saturating_div(5).saturating_add(3);
    let nation = if options.quick { 10 } else { 30 };
    let seconds = each(options.rows.len(), row).saturating_add(each(nations, nation));
    let long = match options.long.len() {
        0 => String::new(),
        long => format!(", then {long} long rows"),
    };
    format!("{} rows in {nations} nations, about {}{long}", options.rows.len(), minutes(seconds))
}

fn minutes(seconds: u64) -> String {
    if seconds < 90 { format!("{seconds} s") } else { format!("{} min", seconds.div_ceil(60)) }
}

/// How far it is.
#[derive(Debug)]
struct Progress {
    begun: Instant,
    done: u32,
    all: usize,
}

impl Progress {
    fn begin(all: usize) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "a person reads how long it takes; nothing depends on it"
        )]
        let begun = Instant::now();
        Self { begun, done: 0, all }
    }

    fn one_more(&mut self) -> String {
        self.done = self.done.saturating_add(1);
        told_progress(self.begun.elapsed(), self.done, self.all)
    }
}

fn told_progress(elapsed: Duration, done: u32, all: usize) -> String {
    let rest = u32::try_from(all).unwrap_or(u32::MAX).saturating_sub(done);
    let left = elapsed.checked_div(done).unwrap_or_default().saturating_mul(rest);
    format!("{done} of {all}, about {} left", minutes(left.as_secs()))
}

impl Ready {
    /// Writes what was measured so far, so that a run that is broken off leaves that much.
    fn keep(&self, what: &str, text: &str, report: &impl Serialize) -> Result<()> {
        let file = self.file(what, "txt");
        std::fs::write(&file, format!("{text}\n"))
            .with_context(|| format!("{} cannot be written", file.display()))?;
        write_json(&self.file(what, "json"), report)
    }

    fn file(&self, what: &str, kind: &str) -> PathBuf {
        self.folder.join(format!("{what}-{}.{kind}", self.began))
    }

    fn tell_files(&self, what: &str) {
        println!("\nkept as {} and .json", self.file(what, "txt").display());
    }
}

fn write_json(file: &Path, report: &impl Serialize) -> Result<()> {
    let json = serde_json::to_string_pretty(report).context("the table cannot be written as JSON")?;
    std::fs::write(file, json).with_context(|| format!("{} cannot be written", file.display()))
}

/// As near as a float comes.
fn float(value: u64) -> f64 {
    let half = |part: u64| f64::from(u32::try_from(part & 0xFFFF_FFFF).unwrap_or(u32::MAX));
    half(value >> 32) * 4_294_967_296.0 + half(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_how_far_it_is() {
        let told = |seconds, done, all| told_progress(Duration::from_secs(seconds), done, all);
        assert_eq!(told(40, 1, 3), "1 of 3, about 80 s left");
        assert_eq!(told(80, 2, 48), "2 of 48, about 31 min left");
        assert_eq!(told(80, 2, 2), "2 of 2, about 0 s left");
        let options = Options::read(&["--quick"]).unwrap();
        assert_eq!(estimate(&options, 8), "12 rows in 8 nations, about 3 min");
    }

    #[test]
    fn large_numbers_stay_what_they_are() {
        for (value, same) in [(0, 0.0), (5_000_000_000, 5e9), (1 << 40, 1_099_511_627_776.0)] {
            assert!((float(value) - same).abs() < 0.5, "{value}");
        }
    }
}
