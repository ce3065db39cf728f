//! `chhatra doctor`: looks at a set-up without changing it, says what is wrong, what to do, and what will end when.

mod findings;
mod place;
mod certificates;
mod gateway;
mod registry;

use crate::{config, outside};
use anyhow::Result;
use clap::Args;
use findings::Findings;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The configuration file of a gateway or a registry.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let mut findings = Findings::new(outside::clock().now());
    examine(arguments, &mut findings);
    if arguments.json {
        tell!("{}", serde_json::to_string_pretty(&findings.as_json())?);
    } else {
        findings.print();
    }
    Ok(if findings.has_problem() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn examine(arguments: &Arguments, findings: &mut Findings) {
    let shown = arguments.config.display();
    let file = match config::read(&arguments.config) {
        Ok(file) => file,
        Err(error) => {
            findings.problem(
                "configuration",
                format!("{error:#}"),
                "correct the file; nothing else was examined",
            );
            return;
        }
    };
    if file.gateway.is_none() && file.registry.is_none() {
        let advice = "add the section of what shall run";
        findings.problem("configuration", format!("{shown} has neither [gateway] nor [registry]"), advice);
        return;
    }
    findings.ok("configuration", format!("{shown} is understood"));
    if let Some(config) = file.gateway {
        gateway::examine(&config, findings);
    }
    if let Some(config) = file.registry {
        registry::examine(&config, findings);
    }
}
