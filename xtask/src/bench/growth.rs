//! A log that grows by real exchanges: what an exchange costs at its beginning, and what at its end.

use super::ceiling::Ceiling;
use super::measure;
use super::nation::{Nation, Settings};
use super::rows::{Group, Habit, Keys, Question, Row};
use super::table::{self, columns, ms};
use super::{Options, Ready};
use anyhow::Result;
use serde::Serialize;

const CONNECTIONS: u32 = 32;
/// Longer would be fewer; shorter, and a round of time-stamps weighs too much.
const SLICE_SECONDS: u32 = 10;
/// So many at each end are compared, by the middle one: a single one may have met somebody else's work.
const AT_EACH_END: usize = 3;
const SHOWN_MAX: usize = 12;

/// All slices, in their order.
#[derive(Debug, Default, Serialize)]
pub(super) struct Growth {
    records_wanted: u64,
    slices: Vec<Slice>,
    pub(super) errors: Option<String>,
}

/// Some seconds of the load.
#[derive(Debug, Serialize)]
struct Slice {
    /// In the consumer's log when it ended.
    records: f64,
    figures: table::Figures,
}

/// Until the log has so many records.
pub(super) fn measure(ready: &Ready, options: &Options) -> Growth {
    let records = options.records;
    println!("\ngrowth: until {records} records are in each log");
    let mut growth = Growth { records_wanted: records, ..Growth::default() };
    if let Err(why) = grow(ready, options, &mut growth) {
        growth.errors = Some(format!("{why:#}"));
    }
    println!("{}", growth.text());
    growth
}

fn grow(ready: &Ready, options: &Options, growth: &mut Growth) -> Result<()> {
    let row = Row { keys: Keys::P256, habit: Habit::Kept, question: Question::Get, connections: CONNECTIONS };
    let Row { keys, habit, question, .. } = row;
    let group = Group { keys, habit, question, rows: vec![row] };
    let nation = Nation::start(&ready.chhatra, &ready.folder, Settings::default())?;
    let measured = measure::Bench::begin(nation, &ready.folder, &group, options.warm_up())?;
    let seconds = options.seconds.min(SLICE_SECONDS);
    let mut records = 0.0;
    while records < super::float(options.records) || growth.slices.len() < 2 {
        // A machine that others use, too, changes its speed meanwhile.
        let ceiling = Ceiling::measure(keys)?;
        let figures = measured.row(&row, seconds, &ceiling)?;
        if let Some(errors) = &figures.errors {
            anyhow::bail!("after {records} records: {errors}");
        }
        records = measured.records()?;
        println!("{records} records: {}", figures.line());
        growth.slices.push(Slice { records, figures });
    }
    measured.end();
    Ok(())
}

const HEADINGS: &[&str] = &[
    "records",
    "ex/s",
    "p50",
    "p99",
    "cpu c",
    "cpu p",
    "MB c/p",
    "log B/ex c/p",
    "ceiling/s",
    "of it",
    "others",
];

impl Slice {
    fn cells(&self) -> Vec<String> {
        let table::Figures { consumer, provider, .. } = &self.figures;
        vec![
            format!("{:.0}", self.records),
            format!("{:.1}", self.figures.exchanges_per_second),
            ms(self.figures.p50_ms),
            ms(self.figures.p99_ms),
            ms(consumer.cpu_ms),
            ms(provider.cpu_ms),
            format!("{:.0}/{:.0}", consumer.load_mb, provider.load_mb),
            format!("{:.0}/{:.0}", consumer.log_bytes_per_exchange, provider.log_bytes_per_exchange),
            format!("{:.0}", self.figures.ceiling_per_second),
            format!("{:.0}%", self.figures.ceiling_percent),
            format!("{:.0}%", self.figures.strangers_percent),
        ]
    }
}

impl Growth {
    /// Some of the slices, and the last beside the first.
    pub(super) fn text(&self) -> String {
        let step = self.slices.len().div_ceil(SHOWN_MAX).max(1);
        let last = self.slices.len().checked_sub(1);
        let shown =
            self.slices.iter().enumerate().filter(|(at, _)| at.is_multiple_of(step) || Some(*at) == last);
        let rows: Vec<_> = shown.map(|(_, slice)| Ok(slice.cells())).collect();
        let columns = columns(HEADINGS, &rows);
        let failed =
            self.errors.as_ref().map(|errors| format!("\ngrowth  FAILED: {errors}")).unwrap_or_default();
        format!(
            "{columns}{failed}\n{} slices; the last {AT_EACH_END} beside the first {AT_EACH_END}, by their middle ones (1.00 is flat): {}",
            self.slices.len(),
            self.flatness()
        )
    }

    fn flatness(&self) -> String {
        type Kind = (&'static str, fn(&table::Figures) -> f64);
        let kinds: [Kind; 6] = [
            ("exchanges a second", |f| f.exchanges_per_second),
            ("as a share of what the machine could do then", |f| f.ceiling_percent),
            ("p99", |f| f.p99_ms),
            ("processor time of the consumer's gateway", |f| f.consumer.cpu_ms),
            ("of the provider's", |f| f.provider.cpu_ms),
            ("log for an exchange", |f| f.consumer.log_bytes_per_exchange),
        ];
        let said = kinds.iter().map(|(name, of)| {
            let values: Vec<f64> = self.slices.iter().map(|slice| of(&slice.figures)).collect();
            let ratio = last_by_first(&values).map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}"));
            format!("{name} {ratio}")
        });
        said.collect::<Vec<_>>().join(", ")
    }
}

/// The middle of the last ones by the middle of the first ones.
fn last_by_first(values: &[f64]) -> Option<f64> {
    let count = AT_EACH_END.min(values.len() / 2);
    let first = middle(values.get(..count)?)?;
    let last = middle(values.get(values.len().checked_sub(count)?..)?)?;
    (first > 0.0).then(|| last / first)
}

fn middle(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_compared_by_their_middle_ones() {
        assert_eq!(last_by_first(&[1.0, 99.0, 2.0, 50.0, 4.0, 3.0, 0.0]), Some(1.5));
        assert_eq!(last_by_first(&[2.0, 5.0]), Some(2.5));
        assert_eq!(
            (last_by_first(&[2.0]), last_by_first(&[]), last_by_first(&[0.0, 1.0])),
            (None, None, None)
        );
    }

    #[test]
    fn few_slices_are_shown_and_the_last_is_among_them() {
        let slice = |records: u32| Slice { records: records.into(), figures: table::Figures::default() };
        let growth = Growth { slices: (1..=100).map(slice).collect(), ..Growth::default() };
        let text = growth.text();
        assert!(text.lines().count() < 20 && text.contains("\n100 "), "{text}");
        assert!(growth.slices.iter().all(|slice| slice.cells().len() == HEADINGS.len()));
    }
}
