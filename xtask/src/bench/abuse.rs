//! `cargo xtask bench abuse`: what an ordinary consumer feels while strangers hold connections, beside what it feels without them.

use super::ceiling::Machine;
use super::load::Load;
use super::measure::megabytes;
use super::nation::{Nation, Settings};
use super::process::Process;
use super::rows::Question;
use super::strangers::{self, Held, Kind};
use super::table::{columns, ms};
use super::{Options, Ready};
use anyhow::{Context as _, Result, bail};
use serde::Serialize;
use std::time::Duration;

/// The ordinary consumer's connections.
const CONNECTIONS: u32 = 4;
/// How much slower the slowest hundredth may be.
const RATIO_MAX: f64 = 3.0;
/// How long strangers may take until they are there.
const GATHER_SECONDS: u32 = 90;

/// Everything that was measured.
#[derive(Debug, Serialize)]
struct Report {
    seconds: u32,
    machine: Machine,
    rows: Vec<Look>,
}

/// The consumer and the gateways during one stretch of time. The last six are looked at when it ends.
#[derive(Debug, Default, Serialize)]
struct Look {
    name: String,
    asked_for: usize,
    held_before: usize,
    held_after: usize,
    cut: usize,
    per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    /// Beside the mean of the quiet times before and after.
    p99_ratio: Option<f64>,
    consumer_mb: f64,
    provider_mb: f64,
    consumer_handles: usize,
    provider_handles: usize,
    errors: Option<String>,
}

const HEADINGS: &[&str] = &[
    "beside",
    "asked for",
    "held",
    "at the end",
    "cut",
    "ex/s",
    "p50",
    "p99",
    "p99 ratio",
    "within 3",
    "MB c/p",
    "handles c/p",
];

const LEGEND: &str = "\
held: connections of strangers when the measurement began and when it ended, of unread answers those that had begun; cut: how many the gateways
had closed by then, each was opened again. p50, p99: ms until an ordinary consumer with 4 connections, from another address, had the answer to a
small GET. p99 ratio: beside the mean of the quiet times before and after. MB, handles: resident memory and open file handles of the consumer's
gateway and the provider's at the end of each time. Strangers, load and gateways share this machine. An unread answer is given up after 30 s.";

/// Longer than this the strangers would not all be there to the end.
const SECONDS_MAX: u32 = 25;

/// Measures and prints.
pub(super) fn run(ready: &Ready, options: &Options) -> Result<()> {
    strangers::allow(options.connections)?;
    if options.seconds > SECONDS_MAX {
        bail!(
            "answers that nobody reads are given up after 30 seconds, so each time is {SECONDS_MAX} seconds at most"
        );
    }
    let nation = Nation::start(&ready.chhatra, &ready.folder, Settings::default())?;
    let url = Nation::url("/small");
    let load = Load::new(&ready.folder, "abuse", url, Some(Nation::client()), Question::Get)?;
    load.warm_up(options.warm_up())?;
    let mut report =
        Report { seconds: options.seconds, machine: Machine::look(&ready.folder)?, rows: Vec::new() };
    let quiet =
        |name: &str| look(&nation, &load, options.seconds, Look { name: name.to_owned(), ..Look::default() });
    report.rows.push(quiet("nobody")?);
    for kind in Kind::ALL {
        let beside = beside(&nation, &load, options, kind).unwrap_or_else(|why| Look {
            name: kind.word().to_owned(),
            errors: Some(format!("{why:#}")),
            ..Look::default()
        });
        report.rows.push(beside);
        report.rows.push(quiet("nobody")?);
        compare(&mut report.rows);
        ready.keep("abuse", &report.text(), &report)?;
    }
    nation.stop();
    println!("\n{}", report.text());
    ready.tell_files("abuse");
    match report.rows.iter().filter(|row| row.errors.is_some()).count() {
        0 if report.rows.iter().all(Look::is_within) => Ok(()),
        0 => bail!("the p99 was more than {RATIO_MAX} times the quiet one: see NO above"),
        failed => bail!("{failed} rows had errors and mean nothing"),
    }
}

/// The same with strangers, who are gone afterwards.
fn beside(nation: &Nation, load: &Load, options: &Options, kind: Kind) -> Result<Look> {
    let asked_for = kind.share(options.connections);
    let mut strangers =
        nation.beside("strangers", &["bench-strangers", kind.word(), &asked_for.to_string()])?;
    let before = gathered(&mut strangers, asked_for)?;
    let begun = Look { name: kind.word().to_owned(), asked_for, held_before: before.held, ..Look::default() };
    let looked = look(nation, load, options.seconds, begun)?;
    let after = said(&strangers).context("the strangers say nothing any more")?;
    strangers.stop();
    Ok(Look { held_after: after.held, cut: after.cut, ..looked })
}

