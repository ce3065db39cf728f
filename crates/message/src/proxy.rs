//! A whole message between gateways: which parts it has, in which order, and what is taken of each (data-plane 4.8).
//!
//! A request is OCSP responses, then the message; a response begins with the message. Then follow, where present, the
//! body or the attachments, the hash chain's result, the hash chain; last the signature. A fault may stand instead of a response's message
//! or signature, and ends it. Anything else is refused, by part type, without regard to the type's case or parameters.

mod decoder;
mod encoder;
mod order;

pub use decoder::{Answer, Decoder, Event};
pub use encoder::{Encoder, Failure};
pub use order::{Expected, Order, PartKind, Stage};

use crate::soap::related::ATTACHMENTS_MAX;
use crate::{content_type, fault, multipart, soap};

/// The part type of an OCSP response.
pub const OCSP_RESPONSE: &str = "application/ocsp-response";
/// The part type of a REST request message.
pub const REST_REQUEST: &str = "application/x-road-rest-request";
/// The part type of a REST response message.
pub const REST_RESPONSE: &str = "application/x-road-rest-response";
/// The part type of a REST body.
pub const REST_BODY: &str = "application/x-road-rest-body";
/// The part type of a hash chain's result.
pub const HASH_CHAIN_RESULT: &str = "application/hash-chain-result";
/// The part type of a hash chain.
pub const HASH_CHAIN: &str = "application/hash-chain";
/// The part type of a signature.
pub const SIGNATURE: &str = "signature/bdoc-1.0/ts";

/// The name under which signatures and hash chains know the message part (data-plane 4.8).
pub const MESSAGE_NAME: &str = "/message.xml";
/// The name under which they know the body of a REST message.
pub const BODY_NAME: &str = "/attachment1";

/// The most OCSP response parts of a request.
pub const OCSP_RESPONSES_MAX: usize = 16;

/// Why a message between gateways is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The HTTP message has no Content-Type.
    #[error("Could not get content type")]
    NoContentType,
    /// The Content-Type is neither `multipart/mixed` nor, of a response, `text/xml`.
    #[error("Invalid content type: {found}")]
    NotMultipart {
        /// The base type.
        found: String,
    },
    /// The Content-Type cannot be read or has no usable boundary.
    #[error("Invalid content type: {0}")]
    ContentType(#[from] content_type::Malformed),
    /// The multipart cannot be read, or was cut.
    #[error("{0}")]
    Multipart(#[from] multipart::Malformed),
    /// A part is not one that may stand at this place.
    #[error("Received invalid content type instead of {stage}: {found}")]
    UnexpectedPart {
        /// The last kind of part that could have come here.
        stage: Stage,
        /// The base type of what came.
        found: String,
    },
    /// A part stands behind the signature or behind a fault.
    #[error("Extra content ({found}) after signature")]
    ExtraPart {
        /// The base type of what came.
        found: String,
    },
    /// A SOAP message that cannot be read.
    #[error("{0}")]
    Soap(#[from] soap::Refusal),
    /// An attachment without a content type.
    #[error("Could not get content type for part")]
    NoPartType,
    /// More than [`ATTACHMENTS_MAX`] attachments.
    #[error("The message has more than {ATTACHMENTS_MAX} attachments")]
    TooManyAttachments,
    /// More than [`OCSP_RESPONSES_MAX`] OCSP responses.
    #[error("More than {OCSP_RESPONSES_MAX} OCSP responses")]
    TooManyOcspResponses,
    /// An OCSP response part is not one DER sequence.
    #[error("An OCSP response cannot be read")]
    OcspResponse,
    /// A part that is not streamed is larger than it may be.
    #[error("The part {kind} is larger than {limit} bytes")]
    PartTooLarge {
        /// Which part.
        kind: PartKind,
        /// How many bytes it may have.
        limit: usize,
    },
    /// A part of a SOAP type is neither a fault nor, where one may stand, a message.
    #[error("{0}")]
    Fault(#[from] fault::Refusal),
    /// The message has ended without a REST message: also when a request consists of a fault, or of a SOAP message.
    #[error("Request does not have REST message")]
    MissingRest,
    /// The message has no SOAP message: also when a request consists of a fault, or when it is a REST message.
    #[error("Request does not have SOAP message")]
    MissingSoap,
    /// The message has ended without a signature: also when a fault stands in its place in a request.
    #[error("Message does not have signature")]
    MissingSignature,
}

impl Refusal {
    /// The code that X-Road uses for this (data-plane 4.8, E.3, E.5), without prefix: see
    /// [`is_service_failed`](Self::is_service_failed).
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoContentType
            | Self::NotMultipart { .. }
            | Self::ContentType(_)
            | Self::NoPartType
            | Self::UnexpectedPart { .. } => "invalid_content_type",
            Self::Multipart(malformed) => malformed.code(),
            Self::ExtraPart { .. }
            | Self::PartTooLarge { .. }
            | Self::TooManyAttachments
            | Self::TooManyOcspResponses => "invalid_message",
            Self::Soap(refusal) => refusal.code(),
            Self::OcspResponse => "io_error",
            Self::Fault(refusal) => refusal.code(),
            Self::MissingRest => "missing_rest",
            Self::MissingSoap => "missing_soap",
            Self::MissingSignature => "missing_signature",
        }
    }

    /// Whether X-Road puts `service_failed.` before the code: it does for what goes wrong while it reads the parts
    /// (data-plane 9.1, E.3, E.5).
    #[must_use]
    pub fn is_service_failed(&self) -> bool {
        match self {
            Self::NoContentType | Self::MissingRest | Self::MissingSoap | Self::MissingSignature => false,
            Self::Multipart(malformed) => *malformed == multipart::Malformed::Truncated,
            Self::NotMultipart { .. }
            | Self::ContentType(_)
            | Self::UnexpectedPart { .. }
            | Self::ExtraPart { .. }
            | Self::NoPartType
            | Self::Soap(_)
            | Self::TooManyAttachments
            | Self::TooManyOcspResponses
            | Self::OcspResponse
            | Self::PartTooLarge { .. }
            | Self::Fault(_) => true,
        }
    }
}

#[cfg(test)]
mod tests;
