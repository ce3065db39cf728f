//! One long body through both gateways, made as it goes; what it takes of each.

use super::measure::{log_size, megabytes};
use super::nation::{GROUND, Nation, Settings};
use super::process::Process;
use super::table::{columns, ms};
use super::{Options, Ready};
use anyhow::{Context as _, Result, bail};
use serde::Serialize;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

const PIECE_BYTES: usize = 1 << 20;
const GIGABYTE: u64 = 1 << 30;
const ANSWER_SECONDS: u64 = 3600;

/// What the gateways are to do with the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Settings as they are when nothing is said: a body that is too long for the log is refused.
    Default,
    /// Any body passes, none is put on record, the message is (`body_bytes_max = 0`).
    Unlogged,
    /// A body of one gigabyte is put on record, because the operator says so.
    Logged,
}

impl Wanted {
    pub(super) const ALL: [Self; 3] = [Self::Default, Self::Unlogged, Self::Logged];

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Default => "body-default",
            Self::Unlogged => "body-unlogged",
            Self::Logged => "body-logged",
        }
    }

    fn bytes(self, gigabytes: u64) -> u64 {
        let most = if self == Self::Logged { 1 } else { u64::MAX };
        gigabytes.min(most).saturating_mul(GIGABYTE)
    }

    fn settings(self) -> Settings {
        let log_body_bytes_max = match self {
            Self::Default => None,
            Self::Unlogged => Some(0),
            Self::Logged => Some(GIGABYTE),
        };
        Settings { log_body_bytes_max, ..Settings::default() }
    }

    /// What lies on the disk at its fullest. The provider's gateway keeps the body until it is proven; the log is written twice, in the
    /// write-ahead log and in its place, on both sides.
    fn disk_bytes(self, gigabytes: u64) -> u64 {
        let times = match self {
            Self::Default => 0,
            Self::Unlogged => 1,
            Self::Logged => 6,
        };
        self.bytes(gigabytes).saturating_mul(times).saturating_add(GIGABYTE)
    }
}

/// What came of it.
#[derive(Debug, Default, Serialize)]
pub(super) struct Figures {
    pub(super) name: String,
    bytes: u64,
    /// How many of them were sent before the answer was there.
    sent: u64,
    seconds: f64,
    /// The first line of the answer, and its text where it is a refusal.
    answer: String,
    consumer: Side,
    provider: Side,
    pub(super) errors: Option<String>,
}

#[derive(Debug, Default, Clone, Copy, Serialize)]
struct Side {
    rest_mb: f64,
    peak_mb: f64,
    cpu_seconds: f64,
    log_mb: f64,
}

/// A nation of its own for each.
pub(super) fn measure(ready: &Ready, options: &Options, wanted: Wanted) -> Figures {
    let name = wanted.word().to_owned();
    println!("\n{name}: {} GB", wanted.bytes(options.gigabytes) / GIGABYTE);
    let figures = carried(ready, options, wanted).unwrap_or_else(|why| Figures {
        name,
        errors: Some(format!("{why:#}")),
        ..Figures::default()
    });
    println!("{}", text(std::slice::from_ref(&figures)));
    figures
}

