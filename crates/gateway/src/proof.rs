//! The signature of a received message: it must cover every part that came, and be the sender's (data-plane 5.6).

use crate::error::Refusal;
use crate::gateway::Gateway;
use crate::parts::PassedBody;
use identifier::ClientId;
use message::proxy::{BODY_NAME, MESSAGE_NAME};
use signature::SignedParts;
use signature::verify::ReceivedPart;
use trust::algorithm::DigestAlgorithm;

/// A received message as its signature sees it.
#[derive(Debug)]
pub(crate) struct Message<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) digest: &'a [u8],
    pub(crate) body: Option<&'a PassedBody>,
    pub(crate) algorithm: DigestAlgorithm,
}

/// Verifies that the member of `sender` signed exactly this message.
pub(crate) fn verify(
    gateway: &Gateway,
    message: &Message<'_>,
    signed: &SignedParts,
    sender: &ClientId,
) -> Result<(), Refusal> {
    let now = gateway.clock.now();
    // Before the picture: a memory is never older than the picture that its verdicts rest on.
    let memory = gateway.proofs.load();
    let picture = gateway.picture()?;
    let current = picture.check_current(now).map_err(Gateway::outdated)?;
    let instance = sender.instance();
    let authorities = current.authorities(instance).ok_or_else(|| {
        Refusal::MalformedMessage(format!("Shared params for instance identifier {instance} not found"))
    })?;
    let mut parts = vec![ReceivedPart {
        name: MESSAGE_NAME,
        algorithm: message.algorithm,
        digest: message.digest,
        bytes: Some(message.bytes),
    }];
    if let Some(body) = message.body {
        parts.push(ReceivedPart {
            name: BODY_NAME,
            algorithm: message.algorithm,
            digest: &body.digest,
            bytes: None,
        });
    }
    memory.verify(signed, &parts, sender, authorities, now).map_err(Refusal::Unproven)
}
