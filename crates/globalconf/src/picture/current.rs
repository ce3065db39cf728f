//! The questions of the message path, asked of a configuration that is in force.

use super::{GlobalConf, Held};
use crate::private::{ManagementService, Private};
use crate::shared::{Member, Server, Shared};
use identifier::{ClientId, GlobalGroupId, MemberId, ServerId};
use jiff::Timestamp;
use std::collections::BTreeSet;
use trust::{Authorities, Certificate};

/// The configuration at one moment. Only [`GlobalConf::check_current`] gives it, so that nobody acts on one
/// that has ended.
///
/// Federated instances that have ended are absent. Do not keep it longer than one message.
#[derive(Debug, Clone, Copy)]
pub struct Current<'a> {
    conf: &'a GlobalConf,
    private: &'a Private,
    expires: Timestamp,
    now: Timestamp,
}

/// A gateway that serves a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderServer {
    /// Which.
    pub server: ServerId,
    /// Host name or address, as registered.
    pub address: String,
    /// `Some` while it is out of service, with what its administrator says.
    pub maintenance: Option<Option<String>>,
}

/// A time-stamping service of the own instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeStampingService {
    /// Its name; gateways choose services by name and URL.
    pub name: String,
    /// Where to ask.
    pub url: String,
}

impl<'a> Current<'a> {
    pub(super) const fn new(
        conf: &'a GlobalConf,
        private: &'a Private,
        expires: Timestamp,
        now: Timestamp,
    ) -> Self {
        Self { conf, private, expires, now }
    }

    /// The own instance, then the federated ones that are in force.
    fn held(&self) -> impl Iterator<Item = &'a Held> + use<'a> {
        let now = self.now;
        let live =
            move |held: &&Held| held.configuration.shared_expires().is_some_and(|expires| expires >= now);
        std::iter::once(&self.conf.main).chain(self.conf.federated.iter().filter(live))
    }

