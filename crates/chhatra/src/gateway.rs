//! `chhatra gateway run|plan|apply`.

use crate::{config, outside, plan};
use ::gateway::{Declaration, Gateway, Listeners, admin};
use anyhow::{Context as _, Result};
use clap::Subcommand;
use http1::stop_channel;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Carries messages until Ctrl-C or a termination signal; what runs is finished first.
    Run {
        /// The configuration file.
        #[arg(long, value_name = "GATEWAY.toml")]
        config: PathBuf,
        /// Stop when standard input ends: whoever started this process is gone.
        #[arg(long, hide = true)]
        until_stdin_closes: bool,
    },
    /// Shows what `apply` would change; touches nothing.
    Plan(plan::Files),
    /// Makes the declared state the gateway's settings; a running gateway takes them over within a second.
    Apply(plan::Files),
}

pub(crate) fn run(command: &Command) -> Result<ExitCode> {
    match command {
        Command::Run { config, until_stdin_closes } => {
            outside::serve(serve(config, *until_stdin_closes))?;
        }
        Command::Plan(files) => {
            let declared = files.declared(Declaration::read)?;
            plan::print(&admin::plan(&config::gateway(&files.config)?, &declared)?);
        }
        Command::Apply(files) => {
            let declared = files.declared(Declaration::read)?;
            plan::print(&admin::apply(&config::gateway(&files.config)?, &declared)?);
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn serve(file: &Path, until_stdin_closes: bool) -> Result<()> {
    let mut config = config::gateway(file)?;
    if let Some(handles) = outside::handles().filter(|handles| config.peer.fit(*handles)) {
        let most = config.peer.connections_max;
        tracing::warn!(
            "this process may hold {handles} file handles, so each port holds {most} connections at once, fewer than connections_max: \
             raise the limit of the service (LimitNOFILE)"
        );
    }
    let pin = config::pin(&config.pin_file)?;
    // Before anything is opened: a taken port is told at once.
    let listeners = Listeners::bind(&config).await?;
    let listening = listening(&config);
    let opening =
        tokio::task::spawn_blocking(move || Gateway::open(config, &pin, outside::clock(), outside::chance()));
    let gateway = Arc::new(opening.await.context("opening the gateway broke off")??);
    tell!("{listening}");
    let (stopper, stop) = stop_channel();
    if until_stdin_closes {
        outside::stop_when_stdin_closes(stopper.clone())?;
    }
    let signals = tokio::spawn(outside::stop_on_signal(stopper));
    gateway.run(listeners, stop).await?;
    signals.abort();
    tell!("stopped");
    Ok(())
}

fn listening(config: &::gateway::Config) -> String {
    let listen = &config.listen;
    format!(
        "gateway {} listens:\n  consumers  http://{}  https://{}\n  gateways   {}  (OCSP answers: {})",
        config.server, listen.consumer_http, listen.consumer_https, listen.transport, listen.ocsp
    )
}
