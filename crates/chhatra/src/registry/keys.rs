//! `chhatra registry keys list|add|activate|delete`: the keys that sign the configuration change over while everything runs
//! (control-plane 1.2). A new key is made public first, then it signs, then the old one goes.

use crate::{config, outside};
use ::keystore::KeyId;
use ::registry::{Config, SigningKey, Source, admin};
use anyhow::{Context as _, Result};
use clap::{Args, Subcommand, ValueEnum};
use globalconf::anchor::delimited_hash;
use serde_json::{Value, json};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Lists the signing keys and the anchors that name them.
    List(List),
    /// Makes a second key and new anchors. It does not sign yet: hand out the new anchor first.
    Add(Add),
    /// Lets a key sign; a running registry publishes with it within a second.
    Activate(Chosen),
    /// Deletes a key that does not sign any more, for good.
    Delete(Chosen),
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// The configuration file.
    #[arg(long, value_name = "REGISTRY.toml")]
    config: PathBuf,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Add {
    /// The configuration file.
    #[arg(long, value_name = "REGISTRY.toml")]
    config: PathBuf,
    /// Which configuration it will sign.
    #[arg(long)]
    source: Signs,
}

/// For whom a configuration is.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Signs {
    /// For the gateways of this instance.
    Internal,
    /// For federated instances.
    External,
}

impl From<Signs> for Source {
    fn from(signs: Signs) -> Self {
        match signs {
            Signs::Internal => Self::Internal,
            Signs::External => Self::External,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Chosen {
    /// The configuration file.
    #[arg(long, value_name = "REGISTRY.toml")]
    config: PathBuf,
    /// The key, as `list` shows it.
    key: String,
}

pub(super) fn run(command: &Command) -> Result<()> {
    match command {
        Command::List(arguments) => list(arguments),
        Command::Add(arguments) => add(arguments),
        Command::Activate(arguments) => activate(arguments),
        Command::Delete(arguments) => delete(arguments),
    }
}

fn list(arguments: &List) -> Result<()> {
    let config = config::registry(&arguments.config)?;
    let keys = admin::signing_keys(&config)?;
    if arguments.json {
        let listed: Vec<Value> = keys.iter().map(as_json).collect();
        tell!("{}", serde_json::to_string_pretty(&json!({ "keys": listed }))?);
        return Ok(());
    }
    for source in Source::ALL {
        tell!("{source} configuration, anchor {}", anchor(&config, source));
        for key in keys.iter().filter(|key| key.source == source) {
            let state = if key.active { "active" } else { "not active" };
            tell!("  {}  {state}, made {}", key.key, key.made_at);
            tell!("    certificate  {}", hex::encode(key.certificate.sha256()));
        }
    }
    Ok(())
}

fn as_json(key: &SigningKey) -> Value {
    json!({
        "id": key.key.as_str(),
        "source": key.source.name(),
        "active": key.active,
        "made_at": key.made_at.to_string(),
        "certificate_sha256": hex::encode(key.certificate.sha256()),
        "not_after": key.certificate.not_after().to_string(),
    })
}

fn add(arguments: &Add) -> Result<()> {
    let file = arguments.config.display();
    let config = config::registry(&arguments.config)?;
    let source = Source::from(arguments.source);
    let made = admin::add_signing_key(&config, &config::pin(&config.pin_file)?, source, &outside::clock())?;
    tell!("{}", made.key);
    complain!("it does not sign yet; its certificate is published beside the old one from now on");
    complain!("hand out the new anchor, which names both keys, to {}:", readers(source));
    complain!("  {}", anchor(&config, source));
    complain!(
        "who has the old anchor and fetches the configuration in the meantime learns the key without it"
    );
    complain!(
        "then, {} seconds from now or later: chhatra registry keys activate --config {file} {}",
        config.expire_seconds,
        made.key
    );
    Ok(())
}

fn activate(arguments: &Chosen) -> Result<()> {
    let file = arguments.config.display();
    let config = config::registry(&arguments.config)?;
    let (chosen, other) = choose(&config, &arguments.key)?;
    let pin = config::pin(&config.pin_file)?;
    let activated = admin::activate_signing_key(&config, &pin, &chosen.key, &outside::clock())?;
    tell!(
        "{} signs the {} configuration; a running registry publishes within a second",
        chosen.key,
        chosen.source
    );
    let Some(other) = other else { return Ok(()) };
    if !activated.known_to_clients {
        complain!(
            "it was made less than {} seconds ago: who has not fetched since refuses what it signs, and needs the anchor",
            config.expire_seconds
        );
        complain!("  {}", anchor(&config, chosen.source));
        complain!("to go back: chhatra registry keys activate --config {file} {}", other.key);
    }
    complain!("when all is well: chhatra registry keys delete --config {file} {}", other.key);
    Ok(())
}

fn delete(arguments: &Chosen) -> Result<()> {
    let config = config::registry(&arguments.config)?;
    let (chosen, _) = choose(&config, &arguments.key)?;
    let pin = config::pin(&config.pin_file)?;
    admin::delete_signing_key(&config, &pin, &chosen.key, &outside::clock())?;
    tell!("{} is deleted", chosen.key);
    complain!("who joins from now on needs the present anchor: {}", anchor(&config, chosen.source));
    Ok(())
}

/// The key that somebody named, and the other one of its source.
fn choose(config: &Config, text: &str) -> Result<(SigningKey, Option<SigningKey>)> {
    let key = KeyId::parse(text).with_context(|| format!("{text:?} is not a key as `list` shows it"))?;
    let mut keys = admin::signing_keys(config)?;
    let at = keys.iter().position(|one| one.key == key);
    let at = at.ok_or_else(|| ::registry::KeyFault::Unknown { key })?;
    let chosen = keys.swap_remove(at);
    let other = keys.into_iter().find(|one| one.source == chosen.source);
    Ok((chosen, other))
}

/// Where the anchor lies, and its hash, which people compare when it is handed out.
pub(super) fn anchor(config: &Config, source: Source) -> String {
    let file = match source {
        Source::Internal => config.anchor_file.clone(),
        Source::External => config.external_anchor_file(),
    };
    match std::fs::read(&file) {
        Ok(bytes) => format!("{}, hash {}", file.display(), delimited_hash(&bytes)),
        Err(why) => format!("{}, which cannot be read: {why}", file.display()),
    }
}

const fn readers(source: Source) -> &'static str {
    match source {
        Source::Internal => "every gateway",
        Source::External => "every federated instance",
    }
}
