//! The verdicts of this room: one enum per act, each with the evidence.

use std::io;
use thiserror::Error;

/// Why a received head is not taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HeadRefusal {
    #[error("the head is longer than {bytes_max} bytes")]
    HeadTooLarge { bytes_max: usize },
    #[error("the first line is longer than {bytes_max} bytes")]
    StartLineTooLong { bytes_max: usize },
    #[error("a header line is longer than {bytes_max} bytes")]
    HeaderLineTooLong { bytes_max: usize },
    #[error("there are more than {headers_max} headers")]
    TooManyHeaders { headers_max: usize },
    #[error("a line ends in a bare line feed")]
    BareLineFeed,
    #[error("a carriage return stands without its line feed")]
    BareCarriageReturn,
    #[error("a header line is folded")]
    FoldedLine,
    #[error("the head has a character or a form that HTTP does not allow ({0})")]
    Malformed(&'static str),
    #[error("the HTTP version is not 1.0 or 1.1")]
    Version,
    #[error("the request target is not a path, an http address or `*`")]
    Target,
    #[error("there is no Host header")]
    HostMissing,
    #[error("there is more than one Host header")]
    HostRepeated,
    #[error("the Host header is not a host")]
    HostMalformed,
    #[error("there is both a Content-Length and a Transfer-Encoding")]
    TwoFramings,
    #[error("the Content-Length is not a number")]
    LengthMalformed,
    #[error("there are several Content-Length headers that differ")]
    LengthsDiffer,
    #[error("the transfer coding is not plain `chunked`")]
    UnknownTransferCoding,
    #[error("HTTP/1.0 has no transfer codings")]
    TransferCodingInHttp10,
    #[error("the body is announced with {bytes} bytes, more than {bytes_max}")]
    BodyTooLarge { bytes: u64, bytes_max: u64 },
    #[error("the expectation is not 100-continue")]
    UnknownExpectation,
    #[error("the answer switches to another protocol")]
    ProtocolSwitch,
    #[error("there are more than {0} interim answers")]
    TooManyInterimAnswers(usize),
}

impl HeadRefusal {
    /// The status with which a server answers a request refused for this reason.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::HeadTooLarge { .. } | Self::HeaderLineTooLong { .. } | Self::TooManyHeaders { .. } => 431,
            Self::StartLineTooLong { .. } => 414,
            Self::Version => 505,
            Self::UnknownTransferCoding => 501,
            Self::BodyTooLarge { .. } => 413,
            Self::UnknownExpectation => 417,
            Self::BareLineFeed
            | Self::BareCarriageReturn
            | Self::FoldedLine
            | Self::Malformed(_)
            | Self::Target
            | Self::HostMissing
            | Self::HostRepeated
            | Self::HostMalformed
            | Self::TwoFramings
            | Self::LengthMalformed
            | Self::LengthsDiffer
            | Self::TransferCodingInHttp10
            | Self::ProtocolSwitch
            | Self::TooManyInterimAnswers(_) => 400,
        }
    }
}

/// Why a server connection gives no further request. The peer has been answered where an answer was possible.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RequestError {
    #[error("the request is refused: {0}")]
    Refused(#[from] HeadRefusal),
    #[error("the connection ended inside a request's head")]
    Cut,
    #[error("the request's head did not arrive in time")]
    Slow,
    #[error("the connection failed: {0}")]
    Connection(io::ErrorKind),
}

/// Why a body could not be read to its end.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BodyError {
    /// The peer closed before the announced end.
    #[error("the body was cut off after {received} bytes")]
    Cut { received: u64 },
    #[error("nothing of the body arrived for too long, after {received} bytes")]
    Slow { received: u64 },
    #[error("the body is larger than {bytes_max} bytes")]
    TooLarge { bytes_max: u64 },
    #[error("the chunks are malformed: {0}")]
    Chunk(&'static str),
    #[error("{what} of the chunks are longer than {bytes_max} bytes")]
    ChunkLines { what: &'static str, bytes_max: usize },
    #[error("the connection failed: {0}")]
    Connection(io::ErrorKind),
}

/// Why something could not be written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WriteError {
    /// The head given by the caller would not be one head on the wire (a line break in a value, say).
    #[error("this head cannot be written: {0}")]
    Head(&'static str),
    /// The framing asked for contradicts the head, the status or the peer's version.
    #[error("this framing cannot be used: {0}")]
    Framing(&'static str),
    #[error("the body differs from its announced length: {0}")]
    Length(&'static str),
    #[error("the peer took nothing for too long")]
    Slow,
    #[error("the connection failed: {0}")]
    Connection(io::ErrorKind),
    /// The connection still carries, or was spoilt by, an earlier exchange.
    #[error("the connection is not free for another request")]
    NotReusable,
}

/// Why a client got no answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReceiveError {
    /// The peer closed properly before the first byte of an answer. A connection that was reset is
    /// [`Self::Connection`].
    #[error("the connection was closed before an answer")]
    NoAnswer,
    #[error("the connection ended inside the answer's head")]
    Cut,
    #[error("the answer did not arrive in time")]
    Slow,
    #[error("the answer is refused: {0}")]
    Refused(#[from] HeadRefusal),
    #[error("the connection failed: {0}")]
    Connection(io::ErrorKind),
    #[error("the request could not be sent: {0}")]
    Send(#[from] WriteError),
    /// The answer was already received.
    #[error("this answer was already taken")]
    Taken,
}

/// Why an address is not one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UrlRefusal {
    #[error("the address does not begin with http:// or https://")]
    Scheme,
    #[error("the address has no valid host")]
    Host,
    #[error("the address has no valid port")]
    Port,
    #[error("the address carries a user name")]
    UserName,
    #[error("the address has a character that must not stand in it")]
    Character,
    #[error("the address is longer than {0} characters")]
    TooLong(usize),
}

/// Why a download gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FetchError {
    #[error("{0}")]
    Url(#[from] UrlRefusal),
    #[error("only plain http addresses are fetched")]
    NotPlainHttp,
    #[error("the host {0} could not be found")]
    UnknownHost(String),
    #[error("could not connect: {0}")]
    Connect(io::ErrorKind),
    #[error("connecting took too long")]
    ConnectSlow,
    #[error("the whole download took too long")]
    TooSlow,
    #[error("{0}")]
    Receive(#[from] ReceiveError),
    #[error("the answer's body could not be read: {0}")]
    Body(#[from] BodyError),
}
