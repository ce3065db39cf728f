//! A message between gateways as it arrives: its parts in order, digested as they pass, the body kept aside (data-plane 4.8).

use crate::error::Refusal;
use crate::gateway::KeptBody;
use crate::spool::{Spool, Spooled};
use bytes::Bytes;
use http1::{Body, BodyError};
use message::fault::ReceivedFault;
use message::multipart::Malformed;
use message::proxy::{self, BODY_NAME, Decoder, Event, MESSAGE_NAME};
use signature::SignedParts;
use signature::hashchain::Part;

/// Reads the events of one message.
#[derive(Debug)]
pub(crate) struct Parts {
    body: Body,
    decoder: Decoder,
    message_seen: bool,
    ended: bool,
}

/// A body that has passed: its digest, and itself where it is still needed.
#[derive(Debug, Clone)]
pub(crate) struct PassedBody {
    pub(crate) digest: Vec<u8>,
    pub(crate) spooled: Spooled,
}

/// The parts of a message that we sign, under the names by which its signature knows them.
pub(crate) fn to_be_signed(message_digest: &[u8], body: Option<&PassedBody>) -> Vec<Part> {
    let part = |name: &str, digest: &[u8]| Part { name: name.to_owned(), digest: digest.to_vec() };
    let message = part(MESSAGE_NAME, message_digest);
    std::iter::once(message).chain(body.map(|body| part(BODY_NAME, &body.digest))).collect()
}

/// What follows the message part.
#[derive(Debug)]
pub(crate) struct Rest {
    pub(crate) body: Option<PassedBody>,
    pub(crate) signed: SignedParts,
}

impl Parts {
    pub(crate) const fn new(body: Body, decoder: Decoder) -> Self {
        Self { body, decoder, message_seen: false, ended: false }
    }

    /// The next event; `None` after the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Event>, Refusal> {
        loop {
            match self.decoder.next_event() {
                Ok(Some(event)) => {
                    self.message_seen |= matches!(event, Event::Message { .. } | Event::Soap { .. });
                    return Ok(Some(event));
                }
                Ok(None) if self.ended => return Ok(None),
                Ok(None) => {}
                Err(refusal) => return Err(self.refused(refusal)),
            }
            match self.body.read_chunk().await {
                Ok(Some(chunk)) => self.decoder.push(chunk),
                Ok(None) => {
                    self.ended = true;
                    self.decoder.finish();
                }
                Err(error) => return Err(cut(&error)),
            }
        }
    }

    /// Everything behind the message part, to the closing boundary and the end of the HTTP message.
    /// A body that is too long is refused as soon as that is known.
    pub(crate) async fn rest(mut self, kept: &KeptBody) -> Result<Rest, Refusal> {
        let mut spool: Option<Spool> = None;
        let mut body = None;
        let (mut result, mut chain, mut signature) = (None, None, None);
        while let Some(event) = self.next().await? {
            match event {
                Event::BodyStart(_) => spool = Some(kept.spools.begin()),
                Event::Body(chunk) => {
                    if let Some(spool) = &mut spool {
                        spool.write(&chunk).await.map_err(|e| Refusal::Spool(e.to_string()))?;
                        kept.check(spool.length())?;
                    }
                }
                Event::BodyEnd { digest, .. } => {
                    if let Some(spool) = spool.take() {
                        let spooled = spool.finish().await.map_err(|e| Refusal::Spool(e.to_string()))?;
                        body = Some(PassedBody { digest, spooled });
                    }
                }
                Event::HashChainResult(bytes) => result = Some(bytes.to_vec()),
                Event::HashChain(bytes) => chain = Some(bytes.to_vec()),
                Event::Signature(bytes) => signature = Some(bytes.to_vec()),
                Event::Fault(fault) => return Err(received_fault(&fault)),
                // The order of parts is the decoder's; these cannot follow a message.
                Event::OcspResponse(_) | Event::Message { .. } | Event::Soap { .. } | Event::End => {}
            }
        }
        let signatures_xml = signature.ok_or(Refusal::MissingSignature)?;
        let signed = SignedParts { signatures_xml, hash_chain_result: result, hash_chain: chain };
        Ok(Rest { body, signed })
    }

    /// A message that ends behind its message part ends inside its proof, where X-Road then finds broken XML; what ends before is a
    /// message text that X-Road cannot understand (E.5).
    fn refused(&self, refusal: proxy::Refusal) -> Refusal {
        if matches!(refusal, proxy::Refusal::Multipart(Malformed::Truncated)) {
            return if self.message_seen {
                Refusal::CutProof("The message ends before its signature does".to_owned())
            } else {
                Refusal::MalformedMessage(refusal.to_string()).while_reading()
            };
        }
        decoding(refusal)
    }
}

/// X-Road says `service_failed` of most of what goes wrong while it decodes, and not of all.
pub(crate) fn decoding(refusal: proxy::Refusal) -> Refusal {
    if refusal.is_service_failed() {
        Refusal::Decoding(refusal).while_reading()
    } else {
        Refusal::Decoding(refusal)
    }
}

/// A fault is passed on unchanged, wherever it stands.
pub(crate) fn received_fault(fault: &ReceivedFault) -> Refusal {
    Refusal::PeerFault(fault.fault().clone())
}

fn cut(error: &BodyError) -> Refusal {
    Refusal::PeerIo(format!("The message of the other server could not be read: {error}")).while_reading()
}

/// A short body as one piece, for faults.
pub(crate) async fn short_body(body: &mut Body) -> Result<Bytes, Refusal> {
    let bytes = body.read_all(message::fault::BYTES_MAX).await;
    bytes.map(Bytes::from).map_err(|error| Refusal::PeerIo(format!("A fault could not be read: {error}")))
}
