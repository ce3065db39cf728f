//! `chhatra demo`: a small nation on this machine. Registry, practice trust services and the civil registry run in this process, the
//! two gateways as processes of their own.

mod places;
mod files;
mod mint;
mod child;
mod civil_registry;

use crate::{config, outside};
use anyhow::{Result, bail};
use child::Gateway;
use clap::Args;
use http1::{FetchLimits, Fetched, Stopper, stop_channel};
use keystore::KeyAlgorithm;
use places::{Ministry, Places};
use practice::{PracticeAuthority, Services, Settings};
use registry::Registry;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{JoinHandle, block_in_place};

/// How long the first message may take to cross.
const READY: Duration = Duration::from_secs(120);

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Where everything is kept: keys, certificates, settings, evidence. Made at the first start.
    #[arg(long, value_name = "DIR", default_value = "var/demo")]
    state: PathBuf,
    /// The first three numbers of all addresses.
    #[arg(long, value_name = "127.B.C", default_value = "127.0.0", value_parser = places::base)]
    base: Base,
    /// First start only: which keys are made, EC-P256 or RSA-2048, -3072, -4096.
    #[arg(long, value_name = "ALGORITHM", default_value = "EC-P256", value_parser = mint::algorithm)]
    keys: KeyAlgorithm,
    /// Make keys, certificates and settings, and start nothing.
    #[arg(long, hide = true)]
    only_make: bool,
}

type Base = [u8; 3];

