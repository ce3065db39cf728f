//! `chhatra keystore …`: a gateway's private keys and certificates, in software and in tokens. Nothing here ever shows a secret.

pub(crate) mod request;
mod import;
mod list;
pub(crate) mod token;

use crate::{config, outside};
use ::keystore::{AlternativeName, KeyAlgorithm, KeyId, KeyUsage, Keystore, OpenRefusal, SelfSigned};
use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use jiff::SignedDuration;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const INTERNAL_TLS_DAYS: i64 = 3650;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Makes a key; with it the keystore, when there is none yet.
    Generate(Generate),
    /// Makes a certificate request (PKCS#10) for a key.
    Csr(request::Csr),
    /// Takes in a certificate, or a private key, from a PEM or DER file; or a key that is in a token already.
    Import(import::Import),
    /// Takes in a key from a PKCS#12 file, or all keys of an X-Road server's software token.
    ImportP12(import::ImportP12),
    /// Switches a certificate on.
    Activate(Switch),
    /// Switches a certificate off.
    Deactivate(Switch),
    /// Removes a key with its certificates, for good; one in a token is destroyed there.
    Delete(Delete),
    /// Lists keys and certificates.
    List(list::List),
    /// Hardware security modules: what they are, and whether keys in them can sign.
    #[command(subcommand)]
    Token(token::Command),
}

#[derive(Debug, Args)]
pub(crate) struct Generate {
    #[command(flatten)]
    store: Store,
    /// What the key is for.
    #[arg(long)]
    usage: Usage,
    /// The kind of key.
    #[arg(long, default_value = "rsa-2048")]
    algorithm: Algorithm,
    /// Its name for people; by default its usage.
    #[arg(long)]
    label: Option<String>,
    /// For signing: the label (or serial number) of a token of the configuration in which the key is made and stays.
    #[arg(long, value_name = "LABEL")]
    token: Option<String>,
    /// For internal TLS: a DNS name or address under which the gateway is reached by its own systems; may be repeated.
    #[arg(long = "name", value_name = "NAME")]
    names: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Switch {
    #[command(flatten)]
    store: Store,
    /// The certificate's SHA-256 in hex; the first eight digits or more are enough.
    #[arg(value_name = "SHA256")]
    certificate: String,
}

#[derive(Debug, Args)]
pub(crate) struct Delete {
    #[command(flatten)]
    store: Store,
    /// The key, as `list` shows it.
    #[arg(value_name = "KEY")]
    key: String,
    /// Only forget a key in a token, and leave it there.
    #[arg(long)]
    keep_in_token: bool,
}

/// Which keystore.
#[derive(Debug, Args)]
pub(crate) struct Store {
    /// The gateway's configuration file.
    #[arg(long, value_name = "GATEWAY.toml")]
    config: PathBuf,
}

/// What a key is for.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Usage {
    /// Signs messages for a member.
    Signing,
    /// TLS between gateways.
    Authentication,
    /// TLS towards the member's own systems.
    InternalTls,
}

impl From<Usage> for KeyUsage {
    fn from(usage: Usage) -> Self {
        match usage {
            Usage::Signing => Self::Signing,
            Usage::Authentication => Self::Authentication,
            Usage::InternalTls => Self::InternalTls,
        }
    }
}

/// The kinds of key.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Algorithm {
    /// RSA, 2048 bits: what X-Road makes.
    #[value(name = "rsa-2048")]
    Rsa2048,
    /// RSA, 3072 bits.
    #[value(name = "rsa-3072")]
    Rsa3072,
    /// RSA, 4096 bits.
    #[value(name = "rsa-4096")]
    Rsa4096,
    /// EC on P-256.
    #[value(name = "p-256", alias = "ec-p256")]
    P256,
}

impl From<Algorithm> for KeyAlgorithm {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Rsa2048 => Self::Rsa2048,
            Algorithm::Rsa3072 => Self::Rsa3072,
            Algorithm::Rsa4096 => Self::Rsa4096,
            Algorithm::P256 => Self::EcP256,
        }
    }
}

pub(crate) fn run(command: &Command) -> Result<ExitCode> {
    match command {
        Command::Generate(arguments) => run_generate(arguments)?,
        Command::Csr(arguments) => request::run(arguments)?,
        Command::Import(arguments) => import::run(arguments)?,
        Command::ImportP12(arguments) => import::run_p12(arguments)?,
        Command::Activate(arguments) => switch(arguments, true)?,
        Command::Deactivate(arguments) => switch(arguments, false)?,
        Command::Delete(arguments) => delete(arguments)?,
        Command::List(arguments) => list::run(arguments)?,
        Command::Token(command) => return token::run(command),
    }
    Ok(ExitCode::SUCCESS)
}

impl Store {
    fn config(&self) -> Result<::gateway::Config> {
        config::gateway(&self.config)
    }

