//! The address of a service: `http` or `https`, host, port, base path; nothing that could point elsewhere later.

use http1::Url;

/// A service address (data-plane 4.10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServiceUrl(Url);

/// Why an address is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UrlFault {
    /// None was given.
    Missing,
    /// Not a plain `http` or `https` address.
    Malformed,
}

impl ServiceUrl {
    /// Reads an address.
    ///
    /// # Errors
    /// See [`UrlFault`]; a fragment is a fault, since nobody would hear of it.
    pub(crate) fn parse(text: &str) -> Result<Self, UrlFault> {
        if text.is_empty() {
            return Err(UrlFault::Missing);
        }
        if text.contains(['#', '<', '>']) {
            return Err(UrlFault::Malformed);
        }
        Url::parse(text).map(Self).map_err(|_| UrlFault::Malformed)
    }

    /// Where it is.
    pub(crate) const fn url(&self) -> &Url {
        &self.0
    }

    /// The request target for a call: base path, the message's raw service path and query (one slash of a double one is dropped).
    pub(crate) fn target(&self, service_path: &str, query: Option<&str>) -> String {
        let (path, own_query) = match self.0.target().split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (self.0.target(), None),
        };
        let base = path.strip_suffix('/').filter(|_| service_path.starts_with('/')).unwrap_or(path);
        let mut target = format!("{base}{service_path}");
        for query in [own_query, query].into_iter().flatten() {
            target.push('?');
            target.push_str(query);
        }
        target
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(base: &str, path: &str, query: Option<&str>) -> String {
        ServiceUrl::parse(base).unwrap().target(path, query)
    }

    #[test]
    fn joins_base_and_path_with_one_slash() {
        assert_eq!(target("http://h", "", None), "/");
        assert_eq!(target("http://h", "/a", None), "/a");
        assert_eq!(target("http://h/", "/a", None), "/a");
        assert_eq!(target("http://h/v1", "/a%20b", Some("x=1")), "/v1/a%20b?x=1");
        assert_eq!(target("http://h/v1/", "/", None), "/v1/");
        assert_eq!(target("http://h/v1/", "", None), "/v1/");
        assert_eq!(target("http://h/v1?k=2", "/a", Some("x=1")), "/v1/a?k=2?x=1");
        assert_eq!(target("http://h?k=2", "/a", None), "/a?k=2");
    }

    #[test]
    fn refuses_what_is_not_a_plain_address() {
        assert_eq!(ServiceUrl::parse(""), Err(UrlFault::Missing));
        for text in [
            " ",
            "ftp://h/",
            "h/x",
            "http://",
            "http://user@h/",
            "http://[::zz]/",
            "http://h:0/",
            "http://h:70000/",
            "http://h/a b",
            "http://h/a#b",
            "http://h/<a>",
            "http://h/\u{e9}",
        ] {
            assert_eq!(ServiceUrl::parse(text), Err(UrlFault::Malformed), "{text}");
        }
    }
}
