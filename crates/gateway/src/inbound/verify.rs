//! Signature, chain, freshness: did the member that the message names really say this? (data-plane 5.6)

use super::accept::Received;
use crate::error::Refusal;
use crate::gateway::Gateway;
use crate::proof;
use signature::verify::VerifiedSignature;

/// A request that its sender's member signed, every part of it.
#[derive(Debug)]
pub struct Verified {
    received: Received,
    proof: VerifiedSignature,
}

impl Verified {
    /// What was proven.
    #[must_use]
    pub const fn received(&self) -> &Received {
        &self.received
    }

    /// By whom.
    #[must_use]
    pub const fn proof(&self) -> &VerifiedSignature {
        &self.proof
    }

    pub(crate) fn into_received(self) -> Received {
        self.received
    }
}

/// Verifies.
pub(crate) fn verify(gateway: &Gateway, received: Received) -> Result<Verified, Refusal> {
    let message = proof::Message {
        bytes: &received.message,
        digest: &received.digest,
        body: received.body.as_ref(),
        algorithm: received.algorithm,
    };
    let proof = proof::verify(gateway, &message, &received.signed, received.request.client())?;
    Ok(Verified { received, proof })
}
