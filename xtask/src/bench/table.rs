//! The table, for people and as JSON.

use super::body;
use super::ceiling::Machine;
use super::growth::Growth;
use serde::Serialize;

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) seconds: u32,
    pub(super) machine: Machine,
    pub(super) rows: Vec<Figures>,
    pub(super) bodies: Vec<body::Figures>,
    pub(super) growth: Option<Growth>,
}

/// One row. Times in milliseconds; processor time and log for each exchange.
#[derive(Debug, Default, Serialize)]
pub(super) struct Figures {
    pub(super) name: String,
    pub(super) exchanges_per_second: f64,
    pub(super) p50_ms: f64,
    pub(super) p95_ms: f64,
    pub(super) p99_ms: f64,
    /// Why the row means nothing.
    pub(super) errors: Option<String>,
    pub(super) direct: Direct,
    pub(super) consumer: Gateway,
    pub(super) provider: Gateway,
    pub(super) service_cpu_ms: f64,
    pub(super) authorities_cpu_ms: f64,
    pub(super) load_cpu_ms: f64,
    /// What else the machine did meanwhile, of all that it did.
    pub(super) strangers_percent: f64,
    pub(super) ceiling_per_second: f64,
    pub(super) ceiling_percent: f64,
}

/// The same service without gateways.
#[derive(Debug, Default, Serialize)]
pub(super) struct Direct {
    pub(super) per_second: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Gateway {
    pub(super) cpu_ms: f64,
    pub(super) idle_mb: f64,
    pub(super) load_mb: f64,
    pub(super) log_bytes_per_exchange: f64,
    pub(super) log_bytes_per_message_besides_body: f64,
}

const HEADINGS: &[&str] = &[
    "row",
    "ex/s",
    "p50",
    "p95",
    "p99",
    "direct/s",
    "its p50",
    "cpu c",
    "cpu p",
    "cpu s",
    "cpu t",
    "cpu w",
    "MB idle c/p",
    "MB load c/p",
    "log B/ex c/p",
    "B/msg c/p",
    "ceiling/s",
    "of it",
    "others",
];

const LEGEND: &str = "\
ex/s: exchanges a second. p50, p95, p99: ms until the consumer had the answer. direct/s: the service alone. cpu: processor time in ms for an
exchange, of the consumer's gateway, the provider's, the service, trust services with the registry, and wrk. MB: resident memory of the two
gateways at rest before the load, and their peak in the row. log: database growth for an exchange in each gateway; B/msg: for a message, without
its body. ceiling/s: exchanges of a machine that only signs and verifies them. others: what else the machine did, of all it did.";

impl Figures {
    /// A row that could not be measured.
    pub(super) fn failed(name: String, why: &anyhow::Error) -> Self {
        Self { name, errors: Some(format!("{why:#}")), ..Self::default() }
    }

    fn cells(&self) -> Vec<String> {
        let Self { direct, consumer, provider, .. } = self;
        let two = |first: f64, second: f64| format!("{first:.0}/{second:.0}");
        vec![
            self.name.clone(),
            format!("{:.1}", self.exchanges_per_second),
            ms(self.p50_ms),
            ms(self.p95_ms),
            ms(self.p99_ms),
            format!("{:.0}", direct.per_second),
            ms(direct.p50_ms),
            ms(consumer.cpu_ms),
            ms(provider.cpu_ms),
            ms(self.service_cpu_ms),
            ms(self.authorities_cpu_ms),
            ms(self.load_cpu_ms),
            two(consumer.idle_mb, provider.idle_mb),
            two(consumer.load_mb, provider.load_mb),
            two(consumer.log_bytes_per_exchange, provider.log_bytes_per_exchange),
            two(consumer.log_bytes_per_message_besides_body, provider.log_bytes_per_message_besides_body),
            format!("{:.0}", self.ceiling_per_second),
            format!("{:.0}%", self.ceiling_percent),
            format!("{:.0}%", self.strangers_percent),
        ]
    }

