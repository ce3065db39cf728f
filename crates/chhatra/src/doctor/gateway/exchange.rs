//! What the exchange knows of this gateway, and what this gateway holds of the exchange's trust services.

use super::super::certificates::name;
use super::super::findings::Findings;
use super::active;
use ::gateway::{ClientStatus, Config, Declaration};
use ::keystore::{KeyUsage, Keystore, OcspCache};
use globalconf::{Current, GlobalConf};
use trust::{Authorities, Certificate, CertificateStatus, OcspResponse};

pub(super) fn examine(
    config: &Config,
    picture: &GlobalConf,
    keystore: &Keystore,
    settings: Option<&Declaration>,
    findings: &mut Findings,
) {
    // One that has ended was told already, and says nothing about the present.
    let Ok(current) = picture.check_current(findings.now()) else { return };
    server(config, &current, keystore, findings);
    if let Some(settings) = settings {
        clients(config, &current, settings, findings);
        time_stamps(&current, settings, findings);
    }
    if let Some(authorities) = current.authorities(config.server.instance()) {
        ocsp(config, authorities, keystore, findings);
    }
}

fn server(config: &Config, current: &Current<'_>, keystore: &Keystore, findings: &mut Findings) {
    let register = "have it registered by the registry of the instance";
    let server = &config.server;
    if current.server(server).is_none() {
        findings.problem(
            "registration",
            format!("the server {server} is not known to the exchange"),
            register,
        );
        return;
    }
    match current.server_address(server) {
        Some(address) => findings.ok("registration", format!("{server} is known, at the address {address}")),
        None => {
            let says = format!("{server} is known, but without an address: nobody can send to it");
            findings.warning("registration", says, register);
        }
    }
    for (key, certificate) in active(&keystore.list()) {
        if key.usage != KeyUsage::Authentication {
            continue;
        }
        let shown = name(certificate);
        match current.server_by_auth_certificate(certificate) {
            Some(found) if found == *server => {
                findings
                    .ok("registration", format!("the authentication certificate ({shown}) is registered"));
            }
            Some(other) => {
                let says = format!("the authentication certificate ({shown}) is registered for {other}");
                findings.problem(
                    "registration",
                    says,
                    "correct `server` in the configuration file, or the registration",
                );
            }
            None => {
                let says = format!(
                    "the authentication certificate ({shown}) is not registered: peers will refuse it"
                );
                findings.problem("registration", says, register);
            }
        }
    }
}

fn clients(config: &Config, current: &Current<'_>, settings: &Declaration, findings: &mut Findings) {
    for client in &settings.clients {
        let id = &client.id;
        if client.status != ClientStatus::Registered {
            findings.warning(
                "client",
                format!("{id} is not switched on here"),
                "declare its status as registered",
            );
        } else if current.is_client_of(id, &config.server) {
            findings.ok("client", format!("{id} is registered at this server"));
        } else if current.client_exists(id) {
            let says = format!("{id} is known to the exchange, but not as a client of this server");
            findings.problem("client", says, "have it registered by the registry of the instance");
        } else {
            let says = format!("{id} is not known to the exchange");
            findings.problem("client", says, "have it registered by the registry of the instance");
        }
    }
}

fn time_stamps(current: &Current<'_>, settings: &Declaration, findings: &mut Findings) {
    if settings.time_stamps.is_empty() {
        let advice = "declare one of those that the exchange approves as [[time_stamp]]";
        findings.problem("time-stamps", "no service is declared, so nothing can be carried", advice);
    }
    let approved = current.time_stamping_services();
    for declared in &settings.time_stamps {
        if approved.iter().any(|one| one.name == declared.name && one.url == declared.url) {
            findings.ok("time-stamps", format!("{} at {} is approved", declared.name, declared.url));
            continue;
        }
        let known: Vec<String> = approved.iter().map(|one| format!("{} at {}", one.name, one.url)).collect();
        let says = format!("{} at {} is not approved by the exchange", declared.name, declared.url);
        findings.problem("time-stamps", says, format!("approved are: {}", known.join("; ")));
    }
}

/// The answers without which nobody believes our certificates.
fn ocsp(config: &Config, authorities: &Authorities, keystore: &Keystore, findings: &mut Findings) {
    let dir = config.state_dir.join("ocsp");
    let cache = if dir.exists() { OcspCache::open(&dir).ok() } else { None };
    for (key, certificate) in active(&keystore.list()) {
        if !matches!(key.usage, KeyUsage::Signing | KeyUsage::Authentication) {
            continue;
        }
        let Some(issuer) = authorities.issuer_of(certificate) else {
            let says = format!(
                "{} ({}) is from a CA that the exchange does not approve",
                key.usage,
                name(certificate)
            );
            findings.problem("OCSP", says, "have a certificate issued by an approved CA");
            continue;
        };
        let held = cache.as_ref().and_then(|cache| cache.get(&certificate.sha1()));
        let response = held.and_then(|der| OcspResponse::parse(&der).ok());
        let what = format!("{} ({})", key.usage, name(certificate));
        answer(&what, (certificate, issuer), response.as_ref(), authorities, findings);
    }
}

fn answer(
    what: &str,
    (certificate, issuer): (&Certificate, &Certificate),
    response: Option<&OcspResponse>,
    authorities: &Authorities,
    findings: &mut Findings,
) {
    let urls = authorities.ocsp_urls(certificate).join(", ");
    let fetch = format!("a running gateway asks {urls}; its log says what fails");
    let Some(response) = response else {
        findings.problem("OCSP", format!("no answer is held for {what}"), fetch);
        return;
    };
    match trust::ocsp::verify_response(response, certificate, issuer, authorities, findings.now()) {
        Err(refusal) => findings.problem("OCSP", format!("the answer held for {what}: {refusal}"), fetch),
        Ok(CertificateStatus::Good) => {
            let until = findings.moment(response.usable_until(&authorities.ocsp));
            findings.ok("OCSP", format!("{what} is good; the answer serves until {until}"));
        }
        Ok(status) => {
            let advice = "ask the CA why; have a new certificate issued";
            findings.problem("OCSP", format!("{what} is not good: {status:?}"), advice);
        }
    }
}