fn carried(ready: &Ready, options: &Options, wanted: Wanted) -> Result<Figures> {
    let (bytes, needed) = (wanted.bytes(options.gigabytes), wanted.disk_bytes(options.gigabytes));
    let free = free_bytes(&ready.folder)?;
    if free < needed {
        bail!("{} GB of the disk may be needed and {} are free", needed / GIGABYTE, free / GIGABYTE);
    }
    let nation = Nation::start(&ready.chhatra, &ready.folder, wanted.settings())?;
    let before = [side(&nation.consumer, &nation, "commerce")?, side(&nation.provider, &nation, "interior")?];
    nation.consumer.forget_peak()?;
    nation.provider.forget_peak()?;
    #[expect(clippy::disallowed_methods, reason = "this is what is measured; nothing depends on it")]
    let begun = std::time::Instant::now();
    let Sent { sent, answer } = send(bytes)?;
    let seconds = begun.elapsed().as_secs_f64();
    let after = [side(&nation.consumer, &nation, "commerce")?, side(&nation.provider, &nation, "interior")?];
    nation.stop();
    let [consumer, provider] = before;
    let [at_consumer, at_provider] = after;
    let shown = shown(&answer);
    let errors = match wanted {
        Wanted::Default => (!answer.contains("logging_failed")).then(|| format!("not refused: {shown}")),
        Wanted::Unlogged | Wanted::Logged => {
            let whole = answer.ends_with(&super::service::answer(Some(bytes)));
            (!whole).then(|| format!("the answer was: {shown}"))
        }
    };
    Ok(Figures {
        name: wanted.word().to_owned(),
        bytes,
        sent,
        seconds,
        answer: shown,
        consumer: consumer.until(at_consumer),
        provider: provider.until(at_provider),
        errors,
    })
}

impl Side {
    /// What was used up meanwhile; the peak is that of the later look.
    fn until(self, later: Self) -> Self {
        Self {
            rest_mb: self.rest_mb,
            peak_mb: later.peak_mb,
            cpu_seconds: later.cpu_seconds - self.cpu_seconds,
            log_mb: later.log_mb - self.log_mb,
        }
    }
}

fn side(process: &Process, nation: &Nation, of: &str) -> Result<Side> {
    let memory = process.memory()?;
    Ok(Side {
        rest_mb: megabytes(memory.resident),
        peak_mb: megabytes(memory.peak),
        cpu_seconds: process.cpu_seconds()?,
        log_mb: megabytes(log_size(&nation.messagelog(of))?.bytes),
    })
}

struct Sent {
    sent: u64,
    answer: String,
}

/// Sends the body and reads the answer; a refusal may come before all is sent.
fn send(bytes: u64) -> Result<Sent> {
    let mut socket =
        TcpStream::connect(GROUND.consumer_address()).context("the gateway cannot be reached")?;
    socket.set_read_timeout(Some(Duration::from_secs(ANSWER_SECONDS)))?;
    socket.set_write_timeout(Some(Duration::from_secs(ANSWER_SECONDS)))?;
    let (path, client) = (GROUND.path(), Nation::client());
    let head = format!(
        "POST {path}/body HTTP/1.1\r\nHost: gateway\r\nX-Road-Client: {client}\r\nConnection: close\r\n\
         Content-Type: application/octet-stream\r\nContent-Length: {bytes}\r\n\r\n"
    );
    socket.write_all(head.as_bytes())?;
    let mut piece = Vec::new();
    let chance = std::fs::File::open("/dev/urandom").context("/dev/urandom cannot be read")?;
    chance.take(u64::try_from(PIECE_BYTES)?).read_to_end(&mut piece)?;
    let mut sent = 0_u64;
    while sent < bytes {
        let rest = usize::try_from(bytes.saturating_sub(sent)).unwrap_or(PIECE_BYTES);
        let next = piece.get(..rest).unwrap_or(&piece);
        // Whoever is refused reads why.
        let Ok(()) = socket.write_all(next) else { break };
        sent = sent.saturating_add(u64::try_from(next.len())?);
    }
    let mut answer = Vec::new();
    let read = socket.take(64 * 1024).read_to_end(&mut answer);
    if answer.is_empty() {
        read.with_context(|| format!("no answer came after {sent} of {bytes} bytes"))?;
    }
    Ok(Sent { sent, answer: String::from_utf8_lossy(&answer).into_owned() })
}

/// The first line, and the body of a refusal without what frames it.
fn shown(answer: &str) -> String {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    let first = head.lines().next().unwrap_or_default();
    if first.contains(" 200 ") {
        return first.to_owned();
    }
    let json = body.find('{').zip(body.rfind('}')).and_then(|(from, to)| body.get(from..=to));
    format!("{first} {}", json.unwrap_or(body).trim())
}

