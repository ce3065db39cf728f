//! SOAP messages of protocol 4.0 (data-plane 3.2, 3.4, 3.6): the bytes that are hashed, signed and logged, and what their header says.
//!
//! A message is kept as it came; a request is passed on so. What a provider's gateway adds to an answer, the hash of the request, is put
//! between the bytes of the service ([`Soap::read_answer`]); everything else of them stays, but for the declaration in front and
//! the encoding, which become UTF-8.

mod encoding;
mod envelope;
mod header;
pub mod related;
mod refusal;
mod request_hash;

pub use envelope::{Kind, Message, Soap};
pub use header::{Header, RequestHash};
pub use refusal::{Inconsistent, Refusal};

/// The longest message, in bytes. Attachments are not counted: they stream. X-Road knows no such limit.
pub const BYTES_MAX: usize = 16 * 1024 * 1024;

/// The most elements, texts and comments of a message.
pub const NODES_MAX: u32 = 500_000;

/// What a message may cost to read. Services repeat their namespaces on each element of a list.
const BUDGET: xml::Budget = xml::Budget::LARGE;

/// The namespace of envelopes, headers, bodies and faults in SOAP 1.1.
pub(crate) const ENVELOPE: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const ENCODING: &str = "http://schemas.xmlsoap.org/soap/encoding/";
const XROAD: &str = "http://x-road.eu/xsd/xroad.xsd";
const REPRESENTATION: &str = "http://x-road.eu/xsd/representation.xsd";

#[cfg(test)]
mod tests;
