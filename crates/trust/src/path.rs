//! From a certificate to an approved CA: building and validating the path (data-plane 4.2, 4.3, 5.6 step 8).

use jiff::Timestamp;

use crate::authorities::Authorities;
use crate::certificate::Certificate;
use crate::error::{PathRefusal, SignatureMismatch};

/// A path has at most this many certificates, and as many may be given besides the first.
pub const CERTIFICATES_MAX: usize = 10;

/// How many signatures one path may cost, so that look-alike certificates cannot buy work.
const SIGNATURES_MAX: usize = 32;

/// Where the path ends when more than one CA of it is approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Anchor {
    /// The approved CA nearest to the certificate: signatures (5.6 step 8).
    Nearest,
    /// The one furthest from it, so that every certificate presented is examined: peers (4.2 step 2).
    Furthest,
}

/// A path that was verified at an instant. Only this module makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedPath {
    certificates: Vec<Certificate>,
    anchor: Certificate,
    at: Timestamp,
}

impl VerifiedPath {
    /// The certificate that the path was asked for.
    #[must_use]
    pub fn leaf(&self) -> &Certificate {
        // A path is never empty; the anchor stands in to satisfy the types.
        self.certificates.first().unwrap_or(&self.anchor)
    }

    /// From the leaf up, without the anchor.
    #[must_use]
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// The approved CA at the end.
    #[must_use]
    pub fn anchor(&self) -> &Certificate {
        &self.anchor
    }

    /// When the path is valid.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Each certificate with the one that issued it.
    pub fn with_issuers(&self) -> impl Iterator<Item = (&Certificate, &Certificate)> {
        let issuers = self.certificates.iter().skip(1).chain(std::iter::once(&self.anchor));
        self.certificates.iter().zip(issuers)
    }
}

/// Verifies a path from `leaf` to the nearest approved CA, over `additional` certificates where needed. Validity,
/// signatures, basicConstraints, keyCertSign, path length and critical extensions are checked for every certificate
/// below the anchor; the anchor itself is trusted because it is approved. Revocation is not looked at: see
/// [`crate::ocsp::verify_statuses`].
///
/// # Errors
/// [`PathRefusal`].
pub fn verify_path(
    leaf: &Certificate,
    additional: &[Certificate],
    authorities: &Authorities,
    at: Timestamp,
) -> Result<VerifiedPath, PathRefusal> {
    build(leaf, additional, authorities, at, Anchor::Nearest)
}

/// As [`verify_path`], but goes over as many of the `presented` certificates as possible before it ends at an approved
/// CA: what a peer presents has to be valid as a whole.
///
/// # Errors
/// [`PathRefusal`].
pub fn verify_presented(
    leaf: &Certificate,
    presented: &[Certificate],
    authorities: &Authorities,
    at: Timestamp,
) -> Result<VerifiedPath, PathRefusal> {
    build(leaf, presented, authorities, at, Anchor::Furthest)
}

fn build(
    leaf: &Certificate,
    additional: &[Certificate],
    authorities: &Authorities,
    at: Timestamp,
    preference: Anchor,
) -> Result<VerifiedPath, PathRefusal> {
    if additional.len() > CERTIFICATES_MAX {
        return Err(PathRefusal::TooMany { certificates_max: CERTIFICATES_MAX });
    }
    check_any(leaf, at)?;
    let mut search = Search {
        additional,
        authorities,
        at,
        preference,
        path: vec![leaf.clone()],
        signatures_left: SIGNATURES_MAX,
        refusal: None,
    };
    match search.climb(leaf) {
        Some(anchor) => Ok(VerifiedPath { certificates: search.path, anchor, at }),
        None => Err(search.refusal.unwrap_or_else(|| no_issuer(leaf))),
    }
}

struct Search<'a> {
    additional: &'a [Certificate],
    authorities: &'a Authorities,
    at: Timestamp,
    preference: Anchor,
    path: Vec<Certificate>,
    signatures_left: usize,
    /// The first thing that went wrong and says more than "no issuer".
    refusal: Option<PathRefusal>,
}

