//! Archives of the evidence log, in rounds, and their transfer (data-plane 7.7).

use crate::config::{Config, Grouping};
use crate::gateway::Gateway;
use http1::Stop;
use jiff::SignedDuration;
use jiff::Timestamp;
use messagelog::{ArchiveFailure, ArchiveRound, Archiving, Archivist, MessageLog, Sealing};
use openpgp::{KeyFault, Keyring};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use vault::{StoreFault, Transfer};

/// The first round comes so long after the start: a gateway that is started often archives too.
const FIRST_SECONDS: i64 = 60;

/// What a round has done.
#[derive(Debug, Default)]
pub struct Archived {
    /// What the log says.
    pub round: ArchiveRound,
    /// How many archives are elsewhere since; they are not here any more.
    pub handed_over: usize,
    /// Why the next one is not; it stays here and is offered again in each round.
    pub not_handed_over: Option<String>,
    /// Archives that are neither here nor handed over. They count as taken only when somebody says so.
    pub missing: Vec<PathBuf>,
}

impl Archived {
    /// What to tell about records that are archived without a body.
    #[must_use]
    pub fn left_out(&self) -> Option<String> {
        let first = self.round.left_out.first().first()?;
        Some(format!(
            "records that are archived without a body, since it was cut or is damaged: {}, the first is {first}",
            self.round.left_out.count()
        ))
    }

    /// What to tell about those that are missing.
    #[must_use]
    pub fn missing(&self) -> Option<String> {
        let first = self.missing.first()?.display();
        Some(format!(
            "archives that are neither here nor handed over: {}, the first is {first}. Put them back, or, for each that is safe \
             elsewhere, make an empty file of its name with .taken behind it",
            self.missing.len()
        ))
    }
}

/// Archives cannot be sealed as it is configured.
#[derive(Debug, Error)]
pub enum SealingFault {
    /// A key.
    #[error("[gateway.archive.openpgp] {0}")]
    Key(#[from] KeyFault),
    /// A member's archives are not its own.
    #[error(
        "[gateway.archive.openpgp] has keys of members, and [gateway.archive] groups the records of all members together: say grouping = \
         \"member\" or \"subsystem\""
    )]
    Grouping,
}

/// Archives until the stop.
pub(crate) async fn run(gateway: Arc<Gateway>, stop: Stop) {
    let Ok(interval @ 1..) = i64::try_from(gateway.config.archive.interval_seconds) else { return };
    let interval = SignedDuration::from_secs(interval);
    let retry = SignedDuration::try_from(gateway.retry_interval()).unwrap_or(interval);
    let archivist = archivist(gateway.log.clone(), &gateway.config, gateway.sealing.clone());
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
        let done = round(&archivist, &gateway.transfer, now(), &stop).await;
        gateway.tell_archiving(left_behind(&done));
        due = in_time(if tell(done) { interval } else { retry });
    }
}

/// Why records stay in the log that should be in archives by now.
fn left_behind(done: &Result<Archived, ArchiveFailure>) -> Option<String> {
    let round = match done {
        Err(failure) => return Some(failure.to_string()),
        Ok(done) => &done.round,
    };
    let withheld = round.withheld.first().first().map(|first| {
        format!(
            "records that could not be archived, and are kept: {}, the first: {first}",
            round.withheld.count()
        )
    });
    let told: Vec<String> = round.unsealed.iter().cloned().chain(withheld).collect();
    (!told.is_empty()).then(|| told.join("; "))
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
    for failure in done.round.withheld.first() {
        tracing::error!("not archived, and kept: {failure}");
    }
    if let more @ 1.. = done.round.withheld.more() {
        tracing::error!("not archived, and kept: {more} more records");
    }
    if let Some(told) = done.left_out() {
        tracing::warn!("{told}");
    }
    for left in &done.round.unsealed {
        tracing::error!("{left}");
    }
    if let Some(why) = &done.not_handed_over {
        tracing::error!("an archive stays here: {why}");
    }
    if let Some(told) = done.missing() {
        tracing::error!("{told}");
    }
    let ArchiveRound { archives, records, deleted, .. } = &done.round;
    if !archives.is_empty() || *deleted > 0 || done.handed_over > 0 {
        let (archives, handed_over) = (archives.len(), done.handed_over);
        tracing::info!(archives, records, deleted, handed_over, "the message log has been archived");
    }
    done.not_handed_over.is_none()
}

