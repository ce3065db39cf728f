//! The sending side: what to send around the message's parts, with their digests.

use trust::algorithm::{DigestAlgorithm, Hasher};

use super::order::{Expected, Order};
use super::{
    HASH_CHAIN, HASH_CHAIN_RESULT, OCSP_RESPONSE, REST_BODY, REST_REQUEST, REST_RESPONSE, Refusal, SIGNATURE,
};
use crate::content_type::{Boundary, Malformed};
use crate::fault::Fault;
use crate::multipart::{PartHead, Unwritable, Writer};

/// The type of a fault part as a live 7.8.0 writes it; a bare fault's is spelt otherwise.
const FAULT_PART: &str = "text/xml; charset=UTF-8";

/// Why a part cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The part would stand out of order: a fault of the caller's code.
    #[error(transparent)]
    Order(#[from] Refusal),
    /// A part's head cannot be written.
    #[error(transparent)]
    Head(#[from] Unwritable),
    /// The boundary is too long for another one to be made of it.
    #[error(transparent)]
    Boundary(#[from] Malformed),
}

/// Writes one message between gateways in X-Road's layout (data-plane 4.7, 4.8), and refuses an order that a receiver
/// would refuse.
///
/// Every method returns bytes to be sent. The body is sent by the caller, who shows each chunk to
/// [`body`](Self::body) as it passes.
#[derive(Debug)]
pub struct Encoder {
    writer: Writer,
    order: Order,
    algorithm: DigestAlgorithm,
    body: Option<Hasher>,
    /// The multipart inside the multipart, once it has begun.
    attachments: Option<Writer>,
}

impl Encoder {
    /// A writer of the given message. `algorithm` is announced to the peer in `x-hash-algorithm`; always SHA-512
    /// (data-plane E.1.8).
    #[must_use]
    pub fn new(message: Expected, boundary: Boundary, algorithm: DigestAlgorithm) -> Self {
        Self {
            writer: Writer::new(boundary),
            order: Order::new(message),
            algorithm,
            body: None,
            attachments: None,
        }
    }

    /// The value of the HTTP Content-Type.
    #[must_use]
    pub fn content_type(&self) -> String {
        self.writer.content_type()
    }

    /// An OCSP response of our authentication certificate or of a presented intermediate, in that order.
    ///
    /// # Errors
    /// Too late, or too many.
    pub fn ocsp_response(&mut self, der: &[u8]) -> Result<Vec<u8>, Failure> {
        self.whole(OCSP_RESPONSE, der)
    }

    /// The message; gives its digest too.
    ///
    /// # Errors
    /// A second message.
    pub fn message(&mut self, bytes: &[u8]) -> Result<(Vec<u8>, Vec<u8>), Failure> {
        let kind = if self.order.expected().is_request() { REST_REQUEST } else { REST_RESPONSE };
        Ok((self.whole(kind, bytes)?, self.algorithm.digest(bytes)))
    }

    /// The message of a SOAP exchange under the head that its part had; gives its digest too.
    ///
    /// # Errors
    /// A second message, or a head that cannot be written.
    pub fn soap(&mut self, head: &PartHead, bytes: &[u8]) -> Result<(Vec<u8>, Vec<u8>), Failure> {
        let mut out = self.head(head.content_type().unwrap_or_default(), head.headers())?;
        out.extend_from_slice(bytes);
        Ok((out, self.algorithm.digest(bytes)))
    }

    /// Begins an attachment of a SOAP message; it is shown and ended as a body is. Whatever part is begun next ends the attachments.
    ///
    /// # Errors
    /// No message before, something behind the attachments, or a head that cannot be written.
    pub fn attachment_start(&mut self, head: &PartHead) -> Result<Vec<u8>, Failure> {
        let (mut out, mut inner) = match self.attachments.take() {
            Some(inner) => (Vec::new(), inner),
            None => {
                let inner = Writer::new(self.writer.boundary().of_attachments()?);
                let mut out = self.head(&inner.content_type(), &[])?;
                out.extend_from_slice(b"\r\n");
                (out, inner)
            }
        };
        out.extend(inner.part(head.content_type().unwrap_or_default(), head.headers())?);
        self.attachments = Some(inner);
        self.body = Some(self.algorithm.hasher());
        Ok(out)
    }

    /// Begins the body. In a request only when there is at least one byte; in a response whenever the service's answer
    /// had a body, even an empty one (data-plane 4.8).
    ///
    /// # Errors
    /// No message before, or a second body.
    pub fn body_start(&mut self) -> Result<Vec<u8>, Failure> {
        let head = self.head(REST_BODY, &[])?;
        self.body = Some(self.algorithm.hasher());
        Ok(head)
    }

    /// Sees a chunk of the body, which the caller sends.
    pub fn body(&mut self, chunk: &[u8]) {
        if let Some(hasher) = &mut self.body {
            hasher.update(chunk);
        }
    }

    /// Ends the body: its digest; `None` when none was begun.
    pub fn body_end(&mut self) -> Option<Vec<u8>> {
        self.body.take().map(Hasher::finish)
    }

    /// The hash chain: its result and itself.
    ///
    /// # Errors
    /// No message before, or a second chain.
    pub fn hash_chain(&mut self, result: &[u8], chain: &[u8]) -> Result<Vec<u8>, Failure> {
        let mut out = self.whole(HASH_CHAIN_RESULT, result)?;
        out.append(&mut self.whole(HASH_CHAIN, chain)?);
        Ok(out)
    }

    /// The signature.
    ///
    /// # Errors
    /// No message before, or a second signature.
    pub fn signature(&mut self, xml: &[u8]) -> Result<Vec<u8>, Failure> {
        self.whole(SIGNATURE, xml)
    }

    /// A fault instead of the message or of the signature of a response, also in the middle of a body: the digest that
    /// was begun is dropped.
    ///
    /// # Errors
    /// In a request, or after the signature.
    pub fn fault(&mut self, fault: &Fault) -> Result<Vec<u8>, Failure> {
        self.body = None;
        let out = self.whole(FAULT_PART, fault.to_xml().as_bytes())?;
        self.order.fault()?;
        Ok(out)
    }

    /// The closing boundary.
    ///
    /// # Errors
    /// The message or its signature is missing, and no fault stands for it.
    pub fn end(self) -> Result<Vec<u8>, Failure> {
        self.order.end()?;
        Ok(self.writer.end())
    }

    /// Ends the attachments, if there are any, and begins the next part.
    fn head(&mut self, content_type: &str, headers: &[(String, String)]) -> Result<Vec<u8>, Failure> {
        self.order.part(content_type)?;
        let mut out = self.attachments.take().map(Writer::end).unwrap_or_default();
        out.extend(self.writer.part(content_type, headers)?);
        Ok(out)
    }

    fn whole(&mut self, content_type: &str, bytes: &[u8]) -> Result<Vec<u8>, Failure> {
        let mut out = self.head(content_type, &[])?;
        out.extend_from_slice(bytes);
        Ok(out)
    }
}
