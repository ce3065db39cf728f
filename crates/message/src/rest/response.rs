//! The response message: built from a service's answer, parsed at the consumer.

use bytes::Bytes;
use identifier::{ClientId, ServiceId};

use super::header::{self, Header};
use super::{HEADERS_MAX, Inconsistent, MESSAGE_BYTES_MAX, Refusal, RestRequest, lines};
use crate::text;

/// A response message. What it must have in common with its request is compared by [`RestResponse::answers`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestResponse {
    status: u16,
    reason: String,
    headers: Vec<Header>,
    client: Option<ClientId>,
    service: Option<ServiceId>,
    id: String,
    request_id: Option<String>,
    request_hash: String,
}

impl RestResponse {
    /// Makes the message of a service's answer (data-plane 2.5): the service's headers that travel, then the five that
    /// tie it to `request`. `request_hash` is that of [`RestRequest::request_hash`].
    ///
    /// # Errors
    /// As [`RestResponse::parse`].
    pub fn build(
        request: &RestRequest,
        request_hash: &str,
        status: u16,
        reason: &str,
        head: &[(Bytes, Bytes)],
    ) -> Result<Self, Refusal> {
        let mut headers = header::travelling(head, &OWN_BUT_SERVICE)?;
        headers.append(&mut own(request, request_hash)?);
        Self::checked(status, reason, headers)
    }

    /// Makes the message of an answer that the gateway itself gives, as to metadata requests: the five headers stand
    /// first (data-plane E.1.10).
    ///
    /// # Errors
    /// As [`RestResponse::parse`].
    pub fn build_own(
        request: &RestRequest,
        request_hash: &str,
        status: u16,
        reason: &str,
        head: &[(Bytes, Bytes)],
    ) -> Result<Self, Refusal> {
        let mut headers = own(request, request_hash)?;
        headers.append(&mut header::travelling(head, &OWN_BUT_SERVICE)?);
        Self::checked(status, reason, headers)
    }

    fn checked(status: u16, reason: &str, headers: Vec<Header>) -> Result<Self, Refusal> {
        if !(100..=999).contains(&status) {
            return Err(Refusal::InvalidStatus);
        }
        if headers.len() > HEADERS_MAX {
            return Err(Refusal::TooManyHeaders);
        }
        let response = Self::assemble(status, reason, headers)?;
        match response.to_bytes().len() {
            length if length > MESSAGE_BYTES_MAX => Err(Refusal::TooLong { length }),
            _ => Ok(response),
        }
    }

    /// Reads a message (data-plane 2.5). Of two `x-road-service` the last counts, since a service may send one of its
    /// own; the other four are written by the gateway only, and two of one are refused.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let mut lines = lines::read(bytes)?;
        let status = status(lines.next().ok_or(Refusal::Incomplete)?)?;
        let reason = lines.next().ok_or(Refusal::Incomplete)?;
        Self::assemble(status, reason, header::read(lines)?)
    }

    fn assemble(status: u16, reason: &str, headers: Vec<Header>) -> Result<Self, Refusal> {
        if text::has_controls(reason) {
            return Err(Refusal::InvalidReason);
        }
        for name in OWN_BUT_SERVICE {
            header::at_most_one(&headers, name)?;
        }
        let last = |name: &str| header::last(&headers, name);
        let filled = |name: &str| last(name).filter(|value| !value.is_empty()).map(str::to_owned);
        let request_hash = filled(header::REQUEST_HASH).ok_or(Refusal::MissingRequestHash)?;
        let id = filled(header::ID).ok_or(Refusal::MissingId)?;
        let client = last(header::CLIENT)
            .map(ClientId::from_path)
            .transpose()
            .map_err(|reason| Refusal::InvalidIdentifier { header: header::CLIENT, reason })?;
        let service = last(header::SERVICE)
            .map(ServiceId::from_path)
            .transpose()
            .map_err(|reason| Refusal::InvalidIdentifier { header: header::SERVICE, reason })?;
        let request_id = last(header::REQUEST_ID).map(str::to_owned);
        let reason = reason.to_owned();
        Ok(Self { status, reason, headers, client, service, id, request_id, request_hash })
    }

    /// Whether this answers that request (data-plane 2.7), which our side hashed to `request_hash`.
    ///
    /// # Errors
    /// The first difference, in X-Road's order.
    pub fn answers(&self, request: &RestRequest, request_hash: &str) -> Result<(), Inconsistent> {
        if self.client.as_ref() != Some(request.client()) {
            return Err(Inconsistent::Client);
        }
        if self.id != request.id() {
            return Err(Inconsistent::Id);
        }
        if self.service.as_ref() != Some(request.service()) {
            return Err(Inconsistent::Service);
        }
        if self.request_id.as_deref() != Some(request.request_id()) {
            return Err(Inconsistent::RequestId);
        }
        if self.request_hash != request_hash {
            return Err(Inconsistent::RequestHash);
        }
        Ok(())
    }

    /// The text, written with CR LF.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        lines::write(&self.status.to_string(), &self.reason, self.headers.iter())
    }

    /// The text for a log without bodies: only `x-road-` headers.
    #[must_use]
    pub fn filtered(&self) -> Vec<u8> {
        lines::write(&self.status.to_string(), &self.reason, header::filtered(&self.headers))
    }

    /// The service's status code, 100 to 999.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The service's reason phrase; may be empty.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// All headers of the message in order: all are handed to the consumer.
    #[must_use]
    pub fn headers(&self) -> &[Header] {
        &self.headers
    }

    /// The value of the last header of this name, without regard to case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        header::last(&self.headers, name)
    }

    /// Whom it answers.
    #[must_use]
    pub fn client(&self) -> Option<&ClientId> {
        self.client.as_ref()
    }

    /// Which service answers.
    #[must_use]
    pub fn service(&self) -> Option<&ServiceId> {
        self.service.as_ref()
    }

    /// The message id; not empty.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The id of the exchange.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// The request hash in base64; not empty.
    #[must_use]
    pub fn request_hash(&self) -> &str {
        &self.request_hash
    }
}

/// The headers of which a service's own are dropped. `x-road-service` is not among them (data-plane 2.5).
const OWN_BUT_SERVICE: [&str; 4] = [header::ID, header::REQUEST_HASH, header::CLIENT, header::REQUEST_ID];

/// The five headers that tie a response to its request, in X-Road's order.
fn own(request: &RestRequest, request_hash: &str) -> Result<Vec<Header>, Refusal> {
    Ok(vec![
        Header::new(header::ID, request.id())?,
        Header::new(header::CLIENT, &request.client().path())?,
        Header::new(header::SERVICE, &request.service().path())?,
        Header::new(header::REQUEST_ID, request.request_id())?,
        Header::new(header::REQUEST_HASH, request_hash)?,
    ])
}

/// A status of three digits, not beginning with zero.
fn status(line: &str) -> Result<u16, Refusal> {
    let three_digits = line.len() == 3 && line.bytes().all(|byte| byte.is_ascii_digit());
    match line.parse::<u16>() {
        Ok(status) if three_digits && status >= 100 => Ok(status),
        Ok(_) | Err(_) => Err(Refusal::InvalidStatus),
    }
}
