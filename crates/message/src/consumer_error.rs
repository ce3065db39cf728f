//! What a REST consumer sees of a fault: status, header, JSON or XML (data-plane 2.8).

use crate::accept;
use crate::text::{Quotes, escape_xml};

/// The name of the response header that carries the fault code.
pub const HEADER: &str = "X-Road-Error";

/// A failure as a REST consumer sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerError {
    /// The fault code, also the value of [`HEADER`].
    pub code: String,
    /// The fault string; `None` is written as JSON `null`.
    pub message: Option<String>,
    /// The identifier under which our log, or the peer's, knows the failure.
    pub detail: Option<String>,
}

/// In which form the error is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `application/json`, without charset.
    Json,
    /// `text/xml;charset=utf-8`.
    TextXml,
    /// `application/xml;charset=utf-8`.
    ApplicationXml,
}

impl Format {
    /// The form that the consumer's Accept headers ask for: XML if any of them lists it, JSON otherwise.
    #[must_use]
    pub fn choose<'a>(accept_headers: impl IntoIterator<Item = &'a str>) -> Self {
        match accept::xml_type(accept_headers) {
            Some("application/xml") => Self::ApplicationXml,
            Some(_) => Self::TextXml,
            None => Self::Json,
        }
    }

    /// The value of the response's Content-Type.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::TextXml => "text/xml;charset=utf-8",
            Self::ApplicationXml => "application/xml;charset=utf-8",
        }
    }
}

impl ConsumerError {
    /// 500 when the code begins with `server.`, otherwise 400: a code of a peer before 7.8 (`Server.…`) gives 400.
    #[must_use]
    pub fn http_status(&self) -> u16 {
        if self.code.starts_with("server.") { 500 } else { 400 }
    }

    /// The body in the given form.
    #[must_use]
    pub fn body(&self, format: Format) -> String {
        match format {
            Format::Json => self.json(),
            Format::TextXml | Format::ApplicationXml => self.xml(),
        }
    }

    fn json(&self) -> String {
        let text = |value: Option<&str>| value.map_or_else(|| "null".to_owned(), json_string);
        format!(
            "{{\"type\":{},\"message\":{},\"detail\":{}}}",
            json_string(&self.code),
            text(self.message.as_deref()),
            text(self.detail.as_deref())
        )
    }

    fn xml(&self) -> String {
        let element = |name: &str, value: Option<&str>| match value {
            Some(value) if !value.is_empty() => {
                format!("<{name}>{}</{name}>\n", escape_xml(value, Quotes::Kept))
            }
            Some(_) | None => format!("<{name}/>\n"),
        };
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?><error>\n{}{}{}</error>\n",
            element("type", Some(&self.code)),
            element("message", self.message.as_deref()),
            element("detail", self.detail.as_deref())
        )
    }
}

/// A JSON string; what is not ASCII stays as it is, control characters become escapes.
fn json_string(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len().saturating_add(2));
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if u32::from(c) < 0x20 => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: &str, message: Option<&str>) -> ConsumerError {
        ConsumerError {
            code: code.to_owned(),
            message: message.map(str::to_owned),
            detail: Some("d-1".to_owned()),
        }
    }

    #[test]
    fn writes_one_json_object_with_its_keys_in_order() {
        assert_eq!(
            error("server.x", Some("a \"b\" \\ ä\n\u{1}/")).body(Format::Json),
            "{\"type\":\"server.x\",\"message\":\"a \\\"b\\\" \\\\ ä\\n\\u0001/\",\"detail\":\"d-1\"}"
        );
        assert_eq!(
            error("server.x", None).body(Format::Json),
            "{\"type\":\"server.x\",\"message\":null,\"detail\":\"d-1\"}"
        );
    }

    #[test]
    fn writes_xml_that_cannot_be_broken_out_of() {
        assert_eq!(
            error("server.x", Some("</message>&\u{0}")).body(Format::TextXml),
            "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?><error>\n<type>server.x</type>\n\
             <message>&lt;/message&gt;&amp;</message>\n<detail>d-1</detail>\n</error>\n"
        );
        assert!(error("server.x", None).body(Format::ApplicationXml).contains("<message/>"));
    }

    #[test]
    fn the_status_follows_the_spelling_of_the_code() {
        let check = |code: &str, status: u16| assert_eq!(error(code, None).http_status(), status, "{code}");
        check("server.serverproxy.access_denied", 500);
        check("Server.ServerProxy.AccessDenied", 400);
        check("client.x", 400);
        check("server", 400);
        check("", 400);
    }
}
