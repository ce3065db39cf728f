//! The request message: built from a consumer's call, parsed at the provider.

use std::fmt;

use bytes::Bytes;
use identifier::{ClientId, ServerId, ServiceId, percent};
use trust::algorithm::DigestAlgorithm;

use super::header::{self, Header};
use super::target::Target;
use super::{HEADERS_MAX, MESSAGE_BYTES_MAX, Refusal, lines, request_hash};
use crate::text;

/// The methods that X-Road carries (data-plane 2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Verb {
    Delete,
    Get,
    Head,
    Options,
    Patch,
    Post,
    Put,
    Trace,
}

impl Verb {
    const ALL: [Self; 8] =
        [Self::Delete, Self::Get, Self::Head, Self::Options, Self::Patch, Self::Post, Self::Put, Self::Trace];

    /// Reads a method; case counts.
    ///
    /// # Errors
    /// [`Refusal::UnknownVerb`].
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        Self::ALL
            .into_iter()
            .find(|verb| verb.as_str() == text)
            .ok_or_else(|| Refusal::UnknownVerb { verb: text::shortened(text, 20) })
    }

    /// The method in capitals.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delete => "DELETE",
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Options => "OPTIONS",
            Self::Patch => "PATCH",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Trace => "TRACE",
        }
    }

    /// Whether a body of this request is delivered to the service; of others it is signed and logged only
    /// (data-plane 4.10).
    #[must_use]
    pub fn delivers_body(self) -> bool {
        match self {
            Self::Patch | Self::Post | Self::Put => true,
            Self::Delete | Self::Get | Self::Head | Self::Options | Self::Trace => false,
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// On whose behalf a member asks (data-plane 2.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepresentedParty {
    /// The party's class, if named.
    pub class: Option<String>,
    /// The party's code.
    pub code: String,
}

/// A request message that can be sent: it names its client, its service, and both identifiers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestRequest {
    verb: Verb,
    target: Target,
    headers: Vec<Header>,
    client: ClientId,
    id: String,
    request_id: String,
    security_server: Option<ServerId>,
    represented_party: Option<RepresentedParty>,
}

impl RestRequest {
    /// Makes the message of a consumer's call (data-plane 2.3).
    ///
    /// `target` is the raw path and query as received, `head` the HTTP headers as received, of which those that never
    /// travel are left out. `request_id` is appended as `x-road-request-id`; `new_id` as `x-road-id` if the consumer
    /// gave none: `{instance}-{uuid4}`.
    ///
    /// # Errors
    /// As [`RestRequest::parse`]: whatever the other side would refuse is refused here.
    pub fn build(
        verb: &str,
        target: &str,
        head: &[(Bytes, Bytes)],
        request_id: &str,
        new_id: &str,
    ) -> Result<Self, Refusal> {
        let mut headers = header::travelling(head, &[header::REQUEST_ID, header::REQUEST_HASH])?;
        headers.push(Header::new(header::REQUEST_ID, request_id)?);
        if header::last(&headers, header::ID).is_none() {
            headers.push(Header::new(header::ID, new_id)?);
        }
        if headers.len() > HEADERS_MAX {
            return Err(Refusal::TooManyHeaders);
        }
        let request = Self::assemble(Verb::parse(verb)?, target, headers)?;
        match request.to_bytes().len() {
            length if length > MESSAGE_BYTES_MAX => Err(Refusal::TooLong { length }),
            _ => Ok(request),
        }
    }

