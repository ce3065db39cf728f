//! A gateway's set-up.

mod archive;
mod exchange;
mod log;

use super::certificates::{self, Dated};
use super::findings::Findings;
use super::place;
use ::gateway::{Config, Declaration, Status, StoreFault, admin};
use ::keystore::{HeldKey, KeyUsage, Keystore};
use globalconf::{Anchor, GlobalConf, anchor};
use std::collections::BTreeSet;
use trust::Certificate;

pub(super) fn examine(config: &Config, findings: &mut Findings) {
    let there = place::state_dir(&config.state_dir, findings);
    let pin = place::pin(&config.pin_file, findings);
    let how = "make it with: chhatra keystore generate, or import the keys of an existing server";
    let keystore = place::keystore(&config.keystore_dir(), pin.as_ref(), how, findings);
    let settings = settings(config, findings);
    if let Some(keystore) = &keystore {
        keys(config, keystore, settings.as_ref(), findings);
    }
    tokens(config, findings);
    anchor_file(config, findings);
    let running = config.messagelog().is_ok_and(|log| place::is_running(&log.lock_file()));
    let picture = picture(config, running, findings);
    if let (Some(picture), Some(keystore)) = (&picture, &keystore) {
        exchange::examine(config, picture, keystore, settings.as_ref(), findings);
    }
    log::examine(config, findings);
    archive::examine(config, settings.as_ref(), findings);
    if there {
        place::free_space(&config.state_dir, findings);
    }
    if running {
        status(config, findings);
    } else {
        findings.ok("gateway", "it is not running");
    }
    let listen = &config.listen;
    for address in [listen.consumer_http, listen.consumer_https, listen.transport, listen.ocsp] {
        place::port(address, running, findings);
    }
}

/// What the running gateway says of itself: this process cannot see how that one's log fares.
fn status(config: &Config, findings: &mut Findings) {
    let advice = "its journal says more; what is refused now is told to those who call";
    match Status::read(&config.state_dir) {
        Err(why) => {
            let says = format!("it is running, and does not say how it fares: {why}");
            findings.warning("gateway", says, "look again in a moment; then see its journal");
        }
        Ok(Status { since, not_carried, log_fault, not_archived }) => {
            if let Some(fault) = &log_fault {
                let says = format!("the running gateway records nothing since {since}: {fault}");
                findings.problem(
                    "log",
                    says,
                    "after a full disk make room; after anything else look at the disk, then restart",
                );
            }
            if let Some(why) = not_archived {
                let advice = "until this is mended the records stay in the log; see that the disk lasts";
                findings.problem("archive", format!("the running gateway: {why}"), advice);
            }
            match not_carried {
                Some(why) => {
                    let says = format!("it is running, and carries no messages since {since}: {why}");
                    findings.problem("gateway", says, advice);
                }
                None => findings.ok("gateway", format!("it is running, and carries messages since {since}")),
            }
        }
    }
}

/// What was applied; nothing is made by looking.
fn settings(config: &Config, findings: &mut Findings) -> Option<Declaration> {
    let advice = "declare its clients, services and time-stamp services: chhatra gateway apply";
    if config.database.is_none() && !config.serverconf_file().exists() {
        findings.problem("settings", "nothing has been declared for this gateway yet", advice);
        return None;
    }
    match admin::settings(config) {
        Ok(settings) if settings == Declaration::default() => {
            findings.problem("settings", "nothing has been declared for this gateway yet", advice);
            None
        }
        Ok(settings) => {
            let services: usize = settings.clients.iter().map(|client| client.services.len()).sum();
            findings.ok("settings", format!("clients: {}, services: {services}", settings.clients.len()));
            Some(settings)
        }
        Err(fault) => {
            findings.problem("settings", fault.to_string(), mend(&fault));
            None
        }
    }
}

/// What to do about a settings database that does not serve.
const fn mend(fault: &StoreFault) -> &'static str {
    if matches!(fault, StoreFault::Server(_) | StoreFault::Url(_)) {
        return "see to the database server, and to `database` in the section [gateway]";
    }
    "restore the settings database, or apply the state anew"
}

/// The certificates in use.
fn active(keys: &[HeldKey]) -> impl Iterator<Item = (&HeldKey, &Certificate)> {
    let held = keys.iter().flat_map(|key| key.certificates.iter().map(move |held| (key, held)));
    held.filter(|(_, held)| held.active).map(|(key, held)| (key, &held.certificate))
}

