//! Why a REST message is refused. Texts are those that X-Road's consumers see, where it has one.

use crate::text;

/// Why a text is not a REST message, or a call cannot become one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The message is longer than [`super::MESSAGE_BYTES_MAX`].
    #[error("The message has {length} bytes, and {} are allowed", super::MESSAGE_BYTES_MAX)]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// The message is not UTF-8.
    #[error("The message is not UTF-8")]
    NotUtf8,
    /// The message ends before its second line.
    #[error("The message is incomplete")]
    Incomplete,
    /// The method is not one that X-Road carries.
    #[error("Unknown method {verb}")]
    UnknownVerb {
        /// The beginning of what stood there.
        verb: String,
    },
    /// The target is not a path with a query: absolute, with a fragment, or with characters that no URI has.
    #[error("Invalid request URI")]
    InvalidTarget,
    /// The path does not begin with `/r1/`.
    #[error("Invalid protocol version")]
    UnknownVersion,
    /// The path has fewer than five identifier segments, or one of them is no identifier.
    #[error("Invalid request URI")]
    InvalidServicePath {
        /// What is wrong with it.
        reason: identifier::Refusal,
    },
    /// The status line is not a number of three digits.
    #[error("Invalid status code")]
    InvalidStatus,
    /// The reason phrase has control characters.
    #[error("Invalid reason phrase")]
    InvalidReason,
    /// A line without colon, an empty line, a name that is no token, or a control character in the value.
    #[error("Invalid header")]
    InvalidHeader {
        /// The beginning of the line, for our log only.
        line: String,
    },
    /// A header that never travels in a message (data-plane 2.3).
    #[error("Invalid header: {name}")]
    ForbiddenHeader {
        /// Its name in lower case.
        name: String,
    },
    /// More than [`super::HEADERS_MAX`] headers.
    #[error("More than {} headers", super::HEADERS_MAX)]
    TooManyHeaders,
    /// A header that only a gateway writes stands there twice.
    #[error("Repeated header: {name}")]
    RepeatedHeader {
        /// Its name in lower case.
        name: &'static str,
    },
    /// There is no X-Road-Client.
    #[error("The client identifier is missing")]
    MissingClient,
    /// A header that should hold an identifier holds none.
    #[error("{}", invalid_identifier(header))]
    InvalidIdentifier {
        /// The header's name in lower case.
        header: &'static str,
        /// What is wrong with its value.
        reason: identifier::Refusal,
    },
    /// There is no x-road-id, or it is empty.
    #[error("The message identifier is missing")]
    MissingId,
    /// A request has no `x-road-request-id`, spelled in lower case, or it is empty.
    #[error("The request identifier is missing")]
    MissingRequestId,
    /// A response has no x-road-request-hash, or it is empty.
    #[error("Invalid REST Response message")]
    MissingRequestHash,
}

impl Refusal {
    /// The code that X-Road uses for this (data-plane 2.3, 9.2), without prefix.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::MissingClient => "invalid_client_identifier",
            Self::TooLong { .. }
            | Self::NotUtf8
            | Self::Incomplete
            | Self::UnknownVerb { .. }
            | Self::InvalidTarget
            | Self::UnknownVersion
            | Self::InvalidServicePath { .. }
            | Self::InvalidStatus
            | Self::InvalidReason
            | Self::InvalidHeader { .. }
            | Self::ForbiddenHeader { .. }
            | Self::TooManyHeaders
            | Self::RepeatedHeader { .. }
            | Self::InvalidIdentifier { .. }
            | Self::MissingId
            | Self::MissingRequestId
            | Self::MissingRequestHash => "internal_error",
        }
    }

    pub(super) fn invalid_header(line: &str) -> Self {
        Self::InvalidHeader { line: text::shortened(line, 100) }
    }
}

fn invalid_identifier(header: &str) -> String {
    match header {
        super::header::CLIENT => "Invalid Client Id".to_owned(),
        super::header::SERVICE => "Invalid Service Id".to_owned(),
        super::header::SECURITY_SERVER => "Invalid Security Server Id".to_owned(),
        other => format!("Invalid {other}"),
    }
}

/// In what a response does not answer its request (data-plane 2.7). X-Road's code is `inconsistent_response`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Inconsistent {
    /// Another client, or none.
    #[error("Response client id does not match request message")]
    Client,
    /// Another message id.
    #[error("Response message id does not match request message")]
    Id,
    /// Another service, or none.
    #[error("Response service id does not match request message")]
    Service,
    /// Another request id, or none.
    #[error("Response message request id does not match request message")]
    RequestId,
    /// Another request hash.
    #[error("Response message hash does not match request message")]
    RequestHash,
}

impl Inconsistent {
    /// The code that X-Road uses for this, without prefix.
    #[must_use]
    pub fn code(self) -> &'static str {
        "inconsistent_response"
    }
}
