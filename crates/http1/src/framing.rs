//! How long a body is: what a received head says, and what a written head shall say.

use crate::error::{HeadRefusal, WriteError};
use crate::head::{RequestHead, ResponseHead, Version, has_token, values};
use bytes::Bytes;

/// The framing of a body to be written.
///
/// The header that goes with it (`Content-Length: n`, `Transfer-Encoding: chunked`) is appended as the last one,
/// unless the caller's head already has it, in whichever place and spelling; a contradiction is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Exactly so many bytes.
    ContentLength(u64),
    /// In chunks. Towards an HTTP/1.0 client this becomes [`Framing::UntilClose`].
    Chunked,
    /// Responses only: until the connection closes.
    UntilClose,
    /// No body and no framing header: requests without a body, answers to HEAD, 204, 304. With another status the
    /// connection is closed afterwards, which is how the peer knows that nothing follows.
    None,
}

/// How the body of a received message ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyKind {
    Absent,
    Length(u64),
    Chunked,
    UntilClose,
}

/// What the headers say, before method and status are considered.
fn declared(version: Version, headers: &[(Bytes, Bytes)]) -> Result<Option<BodyKind>, HeadRefusal> {
    let length = content_length(headers)?;
    let mut codings = values(headers, "transfer-encoding");
    let Some(coding) = codings.next() else {
        return Ok(length.map(BodyKind::Length));
    };
    if length.is_some() {
        return Err(HeadRefusal::TwoFramings);
    }
    if version == Version::Http10 {
        return Err(HeadRefusal::TransferCodingInHttp10);
    }
    if codings.next().is_some() || !coding.eq_ignore_ascii_case(b"chunked") {
        return Err(HeadRefusal::UnknownTransferCoding);
    }
    Ok(Some(BodyKind::Chunked))
}

/// Digits only. The same length said twice is taken, a list or a difference is not.
fn content_length(headers: &[(Bytes, Bytes)]) -> Result<Option<u64>, HeadRefusal> {
    let mut found: Option<u64> = None;
    for value in values(headers, "content-length") {
        if value.is_empty() || value.len() > 19 || !value.iter().all(u8::is_ascii_digit) {
            return Err(HeadRefusal::LengthMalformed);
        }
        let text = std::str::from_utf8(value).map_err(|_| HeadRefusal::LengthMalformed)?;
        let number: u64 = text.parse().map_err(|_| HeadRefusal::LengthMalformed)?;
        if found.is_some_and(|before| before != number) {
            return Err(HeadRefusal::LengthsDiffer);
        }
        found = Some(number);
    }
    Ok(found)
}

fn bounded(kind: BodyKind, bytes_max: u64) -> Result<BodyKind, HeadRefusal> {
    match kind {
        BodyKind::Length(bytes) if bytes > bytes_max => Err(HeadRefusal::BodyTooLarge { bytes, bytes_max }),
        BodyKind::Absent | BodyKind::Length(_) | BodyKind::Chunked | BodyKind::UntilClose => Ok(kind),
    }
}

pub(crate) fn of_request(head: &RequestHead, bytes_max: u64) -> Result<BodyKind, HeadRefusal> {
    bounded(declared(head.version, &head.headers)?.unwrap_or(BodyKind::Absent), bytes_max)
}

pub(crate) fn of_response(
    head: &ResponseHead,
    to_head: bool,
    bytes_max: u64,
) -> Result<BodyKind, HeadRefusal> {
    let declared = declared(head.version, &head.headers)?;
    if to_head || never_has_body(head.status) {
        return Ok(BodyKind::Absent);
    }
    bounded(declared.unwrap_or(BodyKind::UntilClose), bytes_max)
}

pub(crate) fn never_has_body(status: u16) -> bool {
    status < 200 || status == 204 || status == 304
}

pub(crate) fn expects_continue(head: &RequestHead) -> Result<bool, HeadRefusal> {
    if values(&head.headers, "expect").next().is_none() || head.version == Version::Http10 {
        return Ok(false);
    }
    let only = values(&head.headers, "expect").all(|value| value.eq_ignore_ascii_case(b"100-continue"));
    if only { Ok(true) } else { Err(HeadRefusal::UnknownExpectation) }
}

/// The header line to add for this framing; `None` when the caller's head has it or none is needed.
pub(crate) fn header_for(framing: Framing, headers: &[(Bytes, Bytes)]) -> Result<Option<String>, WriteError> {
    let length =
        content_length(headers).map_err(|_| WriteError::Framing("the head has an invalid Content-Length"))?;
    let coded = values(headers, "transfer-encoding").next().is_some();
    match framing {
        Framing::ContentLength(_) if coded => {
            Err(WriteError::Framing("the head has a Transfer-Encoding beside a known length"))
        }
        Framing::ContentLength(bytes) => match length {
            Some(said) if said == bytes => Ok(None),
            Some(_) => Err(WriteError::Framing("the head has another Content-Length")),
            None => Ok(Some(format!("Content-Length: {bytes}"))),
        },
        Framing::Chunked if length.is_some() => {
            Err(WriteError::Framing("the head has a Content-Length beside chunks"))
        }
        Framing::Chunked if coded => {
            let plain =
                values(headers, "transfer-encoding").all(|value| value.eq_ignore_ascii_case(b"chunked"));
            if plain { Ok(None) } else { Err(WriteError::Framing("the head has another Transfer-Encoding")) }
        }
        Framing::Chunked => Ok(Some("Transfer-Encoding: chunked".to_owned())),
        Framing::UntilClose | Framing::None if coded => {
            Err(WriteError::Framing("the head has a Transfer-Encoding but the body no chunks"))
        }
        Framing::UntilClose if length.is_some() => {
            Err(WriteError::Framing("the head has a Content-Length but the body no known length"))
        }
        Framing::UntilClose | Framing::None => Ok(None),
    }
}

pub(crate) fn says_close(headers: &[(Bytes, Bytes)]) -> bool {
    has_token(headers, "connection", "close")
}

/// Whether these headers promise at least one byte of body.
pub(crate) fn announces_body(headers: &[(Bytes, Bytes)]) -> bool {
    values(headers, "transfer-encoding").next().is_some()
        || content_length(headers).is_ok_and(|length| length.is_some_and(|bytes| bytes > 0))
}
