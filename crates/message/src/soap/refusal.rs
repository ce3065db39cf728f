//! Why a SOAP message is refused. Texts are those that X-Road's consumers see, where it has one.

use super::{BYTES_MAX, NODES_MAX};
use crate::document::Unreadable;
use crate::fault;

/// Why bytes are not a SOAP message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Longer than [`BYTES_MAX`].
    #[error("The SOAP message has more than {BYTES_MAX} bytes")]
    TooLarge,
    /// An encoding that its declaration names and that is not known, or bytes that are not in the encoding of the document.
    #[error("The SOAP message cannot be read as {encoding}")]
    Encoding {
        /// The encoding, as the document names it.
        encoding: String,
    },
    /// Not well-formed, with a document type declaration, or with more than [`NODES_MAX`] nodes.
    #[error("The SOAP message cannot be read (a document may have {NODES_MAX} nodes and no DTD): {reason}")]
    Xml {
        /// What the parser says.
        reason: String,
    },
    /// It would cost more to read than we spend on a stranger.
    #[error(transparent)]
    OverBudget(xml::Refusal),
    /// The root is not the envelope of SOAP 1.1.
    #[error("Malformed SOAP message: envelope missing")]
    NoEnvelope,
    /// Two headers, or two bodies: readers would differ in the one they take.
    #[error("Malformed SOAP message: more than one {element}")]
    Repeated {
        /// `Header` or `Body`.
        element: &'static str,
    },
    /// No header.
    #[error("Malformed SOAP message: header missing")]
    NoHeader,
    /// A field of the header that must be there is not.
    #[error("Required field '{field}' is missing")]
    NoField {
        /// Its local name.
        field: &'static str,
    },
    /// A field of the header stands there twice.
    #[error("SOAP header contains duplicate field '{field}'")]
    RepeatedField {
        /// Its local name.
        field: &'static str,
    },
    /// A field holds an identifier that cannot be read.
    #[error("The field '{field}' of the SOAP header is not valid: {reason}")]
    Identifier {
        /// Its local name.
        field: &'static str,
        /// What is wrong with it.
        reason: identifier::xml::Refusal,
    },
    /// The version of the message protocol is not 4.
    #[error("Invalid protocol version '{found}': 4.x is supported")]
    Version {
        /// The beginning of what stood there.
        found: String,
    },
    /// No body.
    #[error("Malformed SOAP message: body missing")]
    NoBody,
    /// No element or more than one in the body.
    #[error("Malformed SOAP message: body must have exactly one child element")]
    Body,
    /// The name of the element in the body does not begin with the code of the service.
    #[error("Malformed SOAP message: service code does not match in header and body")]
    OtherService,
    /// A fault that cannot be read.
    #[error(transparent)]
    Fault(fault::Refusal),
}

impl Refusal {
    /// The code that X-Road uses for this (data-plane 3.2), without prefix.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge
            | Self::Encoding { .. }
            | Self::Xml { .. }
            | Self::OverBudget(_)
            | Self::NoEnvelope
            | Self::Repeated { .. } => "invalid_soap",
            Self::NoHeader => "missing_header",
            Self::NoField { .. } => "missing_header_field",
            Self::RepeatedField { .. } => "duplicate_header_field",
            Self::Identifier { reason, .. } => reason.code(),
            Self::Version { .. } => "invalid_protocol_version",
            Self::NoBody => "missing_body",
            Self::Body => "invalid_body",
            Self::OtherService => "inconsistent_headers",
            Self::Fault(refusal) => refusal.code(),
        }
    }
}

impl From<Unreadable> for Refusal {
    fn from(why: Unreadable) -> Self {
        match why {
            Unreadable::Xml(reason) => Self::Xml { reason },
            Unreadable::OverBudget(refusal) => Self::OverBudget(refusal),
        }
    }
}

/// Why an answer does not belong to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Field '{field}' does not match in request and response")]
pub struct Inconsistent {
    /// The local name of the field.
    pub field: &'static str,
}

impl Inconsistent {
    /// The code that X-Road uses for this between two headers; its consumer's server says `inconsistent_response` of it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "inconsistent_headers"
    }
}
