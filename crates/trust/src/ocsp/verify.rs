//! Believing an OCSP response (data-plane 6.3).

use jiff::{SignedDuration, Timestamp};

use super::{CertificateStatus, OcspResponse, ResponderId};
use crate::algorithm::{DigestAlgorithm, EcdsaForm};
use crate::authorities::Authorities;
use crate::certificate::Certificate;
use crate::error::{OcspRefusal, SignatureMismatch};
use crate::path::{CERTIFICATES_MAX, VerifiedPath};

/// How far a responder's clock may be ahead of ours.
pub const FUTURE_SECONDS_MAX: i64 = 60;

/// extendedKeyUsage id-kp-OCSPSigning
const OCSP_SIGNING: &str = "1.3.6.1.5.5.7.3.9";

/// More responses than this are not looked at; a path has at most ten certificates.
const RESPONSES_MAX: usize = 2 * CERTIFICATES_MAX;

/// Every certificate of a path was shown to be good. Only this module makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedStatuses {
    path: VerifiedPath,
    responses: Vec<OcspResponse>,
    usable_until: Timestamp,
}

impl VerifiedStatuses {
    /// The path that the responses are about.
    #[must_use]
    pub fn path(&self) -> &VerifiedPath {
        &self.path
    }

    /// One response per certificate of the path, in its order.
    #[must_use]
    pub fn responses(&self) -> &[OcspResponse] {
        &self.responses
    }

    /// The last instant at which path and responses pass the same checks again.
    #[must_use]
    pub fn usable_until(&self) -> Timestamp {
        self.usable_until
    }
}

/// Shows that every certificate of `path` is good at `at`, each by one of `responses`.
///
/// # Errors
/// [`OcspRefusal`], for the first certificate that is not shown to be good. A believable "revoked" counts even if
/// a believable "good" is there as well.
pub fn verify_statuses(
    path: &VerifiedPath,
    responses: &[OcspResponse],
    authorities: &Authorities,
    at: Timestamp,
) -> Result<VerifiedStatuses, OcspRefusal> {
    let mut chosen = Vec::new();
    let mut usable_until = Timestamp::MAX;
    for (certificate, issuer) in path.with_issuers() {
        let (response, until) = choose(certificate, issuer, responses, authorities, at)?;
        usable_until = usable_until.min(until).min(certificate.not_after());
        chosen.push(response);
    }
    Ok(VerifiedStatuses { path: path.clone(), responses: chosen, usable_until })
}

fn choose(
    certificate: &Certificate,
    issuer: &Certificate,
    responses: &[OcspResponse],
    authorities: &Authorities,
    at: Timestamp,
) -> Result<(OcspResponse, Timestamp), OcspRefusal> {
    let mut good = None;
    let mut refusal = None;
    for response in responses.iter().take(RESPONSES_MAX) {
        if !response.matches(certificate, issuer) {
            continue;
        }
        match verify_good(response, certificate, issuer, authorities, at) {
            Ok(until) => {
                good.get_or_insert_with(|| (response.clone(), until));
            }
            Err(revoked @ OcspRefusal::Revoked { .. }) => return Err(revoked),
            Err(other) => {
                refusal.get_or_insert(other);
            }
        }
    }
    good.ok_or_else(|| {
        refusal.unwrap_or_else(|| OcspRefusal::Missing {
            subject: certificate.subject_rfc2253(),
            serial: certificate.serial_decimal(),
        })
    })
}

/// Until when the same checks pass again.
fn verify_good(
    response: &OcspResponse,
    certificate: &Certificate,
    issuer: &Certificate,
    authorities: &Authorities,
    at: Timestamp,
) -> Result<Timestamp, OcspRefusal> {
    let subject = || certificate.subject_rfc2253();
    let serial = || certificate.serial_decimal();
    let authorised_until = check_source(response, certificate, issuer, authorities, at)?;
    check_age(response, certificate, authorities, at)?;
    match response.status() {
        CertificateStatus::Good => {}
        CertificateStatus::Revoked { at: revoked_at } => {
            return Err(OcspRefusal::Revoked { subject: subject(), serial: serial(), revoked_at });
        }
        CertificateStatus::Unknown => {
            return Err(OcspRefusal::UnknownCertificate { subject: subject(), serial: serial() });
        }
    }
    // Last, so that a revocation is reported as one even when its date lies ahead.
    check_not_ahead(response, certificate, at)?;
    Ok(response.usable_until(&authorities.ocsp).min(authorised_until))
}

