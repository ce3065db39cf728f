//! The order of the parts: a state machine that knows types only.

use std::fmt;

use super::{
    HASH_CHAIN, HASH_CHAIN_RESULT, OCSP_RESPONSE, OCSP_RESPONSES_MAX, REST_BODY, REST_REQUEST, REST_RESPONSE,
    Refusal, SIGNATURE,
};
use crate::content_type::base_of;
use crate::text;

/// Which message is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// A REST request, at the provider's gateway.
    RestRequest,
    /// A REST response, at the consumer's gateway. It may be a fault.
    RestResponse,
    /// A SOAP request, at the provider's gateway.
    SoapRequest,
    /// A SOAP response, at the consumer's gateway. It may be a fault.
    SoapResponse,
}

impl Expected {
    /// Whether it is a request: that has OCSP responses in front, and is never a fault.
    #[must_use]
    pub fn is_request(self) -> bool {
        matches!(self, Self::RestRequest | Self::SoapRequest)
    }

    pub(super) fn is_soap(self) -> bool {
        matches!(self, Self::SoapRequest | Self::SoapResponse)
    }

    /// What is said of a message that holds another one, or none.
    fn missing(self) -> Refusal {
        if self.is_soap() { Refusal::MissingSoap } else { Refusal::MissingRest }
    }
}

/// What a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartKind {
    /// An OCSP response.
    OcspResponse,
    /// A REST request message.
    RestRequest,
    /// A REST response message.
    RestResponse,
    /// A part of a SOAP type in the place of the message: a fault or a SOAP message, which only its content tells.
    Soap,
    /// The body of a REST message.
    Body,
    /// The attachments of a SOAP message: a multipart inside the multipart.
    Attachments,
    /// The hash chain's result.
    HashChainResult,
    /// The hash chain.
    HashChain,
    /// The signature.
    Signature,
    /// A fault in the place of the signature.
    Fault,
}

impl fmt::Display for PartKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OcspResponse => "OCSP response",
            Self::RestRequest | Self::RestResponse => "REST message",
            Self::Soap => "SOAP message",
            Self::Body => "body",
            Self::Attachments => "attachments",
            Self::HashChainResult => "hash chain result",
            Self::HashChain => "hash chain",
            Self::Signature => "signature",
            Self::Fault => "fault",
        })
    }
}

/// How far a message has come: what is still missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Nothing or only OCSP responses were there.
    Message,
    /// The message was there; body, chain or signature follow.
    Body,
    /// The body was there.
    HashChainResult,
    /// The chain's result was there.
    HashChain,
    /// The chain was there.
    Signature,
    /// Nothing may follow.
    End,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Message => "message",
            Self::Body | Self::HashChainResult | Self::HashChain | Self::Signature => "signature",
            Self::End => "end",
        })
    }
}

/// The state machine of data-plane 4.8.
#[derive(Debug, Clone)]
pub struct Order {
    expected: Expected,
    stage: Stage,
    ocsp_responses: usize,
    message: Option<PartKind>,
    signed: bool,
    fault: bool,
}

impl Order {
    /// Before the first part.
    #[must_use]
    pub fn new(expected: Expected) -> Self {
        Self {
            expected,
            stage: Stage::Message,
            ocsp_responses: 0,
            message: None,
            signed: false,
            fault: false,
        }
    }

    /// Which message is expected.
    #[must_use]
    pub fn expected(&self) -> Expected {
        self.expected
    }

    /// How far the message has come.
    #[must_use]
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// Whether a fault has ended the message.
    #[must_use]
    pub fn is_fault(&self) -> bool {
        self.fault
    }

    /// Takes the next part's content type and says what the part is.
    ///
    /// # Errors
    /// A part that may not stand here; the order must not be used any further.
    pub fn part(&mut self, content_type: &str) -> Result<PartKind, Refusal> {
        let base = base_of(content_type).to_ascii_lowercase();
        match self.stage {
            Stage::Message => self.message_part(&base),
            Stage::End => Err(Refusal::ExtraPart { found: text::shortened(&base, 100) }),
            Stage::Body | Stage::HashChainResult | Stage::HashChain | Stage::Signature => {
                self.later_part(&base)
            }
        }
    }

    fn message_part(&mut self, base: &str) -> Result<PartKind, Refusal> {
        let kind = match (base, self.expected) {
            (OCSP_RESPONSE, _) => {
                self.ocsp_responses = self.ocsp_responses.saturating_add(1);
                if self.ocsp_responses > OCSP_RESPONSES_MAX {
                    return Err(Refusal::TooManyOcspResponses);
                }
                return Ok(PartKind::OcspResponse);
            }
            (REST_REQUEST, Expected::RestRequest) => PartKind::RestRequest,
            (REST_RESPONSE, Expected::RestResponse) => PartKind::RestResponse,
            (REST_REQUEST, Expected::SoapRequest) | (REST_RESPONSE, Expected::SoapResponse) => {
                return Err(Refusal::MissingSoap);
            }
            ("text/xml" | "application/xop+xml", _) => PartKind::Soap,
            _ => return Err(self.unexpected(base)),
        };
        self.message = Some(kind);
        self.stage = Stage::Body;
        Ok(kind)
    }

    fn later_part(&mut self, base: &str) -> Result<PartKind, Refusal> {
        let soap = self.message == Some(PartKind::Soap);
        let (kind, next) = match base {
            REST_BODY if self.stage == Stage::Body && !soap => (PartKind::Body, Stage::HashChainResult),
            "multipart/mixed" if self.stage == Stage::Body && soap => {
                (PartKind::Attachments, Stage::HashChainResult)
            }
            HASH_CHAIN_RESULT if self.stage <= Stage::HashChainResult => {
                (PartKind::HashChainResult, Stage::HashChain)
            }
            HASH_CHAIN if self.stage <= Stage::HashChain => (PartKind::HashChain, Stage::Signature),
            SIGNATURE => {
                self.signed = true;
                (PartKind::Signature, Stage::End)
            }
            "text/xml" => (PartKind::Fault, Stage::End),
            _ => return Err(self.unexpected(base)),
        };
        self.stage = next;
        Ok(kind)
    }

    /// Says that the part last named was read and is a fault, which ends the message.
    ///
    /// # Errors
    /// A request cannot be a fault: what the fault stands for is missing.
    pub fn fault(&mut self) -> Result<(), Refusal> {
        let instead_of_message = self.stage == Stage::Body;
        self.stage = Stage::End;
        self.fault = true;
        if !self.expected.is_request() {
            Ok(())
        } else if instead_of_message {
            Err(self.expected.missing())
        } else {
            Err(Refusal::MissingSignature)
        }
    }

    /// Says that the closing boundary was read.
    ///
    /// # Errors
    /// [`Refusal::MissingRest`], [`Refusal::MissingSoap`] or [`Refusal::MissingSignature`].
    pub fn end(&self) -> Result<(), Refusal> {
        if self.fault {
            return Ok(());
        }
        let is_soap = self.message == Some(PartKind::Soap);
        if self.message.is_none() || is_soap != self.expected.is_soap() {
            return Err(self.expected.missing());
        }
        if self.signed { Ok(()) } else { Err(Refusal::MissingSignature) }
    }

    fn unexpected(&self, base: &str) -> Refusal {
        Refusal::UnexpectedPart { stage: self.stage, found: text::shortened(base, 100) }
    }
}
