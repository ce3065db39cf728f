//! `chhatra evidence archive`: one round of archiving by hand, while the gateway does not run.

use crate::{config, outside};
use ::gateway::admin;
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct Archive {
    /// The gateway's configuration file.
    #[arg(long, value_name = "GATEWAY.toml")]
    config: PathBuf,
}

pub(super) fn run(arguments: &Archive) -> Result<ExitCode> {
    let config = config::gateway(&arguments.config)?;
    super::place(&config)?;
    let done = outside::runtime()?.block_on(admin::archive(&config, outside::clock()))?;
    for archive in &done.round.archives {
        tell!("wrote {}", archive.display());
    }
    tell!(
        "archived: {} records in {} archives; deleted as old and archived: {}; handed over: {}",
        done.round.records,
        done.round.archives.len(),
        done.round.deleted,
        done.handed_over
    );
    for failure in done.round.withheld.first() {
        complain!("not archived, and kept: {failure}");
    }
    if let more @ 1.. = done.round.withheld.more() {
        complain!("not archived, and kept: {more} more records");
    }
    if let Some(told) = done.left_out() {
        complain!("{told}");
    }
    for left in &done.round.unsealed {
        complain!("{left}");
    }
    if let Some(why) = &done.not_handed_over {
        complain!("{why}");
    }
    if let Some(told) = done.missing() {
        complain!("{told}");
    }
    let complete = done.round.withheld.is_empty()
        && done.round.unsealed.is_empty()
        && done.not_handed_over.is_none()
        && done.missing.is_empty();
    Ok(if complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
