//! # What travels
//!
//! Two gateways exchange one HTTP request and one HTTP response. Inside each is a multipart: OCSP responses of the
//! sender's authentication certificate (requests only), the message, its body, the hash chain and the signature. This
//! room reads and writes those bytes, exactly as an X-Road 7.8.0 server does (data-plane 2.2–2.8, 3.4, 4.6–4.8, E.1,
//! E.3, E.5), and knows nothing of networks, clocks, keys or configuration.
//!
//! The path through the room, in the order in which a message meets it:
//!
//! 1. [`rest`] — the text that is hashed, signed and logged instead of the HTTP head: [`rest::RestRequest`] is built
//!    from a consumer's request, [`rest::RestResponse`] from a service's answer; both are parsed back at the other side
//!    and give the request hash that ties an answer to its question.
//! 2. [`content_type`] — the outer `Content-Type`, which names the boundary.
//! 3. [`multipart`] — the layout of the parts. [`multipart::Writer`] gives out the few bytes around the bodies;
//!    [`multipart::Reader`] takes whatever chunks the network delivers and hands out slices of them.
//! 4. [`proxy`] — the order of the parts: [`proxy::Encoder`] and [`proxy::Decoder`] lead a whole message through the
//!    multipart, take the digest of each signed part as its bytes pass, and refuse any part that is out of place.
//! 5. [`soap`] — the SOAP message that stands beside the REST text, its header, the request's hash in an answer; and
//!    [`soap::related`], the message with attachments as consumers and services send it.
//! 6. [`fault`] — the SOAP fault by which a gateway refuses, towards REST peers too; [`consumer_error`] — the JSON or
//!    XML that a REST consumer sees instead, chosen by [`accept`].
//!
//! **Invariants.** Bytes are never written anew to be verified: every part is handed out as it came, and a digest is
//! always over received bytes. What a stranger sends is bounded: line lengths, counts of headers and parts, the size of
//! every part except body and attachments, which stream. An answer that ends without its closing boundary is refused, since
//! nothing else tells a cut answer from a whole one. A document with a DTD is refused.
//!
//! **Not here.** No verification of signatures, certificates or OCSP responses, no decision about access: `signature`,
//! `trust` and `access` do that. No X-Road error code reaches a peer from here: each refusal names the code that X-Road
//! uses (`code()`), and `gateway` decides what is said.

pub mod rest;
pub mod soap;
pub mod content_type;
pub mod multipart;
pub mod proxy;
pub mod fault;
pub mod consumer_error;
pub mod accept;

mod document;
mod text;
