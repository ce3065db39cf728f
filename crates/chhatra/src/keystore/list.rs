//! `chhatra keystore list`: for people as a table, for programs as JSON.

use super::{Store, token};
use crate::outside;
use ::keystore::{HeldCertificate, HeldInToken, HeldKey, Keystore};
use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};
use std::collections::BTreeMap;
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
    let keystore = arguments.store.open()?;
    let keys = keystore.list();
    let mut tokens = Tokens { keystore: &keystore, seen: BTreeMap::new() };
    if arguments.json {
        let keys: Vec<Value> = keys.iter().map(|key| key_json(key, &mut tokens)).collect();
        tell!("{}", serde_json::to_string_pretty(&json!({ "keys": keys }))?);
        return Ok(());
    }
    if keys.is_empty() {
        tell!("no keys");
    }
    for key in &keys {
        tell!("{}  {:<14}  {:<8}  {}", key.id, key.usage.name(), key.algorithm.name(), key.label);
        if let Some(place) = &key.token {
            let state = tokens.state(key, place);
            tell!("    in a token   {}, CKA_ID {}: {state}", place.label, hex::encode(&place.id));
        }
        for held in &key.certificates {
            certificate_lines(held);
        }
        for request in &key.requests {
            tell!("    request      {}", request.subject);
        }
    }
    Ok(())
}

/// The states of tokens, each asked once.
struct Tokens<'k> {
    keystore: &'k Keystore,
    seen: BTreeMap<(String, Option<String>), &'static str>,
}

impl Tokens<'_> {
    fn state(&mut self, key: &HeldKey, place: &HeldInToken) -> &'static str {
        let keystore = self.keystore;
        let asked = || match keystore.token_of(&key.id) {
            Some(Ok(report)) => token::state(&report),
            Some(Err(failure)) => failure.word(),
            None => "unknown",
        };
        self.seen.entry((place.label.clone(), place.serial.clone())).or_insert_with(asked)
    }
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

fn key_json(key: &HeldKey, tokens: &mut Tokens<'_>) -> Value {
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
    let token = key.token.as_ref().map(|place| {
        json!({
            "label": place.label,
            "serial": place.serial,
            "id": hex::encode(&place.id),
            "state": tokens.state(key, place),
        })
    });
    json!({
        "id": key.id.as_str(),
        "label": key.label,
        "usage": key.usage.name(),
        "algorithm": key.algorithm.name(),
        "token": token,
        "certificates": certificates,
        "requests": key.requests.iter().map(|request| request.subject.clone()).collect::<Vec<_>>(),
    })
}
