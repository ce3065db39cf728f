//! Our member vouches for the message: its key signs the digests of all parts (data-plane 5.1).

use super::dispatch::Carried;
use crate::error::Refusal;
use crate::gateway::Gateway;
use message::rest::RestRequest;
use signature::SignedParts;
use signature::hashchain::Part;

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
    let mut parts = vec![Part { name: "/message.xml".to_owned(), digest: carried.message_digest.clone() }];
    if let Some(body) = &carried.body {
        parts.push(Part { name: "/attachment1".to_owned(), digest: body.digest.clone() });
    }
    let parts = gateway.desk.sign(identity, parts).await?;
    Ok(Signed { carried, parts })
}
