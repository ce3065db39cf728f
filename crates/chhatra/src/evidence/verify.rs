//! `chhatra evidence verify`: a container, a global configuration, and nothing else.

use super::whole;
use anyhow::{Result, bail};
use clap::Args;
use globalconf::GlobalConf;
use serde_json::json;
use signature::container::{AsicContainer, Direction};
use signature::evidence::{self, Report, StampKind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use trust::Certificate;

/// No container that a gateway writes comes near this: bodies beyond the logging limit are not kept.
const CONTAINER_BYTES_MAX: u64 = 1 << 30;

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The container, or several: then the worst outcome is the exit code.
    #[arg(value_name = "FILE.asice", required = true)]
    files: Vec<PathBuf>,
    /// The global configuration of the time, as a gateway (ours or X-Road's) stores it; it may have ended since.
    #[arg(long, value_name = "DIR")]
    globalconf: PathBuf,
    /// The whole message of one container that was recorded without body logging, as another party kept it.
    #[arg(long, value_name = "FILE")]
    message: Option<PathBuf>,
    /// As JSON: one object for each container.
    #[arg(long)]
    json: bool,
}

/// What became of one container; the worse, the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Verified,
    Refused,
    Unreadable,
}

/// What is wrong with a container.
pub(super) struct Refused {
    pub(super) code: &'static str,
    pub(super) reason: String,
}

pub(super) fn run(arguments: &Verify) -> Result<ExitCode> {
    if arguments.message.is_some() && arguments.files.len() > 1 {
        bail!("--message is the message of one container, and {} are given", arguments.files.len());
    }
    let worst = match GlobalConf::load(&arguments.globalconf) {
        Err(why) => unreadable(arguments, &why.to_string()),
        Ok(picture) => {
            let mut worst = Outcome::Verified;
            for file in &arguments.files {
                worst = worst.max(judge(arguments, file, &picture)?);
            }
            worst
        }
    };
    Ok(match worst {
        Outcome::Verified => ExitCode::SUCCESS,
        Outcome::Refused => ExitCode::FAILURE,
        Outcome::Unreadable => ExitCode::from(2),
    })
}

fn judge(arguments: &Verify, file: &Path, picture: &GlobalConf) -> Result<Outcome> {
    let bytes = match container(file) {
        Ok(bytes) => bytes,
        Err(why) => return Ok(unreadable(arguments, &why)),
    };
    let whole = match arguments.message.as_deref().map(container).transpose() {
        Ok(whole) => whole,
        Err(why) => return Ok(unreadable(arguments, &why)),
    };
    match verify(&bytes, whole, picture, &arguments.globalconf) {
        Ok(report) => {
            if arguments.json {
                tell!("{}", serde_json::to_string_pretty(&as_json(file, &report))?);
            } else {
                print(file, &report);
            }
            Ok(Outcome::Verified)
        }
        Err(refused) => {
            if arguments.json {
                let (code, reason) = (refused.code, refused.reason);
                let value = json!({ "file": file, "verified": false, "code": code, "reason": reason });
                tell!("{}", serde_json::to_string_pretty(&value)?);
            } else {
                tell!("refused: {}: {} ({})", file.display(), refused.reason, refused.code);
            }
            Ok(Outcome::Refused)
        }
    }
}

/// Nothing was found out about the container: neither verified nor refused.
fn unreadable(arguments: &Verify, why: &str) -> Outcome {
    if arguments.json {
        tell!("{}", json!({ "verified": null, "reason": why }));
    }
    complain!("chhatra: {why}");
    Outcome::Unreadable
}

fn container(path: &Path) -> Result<Vec<u8>, String> {
    let unreadable = |why: &dyn std::fmt::Display| format!("{} cannot be read: {why}", path.display());
    let found = std::fs::metadata(path).map_err(|error| unreadable(&error))?;
    if !found.is_file() {
        return Err(unreadable(&"it is not a file"));
    }
    if found.len() > CONTAINER_BYTES_MAX {
        return Err(unreadable(&"it is larger than any container"));
    }
    std::fs::read(path).map_err(|error| unreadable(&error))
}

