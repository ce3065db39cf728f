//! `chhatra trust run`: the practice CA, OCSP responder and time-stamp authority.

use crate::outside;
use ::practice::{Addresses, PracticeAuthority, Services, Settings};
use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use http1::stop_channel;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Issues, answers and stamps until Ctrl-C or a termination signal; on loopback addresses only.
    Run(Run),
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Where keys, certificates and the register are kept; made at the first start.
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// Where certificate requests are taken (POST /testca/sign?profile=auth|sign).
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8888")]
    listen: SocketAddr,
    /// Where OCSP is answered.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8889")]
    listen_ocsp: SocketAddr,
    /// Where time-stamps are given.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8899")]
    listen_tsa: SocketAddr,
    /// First start only: the name that stands in the certificates.
    #[arg(long, default_value = "Chhatra")]
    name: String,
}

pub(crate) fn run(command: &Command) -> Result<ExitCode> {
    let Command::Run(arguments) = command;
    outside::runtime()?.block_on(serve(arguments))?;
    Ok(ExitCode::SUCCESS)
}

async fn serve(arguments: &Run) -> Result<()> {
    let settings = Settings::new(&arguments.name);
    let authority =
        PracticeAuthority::create_or_open(&arguments.state, settings, outside::clock(), outside::chance())
            .with_context(|| format!("{} cannot be used", arguments.state.display()))?;
    let wanted =
        Addresses { authority: arguments.listen, ocsp: arguments.listen_ocsp, tsa: arguments.listen_tsa };
    let services = Services::start(Arc::new(authority), wanted).await?;
    tell!("practice trust services listen; nobody must rely on what they sign:");
    tell!("  certificates  {}?profile=auth|sign", services.sign_url());
    tell!("  OCSP          {}", services.ocsp_url());
    tell!("  time-stamps   {}", services.tsa_url());
    tell!("  own certificates: {}/{{root,ocsp,tsa}}.pem", arguments.state.display());
    let (stopper, stop) = stop_channel();
    outside::stop_on_signal(stopper).await?;
    stop.requested().await;
    services.stop().await;
    tell!("stopped");
    Ok(())
}
