//! `chhatra keystore import` and `import-p12`: certificates from a CA, keys from elsewhere, the whole identity of an X-Road server.

use super::{Store, Usage, label, open_or_create, read};
use crate::config;
use ::keystore::{HeldCertificate, KeyId, KeyUsage, Keystore, Owner};
use anyhow::{Context as _, Result, bail};
use clap::Args;
use globalconf::GlobalConf;
use identifier::MemberId;
use std::path::PathBuf;
use trust::Certificate;

#[derive(Debug, Args)]
pub(crate) struct Import {
    #[command(flatten)]
    store: Store,
    /// A certificate or a private key, or both in one PEM file.
    #[arg(value_name = "FILE", required_unless_present = "token", conflicts_with = "token")]
    file: Option<PathBuf>,
    /// A token of the configuration, by its label (or serial number), that holds the key already.
    #[arg(long, value_name = "LABEL", requires = "id", requires = "usage")]
    token: Option<String>,
    /// For a key in a token: its CKA_ID in hexadecimal digits.
    #[arg(long, value_name = "HEX", requires = "token")]
    id: Option<String>,
    /// For a private key: what it is for.
    #[arg(long)]
    usage: Option<Usage>,
    /// For a private key: its name for people; by default its usage.
    #[arg(long)]
    label: Option<String>,
    /// For an encrypted private key: a file whose first line is its passphrase.
    #[arg(long, value_name = "FILE")]
    pin_file: Option<PathBuf>,
    /// For a signing certificate: whom it speaks for; by default what the CA's profile says.
    #[arg(long, value_name = "INSTANCE/CLASS/CODE")]
    member: Option<MemberId>,
}

#[derive(Debug, Args)]
pub(crate) struct ImportP12 {
    #[command(flatten)]
    store: Store,
    /// A PKCS#12 file.
    #[arg(value_name = "FILE", required_unless_present = "keyconf", conflicts_with = "keyconf")]
    file: Option<PathBuf>,
    /// A file whose first line is the PIN (of the file, or of the software token).
    #[arg(long, value_name = "FILE")]
    pin_file: PathBuf,
    /// Which key of the file, when it has several.
    #[arg(long)]
    alias: Option<String>,
    /// What the key is for.
    #[arg(long, required_unless_present = "keyconf")]
    usage: Option<Usage>,
    /// Its name for people; by default its usage.
    #[arg(long)]
    label: Option<String>,
    /// For a signing certificate: whom it speaks for; by default what the CA's profile says.
    #[arg(long, value_name = "INSTANCE/CLASS/CODE")]
    member: Option<MemberId>,
    /// An X-Road server's keyconf.xml: takes over its whole software token.
    #[arg(long, value_name = "keyconf.xml", requires = "softtoken")]
    keyconf: Option<PathBuf>,
    /// The folder of that token's key files.
    #[arg(long, value_name = "DIR", requires = "keyconf")]
    softtoken: Option<PathBuf>,
}

pub(super) fn run(arguments: &Import) -> Result<()> {
    if let (Some(token), Some(id)) = (&arguments.token, &arguments.id) {
        return run_token(arguments, token, id);
    }
    let Some(file) = &arguments.file else {
        bail!("give a file, or --token with --id and --usage");
    };
    let bytes = read(file)?;
    let shown = file.display();
    let certificates = certificates(&bytes).with_context(|| format!("{shown} cannot be used"))?;
    let keystore = open_or_create(&arguments.store.config()?)?;
    if certificates.is_empty() || text_has(&bytes, "PRIVATE KEY-----") {
        let Some(usage) = arguments.usage else {
            bail!("{shown} is not a certificate; for a private key say what it is for with --usage");
        };
        let usage = KeyUsage::from(usage);
        let passphrase = arguments.pin_file.as_deref().map(config::pin).transpose()?;
        let label = label(arguments.label.as_deref(), usage);
        let key = keystore.import_key(&bytes, passphrase.as_ref(), usage, &label)?;
        tell!("key {key} for {usage} is held");
    }
    for certificate in &certificates {
        // Of a chain in one file only what belongs to a key here is ours.
        if certificates.len() > 1 && !is_ours(&keystore, certificate) {
            continue;
        }
        take(arguments, &keystore, certificate)?;
    }
    Ok(())
}

/// Takes over a key that another program has made in a token.
fn run_token(arguments: &Import, token: &str, id: &str) -> Result<()> {
    let Some(usage) = arguments.usage.map(KeyUsage::from) else {
        bail!("say what the key is for with --usage");
    };
    let id = hex::decode(id.replace(':', "")).with_context(|| format!("{id:?} is not hexadecimal"))?;
    let label = label(arguments.label.as_deref(), usage);
    let keystore = open_or_create(&arguments.store.config()?)?;
    let taken = keystore.import_from_token(token, &id, usage, &label)?;
    tell!("key {} for {usage} is held, in the token {token}", taken.key);
    if taken.extractable {
        complain!("the token would let this key out (CKA_EXTRACTABLE): whoever made it did not forbid that");
    }
    Ok(())
}

