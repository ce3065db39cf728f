//! A declaration as a sorted list of facts, so that two of them can be compared and the difference shown.

use super::declaration::{Client, Declaration, Right, Service, Subject};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// One difference between what is stored and what is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Declared, not stored.
    Add(String, String),
    /// Stored, not declared.
    Remove(String, String),
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
            Self::Add(what, value) => write!(f, "+ {what}: {value}"),
            Self::Remove(what, value) => write!(f, "- {what}: {value}"),
            Self::Alter { what, from, to } => write!(f, "~ {what}: {from} -> {to}"),
        }
    }
}

/// What applying `declared` over `stored` would change, in the order of the facts' names.
#[must_use]
pub(crate) fn changes(stored: &Declaration, declared: &Declaration) -> Vec<Change> {
    let (old, new) = (facts(stored), facts(declared));
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    names
        .into_iter()
        .filter_map(|name| match (old.get(name), new.get(name)) {
            (None, Some(value)) => Some(Change::Add(name.clone(), value.clone())),
            (Some(value), None) => Some(Change::Remove(name.clone(), value.clone())),
            (Some(from), Some(to)) if from != to => {
                Some(Change::Alter { what: name.clone(), from: from.clone(), to: to.clone() })
            }
            (Some(_), Some(_)) | (None, None) => None,
        })
        .collect()
}

fn facts(declaration: &Declaration) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    for client in &declaration.clients {
        client_facts(client, &mut facts);
    }
    for (rank, stamp) in declaration.time_stamps.iter().enumerate() {
        facts.insert(
            format!("time-stamp service {}", rank.saturating_add(1)),
            format!("{} {}", stamp.name, stamp.url),
        );
    }
    facts
}

fn client_facts(client: &Client, facts: &mut BTreeMap<String, String>) {
    let id = &client.id;
    facts.insert(format!("client {id}"), format!("{:?}, {:?}", client.status, client.connection));
    for certificate in &client.internal_certificates_der {
        let hash = short_hash(certificate);
        facts.insert(format!("client {id} internal certificate {hash}"), "trusted".to_owned());
    }
    for service in &client.services {
        service_facts(client, service, facts);
    }
    for group in &client.local_groups {
        facts.insert(format!("client {id} group {}", group.code), group.description.clone());
        for member in &group.members {
            facts.insert(format!("client {id} group {} member {member}", group.code), "in".to_owned());
        }
    }
    for right in &client.rights {
        facts.insert(format!("client {id} right {}", right_name(right)), "allowed".to_owned());
    }
}

fn service_facts(client: &Client, service: &Service, facts: &mut BTreeMap<String, String>) {
    let name = format!("client {} service {}", client.id, service.code);
    let certificate = if service.verify_certificate { "certificate checked" } else { "any certificate" };
    let mut value =
        format!("{:?} {} {} s, {certificate}", service.kind, service.url, service.timeout_seconds);
    if let Some(description) = &service.description {
        value.push_str(&format!(", described at {description}"));
    }
    if let Some(notice) = &service.disabled {
        value.push_str(&format!(", disabled: {notice}"));
    }
    for endpoint in &service.endpoints {
        facts.insert(format!("{name} endpoint {} {}", endpoint.method, endpoint.path), "listed".to_owned());
    }
    facts.insert(name, value);
}

fn right_name(right: &Right) -> String {
    let subject = match &right.subject {
        Subject::Client(id) => format!("client {id}"),
        Subject::GlobalGroup(id) => format!("global group {id}"),
        Subject::LocalGroup(code) => format!("local group {code}"),
    };
    match &right.endpoint {
        None => format!("{} for {subject}", right.service),
        Some(endpoint) => format!("{} {} {} for {subject}", right.service, endpoint.method, endpoint.path),
    }
}

fn short_hash(base64_der: &str) -> String {
    let digest = trust::algorithm::DigestAlgorithm::Sha256.digest(base64_der.as_bytes());
    hex::encode(digest.get(..8).unwrap_or_default())
}
