//! `chhatra registry run|init|plan|apply`.

use crate::{config, outside, plan};
use ::registry::{Declaration, Registry, admin};
use anyhow::{Context as _, Result};
use clap::Subcommand;
use http1::stop_channel;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Signs and publishes the global configuration until Ctrl-C or a termination signal.
    Run {
        /// The configuration file.
        #[arg(long, value_name = "REGISTRY.toml")]
        config: PathBuf,
    },
    /// Makes database, signing keys and the anchor that gateways need. Once, before everything else.
    Init {
        /// The configuration file.
        #[arg(long, value_name = "REGISTRY.toml")]
        config: PathBuf,
    },
    /// Shows what `apply` would change; touches nothing.
    Plan(plan::Files),
    /// Makes the declared state that of the instance; a running registry publishes it within a second.
    Apply(plan::Files),
}

pub(crate) fn run(command: &Command) -> Result<ExitCode> {
    match command {
        Command::Run { config } => outside::runtime()?.block_on(serve(config))?,
        Command::Init { config } => init(config)?,
        Command::Plan(files) => {
            let (config, declared) = read(files)?;
            plan::print(&admin::plan(&config, &declared)?);
        }
        Command::Apply(files) => {
            let (config, declared) = read(files)?;
            plan::print(&admin::apply(&config, &declared)?);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn read(files: &plan::Files) -> Result<(::registry::Config, Declaration)> {
    let text = std::fs::read_to_string(&files.state)
        .with_context(|| format!("{} cannot be read", files.state.display()))?;
    let declared = Declaration::read(&text, &config::folder(&files.state)?)
        .with_context(|| format!("{} cannot be used", files.state.display()))?;
    Ok((config::registry(&files.config)?, declared))
}

fn init(file: &Path) -> Result<()> {
    let config = config::registry(file)?;
    let pin = config::good_pin(&config.pin_file)?;
    admin::init(&config, &pin, &outside::clock())?;
    tell!("the registry of {} is made", config.instance);
    tell!("gateways of this instance need the anchor {}", config.anchor_file.display());
    Ok(())
}

async fn serve(file: &Path) -> Result<()> {
    let config = config::registry(file)?;
    let pin = config::pin(&config.pin_file)?;
    let (stopper, stop) = stop_channel();
    let registry = Registry::start(&config, &pin, outside::clock(), outside::chance(), stop).await?;
    tell!("registry of {} listens: http://{}", config.instance, registry.address());
    let signals = tokio::spawn(outside::stop_on_signal(stopper));
    match registry.published().await {
        Ok(made) => tell!("published: the configuration of {made}"),
        // It goes on trying, and tells each failure in the log.
        Err(fault) => eprintln!("chhatra: {fault}"),
    }
    registry.stopped().await?;
    signals.abort();
    tell!("stopped");
    Ok(())
}
