//! The provider's side: a peer's request on its way to one of our services, and the answer's way back.

pub mod accept;
pub mod verify;
pub mod permit;
pub mod record;
pub mod deliver;
pub mod answer;
mod decompress;
pub(crate) mod service_tls;

use crate::error::Refusal;
use crate::fault::{self, Side};
use crate::gateway::Gateway;
use crate::recorded::Recorded;
use crate::transport::listen::Caller;
use answer::Stream;
use http1::{Body, Request, RequestHead, Responder, ResponseHead, WriteError};
use permit::Permitted;
use std::sync::Arc;

/// One exchange: every step called in order. What fails before the service is called is answered with a bare fault, what fails
/// afterwards with a fault part (data-plane 4.6).
pub(crate) async fn exchange(gateway: &Gateway, caller: Caller, request: Request) {
    let Request { head, body, responder } = request;
    let own_kind = caller.own_kind;
    let written = match admit(gateway, caller, &head, body).await {
        Ok(recorded) => answer(gateway, recorded, responder, own_kind).await,
        Err(refusal) => refuse(gateway, &refusal, responder, own_kind).await,
    };
    if let Err(error) = written {
        tracing::info!("the peer did not take the answer: {error}");
    }
}

async fn admit(
    gateway: &Gateway,
    caller: Caller,
    head: &RequestHead,
    body: Body,
) -> Result<Recorded<Permitted>, Refusal> {
    let received = accept::accept(gateway, caller, head, body).await?;
    let verified = verify::verify(gateway, received)?;
    let permitted = permit::permit(gateway, verified)?;
    record::record(gateway, permitted).await
}

async fn answer(
    gateway: &Gateway,
    recorded: Recorded<Permitted>,
    responder: Responder,
    own_kind: bool,
) -> Result<(), WriteError> {
    // What it has of its client's quota it has until the answer is sent.
    let _share = Arc::clone(&recorded.subject().verified().received().share);
    let mut stream = Stream::start(gateway, responder, own_kind).await?;
    match fulfil(gateway, recorded, &mut stream).await {
        Ok(()) => stream.end().await,
        Err(answer::Stopped::Refused(refusal)) => {
            stream.fault(&fault::fault(&refusal, Side::Provider, &gateway.chance)).await
        }
        Err(answer::Stopped::Gone(error)) => Err(error),
    }
}

async fn fulfil(
    gateway: &Gateway,
    recorded: Recorded<Permitted>,
    stream: &mut Stream,
) -> Result<(), answer::Stopped> {
    let delivered = deliver::deliver(gateway, recorded).await?;
    let carried = answer::carry(gateway, delivered, stream).await?;
    let signed = answer::sign(gateway, carried).await?;
    let recorded = answer::record(gateway, signed).await?;
    stream.prove(&recorded).await
}

/// A bare fault, for REST requests too.
async fn refuse(
    gateway: &Gateway,
    refusal: &Refusal,
    responder: Responder,
    own_kind: bool,
) -> Result<(), WriteError> {
    let fault = fault::fault(refusal, Side::Provider, &gateway.chance);
    let xml = fault.to_xml();
    // In the order in which X-Road writes them (data-plane E.1.12).
    let mut head = ResponseHead::new(200)
        .with("Date", gateway.http_date())
        .with("Content-Type", message::fault::CONTENT_TYPE)
        .with("SOAPAction", "")
        .with("Content-Length", xml.len().to_string());
    if !own_kind {
        head.push("Connection", "close");
    }
    responder.respond(&head, xml.as_bytes()).await
}