    /// Reads a message (data-plane 2.5, E.3).
    ///
    /// Of repeated X-Road headers the last counts, as with X-Road, except `x-road-request-id`, which only a gateway
    /// writes: two of them are refused. It is recognised in lower case only.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let mut lines = lines::read(bytes)?;
        let verb = Verb::parse(lines.next().ok_or(Refusal::Incomplete)?)?;
        let target = lines.next().ok_or(Refusal::Incomplete)?;
        Self::assemble(verb, target, header::read(lines)?)
    }

    fn assemble(verb: Verb, target: &str, headers: Vec<Header>) -> Result<Self, Refusal> {
        let target = Target::parse(target)?;
        let last = |name: &str| header::last(&headers, name);
        let client = last(header::CLIENT).ok_or(Refusal::MissingClient)?;
        let client = ClientId::from_path(client)
            .map_err(|reason| Refusal::InvalidIdentifier { header: header::CLIENT, reason })?;
        let security_server = last(header::SECURITY_SERVER)
            .map(ServerId::from_path)
            .transpose()
            .map_err(|reason| Refusal::InvalidIdentifier { header: header::SECURITY_SERVER, reason })?;
        let represented_party = last(header::REPRESENTED_PARTY).map(represented_party).transpose()?;
        let id = last(header::ID).filter(|id| !id.is_empty()).ok_or(Refusal::MissingId)?.to_owned();
        let request_id = request_id(&headers)?.to_owned();
        Ok(Self { verb, target, headers, client, id, request_id, security_server, represented_party })
    }

    /// The text, written with CR LF: what is signed by the sender, and what the request hash is taken of.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        lines::write(self.verb.as_str(), self.target.raw(), self.headers.iter())
    }

    /// The text for a log without bodies: the path up to the service code, no query, only `x-road-` headers.
    #[must_use]
    pub fn filtered(&self) -> Vec<u8> {
        lines::write(self.verb.as_str(), self.target.up_to_service(), header::filtered(&self.headers))
    }

    /// The request hash of this message and a body part with this digest (data-plane 2.6): see [`request_hash`].
    #[must_use]
    pub fn request_hash(&self, body_digest: Option<&[u8]>) -> String {
        request_hash(&DigestAlgorithm::Sha512.digest(&self.to_bytes()), body_digest)
    }

    /// The method.
    #[must_use]
    pub fn verb(&self) -> Verb {
        self.verb
    }

    /// The raw path and query.
    #[must_use]
    pub fn target(&self) -> &str {
        self.target.raw()
    }

    /// Who asks.
    #[must_use]
    pub fn client(&self) -> &ClientId {
        &self.client
    }

    /// What is asked for.
    #[must_use]
    pub fn service(&self) -> &ServiceId {
        self.target.service()
    }

    /// The raw path behind the service code: empty, or beginning with `/`.
    #[must_use]
    pub fn service_path(&self) -> &str {
        self.target.service_path()
    }

    /// The raw query behind the `?`, if there is one.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.target.query()
    }

    /// The message id, chosen by the consumer or by its gateway.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The id of this one exchange, chosen by the consumer's gateway.
    #[must_use]
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// The provider's gateway that the consumer wants, if it named one.
    #[must_use]
    pub fn security_server(&self) -> Option<&ServerId> {
        self.security_server.as_ref()
    }

    /// On whose behalf the client asks, if it said so.
    #[must_use]
    pub fn represented_party(&self) -> Option<&RepresentedParty> {
        self.represented_party.as_ref()
    }

    /// All headers of the message in order.
    #[must_use]
    pub fn headers(&self) -> &[Header] {
        &self.headers
    }

    /// The value of the last header of this name, without regard to case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        header::last(&self.headers, name)
    }
}

/// The value of `x-road-request-id`, which counts in this spelling only.
fn request_id(headers: &[Header]) -> Result<&str, Refusal> {
    let mut found = headers.iter().filter(|header| header.name() == header::REQUEST_ID);
    let first = found.next().map(Header::value).filter(|id| !id.is_empty());
    match found.next() {
        Some(_) => Err(Refusal::RepeatedHeader { name: header::REQUEST_ID }),
        None => first.ok_or(Refusal::MissingRequestId),
    }
}

/// `[class/]code`, each percent-decoded.
fn represented_party(value: &str) -> Result<RepresentedParty, Refusal> {
    let refuse = |reason| Refusal::InvalidIdentifier { header: header::REPRESENTED_PARTY, reason };
    let decode = |segment: &str| {
        percent::decode_segment(segment).map_err(|reason| refuse(identifier::Refusal::Percent(reason)))
    };
    let count = |found| refuse(identifier::Refusal::PartCount { expected: "[class/]code of a party", found });
    let parts = value.split('/').map(decode).collect::<Result<Vec<_>, _>>()?;
    if parts.iter().any(|part| part.trim().is_empty()) {
        return Err(count(parts.len()));
    }
    match <[String; 1]>::try_from(parts) {
        Ok([code]) => Ok(RepresentedParty { class: None, code }),
        Err(parts) => match <[String; 2]>::try_from(parts) {
            Ok([class, code]) => Ok(RepresentedParty { class: Some(class), code }),
            Err(parts) => Err(count(parts.len())),
        },
    }
}
