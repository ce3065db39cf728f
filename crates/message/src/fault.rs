//! SOAP faults: how a gateway refuses, and how it reads a refusal (data-plane 3.4, 4.6).

mod read;

pub use read::{ReceivedFault, Refusal};

use crate::text::{Quotes, escape_xml};

/// The content type of a fault, bare or as a part.
pub const CONTENT_TYPE: &str = "text/xml;charset=utf-8";

/// The largest fault that is read, in bytes.
pub const BYTES_MAX: usize = 1024 * 1024;

/// The four fields of a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The fault code, as `server.serverproxy.access_denied`.
    pub code: String,
    /// What went wrong, for people.
    pub string: String,
    /// Left out of the XML when `None`; X-Road writes an empty one.
    pub actor: Option<String>,
    /// Left out of the XML when `None`; X-Road writes a random UUID for the log.
    pub detail: Option<String>,
}

impl Fault {
    /// A fault as X-Road's gateways make them: empty actor, and in `detail` the UUID under which it is logged.
    #[must_use]
    pub fn new(code: impl Into<String>, string: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            string: string.into(),
            actor: Some(String::new()),
            detail: Some(detail.into()),
        }
    }

    /// The XML in the exact shape of data-plane 3.4.
    #[must_use]
    pub fn to_xml(&self) -> String {
        let escaped = |text: &str| escape_xml(text, Quotes::Escaped);
        let actor = self.actor.as_deref().map(|a| format!("<faultactor>{}</faultactor>", escaped(a)));
        let detail = self
            .detail
            .as_deref()
            .map(|d| format!("<detail><faultDetail xmlns=\"\">{}</faultDetail></detail>", escaped(d)));
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
             <SOAP-ENV:Envelope xmlns:SOAP-ENV=\"http://schemas.xmlsoap.org/soap/envelope/\"><SOAP-ENV:Body>\
             <SOAP-ENV:Fault><faultcode>{}</faultcode><faultstring>{}</faultstring>{}{}</SOAP-ENV:Fault>\
             </SOAP-ENV:Body></SOAP-ENV:Envelope>",
            escaped(&self.code),
            escaped(&self.string),
            actor.unwrap_or_default(),
            detail.unwrap_or_default()
        )
    }
}

#[cfg(test)]
mod tests;
