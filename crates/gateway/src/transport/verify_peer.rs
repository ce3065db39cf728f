//! Is it the provider's server? Asked after the handshake and before the first byte of HTTP (data-plane 4.3); and the same of a
//! caller, with the OCSP answers that came with its message (4.2).

use super::ocsp_by_hash;
use crate::error::Refusal;
use crate::gateway::Gateway;
use identifier::ClientId;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use trust::algorithm::DigestAlgorithm;
use trust::{Authorities, Certificate, OcspRefusal, OcspResponse, PathRefusal, PeerRefusal};

/// How long a verdict stands; globalconf may change meanwhile, and then all verdicts are dropped.
const VERDICT_SECONDS_MAX: i64 = 60;
const VERDICTS_MAX: usize = 4096;

/// Certificates that were verified for a client a moment ago.
#[derive(Debug, Default)]
pub(crate) struct Verdicts(Mutex<BTreeMap<Question, Timestamp>>);

/// Which certificate, for whom, and (of a caller) the digest of the OCSP answers that came with it.
type Question = ([u8; 32], ClientId, Vec<u8>);

impl Verdicts {
    pub(crate) fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn stands(&self, question: &Question, now: Timestamp) -> bool {
        let verdicts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        verdicts.get(question).is_some_and(|until| now < *until)
    }

    fn note(&self, question: Question, now: Timestamp, usable_until: Timestamp) {
        let longest =
            now.checked_add(SignedDuration::from_secs(VERDICT_SECONDS_MAX)).unwrap_or(Timestamp::MAX);
        let mut verdicts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if verdicts.len() >= VERDICTS_MAX {
            verdicts.clear();
        }
        verdicts.insert(question, usable_until.min(longest));
    }
}

/// Verifies the server that answered for a provider.
pub(crate) async fn provider(
    gateway: &Gateway,
    host: &str,
    presented: &[Certificate],
    provider: &ClientId,
) -> Result<(), Refusal> {
    let now = gateway.clock.now();
    let leaf = presented.first().ok_or_else(|| refused("", "the server presented no certificate"))?;
    let question = (leaf.sha256(), provider.clone(), Vec::new());
    if gateway.verdicts.stands(&question, now) {
        return Ok(());
    }
    let picture = gateway.picture()?;
    let authorities = authorities(gateway, provider, now)?;
    // A server whose certificate nobody approved is not asked for anything.
    let intermediates = presented.get(1..).unwrap_or_default();
    trust::path::verify_presented(leaf, intermediates, &authorities, now)
        .map_err(|refusal| coded(&PeerRefusal::Path(refusal)))?;
    let responses = responses(gateway, host, presented, &authorities, now).await?;
    let verified = trust::peer::verify_peer(presented, &responses, &authorities, now)
        .map_err(|refusal| coded(&refusal))?;
    serves(gateway, leaf, provider, now)?;
    // Only what was verified is kept: of other certificates the server may have said anything.
    let statuses = verified.statuses();
    gateway.identity.ocsp.keep_all(statuses.path().certificates(), statuses.responses());
    // A picture that was replaced meanwhile may not know these authorities any more.
    if Arc::ptr_eq(&picture, &gateway.picture()?) {
        gateway.verdicts.note(question, now, statuses.usable_until());
    }
    Ok(())
}

/// Verifies the gateway that called on behalf of a client. Its code is always the bare one; the reason stands in the text.
pub(crate) fn caller(
    gateway: &Gateway,
    presented: &[Certificate],
    responses: &[OcspResponse],
    client: &ClientId,
) -> Result<(), Refusal> {
    let now = gateway.clock.now();
    if responses.is_empty() {
        return Err(refused("", "Cannot verify TLS certificate, corresponding OCSP response is missing"));
    }
    let leaf = presented.first().ok_or_else(|| refused("", "the caller presented no certificate"))?;
    let question = (leaf.sha256(), client.clone(), digest(presented, responses));
    if gateway.verdicts.stands(&question, now) {
        return Ok(());
    }
    let picture = gateway.picture()?;
    let authorities = authorities(gateway, client, now)?;
    let verified = trust::peer::verify_peer(presented, responses, &authorities, now)
        .map_err(|refusal| refused("", &refusal.to_string()))?;
    serves(gateway, leaf, client, now)?;
    if Arc::ptr_eq(&picture, &gateway.picture()?) {
        gateway.verdicts.note(question, now, verified.statuses().usable_until());
    }
    Ok(())
}

