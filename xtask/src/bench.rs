//! `cargo xtask bench`: what an exchange costs, beside the same service called directly and beside what this machine could do at most.

mod rows;
mod process;
mod nation;
mod load;
pub(crate) mod service;
mod ceiling;
mod measure;
mod table;

use crate::nation::build;
use crate::packages;
use anyhow::{Context as _, Result, bail};
use ceiling::{Ceiling, Machine};
use nation::Nation;
use rows::Group;
use std::path::{Path, PathBuf};
use table::Report;

/// What the command line says.
#[derive(Debug, PartialEq, Eq)]
struct Options {
    seconds: u32,
    quick: bool,
    json: Option<PathBuf>,
    rows: Vec<String>,
}

impl Options {
    fn read(arguments: &[&str]) -> Result<Self> {
        let mut options = Self { seconds: 30, quick: false, json: None, rows: Vec::new() };
        let mut seconds = None;
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let mut value = || rest.next().with_context(|| format!("{argument} needs a value"));
            match *argument {
                "--seconds" => seconds = Some(value()?.parse().context("--seconds takes a whole number")?),
                "--json" => options.json = Some(value()?.into()),
                "--quick" => options.quick = true,
                option if option.starts_with('-') => bail!("bench has no option {option}"),
                row => options.rows.push(row.to_owned()),
            }
        }
        if options.quick {
            options.seconds = 2;
        }
        options.seconds = seconds.unwrap_or(options.seconds).max(1);
        Ok(options)
    }

    /// What each nation answers before anything is measured: as many as X-Road was warmed with.
    const fn warm_up(&self) -> u32 {
        if self.quick { 500 } else { 7_000 }
    }
}

/// Measures the chosen rows and prints them; a row with errors makes the command fail at the end.
pub(crate) fn run(root: &Path, arguments: &[&str]) -> Result<()> {
    let options = Options::read(arguments)?;
    let chosen = rows::chosen(&options.rows, options.quick)?;
    packages::ensure(packages::BUILD)?;
    packages::ensure(packages::BENCH)?;
    let chhatra = build(root, true)?;
    let folder = root.join("var/bench");
    std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let machine = Machine::look(&folder)?;
    println!("{machine}");
    let mut report = Report { seconds: options.seconds, machine, rows: Vec::new() };
    for group in rows::groups(&chosen) {
        measure_group(&chhatra, &folder, &options, &group, &mut report)?;
    }
    println!("\n{}", report.text());
    if let Some(file) = &options.json {
        let json = serde_json::to_string_pretty(&report).context("the table cannot be written as JSON")?;
        std::fs::write(file, json).with_context(|| format!("{} cannot be written", file.display()))?;
    }
    let failed: Vec<&str> =
        report.rows.iter().filter(|row| row.errors.is_some()).map(|row| row.name.as_str()).collect();
    if !failed.is_empty() {
        bail!("these rows had errors and mean nothing: {}", failed.join(", "));
    }
    Ok(())
}

/// One nation with an empty log for the rows of a group.
fn measure_group(
    chhatra: &Path,
    folder: &Path,
    options: &Options,
    group: &Group,
    report: &mut Report,
) -> Result<()> {
    let ceiling = Ceiling::measure(group.keys)?;
    println!("\n{}: {ceiling}", group.name());
    let nation = Nation::start(chhatra, folder, group.into())?;
    let bench = measure::Bench::begin(nation, folder, group, options.warm_up())?;
    for row in &group.rows {
        let figures = bench.row(row, options.seconds, &ceiling)?;
        println!("{}", figures.line());
        report.rows.push(figures);
    }
    bench.end();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_to_be_measured() {
        let read = |line: &str| Options::read(&line.split_whitespace().collect::<Vec<_>>());
        let options = read("").unwrap();
        assert_eq!((options.seconds, options.quick, options.warm_up()), (30, false, 7_000));
        let options = read("--quick rsa-get c32 --json out.json").unwrap();
        assert_eq!((options.seconds, options.quick), (2, true));
        assert_eq!(options.rows, ["rsa-get", "c32"]);
        assert_eq!(options.json, Some("out.json".into()));
        assert_eq!(read("--seconds 7 --quick").unwrap().seconds, 7);
        for wrong in ["--seconds", "--seconds many", "--fast"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
