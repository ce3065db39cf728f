//! From a peer, over mutual TLS: the parts in order; who calls is verified as soon as the message says for whom (data-plane 4.9).

use crate::error::Refusal;
use crate::gateway::Gateway;
use crate::parts::{Parts, PassedBody, Rest, decoding};
use crate::spool::Spooled;
use crate::transport::listen::Caller;
use crate::transport::verify_peer;
use bytes::Bytes;
use http1::{Body, RequestHead};
use identifier::{ClientId, ServiceId};
use message::proxy::{self, Answer, Decoder, Event, Expected};
use message::rest::{self, RestRequest};
use messagelog::Side;
use quota::Share;
use signature::SignedParts;
use std::sync::Arc;
use trust::OcspResponse;
use trust::algorithm::DigestAlgorithm;

/// A request whose calling gateway is verified; its signature is not.
#[derive(Debug)]
pub struct Received {
    pub(crate) request: RestRequest,
    pub(crate) message: Bytes,
    pub(crate) digest: Vec<u8>,
    pub(crate) algorithm: DigestAlgorithm,
    pub(crate) body: Option<PassedBody>,
    pub(crate) signed: SignedParts,
    /// What this exchange has of its client's quota.
    pub(crate) share: Arc<Share>,
}

impl Received {
    /// Who asks, as the message says.
    #[must_use]
    pub fn client(&self) -> &ClientId {
        self.request.client()
    }

    /// What is asked for.
    #[must_use]
    pub fn service(&self) -> &ServiceId {
        self.request.service()
    }

    pub(crate) fn method(&self) -> &str {
        self.request.verb().as_str()
    }

    pub(crate) fn service_path(&self) -> &str {
        self.request.service_path()
    }

    pub(crate) fn query(&self) -> Option<&str> {
        self.request.query()
    }

    pub(crate) fn body(&self) -> Option<&Spooled> {
        self.body.as_ref().map(|body| &body.spooled)
    }
}

/// Reads the whole request.
pub(crate) async fn accept(
    gateway: &Gateway,
    caller: Caller,
    head: &RequestHead,
    body: Body,
) -> Result<Received, Refusal> {
    if head.method != "POST" {
        return Err(Refusal::InvalidHttpMethod(format!(
            "Must use POST request method instead of {}",
            head.method
        )));
    }
    gateway.require_picture()?;
    let algorithm = hash_algorithm(head)?;
    let boundary = Answer::boundary_of_request(head.header_text("content-type")).map_err(decoding)?;
    let mut parts = Parts::new(body, Decoder::new(Expected::RestRequest, &boundary, algorithm));
    let mut responses = Vec::new();
    let (message, digest) = loop {
        match parts.next().await? {
            Some(Event::OcspResponse(der)) => responses.push(parse_ocsp(&der)?),
            Some(Event::Message { kind: proxy::PartKind::RestRequest, bytes, digest }) if says_rest(head) => {
                break (bytes, digest);
            }
            Some(Event::Message { .. }) | None => return Err(missing(head)),
            // A fault instead of a message, which a request never is; or a SOAP message, which nobody takes yet.
            Some(_) => return Err(missing(head)),
        }
    };
    let request = RestRequest::parse(&message).map_err(|refusal| malformed(&refusal))?;
    check_early(gateway, &caller, head, &request, &responses).await?;
    // Its server has proven itself, so nobody else can use up what this client may.
    let client = request.client();
    let share = gateway.quotas_inbound.admit(client);
    let share = Arc::new(share.map_err(|why| Refusal::QuotaExceeded { client: client.clone(), why })?);
    let kept = gateway.kept_body(Side::Provider, request.service()).counted(client, &share);
    let Rest { body, signed } = parts.rest(&kept).await?;
    // A body may have taken long; the verdict stands for a minute, then it is formed anew.
    verify_peer::caller(gateway, &caller.chain, &responses, request.client())
        .map_err(Refusal::while_reading)?;
    Ok(Received { request, message, digest, algorithm, body, signed, share })
}

/// A live server misses the identifier only when it answers, so its code has no prefix (E.1.9); the service was called by then.
fn malformed(refusal: &rest::Refusal) -> Refusal {
    let malformed = Refusal::MalformedMessage(refusal.to_string());
    if *refusal == rest::Refusal::MissingId { malformed } else { malformed.while_reading() }
}

/// What can be known before the body has come: who calls, for whom, and that we could answer.
async fn check_early(
    gateway: &Gateway,
    caller: &Caller,
    head: &RequestHead,
    request: &RestRequest,
    responses: &[OcspResponse],
) -> Result<(), Refusal> {
    check_request_id(head, request)?;
    let provider = request.service().client();
    let settings = gateway.settings();
    if !settings.client(provider).is_some_and(|client| client.registered) {
        return Err(Refusal::UnknownProviderHere(provider.clone()).while_reading());
    }
    let identity =
        gateway.identity.signing(gateway, provider.member_ref()).map_err(Refusal::while_reading)?;
    gateway.desk.check(&identity).await.map_err(Refusal::while_reading)?;
    verify_peer::caller(gateway, &caller.chain, responses, request.client()).map_err(Refusal::while_reading)
}

/// The identifier of the exchange stands in the HTTP head and in the message, and is the same (data-plane 4.5, E.1.9).
fn check_request_id(head: &RequestHead, request: &RestRequest) -> Result<(), Refusal> {
    match head.header_text("x-road-request-id") {
        Some(id) if id == request.request_id() => Ok(()),
        Some(_) => {
            Err(Refusal::MalformedMessage("x-road-request-id differs between head and message".to_owned()))
        }
        None => Err(Refusal::MalformedMessage("The header x-road-request-id is missing".to_owned())),
    }
}

fn says_rest(head: &RequestHead) -> bool {
    head.header("x-road-message-type").is_some_and(|value| value.as_ref() == b"REST")
}

fn missing(head: &RequestHead) -> Refusal {
    if says_rest(head) { Refusal::MissingRest } else { Refusal::MissingSoap }
}

fn hash_algorithm(head: &RequestHead) -> Result<DigestAlgorithm, Refusal> {
    head.header_text("x-hash-algorithm").and_then(DigestAlgorithm::from_name).ok_or_else(|| {
        Refusal::MalformedMessage("Could not get hash algorithm identifier from message".to_owned())
    })
}

fn parse_ocsp(der: &[u8]) -> Result<OcspResponse, Refusal> {
    OcspResponse::parse(der).map_err(|error| {
        let text = format!("An OCSP response cannot be read: {error}");
        Refusal::PeerCertificate { code: "", text }.while_reading()
    })
}
