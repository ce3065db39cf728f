//! What nothing covers must at least follow from what is covered, so that no octet of it is free.

mod plain;
mod chain;
mod document;

use jiff::Timestamp;
use trust::OcspResponse;
use trust::authorities::Authorities;
use trust::certificate::Certificate;

use crate::container::{AsicContainer, is_manifest_of};
use crate::verify::VerifiedSignature;

use super::Refusal;
use super::stamp::{Stamp, StampKind};

fn unsealed<T>(name: &'static str, why: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::Unsealed { name, why: why.into() })
}

/// Checks everything that neither the signature nor the time-stamp covers. Gives the number of certificates in the
/// time-stamp token that nothing here vouches for.
pub(super) fn check(
    container: &AsicContainer,
    verified: &VerifiedSignature,
    stamp: &Stamp,
    authorities: &Authorities,
) -> Result<usize, Refusal> {
    entries(container)?;
    if let Some(text) = &container.signed.hash_chain {
        chain::check_names(verified)?;
        chain::check("sig-hashchain.xml", text)?;
    }
    if let Some(batch) = &container.stamp {
        chain::check("ts-hashchain.xml", &batch.chain)?;
    }
    if stamp.kind == StampKind::Single {
        document::check(&container.signed.signatures_xml)?;
        revocation(container, verified, stamp, authorities)?;
    }
    let mut unvouched = 0_usize;
    for (token, authority) in &stamp.tokens {
        unvouched = unvouched.saturating_add(token_certificates(token, authority)?);
    }
    Ok(unvouched)
}

fn entries(container: &AsicContainer) -> Result<(), Refusal> {
    if let Some(name) = container.beside.unexpected.first() {
        return Err(Refusal::Uncovered { name: name.clone() });
    }
    if container.beside.lone_token {
        return Err(Refusal::Uncovered { name: "META-INF/timestamp.tst".to_owned() });
    }
    let listed = container.listed();
    if !container.beside.manifest.as_ref().is_some_and(|manifest| is_manifest_of(manifest, &listed)) {
        return unsealed("META-INF/manifest.xml", "it does not list exactly what is in the container");
    }
    let expected = container.asic_manifest();
    if container.beside.asic_manifest != expected {
        return unsealed(
            "META-INF/ASiCManifest.xml",
            "it does not describe the time-stamp of this container",
        );
    }
    Ok(())
}

/// Every OCSP response is one that was relied on, or a true one about an intermediate that the signature carries: gateways add one for
/// each (data-plane 5.2), although the path ends at the first CA that is approved. Every certificate inside is one that we know or can
/// check.
fn revocation(
    container: &AsicContainer,
    verified: &VerifiedSignature,
    stamp: &Stamp,
    authorities: &Authorities,
) -> Result<(), Refusal> {
    const NAME: &str = "META-INF/signatures.xml";
    let carried = document::carried(&container.signed.signatures_xml)?;
    let used = verified.signer().statuses().responses();
    for der in &carried.ocsp {
        let relied_on = used.iter().any(|response| response.der() == der.as_slice());
        if !relied_on && !is_about_an_intermediate(der, &carried.certificates, authorities, stamp.time) {
            return unsealed(NAME, "an OCSP response is carried that is not needed");
        }
        let certificates = crate::der::ocsp_certificates(der);
        let known = certificates.is_some_and(|certificates| {
            certificates.iter().all(|der| {
                Certificate::from_der(der).is_ok_and(|certificate| is_vouched_for(&certificate, authorities))
            })
        });
        if !known {
            return unsealed(NAME, "an OCSP response carries a certificate that is unknown");
        }
    }
    Ok(())
}

fn is_about_an_intermediate(
    der: &[u8],
    carried: &[Certificate],
    authorities: &Authorities,
    at: Timestamp,
) -> bool {
    let Ok(response) = OcspResponse::parse(der) else { return false };
    let holds = |certificate: &Certificate| {
        authorities.issuer_of(certificate).is_some_and(|issuer| {
            trust::ocsp::verify_response(&response, certificate, issuer, authorities, at).is_ok()
        })
    };
    response.der() == der && carried.iter().any(holds)
}

pub(super) fn is_vouched_for(certificate: &Certificate, authorities: &Authorities) -> bool {
    authorities.ca_certificates().any(|ca| {
        ca.certificate == *certificate
            || ca.responders.iter().any(|responder| responder.certificate.as_ref() == Some(certificate))
            || (ca.certificate.subject_der() == certificate.issuer_der()
                && certificate.verify_signed_by(&ca.certificate).is_ok())
    })
}

/// A stored token carries its authority's certificate first (data-plane 7.4); how many follow it is told.
pub(super) fn token_certificates(token: &[u8], authority: &Certificate) -> Result<usize, Refusal> {
    const NAME: &str = "the time-stamp token";
    let Some(frame) = crate::der::token_frame(token) else {
        return unsealed(NAME, "something in it is neither signed nor determined");
    };
    let named = match (frame.issuer_and_serial, frame.key_identifier) {
        (Some((issuer, serial)), _) => issuer == authority.issuer_der() && serial == authority.serial_bytes(),
        (None, Some(identifier)) => authority.subject_key_identifier() == Some(identifier),
        (None, None) => false,
    };
    if !named {
        return unsealed(NAME, "it does not name the authority as its certificate does");
    }
    match frame.certificates.split_first() {
        None => Ok(0),
        Some((first, others)) if *first == authority.der() => Ok(others.len()),
        Some(_) => unsealed(NAME, "its first certificate is not that of the authority"),
    }
}
