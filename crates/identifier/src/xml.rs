//! Identifiers as XML (data-plane 1.3).
//!
//! The wrapping element is the caller's; it carries the attribute `objectType`, and its children are the parts, both in
//! [`NAMESPACE`]. Reading is strict: the right type, the right parts, each once, nothing else. Order is not demanded, since
//! X-Road's reader of messages does not demand it.

mod read;
mod write;

pub use read::{
    Refusal, read_client, read_global_group, read_identifier, read_local_group, read_server, read_service,
};
pub use write::{
    Unwritable, escape_attribute, escape_lossy, escape_text, write_client, write_global_group,
    write_local_group, write_server, write_service,
};

/// The namespace of the parts and of the attribute `objectType`.
pub const NAMESPACE: &str = "http://x-road.eu/xsd/identifiers";

#[cfg(test)]
mod tests;
