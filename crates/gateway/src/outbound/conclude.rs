//! The answer: verified, compared with the question, put on record, handed back (data-plane 2.7, 4.6, 5.6).

use super::dispatch::Dispatched;
use crate::error::Refusal;
use crate::gateway::{Gateway, KeptBody};
use crate::parts::{Parts, PassedBody, Rest, decoding, received_fault, short_body};
use crate::proof;
use crate::recorded::{self, Recordable, Recorded};
use crate::transport::connect;
use bytes::Bytes;
use http1::{Framing, Responder, Response, ResponseHead, WriteError};
use message::fault::ReceivedFault;
use message::proxy::{Answer, Decoder, Event, Expected};
use message::rest::{RestRequest, RestResponse};
use messagelog::{Body, Direction, NewRecord, Side};
use signature::SignedParts;
use trust::algorithm::DigestAlgorithm;

/// An answer that is proven and belongs to the request; not yet on record.
#[derive(Debug)]
pub struct VerifiedAnswer {
    request: RestRequest,
    response: RestResponse,
    message: Bytes,
    body: Option<PassedBody>,
    signed: SignedParts,
}

/// An answer that may be handed to the consumer.
pub type Concluded = Recorded<VerifiedAnswer>;

impl Recordable for VerifiedAnswer {
    fn to_record(&self) -> NewRecord {
        NewRecord {
            query_id: self.request.id().to_owned(),
            request_id: self.request.request_id().to_owned(),
            owner: self.request.client().clone(),
            service: self.request.service().clone(),
            side: Side::Consumer,
            direction: Direction::Response,
            message: self.message.to_vec(),
            body: self.body.as_ref().map_or(Body::None, |body| body.spooled.to_log()),
            signed: self.signed.clone(),
        }
    }
}

/// Reads, verifies, compares and records the answer.
pub(crate) async fn conclude(gateway: &Gateway, dispatched: Dispatched) -> Result<Concluded, Refusal> {
    let Dispatched { request, request_hash, response, peer } = dispatched;
    let kept = gateway.kept_body(Side::Consumer, request.service());
    let (message, digest, rest, algorithm) = read(response, &kept).await?;
    connect::give_back(gateway, peer);
    let answer = RestResponse::parse(&message)
        .map_err(|refusal| Refusal::MalformedMessage(refusal.to_string()).while_reading())?;
    let proven = proof::Message { bytes: &message, digest: &digest, body: rest.body.as_ref(), algorithm };
    proof::verify(gateway, &proven, &rest.signed, request.service().client())?;
    answer.answers(&request, &request_hash).map_err(Refusal::Inconsistent)?;
    if answer.status() < 200 {
        // No consumer would take it for an answer, so it must not be recorded as one.
        let text = format!("The answer's status is {}, which ends nothing", answer.status());
        return Err(Refusal::MalformedMessage(text).while_reading());
    }
    if rest.body.is_none() && !bodiless(&request, &answer) && answer.status() != 205 {
        // Every server writes a body part then, an empty one too (4.8); a live consumer does not miss it (E.5).
        let text = "The answer has no body part".to_owned();
        return Err(Refusal::MalformedMessage(text).while_reading());
    }
    let Rest { body, signed } = rest;
    let verified = VerifiedAnswer { request, response: answer, message, body, signed };
    recorded::put(&gateway.log, verified).await
}

async fn read(
    mut response: Response,
    kept: &KeptBody,
) -> Result<(Bytes, Vec<u8>, Rest, DigestAlgorithm), Refusal> {
    if !matches!(response.head.status, 200 | 500) {
        return Err(Refusal::PeerStatus(response.head.status));
    }
    let boundary = match Answer::of(response.head.header_text("content-type")) {
        Ok(Answer::Message(boundary)) => boundary,
        Ok(Answer::Fault) => return Err(bare_fault(&mut response).await),
        Err(refusal) => return Err(decoding(refusal)),
    };
    let algorithm = hash_algorithm(&response.head)?;
    let mut parts = Parts::new(response.body, Decoder::new(Expected::RestResponse, &boundary, algorithm));
    match parts.next().await? {
        Some(Event::Message { bytes, digest, .. }) => {
            let rest = parts.rest(kept).await?;
            Ok((bytes, digest, rest, algorithm))
        }
        Some(Event::Fault(fault)) => Err(received_fault(&fault)),
        Some(_) | None => Err(Refusal::MissingRest),
    }
}

async fn bare_fault(response: &mut Response) -> Refusal {
    match short_body(&mut response.body).await.map(ReceivedFault::read) {
        Ok(Ok(fault)) => received_fault(&fault),
        Ok(Err(refusal)) => Refusal::Decoding(refusal.into()).while_reading(),
        Err(refusal) => refusal,
    }
}

/// Spelled in lower case only: a 7.8.0 consumer knows no other, so a server that writes another breaks them all (trap 2).
fn hash_algorithm(head: &ResponseHead) -> Result<DigestAlgorithm, Refusal> {
    let missing =
        || Refusal::MalformedMessage("Could not get hash algorithm identifier from message".to_owned());
    let value =
        head.headers.iter().find(|(name, _)| name.as_ref() == b"x-hash-algorithm").map(|(_, value)| value);
    value
        .and_then(|value| std::str::from_utf8(value).ok())
        .and_then(DigestAlgorithm::from_name)
        .ok_or_else(missing)
}

/// Hands the answer to the consumer: the message's headers with their spelling, its status, its body (data-plane
/// 2.7). A reason phrase of the service's own stays in the signed message, as in X-Road, unless the status is unusual.
pub(crate) async fn hand_back(
    concluded: Concluded,
    responder: Responder,
    date: &str,
) -> Result<(), WriteError> {
    let answer = concluded.subject();
    let mut head = ResponseHead::new(answer.response.status());
    if head.reason.is_empty() {
        answer.response.reason().clone_into(&mut head.reason);
    }
    // The original's HTTP layer writes its own Date first, and the service's takes its place (seen on a live 7.8.0).
    head.push("Date", answer.response.header("date").unwrap_or(date));
    for header in answer.response.headers().iter().filter(|header| !header.is("date")) {
        head.push(header.name(), header.wire_value());
    }
    let Some(body) = answer.body.as_ref().filter(|_| !bodiless(&answer.request, &answer.response)) else {
        return responder.start(&head, empty(answer)).await?.finish().await;
    };
    let mut writer = responder.start(&head, Framing::ContentLength(body.spooled.length())).await?;
    let Ok(mut reader) = body.spooled.read().await else {
        writer.abandon();
        return Ok(());
    };
    loop {
        match reader.next().await {
            Ok(Some(chunk)) => writer.put(&chunk).await?,
            Ok(None) => return writer.finish().await,
            Err(error) => {
                tracing::error!("a spooled body could not be read, so the consumer sees it cut: {error}");
                writer.abandon();
                return Ok(());
            }
        }
    }
}

fn bodiless(request: &RestRequest, answer: &RestResponse) -> bool {
    matches!(answer.status(), 100..=199 | 204 | 304) || request.verb().as_str() == "HEAD"
}

fn empty(answer: &VerifiedAnswer) -> Framing {
    if bodiless(&answer.request, &answer.response) { Framing::None } else { Framing::ContentLength(0) }
}
