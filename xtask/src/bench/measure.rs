//! One row: the load, and what it took.

use super::ceiling::{Ceiling, said_by};
use super::load::{Load, Outcome};
use super::nation::Nation;
use super::process::{Memory, children_cpu_seconds, machine_cpu_seconds};
use super::rows::{Group, Question, Row};
use super::table::{Direct, Figures, Gateway};
use anyhow::{Context as _, Result};
use std::path::Path;

/// What is put in front of a row, so that its connections are there.
const BEFORE_SECONDS: u32 = 1;

/// A nation under load.
#[derive(Debug)]
pub(super) struct Bench {
    nation: Nation,
    through: Load,
    direct: Load,
    idle: [Memory; 2],
}

/// What has been used up at one moment.
#[derive(Debug, Clone, Copy)]
struct Spent {
    consumer: f64,
    provider: f64,
    service: f64,
    authorities: f64,
    load: f64,
    machine: f64,
    logs: [LogSize; 2],
}

/// A log's pages in bytes, and the number of its last record.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct LogSize {
    pub(super) bytes: f64,
    pub(super) records: f64,
}

impl Bench {
    /// Looks at the nation at rest, then warms it up.
    pub(super) fn begin(nation: Nation, folder: &Path, group: &Group, requests: u32) -> Result<Self> {
        let path = match group.question {
            Question::Get => "/small",
            Question::Post { .. } => "/body",
        };
        let idle = [nation.consumer.memory()?, nation.provider.memory()?];
        let through =
            Load::new(folder, "through", Nation::url(path), Some(Nation::client()), group.question)?;
        let direct = Load::new(folder, "direct", Nation::direct_url(path), None, group.question)?;
        // Large bodies warm with fewer of them.
        let requests = if group.question.body_bytes() > 65_536 { requests / 50 } else { requests };
        through.warm_up(requests)?;
        Ok(Self { nation, through, direct, idle })
    }

    pub(super) fn row(&self, row: &Row, seconds: u32, ceiling: &Ceiling) -> Result<Figures> {
        self.through.run(row.connections, BEFORE_SECONDS)?;
        for gateway in [&self.nation.consumer, &self.nation.provider] {
            gateway.forget_peak()?;
        }
        let before = self.spent()?;
        let outcome = self.through.run(row.connections, seconds)?;
        let after = self.spent()?;
        let peaks = [self.nation.consumer.memory()?.peak, self.nation.provider.memory()?.peak];
        let direct = self.direct.run(row.connections, (seconds / 5).max(1))?;
        Ok(self.figures(row, &outcome, &direct, (before, after), peaks, ceiling))
    }

    fn figures(
        &self,
        row: &Row,
        outcome: &Outcome,
        direct: &Outcome,
        (before, after): (Spent, Spent),
        peaks: [f64; 2],
        ceiling: &Ceiling,
    ) -> Figures {
        let each = |from: f64, to: f64| (to - from) * 1e3 / outcome.requests.max(1.0);
        let gateway = |at: usize, cpu_ms: f64| {
            let (from, to) = (before.logs.get(at), after.logs.get(at));
            let (bytes, records) =
                from.zip(to).map_or((0.0, 0.0), |(f, t)| (t.bytes - f.bytes, t.records - f.records));
            let message = bytes / records.max(1.0);
            let body = row.question.bodies_bytes() / 2.0;
            Gateway {
                cpu_ms,
                idle_mb: self.idle.get(at).map_or(0.0, |memory| megabytes(memory.resident)),
                load_mb: peaks.get(at).map_or(0.0, |peak| megabytes(*peak)),
                log_bytes_per_exchange: message * 2.0,
                log_bytes_per_message_besides_body: message - body,
            }
        };
        let ours = [
            after.consumer - before.consumer,
            after.provider - before.provider,
            after.service - before.service,
            after.authorities - before.authorities,
            after.load - before.load,
        ];
        let all = after.machine - before.machine;
        let most = ceiling.exchanges(row.habit);
        Figures {
            name: row.name(),
            exchanges_per_second: outcome.per_second(),
            p50_ms: outcome.p50_ms,
            p95_ms: outcome.p95_ms,
            p99_ms: outcome.p99_ms,
            errors: outcome.errors.clone().or_else(|| direct.errors.clone().map(|e| format!("direct: {e}"))),
            direct: Direct { per_second: direct.per_second(), p50_ms: direct.p50_ms, p99_ms: direct.p99_ms },
            consumer: gateway(0, each(before.consumer, after.consumer)),
            provider: gateway(1, each(before.provider, after.provider)),
            service_cpu_ms: each(before.service, after.service),
            authorities_cpu_ms: each(before.authorities, after.authorities),
            load_cpu_ms: each(before.load, after.load),
            strangers_percent: ((all - ours.iter().sum::<f64>()) * 100.0 / all.max(0.01)).max(0.0),
            ceiling_per_second: most,
            ceiling_percent: outcome.per_second() * 100.0 / most,
        }
    }

    fn spent(&self) -> Result<Spent> {
        let mut authorities = 0.0;
        for process in &self.nation.authorities {
            authorities += process.cpu_seconds()?;
        }
        // The logs first: looking at them costs something that is no part of the row.
        let logs =
            [log_size(&self.nation.messagelog("commerce"))?, log_size(&self.nation.messagelog("interior"))?];
        Ok(Spent {
            logs,
            consumer: self.nation.consumer.cpu_seconds()?,
            provider: self.nation.provider.cpu_seconds()?,
            service: self.nation.service.cpu_seconds()?,
            authorities,
            load: children_cpu_seconds()?,
            machine: machine_cpu_seconds()?,
        })
    }

    /// The number of the last record in the consumer's log.
    pub(super) fn records(&self) -> Result<f64> {
        Ok(log_size(&self.nation.messagelog("commerce"))?.records)
    }

    pub(super) fn end(self) {
        self.nation.stop();
    }
}

pub(super) fn megabytes(bytes: f64) -> f64 {
    bytes / 1_048_576.0
}

const LOG_SIZE: &str = "\
import glob, sqlite3, sys
file, = glob.glob(sys.argv[1] + '/*.db')
db = sqlite3.connect('file:' + file + '?mode=ro', uri=True)
ask = lambda sql: db.execute(sql).fetchone()[0]
print(ask('pragma page_count') * ask('pragma page_size'), ask('select coalesce(max(id), 0) from record'))
";

/// What the database has, including what is still in its write-ahead log.
pub(super) fn log_size(folder: &Path) -> Result<LogSize> {
    let said = said_by("python3", &["-c", LOG_SIZE, &folder.to_string_lossy()])?;
    read_log_size(&said).with_context(|| format!("the log in {} cannot be looked at", folder.display()))
}

fn read_log_size(said: &str) -> Option<LogSize> {
    let (bytes, records) = said.trim().split_once(' ')?;
    Some(LogSize { bytes: bytes.parse().ok()?, records: records.parse().ok()? })
}
