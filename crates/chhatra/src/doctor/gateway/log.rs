//! How the evidence log fares.

use super::super::findings::Findings;
use ::gateway::Config;
use jiff::SignedDuration;
use messagelog::{KeyName, OpenFailure, Place, ReadFailure, Reader, Statistics};

/// A round that is late by so much has failed.
const LATE_SECONDS: i64 = 600;

pub(super) fn examine(config: &Config, findings: &mut Findings) {
    let place = match config.messagelog() {
        Ok(place) => place,
        Err(why) => return findings.problem("log", why.to_string(), "correct the configuration"),
    };
    let keys = config.log_keys();
    if let Err(why) = &keys {
        let advice = "put the file back, or correct [gateway.log]: no gateway starts so";
        findings.problem("log", why.to_string(), advice);
    }
    let begun = place.lock_file().exists();
    // Only of a file that tells: a server may hold what was put there from another machine.
    if !begun && matches!(place, Place::Folder(_)) {
        findings.ok("log", "nothing has been put on record yet");
        return;
    }
    let opened = Reader::open(&place);
    if matches!(opened, Err(OpenFailure::NotBegun { .. })) {
        findings.ok("log", format!("nothing has been put on record yet: no log is in {place}"));
        return;
    }
    let is_gone = matches!(opened, Err(OpenFailure::GoneAtServer { .. }));
    let keys = keys.unwrap_or_default();
    let read = |reader: Reader| Ok((reader.statistics()?, reader.with_keys(keys).missing_keys()?));
    match opened
        .map_err(|e| e.to_string())
        .and_then(|reader| read(reader).map_err(|e: ReadFailure| e.to_string()))
    {
        Ok((figures, missing)) => {
            let size = figures.file_bytes.checked_div(1024).unwrap_or_default();
            findings.ok("log", format!("records: {}, size: {size} KB, in {}", figures.records, place));
            unstamped(config, &figures, findings);
            missing.iter().for_each(|(key, count)| told_missing(key, *count, findings));
        }
        Err(why) => {
            let advice = match place {
                Place::Folder(_) => {
                    "keep the files as they are and restore them from a backup elsewhere; see the gateway's log"
                }
                Place::Database { .. } if is_gone => "restore the database from a backup",
                Place::Database { .. } => "see that the database server runs and lets this server in",
            };
            findings.problem("log", why, advice);
        }
    }
}

/// Nothing of theirs is lost as long as they stay, and nobody can read them.
fn told_missing(key: &KeyName, count: u64, findings: &mut Findings) {
    let says = format!("records that cannot be read or archived, and are kept: {count}, under {key}");
    let advice = match key {
        KeyName::Own(_) => "put its file into key_files of [gateway.log] again",
        KeyName::Xroad(_) => "name X-Road's key store that holds it under [gateway.log.xroad_encryption]",
    };
    findings.problem("log", says, advice);
}

fn unstamped(config: &Config, figures: &Statistics, findings: &mut Findings) {
    let Some(oldest) = figures.oldest_unstamped else {
        findings.ok("log", "every record is time-stamped");
        return;
    };
    let since = findings.now().duration_since(oldest);
    let says =
        format!("{} without a time-stamp, the oldest of {}", figures.unstamped, findings.moment(oldest));
    let advice = "a running gateway stamps them; its log says what fails";
    let allowed = config.log.timestamp_failure_seconds_max;
    let allowed = SignedDuration::from_secs(i64::try_from(allowed).unwrap_or(i64::MAX));
    if !allowed.is_zero() && since > allowed {
        findings.problem("log", format!("{says}; messages are refused by now"), advice);
    } else if since > SignedDuration::from_secs(LATE_SECONDS) {
        findings.warning("log", says, advice);
    } else {
        findings.ok("log", says);
    }
}
