//! What is declared, as the files of a configuration (control-plane 1.5 to 1.7).

use crate::config::Config;
use crate::declaration::{self, Declaration};
use crate::signing_key::{SigningKey, Source};
use crate::{OWNERS_GROUP, VERSIONS};
use globalconf::CertificateBytes;
use globalconf::parts::{
    self, FETCH_INTERVAL, MONITORING, NEXT_UPDATE, PRIVATE_PARAMETERS, SHARED_PARAMETERS,
};
use globalconf::private::{ManagementService, Private};
use globalconf::shared::{
    ApprovedCa, ApprovedTsa, CaCertificate, ConfigurationSource, Group, Maintenance, Member, MemberClass,
    OcspResponder, Server, Settings, Shared, Subsystem,
};
use globalconf::{Malformed, Unwritable};
use identifier::{ClientId, MemberId};
use std::collections::{BTreeMap, BTreeSet};
use trust::Certificate;

/// The port on which X-Road's registries take management requests.
const MANAGEMENT_PORT: u16 = 4001;

/// A file of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct File {
    /// Its identifier in a directory.
    pub(crate) identifier: &'static str,
    /// Its name.
    pub(crate) name: &'static str,
    /// Its content.
    pub(crate) bytes: Vec<u8>,
}

impl File {
    /// Whether this part is in the directory of `source`: federated instances get shared parameters only.
    pub(crate) fn belongs_to(&self, source: Source) -> bool {
        source == Source::Internal || self.identifier == SHARED_PARAMETERS
    }
}

/// Why a file cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ComposeFault {
    /// It cannot be written.
    #[error(transparent)]
    Unwritable(#[from] Unwritable),
    /// What was written cannot be read again.
    #[error("what was written cannot be read again: {0}")]
    Unreadable(#[from] Malformed),
    /// An identifier that is none; cannot happen once the declaration has been checked.
    #[error(transparent)]
    Identifier(#[from] identifier::Refusal),
}

/// The files of every version, the newest version first; shared parameters come first in each, as a 7.8 server has them.
pub(crate) fn all_versions(
    config: &Config,
    declared: &Declaration,
    keys: &[SigningKey],
) -> Result<BTreeMap<u8, Vec<File>>, (u8, ComposeFault)> {
    let newest = VERSIONS.into_iter().max().unwrap_or_default();
    let shared = shared(config, declared, keys).map_err(|fault| (newest, fault.into()))?;
    let private = private(config, declared);
    VERSIONS
        .into_iter()
        .map(|version| {
            let files = files(version, &shared, &private, declared).map_err(|fault| (version, fault))?;
            Ok((version, files))
        })
        .collect()
}

fn files(
    version: u8,
    shared: &Shared,
    private: &Private,
    declared: &Declaration,
) -> Result<Vec<File>, ComposeFault> {
    let mut files = Vec::new();
    let mut put = |identifier: &'static str, bytes: Vec<u8>| {
        let name = parts::file_name(identifier).unwrap_or(identifier);
        files.push(File { identifier, name, bytes });
    };
    let bytes = shared.write(version)?;
    Shared::read(&bytes, version)?;
    put(SHARED_PARAMETERS, bytes);
    let bytes = private.write()?;
    Private::read(&bytes, version)?;
    put(PRIVATE_PARAMETERS, bytes);
    if let Some(client) = &declared.settings.monitoring_client {
        put(MONITORING, parts::write_monitoring(Some(client))?);
    }
    if let Some(seconds) = declared.settings.ocsp_fetch_interval_seconds {
        put(FETCH_INTERVAL, parts::write_fetch_interval(seconds)?);
    }
    if let Some(verify) = declared.settings.verify_next_update {
        put(NEXT_UPDATE, parts::write_next_update(verify)?);
    }
    Ok(files)
}

fn private(config: &Config, declared: &Declaration) -> Private {
    let management = &declared.settings.management;
    let registration_address = management.address.clone().unwrap_or_else(|| {
        let host = http1::Url::parse(&format!("http://{}", config.address));
        let host = host.map_or_else(|_| config.address.clone(), |url| bracketed(url.host()));
        format!("https://{host}:{MANAGEMENT_PORT}/managementservice/")
    });
    Private {
        instance: config.instance.clone(),
        anchors: Vec::new(),
        management: ManagementService {
            registration_address,
            registration_certificate: management.certificate.as_ref().map(CertificateBytes::from),
            provider: management.provider.clone(),
        },
        time_stamping_interval_seconds: declared.settings.time_stamping_interval_seconds,
    }
}

fn bracketed(host: &str) -> String {
    if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() }
}

