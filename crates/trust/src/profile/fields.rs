//! The subject fields of a certificate request, as each profile orders them (control-plane 4.4).

use identifier::{MemberId, ServerId};

use super::CertificateProfile;

/// What the certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// TLS between gateways.
    Auth,
    /// Signing messages.
    Sign,
}

/// One field of a request's subject. `subjectAltName` becomes an extension instead of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectField {
    /// `C`, `O`, `OU`, `CN`, `serialNumber`, `SN` (also serialNumber, 2.5.4.5), `businessCategory` or
    /// `subjectAltName`.
    pub name: &'static str,
    /// The value to start from; empty where a person has to give it.
    pub value: String,
    /// The value is given by the profile and may not be changed.
    pub read_only: bool,
}

/// A value that a person gave for a field is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldRefusal {
    /// The profile has no such field.
    #[error("the certificate profile has no field {name}")]
    UnknownField {
        /// The name given.
        name: String,
    },
    /// The value is blank.
    #[error("the field {name} needs a value")]
    Blank {
        /// The field.
        name: String,
    },
}

fn fixed(name: &'static str, value: impl Into<String>) -> SubjectField {
    SubjectField { name, value: value.into(), read_only: true }
}

fn open(name: &'static str) -> SubjectField {
    SubjectField { name, value: String::new(), read_only: false }
}

fn full(server: &ServerId) -> String {
    format!("{}/{}/{}/{}", server.instance(), server.class(), server.code(), server.server())
}

fn without_code(server: &ServerId, class: &str) -> String {
    format!("{}/{}/{class}", server.instance(), server.server())
}

pub(super) fn of_auth(
    profile: &CertificateProfile,
    server: &ServerId,
    member_name: &str,
) -> Vec<SubjectField> {
    match profile {
        CertificateProfile::Ejbca => vec![fixed("C", server.instance()), fixed("CN", server.server())],
        CertificateProfile::Basic => {
            vec![open("CN"), fixed("serialNumber", server.code()), open("C"), fixed("O", member_name)]
        }
        CertificateProfile::BasicAcme => vec![
            open("C"),
            fixed("O", member_name),
            fixed("serialNumber", server.code()),
            open("CN"),
            open("subjectAltName"),
        ],
        CertificateProfile::FiVrk => vec![
            fixed("C", "FI"),
            open("O"),
            fixed("serialNumber", without_code(server, server.class())),
            open("CN"),
            open("subjectAltName"),
        ],
        CertificateProfile::CamDx => vec![
            fixed("C", "KH"),
            open("O"),
            fixed("serialNumber", without_code(server, server.class())),
            open("CN"),
        ],
        CertificateProfile::Fo => {
            vec![fixed("C", "FO"), fixed("O", server.instance()), fixed("CN", full(server))]
        }
        CertificateProfile::Is => vec![fixed("C", "IS"), open("CN"), fixed("serialNumber", full(server))],
        CertificateProfile::SkKlass3 => vec![fixed("SN", server.code()), fixed("CN", member_name)],
        CertificateProfile::SkEsteId
        | CertificateProfile::CommonName { .. }
        | CertificateProfile::Unknown(_) => Vec::new(),
    }
}

pub(super) fn of_sign(
    profile: &CertificateProfile,
    server: &ServerId,
    member: &MemberId,
    member_name: &str,
) -> Vec<SubjectField> {
    let by_unit = |country: &'static str| {
        vec![
            fixed("C", country),
            fixed("O", member.instance()),
            fixed("OU", member.class()),
            fixed("CN", member.code()),
        ]
    };
    match profile {
        CertificateProfile::Ejbca => {
            vec![fixed("C", member.instance()), fixed("O", member.class()), fixed("CN", member.code())]
        }
        CertificateProfile::Basic => vec![
            fixed("CN", member_name),
            fixed("O", member_name),
            fixed("businessCategory", member.class()),
            open("C"),
            fixed("serialNumber", member.code()),
        ],
        CertificateProfile::BasicAcme => vec![
            open("C"),
            fixed("O", member_name),
            fixed("businessCategory", member.class()),
            fixed("serialNumber", member.code()),
            fixed("CN", member_name),
            open("subjectAltName"),
        ],
        CertificateProfile::FiVrk => vec![
            fixed("C", "FI"),
            open("O"),
            fixed("serialNumber", without_code(server, member.class())),
            fixed("CN", member.code()),
            open("subjectAltName"),
        ],
        CertificateProfile::CamDx => vec![
            fixed("C", "KH"),
            open("O"),
            fixed("serialNumber", without_code(server, member.class())),
            fixed("CN", member.code()),
        ],
        CertificateProfile::Fo => {
            let mut fields = by_unit("FO");
            fields.push(SubjectField { name: "serialNumber", value: full(server), read_only: false });
            fields
        }
        CertificateProfile::Is => {
            let mut fields = by_unit("IS");
            fields.push(fixed("serialNumber", full(server)));
            fields
        }
        CertificateProfile::SkKlass3 => vec![fixed("SN", member.code()), fixed("CN", member_name)],
        CertificateProfile::SkEsteId
        | CertificateProfile::CommonName { .. }
        | CertificateProfile::Unknown(_) => Vec::new(),
    }
}

/// The names do not depend on whom the request is for.
fn names(profile: &CertificateProfile, usage: Usage) -> &'static [&'static str] {
    match (profile, usage) {
        (CertificateProfile::Ejbca, Usage::Auth) => &["C", "CN"],
        (CertificateProfile::Ejbca, Usage::Sign) => &["C", "O", "CN"],
        (CertificateProfile::Basic, Usage::Auth) => &["CN", "serialNumber", "C", "O"],
        (CertificateProfile::Basic, Usage::Sign) => &["CN", "O", "businessCategory", "C", "serialNumber"],
        (CertificateProfile::BasicAcme, Usage::Auth) => &["C", "O", "serialNumber", "CN", "subjectAltName"],
        (CertificateProfile::BasicAcme, Usage::Sign) => {
            &["C", "O", "businessCategory", "serialNumber", "CN", "subjectAltName"]
        }
        (CertificateProfile::FiVrk, _) => &["C", "O", "serialNumber", "CN", "subjectAltName"],
        (CertificateProfile::CamDx, _) => &["C", "O", "serialNumber", "CN"],
        (CertificateProfile::Fo, Usage::Auth) => &["C", "O", "CN"],
        (CertificateProfile::Is, Usage::Auth) => &["C", "CN", "serialNumber"],
        (CertificateProfile::Fo | CertificateProfile::Is, Usage::Sign) => {
            &["C", "O", "OU", "CN", "serialNumber"]
        }
        (CertificateProfile::SkKlass3, _) => &["SN", "CN"],
        (
            CertificateProfile::SkEsteId
            | CertificateProfile::CommonName { .. }
            | CertificateProfile::Unknown(_),
            _,
        ) => &[],
    }
}

pub(super) fn validate(
    profile: &CertificateProfile,
    usage: Usage,
    name: &str,
    value: &str,
) -> Result<(), FieldRefusal> {
    if !names(profile, usage).contains(&name) {
        return Err(FieldRefusal::UnknownField { name: name.to_owned() });
    }
    if value.trim().is_empty() {
        return Err(FieldRefusal::Blank { name: name.to_owned() });
    }
    Ok(())
}
