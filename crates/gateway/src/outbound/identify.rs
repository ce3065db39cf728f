//! Which subsystem is asking, did it come the way it must (data-plane 2.4, 8.2), and does it leave room for others?

use super::accept::Received;
use super::listen::Consumer;
use crate::error::Refusal;
use crate::gateway::Gateway;
use crate::serverconf::{ClientEntry, Connection};
use http1::Body;
use identifier::ClientId;
use message::rest::RestRequest;
use quota::Share;
use std::sync::Arc;
use trust::Certificate;

/// A request of a registered client of this server that connected as it must.
#[derive(Debug)]
pub struct Identified {
    pub(crate) request: RestRequest,
    pub(crate) content_type: Vec<u8>,
    pub(crate) body: Body,
    /// What this exchange has of its client's quota.
    pub(crate) share: Arc<Share>,
}

/// Finds the client and holds its connection to what its operator demands.
pub(crate) fn identify(gateway: &Gateway, received: Received) -> Result<Identified, Refusal> {
    let settings = gateway.settings();
    let id = received.request.client();
    let client = settings
        .client(id)
        .filter(|client| client.registered)
        .ok_or_else(|| Refusal::UnknownClient(id.clone()))?;
    check_connection(&received.consumer, client, &gateway.internal_tls().certificate)?;
    let exceeded = |why| Refusal::QuotaExceeded { client: id.clone(), why };
    let share = gateway.quotas_outbound.admit(id).map_err(exceeded)?;
    share.hold(received.body.content_length().unwrap_or_default()).map_err(exceeded)?;
    Ok(Identified {
        request: received.request,
        content_type: received.content_type,
        body: received.body,
        share: Arc::new(share),
    })
}

fn check_connection(consumer: &Consumer, client: &ClientEntry, own: &Certificate) -> Result<(), Refusal> {
    let demanded = client.connection;
    match (demanded, consumer) {
        (Connection::Http, _) | (Connection::Https, Consumer::Tls(_)) => Ok(()),
        (Connection::Https, Consumer::Plain) => {
            Err(refused(&client.id, "specifies HTTPS NO AUTH but client made plaintext connection"))
        }
        (Connection::HttpsMutual, Consumer::Plain) => check_certificate(None, client, own),
        (Connection::HttpsMutual, Consumer::Tls(presented)) => {
            check_certificate(presented.as_ref(), client, own)
        }
    }
}

/// Byte for byte one of the client's certificates, or our own internal one (local calls): no paths, no dates.
fn check_certificate(
    presented: Option<&Certificate>,
    client: &ClientEntry,
    own: &Certificate,
) -> Result<(), Refusal> {
    let Some(presented) = presented else {
        return Err(refused(&client.id, "specifies HTTPS but did not supply TLS certificate"));
    };
    if presented == own || client.internal_certificates.contains(presented) {
        return Ok(());
    }
    if client.internal_certificates.is_empty() {
        return Err(refused(&client.id, "has no IS certificates"));
    }
    Err(refused(&client.id, "TLS certificate does not match any IS certificates"))
}

/// In the words of X-Road, which operators of consumers know (data-plane E.6).
fn refused(id: &ClientId, why: &str) -> Refusal {
    Refusal::ConsumerConnection(format!("Client ({}) {why}", id.display_form()))
}
