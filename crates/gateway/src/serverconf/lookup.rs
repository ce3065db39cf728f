//! The settings as the message path asks them: read-only, in memory, replaced as a whole.

use super::declaration::{
    Client, ClientStatus, Connection, Declaration, Service, ServiceKind, Subject, TimeStampService,
};
use crate::error::DeclarationFault;
use crate::service_url::{ServiceUrl, UrlFault};
use base64::Engine as _;
use identifier::{ClientId, LocalGroupId};
use std::collections::{BTreeMap, BTreeSet};
use trust::Certificate;

/// A snapshot of this server's settings.
#[derive(Debug, Default)]
pub(crate) struct ServerConf {
    clients: BTreeMap<ClientId, ClientEntry>,
    time_stamps: Vec<TimeStampService>,
}

/// One client of this server.
#[derive(Debug)]
pub(crate) struct ClientEntry {
    /// Its identifier.
    pub(crate) id: ClientId,
    /// Only registered clients exchange messages.
    pub(crate) registered: bool,
    /// How its information systems must connect.
    pub(crate) connection: Connection,
    /// The certificates of its information systems.
    pub(crate) internal_certificates: Vec<Certificate>,
    services: BTreeMap<String, ServiceEntry>,
    rights: Vec<access::Right>,
    groups: BTreeMap<String, BTreeSet<ClientId>>,
}

/// One service of a client.
#[derive(Debug)]
pub(crate) struct ServiceEntry {
    /// What kind of service it is.
    pub(crate) kind: ServiceKind,
    /// Its address, or why what the settings have is none: a declaration with such an address is refused, but settings may be older
    /// than that.
    pub(crate) url: Result<ServiceUrl, UrlFault>,
    /// How long it may take.
    pub(crate) timeout: std::time::Duration,
    /// Whether its TLS certificate must be among the client's internal certificates.
    pub(crate) verify_certificate: bool,
    /// The notice while it is switched off.
    pub(crate) disabled: Option<String>,
}

impl ServerConf {
    /// Takes a declaration as stored.
    ///
    /// # Errors
    /// A right whose endpoint is not one.
    pub(crate) fn new(declaration: &Declaration) -> Result<Self, DeclarationFault> {
        let mut clients = BTreeMap::new();
        for client in &declaration.clients {
            clients.insert(client.id.clone(), ClientEntry::new(client)?);
        }
        Ok(Self { clients, time_stamps: declaration.time_stamps.clone() })
    }

    /// The client with exactly this identifier.
    #[must_use]
    pub(crate) fn client(&self, id: &ClientId) -> Option<&ClientEntry> {
        self.clients.get(id)
    }

    /// The time-stamp services in the order in which they are tried.
    #[must_use]
    pub(crate) fn time_stamps(&self) -> &[TimeStampService] {
        &self.time_stamps
    }
}

impl ClientEntry {
    fn new(client: &Client) -> Result<Self, DeclarationFault> {
        let certificates = client.internal_certificates_der.iter().filter_map(|text| {
            let der = base64::engine::general_purpose::STANDARD.decode(text).ok()?;
            Certificate::from_der(&der).ok()
        });
        Ok(Self {
            id: client.id.clone(),
            registered: client.status == ClientStatus::Registered,
            connection: client.connection,
            internal_certificates: certificates.collect(),
            services: client.services.iter().map(|s| (s.code.clone(), ServiceEntry::new(s))).collect(),
            rights: client.rights.iter().map(right).collect::<Result<_, _>>()?,
            groups: client
                .local_groups
                .iter()
                .map(|g| (g.code.clone(), g.members.iter().cloned().collect()))
                .collect(),
        })
    }

    /// The service with this code.
    #[must_use]
    pub(crate) fn service(&self, code: &str) -> Option<&ServiceEntry> {
        self.services.get(code)
    }

    /// The rights that this client has given.
    #[must_use]
    pub(crate) fn rights(&self) -> &[access::Right] {
        &self.rights
    }

    /// Whether `caller` belongs to this client's own group.
    #[must_use]
    pub(crate) fn in_local_group(&self, caller: &ClientId, group: &LocalGroupId) -> bool {
        self.groups.get(group.code()).is_some_and(|members| members.contains(caller))
    }
}

impl ServiceEntry {
    fn new(service: &Service) -> Self {
        Self {
            kind: service.kind,
            url: ServiceUrl::parse(&service.url),
            timeout: std::time::Duration::from_secs(service.timeout_seconds),
            verify_certificate: service.verify_certificate,
            disabled: service.disabled.clone(),
        }
    }
}

/// A declared right as the decision takes it.
pub(super) fn right(right: &super::Right) -> Result<access::Right, DeclarationFault> {
    let fault = |why: String| DeclarationFault::Endpoint(format!("{}: {why}", right.service));
    let endpoint = match &right.endpoint {
        Some(endpoint) => access::Endpoint::new(&right.service, &endpoint.method, &endpoint.path),
        None => access::Endpoint::base(&right.service),
    };
    let subject = match &right.subject {
        Subject::Client(id) => access::Subject::Client(id.clone()),
        Subject::GlobalGroup(id) => access::Subject::GlobalGroup(id.clone()),
        Subject::LocalGroup(code) => {
            access::Subject::LocalGroup(LocalGroupId::new(code.clone()).map_err(|e| fault(e.to_string()))?)
        }
    };
    Ok(access::Right { subject, endpoint: endpoint.map_err(|e| fault(e.to_string()))? })
}