pub(super) fn verify(
    bytes: &[u8],
    whole: Option<Vec<u8>>,
    picture: &GlobalConf,
    dir: &Path,
) -> Result<Report, Refused> {
    let mut container = AsicContainer::read(bytes)
        .map_err(|refusal| Refused { code: refusal.code(), reason: refusal.to_string() })?;
    if let Some(whole) = whole {
        whole::complete(&mut container, whole)?;
    }
    let known = |instance: &str| picture.authorities_for_evidence(instance);
    let time_stampers: Vec<Certificate> = instances(picture, dir)
        .iter()
        .filter_map(|instance| known(instance))
        .flat_map(|authorities| authorities.time_stampers.iter().cloned())
        .collect();
    evidence::verify(&container, known, &time_stampers).map_err(|refusal| {
        let unsigned = matches!(refusal, evidence::Refusal::Signature(_));
        let hint = if unsigned { whole::hint(&container) } else { "" };
        Refused { code: refusal.code(), reason: format!("{refusal}{hint}") }
    })
}

/// The own instance and the federated ones: folders are named by them, coded as in a form.
fn instances(picture: &GlobalConf, dir: &Path) -> Vec<String> {
    let mut found = vec![picture.main_instance().to_owned()];
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        match identifier::percent::decode_segment(&name.replace('+', " ")) {
            Ok(instance) if !found.contains(&instance) => found.push(instance),
            Ok(_) | Err(_) => {}
        }
    }
    found
}

const fn direction(report: &Report) -> &'static str {
    match report.direction {
        Direction::Request => "request",
        Direction::Response => "response",
    }
}

/// For people: the common name, or the whole subject where there is none.
fn name(certificate: &Certificate) -> String {
    certificate.common_name().unwrap_or_else(|| certificate.subject_rfc2253())
}

const fn stamp(report: &Report) -> &'static str {
    match report.stamp {
        StampKind::Single => "its own time-stamp",
        StampKind::Batch => "a time-stamp over a chain of messages",
    }
}

fn print(file: &Path, report: &Report) {
    let held = |held: bool| if held { "" } else { " (not in the container; only its digest is covered)" };
    tell!("verified: {}", file.display());
    tell!("  This is a {} that names {} as its sender.", direction(report), report.sender);
    tell!("  It was signed for {} with the certificate", report.member);
    tell!("    {} (SHA-256 {})", name(&report.signer), hex::encode(report.signer.sha256()));
    tell!("    for which the approved authority {} vouches.", name(&report.anchor));
    tell!("  It existed at {}, says {} by", report.time, stamp(report));
    tell!("    {}.", name(&report.time_stamper));
    tell!("  It had not been revoked then; the responders that say so:");
    for status in &report.statuses {
        tell!("    {}, at {}", status.responder, status.produced_at);
    }
    tell!("  The signature covers:");
    for part in &report.parts {
        tell!("    {}{}", part.name, held(part.held));
    }
}

fn as_json(file: &Path, report: &Report) -> serde_json::Value {
    let statuses: Vec<_> = report
        .statuses
        .iter()
        .map(|status| {
            json!({
                "subject": status.subject,
                "responder": status.responder,
                "produced_at": status.produced_at.to_string(),
            })
        })
        .collect();
    let parts: Vec<_> =
        report.parts.iter().map(|part| json!({ "name": part.name, "held": part.held })).collect();
    json!({
        "file": file,
        "verified": true,
        "direction": direction(report),
        "sender": report.sender.to_string(),
        "member": report.member.to_string(),
        "signer": report.signer.subject_rfc2253(),
        "signer_sha256": hex::encode(report.signer.sha256()),
        "anchor": report.anchor.subject_rfc2253(),
        "time": report.time.to_string(),
        "time_stamper": report.time_stamper.subject_rfc2253(),
        "time_stamp": match report.stamp { StampKind::Single => "single", StampKind::Batch => "batch" },
        "statuses": statuses,
        "parts": parts,
    })
}