/// How archives go elsewhere, as it is configured. An archive ends with the container that brings it above its size, so that it may be
/// larger by the longest body that is put on record for anybody.
///
/// # Errors
/// What is wrong with the configuration or its files; nothing is asked of the store itself.
pub fn transfer(config: &Config) -> Result<Transfer, StoreFault> {
    let archive = &config.archive;
    let bytes_max = archive.file_bytes_max.saturating_add(config.log.longest_body());
    let seconds = archive.transfer_timeout_seconds;
    Transfer::new(&archive.transfer_command, archive.store.as_ref(), seconds, bytes_max)
}

/// Whose keys archives are sealed with, as it is configured, if they are. The keys are read now; whether they still hold is looked at
/// again for each archive.
///
/// # Errors
/// What is wrong with the configuration or with a key.
pub fn sealing(config: &Config, now: Timestamp) -> Result<Option<Arc<Sealing>>, SealingFault> {
    let Some(openpgp) = &config.archive.openpgp else { return Ok(None) };
    if !openpgp.member.is_empty() && config.archive.grouping == Grouping::None {
        return Err(SealingFault::Grouping);
    }
    let keys = Keyring::read(openpgp, now)?;
    Ok(Some(Arc::new(Sealing { keys, scratch: config.spool_dir() })))
}

pub(crate) fn archivist(log: MessageLog, config: &Config, sealing: Option<Arc<Sealing>>) -> Archivist {
    let archive = &config.archive;
    let days = archive.keep_records_days;
    let settings = Archiving {
        directory: config.archive_dir(),
        grouping: archive.grouping.into(),
        file_bytes_max: archive.file_bytes_max,
        sealing,
        keep: (days > 0).then(|| Duration::from_secs(days.saturating_mul(86_400))),
    };
    Archivist::new(log, settings)
}

pub(crate) async fn round(
    archivist: &Archivist,
    transfer: &Transfer,
    now: Timestamp,
    stop: &Stop,
) -> Result<Archived, ArchiveFailure> {
    let round = archivist.round(now, || !stop.is_requested()).await?;
    let mut done = Archived { round, ..Archived::default() };
    if matches!(transfer, Transfer::Stays) {
        return Ok(done);
    }
    for archive in archivist.untaken().await? {
        let mark = archive.mark();
        if !mark.exists() {
            if !archive.path.exists() {
                done.missing.push(archive.path);
                continue;
            }
            if !matches!(archive.is_whole(), Ok(true)) {
                let path = archive.path.display();
                done.not_handed_over =
                    Some(format!("{path}: it is not as long as it was made; restore it from a backup"));
                return Ok(done);
            }
            // What a stop breaks off finds the archive here again.
            let handed = tokio::select! {
                handed = transfer.hand_over(&archive.path) => handed,
                () = stop.requested() => return Ok(done),
            };
            // A crash before the mark is on the disk leaves an archive that is handed over once more, and is there already.
            let marked = handed.map_err(|why| why.to_string()).and_then(|()| {
                archive
                    .set_mark()
                    .map_err(|error| format!("it is elsewhere now, and cannot be marked so: {error}"))
            });
            if let Err(why) = marked {
                done.not_handed_over = Some(format!("{}: {why}", archive.path.display()));
                return Ok(done);
            }
        }
        done.handed_over = done.handed_over.saturating_add(1);
        // A crash before this is durable leaves the mark, which says the same.
        archivist.taken(&archive).await?;
        // A crash before this leaves a file that nobody looks at any more.
        if let Err(error) = remove(&mark).and_then(|()| remove(&archive.path)) {
            tracing::warn!("{} is elsewhere and cannot be removed here: {error}", archive.path.display());
        }
    }
    Ok(done)
}

fn remove(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use messagelog::{Few, ReadFailure, RecordId};

    #[test]
    fn what_stays_in_the_log_is_told_whatever_the_reason() {
        let told = |round| left_behind(&Ok(Archived { round, ..Archived::default() }));
        assert_eq!(told(ArchiveRound::default()), None);
        let damaged = |record| ReadFailure::Damaged { record: RecordId(record), what: "its body".to_owned() };
        let withheld: Few<ReadFailure> = [damaged(4), damaged(7)].into_iter().collect();
        let one = told(ArchiveRound { withheld: withheld.clone(), ..ArchiveRound::default() }).unwrap();
        assert!(one.contains("kept: 2") && one.ends_with("record 4 is damaged: its body"), "{one}");
        let unsealed = vec!["no key".to_owned()];
        let both = told(ArchiveRound { withheld, unsealed, ..ArchiveRound::default() }).unwrap();
        assert_eq!(both, format!("no key; {one}"));
        let failed = left_behind(&Err(ArchiveFailure::Log(messagelog::Failure::Closed)));
        assert_eq!(failed.as_deref(), Some("the message log is closed"));
    }
}
