//! Whether a declared state can be the state of the instance.

use super::{CertificationService, Declaration, Group, Server, Settings};
use crate::OWNERS_GROUP;
use crate::error::DeclarationFault;
use identifier::characters::check_new;
use identifier::{ClientId, MemberId, ServerId};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use trust::{Certificate, CertificateProfile};

/// The purpose TLS client authentication.
const CLIENT_AUTHENTICATION: &str = "1.3.6.1.5.5.7.3.2";
const TEXT_CHARACTERS_MAX: usize = 255;
/// X-Road holds these numbers in 32 bits.
const SECONDS_MAX: u64 = 2_147_483_647;

pub(super) fn check(declared: &Declaration, instance: &str) -> Result<(), DeclarationFault> {
    let known = members(declared, instance)?;
    settings(&declared.settings, instance, &known)?;
    servers(&declared.servers, instance, &known)?;
    groups(&declared.groups, instance, &known)?;
    authorities(&declared.cas)?;
    let mut stamps = BTreeSet::new();
    for tsa in &declared.tsas {
        let name = named(&tsa.certificate)?;
        url(&format!("the time-stamping service {name}"), &tsa.url)?;
        once(&mut stamps, (name.clone(), tsa.url.clone()), || format!("the time-stamping service {name}"))?;
    }
    Ok(())
}

fn once<K: Ord>(
    seen: &mut BTreeSet<K>,
    key: K,
    what: impl FnOnce() -> String,
) -> Result<(), DeclarationFault> {
    if seen.insert(key) { Ok(()) } else { Err(DeclarationFault::Twice { what: what() }) }
}

fn code(what: &'static str, code: &str) -> Result<(), DeclarationFault> {
    check_new(code).map_err(|why| DeclarationFault::Code { what, code: code.to_owned(), why })
}

fn text(what: impl FnOnce() -> String, text: &str, may_be_empty: bool) -> Result<(), DeclarationFault> {
    let unfit = text.chars().count() > TEXT_CHARACTERS_MAX
        || text.chars().any(|c| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}'))
        || (text.trim().is_empty() && !may_be_empty);
    if unfit { Err(DeclarationFault::Text { what: what() }) } else { Ok(()) }
}

fn url(what: &str, text: &str) -> Result<(), DeclarationFault> {
    let refused = || DeclarationFault::Url { what: what.to_owned(), url: text.to_owned() };
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) || text.len() > 2_000 {
        return Err(refused());
    }
    http1::Url::parse(text).map(|_| ()).map_err(|_| refused())
}

fn ours(id: &impl ToString, of: &str, instance: &str) -> Result<(), DeclarationFault> {
    if of == instance {
        return Ok(());
    }
    Err(DeclarationFault::ForeignInstance { id: id.to_string(), instance: instance.to_owned() })
}

/// Every member and subsystem, by identifier.
fn members(declared: &Declaration, instance: &str) -> Result<BTreeSet<ClientId>, DeclarationFault> {
    let mut classes = BTreeSet::new();
    for class in &declared.settings.member_classes {
        code("the member class", &class.code)?;
        text(|| format!("the description of the member class {}", class.code), &class.description, true)?;
        once(&mut classes, class.code.as_str(), || format!("the member class {}", class.code))?;
    }
    let mut known = BTreeSet::new();
    for member in &declared.members {
        code("the member code", &member.code)?;
        let name = format!("{instance}/{}/{}", member.class, member.code);
        if !classes.contains(member.class.as_str()) {
            return Err(DeclarationFault::UnknownClass { member: name });
        }
        text(|| format!("the name of {name}"), &member.name, false)?;
        let id = member.id(instance).map_err(|why| unusable(&name, &why))?;
        once(&mut known, ClientId::from(id.clone()), || format!("the member {name}"))?;
        for subsystem in &member.subsystems {
            code("the subsystem code", &subsystem.code)?;
            let shown = format!("{name}/{}", subsystem.code);
            if let Some(name) = &subsystem.name {
                text(|| format!("the name of {shown}"), name, false)?;
            }
            let id = ClientId::subsystem_of(id.clone(), subsystem.code.as_str())
                .map_err(|why| unusable(&shown, &why))?;
            once(&mut known, id, || format!("the subsystem {shown}"))?;
        }
    }
    Ok(known)
}

