//! The declared state as an operator writes it (`STATE.toml`), checked when it is read.

use crate::error::DeclarationFault;
use identifier::{ClientId, GlobalGroupId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Everything that an operator declares for one gateway.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Declaration {
    /// The members and subsystems that this server serves.
    #[serde(default, rename = "client")]
    pub clients: Vec<Client>,
    /// Time-stamp services, in the order in which they are tried; each must be approved in the global configuration.
    #[serde(default, rename = "time_stamp")]
    pub time_stamps: Vec<TimeStampService>,
}

/// A member or subsystem of this server.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// `INSTANCE/CLASS/MEMBER[/SUBSYSTEM]`.
    pub id: ClientId,
    /// How its information systems must connect (data-plane 8.2).
    #[serde(default)]
    pub connection: Connection,
    /// Only `registered` clients exchange messages.
    #[serde(default)]
    pub status: ClientStatus,
    /// PEM files with the TLS certificates of its information systems.
    #[serde(default)]
    pub internal_certificates: Vec<PathBuf>,
    /// The same certificates as Base64 of DER, once they have been read.
    #[serde(skip)]
    pub internal_certificates_der: Vec<String>,
    /// What it offers.
    #[serde(default, rename = "service")]
    pub services: Vec<Service>,
    /// Groups of its own making.
    #[serde(default, rename = "local_group")]
    pub local_groups: Vec<LocalGroup>,
    /// Who may use what it offers.
    #[serde(default, rename = "right")]
    pub rights: Vec<Right>,
}

/// Connection types of consumers (data-plane 8.2); the default is the strict one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Connection {
    /// `NOSSL`: anything, plain HTTP included.
    Http,
    /// `SSLNOAUTH`: HTTPS, with any certificate or none.
    Https,
    /// `SSLAUTH`: HTTPS with one of the registered internal certificates.
    #[default]
    HttpsMutual,
}

/// Where a client stands in its registration.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientStatus {
    /// Kept here, not registered at the authority.
    Saved,
    /// Registered: messages flow.
    #[default]
    Registered,
    /// Switched off by its operator.
    Disabled,
}

/// A service of a client.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// The service code in `/r1/…/CODE`.
    pub code: String,
    /// What kind of description stands behind it.
    #[serde(default)]
    pub kind: ServiceKind,
    /// The base address that requests go to.
    pub url: String,
    /// Where its OpenAPI or WSDL description is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How long it may take to answer.
    #[serde(default = "default_timeout_seconds")]
    pub timeout_seconds: u64,
    /// For an `https` address: whether its certificate must be among the client's internal certificates.
    #[serde(default = "yes")]
    pub verify_certificate: bool,
    /// A notice; while it is there the service is switched off and callers read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<String>,
    /// Endpoints to which rights can be given one by one; the whole service always can.
    #[serde(default)]
    pub endpoints: Vec<Endpoint>,
}

const fn default_timeout_seconds() -> u64 {
    60
}

const fn yes() -> bool {
    true
}

/// Types of service descriptions (data-plane 8.5).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceKind {
    /// A REST service without a description.
    #[default]
    Rest,
    /// A REST service with an OpenAPI 3 description.
    Openapi3,
    /// A SOAP service.
    Wsdl,
}

/// A method and a path pattern of a service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// An HTTP method, or `*`.
    pub method: String,
    /// A path pattern: `*` within a segment, `**` for anything.
    pub path: String,
}

/// A group that a client keeps for its own rights.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LocalGroup {
    /// Its code.
    pub code: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// Who belongs to it.
    #[serde(default)]
    pub members: Vec<ClientId>,
}

/// A right: this subject may use this service, or one endpoint of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Right {
    /// Who.
    pub subject: Subject,
    /// The service code.
    pub service: String,
    /// The endpoint; absent: the whole service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Endpoint>,
}

