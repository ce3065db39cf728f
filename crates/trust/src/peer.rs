//! The peer of a connection: its authentication certificate, trusted and good (data-plane 4.2, 4.3).

use jiff::Timestamp;

use crate::authorities::Authorities;
use crate::certificate::Certificate;
use crate::error::PeerRefusal;
use crate::ocsp::{OcspResponse, VerifiedStatuses, verify_statuses};
use crate::path::verify_presented;

/// extendedKeyUsage id-kp-clientAuth
const CLIENT_AUTHENTICATION: &str = "1.3.6.1.5.5.7.3.2";

/// A peer's chain that was verified at an instant. Only this module makes one. It does not say *whose* it is: that is
/// the global configuration's to know (data-plane 4.2 step 5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedPeer {
    statuses: VerifiedStatuses,
}

impl VerifiedPeer {
    /// The authentication certificate.
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

/// Whether a certificate is one for authentication: it names the purpose clientAuth, or its key may be used for
/// digital signatures or encipherment (data-plane 4.2 step 3).
#[must_use]
pub fn is_for_authentication(certificate: &Certificate) -> bool {
    certificate.has_purpose(CLIENT_AUTHENTICATION)
        || certificate.key_usage().is_some_and(|usage| {
            usage.digital_signature() || usage.key_encipherment() || usage.data_encipherment()
        })
}

/// Steps 1 to 4 of data-plane 4.2, and 4.3. `presented` is the chain of the handshake, end entity first; a self-signed
/// root in it is passed over. `authorities` are those of the instance of the client (inbound) or provider (outbound).
///
/// # Errors
/// [`PeerRefusal`].
pub fn verify_peer(
    presented: &[Certificate],
    responses: &[OcspResponse],
    authorities: &Authorities,
    at: Timestamp,
) -> Result<VerifiedPeer, PeerRefusal> {
    let (leaf, rest) = presented.split_first().ok_or(PeerRefusal::NoCertificate)?;
    if responses.is_empty() {
        return Err(PeerRefusal::NoStatus);
    }
    if !is_for_authentication(leaf) {
        return Err(PeerRefusal::NotForAuthentication { subject: leaf.subject_rfc2253() });
    }
    let path = verify_presented(leaf, rest, authorities, at)?;
    let statuses = verify_statuses(&path, responses, authorities, at)?;
    Ok(VerifiedPeer { statuses })
}
