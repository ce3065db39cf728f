//! The declared state: everything that people decided about an instance. Read from `STATE.toml`, checked before it is stored.

mod written;
mod check;

use crate::error::DeclarationFault;
use identifier::{ClientId, MemberId, ServerId};
use serde::{Deserialize, Serialize};
use std::path::Path;
use trust::{Certificate, CertificateProfile};

/// The whole state of an instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declaration {
    /// What holds for all.
    pub settings: Settings,
    /// Members, in the order in which they are published.
    pub members: Vec<Member>,
    /// Gateways.
    pub servers: Vec<Server>,
    /// Global groups, without the one of the owners, which is kept by itself.
    pub groups: Vec<Group>,
    /// Approved certification services.
    pub cas: Vec<CertificationService>,
    /// Approved time-stamping services.
    pub tsas: Vec<TimeStampingService>,
}

/// Settings of the instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The classes of members.
    pub member_classes: Vec<MemberClass>,
    /// How old an OCSP answer may be.
    pub ocsp_freshness_seconds: u64,
    /// How often gateways time-stamp their logs.
    pub time_stamping_interval_seconds: u64,
    /// How often gateways fetch OCSP answers; published as an optional part (control-plane 1.7).
    pub ocsp_fetch_interval_seconds: Option<u32>,
    /// Whether nextUpdate of an OCSP answer counts; likewise.
    pub verify_next_update: Option<bool>,
    /// Who may ask every gateway for its monitoring; likewise.
    pub monitoring_client: Option<ClientId>,
    /// The registry's services for gateways.
    pub management: Management,
}

/// Where gateways send their management requests (control-plane 1.6).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Management {
    /// Who provides them over the exchange.
    pub provider: ClientId,
    /// Where authentication certificates are registered; absent: `https://<host of the registry>:4001/managementservice/`.
    pub address: Option<String>,
    /// The TLS certificate of that address.
    pub certificate: Option<Certificate>,
}

/// A class of members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberClass {
    /// For instance `GOV`.
    pub code: String,
    /// For people.
    pub description: String,
}

/// A member with its subsystems.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Its class, one of the declared ones.
    pub class: String,
    /// Its code within the class.
    pub code: String,
    /// For people.
    pub name: String,
    /// Its subsystems.
    pub subsystems: Vec<Subsystem>,
}

/// A subsystem of a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subsystem {
    /// Its code.
    pub code: String,
    /// For people.
    pub name: Option<String>,
}

/// A gateway.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Its owner, one of the declared members.
    pub owner: MemberId,
    /// Its code within the owner.
    pub code: String,
    /// Host name or IP address. Without one, nobody can send to its clients, but they can send.
    pub address: Option<String>,
    /// By these it is recognised.
    pub auth_certificates: Vec<Certificate>,
    /// Whom it serves, the owner itself not named.
    pub clients: Vec<ClientId>,
    /// Present while it is out of service: what callers are told, possibly nothing.
    pub maintenance: Option<String>,
}

/// A group of clients, for access rights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Its code.
    pub code: String,
    /// For people.
    pub description: String,
    /// A member does not stand for its subsystems, nor they for it.
    pub members: Vec<ClientId>,
}

/// An approved certification service. It is called by the common name of its top certificate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificationService {
    /// The trust anchor.
    pub top: CaCertificate,
    /// Intermediates.
    pub intermediates: Vec<CaCertificate>,
    /// How it writes members and gateways into subjects (control-plane 4.4).
    pub profile: CertificateProfile,
    /// It identifies gateways only and signs no messages.
    pub authentication_only: bool,
}

/// A CA certificate with its OCSP responders, in the order in which they are asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaCertificate {
    /// The certificate.
    pub certificate: Certificate,
    /// May be none, when certificates name their responder themselves.
    pub responders: Vec<OcspResponder>,
}

/// An OCSP responder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OcspResponder {
    /// Where to ask.
    pub url: String,
    /// With which it signs, if not with the CA's key or under a certificate delegated by the CA.
    pub certificate: Option<Certificate>,
}

/// An approved time-stamping service. It is called by the common name of its certificate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeStampingService {
    /// Where to ask.
    pub url: String,
    /// With which it signs.
    pub certificate: Certificate,
}

impl Declaration {
    /// Reads `STATE.toml`; certificate files are read relative to `folder`. What it says is checked by [`Declaration::check`],
    /// which [`crate::admin::plan`] and [`crate::admin::apply`] call.
    ///
    /// # Errors
    /// Text that is not such a state, or names certificate files that cannot be read.
    pub fn read(text: &str, folder: &Path) -> Result<Self, DeclarationFault> {
        written::read(text, folder)
    }

    /// Whether this is a state that the instance can have: every reference leads somewhere, nothing stands twice, every new code is
    /// one that all peers can handle.
    ///
    /// # Errors
    /// The first fault.
    pub fn check(&self, instance: &str) -> Result<(), DeclarationFault> {
        check::check(self, instance)
    }
}

impl Server {
    /// Its identifier.
    ///
    /// # Errors
    /// A code that is none.
    pub fn id(&self) -> Result<ServerId, identifier::Refusal> {
        ServerId::of(self.owner.clone(), self.code.as_str())
    }
}

impl Member {
    /// Its identifier in `instance`.
    ///
    /// # Errors
    /// A class or code that is none.
    pub fn id(&self, instance: &str) -> Result<MemberId, identifier::Refusal> {
        MemberId::new(instance, self.class.as_str(), self.code.as_str())
    }
}
