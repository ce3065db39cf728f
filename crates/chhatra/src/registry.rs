//! `chhatra registry run|init|plan|apply|keys`.

mod keys;

use crate::{config, outside, plan};
use ::registry::{Declaration, Registry, Source, admin};
use anyhow::Result;
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
    /// The keys that sign the configuration, and their change-over.
    #[command(subcommand)]
    Keys(keys::Command),
}

pub(crate) fn run(command: &Command) -> Result<ExitCode> {
    match command {
        Command::Run { config } => outside::serve(serve(config))?,
        Command::Init { config } => init(config)?,
        Command::Plan(files) => {
            let declared = files.declared(Declaration::read)?;
            plan::print(&admin::plan(&config::registry(&files.config)?, &declared)?);
        }
        Command::Apply(files) => {
            let declared = files.declared(Declaration::read)?;
            plan::print(&admin::apply(&config::registry(&files.config)?, &declared)?);
        }
        Command::Keys(command) => keys::run(command)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn init(file: &Path) -> Result<()> {
    let config = config::registry(file)?;
    let pin = config::good_pin(&config.pin_file)?;
    admin::init(&config, &pin, &outside::clock())?;
    tell!("the registry of {} is made", config.instance);
    tell!("gateways of this instance need the anchor {}", keys::anchor(&config, Source::Internal));
    Ok(())
}

async fn serve(file: &Path) -> Result<()> {
    let mut config = config::registry(file)?;
    if let Some(handles) = outside::handles() {
        config.fit(handles);
    }
    let pin = config::pin(&config.pin_file)?;
    let (stopper, stop) = stop_channel();
    let registry = Registry::start(&config, &pin, outside::clock(), outside::chance(), stop).await?;
    tell!("registry of {} listens: http://{}", config.instance, registry.address());
    let signals = tokio::spawn(outside::stop_on_signal(stopper));
    match registry.published().await {
        Ok(made) => tell!("published: the configuration of {made}"),
        // It goes on trying, and tells each failure in the log.
        Err(fault) => complain!("chhatra: {fault}"),
    }
    registry.stopped().await?;
    signals.abort();
    tell!("stopped");
    Ok(())
}
