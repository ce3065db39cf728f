//! The second form of the signature, where a container has one: its time-stamp holds, and its certificates are known ones.

use jiff::Timestamp;
use trust::authorities::Authorities;
use trust::certificate::Certificate;
use trust::timestamp::verify_token;

use crate::container::AsicContainer;
use crate::etsi::{self, ENTRY};
use crate::verify::VerifiedSignature;

use super::Refusal;
use super::sealed;

/// The time-stamp that general validators read (`META-INF/signatures-etsi.xml`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecondStamp {
    /// When the signature's value demonstrably existed.
    pub time: Timestamp,
    /// The time-stamping authority.
    pub time_stamper: Certificate,
}

/// The stamp, and the number of certificates in its token that nothing here vouches for.
pub(super) fn check(
    container: &AsicContainer,
    authorities: &Authorities,
    time_stampers: &[Certificate],
) -> Result<Option<(SecondStamp, usize)>, Refusal> {
    let Some(document) = &container.etsi else { return Ok(None) };
    let unsealed = |why: String| Refusal::Unsealed { name: ENTRY, why };
    let signatures_xml = &container.signed.signatures_xml;
    let added = etsi::read(document, signatures_xml).map_err(|why| unsealed(why.to_string()))?;
    let stamped = etsi::to_be_stamped(signatures_xml).map_err(|why| unsealed(why.to_string()))?;
    let verified = verify_token(&added.token, &stamped, time_stampers)?;
    for der in &added.certificates {
        let known = Certificate::from_der(der)
            .is_ok_and(|one| time_stampers.contains(&one) || sealed::is_vouched_for(&one, authorities));
        if !known {
            return Err(unsealed("it carries a certificate that is unknown".to_owned()));
        }
    }
    let unvouched = sealed::token_certificates(&added.token, verified.tsa())?;
    Ok(Some((SecondStamp { time: verified.time(), time_stamper: verified.tsa().clone() }, unvouched)))
}

/// What a validator that knows no globalconf needs to know of: the authorities from the signer's up to the root, the responders' where an
/// answer does not carry its own, and the time-stamp authority's issuers as far as they are known here.
pub(super) fn chain(
    verified: &VerifiedSignature,
    time_stamper: &Certificate,
    authorities: &Authorities,
) -> Vec<Certificate> {
    let mut found: Vec<Certificate> = Vec::new();
    let mut keep = |certificate: &Certificate| {
        if !found.contains(certificate) {
            found.push(certificate.clone());
        }
    };
    let statuses = verified.signer().statuses();
    for leaf in [verified.signer().certificate(), time_stamper] {
        for certificate in authorities.chain_of(leaf) {
            if certificate != *leaf {
                keep(&certificate);
            }
            if let Some(issuer) = authorities.issuer_of(&certificate) {
                keep(issuer);
            }
        }
    }
    for (certificate, response) in statuses.path().certificates().iter().zip(statuses.responses()) {
        let issuer = authorities.issuer_of(certificate);
        let listed = authorities.ca_certificates().filter(|ca| Some(&ca.certificate) == issuer);
        let listed = listed.flat_map(|ca| &ca.responders).filter_map(|one| one.certificate.as_ref());
        if response.certificates().is_empty() {
            listed.for_each(&mut keep);
        }
    }
    found
}
