//! `chhatra evidence verify`: a container, a global configuration, and nothing else.

mod explain;
mod fault;

use super::whole;
use anyhow::{Result, bail};
use clap::Args;
use globalconf::GlobalConf;
use serde_json::json;
use signature::container::AsicContainer;
use signature::evidence::{self, Report};
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

impl Refused {
    fn as_json(&self, file: &Path) -> serde_json::Value {
        json!({
            "file": file,
            "verified": false,
            "code": self.code,
            "reason": self.reason,
            "fault": self.fault.name(),
            "advice": self.fault.advice(),
        })
    }
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
    fault: fault::Fault,
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
                tell!("{}", serde_json::to_string_pretty(&explain::as_json(file, &report))?);
            } else {
                explain::print(file, &report);
            }
            Ok(Outcome::Verified)
        }
        Err(refused) => {
            if arguments.json {
                tell!("{}", serde_json::to_string_pretty(&refused.as_json(file))?);
            } else {
                tell!("refused: {}: {} ({})", file.display(), refused.reason, refused.code);
                tell!("  Where the fault lies: {}.", refused.fault.lies());
                tell!("  What to do: {}.", refused.fault.advice());
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
    let mut container = AsicContainer::read(bytes).map_err(|why| Refused {
        code: why.code(),
        reason: why.to_string(),
        fault: fault::of_file(&why),
    })?;
    if let Some(whole) = whole {
        whole::complete(&mut container, whole).map_err(|why| Refused {
            code: "invalid_message",
            reason: why,
            fault: fault::Fault::Message,
        })?;
    }
    let known = |instance: &str| picture.authorities_for_evidence(instance);
    evidence::verify(&container, known, &time_stampers(picture, dir)).map_err(|why| {
        let unsigned = matches!(why, evidence::Refusal::Signature(_));
        let hint = if unsigned { whole::hint(&container) } else { "" };
        Refused { code: why.code(), reason: format!("{why}{hint}"), fault: fault::of(&why) }
    })
}

/// Those of every instance.
pub(super) fn time_stampers(picture: &GlobalConf, dir: &Path) -> Vec<Certificate> {
    let instances = instances(picture, dir);
    let known = instances.iter().filter_map(|instance| picture.authorities_for_evidence(instance));
    known.flat_map(|authorities| authorities.time_stampers.iter().cloned()).collect()
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