impl Search<'_> {
    /// Finds the way up from `current`, the last certificate of the path. Recursion is bounded by the path's length.
    fn climb(&mut self, current: &Certificate) -> Option<Certificate> {
        match self.preference {
            Anchor::Nearest => self.anchor(current).or_else(|| self.over_additional(current)),
            Anchor::Furthest => self.over_additional(current).or_else(|| self.anchor(current)),
        }
    }

    fn anchor(&mut self, current: &Certificate) -> Option<Certificate> {
        let authorities = self.authorities;
        authorities.anchors_for(current).find(|anchor| self.is_signed_by(current, anchor)).cloned()
    }

    fn over_additional(&mut self, current: &Certificate) -> Option<Certificate> {
        let additional = self.additional;
        let mut named = false;
        for candidate in additional {
            if candidate.is_self_issued()
                || self.path.contains(candidate)
                || !candidate.subject().matches(current.issuer())
            {
                continue;
            }
            named = true;
            if self.path.len() >= CERTIFICATES_MAX {
                self.note(PathRefusal::TooMany { certificates_max: CERTIFICATES_MAX });
                return None;
            }
            if !self.is_signed_by(current, candidate) {
                continue;
            }
            if let Err(refusal) = self.check_issuer(candidate) {
                self.note(refusal);
                continue;
            }
            self.path.push(candidate.clone());
            if let Some(anchor) = self.climb(candidate) {
                return Some(anchor);
            }
            self.path.pop();
        }
        if !named && self.authorities.anchors_for(current).next().is_none() {
            self.note(no_issuer(current));
        }
        None
    }

    fn is_signed_by(&mut self, current: &Certificate, issuer: &Certificate) -> bool {
        let Some(left) = self.signatures_left.checked_sub(1) else {
            self.note(PathRefusal::TooMany { certificates_max: CERTIFICATES_MAX });
            return false;
        };
        self.signatures_left = left;
        match current.verify_signed_by(issuer) {
            Ok(()) => true,
            Err(cause) => {
                self.note(wrong_signature(current, issuer, cause));
                false
            }
        }
    }

    /// What an intermediate CA has to be, standing above the path so far.
    fn check_issuer(&self, issuer: &Certificate) -> Result<(), PathRefusal> {
        check_any(issuer, self.at)?;
        let subject = || issuer.subject_rfc2253();
        let Some(constraints) = issuer.basic_constraints().filter(|constraints| constraints.ca) else {
            return Err(PathRefusal::NotACa { subject: subject() });
        };
        if issuer.key_usage().is_some_and(|usage| !usage.certificate_sign()) {
            return Err(PathRefusal::MayNotSignCertificates { subject: subject() });
        }
        // All but the leaf; self-issued ones, which would not count, never enter a path.
        let found = u64::try_from(self.path.len().saturating_sub(1)).unwrap_or(u64::MAX);
        match constraints.path_length_max {
            Some(allowed) if found > allowed => {
                Err(PathRefusal::PathTooLong { subject: subject(), allowed, found })
            }
            _ => Ok(()),
        }
    }

    fn note(&mut self, refusal: PathRefusal) {
        self.refusal.get_or_insert(refusal);
    }
}

/// What every certificate of a path has to be.
fn check_any(certificate: &Certificate, at: Timestamp) -> Result<(), PathRefusal> {
    let subject = || certificate.subject_rfc2253();
    if at < certificate.not_before() {
        return Err(PathRefusal::NotYetValid {
            subject: subject(),
            not_before: certificate.not_before(),
            at,
        });
    }
    if at > certificate.not_after() {
        return Err(PathRefusal::Expired { subject: subject(), not_after: certificate.not_after(), at });
    }
    match certificate.unprocessed_extensions().first() {
        Some(oid) => Err(PathRefusal::UnprocessedExtension { subject: subject(), oid: oid.clone() }),
        None => Ok(()),
    }
}

fn no_issuer(certificate: &Certificate) -> PathRefusal {
    PathRefusal::NoIssuer { subject: certificate.subject_rfc2253(), issuer: certificate.issuer_rfc2253() }
}

fn wrong_signature(certificate: &Certificate, issuer: &Certificate, cause: SignatureMismatch) -> PathRefusal {
    PathRefusal::WrongSignature {
        subject: certificate.subject_rfc2253(),
        issuer: issuer.subject_rfc2253(),
        cause,
    }
}
