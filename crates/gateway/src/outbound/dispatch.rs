//! To the peer, over mutual TLS, in two moves: the message and its body first, digested as they pass; the signature part, without
//! which the peer cannot act, only when the request is on record (data-plane 4.5–4.8).

use super::address::Addressed;
use super::sign::Signed;
use crate::error::Refusal;
use crate::gateway::{Gateway, KeptBody};
use crate::parts::{PassedBody, received_fault, short_body};
use crate::recorded::Recorded;
use crate::spool::Spool;
use crate::transport::connect::Peer;
use bytes::Bytes;
use http1::{Answer, Body, BodyWriter, Framing, ReceiveError, RequestHead, Response, WriteError};
use message::content_type::Boundary;
use message::fault::ReceivedFault;
use message::proxy::{self, Encoder, Expected};
use message::rest::RestRequest;
use messagelog::Side;
use std::time::Duration;
use trust::algorithm::DigestAlgorithm;

/// What we say our version is: a peer may demand a plain version not below its minimum (data-plane 4.5).
const PROXY_VERSION: &str = "7.8.0";

/// A request whose message and body have passed; the peer waits for the signature.
#[derive(Debug)]
pub struct Carried {
    pub(crate) request: RestRequest,
    pub(crate) message: Vec<u8>,
    pub(crate) message_digest: Vec<u8>,
    pub(crate) body: Option<PassedBody>,
    sending: Sending,
}

impl Carried {
    pub(crate) const fn request(&self) -> &RestRequest {
        &self.request
    }
}

/// The open end of the message to the peer.
#[derive(Debug)]
struct Sending {
    encoder: Encoder,
    writer: BodyWriter,
    answer: Answer,
    peer: Peer,
}

/// A request that was sent whole, and the beginning of its answer.
#[derive(Debug)]
pub struct Dispatched {
    pub(crate) request: RestRequest,
    pub(crate) request_hash: String,
    pub(crate) response: Response,
    pub(crate) peer: Peer,
}

/// Carries message and body to the peer.
pub(crate) async fn carry(gateway: &Gateway, addressed: Addressed) -> Result<Carried, Refusal> {
    let Addressed { identified, mut peer } = addressed;
    let identity = gateway.identity.authentication(gateway)?;
    let boundary = Boundary::top(&gateway.chance.letters(30)).map_err(|e| unwritable(&e))?;
    let mut encoder = Encoder::new(Expected::RestRequest, boundary, DigestAlgorithm::Sha512);
    let head =
        head(&identified.request, &identified.content_type, &encoder.content_type(), &peer.host_header);
    let (writer, answer) = peer.http.send(&head, Framing::Chunked).await.map_err(|e| not_sent(&e))?;
    let mut first = Vec::new();
    for response in &identity.responses {
        first.append(&mut encoder.ocsp_response(response.der()).map_err(|e| unwritable(&e))?);
    }
    let message = identified.request.to_bytes();
    let (mut bytes, message_digest) = encoder.message(&message).map_err(|e| unwritable(&e))?;
    first.append(&mut bytes);
    let mut sending = Sending { encoder, writer, answer, peer };
    let kept = gateway
        .kept_body(Side::Consumer, identified.request.service())
        .counted(identified.request.client(), &identified.share);
    let body = carry_body(&kept, &mut sending, first, identified.body).await?;
    Ok(Carried { request: identified.request, message, message_digest, body, sending })
}

/// Sends what waits and then the body, as it comes from the consumer. A body part is written only when there is at least one byte.
async fn carry_body(
    kept: &KeptBody,
    sending: &mut Sending,
    mut waiting: Vec<u8>,
    mut body: Body,
) -> Result<Option<PassedBody>, Refusal> {
    let mut spool: Option<Spool> = None;
    while let Some(chunk) = read(&mut body).await? {
        let spool = match &mut spool {
            Some(spool) => spool,
            None => {
                waiting.append(&mut sending.encoder.body_start().map_err(|e| unwritable(&e))?);
                spool.insert(kept.spool())
            }
        };
        if let Err(error) = sending.writer.put(&std::mem::take(&mut waiting)).await {
            return Err(sending.why(&error).await);
        }
        sending.encoder.body(&chunk);
        spool.write(&chunk).await.map_err(|e| Refusal::Spool(e.to_string()))?;
        kept.check(spool.length())?;
        sending.write(&chunk).await?;
    }
    if !waiting.is_empty() {
        sending.write(&waiting).await?;
    }
    let Some(spool) = spool else { return Ok(None) };
    let digest = sending.encoder.body_end().unwrap_or_default();
    let spooled = spool.finish().await.map_err(|e| Refusal::Spool(e.to_string()))?;
    Ok(Some(PassedBody { digest, spooled }))
}

