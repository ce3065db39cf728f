//! The signer of a message: the right kind of certificate, the right member, trusted, good (data-plane 5.6).

use identifier::{ClientId, MemberId};
use jiff::Timestamp;

use crate::authorities::Authorities;
use crate::certificate::Certificate;
use crate::error::SignerRefusal;
use crate::ocsp::{OcspResponse, VerifiedStatuses, verify_statuses};
use crate::path::verify_path;

/// A signing certificate that was verified for a member at an instant. Only this module makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedSigner {
    member: MemberId,
    statuses: VerifiedStatuses,
}

impl VerifiedSigner {
    /// The member that the certificate speaks for.
    #[must_use]
    pub fn member(&self) -> &MemberId {
        &self.member
    }

    /// The signing certificate.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        self.statuses.path().leaf()
    }

    /// The path and the OCSP responses that were relied on.
    #[must_use]
    pub fn statuses(&self) -> &VerifiedStatuses {
        &self.statuses
    }
}

/// Steps 4 and 5 of data-plane 5.6: the key may sign, and the certificate names the member of `claimed`. Says nothing
/// about trust yet.
///
/// # Errors
/// [`SignerRefusal`].
pub fn check_subject(
    leaf: &Certificate,
    claimed: &ClientId,
    authorities: &Authorities,
) -> Result<MemberId, SignerRefusal> {
    check_usage(leaf)?;
    if authorities.instance != claimed.instance() {
        return Err(SignerRefusal::OtherInstance {
            instance: authorities.instance.clone(),
            claimed: claimed.to_string(),
        });
    }
    let profile = authorities.profile_for(leaf).ok_or_else(|| unknown_issuer(leaf))?;
    let member = profile.signer_member(leaf, claimed.instance())?;
    if member == claimed.member() {
        Ok(member)
    } else {
        Err(SignerRefusal::OtherMember { named: member.to_string(), claimed: claimed.to_string() })
    }
}

fn unknown_issuer(leaf: &Certificate) -> SignerRefusal {
    SignerRefusal::UnknownIssuer { subject: leaf.subject_rfc2253(), issuer: leaf.issuer_rfc2253() }
}

/// Step 4 of data-plane 5.6: keyUsage includes nonRepudiation.
///
/// # Errors
/// [`SignerRefusal::NoKeyUsage`], [`SignerRefusal::MayNotSign`].
pub fn check_usage(leaf: &Certificate) -> Result<(), SignerRefusal> {
    let usage =
        leaf.key_usage().ok_or_else(|| SignerRefusal::NoKeyUsage { subject: leaf.subject_rfc2253() })?;
    if usage.non_repudiation() {
        Ok(())
    } else {
        Err(SignerRefusal::MayNotSign { subject: leaf.subject_rfc2253() })
    }
}

/// Steps 4, 5 and 8 of data-plane 5.6. `extra` are the certificates that the signature brings along, `responses` the
/// OCSP responses; `claimed` is whom the message names as its sender, and `authorities` are those of its instance.
///
/// # Errors
/// [`SignerRefusal`].
pub fn verify_signer(
    leaf: &Certificate,
    extra: &[Certificate],
    responses: &[OcspResponse],
    claimed: &ClientId,
    authorities: &Authorities,
    at: Timestamp,
) -> Result<VerifiedSigner, SignerRefusal> {
    let member = check_subject(leaf, claimed, authorities)?;
    let path = verify_path(leaf, extra, authorities, at)?;
    // The issuer's name chose the profile. A CA below another service could bear that name.
    if !authorities.authority_of(leaf).is_some_and(|service| service.has(path.anchor())) {
        return Err(unknown_issuer(leaf));
    }
    let statuses = verify_statuses(&path, responses, authorities, at)?;
    Ok(VerifiedSigner { member, statuses })
}
