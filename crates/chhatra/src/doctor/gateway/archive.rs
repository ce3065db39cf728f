//! How archiving fares: when it was done last, how far it is behind, where archives go, and how long the disk lasts.

use super::super::findings::Findings;
use crate::outside;
use ::gateway::{Config, Declaration};
use jiff::SignedDuration;
use messagelog::{ArchiveFigures, Reader};
use rustix::fs::Access;
use std::path::Path;

const DAY: i64 = 86_400;
const MEGABYTE: u64 = 1 << 20;
/// Whoever has to make another key needs some time for it.
const KEY_DAYS_MIN: i64 = 30;
/// The disk should last for so long.
const DAYS_MIN: u64 = 14;

pub(super) fn examine(config: &Config, settings: Option<&Declaration>, findings: &mut Findings) {
    place(config, findings);
    let week = findings.now().checked_sub(SignedDuration::from_secs(7 * DAY)).unwrap_or(findings.now());
    // Whatever is wrong with the log itself has been told.
    let reader = config.messagelog().ok().and_then(|place| Reader::open(place).ok());
    let figures = reader.and_then(|reader| reader.archives(week).ok());
    if let Some(figures) = &figures {
        progress(config, figures, findings);
        growth(config, figures, findings);
    }
    transfer(config, figures.as_ref(), findings);
    keys(config, findings);
    members(config, settings, findings);
}

/// Keys of whoever is no client here seal nothing, and a word that was mistyped would leave somebody's archives to all readers.
fn members(config: &Config, settings: Option<&Declaration>, findings: &mut Findings) {
    let (Some(openpgp), Some(settings)) = (&config.archive.openpgp, settings) else { return };
    let owner = config.server.owner();
    for keys in &openpgp.member {
        let member = &keys.member;
        if *member != owner && !settings.clients.iter().any(|client| client.id.member() == *member) {
            findings.warning(
                "archive",
                format!("[[gateway.archive.openpgp.member]] names {member}, which is no client here"),
                "correct the name: the archives of a member without an entry are for all who hold recipient_key_files",
            );
        }
    }
}

/// The keys that archives are sealed with, and how long they hold.
fn keys(config: &Config, findings: &mut Findings) {
    let sealing = match ::gateway::sealing(config, findings.now()) {
        Ok(None) => return,
        Ok(Some(sealing)) => sealing,
        Err(fault) => {
            let advice = "correct it before the gateway is started anew: it does not start so";
            findings.problem("archive", fault.to_string(), advice);
            return;
        }
    };
    let keys = &sealing.keys;
    let signed = format!("archives are signed with the OpenPGP key {}", keys.signs());
    match keys.first_end(findings.now()) {
        None => findings.ok("archive", format!("{signed}; none of the keys ends")),
        Some((until, path)) => {
            let says =
                format!("{signed}; the first key to end is {}, {}", path.display(), findings.moment(until));
            if until.duration_since(findings.now())
                < SignedDuration::from_secs(KEY_DAYS_MIN.saturating_mul(DAY))
            {
                let advice = "have its time extended or put another one there, then start the gateway anew";
                findings.warning("archive", says, advice);
            } else {
                findings.ok("archive", says);
            }
        }
    }
}

fn place(config: &Config, findings: &mut Findings) {
    let dir = config.archive_dir();
    let shown = dir.display();
    if !dir.exists() {
        findings.ok("archive", format!("{shown} is not there yet; the first archive makes it"));
    } else if rustix::fs::access(&dir, Access::WRITE_OK | Access::EXEC_OK).is_ok() {
        findings.ok("archive", format!("archives are put into {shown}"));
    } else {
        findings.problem(
            "archive",
            format!("{shown} cannot be written to: nothing is archived, and nothing is deleted from the log"),
            "let the gateway's user write there",
        );
    }
}

