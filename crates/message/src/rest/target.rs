//! The second line of a request: raw path and query, and what they name (data-plane 2.2).

use identifier::ServiceId;

use super::Refusal;

/// A target, never decoded: where the service path begins, where the query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    raw: String,
    service: ServiceId,
    /// Where the service path begins; it ends at `query` or at the end.
    service_path: usize,
    /// Where the `?` stands, if there is one.
    query: Option<usize>,
}

impl Target {
    pub(super) fn parse(raw: &str) -> Result<Self, Refusal> {
        let query = raw.find('?');
        let (path, after) = raw.split_at(query.unwrap_or(raw.len()));
        if !path.starts_with('/') || path.starts_with("//") || !is_uri(path, b"/") || !is_uri(after, b"/?[]")
        {
            return Err(Refusal::InvalidTarget);
        }
        let identifiers = path.strip_prefix("/r1/").ok_or(Refusal::UnknownVersion)?;
        // The fifth slash, if any, begins the service path.
        let length = identifiers.match_indices('/').nth(4).map_or(identifiers.len(), |(at, _)| at);
        let (identifiers, service_path) = identifiers.split_at(length);
        let service =
            ServiceId::from_path(identifiers).map_err(|reason| Refusal::InvalidServicePath { reason })?;
        let service_path = path.len().saturating_sub(service_path.len());
        Ok(Self { raw: raw.to_owned(), service, service_path, query })
    }

    pub(super) fn raw(&self) -> &str {
        &self.raw
    }

    pub(super) fn service(&self) -> &ServiceId {
        &self.service
    }

    pub(super) fn service_path(&self) -> &str {
        let end = self.query.unwrap_or(self.raw.len());
        self.raw.get(self.service_path..end).unwrap_or_default()
    }

    pub(super) fn query(&self) -> Option<&str> {
        self.raw.get(self.query?..)?.strip_prefix('?')
    }

    /// The path up to the service code.
    pub(super) fn up_to_service(&self) -> &str {
        self.raw.get(..self.service_path).unwrap_or_default()
    }
}

/// Whether a text has only what RFC 3986 allows in a segment, complete `%HH`, and what is `welcome` besides.
fn is_uri(text: &str, welcome: &[u8]) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let fine = match byte {
            b'%' => {
                let mut hexadecimal = || bytes.next().is_some_and(|digit| digit.is_ascii_hexdigit());
                hexadecimal() && hexadecimal()
            }
            _ => identifier::percent::is_kept(byte) || welcome.contains(&byte),
        };
        if !fine {
            return false;
        }
    }
    true
}