/// What runs, in the order in which it was started.
#[derive(Debug, Default)]
struct Running {
    services: Option<Services>,
    registry: Option<(Registry, Stopper)>,
    civil_registry: Option<(JoinHandle<Result<()>>, Stopper)>,
    gateways: Vec<Gateway>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    if arguments.only_make {
        let places = Places::new(&arguments.state, arguments.base)?;
        make(&places, arguments.keys, &authority(&places)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    outside::runtime()?.block_on(nation(arguments))?;
    Ok(ExitCode::SUCCESS)
}

async fn nation(arguments: &Arguments) -> Result<()> {
    let mut running = Running::default();
    let (stopper, stop) = stop_channel();
    let signals = tokio::spawn(outside::stop_on_signal(stopper));
    let outcome = tokio::select! {
        outcome = live(arguments, &mut running) => outcome,
        () = stop.requested() => Ok(()),
    };
    if outcome.is_ok() {
        tell!("stopping; everything is kept in {} · កំពុងបញ្ឈប់", arguments.state.display());
    }
    running.stop().await;
    signals.abort();
    outcome
}

/// Starts everything, says so, and watches; returns only when something has failed.
async fn live(arguments: &Arguments, running: &mut Running) -> Result<()> {
    say("a small nation, kept in", "ប្រទេសគំរូមួយ", &arguments.state.display().to_string());
    let places = Places::new(&arguments.state, arguments.base)?;
    places.check_ports()?;
    start(&places, arguments.keys, running).await?;
    wait_until_ready(&places, &mut running.gateways).await?;
    tell!("");
    tell!(
        "ready: curl -s -H 'X-Road-Client: {}' {}",
        files::question_client()?,
        files::question_url(&places)?
    );
    tell!("");
    tell!("Ctrl-C stops everything; starting again keeps the state. · Ctrl-C ដើម្បីបញ្ឈប់");
    running.watch().await
}

fn say(what: &str, khmer: &str, value: &str) {
    tell!("  {what} {value} · {khmer}");
}

fn authority(places: &Places) -> Result<PracticeAuthority> {
    Ok(PracticeAuthority::create_or_open(
        &places.folder("practice"),
        Settings::new("Cambodia"),
        outside::clock(),
        outside::chance(),
    )?)
}

/// What the first start makes; a later one finds it made.
fn make(places: &Places, keys: KeyAlgorithm, authority: &PracticeAuthority) -> Result<registry::Config> {
    let registry = mint::registry(places)?;
    let mut gateways = Vec::new();
    for ministry in Ministry::ALL {
        let made = mint::gateway(places, ministry, keys, authority)?;
        say("keys and certificates of the", "កូនសោ និងវិញ្ញាបនបត្រ", ministry.title());
        gateways.push((ministry, made));
    }
    mint::declare(places, authority, &registry, &gateways)?;
    Ok(registry)
}

async fn start(places: &Places, keys: KeyAlgorithm, running: &mut Running) -> Result<()> {
    let authority = Arc::new(authority(places)?);
    let services = Services::start(Arc::clone(&authority), places.practice()).await?;
    say("practice CA, OCSP and time-stamps at", "សេវាទុកចិត្ត", &places.practice().authority.ip().to_string());
    running.services = Some(services);
    let registry = block_in_place(|| make(places, keys, &authority))?;
    running.start_registry(&registry).await?;
    say("registry at", "បញ្ជីសមាជិក", &format!("http://{}", places.registry()));
    running.start_civil_registry(places)?;
    say("civil registry at", "អត្រានុកូលដ្ឋាន", &format!("http://{}", places.civil_registry()));
    for ministry in Ministry::ALL {
        let gateway = Gateway::start(places, ministry)?;
        let place = format!("{}, process {}", places.address(ministry), gateway.process());
        say(&format!("gateway of the {} at", ministry.title()), "ច្រកទិន្នន័យ", &place);
        running.gateways.push(gateway);
    }
    Ok(())
}

/// Asks the question that will be printed until it is answered: everything is up when a message has crossed.
async fn wait_until_ready(places: &Places, gateways: &mut [Gateway]) -> Result<()> {
    tell!("  the first message crosses both gateways … · សារដំបូងកំពុងឆ្លងកាត់");
    let url = files::question_url(places)?;
    let mut last = "nothing was heard".to_owned();
    let asking = async {
        loop {
            match ask(&url).await {
                Ok(answer) if answer.status == 200 => return,
                Ok(answer) => last = told(&answer),
                Err(error) => last = error.to_string(),
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    };
    tokio::select! {
        answered = tokio::time::timeout(READY, asking) => if answered.is_ok() { return Ok(()) },
        died = died(gateways) => return Err(died),
    }
    let tails: String = gateways.iter().map(Gateway::tail).collect();
    bail!("no message crossed within {} seconds: {last}\n{tails}", READY.as_secs())
}

async fn ask(url: &str) -> Result<Fetched> {
    let client = files::question_client()?;
    let limits = FetchLimits { read_timeout: Duration::from_secs(30), ..FetchLimits::default() };
    Ok(http1::fetch("GET", url, &[("X-Road-Client", &client)], None, &limits).await?)
}

fn told(answer: &Fetched) -> String {
    format!("status {}: {}", answer.status, String::from_utf8_lossy(&answer.body))
}

async fn died(gateways: &mut [Gateway]) -> anyhow::Error {
    match gateways {
        [first, second, ..] => tokio::select! {
            error = first.died() => error,
            error = second.died() => error,
        },
        [only] => only.died().await,
        [] => std::future::pending().await,
    }
}

impl Running {
    async fn start_registry(&mut self, made: &registry::Config) -> Result<()> {
        let (stopper, stop) = stop_channel();
        let pin = config::pin(&made.pin_file)?;
        let registry = Registry::start(made, &pin, outside::clock(), outside::chance(), stop).await?;
        let published = registry.published().await;
        self.registry = Some((registry, stopper));
        published?;
        Ok(())
    }

    fn start_civil_registry(&mut self, places: &Places) -> Result<()> {
        let (stopper, stop) = stop_channel();
        let file = places.folder("interior").join("people.sqlite");
        let listen = places.civil_registry();
        let task = tokio::spawn(async move { civil_registry::run(listen, &file, stop).await });
        self.civil_registry = Some((task, stopper));
        Ok(())
    }

    /// Returns only when something has ended that should not.
    async fn watch(&mut self) -> Result<()> {
        let service = async {
            match &mut self.civil_registry {
                Some((task, _)) => match task.await {
                    Ok(Err(error)) => error.context("the civil registry stopped by itself"),
                    Ok(Ok(())) | Err(_) => anyhow::anyhow!("the civil registry stopped by itself"),
                },
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            died = died(&mut self.gateways) => Err(died),
            ended = service => Err(ended),
        }
    }

    /// Gateways first: they still need the others to finish what runs.
    async fn stop(self) {
        let mut gateways = self.gateways;
        for gateway in &mut gateways {
            gateway.ask_to_stop();
        }
        for gateway in gateways {
            gateway.stopped().await;
        }
        if let Some((registry, stopper)) = self.registry {
            stopper.stop();
            // It has told in the log what failed, if anything did.
            let _stopped = registry.stopped().await;
        }
        if let Some((task, stopper)) = self.civil_registry {
            stopper.stop();
            if !task.is_finished() {
                let _stopped = task.await;
            }
        }
        if let Some(services) = self.services {
            services.stop().await;
        }
    }
}
