//! A registry's set-up.

use super::certificates::{self, Dated};
use super::findings::Findings;
use super::place;
use crate::outside;
use ::registry::{Config, Declaration, SIGNING_KEYS_MAX, SigningKey, Source, StoreFault, admin};
use globalconf::anchor::delimited_hash;
use globalconf::{Anchor, CertificateBytes, directory};

pub(super) fn examine(config: &Config, findings: &mut Findings) {
    if let Err(fault) = config.check() {
        findings.problem("configuration", fault.to_string(), "correct the section [registry]");
    }
    let there = place::state_dir(&config.state_dir, findings);
    let pin = place::pin(&config.pin_file, findings);
    let how = "make it with: chhatra registry init";
    place::keystore(&config.keystore_dir(), pin.as_ref(), how, findings);
    let running = place::is_running(&config.state_dir.join("registry.lock"));
    if state(config, how, findings) {
        signing_keys(config, running, findings);
    }
    if there {
        place::free_space(&config.state_dir, findings);
    }
    findings.ok("registry", if running { "it is running" } else { "it is not running" });
    place::port(config.listen, running, findings);
}

/// Whether it was initialised.
fn state(config: &Config, how: &str, findings: &mut Findings) -> bool {
    let declare = "declare the state of the instance: chhatra registry apply";
    match admin::settings(config) {
        Ok(Some(declared)) => {
            findings.ok(
                "state",
                format!("members: {}, gateways: {}", declared.members.len(), declared.servers.len()),
            );
            trust_services(&declared, findings);
            certificates::ends(dated(&declared), findings);
        }
        Ok(None) => {
            findings.problem("state", "nothing has been declared yet, so nothing is published", declare)
        }
        Err(fault @ StoreFault::NotInitialised { .. }) => {
            findings.problem("state", fault.to_string(), how);
            return false;
        }
        Err(fault) if fault.is_away() => {
            let says = format!(
                "{fault}; a running registry goes on to publish what it read last, for {} seconds, and its log says since when",
                config.stale_max().as_secs()
            );
            findings.problem("state", says, mend(&fault));
        }
        Err(fault) => findings.problem("state", fault.to_string(), mend(&fault)),
    }
    true
}

/// What to do about a database that does not serve.
const fn mend(fault: &StoreFault) -> &'static str {
    if matches!(fault, StoreFault::Server(_) | StoreFault::Url(_)) {
        return "see to the database server, and to `database` in the section [registry]";
    }
    "restore the database from a backup"
}

fn trust_services(declared: &Declaration, findings: &mut Findings) {
    if declared.cas.is_empty() {
        findings.problem("state", "no CA is approved: nobody can sign anything", "declare one as [[ca]]");
    }
    if declared.tsas.is_empty() {
        findings.problem(
            "state",
            "no time-stamp service is approved: gateways carry nothing",
            "declare one as [[tsa]]",
        );
    }
}

fn dated(declared: &Declaration) -> Vec<Dated> {
    let mut found = Vec::new();
    for server in &declared.servers {
        for certificate in &server.auth_certificates {
            found.push(Dated {
                what: format!("authentication of {}/{}", server.owner, server.code),
                certificate: certificate.clone(),
                renew: "its operator has to bring a new one",
            });
        }
    }
    let mut service = |what: &str, certificate: &trust::Certificate| {
        let renew = "declare the new certificate of the trust service beside the old one";
        found.push(Dated { what: what.to_owned(), certificate: certificate.clone(), renew });
    };
    for ca in &declared.cas {
        for one in std::iter::once(&ca.top).chain(&ca.intermediates) {
            service("approved CA", &one.certificate);
            for responder in one.responders.iter().filter_map(|responder| responder.certificate.as_ref()) {
                service("OCSP responder", responder);
            }
        }
    }
    for tsa in &declared.tsas {
        service("time-stamp service", &tsa.certificate);
    }
    found
}

fn signing_keys(config: &Config, running: bool, findings: &mut Findings) {
    let keys = match admin::signing_keys(config) {
        Ok(keys) => keys,
        Err(fault) => {
            findings.problem("signing keys", fault.to_string(), mend(&fault));
            return;
        }
    };
    for source in Source::ALL {
        let of_source: Vec<_> = keys.iter().filter(|key| key.source == source).collect();
        let says = format!("{source} configuration: {} of at most {SIGNING_KEYS_MAX}", of_source.len());
        if of_source.iter().any(|key| key.active) {
            findings.ok("signing keys", says);
        } else {
            findings.problem("signing keys", format!("{says}, none of them active"), "chhatra registry init");
        }
    }
    let active = keys.iter().filter(|key| key.active).map(|key| Dated {
        what: format!("signs the {} configuration", key.source),
        certificate: key.certificate.clone(),
        renew: "change over to a new key, beginning with: chhatra registry keys add",
    });
    certificates::ends(active.collect(), findings);
    anchor(config, findings);
    published(config, &keys, running, findings);
}

