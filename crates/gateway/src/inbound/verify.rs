//! Signature, chain, freshness: did the member that the message names really say this? (data-plane 5.6)

use super::accept::Received;
use crate::error::Refusal;
use crate::gateway::Gateway;
use crate::proof;

/// A request that its sender's member signed, every part of it.
#[derive(Debug)]
pub struct Verified {
    received: Received,
}

impl Verified {
    /// What was proven.
    #[must_use]
    pub const fn received(&self) -> &Received {
        &self.received
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
    proof::verify(gateway, &message, &received.signed, received.request.client())?;
    Ok(Verified { received })
}