/// Cannot happen after [`code`], which is stricter.
fn unusable(name: &str, why: &identifier::Refusal) -> DeclarationFault {
    DeclarationFault::Syntax(format!("{name}: {why}"))
}

fn settings(settings: &Settings, instance: &str, known: &BTreeSet<ClientId>) -> Result<(), DeclarationFault> {
    seconds("ocsp_freshness_seconds", settings.ocsp_freshness_seconds, 1)?;
    seconds("time_stamping_interval_seconds", settings.time_stamping_interval_seconds, 1)?;
    if let Some(interval) = settings.ocsp_fetch_interval_seconds {
        let min = globalconf::parts::FETCH_INTERVAL_MIN_SECONDS;
        seconds("ocsp_fetch_interval_seconds", u64::from(interval), min)?;
    }
    let provider = Some(("provider of the management services", &settings.management.provider));
    let monitoring = settings.monitoring_client.as_ref().map(|client| ("monitoring client", client));
    for (role, id) in provider.into_iter().chain(monitoring) {
        ours(id, id.instance(), instance)?;
        if !known.contains(id) {
            return Err(DeclarationFault::UnknownRole { role, id: id.clone() });
        }
    }
    settings.management.address.as_ref().map_or(Ok(()), |address| url("the management services", address))
}

fn seconds(what: &'static str, found: u64, min: u64) -> Result<(), DeclarationFault> {
    if (min..=SECONDS_MAX).contains(&found) {
        return Ok(());
    }
    Err(DeclarationFault::Seconds { what, found, min, max: SECONDS_MAX })
}

fn servers(servers: &[Server], instance: &str, known: &BTreeSet<ClientId>) -> Result<(), DeclarationFault> {
    let mut seen = BTreeSet::new();
    let mut certificates = BTreeMap::new();
    for server in servers {
        ours(&server.owner, server.owner.instance(), instance)?;
        code("the server code", &server.code)?;
        let shown = format!("{}/{}", server.owner, server.code);
        let id = server.id().map_err(|why| unusable(&shown, &why))?;
        if !known.contains(&ClientId::from(server.owner.clone())) {
            return Err(DeclarationFault::UnknownOwner { server: id });
        }
        once(&mut seen, id.clone(), || format!("the server {id}"))?;
        if let Some(address) = &server.address {
            server_address(&id, address)?;
        }
        if let Some(notice) = &server.maintenance {
            text(|| format!("the maintenance notice of {id}"), notice, true)?;
        }
        clients(server, &id, instance, known)?;
        for certificate in &server.auth_certificates {
            register(&mut certificates, certificate, &id)?;
        }
    }
    Ok(())
}

fn clients(
    server: &Server,
    id: &ServerId,
    instance: &str,
    known: &BTreeSet<ClientId>,
) -> Result<(), DeclarationFault> {
    let owner: &MemberId = &server.owner;
    let mut seen = BTreeSet::new();
    for client in &server.clients {
        ours(client, client.instance(), instance)?;
        if *client == ClientId::from(owner.clone()) {
            return Err(DeclarationFault::OwnerAsClient { server: id.clone(), owner: owner.clone() });
        }
        if !known.contains(client) {
            return Err(DeclarationFault::UnknownClient { server: id.clone(), client: client.clone() });
        }
        once(&mut seen, client, || format!("the client {client} of the server {id}"))?;
    }
    Ok(())
}

