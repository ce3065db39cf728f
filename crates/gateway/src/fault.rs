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
        tracing::info!(code = %Plain(&fault.code), "a fault of the other side is passed on");
        return fault.clone();
    }
    let detail = chance.uuid4();
    let code = prefixed(prefix(refusal, side), &code(refusal));
    tracing::warn!(code, detail, retry = refusal.retry_can_help(), "{}", Plain(refusal));
    Fault::new(code, told(refusal), detail)
}

/// `client` for what X-Road takes for bad SOAP of a consumer (data-plane 9.1, E.1.16); otherwise the side's own.
const fn prefix(refusal: &Refusal, side: Side) -> &'static str {
    match (side, refusal) {
        (Side::Consumer, Refusal::InvalidHttpMethod(_) | Refusal::InvalidContentType(_)) => "client",
        (Side::Consumer | Side::Provider, _) => side.prefix(),
    }
}

/// What the other party may know: nothing of our disks, and nothing of the network behind us.
fn told(refusal: &Refusal) -> String {
    if let Refusal::WhileReading(inner) = refusal {
        return told(inner);
    }
    let ours = matches!(
        refusal,
        Refusal::Spool(_)
            | Refusal::NotRecorded(messagelog::Failure::Storage(_) | messagelog::Failure::Body(_))
    );
    if ours { "The message could not be stored on its way".to_owned() } else { refusal.to_string() }
}

/// A text for the log on one line, whatever a stranger wrote into it.
#[derive(Debug)]
pub(crate) struct Plain<T>(pub(crate) T);

impl<T: std::fmt::Display> std::fmt::Display for Plain<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        use std::fmt::Write as _;
        for character in self.0.to_string().chars() {
            if character.is_control() || matches!(character, '\u{2028}'..='\u{202e}') {
                write!(f, "{}", character.escape_unicode())?;
            } else {
                f.write_char(character)?;
            }
        }
        Ok(())
    }
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
        Refusal::MalformedRequest(_) | Refusal::MalformedMessage(_) | Refusal::UnknownInstance(_) => {
            "internal_error".into()
        }
        // X-Road has no quotas, and so no code for them.
        Refusal::QuotaExceeded { .. } => "quota_exceeded".into(),
        Refusal::NoClient => "invalid_client_identifier".into(),
        Refusal::UnknownClient(_) | Refusal::NoProvider(_) | Refusal::UnknownProviderHere(_) => {
            "unknown_member".into()
        }
        Refusal::InvalidHttpMethod(_) => "invalid_http_method".into(),
        Refusal::InvalidContentType(_) => "invalid_content_type".into(),
        Refusal::InvalidServer(_) => "invalid_security_server".into(),
        Refusal::Maintenance(_) => "maintenance_mode".into(),
        Refusal::UnknownHost(_) | Refusal::ServiceHost(_) => "unknown_host".into(),
        Refusal::Unreachable(_) | Refusal::PeerNetwork(_) | Refusal::ServiceNetwork(_) => {
            "network_error".into()
        }
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
        Refusal::ServiceUrlMissing(_) => "service_missing_url".into(),
        Refusal::ServiceUrlMalformed(_) => "service_malformed_url".into(),
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
        | Failure::NotText(_)
        | Failure::Body(_)
        | Failure::NotSealed
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

#[cfg(test)]
mod tests {
    use super::*;
    use identifier::ClientId;

    fn told(refusal: &Refusal, side: Side) -> String {
        fault(refusal, side, &Chance::seeded(1)).code
    }

    #[test]
    fn prefixes_say_where_and_when() {
        let unknown = || Refusal::UnknownProviderHere(ClientId::parse_short("A/B/C/d").unwrap());
        for (refusal, side, code) in [
            (Refusal::NoClient, Side::Consumer, "server.clientproxy.invalid_client_identifier"),
            (unknown(), Side::Provider, "server.serverproxy.unknown_member"),
            (unknown().while_reading(), Side::Provider, "server.serverproxy.service_failed.unknown_member"),
            (
                Refusal::CannotSign { code: "", text: String::new() },
                Side::Consumer,
                "server.clientproxy.cannot_create_signature",
            ),
            (
                Refusal::PeerCertificate { code: "internal_error", text: String::new() },
                Side::Consumer,
                "server.clientproxy.ssl_authentication_failed.internal_error",
            ),
            (
                messagelog::Failure::NoTimestampingProvider.into(),
                Side::Provider,
                "server.serverproxy.logging_failed.mlog.no_timestamping_provider_found",
            ),
        ] {
            assert_eq!(told(&refusal, side), code);
        }
    }

    #[test]
    fn a_peers_fault_is_passed_on_unchanged() {
        let legacy = Fault::new("Server.ServerProxy.AccessDenied", "no", "d");
        let passed = fault(&Refusal::PeerFault(legacy.clone()), Side::Consumer, &Chance::seeded(1));
        assert_eq!(passed, legacy);
        assert_eq!(
            rest_error(&passed, &[]).status,
            400,
            "a code of an older peer does not begin with server."
        );
    }

    #[test]
    fn a_stranger_writes_no_line_of_its_own_into_the_log() {
        let forged = ClientId::new("A", "B", "C", Some("d\n2026 ERROR all is lost\u{202e}")).unwrap();
        let text = Plain(Refusal::UnknownClient(forged)).to_string();
        assert!(!text.contains(['\n', '\u{202e}']), "{text}");
        assert!(text.contains("\\u{a}"), "{text}");
    }

    #[test]
    fn strangers_hear_nothing_of_our_disk() {
        let refusal =
            Refusal::Spool("No space left on device at path /var/lib/chhatra/spool/body-x".to_owned());
        let fault = fault(&refusal.while_reading(), Side::Consumer, &Chance::seeded(1));
        assert_eq!(fault.string, "The message could not be stored on its way");
    }

    #[test]
    fn the_detail_is_fresh_each_time() {
        let chance = Chance::seeded(1);
        let detail = || fault(&Refusal::NoClient, Side::Consumer, &chance).detail;
        assert_ne!(detail(), detail());
    }
}