/// Checks everything about one response but the status that it gives, which is returned: whoever fetches keeps a
/// "revoked" as well (data-plane 6.1).
///
/// # Errors
/// [`OcspRefusal`].
pub fn verify_response(
    response: &OcspResponse,
    certificate: &Certificate,
    issuer: &Certificate,
    authorities: &Authorities,
    at: Timestamp,
) -> Result<CertificateStatus, OcspRefusal> {
    check_source(response, certificate, issuer, authorities, at)?;
    check_age(response, certificate, authorities, at)?;
    check_not_ahead(response, certificate, at)?;
    Ok(response.status())
}

/// Steps 1 to 4: about this certificate, signed, by someone who may say so; and until when.
fn check_source(
    response: &OcspResponse,
    certificate: &Certificate,
    issuer: &Certificate,
    authorities: &Authorities,
    at: Timestamp,
) -> Result<Timestamp, OcspRefusal> {
    let subject = || certificate.subject_rfc2253();
    if !response.matches(certificate, issuer) {
        return Err(OcspRefusal::OtherCertificate {
            subject: subject(),
            serial: certificate.serial_decimal(),
        });
    }
    let mut refusal = None;
    let candidates = authorities
        .all_responders()
        .chain(authorities.ca_certificates().map(|ca| &ca.certificate))
        .chain(std::iter::once(issuer))
        .chain(response.certificates());
    for candidate in candidates.filter(|candidate| is_responder(response, candidate)) {
        let responder = candidate.subject_rfc2253();
        if let Err(cause) = check_signature(response, candidate) {
            refusal.get_or_insert(OcspRefusal::WrongSignature { subject: subject(), responder, cause });
        } else if let Some(until) = authorised_until(candidate, issuer, authorities, at) {
            return Ok(until);
        } else {
            // It did sign: this says more than that another of the same name did not.
            refusal = Some(OcspRefusal::NotAuthorised { subject: subject(), responder });
        }
    }
    Err(refusal.unwrap_or_else(|| OcspRefusal::UnknownResponder { subject: subject() }))
}

fn is_responder(response: &OcspResponse, candidate: &Certificate) -> bool {
    match &response.inner.responder {
        ResponderId::Name(name) => candidate.subject().matches_either_way(name),
        ResponderId::Key(hash) => DigestAlgorithm::Sha1.digest(candidate.public_key().key_bits()) == *hash,
    }
}

fn check_signature(response: &OcspResponse, responder: &Certificate) -> Result<(), SignatureMismatch> {
    let algorithm = response.inner.algorithm.map_err(|_| SignatureMismatch::UnknownAlgorithm)?;
    algorithm.verify_legacy(
        responder.public_key(),
        &response.inner.tbs,
        &response.inner.signature,
        EcdsaForm::Der,
    )
}

/// Listed for the issuer, the issuer itself, or delegated by the issuer. A delegation has to be valid at `at`, which
/// the original does not ask for, and ends with its certificate; a listed responder is trusted because it is listed.
fn authorised_until(
    responder: &Certificate,
    issuer: &Certificate,
    authorities: &Authorities,
    at: Timestamp,
) -> Option<Timestamp> {
    if responder == issuer || authorities.responders_of(issuer).any(|listed| listed == responder) {
        return Some(Timestamp::MAX);
    }
    let delegated = responder.issuer().matches(issuer.subject())
        && responder.has_purpose(OCSP_SIGNING)
        && responder.is_valid_at(at)
        && responder.unprocessed_extensions().is_empty()
        && responder.verify_signed_by(issuer).is_ok();
    delegated.then(|| responder.not_after())
}

/// Steps 5 and 6: fresh, and not overdue.
fn check_age(
    response: &OcspResponse,
    certificate: &Certificate,
    authorities: &Authorities,
    at: Timestamp,
) -> Result<(), OcspRefusal> {
    let freshness_seconds = authorities.ocsp.freshness_seconds;
    let age = at.duration_since(response.this_update());
    if age > SignedDuration::from_secs(i64::try_from(freshness_seconds).unwrap_or(i64::MAX)) {
        return Err(OcspRefusal::Stale {
            subject: certificate.subject_rfc2253(),
            this_update: response.this_update(),
            at,
            freshness_seconds,
        });
    }
    match response.next_update() {
        Some(next_update) if authorities.ocsp.verify_next_update && next_update < at => {
            Err(OcspRefusal::NextUpdatePast { subject: certificate.subject_rfc2253(), next_update, at })
        }
        _ => Ok(()),
    }
}

fn check_not_ahead(
    response: &OcspResponse,
    certificate: &Certificate,
    at: Timestamp,
) -> Result<(), OcspRefusal> {
    let ahead = response.this_update().duration_since(at);
    if ahead > SignedDuration::from_secs(FUTURE_SECONDS_MAX) {
        return Err(OcspRefusal::FromTheFuture {
            subject: certificate.subject_rfc2253(),
            this_update: response.this_update(),
            at,
        });
    }
    Ok(())
}
