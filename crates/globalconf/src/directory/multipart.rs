//! Writing multipart text exactly as a central server's `MultipartMessage` does.

/// One part: header fields, content, or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Names and values in order.
    pub headers: Vec<(String, String)>,
    /// `None` for a part that consists of fields only.
    pub content: Option<String>,
}

impl Part {
    /// A part with these fields and perhaps content.
    #[must_use]
    pub fn new(headers: &[(&str, &str)], content: Option<String>) -> Self {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { headers, content }
    }

    /// Fields, and after a blank line the content. A part without content ends with its last field's line
    /// end.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(content) = &self.content {
            if !self.headers.is_empty() {
                text.push_str("\r\n");
            }
            text.push_str(content);
        }
        text
    }
}

/// The head of a multipart document: its content type and a blank line. `kind` is `mixed` or `related`.
#[must_use]
pub fn head(kind: &str, boundary: &str) -> String {
    format!("Content-Type: multipart/{kind}; charset=UTF-8; boundary={boundary}\r\n\r\n")
}

/// The body of a multipart document: delimiters and parts, from the first `-` to the line end after the
/// closing delimiter.
#[must_use]
pub fn body(boundary: &str, parts: &[Part]) -> String {
    let mut out = String::new();
    for part in parts {
        out.push_str(&format!("--{boundary}\r\n{}\r\n", part.text()));
    }
    out.push_str(&format!("--{boundary}--\r\n"));
    out
}
