//! The consumer's side: a request of one of our members on its way to a provider, and the answer's way back.

pub(crate) mod listen;
pub mod accept;
pub mod identify;
pub mod address;
pub mod sign;
pub mod record;
pub mod dispatch;
pub mod conclude;

use crate::error::Refusal;
use crate::fault::{self, Side};
use crate::gateway::Gateway;
use conclude::Concluded;
use http1::{Body, Framing, Request, RequestHead, Responder, ResponseHead};
use listen::Consumer;
use quota::Share;
use std::sync::Arc;

/// One exchange: every step called in order. Nobody but the consumer learns how it ended.
pub(crate) async fn exchange(gateway: &Gateway, consumer: Consumer, request: Request) {
    let Request { head, body, responder } = request;
    let written = match carry(gateway, consumer, &head, body).await {
        // What it has of its client's quota it has until the answer is handed back.
        Ok((concluded, _share)) => conclude::hand_back(concluded, responder, &gateway.http_date()).await,
        Err(refusal) => refuse(gateway, &refusal, &head, responder).await,
    };
    if let Err(error) = written {
        tracing::info!("the consumer did not take the answer: {error}");
    }
}

async fn carry(
    gateway: &Gateway,
    consumer: Consumer,
    head: &RequestHead,
    body: Body,
) -> Result<(Concluded, Arc<Share>), Refusal> {
    let received = accept::accept(gateway, consumer, head, body)?;
    let identified = identify::identify(gateway, received)?;
    let share = Arc::clone(&identified.share);
    let addressed = address::address(gateway, identified).await?;
    let carried = dispatch::carry(gateway, addressed).await?;
    let signed = sign::sign(gateway, carried).await?;
    let recorded = record::record(gateway, signed).await?;
    let dispatched = dispatch::dispatch(recorded).await?;
    Ok((conclude::conclude(gateway, dispatched).await?, share))
}

/// A REST consumer reads JSON or XML, a SOAP consumer a fault with status 200 (data-plane 2.8, 3.3).
async fn refuse(
    gateway: &Gateway,
    refusal: &Refusal,
    head: &RequestHead,
    responder: Responder,
) -> Result<(), http1::WriteError> {
    let fault = fault::fault(refusal, Side::Consumer, &gateway.chance);
    let date = gateway.http_date();
    if !accept::is_rest(head) {
        let answer = ResponseHead::new(200)
            .with("Date", date)
            .with("Content-Type", message::fault::CONTENT_TYPE)
            .with("SOAPAction", "");
        return responder.respond(&answer, fault.to_xml().as_bytes()).await;
    }
    let accept: Vec<&str> = head.header_all("accept").filter_map(|v| std::str::from_utf8(v).ok()).collect();
    let error = fault::rest_error(&fault, &accept);
    let mut answer = ResponseHead::new(error.status)
        .with("Date", date)
        .with(message::consumer_error::HEADER, &error.code)
        .with("Content-Type", error.content_type);
    // The original says "Server Error"; some clients show the phrase to people.
    answer.reason = if error.status == 500 { "Server Error" } else { "Bad Request" }.to_owned();
    let mut body = responder.start(&answer, Framing::Chunked).await?;
    body.put(error.body.as_bytes()).await?;
    body.finish().await
}
