//! Archives of the evidence log, in rounds, and their transfer by a command of the operator (data-plane 7.7).

use crate::config::{Archive, Config};
use crate::gateway::Gateway;
use http1::Stop;
use jiff::SignedDuration;
use messagelog::{ArchiveFailure, ArchiveRound, Archiving, Archivist, MessageLog};
use std::io::ErrorKind;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::process::Command;

/// The first round comes so long after the start: a gateway that is started often archives too.
const FIRST_SECONDS: i64 = 60;

/// What a round has done.
#[derive(Debug, Default)]
pub struct Archived {
    /// What the log says.
    pub round: ArchiveRound,
    /// How many archives the operator's command has taken over; they are not here any more.
    pub handed_over: usize,
    /// Why the next one was not; it stays here and is offered again in each round.
    pub not_handed_over: Option<String>,
}

/// Archives until the stop.
pub(crate) async fn run(gateway: Arc<Gateway>, stop: Stop) {
    let Ok(interval @ 1..) = i64::try_from(gateway.config.archive.interval_seconds) else { return };
    let interval = SignedDuration::from_secs(interval);
    let retry = SignedDuration::try_from(gateway.retry_interval()).unwrap_or(interval);
    let archivist = archivist(gateway.log.clone(), &gateway.config);
    let now = || gateway.clock.now();
    let in_time = |pause: SignedDuration| now().checked_add(pause).unwrap_or_else(|_| now());
    let mut due = in_time(SignedDuration::from_secs(FIRST_SECONDS));
    while !stop.is_requested() {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
            () = stop.requested() => return,
        }
        // What is further away than an interval is due: the clock was set back.
        let wait = due.duration_since(now());
        if wait.is_positive() && wait <= interval.max(SignedDuration::from_secs(FIRST_SECONDS)) {
            continue;
        }
        let done = round(&archivist, &gateway.config.archive, now(), &stop).await;
        due = in_time(if tell(done) { interval } else { retry });
    }
}

/// Whether all is done until the next round.
fn tell(done: Result<Archived, ArchiveFailure>) -> bool {
    let done = match done {
        Ok(done) => done,
        Err(failure) => {
            tracing::error!("the message log is not archived: {failure}");
            return false;
        }
    };
    for failure in &done.round.withheld {
        tracing::error!("not archived, and kept: {failure}");
    }
    if let Some(why) = &done.not_handed_over {
        tracing::error!("an archive stays here: {why}");
    }
    let ArchiveRound { archives, records, deleted, .. } = &done.round;
    if !archives.is_empty() || *deleted > 0 || done.handed_over > 0 {
        let (archives, handed_over) = (archives.len(), done.handed_over);
        tracing::info!(archives, records, deleted, handed_over, "the message log has been archived");
    }
    done.not_handed_over.is_none()
}

pub(crate) fn archivist(log: MessageLog, config: &Config) -> Archivist {
    let archive = &config.archive;
    let days = archive.keep_records_days;
    let settings = Archiving {
        directory: config.archive_dir(),
        grouping: archive.grouping.into(),
        file_bytes_max: archive.file_bytes_max,
        keep: (days > 0).then(|| Duration::from_secs(days.saturating_mul(86_400))),
    };
    Archivist::new(log, settings)
}

pub(crate) async fn round(
    archivist: &Archivist,
    settings: &Archive,
    now: jiff::Timestamp,
    stop: &Stop,
) -> Result<Archived, ArchiveFailure> {
    let round = archivist.round(now, || !stop.is_requested()).await?;
    let mut done = Archived { round, ..Archived::default() };
    let Some((program, arguments)) = settings.transfer_command.split_first() else { return Ok(done) };
    for archive in archivist.untaken().await? {
        // Whoever moved it away by hand has taken it.
        if archive.path.exists() {
            let seconds = settings.transfer_timeout_seconds;
            // A command that a stop breaks off is killed, and finds the archive here again.
            let handed = tokio::select! {
                handed = hand_over(program, arguments, &archive.path, seconds) => handed,
                () = stop.requested() => return Ok(done),
            };
            if let Err(why) = handed {
                done.not_handed_over = Some(format!("{}: {why}", archive.path.display()));
                return Ok(done);
            }
            // A crash before the log notes it leaves a name without a file: taken, as above.
            if let Err(why) = remove(&archive.path) {
                done.not_handed_over = Some(format!("{} cannot be removed: {why}", archive.path.display()));
                return Ok(done);
            }
            done.handed_over = done.handed_over.saturating_add(1);
        }
        archivist.taken(&archive).await?;
    }
    Ok(done)
}

/// Runs the operator's command, without a shell, with the archive as its last argument. When it succeeds, the archive is elsewhere.
async fn hand_over(program: &str, arguments: &[String], path: &Path, seconds: u64) -> Result<(), String> {
    let mut command = Command::new(program);
    command.args(arguments).arg(path).stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
    let mut running = command.spawn().map_err(|error| format!("{program} cannot be run: {error}"))?;
    match tokio::time::timeout(Duration::from_secs(seconds), running.wait()).await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(format!("{program} did not take it: {status}")),
        Ok(Err(error)) => Err(format!("{program} was lost: {error}")),
        Err(_) => Err(format!("{program} did not end within {seconds} seconds and was killed")),
    }
}

/// The command may have removed it itself.
fn remove(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
