//! The fields of the header (data-plane 3.2). Values are kept as they stand, white space included; what other elements the header holds is
//! left to whom it concerns.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use identifier::xml::{read_client, read_server, read_service};
use identifier::{ClientId, ServerId, ServiceId};
use roxmltree::Node;

use super::{Inconsistent, REPRESENTATION, Refusal, XROAD};
use crate::rest::RepresentedParty;
use crate::text;

const SHA512: &str = "http://www.w3.org/2001/04/xmlenc#sha512";

/// What the header of a message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Who asks.
    pub client: ClientId,
    /// What is asked.
    pub service: ServiceId,
    /// The provider's server that is to answer, if the consumer chose one.
    pub security_server: Option<ServerId>,
    /// The person behind the request.
    pub user_id: Option<String>,
    /// On whose behalf the client asks.
    pub represented_party: Option<RepresentedParty>,
    /// The case that it belongs to.
    pub issue: Option<String>,
    /// The message's identifier, which the consumer chose.
    pub id: String,
    /// Of an answer: the request's hash.
    pub request_hash: Option<RequestHash>,
    /// The version of the message protocol, `4.0`.
    pub protocol_version: String,
}

/// The hash that ties an answer to its request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestHash {
    /// The URI of the digest algorithm, if there is one.
    pub algorithm: Option<String>,
    /// The digest in Base64, as it stands.
    pub value: String,
}

impl RequestHash {
    /// The hash of a request of which this is the SHA-512 digest.
    #[must_use]
    pub fn of(digest: &[u8]) -> Self {
        Self { algorithm: Some(SHA512.to_owned()), value: STANDARD.encode(digest) }
    }
}

impl Header {
    /// Whether an answer with this header belongs to a request. The request's hash is looked at apart.
    ///
    /// # Errors
    /// The first field that differs.
    pub fn answers(&self, request: &Self) -> Result<(), Inconsistent> {
        let same = [
            ("client", self.client == request.client),
            ("service", self.service == request.service),
            ("userId", self.user_id == request.user_id),
            ("representedParty", self.represented_party == request.represented_party),
            ("issue", self.issue == request.issue),
            ("id", self.id == request.id),
        ];
        match same.into_iter().find(|(_, same)| !same) {
            Some((field, _)) => Err(Inconsistent { field }),
            None => Ok(()),
        }
    }
}

/// The fields found so far, each once.
#[derive(Default)]
pub(super) struct Fields {
    client: Option<ClientId>,
    service: Option<ServiceId>,
    security_server: Option<ServerId>,
    user_id: Option<String>,
    represented_party: Option<RepresentedParty>,
    issue: Option<String>,
    id: Option<String>,
    request_hash: Option<RequestHash>,
    protocol_version: Option<String>,
}

impl Fields {
    /// Reads the children of the header element in their order.
    pub(super) fn of(header: Node<'_, '_>) -> Result<Self, Refusal> {
        let mut fields = Self::default();
        for node in header.children().filter(Node::is_element) {
            fields.take(node)?;
        }
        Ok(fields)
    }

    fn take(&mut self, node: Node<'_, '_>) -> Result<(), Refusal> {
        let name = node.tag_name();
        match (name.namespace(), name.name()) {
            (Some(XROAD), "client") => {
                once(&mut self.client, "client", || identified("client", read_client(node)))
            }
            (Some(XROAD), "service") => {
                once(&mut self.service, "service", || identified("service", read_service(node)))
            }
            (Some(XROAD), "securityServer") => once(&mut self.security_server, "securityServer", || {
                identified("securityServer", read_server(node))
            }),
            (Some(XROAD), "userId") => once(&mut self.user_id, "userId", || Ok(value(node))),
            (Some(REPRESENTATION), "representedParty") => {
                once(&mut self.represented_party, "representedParty", || represented_party(node))
            }
            (Some(XROAD), "issue") => once(&mut self.issue, "issue", || Ok(value(node))),
            (Some(XROAD), "id") => once(&mut self.id, "id", || Ok(value(node))),
            (Some(XROAD), "requestHash") => once(&mut self.request_hash, "requestHash", || {
                let algorithm = node.attribute("algorithmId").map(str::to_owned);
                Ok(RequestHash { algorithm, value: value(node) })
            }),
            (Some(XROAD), "protocolVersion") => {
                once(&mut self.protocol_version, "protocolVersion", || version(value(node)))
            }
            _ => Ok(()),
        }
    }

    /// All that must be there, in the order in which X-Road misses them.
    pub(super) fn complete(self) -> Result<Header, Refusal> {
        let missing = |field| move || Refusal::NoField { field };
        Ok(Header {
            protocol_version: self.protocol_version.ok_or_else(missing("protocolVersion"))?,
            client: self.client.ok_or_else(missing("client"))?,
            id: self.id.ok_or_else(missing("id"))?,
            service: self.service.ok_or_else(missing("service"))?,
            security_server: self.security_server,
            user_id: self.user_id,
            represented_party: self.represented_party,
            issue: self.issue,
            request_hash: self.request_hash,
        })
    }
}

fn once<T>(
    place: &mut Option<T>,
    field: &'static str,
    read: impl FnOnce() -> Result<T, Refusal>,
) -> Result<(), Refusal> {
    if place.is_some() {
        return Err(Refusal::RepeatedField { field });
    }
    *place = Some(read()?);
    Ok(())
}

fn identified<T>(field: &'static str, read: Result<T, identifier::xml::Refusal>) -> Result<T, Refusal> {
    read.map_err(|reason| Refusal::Identifier { field, reason })
}

fn version(found: String) -> Result<String, Refusal> {
    if found.starts_with("4.") {
        Ok(found)
    } else {
        Err(Refusal::Version { found: text::shortened(&found, 20) })
    }
}

fn represented_party(node: Node<'_, '_>) -> Result<RepresentedParty, Refusal> {
    let (mut class, mut code) = (None, None);
    for part in node.children().filter(Node::is_element) {
        match (part.tag_name().namespace(), part.tag_name().name()) {
            (Some(REPRESENTATION), "partyClass") => once(&mut class, "partyClass", || Ok(value(part)))?,
            (Some(REPRESENTATION), "partyCode") => once(&mut code, "partyCode", || Ok(value(part)))?,
            _ => {}
        }
    }
    Ok(RepresentedParty { class, code: code.ok_or(Refusal::NoField { field: "partyCode" })? })
}

/// The text that stands in the element itself, around comments and whatever other elements it holds.
fn value(node: Node<'_, '_>) -> String {
    node.children().filter(Node::is_text).filter_map(|text| text.text()).collect()
}