/// Of everything that the verdict over a caller rests on: the same bytes give the same verdict.
fn digest(presented: &[Certificate], responses: &[OcspResponse]) -> Vec<u8> {
    let mut hasher = DigestAlgorithm::Sha256.hasher();
    for der in presented.iter().map(Certificate::der).chain(responses.iter().map(OcspResponse::der)) {
        // With its length in front, so that no two lists read alike.
        hasher.update(&der.len().to_be_bytes());
        hasher.update(der);
    }
    hasher.finish()
}

fn authorities(gateway: &Gateway, client: &ClientId, now: Timestamp) -> Result<Authorities, Refusal> {
    let picture = gateway.picture()?;
    let current = picture.check_current(now).map_err(Gateway::outdated)?;
    let instance = client.instance();
    current.authorities(instance).cloned().ok_or_else(|| {
        Refusal::MalformedMessage(format!("Shared params for instance identifier {instance} not found"))
    })
}

/// The certificate is registered for a server that has exactly this client.
fn serves(gateway: &Gateway, leaf: &Certificate, client: &ClientId, now: Timestamp) -> Result<(), Refusal> {
    let picture = gateway.picture()?;
    let current = picture.check_current(now).map_err(Gateway::outdated)?;
    if current.auth_certificate_serves(leaf, client) {
        return Ok(());
    }
    let server =
        current.server_by_auth_certificate(leaf).map_or_else(|| "unknown".to_owned(), |s| s.display_form());
    Err(refused(
        "",
        &format!("Client '{}' is not registered at security server {server}", client.display_form()),
    ))
}

/// One answer per presented certificate: those held and still fresh, the others from the server itself.
async fn responses(
    gateway: &Gateway,
    host: &str,
    presented: &[Certificate],
    authorities: &Authorities,
    now: Timestamp,
) -> Result<Vec<OcspResponse>, Refusal> {
    let latest = now.checked_add(SignedDuration::from_secs(VERDICT_SECONDS_MAX)).unwrap_or(now);
    let fresh = |certificate: &Certificate| {
        let usable = |r: &OcspResponse| now < r.usable_until(&authorities.ocsp) && r.this_update() <= latest;
        gateway.identity.ocsp.held(certificate).filter(usable)
    };
    let held: Vec<Option<OcspResponse>> = presented.iter().map(fresh).collect();
    let missing: Vec<Certificate> =
        presented.iter().zip(&held).filter(|(_, h)| h.is_none()).map(|(c, _)| c.clone()).collect();
    if missing.is_empty() {
        return Ok(held.into_iter().flatten().collect());
    }
    let port = gateway.config.peer.ocsp_port;
    let asked =
        ocsp_by_hash::ask(host, port, &missing).await.map_err(|text| refused("internal_error", &text))?;
    let mut asked = asked.into_iter();
    Ok(held.into_iter().filter_map(|held| held.or_else(|| asked.next())).collect())
}

fn refused(code: &'static str, text: &str) -> Refusal {
    Refusal::PeerCertificate { code, text: text.to_owned() }
}

/// The sub-codes that a live server gave (data-plane E.5).
fn coded(refusal: &PeerRefusal) -> Refusal {
    let code = match refusal {
        PeerRefusal::NoCertificate => "",
        PeerRefusal::NotForAuthentication { .. } | PeerRefusal::NoStatus => "internal_error",
        PeerRefusal::Path(PathRefusal::NoIssuer { .. }) => "cannot_create_cert_path.internal_error",
        PeerRefusal::Path(_) => "cannot_create_cert_path",
        PeerRefusal::Status(OcspRefusal::Revoked { .. } | OcspRefusal::UnknownCertificate { .. }) => {
            "invalid_cert_path.cert_validation"
        }
        PeerRefusal::Status(_) => "invalid_cert_path.incorrect_validation_info",
    };
    refused(code, &refusal.to_string())
}