async fn read(body: &mut Body) -> Result<Option<Bytes>, Refusal> {
    body.read_chunk().await.map_err(|error| Refusal::ConsumerIo(error.to_string()))
}

impl Sending {
    /// Writes, while watching for an answer that comes too early: it can only be a refusal.
    async fn write(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        tokio::select! {
            biased;
            written = self.writer.write(bytes) => match written {
                Ok(()) => Ok(()),
                Err(error) => Err(self.why(&error).await),
            },
            early = self.answer.receive() => Err(early_answer(early).await),
        }
    }

    /// A peer that stops reading has often said why. Who took nothing for as long as we wait has said by now whatever it had to say.
    async fn why(&mut self, error: &WriteError) -> Refusal {
        let wait = if *error == WriteError::Slow { Duration::ZERO } else { Duration::MAX };
        match tokio::time::timeout(wait, self.answer.receive()).await {
            Ok(Ok(response)) => early_answer(Ok(response)).await,
            Ok(Err(_)) | Err(_) => not_sent(error),
        }
    }
}

async fn early_answer(received: Result<Response, ReceiveError>) -> Refusal {
    let mut response = match received {
        Ok(response) => response,
        Err(error) => return no_answer(&error),
    };
    let is_fault =
        matches!(proxy::Answer::of(response.head.header_text("content-type")), Ok(proxy::Answer::Fault));
    if !is_fault {
        return Refusal::PeerIo("The server answered before the request was sent".to_owned());
    }
    match short_body(&mut response.body).await {
        Ok(xml) => match ReceivedFault::read(xml) {
            Ok(fault) => received_fault(&fault),
            Err(refusal) => Refusal::Decoding(refusal.into()).while_reading(),
        },
        Err(refusal) => refusal,
    }
}

/// Sends the signature: only something that is on record can be dispatched.
///
/// # Errors
/// The peer took it not, or gave no answer.
pub async fn dispatch(recorded: Recorded<Signed>) -> Result<Dispatched, Refusal> {
    let Signed { carried, parts } = recorded.into_subject();
    let Carried { request, body, sending, .. } = carried;
    let Sending { mut encoder, mut writer, mut answer, peer } = sending;
    let mut bytes = Vec::new();
    if let (Some(result), Some(chain)) = (&parts.hash_chain_result, &parts.hash_chain) {
        bytes.append(&mut encoder.hash_chain(result, chain).map_err(|e| unwritable(&e))?);
    }
    bytes.append(&mut encoder.signature(&parts.signatures_xml).map_err(|e| unwritable(&e))?);
    bytes.append(&mut encoder.end().map_err(|e| unwritable(&e))?);
    let sent = match writer.put(&bytes).await {
        Ok(()) => writer.finish().await,
        Err(error) => Err(error),
    };
    // A crash from here on leaves a recorded request whose answer nobody recorded: the consumer saw no answer.
    let response = match (answer.receive().await, sent) {
        (Ok(response), _) => response,
        (Err(_), Err(error)) => return Err(not_sent(&error)),
        (Err(error), Ok(())) => return Err(no_answer(&error)),
    };
    let request_hash = request.request_hash(body.as_ref().map(|body| body.digest.as_slice()));
    Ok(Dispatched { request, request_hash, response, peer })
}

fn head(request: &RestRequest, original: &[u8], content_type: &str, host: &str) -> RequestHead {
    RequestHead::new("POST", "/")
        .with("x-road-message-type", "REST")
        .with("x-hash-algorithm", DigestAlgorithm::Sha512.name())
        .with("x-original-content-type", original)
        .with("x-road-request-id", request.request_id())
        .with("x-proxy-version", PROXY_VERSION)
        .with("Transfer-Encoding", "chunked")
        .with("Content-Type", content_type)
        .with("Host", host)
        .with("Connection", "Keep-Alive")
        .with("User-Agent", concat!("Chhatra/", env!("CARGO_PKG_VERSION")))
}

fn unwritable(error: &dyn std::fmt::Display) -> Refusal {
    Refusal::MalformedMessage(format!("The message could not be written: {error}"))
}

/// Whether a connection that failed is noticed in writing or in reading is chance, so both say the same.
fn not_sent(error: &WriteError) -> Refusal {
    let kind = if let WriteError::Connection(kind) = error { Some(*kind) } else { None };
    Refusal::of_peer(kind, format!("The message could not be sent to the server: {error}"))
}

fn no_answer(error: &ReceiveError) -> Refusal {
    let kind = if let ReceiveError::Connection(kind) = error { Some(*kind) } else { None };
    Refusal::of_peer(kind, format!("The server failed to respond: {error}"))
}
