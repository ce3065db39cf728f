//! The declared state as it stands in the file: certificates are names of files, profiles are words.

use super::{
    CaCertificate, CertificationService, Declaration, Group, Management, Member, MemberClass, OcspResponder,
    Server, Settings, Subsystem, TimeStampingService,
};
use crate::error::DeclarationFault;
use identifier::{ClientId, MemberId};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use trust::{Certificate, CertificateProfile};

/// Far more than any certificate file has.
const FILE_BYTES_MAX: u64 = 256 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    settings: WrittenSettings,
    #[serde(default, rename = "member")]
    members: Vec<WrittenMember>,
    #[serde(default, rename = "server")]
    servers: Vec<WrittenServer>,
    #[serde(default, rename = "group")]
    groups: Vec<WrittenGroup>,
    #[serde(default, rename = "ca")]
    cas: Vec<WrittenCa>,
    #[serde(default, rename = "tsa")]
    tsas: Vec<WrittenTsa>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSettings {
    member_classes: Vec<WrittenClass>,
    #[serde(default = "an_hour")]
    ocsp_freshness_seconds: u64,
    #[serde(default = "a_minute")]
    time_stamping_interval_seconds: u64,
    ocsp_fetch_interval_seconds: Option<u32>,
    verify_next_update: Option<bool>,
    monitoring_client: Option<ClientId>,
    management: WrittenManagement,
}

const fn an_hour() -> u64 {
    3600
}

const fn a_minute() -> u64 {
    60
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenClass {
    code: String,
    #[serde(default)]
    description: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenManagement {
    provider: ClientId,
    address: Option<String>,
    certificate: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenMember {
    class: String,
    code: String,
    name: String,
    #[serde(default, rename = "subsystem")]
    subsystems: Vec<WrittenSubsystem>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSubsystem {
    code: String,
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenServer {
    owner: MemberId,
    code: String,
    address: Option<String>,
    #[serde(default)]
    auth_certificates: Vec<PathBuf>,
    #[serde(default)]
    clients: Vec<ClientId>,
    maintenance: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenGroup {
    code: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    members: Vec<ClientId>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCa {
    certificate: PathBuf,
    profile: String,
    #[serde(default)]
    authentication_only: bool,
    #[serde(default, rename = "ocsp")]
    responders: Vec<WrittenOcsp>,
    #[serde(default, rename = "intermediate")]
    intermediates: Vec<WrittenIntermediate>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenIntermediate {
    certificate: PathBuf,
    #[serde(default, rename = "ocsp")]
    responders: Vec<WrittenOcsp>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenOcsp {
    url: String,
    certificate: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTsa {
    url: String,
    certificate: PathBuf,
}

/// Reads text and certificate files.
pub(super) fn read(text: &str, folder: &Path) -> Result<Declaration, DeclarationFault> {
    let state: State = toml::from_str(text).map_err(|error| DeclarationFault::Syntax(error.to_string()))?;
    Ok(Declaration {
        settings: settings(state.settings, folder)?,
        members: state.members.into_iter().map(member).collect(),
        servers: state.servers.into_iter().map(|one| server(one, folder)).collect::<Result<_, _>>()?,
        groups: state
            .groups
            .into_iter()
            .map(|one| Group { code: one.code, description: one.description, members: one.members })
            .collect(),
        cas: state.cas.into_iter().map(|one| ca(one, folder)).collect::<Result<_, _>>()?,
        tsas: state
            .tsas
            .into_iter()
            .map(|one| {
                Ok(TimeStampingService { url: one.url, certificate: certificate(&one.certificate, folder)? })
            })
            .collect::<Result<_, DeclarationFault>>()?,
    })
}

fn settings(written: WrittenSettings, folder: &Path) -> Result<Settings, DeclarationFault> {
    let WrittenManagement { provider, address, certificate: file } = written.management;
    Ok(Settings {
        member_classes: written
            .member_classes
            .into_iter()
            .map(|one| MemberClass { code: one.code, description: one.description })
            .collect(),
        ocsp_freshness_seconds: written.ocsp_freshness_seconds,
        time_stamping_interval_seconds: written.time_stamping_interval_seconds,
        ocsp_fetch_interval_seconds: written.ocsp_fetch_interval_seconds,
        verify_next_update: written.verify_next_update,
        monitoring_client: written.monitoring_client,
        management: Management {
            provider,
            address,
            certificate: file.map(|file| certificate(&file, folder)).transpose()?,
        },
    })
}

fn member(written: WrittenMember) -> Member {
    let subsystems = written.subsystems.into_iter();
    let subsystems = subsystems.map(|one| Subsystem { code: one.code, name: one.name }).collect();
    Member { class: written.class, code: written.code, name: written.name, subsystems }
}

fn server(written: WrittenServer, folder: &Path) -> Result<Server, DeclarationFault> {
    let certificates = written.auth_certificates.iter().map(|file| certificate(file, folder));
    Ok(Server {
        auth_certificates: certificates.collect::<Result<_, _>>()?,
        owner: written.owner,
        code: written.code,
        address: written.address,
        clients: written.clients,
        maintenance: written.maintenance,
    })
}

fn ca(written: WrittenCa, folder: &Path) -> Result<CertificationService, DeclarationFault> {
    let top = ca_certificate(&written.certificate, written.responders, folder)?;
    let intermediates = written.intermediates.into_iter();
    let intermediates = intermediates
        .map(|one| ca_certificate(&one.certificate, one.responders, folder))
        .collect::<Result<_, _>>()?;
    let profile = profile(&written.profile)?;
    Ok(CertificationService { top, intermediates, profile, authentication_only: written.authentication_only })
}

fn ca_certificate(
    file: &Path,
    responders: Vec<WrittenOcsp>,
    folder: &Path,
) -> Result<CaCertificate, DeclarationFault> {
    let responders = responders.into_iter().map(|one| {
        let certificate = one.certificate.map(|file| certificate(&file, folder)).transpose()?;
        Ok(OcspResponder { url: one.url, certificate })
    });
    Ok(CaCertificate {
        certificate: certificate(file, folder)?,
        responders: responders.collect::<Result<_, DeclarationFault>>()?,
    })
}

/// A profile by its word, or by its Java class (control-plane 4.4).
fn profile(text: &str) -> Result<CertificateProfile, DeclarationFault> {
    let profile = CertificateProfile::from_word(text);
    if let CertificateProfile::Unknown(profile) = profile {
        return Err(DeclarationFault::UnknownProfile { profile });
    }
    Ok(profile)
}

/// One certificate, PEM or DER. Several in one file are refused: which of them is meant?
fn certificate(file: &Path, folder: &Path) -> Result<Certificate, DeclarationFault> {
    let path = folder.join(file);
    let refused = |why: String| DeclarationFault::Certificate { file: path.display().to_string(), why };
    let bytes = match std::fs::metadata(&path) {
        Ok(found) if found.len() > FILE_BYTES_MAX => {
            Err(refused(format!("it is larger than {FILE_BYTES_MAX} bytes")))
        }
        Ok(_) => std::fs::read(&path).map_err(|error| refused(error.to_string())),
        Err(error) => Err(refused(error.to_string())),
    }?;
    match Certificate::all_from_pem(&bytes).map_err(|error| refused(error.to_string()))? {
        None => Certificate::from_der(&bytes).map_err(|error| refused(error.to_string())),
        Some(certificates) => match certificates.as_slice() {
            [one] => Ok(one.clone()),
            several => Err(refused(format!("it holds {} certificates; one is expected", several.len()))),
        },
    }
}