fn register(
    certificates: &mut BTreeMap<[u8; 32], String>,
    certificate: &Certificate,
    server: &ServerId,
) -> Result<(), DeclarationFault> {
    let sha256 = certificate.sha256();
    if !is_for_authentication(certificate) {
        return Err(DeclarationFault::NotForAuthentication {
            server: server.clone(),
            sha256: hex::encode(sha256),
        });
    }
    let second = format!("the server {server}");
    match certificates.insert(sha256, second.clone()) {
        None => Ok(()),
        Some(first) => Err(DeclarationFault::CertificateTwice { sha256: hex::encode(sha256), first, second }),
    }
}

/// Control-plane 4.3, trap 34: the purpose TLS client, or else one of these usages; never together with nonRepudiation.
fn is_for_authentication(certificate: &Certificate) -> bool {
    let usage = certificate.key_usage();
    let signs = usage.is_some_and(|bits| bits.non_repudiation());
    let authenticates = usage
        .is_some_and(|bits| bits.digital_signature() || bits.key_encipherment() || bits.data_encipherment());
    (certificate.has_purpose(CLIENT_AUTHENTICATION) || authenticates) && !signs
}

/// An IP address or a host name, without port: every gateway has the same ports.
fn server_address(server: &ServerId, address: &str) -> Result<(), DeclarationFault> {
    let label = |text: &str| {
        (1..=63).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !text.starts_with('-')
            && !text.ends_with('-')
    };
    let name = address.strip_suffix('.').unwrap_or(address);
    let fits = address.parse::<IpAddr>().is_ok() || (name.len() <= 253 && name.split('.').all(label));
    if fits {
        return Ok(());
    }
    Err(DeclarationFault::ServerAddress { server: server.clone(), address: address.to_owned() })
}

fn groups(groups: &[Group], instance: &str, known: &BTreeSet<ClientId>) -> Result<(), DeclarationFault> {
    let mut seen = BTreeSet::new();
    for group in groups {
        code("the group code", &group.code)?;
        if group.code == OWNERS_GROUP {
            return Err(DeclarationFault::ReservedGroup);
        }
        text(|| format!("the description of the group {}", group.code), &group.description, true)?;
        once(&mut seen, group.code.as_str(), || format!("the group {}", group.code))?;
        let mut members = BTreeSet::new();
        for member in &group.members {
            ours(member, member.instance(), instance)?;
            if !known.contains(member) {
                let (group, member) = (group.code.clone(), member.clone());
                return Err(DeclarationFault::UnknownGroupMember { group, member });
            }
            once(&mut members, member, || format!("{member} in the group {}", group.code))?;
        }
    }
    Ok(())
}

fn authorities(cas: &[CertificationService]) -> Result<(), DeclarationFault> {
    let mut certificates = BTreeSet::new();
    for ca in cas {
        let name = named(&ca.top.certificate)?;
        let profile = ca.profile.class_name();
        if matches!(ca.profile, CertificateProfile::Unknown(_)) || profile.is_empty() {
            return Err(DeclarationFault::UnknownProfile { profile });
        }
        for part in std::iter::once(&ca.top).chain(&ca.intermediates) {
            let subject = part.certificate.subject_rfc2253();
            if !part.certificate.is_ca() {
                return Err(DeclarationFault::NotAnAuthority { subject });
            }
            once(&mut certificates, part.certificate.sha256(), || format!("the CA certificate {subject}"))?;
            let mut responders = BTreeSet::new();
            for responder in &part.responders {
                url(&format!("the OCSP responder of {name}"), &responder.url)?;
                let what = || format!("the OCSP responder {} of {subject}", responder.url);
                once(&mut responders, responder.url.as_str(), what)?;
            }
        }
    }
    Ok(())
}

/// The common name, by which a trust service is called.
fn named(certificate: &Certificate) -> Result<String, DeclarationFault> {
    let name = certificate.common_name().filter(|name| !name.trim().is_empty());
    let name =
        name.ok_or_else(|| DeclarationFault::NoCommonName { subject: certificate.subject_rfc2253() })?;
    text(|| "the common name of a trust service".to_owned(), &name, false)?;
    Ok(name)
}
