//! The only place where a refusal becomes something a consumer or a peer can read (data-plane 9).
//!
//! The detail is a fresh UUID that also stands in our log beside the reason, so that an operator finds what a caller reports.

use crate::error::Refusal;
use clock::Chance;
use message::consumer_error::{ConsumerError, Format};
use message::fault::Fault;
use std::borrow::Cow;

/// On which side of the exchange a refusal is told; it is the prefix of its code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Told to a consumer.
    Consumer,
    /// Told to a peer.
    Provider,
}

impl Side {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Consumer => "server.clientproxy",
            Self::Provider => "server.serverproxy",
        }
    }
}

/// Makes the fault and writes why into our log. Bodies and personal data never stand in a refusal's text.
pub(crate) fn fault(refusal: &Refusal, side: Side, chance: &Chance) -> Fault {
    if let Refusal::PeerFault(fault) = refusal {
        return fault.clone();
    }
    let detail = chance.uuid4();
    let code = code(refusal);
    let code = if code.starts_with("client.") { code.into_owned() } else { prefixed(side.prefix(), &code) };
    tracing::warn!(code, detail, retry = refusal.retry_can_help(), "{refusal}");
    Fault::new(code, refusal.to_string(), detail)
}

/// Adds a prefix unless the code already begins with it (a plain comparison of text: data-plane 9.1).
fn prefixed(prefix: &str, code: &str) -> String {
    if code.starts_with(prefix) {
        code.to_owned()
    } else if code.is_empty() {
        prefix.to_owned()
    } else {
        format!("{prefix}.{code}")
    }
}

/// The code without the side's prefix.
fn code(refusal: &Refusal) -> Cow<'static, str> {
    match refusal {
        Refusal::NoConfiguration | Refusal::ConfigurationOutdated(_) => "global_conf_outdated".into(),
        Refusal::NoAuthentication(_) | Refusal::ConsumerConnection(_) | Refusal::ServiceTls(_) => {
            "ssl_authentication_failed".into()
        }
        Refusal::CannotSign { code, .. } => prefixed("cannot_create_signature", code).into(),
        Refusal::PeerCertificate { code, .. } => prefixed("ssl_authentication_failed", code).into(),
        Refusal::NotRecorded(failure) => logging_code(failure).into(),
        Refusal::Spool(_) | Refusal::ConsumerIo(_) | Refusal::PeerIo(_) | Refusal::ServiceIo(_) => {
            "io_error".into()
        }
        Refusal::MalformedRequest(_) | Refusal::MalformedMessage(_) => "internal_error".into(),
        Refusal::NoClient => "invalid_client_identifier".into(),
        Refusal::UnknownClient(_) | Refusal::NoProvider(_) | Refusal::UnknownProviderHere(_) => {
            "unknown_member".into()
        }
        Refusal::InvalidHttpMethod(_) => "invalid_http_method".into(),
        Refusal::InvalidServer(_) => "invalid_security_server".into(),
        Refusal::Maintenance(_) => "maintenance_mode".into(),
        Refusal::UnknownHost(_) | Refusal::ServiceHost(_) => "unknown_host".into(),
        Refusal::Unreachable(_) | Refusal::ServiceUnreachable(_) => "network_error".into(),
        Refusal::PeerStatus(_) => "http_error".into(),
        Refusal::Decoding(refusal) => refusal.code().into(),
        Refusal::CutProof(_) => "signature_verification.invalid_xml".into(),
        Refusal::MissingRest => "missing_rest".into(),
        Refusal::MissingSoap => "missing_soap".into(),
        Refusal::MissingSignature => "missing_signature".into(),
        Refusal::Unproven(refusal) => prefixed("signature_verification", refusal.code()).into(),
        Refusal::Inconsistent(difference) => difference.code().into(),
        Refusal::PeerFault(fault) => fault.code.clone().into(),
        Refusal::WhileReading(inner) => prefixed("service_failed", &code(inner)).into(),
        Refusal::UnknownService(_) => "unknown_service".into(),
        Refusal::NotRest => "service_type".into(),
        Refusal::AccessDenied(_) => "access_denied".into(),
        Refusal::Disabled { .. } => "service_disabled".into(),
        Refusal::ServiceUrl => "service_malformed_url".into(),
    }
}

fn logging_code(failure: &messagelog::Failure) -> &'static str {
    use messagelog::Failure;
    match failure {
        Failure::NoTimestampingProvider => "logging_failed.mlog.no_timestamping_provider_found",
        Failure::TimestampingFailedTooLong { .. } => "logging_failed.timestamping_failed",
        Failure::TooLarge { .. } => "logging_failed",
        Failure::Storage(_) => "logging_failed.database_error",
        Failure::IdentifierTooLong { .. }
        | Failure::NotReducible(_)
        | Failure::Body(_)
        | Failure::WrongStamp(_)
        | Failure::Closed => "logging_failed.internal_error",
    }
}

/// A REST error as a consumer gets it (data-plane 2.8).
pub(crate) struct RestError {
    /// 500 when the code begins with `server.`, otherwise 400.
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) code: String,
    /// JSON or XML, as the consumer accepts.
    pub(crate) body: String,
}

/// Writes a fault for a REST consumer.
pub(crate) fn rest_error(fault: &Fault, accept: &[&str]) -> RestError {
    let format = Format::choose(accept.iter().copied());
    let error = ConsumerError {
        code: fault.code.clone(),
        message: Some(fault.string.clone()),
        detail: fault.detail.clone(),
    };
    RestError {
        status: error.http_status(),
        content_type: format.content_type(),
        body: error.body(format),
        code: error.code,
    }
}
