//! The answer: streamed to the peer as the service gives it, then signed, recorded, and only then proven with the signature part
//! (data-plane 4.6, 4.8).

use super::accept::Received;
use super::deliver::Delivered;
use crate::error::Refusal;
use crate::gateway::Gateway;
use crate::parts::{PassedBody, to_be_signed};
use crate::recorded::{self, Recordable, Recorded};
use bytes::Bytes;
use http1::{BodyWriter, Framing, Responder, ResponseHead, WriteError};
use message::content_type::Boundary;
use message::fault::Fault;
use message::proxy::{Encoder, Expected};
use message::rest::RestResponse;
use messagelog::{Body, Direction, NewRecord, Side};
use signature::SignedParts;
use trust::algorithm::DigestAlgorithm;

/// Why an answer was not completed.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// A step refused: the peer reads why.
    Refused(Refusal),
    /// The peer has gone.
    Gone(WriteError),
}

impl From<Refusal> for Stopped {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// The multipart on its way to the peer.
#[derive(Debug)]
pub(crate) struct Stream {
    encoder: Encoder,
    writer: BodyWriter,
    algorithm: DigestAlgorithm,
}

impl Stream {
    /// Begins the answer. To an X-Road peer it ends with the connection (E.1.12); our own kind gets chunks and keeps the connection.
    pub(crate) async fn start(
        gateway: &Gateway,
        responder: Responder,
        own_kind: bool,
    ) -> Result<Self, WriteError> {
        let algorithm = DigestAlgorithm::Sha512;
        let boundary =
            Boundary::top(&gateway.chance.letters(30)).map_err(|_| WriteError::Head("no boundary"))?;
        let encoder = Encoder::new(Expected::RestResponse, boundary, algorithm);
        let mut head = ResponseHead::new(200)
            .with("Date", gateway.http_date())
            .with("Content-Type", encoder.content_type())
            .with("x-hash-algorithm", algorithm.name());
        if !own_kind {
            head.push("Connection", "close");
        }
        let framing = if own_kind { Framing::Chunked } else { Framing::UntilClose };
        let writer = responder.start(&head, framing).await?;
        Ok(Self { encoder, writer, algorithm })
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Stopped> {
        self.writer.write(bytes).await.map_err(Stopped::Gone)
    }

    /// For what leaves with the next piece.
    async fn put(&mut self, bytes: &[u8]) -> Result<(), Stopped> {
        self.writer.put(bytes).await.map_err(Stopped::Gone)
    }

    /// Hash chain and signature: only of an answer that is on record. A crash before this leaves the peer with a cut answer, which it
    /// refuses.
    pub(crate) async fn prove(&mut self, recorded: &Recorded<SignedAnswer>) -> Result<(), Stopped> {
        let parts = &recorded.subject().parts;
        let mut bytes = Vec::new();
        if let (Some(result), Some(chain)) = (&parts.hash_chain_result, &parts.hash_chain) {
            bytes.append(&mut self.encoder.hash_chain(result, chain).map_err(|e| unwritable(&e))?);
        }
        bytes.append(&mut self.encoder.signature(&parts.signatures_xml).map_err(|e| unwritable(&e))?);
        self.put(&bytes).await
    }

    /// A fault in the place of what did not come.
    pub(crate) async fn fault(mut self, fault: &Fault) -> Result<(), WriteError> {
        match self.encoder.fault(fault) {
            Ok(bytes) => self.writer.put(&bytes).await?,
            Err(error) => {
                tracing::error!("a fault part could not be written: {error}");
                self.writer.abandon();
                return Ok(());
            }
        }
        self.end().await
    }

    /// The closing boundary.
    pub(crate) async fn end(mut self) -> Result<(), WriteError> {
        match self.encoder.end() {
            Ok(bytes) => {
                self.writer.put(&bytes).await?;
                self.writer.finish().await
            }
            Err(error) => {
                tracing::error!("the end of an answer could not be written: {error}");
                self.writer.abandon();
                Ok(())
            }
        }
    }
}

/// An answer that has passed to the peer, without its proof.
#[derive(Debug)]
pub(crate) struct CarriedAnswer {
    received: Received,
    message: Vec<u8>,
    digest: Vec<u8>,
    body: Option<PassedBody>,
}

/// An answer with its signature, which has not left.
#[derive(Debug)]
pub struct SignedAnswer {
    carried: CarriedAnswer,
    parts: SignedParts,
}

impl Recordable for SignedAnswer {
    fn to_record(&self) -> NewRecord {
        let request = &self.carried.received.request;
        NewRecord {
            query_id: request.id().to_owned(),
            request_id: request.request_id().to_owned(),
            owner: request.service().client().clone(),
            service: request.service().clone(),
            side: Side::Provider,
            direction: Direction::Response,
            message: self.carried.message.clone(),
            body: self.carried.body.as_ref().map_or(Body::None, |body| body.spooled.to_log()),
            signed: self.parts.clone(),
        }
    }
}

/// Streams the service's answer to the peer, digesting it. A body part is written whenever HTTP says that there is one, even when it
/// is empty.
pub(crate) async fn carry(
    gateway: &Gateway,
    mut delivered: Delivered,
    stream: &mut Stream,
) -> Result<CarriedAnswer, Stopped> {
    let response = message(&delivered)?;
    let message = response.to_bytes();
    let (mut waiting, digest) = stream.encoder.message(&message).map_err(|e| unwritable(&e))?;
    let mut body = None;
    if delivered.response.body.has_entity() {
        waiting.append(&mut stream.encoder.body_start().map_err(|e| unwritable(&e))?);
        let kept = gateway.kept_body(Side::Provider, delivered.verified.received().service());
        let mut spool = kept.spool();
        while let Some(chunk) = next(&mut delivered).await? {
            stream.put(&std::mem::take(&mut waiting)).await?;
            stream.encoder.body(&chunk);
            spool.write(&chunk).await.map_err(|e| Refusal::Spool(e.to_string()))?;
            kept.check(spool.length())?;
            stream.write(&chunk).await?;
        }
        let digest = stream.encoder.body_end().unwrap_or_else(|| stream.algorithm.digest(b""));
        let spooled = spool.finish().await.map_err(|e| Refusal::Spool(e.to_string()))?;
        body = Some(PassedBody { digest, spooled });
    }
    if !waiting.is_empty() {
        stream.write(&waiting).await?;
    }
    Ok(CarriedAnswer { received: delivered.verified.into_received(), message, digest, body })
}

/// The answer's message: the service's headers that travel, then the five that tie it to the request.
fn message(delivered: &Delivered) -> Result<RestResponse, Refusal> {
    let received = delivered.verified.received();
    let hash = received.request.request_hash(received.body.as_ref().map(|body| body.digest.as_slice()));
    let head = &delivered.response.head;
    RestResponse::build(&received.request, &hash, head.status, &head.reason, &head.headers).map_err(
        |refusal| Refusal::MalformedMessage(format!("The service's answer cannot be carried: {refusal}")),
    )
}

/// The next piece of the service's body, unpacked.
async fn next(delivered: &mut Delivered) -> Result<Option<Bytes>, Refusal> {
    loop {
        if let Some(piece) = delivered.unpacker.next()? {
            return Ok(Some(piece));
        }
        match delivered.response.body.read_chunk().await {
            Ok(Some(chunk)) => delivered.unpacker.push(chunk),
            Ok(None) if delivered.unpacker.has_ended() => return Ok(None),
            Ok(None) => delivered.unpacker.end(),
            Err(error) => return Err(delivered.cut(&error).await),
        }
    }
}

/// The provider's member vouches for the answer.
pub(crate) async fn sign(gateway: &Gateway, carried: CarriedAnswer) -> Result<SignedAnswer, Refusal> {
    let provider = carried.received.service().client();
    let identity = gateway.identity.signing(gateway, provider.member_ref())?;
    let parts = to_be_signed(&carried.digest, carried.body.as_ref());
    let parts = gateway.desk.sign(identity, parts).await?;
    Ok(SignedAnswer { carried, parts })
}

/// Waits until the answer is on disk.
pub(crate) async fn record(
    gateway: &Gateway,
    signed: SignedAnswer,
) -> Result<Recorded<SignedAnswer>, Refusal> {
    recorded::put(&gateway.log, signed).await
}

fn unwritable(error: &dyn std::fmt::Display) -> Refusal {
    Refusal::MalformedMessage(format!("The answer could not be written: {error}"))
}
