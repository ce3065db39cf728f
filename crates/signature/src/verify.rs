//! Verifying a signature when a message arrives, in the order of data-plane 5.6, with its gaps closed.
//!
//! The order decides which verdict a peer hears: the document, its structure, the hash chain, whose certificate it is,
//! the references and the value, and last the path and the revocation status.

mod coverage;
mod memory;
mod refusal;
mod value;

pub use coverage::{CoveredPart, Kind};
pub use memory::Memory;
pub use refusal::Refusal;

use identifier::ClientId;
use jiff::Timestamp;
use trust::algorithm::{DigestAlgorithm, SignatureAlgorithm};
use trust::authorities::Authorities;
use trust::certificate::Certificate;
use trust::ocsp::OcspResponse;
use trust::signer::{VerifiedSigner, verify_signer};

use crate::SignedParts;
use crate::reading;
use crate::structure::{Signature, SigningCertificateForm};
use memory::Credentials;

/// A part as it was received: its name and the digest made while its octets passed by.
#[derive(Debug, Clone)]
pub struct ReceivedPart<'a> {
    /// `/message.xml`, `/attachment1`, …
    pub name: &'a str,
    /// The digest's algorithm, the message's `x-hash-algorithm`.
    pub algorithm: DigestAlgorithm,
    /// The digest of the octets.
    pub digest: &'a [u8],
    /// The octets, if they are still here; they let a signature use another digest algorithm.
    pub bytes: Option<&'a [u8]>,
}

/// A signature that holds: by whom, over what.
#[derive(Debug, Clone)]
pub struct VerifiedSignature {
    signer: VerifiedSigner,
    algorithm: SignatureAlgorithm,
    kind: Kind,
    parts: Vec<CoveredPart>,
    signing_time: Option<String>,
}

impl VerifiedSignature {
    /// Who signed, with the path and the revocation status that show it.
    #[must_use]
    pub const fn signer(&self) -> &VerifiedSigner {
        &self.signer
    }

    /// The algorithm of the signature value.
    #[must_use]
    pub const fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }

    /// Whether the parts are covered directly or through a hash chain.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Every part that is covered.
    #[must_use]
    pub fn parts(&self) -> &[CoveredPart] {
        &self.parts
    }

    /// When the signer says that it signed, as written; nobody vouches for it.
    #[must_use]
    pub fn signing_time(&self) -> Option<&str> {
        self.signing_time.as_deref()
    }
}

/// Where the signature is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setting {
    /// On the way: everything that is covered must be here, and only the first form of `SigningCertificate` is taken.
    Online,
    /// In a container: attachments may be absent, and the second form is taken (data-plane 7.8).
    Container,
}

