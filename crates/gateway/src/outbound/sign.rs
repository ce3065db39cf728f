//! Our member vouches for the message: its key signs the digests of all parts (data-plane 5.1).

use super::dispatch::Carried;
use crate::error::Refusal;
use crate::gateway::Gateway;
use crate::parts::to_be_signed;
use message::rest::RestRequest;
use signature::SignedParts;

/// A request with its signature, which has not left.
#[derive(Debug)]
pub struct Signed {
    pub(crate) carried: Carried,
    pub(crate) parts: SignedParts,
}

impl Signed {
    pub(crate) const fn request(&self) -> &RestRequest {
        self.carried.request()
    }
}

/// Has the message signed by the member that owns the client.
pub(crate) async fn sign(gateway: &Gateway, carried: Carried) -> Result<Signed, Refusal> {
    let identity = gateway.identity.signing(gateway, carried.request().client().member_ref())?;
    let parts = to_be_signed(&carried.message_digest, carried.body.as_ref());
    let parts = gateway.desk.sign(identity, parts).await?;
    Ok(Signed { carried, parts })
}