fn progress(config: &Config, figures: &ArchiveFigures, findings: &mut Findings) {
    if figures.withheld > 0 {
        findings.problem(
            "archive",
            format!("records that could not be archived, and are kept: {}", figures.withheld),
            "the gateway's journal names them in each round; restore the log from a backup elsewhere and compare",
        );
    }
    let last = match figures.newest {
        Some(newest) => format!("the last archive was made {}", findings.moment(newest)),
        None => "no archive has been made yet".to_owned(),
    };
    let dir = config.archive_dir();
    if figures.newest.is_some() && !dir.join("archive.lock").exists() {
        findings.problem(
            "archive",
            format!("{last}, and none was ever put into {}", dir.display()),
            "mount its file system; or, if the directory was changed, make an empty file archive.lock there",
        );
    }
    let seconds = |amount: u64| SignedDuration::from_secs(i64::try_from(amount).unwrap_or(i64::MAX));
    let interval = config.archive.interval_seconds;
    let Some(oldest) = figures.oldest_waiting else {
        findings.ok("archive", format!("{last}; every record is in one"));
        return;
    };
    let age = findings.now().duration_since(oldest);
    let says = format!("{last}; the oldest record in none is of {}", findings.moment(oldest));
    let days = config.archive.keep_records_days;
    if interval == 0 {
        findings.warning(
            "archive",
            format!("{says}; archiving is off"),
            "set interval_seconds in [gateway.archive]",
        );
    } else if days > 0 && age > seconds(days.saturating_mul(86_400)) {
        let says = format!("{says}: records stay longer than the {days} days of keep_records_days");
        findings.problem("archive", says, "the gateway's journal says why archiving or time-stamping fails");
    } else if age > seconds(interval.saturating_mul(2).saturating_add(3600)) {
        findings.warning("archive", says, "the gateway's journal says why archiving or time-stamping fails");
    } else {
        findings.ok("archive", says);
    }
}

/// From what the last week brought. Deleted records make room for new ones, so it lasts longer than this where records are deleted.
fn growth(config: &Config, figures: &ArchiveFigures, findings: &mut Findings) {
    let Ok(space) = rustix::fs::statvfs(&config.state_dir) else { return };
    let free = space.f_bavail.saturating_mul(space.f_frsize);
    let Some(oldest) = figures.oldest_of_week else { return };
    let seconds = findings.now().duration_since(oldest).as_secs().max(DAY).unsigned_abs();
    let a_day = |bytes: u64| bytes.saturating_mul(86_400).checked_div(seconds).unwrap_or_default();
    let (log, archives) = (a_day(figures.log_bytes_of_week), a_day(figures.archive_bytes_of_week));
    let Some(days) = free.checked_div(log.saturating_add(archives)).filter(|days| *days < 36_500) else {
        return;
    };
    let kilobytes = |bytes: u64| bytes.checked_div(1024).unwrap_or_default();
    let says = format!(
        "by the last week the log takes about {} KB a day and archives {} KB; with {} MB free that lasts {days} days, longer where \
         records are deleted and archives taken elsewhere",
        kilobytes(log),
        kilobytes(archives),
        free.checked_div(MEGABYTE).unwrap_or_default(),
    );
    if days < DAYS_MIN {
        findings.warning("disk", says, "make room, or have archives taken elsewhere ([gateway.archive])");
    } else {
        findings.ok("disk", says);
    }
}

fn transfer(config: &Config, figures: Option<&ArchiveFigures>, findings: &mut Findings) {
    let transfer = match ::gateway::transfer(config) {
        Ok(transfer) => transfer,
        Err(fault) => {
            findings.problem(
                "archive",
                fault.to_string(),
                "correct [gateway.archive]; a gateway does not start so",
            );
            return;
        }
    };
    if matches!(transfer, vault::Transfer::Stays) {
        return;
    }
    if let Ok(Some((shown, answer))) = outside::runtime().map(|runtime| runtime.block_on(transfer.look())) {
        match answer {
            Ok(()) => findings.ok("archive", format!("{shown} answers")),
            Err(why) => findings.problem(
                "archive",
                why,
                "until it answers archives stay here; see that the disk lasts",
            ),
        }
    }
    let waiting = figures.map(|figures| figures.untaken.as_slice()).unwrap_or_default();
    let dir = config.archive_dir();
    let is_marked = |name: &str| dir.join(format!("{name}.taken")).exists();
    let missing = |name: &&String| !dir.join(name).exists() && !is_marked(name);
    let held = |name: &&String| ::gateway::is_held(config, Path::new(name)) && dir.join(name).exists();
    let held: Vec<&String> = waiting.iter().filter(held).filter(|name| !is_marked(name)).collect();
    if let Some(first) = held.first() {
        findings.problem(
            "archive",
            format!("archives that lie open, from before OpenPGP was switched on, and are not handed over: {}, the first is {first}", held.len()),
            "encrypt each with gpg, or leave it open, and take it away by hand; then make an empty file of its name with .taken behind it",
        );
    }
    if let Some(first) = waiting.iter().find(missing) {
        findings.problem(
            "archive",
            format!("{first} is neither in {} nor handed over", dir.display()),
            "put it back, or, if it is safe elsewhere, make an empty file of its name with .taken behind it",
        );
    } else if waiting.len() > held.len() {
        let others = waiting.len().saturating_sub(held.len());
        findings.ok("archive", format!("archives that wait to be handed over: {others}"));
    }
}
