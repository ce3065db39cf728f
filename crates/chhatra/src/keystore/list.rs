//! `chhatra keystore list`: for people as a table, for programs as JSON.

use super::Store;
use crate::outside;
use ::keystore::{HeldCertificate, HeldKey};
use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};
use trust::Certificate;

#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    store: Store,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &List) -> Result<()> {
    let keys = arguments.store.open()?.list();
    if arguments.json {
        let keys: Vec<Value> = keys.iter().map(key_json).collect();
        tell!("{}", serde_json::to_string_pretty(&json!({ "keys": keys }))?);
        return Ok(());
    }
    if keys.is_empty() {
        tell!("no keys");
    }
    for key in &keys {
        tell!("{}  {:<14}  {:<8}  {}", key.id, key.usage.name(), key.algorithm.name(), key.label);
        for held in &key.certificates {
            certificate_lines(held);
        }
        for request in &key.requests {
            tell!("    request      {}", request.subject);
        }
    }
    Ok(())
}

/// Whether its time has come and not passed.
fn is_in_date(certificate: &Certificate) -> bool {
    certificate.is_valid_at(outside::clock().now())
}

fn certificate_lines(held: &HeldCertificate) {
    let certificate = &held.certificate;
    let state = match (held.active, is_in_date(certificate)) {
        (true, true) => "active",
        (true, false) => "active, but not in date",
        (false, true) => "not active",
        (false, false) => "not active, not in date",
    };
    tell!("    certificate  {}", hex::encode(certificate.sha256()));
    tell!("                 {} (from {})", certificate.subject_rfc2253(), certificate.issuer_rfc2253());
    let until = certificate.not_after();
    let whose = owner(held).map(|owner| format!(", of {owner}")).unwrap_or_default();
    tell!("                 {state}{whose}, valid until {until}");
}

fn owner(held: &HeldCertificate) -> Option<String> {
    let member = held.owner.member.as_ref().map(ToString::to_string);
    member.or_else(|| held.owner.server.as_ref().map(ToString::to_string))
}

fn key_json(key: &HeldKey) -> Value {
    let certificates: Vec<Value> = key
        .certificates
        .iter()
        .map(|held| {
            let certificate = &held.certificate;
            json!({
                "sha256": hex::encode(certificate.sha256()),
                "subject": certificate.subject_rfc2253(),
                "issuer": certificate.issuer_rfc2253(),
                "serial": certificate.serial_decimal(),
                "not_before": certificate.not_before().to_string(),
                "not_after": certificate.not_after().to_string(),
                "active": held.active,
                "in_date": is_in_date(certificate),
                "member": held.owner.member.as_ref().map(ToString::to_string),
                "server": held.owner.server.as_ref().map(ToString::to_string),
            })
        })
        .collect();
    json!({
        "id": key.id.as_str(),
        "label": key.label,
        "usage": key.usage.name(),
        "algorithm": key.algorithm.name(),
        "certificates": certificates,
        "requests": key.requests.iter().map(|request| request.subject.clone()).collect::<Vec<_>>(),
    })
}
