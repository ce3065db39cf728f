//! OCSP answers: kept for our own certificates by a job, and for peers' as they come (data-plane 6.1, 6.2).

use crate::changes::Announcer;
use crate::gateway::Gateway;
use http1::{FetchLimits, Stop};
use jiff::Timestamp;
use keystore::OcspCache;
use keystore::ocsp_cache::OCSP_RESPONSES_MAX;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use trust::{Authorities, Certificate, OcspPolicy, OcspResponse};

const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// By which answers are put in order when one has to go; whether one may be used is decided where it is used.
const ORDER: OcspPolicy = OcspPolicy { freshness_seconds: 3600, verify_next_update: true };

/// The answers that are held, on disk and in memory.
#[derive(Debug, Clone)]
pub(crate) struct OcspBook {
    cache: OcspCache,
    shelf: Arc<Mutex<Shelf>>,
    rounds: watch::Sender<Rounds>,
    announcer: Announcer,
}

/// How often the answers for our own certificates have been asked for.
#[derive(Debug, Clone, Copy, Default)]
struct Rounds {
    begun: u64,
    ended: u64,
}

/// Which answers there are, so that there is always room for another one.
#[derive(Debug)]
struct Shelf {
    until: BTreeMap<[u8; 20], Timestamp>,
    /// The certificates that this gateway itself stands on: whatever peers bring, these answers stay.
    own: BTreeSet<[u8; 20]>,
    answers_max: usize,
}

impl Shelf {
    /// Gives an answer its place, and names the one that leaves for it: of others' the one that ended first, or ends first.
    fn place(&mut self, sha1: [u8; 20], until: Timestamp) -> Option<[u8; 20]> {
        let full = self.until.len() >= self.answers_max && !self.until.contains_key(&sha1);
        let others = self.until.iter().filter(|(held, _)| full && !self.own.contains(*held));
        let leaves = others.min_by_key(|(_, until)| **until).map(|(held, _)| *held);
        if let Some(leaves) = &leaves {
            self.until.remove(leaves);
        }
        self.until.insert(sha1, until);
        leaves
    }
}

impl OcspBook {
    pub(crate) fn new(cache: OcspCache, announcer: Announcer) -> Self {
        Self::with_room(cache, announcer, OCSP_RESPONSES_MAX)
    }

    fn with_room(cache: OcspCache, announcer: Announcer, answers_max: usize) -> Self {
        let until = |der: &[u8]| OcspResponse::parse(der).map_or(Timestamp::MIN, |r| r.usable_until(&ORDER));
        let until = cache.all().iter().map(|(sha1, der)| (*sha1, until(der))).collect();
        let shelf = Shelf { until, own: BTreeSet::new(), answers_max };
        Self { cache, shelf: Arc::new(Mutex::new(shelf)), rounds: watch::Sender::default(), announcer }
    }

    /// The answer held for a certificate, whatever its age.
    pub(crate) fn held(&self, certificate: &Certificate) -> Option<OcspResponse> {
        self.cache.get(&certificate.sha1()).and_then(|der| OcspResponse::parse(&der).ok())
    }

    /// The bytes held under the SHA-1 of a certificate.
    pub(crate) fn by_hash(&self, sha1: &[u8; 20]) -> Option<Arc<[u8]>> {
        self.cache.get(sha1)
    }

    /// From now on these are the certificates whose answers stay.
    fn own(&self, certificates: &[Certificate]) {
        self.shelf().own = certificates.iter().map(Certificate::sha1).collect();
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
        self.put(certificate.sha1(), response.usable_until(&ORDER), response.der());
    }

