//! `chhatra keystore token`: hardware security modules, as the configuration names them.

use super::Store;
use ::keystore::{TokenAccess, TokenReport};
use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Lists the tokens of the configuration: whether they are there, whether the PIN is right, what they can do.
    List(List),
    /// Tries the PIN once, even if the token has refused it before. A running gateway logs in by itself, and does so anew when the PIN
    /// file has changed; this is for a PIN that was changed in the token.
    Login(Login),
}

#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    store: Store,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Login {
    #[command(flatten)]
    store: Store,
    /// The token's label or serial number.
    #[arg(value_name = "LABEL")]
    token: String,
}

pub(super) fn run(command: &Command) -> Result<ExitCode> {
    match command {
        Command::List(arguments) => list(arguments)?,
        Command::Login(arguments) => log_in(arguments)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A way to each token of the configuration. The keystore need not open, nor be there.
pub(crate) fn accesses(config: &::gateway::Config) -> impl Iterator<Item = TokenAccess> {
    config.token.iter().map(|settings| TokenAccess::new(settings, config.keystore_dir()))
}

fn list(arguments: &List) -> Result<()> {
    let config = arguments.store.config()?;
    let reports: Vec<TokenReport> = accesses(&config).map(|token| token.report()).collect();
    if arguments.json {
        let tokens: Vec<Value> = reports.iter().map(as_json).collect();
        tell!("{}", serde_json::to_string_pretty(&json!({ "tokens": tokens }))?);
        return Ok(());
    }
    if reports.is_empty() {
        tell!("the configuration names no token; add a section [[gateway.token]]");
    }
    reports.iter().for_each(tell);
    Ok(())
}

fn tell(report: &TokenReport) {
    tell!("{}", report.settings.label);
    tell!("    library      {}", report.settings.module.display());
    if let Some(found) = &report.found {
        tell!("    token        {} {}, serial number {}", found.manufacturer, found.model, found.serial);
    }
    match &report.failure {
        None => tell!("    state        ready"),
        Some(why) => tell!("    state        {}: {why}", why.word()),
    }
    let Some(found) = &report.found else { return };
    if found.pin_locked {
        tell!("    PIN          locked");
    } else if found.pin_final_try {
        tell!("    PIN          one try is left");
    } else if found.pin_count_low {
        tell!("    PIN          a wrong one was tried; few tries are left");
    }
    for (mechanism, has) in &found.mechanisms {
        tell!("    mechanism    {mechanism}{}", if *has { "" } else { ": missing" });
    }
}

fn as_json(report: &TokenReport) -> Value {
    let found = report.found.as_ref();
    let mechanisms: Vec<Value> = found
        .iter()
        .flat_map(|found| &found.mechanisms)
        .map(|(name, has)| json!({ "name": name, "there": has }))
        .collect();
    json!({
        "label": report.settings.label,
        "module": report.settings.module.display().to_string(),
        "state": state(report),
        "why": report.failure.as_ref().map(ToString::to_string),
        "serial": found.map(|found| found.serial.clone()),
        "manufacturer": found.map(|found| found.manufacturer.clone()),
        "model": found.map(|found| found.model.clone()),
        "pin_count_low": found.map(|found| found.pin_count_low),
        "pin_final_try": found.map(|found| found.pin_final_try),
        "pin_locked": found.map(|found| found.pin_locked),
        "mechanisms": mechanisms,
    })
}

/// One word: `ready`, or what stands against it.
pub(super) fn state(report: &TokenReport) -> &'static str {
    report.failure.as_ref().map_or("ready", |failure| failure.word())
}

fn log_in(arguments: &Login) -> Result<()> {
    let config = arguments.store.config()?;
    let called = |settings: &&::keystore::TokenSettings| {
        settings.label == arguments.token || settings.serial.as_ref() == Some(&arguments.token)
    };
    let settings: Vec<_> = config.token.iter().filter(called).collect();
    let [settings] = settings.as_slice() else {
        bail!(
            "{} tokens of the configuration are called {:?}; name one by its label or serial number",
            settings.len(),
            arguments.token
        );
    };
    let report = TokenAccess::new(settings, config.keystore_dir()).log_in();
    if let Some(failure) = report.failure {
        return Err(failure.into());
    }
    tell!("the token {:?} takes the PIN; a running gateway uses it from now on", settings.label);
    Ok(())
}