    fn of(&self, instance: &str) -> Option<&'a Held> {
        self.held().find(|held| held.configuration.instance() == instance)
    }

    /// The own instance.
    #[must_use]
    pub fn instance(&self) -> &'a str {
        self.conf.main_instance()
    }

    /// All instances that are known and in force, the own one first.
    #[must_use]
    pub fn instances(&self) -> Vec<&'a str> {
        self.held().map(|held| held.configuration.instance()).collect()
    }

    /// Until when the configuration of the own instance holds.
    #[must_use]
    pub const fn expires(&self) -> Timestamp {
        self.expires
    }

    /// The moment for which the questions are answered.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// The shared parameters of an instance.
    #[must_use]
    pub fn shared(&self, instance: &str) -> Option<&'a Shared> {
        self.of(instance).map(|held| held.configuration.shared())
    }

    /// Whom an instance approves. Signatures and certificates of its members are judged by this (data-plane
    /// 4.2, 5.6).
    #[must_use]
    pub fn authorities(&self, instance: &str) -> Option<&'a Authorities> {
        self.of(instance).map(|held| &held.authorities)
    }

    /// Whom each instance approves, the own one first.
    #[must_use]
    pub fn all_authorities(&self) -> Vec<&'a Authorities> {
        self.held().map(|held| &held.authorities).collect()
    }

    /// The gateways that serve a client and have an address, in the order of the document (data-plane 4.11).
    #[must_use]
    pub fn providers(&self, client: &ClientId) -> Vec<ProviderServer> {
        self.servers_of(client)
            .into_iter()
            .filter_map(|server| {
                Some(ProviderServer {
                    server: server.id.clone(),
                    address: server.address.clone()?,
                    maintenance: server.maintenance.as_ref().map(|maintenance| maintenance.message.clone()),
                })
            })
            .collect()
    }

    /// The gateways where a client is owner or registered, with or without address, in the order of the
    /// document.
    #[must_use]
    pub fn servers_of(&self, client: &ClientId) -> Vec<&'a Server> {
        let Some(held) = self.of(client.instance()) else {
            return Vec::new();
        };
        let positions = held.index.servers_of.get(client).map(Vec::as_slice).unwrap_or_default();
        servers_at(held, positions)
    }

    /// Whether a client is owner of a gateway or registered at it.
    #[must_use]
    pub fn is_client_of(&self, client: &ClientId, server: &ServerId) -> bool {
        self.servers_of(client).iter().any(|found| found.id == *server)
    }

    /// A registered gateway.
    #[must_use]
    pub fn server(&self, server: &ServerId) -> Option<&'a Server> {
        let servers = &self.of(server.instance())?.configuration.shared().servers;
        servers.iter().find(|found| found.id == *server)
    }

    /// The address of a gateway.
    #[must_use]
    pub fn server_address(&self, server: &ServerId) -> Option<&'a str> {
        self.server(server)?.address.as_deref()
    }

    /// Hash of an authentication certificate as the registered ones are compared: SHA-256, but SHA-1 while
    /// the *own* instance publishes version 2, for all instances (data-plane 4.2, trap 16).
    fn authentication_hash(&self, certificate: &Certificate) -> Vec<u8> {
        if self.conf.main.configuration.version() > 2 {
            certificate.sha256().to_vec()
        } else {
            certificate.sha1().to_vec()
        }
    }

    fn servers_with(&self, certificate: &Certificate) -> Vec<&'a Server> {
        let hash = self.authentication_hash(certificate);
        let found = self.held().filter_map(|held| {
            let positions = held.index.servers_with_hash.get(&hash)?;
            Some(servers_at(held, positions))
        });
        found.flatten().collect()
    }

    /// The gateway that an authentication certificate is registered for; of several the last, as the original
    /// answers.
    #[must_use]
    pub fn server_by_auth_certificate(&self, certificate: &Certificate) -> Option<ServerId> {
        self.servers_with(certificate).last().map(|server| server.id.clone())
    }

    /// Whether an authentication certificate is registered for any gateway of any instance (data-plane 4.2
    /// step A).
    #[must_use]
    pub fn auth_certificate_is_registered(&self, certificate: &Certificate) -> bool {
        !self.servers_with(certificate).is_empty()
    }

    /// Whether a gateway with this authentication certificate has exactly this client as owner or registered
    /// client (data-plane 4.2 step 5).
    #[must_use]
    pub fn auth_certificate_serves(&self, certificate: &Certificate, client: &ClientId) -> bool {
        self.servers_with(certificate).iter().any(|server| server.serves(client))
    }

    /// Whether there is such a member.
    #[must_use]
    pub fn member_exists(&self, member: &MemberId) -> bool {
        self.client_exists(&ClientId::from(member.clone()))
    }

    /// Whether there is such a member or subsystem.
    #[must_use]
    pub fn client_exists(&self, client: &ClientId) -> bool {
        self.of(client.instance()).is_some_and(|held| held.index.clients.contains(client))
    }

    /// The members of an instance, in the order of the document.
    #[must_use]
    pub fn members(&self, instance: &str) -> &'a [Member] {
        self.shared(instance).map(|shared| shared.members.as_slice()).unwrap_or_default()
    }

    /// Whether a client is in a global group. A member does not stand for its subsystems (data-plane 8.5).
    #[must_use]
    pub fn in_global_group(&self, client: &ClientId, group: &GlobalGroupId) -> bool {
        let members = self.of(group.instance()).and_then(|held| held.index.groups.get(group.code()));
        members.is_some_and(|members| members.contains(client))
    }

    /// What a global group is for, in words.
    #[must_use]
    pub fn global_group_description(&self, group: &GlobalGroupId) -> Option<&'a str> {
        let groups = &self.shared(group.instance())?.groups;
        groups.iter().find(|found| found.code == group.code()).map(|found| found.description.as_str())
    }

    /// Certificates of the time-stamping services of all instances (data-plane 7.4).
    #[must_use]
    pub fn time_stampers(&self) -> Vec<Certificate> {
        self.held().flat_map(|held| held.authorities.time_stampers.iter().cloned()).collect()
    }

    /// The time-stamping services of the own instance, from which a gateway chooses.
    #[must_use]
    pub fn time_stamping_services(&self) -> Vec<TimeStampingService> {
        let services = &self.conf.main.configuration.shared().approved_tsas;
        let service =
            |name: &str, url: &str| TimeStampingService { name: name.to_owned(), url: url.to_owned() };
        services.iter().map(|found| service(&found.name, &found.url)).collect()
    }

    /// Subjects (DER) of the approved CAs of all instances, each once: the authorities of a TLS certificate
    /// request (data-plane 4.1).
    #[must_use]
    pub fn all_ca_subjects(&self) -> Vec<Vec<u8>> {
        let mut seen = BTreeSet::new();
        let subjects = self.held().flat_map(|held| {
            let certificates = held.authorities.all_ca_certificates();
            certificates.into_iter().map(|certificate| certificate.subject_der().to_vec()).collect::<Vec<_>>()
        });
        subjects.filter(|subject| seen.insert(subject.clone())).collect()
    }

    /// How often OCSP answers are fetched, in seconds.
    #[must_use]
    pub const fn ocsp_fetch_interval_seconds(&self) -> u64 {
        self.conf.main.configuration.ocsp_fetch_interval_seconds()
    }

    /// How often the message log is time-stamped, in seconds, as the registry wishes; the caller clamps it
    /// (data-plane 7.4).
    #[must_use]
    pub const fn time_stamping_interval_seconds(&self) -> u64 {
        self.private.time_stamping_interval_seconds
    }

    /// Where management requests go.
    #[must_use]
    pub const fn management(&self) -> &'a ManagementService {
        &self.private.management
    }

    /// The client that may query the monitoring of every gateway.
    #[must_use]
    pub const fn monitoring_client(&self) -> Option<&'a ClientId> {
        self.conf.main.configuration.monitoring_client()
    }
}

fn servers_at<'a>(held: &'a Held, positions: &[usize]) -> Vec<&'a Server> {
    let servers = &held.configuration.shared().servers;
    positions.iter().filter_map(|position| servers.get(*position)).collect()
}