fn keys(config: &Config, keystore: &Keystore, settings: Option<&Declaration>, findings: &mut Findings) {
    let keys = keystore.list();
    let dated = active(&keys).map(|(key, certificate)| Dated {
        what: match key.usage {
            KeyUsage::Signing => "signing",
            KeyUsage::Authentication => "authentication",
            KeyUsage::InternalTls => "internal TLS",
            KeyUsage::Configuration => "configuration",
        }
        .to_owned(),
        certificate: certificate.clone(),
        renew: match key.usage {
            KeyUsage::InternalTls => "make a new one: chhatra keystore generate --usage internal-tls",
            KeyUsage::Signing | KeyUsage::Authentication | KeyUsage::Configuration => {
                "ask the CA for a new one: chhatra keystore generate, csr, import"
            }
        },
    });
    certificates::ends(dated.collect(), findings);
    let now = findings.now();
    if keystore.active_internal_tls(now).is_none() {
        let advice = "make one: chhatra keystore generate --usage internal-tls";
        findings.problem(
            "key",
            "no internal TLS certificate is active and in date; the gateway does not start",
            advice,
        );
    }
    if keystore.active_authentication(now).is_empty() {
        let advice = advice_for(&keys, KeyUsage::Authentication);
        findings.problem(
            "key",
            "no authentication certificate is active and in date: no peer will talk to us",
            advice,
        );
    }
    let mut members: BTreeSet<_> = settings.iter().flat_map(|s| &s.clients).map(|c| c.id.member()).collect();
    members.insert(config.server.owner());
    for member in members {
        if keystore.active_signing(&member, now).is_empty() {
            let says = format!("{member} has no signing certificate that is active and in date");
            findings.problem("key", says, advice_for(&keys, KeyUsage::Signing));
        }
    }
}

/// Tokens are looked at as a gateway would: with its PIN, unless that was refused before.
fn tokens(config: &Config, findings: &mut Findings) {
    for access in crate::keystore::token::accesses(config) {
        let report = access.report();
        let label = &report.settings.label;
        match report.failure {
            None => findings.ok("token", format!("{label:?} is there and takes the PIN")),
            Some(why) => findings.problem(
                "token",
                why.to_string(),
                "until then keys in it sign nothing; see chhatra keystore token list",
            ),
        }
        if report.found.is_some_and(|found| found.pin_count_low || found.pin_final_try) {
            let says = format!("{label:?} has few tries of the PIN left before it locks");
            findings.warning("token", says, "correct the PIN in its file; a right PIN gives all tries back");
        }
    }
}

/// The next step towards a certificate of this usage.
fn advice_for(keys: &[HeldKey], usage: KeyUsage) -> String {
    let of_usage: Vec<&HeldKey> = keys.iter().filter(|key| key.usage == usage).collect();
    if of_usage.iter().any(|key| key.certificates.iter().any(|held| !held.active)) {
        return format!("switch a certificate for {usage} on: chhatra keystore activate SHA256 (see list)");
    }
    if of_usage.iter().any(|key| !key.requests.is_empty()) {
        return "import the certificate that the CA has issued: chhatra keystore import FILE".to_owned();
    }
    match of_usage.first() {
        Some(key) => format!("ask the CA for a certificate: chhatra keystore csr --key {}", key.id),
        None => format!("make a key: chhatra keystore generate --usage {usage}"),
    }
}

fn anchor_file(config: &Config, findings: &mut Findings) {
    let shown = config.anchor.display();
    let get = "get the anchor from the registry of the instance, and compare its hash with them";
    let bytes = match std::fs::read(&config.anchor) {
        Ok(bytes) => bytes,
        Err(error) => {
            findings.problem("anchor", format!("{shown} cannot be read: {error}"), get);
            return;
        }
    };
    match Anchor::read(&bytes) {
        Err(refusal) => findings.problem("anchor", format!("{shown} cannot be understood: {refusal}"), get),
        Ok(read) if read.instance != config.server.instance() => {
            let says = format!(
                "{shown} is of the instance {}, this server of {}",
                read.instance,
                config.server.instance()
            );
            findings.problem("anchor", says, get);
        }
        Ok(read) => {
            let urls: Vec<&str> = read.sources.iter().map(|source| source.download_url.as_str()).collect();
            let hash = anchor::delimited_hash(&bytes);
            findings.ok("anchor", format!("of {}, leads to {}; hash {hash}", read.instance, urls.join(", ")));
        }
    }
}

fn picture(config: &Config, running: bool, findings: &mut Findings) -> Option<GlobalConf> {
    let dir = config.globalconf_dir();
    let advice = if running {
        "the gateway's log says why the download fails"
    } else {
        "start the gateway: it downloads the global configuration within a minute"
    };
    if !dir.join("instance-identifier").exists() {
        findings.problem("globalconf", "none has been downloaded yet", advice);
        return None;
    }
    match GlobalConf::load(&dir) {
        Err(refusal) => {
            findings.problem("globalconf", refusal.to_string(), advice);
            None
        }
        Ok(picture) => {
            match picture.check_current(findings.now()) {
                Ok(current) => {
                    let until = findings.moment(current.expires());
                    findings.ok("globalconf", format!("{} is in force until {until}", current.instance()));
                }
                Err(outdated) => findings.problem("globalconf", outdated.to_string(), advice),
            }
            for warning in picture.warnings() {
                findings.warning("globalconf", warning.to_string(), "tell the registry of the instance");
            }
            Some(picture)
        }
    }
}
