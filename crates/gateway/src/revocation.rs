//! OCSP answers: kept for our own certificates by a job, and for peers' as they come (data-plane 6.1, 6.2).

use crate::gateway::Gateway;
use http1::{FetchLimits, Stop};
use jiff::Timestamp;
use keystore::OcspCache;
use std::sync::Arc;
use std::time::Duration;
use trust::{Authorities, Certificate, OcspResponse};

const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// The answers that are held, on disk and in memory.
#[derive(Debug, Clone)]
pub(crate) struct OcspBook(OcspCache);

impl OcspBook {
    pub(crate) const fn new(cache: OcspCache) -> Self {
        Self(cache)
    }

    /// The answer held for a certificate, whatever its age.
    pub(crate) fn held(&self, certificate: &Certificate) -> Option<OcspResponse> {
        self.0.get(&certificate.sha1()).and_then(|der| OcspResponse::parse(&der).ok())
    }

    /// The bytes held under the SHA-1 of a certificate.
    pub(crate) fn by_hash(&self, sha1: &[u8; 20]) -> Option<Arc<[u8]>> {
        self.0.get(sha1)
    }

    /// Keeps verified answers, each for its certificate, without making a message wait for the disk.
    pub(crate) fn keep_all(&self, certificates: &[Certificate], responses: &[OcspResponse]) {
        let pairs: Vec<_> = certificates
            .iter()
            .zip(responses)
            .filter(|(certificate, response)| self.held(certificate).as_ref() != Some(*response))
            .map(|(certificate, response)| (certificate.clone(), response.clone()))
            .collect();
        if pairs.is_empty() {
            return;
        }
        let book = self.clone();
        tokio::task::spawn_blocking(move || {
            for (certificate, response) in pairs {
                book.keep(&certificate, &response);
            }
        });
    }

    /// Keeps an answer. When the disk fails the old one stays in use until it ends; that is said, not fatal.
    pub(crate) fn keep(&self, certificate: &Certificate, response: &OcspResponse) {
        if let Err(error) = self.0.put(&certificate.sha1(), response.der()) {
            tracing::warn!("an OCSP answer could not be kept: {error}");
        }
    }
}

/// Fetches answers for our own certificates until the stop: at once, then by the interval of globalconf, sooner after a failure.
pub(crate) async fn run(gateway: Arc<Gateway>, stop: Stop) {
    while !stop.is_requested() {
        let complete = tokio::select! {
            complete = round(&gateway) => complete,
            () = stop.requested() => return,
        };
        let pause = if complete { gateway.ocsp_interval() } else { gateway.retry_interval() };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = gateway.ocsp_wanted.notified() => {}
            () = stop.requested() => {}
        }
    }
}

/// One round; whether all answers came.
async fn round(gateway: &Gateway) -> bool {
    let Some((authorities, certificates)) = wanted(gateway) else {
        return false;
    };
    let mut complete = true;
    for certificate in certificates {
        match fetch(&certificate, &authorities, gateway.clock.now()).await {
            Ok(response) => gateway.identity.ocsp.keep(&certificate, &response),
            Err(why) => {
                complete = false;
                tracing::warn!(certificate = certificate.subject_rfc2253(), "no OCSP answer: {why}");
            }
        }
    }
    gateway.identity.forget();
    complete
}

/// Our active certificates and their intermediates, each once.
fn wanted(gateway: &Gateway) -> Option<(Authorities, Vec<Certificate>)> {
    let now = gateway.clock.now();
    let picture = gateway.picture().ok()?;
    let current = picture.check_current(now).ok()?;
    let authorities = current.authorities(gateway.config.server.instance())?.clone();
    let keystore = &gateway.identity.keystore;
    let mut certificates: Vec<Certificate> = Vec::new();
    for key in keystore.list() {
        if !matches!(key.usage, keystore::KeyUsage::Signing | keystore::KeyUsage::Authentication) {
            continue;
        }
        for held in key.certificates.iter().filter(|held| held.active && held.certificate.is_valid_at(now)) {
            for certificate in authorities.chain_of(&held.certificate) {
                if !certificates.contains(&certificate) {
                    certificates.push(certificate);
                }
            }
        }
    }
    Some((authorities, certificates))
}

/// Asks the responders of globalconf, then those that the certificate names, until one gives an answer that holds. Its status may be
/// anything: a revocation must become known.
async fn fetch(
    certificate: &Certificate,
    authorities: &Authorities,
    now: Timestamp,
) -> Result<OcspResponse, String> {
    let issuer = authorities.issuer_of(certificate).ok_or("its issuer is not approved")?;
    let request = trust::ocsp::request(certificate, issuer);
    let mut why = "no responder is known".to_owned();
    for url in authorities.ocsp_urls(certificate) {
        match ask(&url, &request).await {
            Ok(response) => {
                match trust::ocsp::verify_response(&response, certificate, issuer, authorities, now) {
                    Ok(_) => return Ok(response),
                    Err(refusal) => why = format!("{url}: {refusal}"),
                }
            }
            Err(error) => why = format!("{url}: {error}"),
        }
    }
    Err(why)
}

async fn ask(url: &str, request: &[u8]) -> Result<OcspResponse, String> {
    let headers = [("Content-Type", "application/ocsp-request"), ("Accept", "application/ocsp-response")];
    let limits = FetchLimits {
        connect_timeout: Duration::from_secs(20),
        read_timeout: Duration::from_secs(60),
        total_timeout: Duration::from_secs(90),
        body_bytes_max: ANSWER_BYTES_MAX,
    };
    let answer =
        http1::fetch("POST", url, &headers, Some(request), &limits).await.map_err(|e| e.to_string())?;
    if answer.status != 200 {
        return Err(format!("it answered with status {}", answer.status));
    }
    OcspResponse::parse(&answer.body).map_err(|e| e.to_string())
}