/// To whom a right is given.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Subject {
    /// One member or subsystem.
    Client(ClientId),
    /// A group of the instance, as `INSTANCE/CODE`.
    GlobalGroup(GlobalGroupId),
    /// A group of this client, by its code.
    LocalGroup(String),
}

/// A time-stamp service by its name and address, as the global configuration lists it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TimeStampService {
    /// Its name in the global configuration.
    pub name: String,
    /// Its address there.
    pub url: String,
}

impl Declaration {
    /// Reads a declared state; certificate files are read relative to `folder`.
    ///
    /// # Errors
    /// Text that is not such a state, contradicts itself, or names files that cannot be read.
    pub fn read(text: &str, folder: &Path) -> Result<Self, DeclarationFault> {
        let mut read: Self = toml::from_str(text).map_err(|e| DeclarationFault::Syntax(e.to_string()))?;
        if read == Self::default() {
            return Err(DeclarationFault::Empty);
        }
        for client in &mut read.clients {
            client.read_certificates(folder)?;
        }
        read.check()?;
        Ok(read)
    }

    fn check(&self) -> Result<(), DeclarationFault> {
        let mut seen = BTreeSet::new();
        for client in &self.clients {
            if !seen.insert(client.id.to_string()) {
                return Err(DeclarationFault::Twice(format!("client {}", client.id)));
            }
            client.check()?;
        }
        let mut stamps = BTreeSet::new();
        for stamp in &self.time_stamps {
            http_address(&stamp.url)?;
            if !stamps.insert((&stamp.name, &stamp.url)) {
                return Err(DeclarationFault::Twice(format!("time-stamp service {}", stamp.name)));
            }
        }
        Ok(())
    }
}

impl Client {
    fn read_certificates(&mut self, folder: &Path) -> Result<(), DeclarationFault> {
        use base64::Engine as _;
        for file in std::mem::take(&mut self.internal_certificates) {
            let path = folder.join(&file);
            let shown = path.display().to_string();
            let bytes = std::fs::read(&path)
                .map_err(|e| DeclarationFault::Certificate { file: shown.clone(), why: e.to_string() })?;
            let certificate = trust::Certificate::from_der_or_pem(&bytes)
                .map_err(|e| DeclarationFault::Certificate { file: shown, why: e.to_string() })?;
            let text = base64::engine::general_purpose::STANDARD.encode(certificate.der());
            self.internal_certificates_der.push(text);
        }
        self.internal_certificates_der.sort();
        self.internal_certificates_der.dedup();
        Ok(())
    }

    fn check(&self) -> Result<(), DeclarationFault> {
        let mut codes = BTreeSet::new();
        for service in &self.services {
            if service.code.is_empty() || !codes.insert(&service.code) {
                return Err(DeclarationFault::Twice(format!("service {}/{}", self.id, service.code)));
            }
            service_address(&service.url)?;
        }
        let groups: BTreeSet<&str> = self.local_groups.iter().map(|g| g.code.as_str()).collect();
        for right in &self.rights {
            if !codes.contains(&right.service) {
                return Err(DeclarationFault::UnknownService(format!("{}/{}", self.id, right.service)));
            }
            if let Subject::LocalGroup(code) = &right.subject
                && !groups.contains(code.as_str())
            {
                return Err(DeclarationFault::UnknownGroup(format!("{}: {code}", self.id)));
            }
            super::lookup::right(right)?;
        }
        Ok(())
    }
}

fn http_address(url: &str) -> Result<(), DeclarationFault> {
    if url.starts_with("http://") { Ok(()) } else { Err(DeclarationFault::Address(url.to_owned())) }
}

/// A service's base address: `http` or `https`, with a host, without query and fragment.
fn service_address(url: &str) -> Result<(), DeclarationFault> {
    crate::service_url::ServiceUrl::parse(url)
        .map(|_| ())
        .map_err(|_| DeclarationFault::Address(url.to_owned()))
}