/// Waits until all or nearly all are there.
fn gathered(strangers: &mut Process, wanted: usize) -> Result<Held> {
    for _ in 0..GATHER_SECONDS * 5 {
        strangers.check()?;
        // Where places are few, some of them are always being cut for the next.
        let enough = |said: &Held| said.held.saturating_mul(20) >= wanted.saturating_mul(19);
        if let Some(held) = said(strangers).filter(enough) {
            return Ok(held);
        }
        pause(200);
    }
    let held = said(strangers).map_or(0, |said| said.held);
    bail!("only {held} of {wanted} strangers came in within {GATHER_SECONDS} seconds")
}

fn said(strangers: &Process) -> Option<Held> {
    Held::read(&strangers.last_line()?)
}

fn look(nation: &Nation, load: &Load, seconds: u32, begun: Look) -> Result<Look> {
    load.run(CONNECTIONS, 1)?;
    let outcome = load.run(CONNECTIONS, seconds)?;
    let look = Look {
        per_second: outcome.per_second(),
        p50_ms: outcome.p50_ms,
        p99_ms: outcome.p99_ms,
        consumer_mb: megabytes(nation.consumer.memory()?.resident),
        provider_mb: megabytes(nation.provider.memory()?.resident),
        consumer_handles: nation.consumer.handles()?,
        provider_handles: nation.provider.handles()?,
        errors: outcome.errors,
        ..begun
    };
    println!(
        "beside {}: {:.1}/s, p50 {} ms, p99 {} ms",
        look.name,
        look.per_second,
        ms(look.p50_ms),
        ms(look.p99_ms)
    );
    Ok(look)
}

fn pause(milliseconds: u64) {
    #[expect(clippy::disallowed_methods, reason = "another process gets ready, and cannot tell us when")]
    std::thread::sleep(Duration::from_millis(milliseconds));
}

/// Quiet and other rows alternate, and a quiet one is the last.
fn compare(rows: &mut [Look]) {
    for at in (1..rows.len()).step_by(2) {
        if let Some([before, beside, after]) = rows.get_mut(at.saturating_sub(1)..=at.saturating_add(1)) {
            let quiet = f64::midpoint(before.p99_ms, after.p99_ms);
            let whole = [&*before, &*beside, &*after].iter().all(|row| row.errors.is_none());
            beside.p99_ratio = (whole && quiet > 0.0).then(|| beside.p99_ms / quiet);
        }
    }
}

impl Look {
    fn is_within(&self) -> bool {
        self.p99_ratio.is_none_or(|ratio| ratio <= RATIO_MAX)
    }

    fn cells(&self) -> Vec<String> {
        let count = |value: usize| if self.asked_for == 0 { String::new() } else { value.to_string() };
        let ratio = |shown: &dyn Fn(f64) -> String| self.p99_ratio.map(shown).unwrap_or_default();
        vec![
            self.name.clone(),
            count(self.asked_for),
            count(self.held_before),
            count(self.held_after),
            count(self.cut),
            format!("{:.1}", self.per_second),
            ms(self.p50_ms),
            ms(self.p99_ms),
            ratio(&|ratio| format!("{ratio:.2}")),
            ratio(&|_| if self.is_within() { "yes" } else { "NO" }.to_owned()),
            format!("{:.0}/{:.0}", self.consumer_mb, self.provider_mb),
            format!("{}/{}", self.consumer_handles, self.provider_handles),
        ]
    }
}

impl Report {
    fn text(&self) -> String {
        let rows = self.rows.iter().map(|row| match &row.errors {
            Some(errors) => Err(format!("{}  FAILED: {errors}", row.name)),
            None => Ok(row.cells()),
        });
        let columns = columns(HEADINGS, &rows.collect::<Vec<_>>());
        format!("{}\n{columns}\n{} seconds each. {LEGEND}", self.machine, self.seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_compared_with_the_quiet_times_around_it() {
        let look = |name: &str, p99_ms| Look { name: name.to_owned(), p99_ms, ..Look::default() };
        let mut rows =
            vec![look("nobody", 1.0), look("idle", 6.0), look("nobody", 3.0), look("half-heads", 12.4)];
        rows.push(look("nobody", 1.0));
        compare(&mut rows);
        let ratios: Vec<_> = rows.iter().map(|row| row.p99_ratio).collect();
        assert_eq!(ratios, [None, Some(3.0), None, Some(6.2), None]);
        let cells: Vec<_> = rows.iter().map(Look::cells).collect();
        assert!(cells.iter().all(|cells| cells.len() == HEADINGS.len()));
        assert!(cells[1].contains(&"yes".to_owned()) && cells[3].contains(&"NO".to_owned()));
    }

    #[test]
    fn a_row_with_errors_has_no_ratio() {
        let mut rows = vec![Look { p99_ms: 1.0, ..Look::default() }, Look::default(), Look::default()];
        rows[1].errors = Some("3 time-outs".to_owned());
        compare(&mut rows);
        assert_eq!(rows[1].p99_ratio, None);
    }
}
