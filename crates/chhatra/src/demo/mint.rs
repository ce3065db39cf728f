//! What is made at the first start: keys, certificates, declared states. Every step asks first whether it is done, so that a start
//! that was cut short is simply started again.

use super::files;
use super::places::{Ministry, Places};
use crate::keystore::request::{self, Asked};
use crate::{config, keystore, outside};
use ::keystore::{KeyAlgorithm, KeyId, KeyUsage, Keystore, Owner};
use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use practice::PracticeAuthority;
use std::path::Path;
use trust::{Certificate, CertificateProfile};

const PROFILE: CertificateProfile = CertificateProfile::Basic;

/// Reads the name of an algorithm.
pub(super) fn algorithm(name: &str) -> Result<KeyAlgorithm, String> {
    KeyAlgorithm::from_name(name).ok_or_else(|| "EC-P256, RSA-2048, RSA-3072 or RSA-4096".to_owned())
}

/// The registry's configuration, PIN, keys and anchor.
pub(super) fn registry(places: &Places) -> Result<registry::Config> {
    let file = places.registry_file("registry.toml");
    files::pin(&places.registry_file("pin"), &outside::chance())?;
    files::once(&file, files::registry(places).as_bytes())?;
    let config = config::registry(&file)?;
    same_addresses(places, &file, config.listen == places.registry())?;
    match registry::admin::init(&config, &config::good_pin(&config.pin_file)?, &outside::clock()) {
        Ok(()) | Err(registry::InitFault::AlreadyInitialised { .. }) => Ok(config),
        Err(fault) => Err(fault.into()),
    }
}

/// A gateway's configuration, PIN, anchor, keys and certificates.
pub(super) fn gateway(
    places: &Places,
    ministry: Ministry,
    algorithm: KeyAlgorithm,
    authority: &PracticeAuthority,
) -> Result<gateway::Config> {
    let file = places.of(ministry, "gateway.toml");
    files::pin(&places.of(ministry, "pin"), &outside::chance())?;
    files::once(&file, files::gateway(places, ministry)?.as_bytes())?;
    let anchor = std::fs::read(places.registry_file("anchor.xml")).context("the anchor cannot be read")?;
    files::once(&places.of(ministry, "anchor.xml"), &anchor)?;
    let config = config::gateway(&file)?;
    same_addresses(places, &file, config.listen.transport == places.listen(ministry).transport)?;
    let keystore = keystore::open_or_create(&config)?;
    let identity = Identity { places, ministry, algorithm, authority, keystore: &keystore };
    identity.certify(KeyUsage::Signing)?;
    let authentication = identity.certify(KeyUsage::Authentication)?;
    let pem = pem(authentication.der());
    let name = format!("{}-authentication.pem", ministry.name());
    files::once(&places.registry_file(&name), pem.as_bytes())?;
    internal(&keystore, algorithm, &config)?;
    Ok(config)
}

/// A state that was made for other addresses would not start; better to say so.
fn same_addresses(places: &Places, file: &Path, same: bool) -> Result<()> {
    if same {
        return Ok(());
    }
    bail!(
        "{} was made for other addresses than {}; use another --state or the --base of then",
        file.display(),
        places.registry().ip()
    )
}

struct Identity<'a> {
    places: &'a Places,
    ministry: Ministry,
    algorithm: KeyAlgorithm,
    authority: &'a PracticeAuthority,
    keystore: &'a Keystore,
}

impl Identity<'_> {
    /// A key of this usage with an active certificate of the practice authority.
    fn certify(&self, usage: KeyUsage) -> Result<Certificate> {
        let held = self.keystore.list().into_iter().find(|key| key.usage == usage);
        let key = match &held {
            Some(key) => key.id.clone(),
            None => self.keystore.generate(usage, self.algorithm, usage.name())?,
        };
        if let Some(certificate) = held.as_ref().and_then(|key| key.certificates.first()) {
            if !certificate.active {
                self.keystore.activate(&certificate.certificate.sha256())?;
            }
            return Ok(certificate.certificate.clone());
        }
        let certificate = self.ask(&key, usage)?;
        self.keystore.activate(&certificate.sha256())?;
        Ok(certificate)
    }

    fn ask(&self, key: &KeyId, usage: KeyUsage) -> Result<Certificate> {
        let (server, member) = (self.ministry.server()?, self.ministry.member()?);
        let mut given = vec![("C".to_owned(), "KH".to_owned())];
        if usage == KeyUsage::Authentication {
            given.push(("CN".to_owned(), self.places.address(self.ministry).to_string()));
        }
        let asked =
            Asked { server: &server, member: &member, member_name: self.ministry.title(), given: &given };
        let (subject, names) = request::of_profile(&PROFILE, usage, &asked)?;
        let request = self.keystore.csr(key, &subject, &names)?;
        let (issued, owner) = if usage == KeyUsage::Signing {
            (self.authority.issue_signing(request.der())?, Owner::member(member))
        } else {
            (self.authority.issue_authentication(request.der())?, Owner::server(server))
        };
        self.keystore.import_certificate(&issued.der, &owner)?;
        Ok(Certificate::from_der(&issued.der)?)
    }
}

/// The self-signed certificate towards the ministry's own systems.
fn internal(keystore: &Keystore, algorithm: KeyAlgorithm, config: &gateway::Config) -> Result<()> {
    let held = keystore.list().into_iter().find(|key| key.usage == KeyUsage::InternalTls);
    let key = match &held {
        Some(key) if !key.certificates.is_empty() => return Ok(()),
        Some(key) => key.id.clone(),
        None => keystore.generate(KeyUsage::InternalTls, algorithm, "internal-tls")?,
    };
    keystore::certify_internal(keystore, &key, config, &[])
}

/// The declared states, once: what somebody has changed since stays.
pub(super) fn declare(
    places: &Places,
    authority: &PracticeAuthority,
    registry: &registry::Config,
    gateways: &[(Ministry, gateway::Config)],
) -> Result<()> {
    let certificates = [
        ("ca.pem", authority.root_certificate()),
        ("ocsp.pem", authority.ocsp_certificate()),
        ("tsa.pem", authority.tsa_certificate()),
    ];
    for (name, der) in certificates {
        files::once(&places.registry_file(name), pem(der).as_bytes())?;
    }
    let file = places.registry_file("state.toml");
    files::once(&file, files::registry_state(places)?.as_bytes())?;
    if registry::admin::settings(registry)?.is_none() {
        let declared = registry::Declaration::read(&text(&file)?, &config::folder(&file)?)?;
        registry::admin::apply(registry, &declared)?;
    }
    let tsa = Certificate::from_der(authority.tsa_certificate())?;
    let tsa = tsa.common_name().context("the time-stamp authority has no name")?;
    let url = format!("http://{}/", places.practice().tsa);
    for (ministry, config) in gateways {
        let file = places.of(*ministry, "state.toml");
        files::once(&file, files::gateway_state(places, *ministry, (&tsa, &url))?.as_bytes())?;
        if gateway::admin::settings(config)? == gateway::Declaration::default() {
            let declared = gateway::Declaration::read(&text(&file)?, &config::folder(&file)?)?;
            gateway::admin::apply(config, &declared)?;
        }
    }
    Ok(())
}

fn text(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))
}

fn pem(der: &[u8]) -> String {
    let coded = base64::engine::general_purpose::STANDARD.encode(der);
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = coded.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str("-----END CERTIFICATE-----\n");
    text
}