/// Whether the file says what an anchor of now would say.
fn anchor(config: &Config, findings: &mut Findings) {
    let shown = config.anchor_file.display();
    let again = "without the file it is written by: chhatra registry init";
    let read = std::fs::read(&config.anchor_file).map_err(|e| e.to_string());
    let read = read.and_then(|bytes| {
        let anchor = Anchor::read(&bytes).map_err(|e| e.to_string())?;
        Ok((anchor, delimited_hash(&bytes)))
    });
    let ((anchor, hash), of_now) = match (read, admin::anchor(config, Source::Internal, &outside::clock())) {
        (Ok(read), Ok(of_now)) => (read, of_now),
        (Err(why), _) => {
            findings.problem("anchor", format!("{shown} cannot be used: {why}"), again);
            return;
        }
        // A key that is missing has been told.
        (Ok(_), Err(_)) => return,
    };
    if anchor.sources == of_now.sources {
        findings.ok("anchor", format!("{shown} is what gateways of {} need; hash {hash}", anchor.instance));
    } else {
        let says = format!("{shown} does not name the present address and signing keys");
        findings.warning("anchor", says, format!("remove it, {again}, and hand it out to every gateway"));
    }
}

fn published(config: &Config, keys: &[SigningKey], running: bool, findings: &mut Findings) {
    let of_gateways = keys.iter().filter(|key| key.source == Source::Internal);
    let certificates: Vec<_> = of_gateways.map(|key| CertificateBytes::from(&key.certificate)).collect();
    let advice = if running { "the registry's log says what fails" } else { "start the registry" };
    let file = config.public_dir().join("V6").join(Source::Internal.directory());
    let Ok(bytes) = std::fs::read(&file) else {
        findings.problem("published", "nothing has been published yet", advice);
        return;
    };
    match directory::read(&bytes, &certificates, findings.now()) {
        Ok(verified) => {
            let until = findings.moment(verified.expires());
            findings.ok("published", format!("the configuration holds until {until}"));
        }
        Err(refusal) => findings.problem("published", refusal.to_string(), advice),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clock::Clock;
    use keystore::{KeyAlgorithm, Pin};
    use serde_json::Value;

    #[test]
    fn the_end_of_the_active_key_s_certificate_is_told_while_there_is_time() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config {
            instance: "EX".to_owned(),
            state_dir: "state".into(),
            anchor_file: "anchor.xml".into(),
            pin_file: "pin".into(),
            database: None,
            database_password_file: None,
            listen: "127.0.0.1:0".parse().unwrap(),
            address: "registry.example".to_owned(),
            expire_seconds: 600,
            generate_seconds: 60,
            signing_key_algorithm: KeyAlgorithm::EcP256,
            connections_max: 1024,
        }
        .resolved(folder.path());
        let (clock, _hands) = Clock::by_hand("2026-01-01T00:00:00Z".parse().unwrap());
        admin::init(&config, &Pin::new("Practice-1234"), &clock).unwrap();
        let told = |at: &str| -> Vec<(String, String)> {
            let mut findings = Findings::new(at.parse().unwrap());
            signing_keys(&config, false, &mut findings);
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let all = findings.as_json();
            let certificates = all["checks"].as_array().unwrap().iter();
            let certificates = certificates.filter(|check| check["about"] == "certificate");
            certificates.map(|check| (text(&check["level"]), text(&check["advice"]))).collect()
        };
        let advice = "change over to a new key, beginning with: chhatra registry keys add";
        assert_eq!(
            told("2037-11-20T00:00:00Z"),
            [("ok".to_owned(), String::new()), ("ok".to_owned(), String::new())]
        );
        for (at, level) in [("2037-12-20T00:00:00Z", "warning"), ("2038-01-02T00:00:00Z", "problem")] {
            assert_eq!(
                told(at),
                [(level.to_owned(), advice.to_owned()), (level.to_owned(), advice.to_owned())],
                "{at}"
            );
        }
    }
}