/// Verifies the signature of a received message: that the member of `claimed` signed exactly these parts.
///
/// `parts` must be all parts that were received, `/message.xml` first. `authorities` are those of the claimed member's
/// instance.
///
/// # Errors
/// A [`Refusal`], whose [`Refusal::code`] is the one a live server would give.
pub fn verify(
    signed: &SignedParts,
    parts: &[ReceivedPart<'_>],
    claimed: &ClientId,
    authorities: &Authorities,
    at: Timestamp,
) -> Result<VerifiedSignature, Refusal> {
    check(signed, parts, claimed, authorities, at, Setting::Online, None)
}

pub(crate) fn check(
    signed: &SignedParts,
    parts: &[ReceivedPart<'_>],
    claimed: &ClientId,
    authorities: &Authorities,
    at: Timestamp,
    setting: Setting,
    memory: Option<&Memory>,
) -> Result<VerifiedSignature, Refusal> {
    let text = reading::text_of(&signed.signatures_xml)?;
    let document = reading::parse(text)?;
    let signature = Signature::of(&document)?;
    if setting == Setting::Online && signature.signing_certificate_form == SigningCertificateForm::Second {
        return Err(Refusal::SigningCertificateV2);
    }
    let certificates = Certificates::of(&signature)?;
    let coverage = coverage::check(&signature, signed, parts, setting)?;
    belongs_to(&certificates.signer, claimed, authorities)?;
    value::check(&signature, &coverage, &certificates.signer)?;
    let trusted = || trusted(&signature, &certificates, claimed, authorities, at);
    let signer = match memory {
        Some(memory) => remembered(memory, credentials(&signature, &certificates, claimed), at, trusted)?,
        None => trusted()?,
    };
    Ok(VerifiedSignature {
        signer,
        algorithm: signature.signed_info.algorithm,
        kind: coverage.kind,
        parts: coverage.parts,
        signing_time: signature.signing_time,
    })
}

/// The certificates that the signature carries and vouches for.
struct Certificates {
    signer: Certificate,
    extra: Vec<Certificate>,
}

impl Certificates {
    fn of(signature: &Signature<'_, '_>) -> Result<Self, Refusal> {
        let mut presented = Vec::new();
        for der in &signature.certificates {
            presented.push(Certificate::from_der(der)?);
        }
        let signer = presented.into_iter().next().ok_or(Refusal::NoSigningCertificate)?;
        let named = signature
            .signing_certificates
            .first()
            .is_some_and(|digest| digest.algorithm.digest(signer.der()) == digest.value);
        if !named {
            return Err(Refusal::OtherSigningCertificate);
        }
        let extra = extra_certificates(signature)?;
        Ok(Self { signer, extra })
    }
}

/// The certificates that `CompleteCertificateRefs` names; those that it does not name are not looked at.
fn extra_certificates(signature: &Signature<'_, '_>) -> Result<Vec<Certificate>, Refusal> {
    let mut extra = Vec::new();
    for reference in &signature.unsigned.certificate_references {
        let missing = || Refusal::ExtraCertificateMissing { uri: reference.uri.clone() };
        let id = reference.uri.strip_prefix('#').ok_or_else(missing)?;
        let certificate = signature
            .unsigned
            .certificates
            .iter()
            .find(|certificate| certificate.id.as_deref() == Some(id))
            .ok_or_else(missing)?;
        if reference.digest.algorithm.digest(&certificate.der) != reference.digest.value {
            return Err(Refusal::ExtraCertificateDiffers { uri: reference.uri.clone() });
        }
        extra.push(Certificate::from_der(&certificate.der)?);
    }
    Ok(extra)
}

/// Steps 4 and 5 of data-plane 5.6, ahead of the value; `verify_signer` repeats them with everything else.
fn belongs_to(signer: &Certificate, claimed: &ClientId, authorities: &Authorities) -> Result<(), Refusal> {
    trust::signer::check_subject(signer, claimed, authorities)?;
    Ok(())
}

/// Step 8 of data-plane 5.6.
fn trusted(
    signature: &Signature<'_, '_>,
    certificates: &Certificates,
    claimed: &ClientId,
    authorities: &Authorities,
    at: Timestamp,
) -> Result<VerifiedSigner, Refusal> {
    let responses = ocsp_responses(signature)?;
    let Certificates { signer, extra } = certificates;
    Ok(verify_signer(signer, extra, &responses, claimed, authorities, at)?)
}

fn credentials(
    signature: &Signature<'_, '_>,
    certificates: &Certificates,
    claimed: &ClientId,
) -> Credentials {
    let extra = certificates.extra.iter().map(|certificate| certificate.der().to_vec()).collect();
    (certificates.signer.der().to_vec(), extra, signature.unsigned.ocsp.clone(), claimed.clone())
}

fn remembered(
    memory: &Memory,
    credentials: Credentials,
    at: Timestamp,
    trusted: impl FnOnce() -> Result<VerifiedSigner, Refusal>,
) -> Result<VerifiedSigner, Refusal> {
    if let Some(signer) = memory.signer(&credentials, at) {
        return Ok(signer);
    }
    let signer = trusted()?;
    memory.note_signer(credentials, &signer, at);
    Ok(signer)
}

fn ocsp_responses(signature: &Signature<'_, '_>) -> Result<Vec<OcspResponse>, Refusal> {
    if signature.unsigned.ocsp.is_empty() {
        return Err(Refusal::NoOcspResponse);
    }
    let mut responses = Vec::new();
    for der in &signature.unsigned.ocsp {
        responses.push(OcspResponse::parse(der)?);
    }
    Ok(responses)
}
