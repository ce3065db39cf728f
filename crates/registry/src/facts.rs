//! A state as a sorted list of facts, so that two of them can be compared and the difference shown.

use crate::declaration::{CaCertificate, Declaration, Member, Server, Settings};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use trust::Certificate;

/// One difference between what is stored and what is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Declared, not stored.
    Add {
        /// What it is about.
        what: String,
        /// The declared value.
        value: String,
    },
    /// Stored, not declared.
    Remove {
        /// What it is about.
        what: String,
        /// The stored value.
        value: String,
    },
    /// Both, with another value.
    Alter {
        /// What it is about.
        what: String,
        /// The stored value.
        from: String,
        /// The declared value.
        to: String,
    },
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Add { what, value } => write!(f, "+ {what}: {value}"),
            Self::Remove { what, value } => write!(f, "- {what}: {value}"),
            Self::Alter { what, from, to } => write!(f, "~ {what}: {from} -> {to}"),
        }
    }
}

/// What applying `declared` over `stored` would change, in the order of the facts' names.
pub(crate) fn changes(stored: Option<&Declaration>, declared: &Declaration) -> Vec<Change> {
    let (old, new) = (stored.map(facts).unwrap_or_default(), facts(declared));
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    names.into_iter().filter_map(|name| difference(name, old.get(name), new.get(name))).collect()
}

fn difference(name: &str, old: Option<&String>, new: Option<&String>) -> Option<Change> {
    let what = name.to_owned();
    match (old, new) {
        (None, Some(value)) => Some(Change::Add { what, value: value.clone() }),
        (Some(value), None) => Some(Change::Remove { what, value: value.clone() }),
        (Some(from), Some(to)) if from != to => {
            Some(Change::Alter { what, from: from.clone(), to: to.clone() })
        }
        (Some(_), Some(_)) | (None, None) => None,
    }
}

type Facts = BTreeMap<String, String>;

fn facts(state: &Declaration) -> Facts {
    let mut facts = Facts::new();
    settings(&state.settings, &mut facts);
    for member in &state.members {
        member_facts(member, &mut facts);
    }
    for server in &state.servers {
        server_facts(server, &mut facts);
    }
    for group in &state.groups {
        let name = format!("group {}", group.code);
        for member in &group.members {
            facts.insert(format!("{name} member {member}"), "in".to_owned());
        }
        facts.insert(name, group.description.clone());
    }
    for ca in &state.cas {
        let name = format!("ca {}", shown(&ca.top.certificate));
        let only = if ca.authentication_only { ", authentication only" } else { "" };
        facts.insert(name.clone(), format!("{}{only}", ca.profile.class_name()));
        responders(&name, &ca.top, &mut facts);
        for intermediate in &ca.intermediates {
            let name = format!("{name} intermediate {}", shown(&intermediate.certificate));
            facts.insert(name.clone(), "approved".to_owned());
            responders(&name, intermediate, &mut facts);
        }
    }
    for tsa in &state.tsas {
        let name = format!("tsa {} {}", tsa.certificate.common_name().unwrap_or_default(), tsa.url);
        facts.insert(name, format!("certificate {}", short_hash(&tsa.certificate)));
    }
    facts
}

fn settings(settings: &Settings, facts: &mut Facts) {
    let mut put = |name: &str, value: String| facts.insert(format!("settings {name}"), value);
    put("ocsp_freshness_seconds", settings.ocsp_freshness_seconds.to_string());
    put("time_stamping_interval_seconds", settings.time_stamping_interval_seconds.to_string());
    if let Some(interval) = settings.ocsp_fetch_interval_seconds {
        put("ocsp_fetch_interval_seconds", interval.to_string());
    }
    if let Some(verify) = settings.verify_next_update {
        put("verify_next_update", verify.to_string());
    }
    if let Some(client) = &settings.monitoring_client {
        put("monitoring_client", client.to_string());
    }
    put("management provider", settings.management.provider.to_string());
    if let Some(address) = &settings.management.address {
        put("management address", address.clone());
    }
    if let Some(certificate) = &settings.management.certificate {
        put("management certificate", short_hash(certificate));
    }
    for class in &settings.member_classes {
        facts.insert(format!("member class {}", class.code), class.description.clone());
    }
}

fn member_facts(member: &Member, facts: &mut Facts) {
    let name = format!("member {}/{}", member.class, member.code);
    for subsystem in &member.subsystems {
        let value = subsystem.name.clone().unwrap_or_else(|| "without a name".to_owned());
        facts.insert(format!("{name} subsystem {}", subsystem.code), value);
    }
    facts.insert(name, member.name.clone());
}

fn server_facts(server: &Server, facts: &mut Facts) {
    let name = format!("server {}/{}", server.owner, server.code);
    for certificate in &server.auth_certificates {
        facts
            .insert(format!("{name} certificate {}", short_hash(certificate)), certificate.subject_rfc2253());
    }
    for client in &server.clients {
        facts.insert(format!("{name} client {client}"), "registered".to_owned());
    }
    let mut value = server.address.clone().unwrap_or_else(|| "without an address".to_owned());
    match server.maintenance.as_deref() {
        None => {}
        Some("") => value.push_str(", in maintenance"),
        Some(notice) => value.push_str(&format!(", in maintenance: {notice}")),
    }
    facts.insert(name, value);
}

/// The order of responders is part of what is declared.
fn responders(name: &str, ca: &CaCertificate, facts: &mut Facts) {
    for (at, responder) in ca.responders.iter().enumerate() {
        let mut value = responder.url.clone();
        if let Some(certificate) = &responder.certificate {
            value.push_str(&format!(", certificate {}", short_hash(certificate)));
        }
        facts.insert(format!("{name} ocsp {}", at.saturating_add(1)), value);
    }
}

fn shown(certificate: &Certificate) -> String {
    format!("{} {}", certificate.subject_rfc2253(), short_hash(certificate))
}

fn short_hash(certificate: &Certificate) -> String {
    hex::encode(certificate.sha256().get(..8).unwrap_or_default())
}