fn free_bytes(folder: &Path) -> Result<u64> {
    let disk =
        rustix::fs::statvfs(folder).with_context(|| format!("{} cannot be looked at", folder.display()))?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

const HEADINGS: &[&str] = &[
    "body",
    "GB",
    "GB sent",
    "seconds",
    "MB/s",
    "MB rest c/p",
    "MB peak c/p",
    "growth c/p",
    "cpu s c/p",
    "log MB c/p",
];

/// The rows of bodies as a table.
pub(super) fn text(rows: &[Figures]) -> String {
    let cells = rows.iter().map(|row| match &row.errors {
        Some(errors) => Err(format!("{}  FAILED: {errors}", row.name)),
        None => Ok(row.cells()),
    });
    let refused = rows.iter().filter(|row| row.errors.is_none() && row.sent < row.bytes);
    let refused = refused.map(|row| format!("\n{}: {}", row.name, row.answer));
    let columns = columns(HEADINGS, &cells.collect::<Vec<_>>());
    format!(
        "{columns}{}\nGB of 2^30 bytes, MB of 2^20. rest, peak: resident memory of the consumer's gateway and the provider's before, and at most; growth: \
         between them. log: what the body added to the database.",
        refused.collect::<String>()
    )
}

impl Figures {
    fn cells(&self) -> Vec<String> {
        let Self { consumer, provider, .. } = self;
        let gigabytes = |bytes: u64| super::float(bytes) / super::float(GIGABYTE);
        let two = |of: fn(&Side) -> f64| format!("{:.0}/{:.0}", of(consumer), of(provider));
        vec![
            self.name.clone(),
            format!("{:.0}", gigabytes(self.bytes)),
            format!("{:.2}", gigabytes(self.sent)),
            ms(self.seconds),
            format!("{:.0}", gigabytes(self.sent) * 1024.0 / self.seconds.max(0.001)),
            two(|side| side.rest_mb),
            two(|side| side.peak_mb),
            two(|side| side.peak_mb - side.rest_mb),
            format!("{:.1}/{:.1}", consumer.cpu_seconds, provider.cpu_seconds),
            two(|side| side.log_mb),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_shown_with_its_text() {
        assert_eq!(shown("HTTP/1.1 200 OK\r\nA: b\r\n\r\n{\"received\":3}"), "HTTP/1.1 200 OK");
        assert_eq!(
            shown("HTTP/1.1 500 No\r\nA: b\r\n\r\na\r\n{\"type\":1}\r\n0\r\n\r\n"),
            "HTTP/1.1 500 No {\"type\":1}"
        );
        assert_eq!(shown("HTTP/1.1 408 Slow\r\n\r\n"), "HTTP/1.1 408 Slow ");
    }

    #[test]
    fn growth_is_the_peak_above_what_was_there() {
        let rest = Side { rest_mb: 40.0, peak_mb: 90.0, cpu_seconds: 1.0, log_mb: 2.0 };
        let later = Side { rest_mb: 50.0, peak_mb: 60.0, cpu_seconds: 4.0, log_mb: 2.5 };
        let consumer = rest.until(later);
        let figures =
            Figures { bytes: GIGABYTE, sent: GIGABYTE, seconds: 4.0, consumer, ..Figures::default() };
        let cells = figures.cells();
        assert_eq!(cells.len(), HEADINGS.len());
        assert_eq!(cells[4..], ["256", "40/0", "60/0", "20/0", "3.0/0.0", "0/0"].map(str::to_owned));
    }

    #[test]
    fn the_logged_body_is_one_gigabyte_at_most() {
        let bytes = Wanted::ALL.map(|wanted| wanted.bytes(10) / GIGABYTE);
        assert_eq!(bytes, [10, 10, 1]);
    }
}