    /// While others are still being measured.
    pub(super) fn line(&self) -> String {
        match &self.errors {
            Some(errors) => format!("{}: FAILED: {errors}", self.name),
            None => format!(
                "{}: {:.1}/s, p50 {} ms, p99 {} ms; {:.0}% of the machine's work was somebody else's",
                self.name,
                self.exchanges_per_second,
                ms(self.p50_ms),
                ms(self.p99_ms),
                self.strangers_percent
            ),
        }
    }
}

impl Report {
    pub(super) fn text(&self) -> String {
        let rows = self.rows.iter().map(|row| match &row.errors {
            Some(errors) => Err(format!("{}  FAILED: {errors}", row.name)),
            None => Ok(row.cells()),
        });
        let rows = rows.collect::<Vec<_>>();
        let mut parts = vec![self.machine.to_string()];
        if !rows.is_empty() {
            parts.push(format!("{}\n{} seconds each. {LEGEND}", columns(HEADINGS, &rows), self.seconds));
        }
        if !self.bodies.is_empty() {
            parts.push(body::text(&self.bodies));
        }
        parts.extend(self.growth.as_ref().map(Growth::text));
        parts.join("\n\n")
    }

    /// The names of rows that mean nothing.
    pub(super) fn failed(&self) -> Vec<&str> {
        let rows = self.rows.iter().filter(|row| row.errors.is_some()).map(|row| row.name.as_str());
        let bodies = self.bodies.iter().filter(|row| row.errors.is_some()).map(|row| row.name.as_str());
        let growth = self.growth.iter().filter(|growth| growth.errors.is_some()).map(|_| "growth");
        rows.chain(bodies).chain(growth).collect()
    }
}

/// Rows below their headings, each column as wide as it must be; a row that failed is a sentence instead.
pub(super) fn columns(headings: &[&str], rows: &[Result<Vec<String>, String>]) -> String {
    let headings: Vec<String> = headings.iter().map(|&heading| heading.to_owned()).collect();
    let width = |column: usize| {
        let cells = rows.iter().flatten().chain([&headings]).filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let mut lines = vec![aligned(&headings, &widths)];
    lines.extend(rows.iter().map(|row| match row {
        Ok(cells) => aligned(cells, &widths),
        Err(sentence) => sentence.clone(),
    }));
    lines.join("\n")
}

/// The first column to the left, numbers to the right.
fn aligned(cells: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    for (at, (cell, &width)) in cells.iter().zip(widths).enumerate() {
        if at == 0 {
            line.push_str(&format!("{cell:<width$}"));
        } else {
            line.push_str(&format!("  {cell:>width$}"));
        }
    }
    line
}

/// Three figures that mean something.
pub(super) fn ms(value: f64) -> String {
    match value {
        large if large >= 100.0 => format!("{large:.0}"),
        middle if middle >= 10.0 => format!("{middle:.1}"),
        small => format!("{small:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(name: &str, errors: Option<&str>) -> Figures {
        let gateway = |cpu_ms| Gateway {
            cpu_ms,
            idle_mb: 20.4,
            load_mb: 50.6,
            log_bytes_per_exchange: 8000.0,
            log_bytes_per_message_besides_body: 3900.0,
        };
        Figures {
            name: name.to_owned(),
            exchanges_per_second: 1234.56,
            p50_ms: 1.234,
            p95_ms: 12.34,
            p99_ms: 123.4,
            errors: errors.map(str::to_owned),
            direct: Direct { per_second: 20_000.0, p50_ms: 0.05, p99_ms: 0.1 },
            consumer: gateway(0.5),
            provider: gateway(0.25),
            service_cpu_ms: 0.01,
            authorities_cpu_ms: 0.0,
            load_cpu_ms: 0.02,
            strangers_percent: 3.0,
            ceiling_per_second: 5000.0,
            ceiling_percent: 24.7,
        }
    }

    #[test]
    fn columns_stand_below_their_headings() {
        let machine = Machine::of_nobody();
        let rows = vec![figures("p256-kept-get-c32", None), figures("rsa", Some("3 time-outs"))];
        let report = Report { seconds: 30, machine, rows, bodies: Vec::new(), growth: None };
        let text = report.text();
        let lines: Vec<&str> = text.lines().collect();
        let [headings, first, second] = lines[2..5] else { panic!("{text}") };
        assert_eq!(headings.chars().count(), first.chars().count());
        for (heading, cell) in
            [("ex/s", "1234.6"), ("p50", "1.23"), ("p95", "12.3"), ("MB load c/p", "51/51"), ("of it", "25%")]
        {
            let end = |line: &str, what: &str| line.find(&format!(" {what}")).unwrap() + what.len();
            assert_eq!(end(headings, heading), end(first, cell), "{text}");
        }
        assert_eq!(second, "rsa  FAILED: 3 time-outs");
        assert_eq!(report.failed(), ["rsa"]);
        assert_eq!(HEADINGS.len(), figures("", None).cells().len());
    }
}