    fn open(&self) -> Result<Keystore> {
        let config = self.config()?;
        let opened = open(&config)?;
        if let Err(refusal @ OpenRefusal::Absent { .. }) = &opened {
            bail!("{refusal}; `chhatra keystore generate` or an import makes one");
        }
        Ok(opened?)
    }
}

fn open(config: &::gateway::Config) -> Result<Result<Keystore, OpenRefusal>> {
    let pin = config::pin(&config.pin_file)?;
    Ok(Keystore::open_with(config.keystore_dir(), &pin, config.keystore_settings()))
}

/// Opens the keystore of a gateway, or makes it.
pub(crate) fn open_or_create(config: &::gateway::Config) -> Result<Keystore> {
    match open(config)? {
        Err(OpenRefusal::Absent { .. }) => {}
        other => return Ok(other?),
    }
    std::fs::create_dir_all(&config.state_dir)
        .with_context(|| format!("{} cannot be made", config.state_dir.display()))?;
    let pin = config::good_pin(&config.pin_file)?;
    Ok(Keystore::create_with(config.keystore_dir(), &pin, config.keystore_settings())?)
}

fn run_generate(arguments: &Generate) -> Result<()> {
    let config = arguments.store.config()?;
    let usage = KeyUsage::from(arguments.usage);
    if usage != KeyUsage::InternalTls && !arguments.names.is_empty() {
        bail!("--name is for internal TLS keys; names for other certificates go into their request");
    }
    let label = label(arguments.label.as_deref(), usage);
    let keystore = open_or_create(&config)?;
    let algorithm = arguments.algorithm.into();
    let key = match &arguments.token {
        Some(token) => keystore.generate_in_token(token, usage, algorithm, &label)?,
        None => keystore.generate(usage, algorithm, &label)?,
    };
    tell!("{key}");
    if usage == KeyUsage::InternalTls {
        certify_internal(&keystore, &key, &config, &arguments.names)?;
        complain!("its self-signed certificate is active");
    } else {
        complain!("next: chhatra keystore csr --config {} --key {key} …", arguments.store.config.display());
    }
    Ok(())
}

/// The self-signed certificate of an internal TLS key, active at once.
pub(crate) fn certify_internal(
    keystore: &Keystore,
    key: &KeyId,
    config: &::gateway::Config,
    names: &[String],
) -> Result<()> {
    let now = outside::clock().now();
    let mut names = names.to_vec();
    if names.is_empty() {
        let address = config.listen.consumer_https.ip();
        names.push(if address.is_unspecified() { "localhost".to_owned() } else { address.to_string() });
    }
    let validity = SignedDuration::from_hours(INTERNAL_TLS_DAYS.saturating_mul(24));
    let shape = SelfSigned::InternalTls {
        common_name: names.first().cloned().unwrap_or_default(),
        alternative_names: names.iter().map(|name| AlternativeName::parse(name)).collect::<Result<_, _>>()?,
        // Clocks of two machines differ.
        not_before: now.checked_sub(SignedDuration::from_mins(5))?,
        not_after: now.checked_add(validity)?,
    };
    keystore.self_signed(key, &shape)?;
    Ok(())
}

/// A key's name for people.
fn label(given: Option<&str>, usage: KeyUsage) -> String {
    given.map_or_else(|| usage.name().replace('_', "-"), str::to_owned)
}

fn switch(arguments: &Switch, on: bool) -> Result<()> {
    let keystore = arguments.store.open()?;
    let sha256 = find(&keystore, &arguments.certificate)?;
    if on {
        keystore.activate(&sha256)?;
    } else {
        keystore.deactivate(&sha256)?;
    }
    tell!("{} is {}", hex::encode(sha256), if on { "active" } else { "not active any more" });
    Ok(())
}

fn delete(arguments: &Delete) -> Result<()> {
    let keystore = arguments.store.open()?;
    let key = KeyId::parse(&arguments.key)?;
    if arguments.keep_in_token {
        keystore.forget(&key)?;
    } else {
        keystore.delete(&key)?;
    }
    tell!("{key} is deleted");
    Ok(())
}

/// The one certificate whose hash begins with these digits.
fn find(keystore: &Keystore, digits: &str) -> Result<[u8; 32]> {
    let wanted = digits.to_ascii_lowercase().replace(':', "");
    if wanted.len() < 8 || !wanted.bytes().all(|b| b.is_ascii_hexdigit()) {
        bail!("{digits:?} is not the SHA-256 of a certificate: eight hexadecimal digits or more");
    }
    let keys = keystore.list();
    let held = keys.iter().flat_map(|key| &key.certificates).map(|held| held.certificate.sha256());
    let found: Vec<[u8; 32]> = held.filter(|sha256| hex::encode(sha256).starts_with(&wanted)).collect();
    match found.as_slice() {
        [one] => Ok(*one),
        [] => bail!("no certificate here has a SHA-256 that begins with {wanted}"),
        _ => bail!("several certificates have a SHA-256 that begins with {wanted}; give more of it"),
    }
}

/// The bytes of a file that somebody named.
fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))
}