    fn put(&self, sha1: [u8; 20], until: Timestamp, der: &[u8]) {
        let leaves = self.shelf().place(sha1, until);
        if let Some(error) = leaves.and_then(|leaves| self.cache.remove(&leaves).err()) {
            tracing::warn!("an OCSP answer could not be removed: {error}");
        }
        if let Err(error) = self.cache.put(&sha1, der) {
            tracing::warn!("an OCSP answer could not be kept: {error}");
            if self.cache.get(&sha1).is_none() {
                self.shelf().until.remove(&sha1);
            }
        }
        self.announcer.tell();
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Fetches answers for our own certificates until the stop: at once, then by the interval of globalconf, sooner after a failure.
pub(crate) async fn run(gateway: Arc<Gateway>, stop: Stop) {
    while !stop.is_requested() {
        let rounds = &gateway.identity.ocsp.rounds;
        rounds.send_modify(|rounds| rounds.begun = rounds.begun.saturating_add(1));
        let complete = tokio::select! {
            complete = round(&gateway) => complete,
            () = stop.requested() => return,
        };
        rounds.send_modify(|rounds| rounds.ended = rounds.begun);
        gateway.announcer.tell();
        let pause = if complete { gateway.ocsp_interval() } else { gateway.retry_interval() };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = gateway.ocsp_wanted.notified() => {}
            () = stop.requested() => {}
        }
    }
}

impl Gateway {
    /// Waits until OCSP answers for our own certificates have been asked for once more, beginning after this call, whether or not they
    /// came: what they say is in force then.
    pub fn ocsp_asked_anew(&self) -> impl Future<Output = ()> + use<> {
        let mut rounds = self.identity.ocsp.rounds.subscribe();
        let begun = rounds.borrow().begun;
        async move {
            // A gateway that has gone asks no more.
            let _gone = rounds.wait_for(|rounds| rounds.ended > begun).await;
        }
    }
}

/// One round; whether all answers came.
async fn round(gateway: &Gateway) -> bool {
    let Some((authorities, certificates)) = wanted(gateway) else {
        return false;
    };
    gateway.identity.ocsp.own(&certificates);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Any DER structure: the book reads only what it is given for a certificate.
    const DER: &[u8] = &[0x30, 0x03, 0x0a, 0x01, 0x06];

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn held(book: &OcspBook) -> Vec<u8> {
        let held: Vec<u8> = book.cache.all().iter().map(|(sha1, _)| sha1[0]).collect();
        let shelved: Vec<u8> = book.shelf().until.keys().map(|sha1| sha1[0]).collect();
        assert_eq!(held, shelved);
        held
    }

    #[test]
    fn a_full_book_lets_go_of_what_ends_first_and_never_of_our_own() {
        let folder = tempfile::tempdir().unwrap();
        let book = OcspBook::with_room(
            OcspCache::open(folder.path().join("ocsp")).unwrap(),
            Announcer::default(),
            3,
        );
        for (number, until) in [(1, 10), (2, 30), (3, 20)] {
            book.put([number; 20], at(until), DER);
        }
        book.shelf().own = BTreeSet::from([[1; 20]]);
        // The same certificate again needs no more room.
        book.put([3; 20], at(25), DER);
        assert_eq!(held(&book), [1, 2, 3]);
        book.put([4; 20], at(40), DER);
        assert_eq!(held(&book), [1, 2, 4]);
        for number in 5..50 {
            book.put([number; 20], at(i64::from(number) + 40), DER);
        }
        assert_eq!(held(&book), [1, 48, 49]);
        // Nobody's place is taken when all are ours.
        book.shelf().own = BTreeSet::from([[1; 20], [48; 20], [49; 20]]);
        book.put([50; 20], at(100), DER);
        book.put([51; 20], at(100), DER);
        assert!(held(&book).starts_with(&[1, 48, 49]));
    }

    #[test]
    fn a_book_that_is_opened_again_lets_go_of_what_it_cannot_read_first() {
        let folder = tempfile::tempdir().unwrap();
        let cache = OcspCache::open(folder.path().join("ocsp")).unwrap();
        cache.put(&[1; 20], DER).unwrap();
        let book = OcspBook::with_room(cache, Announcer::default(), 2);
        book.put([2; 20], at(10), DER);
        book.put([3; 20], at(20), DER);
        assert_eq!(held(&book), [2, 3]);
    }
}
