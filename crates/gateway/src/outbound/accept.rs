//! The consumer's request becomes a message: what will be hashed, signed and logged (data-plane 2.2–2.5).

use super::listen::Consumer;
use crate::error::Refusal;
use crate::gateway::Gateway;
use http1::{Body, RequestHead};
use message::rest::{self, RestRequest};

/// A consumer's request, read but believed in nothing.
#[derive(Debug)]
pub struct Received {
    pub(crate) consumer: Consumer,
    pub(crate) request: RestRequest,
    pub(crate) content_type: Vec<u8>,
    pub(crate) body: Body,
}

/// Whether the request is for the REST interface.
pub(crate) fn is_rest(head: &RequestHead) -> bool {
    head.path().starts_with("/r1/")
}

/// Reads the head; the body waits.
pub(crate) fn accept(
    gateway: &Gateway,
    consumer: Consumer,
    head: &RequestHead,
    body: Body,
) -> Result<Received, Refusal> {
    gateway.require_ready()?;
    if !is_rest(head) {
        return Err(not_rest(head));
    }
    let request_id = gateway.chance.uuid4();
    let new_id = format!("{}-{}", gateway.config.server.instance(), gateway.chance.uuid4());
    let request =
        RestRequest::build(&head.method, head.path_and_query(), &head.headers, &request_id, &new_id)
            .map_err(refusal)?;
    let content_type = head.header("content-type").map(|v| v.to_vec()).unwrap_or_default();
    Ok(Received { consumer, request, content_type, body })
}

fn refusal(refusal: rest::Refusal) -> Refusal {
    if refusal == rest::Refusal::MissingClient {
        return Refusal::NoClient;
    }
    Refusal::MalformedRequest(refusal.to_string())
}

/// X-Road answers every path that it does not know as SOAP, which is POST of XML only (data-plane E.1.16).
fn not_rest(head: &RequestHead) -> Refusal {
    if head.method != "POST" {
        return Refusal::InvalidHttpMethod(format!(
            "Must use POST request method instead of {}",
            head.method
        ));
    }
    let content_type = head.header_text("content-type").unwrap_or_default();
    let base = content_type.split(';').next().unwrap_or_default().trim();
    let is_soap = ["text/xml", "multipart/related"].iter().any(|soap| base.eq_ignore_ascii_case(soap));
    if is_soap {
        return Refusal::MalformedRequest(
            "This gateway carries REST messages: the path must begin with /r1/".to_owned(),
        );
    }
    Refusal::InvalidContentType(base.to_owned())
}
