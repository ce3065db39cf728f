//! Shared parameters: members, gateways, groups and whom to trust (control-plane 1.5).

mod read;
mod write;

use crate::certificate::CertificateBytes;
use identifier::{ClientId, MemberId, ServerId, ServiceId};
use std::collections::BTreeSet;

/// Oldest configuration version that is read.
pub const VERSION_OLDEST: u8 = 2;
/// Newest configuration version, the one of X-Road 7.8.
pub const VERSION_NEWEST: u8 = 6;

/// The content of `shared-params.xml`. References (`id`, `owner`, `client`) are resolved: identifiers stand
/// in their place.
///
/// Elements after `globalSettings`, which versions 3 and later allow for extensions, are not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shared {
    /// The instance.
    pub instance: String,
    /// Addresses of the registry with its signing certificates; at least one from version 3 on.
    pub sources: Vec<ConfigurationSource>,
    /// Certification services.
    pub approved_cas: Vec<ApprovedCa>,
    /// Time-stamping services.
    pub approved_tsas: Vec<ApprovedTsa>,
    /// Members with their subsystems.
    pub members: Vec<Member>,
    /// Registered gateways.
    pub servers: Vec<Server>,
    /// Global groups.
    pub groups: Vec<Group>,
    /// Legacy, never written by a 7.x server, kept so that a document can be written again.
    pub central_services: Vec<CentralService>,
    /// Classes and intervals.
    pub settings: Settings,
}

/// One node of the registry (version 3 and later).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigurationSource {
    /// Host name or address.
    pub address: String,
    /// Signing certificates of the internal configuration, active or not.
    pub internal_certificates: Vec<CertificateBytes>,
    /// Signing certificates of the external configuration, active or not.
    pub external_certificates: Vec<CertificateBytes>,
}

/// Whether a service is free of charge (version 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CostType {
    /// `FREE`
    Free,
    /// `PAID`
    Paid,
    /// `UNDEFINED`
    Undefined,
}

/// Form of certificate signing requests (version 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CsrFormat {
    /// `PEM`
    Pem,
    /// `DER`
    Der,
}

/// A certification service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovedCa {
    /// Common name of the top certificate.
    pub name: String,
    /// Its certificates identify gateways only; they do not sign messages.
    pub authentication_only: bool,
    /// The trust anchor.
    pub top: CaCertificate,
    /// Intermediates; each may serve as an anchor too.
    pub intermediates: Vec<CaCertificate>,
    /// Java class name of the certificate profile (control-plane 4.4).
    pub profile_class: String,
    /// Version 6.
    pub default_csr_format: Option<CsrFormat>,
    /// Version 3 and later.
    pub acme: Option<AcmeServer>,
}

/// A CA certificate with its OCSP responders, in order of preference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaCertificate {
    /// DER or PEM.
    pub certificate: CertificateBytes,
    /// May be empty.
    pub responders: Vec<OcspResponder>,
}

/// An OCSP responder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OcspResponder {
    /// Where to ask.
    pub url: String,
    /// A certificate with which it signs, if it is not the CA's own or one delegated by the CA.
    pub certificate: Option<CertificateBytes>,
    /// Version 6.
    pub cost: Option<CostType>,
}

/// How certificates are ordered automatically.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcmeServer {
    /// The directory URL.
    pub directory_url: String,
    /// Addresses for firewall rules, comma-separated.
    pub ip_address: Option<String>,
    /// Version 4 and later.
    pub authentication_profile: Option<String>,
    /// Version 4 and later.
    pub signing_profile: Option<String>,
}

/// A time-stamping service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovedTsa {
    /// Common name of its certificate.
    pub name: String,
    /// Where to ask.
    pub url: String,
    /// With which it signs.
    pub certificate: CertificateBytes,
    /// Version 6.
    pub cost: Option<CostType>,
}

/// A class of members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberClass {
    /// For instance `GOV`.
    pub code: String,
    /// For people.
    pub description: String,
}

/// A member with its subsystems.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its identifier; the instance is the document's.
    pub id: MemberId,
    /// Description of its class, repeated in the document with every member.
    pub class_description: String,
    /// For people.
    pub name: String,
    /// In document order.
    pub subsystems: Vec<Subsystem>,
}

/// A subsystem of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subsystem {
    /// Its code.
    pub code: String,
    /// Version 5 and later.
    pub name: Option<String>,
}

/// A registered gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Owner and code.
    pub id: ServerId,
    /// Host name or address.
    pub address: Option<String>,
    /// SHA-256 of the authentication certificates, SHA-1 in version 2.
    pub authentication_certificate_hashes: Vec<Vec<u8>>,
    /// Registered clients; the owner is not among them.
    pub clients: Vec<ClientId>,
    /// Version 5 and later: present while the server is out of service.
    pub maintenance: Option<Maintenance>,
}

/// A server is out of service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Maintenance {
    /// What its administrator says.
    pub message: Option<String>,
}

/// A global group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its code.
    pub code: String,
    /// For people.
    pub description: String,
    /// A member does not stand for its subsystems, nor they for it.
    pub members: Vec<ClientId>,
}

/// Legacy: a service code of the whole instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CentralService {
    /// Its code.
    pub code: String,
    /// What stands behind it.
    pub implementing_service: Option<ServiceId>,
}

/// Settings of the instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The classes of members.
    pub member_classes: Vec<MemberClass>,
    /// How old an OCSP answer may be, in seconds.
    pub ocsp_freshness_seconds: u64,
}

impl Server {
    /// The owner as a client: the member itself.
    #[must_use]
    pub fn owner(&self) -> ClientId {
        ClientId::from(self.id.owner())
    }

    /// Whether `client` is the owner or registered here (data-plane 4.2 step 5, 4.11).
    #[must_use]
    pub fn serves(&self, client: &ClientId) -> bool {
        *client == self.owner() || self.clients.contains(client)
    }
}

impl Shared {
    /// All members and subsystems, in document order.
    pub fn clients(&self) -> impl Iterator<Item = ClientId> {
        self.members.iter().flat_map(Member::clients)
    }

    /// Codes of classes that occur in the settings.
    #[must_use]
    pub fn class_codes(&self) -> BTreeSet<&str> {
        self.settings.member_classes.iter().map(|class| class.code.as_str()).collect()
    }
}

impl Member {
    /// The member itself, then its subsystems. A code that is no identifier is left out; reading refuses such
    /// a document.
    pub fn clients(&self) -> impl Iterator<Item = ClientId> {
        let subsystems = self.subsystems.iter();
        let subsystems =
            subsystems.filter_map(|one| ClientId::subsystem_of(self.id.clone(), one.code.as_str()).ok());
        std::iter::once(ClientId::from(self.id.clone())).chain(subsystems)
    }
}