fn take(arguments: &Import, keystore: &Keystore, certificate: &Certificate) -> Result<()> {
    let config = arguments.store.config()?;
    let usage = keystore.list().into_iter().find(|key| key.public_key == certificate.public_key().spki());
    let owner = match usage.map(|key| key.usage) {
        Some(KeyUsage::Signing) => Owner::member(member_of(&config, certificate, arguments.member.as_ref())?),
        Some(KeyUsage::Authentication) => Owner::server(config.server.clone()),
        Some(KeyUsage::InternalTls | KeyUsage::Configuration) | None => Owner::nobody(),
    };
    let key = keystore.import_certificate(certificate.der(), &owner)?;
    tell(keystore, &key);
    Ok(())
}

fn is_ours(keystore: &Keystore, certificate: &Certificate) -> bool {
    keystore.list().iter().any(|key| key.public_key == certificate.public_key().spki())
}

/// All certificates of a PEM file, or the one that is the whole file; none when there is none.
fn certificates(bytes: &[u8]) -> Result<Vec<Certificate>> {
    match Certificate::all_from_pem(bytes)? {
        Some(certificates) => Ok(certificates),
        None if text_has(bytes, "-----BEGIN") => Ok(Vec::new()),
        None => Ok(Certificate::from_der(bytes).into_iter().collect()),
    }
}

fn text_has(bytes: &[u8], needle: &str) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| text.contains(needle))
}

/// Whom a signing certificate speaks for: what was said, and otherwise what the approved CA's profile says.
fn member_of(
    config: &::gateway::Config,
    certificate: &Certificate,
    said: Option<&MemberId>,
) -> Result<MemberId> {
    if let Some(member) = said {
        return Ok(member.clone());
    }
    let why = "say whom it speaks for with --member INSTANCE/CLASS/CODE";
    let picture = GlobalConf::load(&config.globalconf_dir()).with_context(|| {
        format!("the global configuration that would tell whose certificate this is cannot be read; {why}")
    })?;
    let instance = config.server.instance();
    let profile = picture.authorities_for_evidence(instance).and_then(|known| known.profile_for(certificate));
    let profile = profile
        .with_context(|| format!("no approved CA has issued {}; {why}", certificate.subject_rfc2253()))?;
    profile.signer_member(certificate, instance).with_context(|| why.to_owned())
}

/// Says what stands now, and what is left to do.
fn tell(keystore: &Keystore, key: &KeyId) {
    let Some(held) = keystore.find(key) else { return };
    for HeldCertificate { certificate, owner, active } in &held.certificates {
        let sha256 = hex::encode(certificate.sha256());
        let whose = match (&owner.member, &owner.server) {
            (Some(member), _) => format!(" of {member}"),
            (None, Some(server)) => format!(" of {server}"),
            (None, None) => String::new(),
        };
        tell!("certificate {sha256}{whose} for key {key}, {}", if *active { "active" } else { "not active" });
        if !active {
            let digits = sha256.get(..16).unwrap_or_default();
            tell!("  switch it on with: chhatra keystore activate --config … {digits}");
        }
    }
}

pub(super) fn run_p12(arguments: &ImportP12) -> Result<()> {
    let config = arguments.store.config()?;
    let pin = config::pin(&arguments.pin_file)?;
    let keystore = open_or_create(&config)?;
    if let (Some(keyconf), Some(dir)) = (&arguments.keyconf, &arguments.softtoken) {
        let taken = keystore.import_softtoken(&read(keyconf)?, dir, &pin)?;
        for key in &taken.keys {
            own(&config, &keystore, key, None)?;
            let usage = keystore.find(key).map(|held| held.usage.to_string()).unwrap_or_default();
            tell!("key {key} for {usage} is held");
            tell(&keystore, key);
        }
        for left in &taken.left {
            tell!("left behind: {}: {}", left.name, left.why);
        }
        return Ok(());
    }
    let (Some(file), Some(usage)) = (&arguments.file, arguments.usage) else {
        bail!("give a PKCS#12 file and --usage, or --keyconf with --softtoken");
    };
    let usage = KeyUsage::from(usage);
    let label = label(arguments.label.as_deref(), usage);
    let taken = keystore.import_p12(&read(file)?, &pin, arguments.alias.as_deref(), usage, &label)?;
    tell!("key {} for {usage} is held", taken.key);
    own(&config, &keystore, &taken.key, arguments.member.as_ref())?;
    tell(&keystore, &taken.key);
    Ok(())
}

/// Gives certificates of nobody their owner, as far as it is known.
fn own(config: &::gateway::Config, keystore: &Keystore, key: &KeyId, said: Option<&MemberId>) -> Result<()> {
    let Some(held) = keystore.find(key) else { return Ok(()) };
    for HeldCertificate { certificate, owner, .. } in &held.certificates {
        if *owner != Owner::nobody() {
            continue;
        }
        let found = match held.usage {
            KeyUsage::Authentication => Owner::server(config.server.clone()),
            KeyUsage::Signing => Owner::member(member_of(config, certificate, said)?),
            KeyUsage::InternalTls | KeyUsage::Configuration => continue,
        };
        keystore.set_owner(&certificate.sha256(), &found)?;
    }
    Ok(())
}
