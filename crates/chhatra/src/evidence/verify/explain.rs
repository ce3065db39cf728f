//! What a verified container proves: in plain words, and as JSON with names that stay (`docs/operate/evidence.md`).

use serde_json::{Value, json};
use signature::container::Direction;
use signature::evidence::{Report, StampKind};
use signature::verify::Kind;
use std::path::Path;
use trust::Certificate;

const fn direction(report: &Report) -> &'static str {
    match report.direction {
        Direction::Request => "request",
        Direction::Response => "response",
    }
}

/// For people: the common name, or the whole subject where there is none.
fn name(certificate: &Certificate) -> String {
    certificate.common_name().unwrap_or_else(|| certificate.subject_rfc2253())
}

const fn stamp(report: &Report) -> &'static str {
    match report.stamp {
        StampKind::Single => "its own time-stamp",
        StampKind::Batch => "a time-stamp over a chain of messages",
    }
}

pub(super) fn print(file: &Path, report: &Report) {
    tell!("verified: {}", file.display());
    tell!("  This is a {} that names {} as its sender.", direction(report), report.sender);
    match (&report.service, report.direction) {
        (Some(service), Direction::Request) => tell!("  It asks the service {service}."),
        (Some(service), Direction::Response) => tell!("  It is what the service {service} answered."),
        (None, _) => {}
    }
    tell!("  It was signed for {} with the certificate", report.member);
    tell!("    {} (SHA-256 {})", name(&report.signer), hex::encode(report.signer.sha256()));
    tell!("    {}", report.signer.subject_rfc2253());
    tell!("    for which the approved authority {} vouches.", name(&report.anchor));
    tell!("  It existed at {}, says {} by", report.time, stamp(report));
    tell!("    {}.", name(&report.time_stamper));
    if let Some(signing_time) = &report.signing_time {
        tell!("    The signer gives {signing_time} as the time of signing; nobody else vouches for that.");
    }
    if let Some(second) = &report.second_stamp {
        tell!(
            "  For validators that do not know X-Road there is a second time-stamp, of {}, by",
            second.time
        );
        tell!("    {}.", name(&second.time_stamper));
    }
    tell!("  It had not been revoked then; the responders that say so:");
    for status in &report.statuses {
        tell!("    {}, at {}", status.responder, status.produced_at);
    }
    match report.kind {
        Kind::Direct => tell!("  The signature covers, by itself:"),
        Kind::HashChain => {
            tell!("  The signature covers, through a hash chain that it may share with other messages:");
        }
    }
    for part in &report.parts {
        let how = if part.held { "" } else { " (not in the container; only its digest is covered)" };
        tell!("    {}{how}", part.name);
    }
}

pub(super) fn as_json(file: &Path, report: &Report) -> Value {
    let statuses = report.statuses.iter().map(|status| {
        json!({
            "subject": status.subject,
            "responder": status.responder,
            "produced_at": status.produced_at.to_string(),
        })
    });
    let parts = report.parts.iter().map(|part| {
        json!({
            "name": part.name,
            "held": part.held,
            "covered": if part.held { "whole" } else { "digest_only" },
        })
    });
    let second = report.second_stamp.as_ref().map(|second| {
        json!({ "time": second.time.to_string(), "time_stamper": second.time_stamper.subject_rfc2253() })
    });
    json!({
        "file": file,
        "verified": true,
        "direction": direction(report),
        "sender": report.sender.to_string(),
        "service": report.service.as_ref().map(ToString::to_string),
        "member": report.member.to_string(),
        "signer": report.signer.subject_rfc2253(),
        "signer_sha256": hex::encode(report.signer.sha256()),
        "anchor": report.anchor.subject_rfc2253(),
        "signing_time": report.signing_time,
        "signature": match report.kind { Kind::Direct => "direct", Kind::HashChain => "hash_chain" },
        "time": report.time.to_string(),
        "time_stamper": report.time_stamper.subject_rfc2253(),
        "time_stamp": match report.stamp { StampKind::Single => "single", StampKind::Batch => "batch" },
        "etsi_time_stamp": second,
        "statuses": statuses.collect::<Vec<_>>(),
        "parts": parts.collect::<Vec<_>>(),
    })
}