fn shared(
    config: &Config,
    declared: &Declaration,
    keys: &[SigningKey],
) -> Result<Shared, identifier::Refusal> {
    let instance = config.instance.as_str();
    let settings = &declared.settings;
    let description_of = |class: &str| {
        let found = settings.member_classes.iter().find(|one| one.code == class);
        found.map_or_else(String::new, |one| one.description.clone())
    };
    let members = declared.members.iter().map(|one| {
        Ok(Member {
            id: one.id(instance)?,
            class_description: description_of(&one.class),
            name: one.name.clone(),
            subsystems: one.subsystems.iter().map(subsystem).collect(),
        })
    });
    let classes = settings.member_classes.iter();
    Ok(Shared {
        instance: instance.to_owned(),
        sources: vec![ConfigurationSource {
            address: config.address.clone(),
            internal_certificates: certificates(keys, Source::Internal),
            external_certificates: certificates(keys, Source::External),
        }],
        approved_cas: declared.cas.iter().map(approved_ca).collect(),
        approved_tsas: declared.tsas.iter().map(approved_tsa).collect(),
        members: members.collect::<Result<_, identifier::Refusal>>()?,
        servers: declared.servers.iter().map(server).collect::<Result<_, _>>()?,
        groups: groups(declared),
        central_services: Vec::new(),
        settings: Settings {
            member_classes: classes
                .map(|one| MemberClass { code: one.code.clone(), description: one.description.clone() })
                .collect(),
            ocsp_freshness_seconds: settings.ocsp_freshness_seconds,
        },
    })
}

/// All certificates of a source, active or not, so that keys can change over without a new anchor (control-plane 1.2).
pub(crate) fn certificates(keys: &[SigningKey], source: Source) -> Vec<CertificateBytes> {
    keys.iter()
        .filter(|key| key.source == source)
        .map(|key| CertificateBytes::from(&key.certificate))
        .collect()
}

fn subsystem(one: &declaration::Subsystem) -> Subsystem {
    Subsystem { code: one.code.clone(), name: one.name.clone() }
}

fn approved_ca(ca: &declaration::CertificationService) -> ApprovedCa {
    ApprovedCa {
        name: ca.top.certificate.common_name().unwrap_or_default(),
        authentication_only: ca.authentication_only,
        top: ca_certificate(&ca.top),
        intermediates: ca.intermediates.iter().map(ca_certificate).collect(),
        profile_class: ca.profile.class_name(),
        default_csr_format: None,
        acme: None,
    }
}

fn ca_certificate(ca: &declaration::CaCertificate) -> CaCertificate {
    let responders = ca.responders.iter().map(|one| OcspResponder {
        url: one.url.clone(),
        certificate: one.certificate.as_ref().map(CertificateBytes::from),
        cost: None,
    });
    CaCertificate { certificate: CertificateBytes::from(&ca.certificate), responders: responders.collect() }
}

fn approved_tsa(tsa: &declaration::TimeStampingService) -> ApprovedTsa {
    ApprovedTsa {
        name: tsa.certificate.common_name().unwrap_or_default(),
        url: tsa.url.clone(),
        certificate: CertificateBytes::from(&tsa.certificate),
        cost: None,
    }
}

fn server(one: &declaration::Server) -> Result<Server, identifier::Refusal> {
    let notice = |text: &String| Some(text.clone()).filter(|text| !text.trim().is_empty());
    Ok(Server {
        id: one.id()?,
        address: one.address.clone(),
        authentication_certificate_hashes: one.auth_certificates.iter().map(sha256).collect(),
        clients: one.clients.clone(),
        maintenance: one.maintenance.as_ref().map(|text| Maintenance { message: notice(text) }),
    })
}

fn sha256(certificate: &Certificate) -> Vec<u8> {
    certificate.sha256().to_vec()
}

/// The declared groups, after the one of the owners, which is always there.
fn groups(declared: &Declaration) -> Vec<Group> {
    let owners: BTreeSet<&MemberId> = declared.servers.iter().map(|server| &server.owner).collect();
    let owners = Group {
        code: OWNERS_GROUP.to_owned(),
        description: "Security server owners".to_owned(),
        members: owners.into_iter().cloned().map(ClientId::from).collect(),
    };
    let declared = declared.groups.iter().map(|one| Group {
        code: one.code.clone(),
        description: one.description.clone(),
        members: one.members.clone(),
    });
    std::iter::once(owners).chain(declared).collect()
}
