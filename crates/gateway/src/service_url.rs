//! The address of a service: `http` or `https`, host, port, base path; nothing that could point elsewhere later.

use std::fmt;

/// A parsed service address (data-plane 4.10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServiceUrl {
    /// Whether it is reached over TLS.
    pub(crate) tls: bool,
    /// Host name or address, IPv6 in brackets.
    pub(crate) host: String,
    /// The port, 80 or 443 unless given.
    pub(crate) port: u16,
    /// The base path: empty or beginning with `/`.
    pub(crate) path: String,
    /// The base query, without `?`.
    pub(crate) query: Option<String>,
    explicit_port: bool,
}

/// Why an address is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UrlFault {
    /// None was given.
    #[error("there is no address")]
    Missing,
    /// Neither `http://` nor `https://`.
    #[error("the address must begin with http:// or https://")]
    Scheme,
    /// No host, a name with a password, or characters that do not belong.
    #[error("the address has no plain host name")]
    Host,
    /// A port that is no number from 1 to 65535.
    #[error("the port must be a number from 1 to 65535")]
    Port,
    /// White space, control characters or a fragment.
    #[error("the path holds characters that do not belong in an address")]
    Path,
}

impl ServiceUrl {
    /// Reads an address.
    ///
    /// # Errors
    /// See [`UrlFault`].
    pub(crate) fn parse(text: &str) -> Result<Self, UrlFault> {
        if text.is_empty() {
            return Err(UrlFault::Missing);
        }
        let (tls, rest) = match (text.strip_prefix("http://"), text.strip_prefix("https://")) {
            (Some(rest), _) => (false, rest),
            (None, Some(rest)) => (true, rest),
            (None, None) => return Err(UrlFault::Scheme),
        };
        if rest.bytes().any(|b| !b.is_ascii_graphic() || matches!(b, b'#' | b'"' | b'<' | b'>' | b'\\')) {
            return Err(UrlFault::Path);
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at(end);
        let (host, port) = split_authority(authority)?;
        let (path, query) = match tail.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (tail, None),
        };
        Ok(Self {
            tls,
            host: host.to_owned(),
            port: port.unwrap_or(if tls { 443 } else { 80 }),
            path: path.to_owned(),
            query,
            explicit_port: port.is_some(),
        })
    }

    /// The request target for a call: base path, the message's raw service path and query (one slash of a double one is dropped).
    #[must_use]
    pub(crate) fn target(&self, service_path: &str, query: Option<&str>) -> String {
        let base = if self.path.ends_with('/') && service_path.starts_with('/') {
            self.path.strip_suffix('/').unwrap_or_default()
        } else {
            &self.path
        };
        let mut target = format!("{base}{service_path}");
        if !target.starts_with('/') {
            target.insert(0, '/');
        }
        for query in [self.query.as_deref(), query].into_iter().flatten() {
            target.push('?');
            target.push_str(query);
        }
        target
    }

    /// The `Host` header.
    #[must_use]
    pub(crate) fn host_header(&self) -> String {
        if self.explicit_port { format!("{}:{}", self.host, self.port) } else { self.host.clone() }
    }

    /// The host as a name to be looked up: without brackets.
    #[must_use]
    pub(crate) fn host_name(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }
}

fn split_authority(authority: &str) -> Result<(&str, Option<u16>), UrlFault> {
    let (host, port) = match authority.rfind(':') {
        Some(at) if !authority.ends_with(']') => {
            let (host, port) = authority.split_at(at);
            (host, Some(port.get(1..).unwrap_or_default()))
        }
        Some(_) | None => (authority, None),
    };
    let name = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let fine = match name {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
        }
    };
    if !fine {
        return Err(UrlFault::Host);
    }
    let port = port.map(|p| p.parse::<u16>().ok().filter(|p| *p > 0).ok_or(UrlFault::Port)).transpose()?;
    Ok((host, port))
}

impl fmt::Display for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.host_header(), self.path)
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
        assert_eq!(target("http://h/", "/a", None), "/a");
        assert_eq!(target("http://h/v1", "/a%20b", Some("x=1")), "/v1/a%20b?x=1");
        assert_eq!(target("http://h/v1/", "/", None), "/v1/");
        assert_eq!(target("http://h/v1?k=2", "/a", Some("x=1")), "/v1/a?k=2?x=1");
    }

    #[test]
    fn keeps_an_explicit_port_in_the_host_header() {
        assert_eq!(ServiceUrl::parse("http://h:80/x").unwrap().host_header(), "h:80");
        assert_eq!(ServiceUrl::parse("https://h/x").unwrap().host_header(), "h");
        assert_eq!(ServiceUrl::parse("http://[::1]:9/x").unwrap().host_name(), "::1");
    }

    #[test]
    fn refuses_what_is_not_a_plain_address() {
        for (text, fault) in [
            ("", UrlFault::Missing),
            ("ftp://h/", UrlFault::Scheme),
            ("h/x", UrlFault::Scheme),
            ("http://", UrlFault::Host),
            ("http://user@h/", UrlFault::Host),
            ("http://[::zz]/", UrlFault::Host),
            ("http://h:0/", UrlFault::Port),
            ("http://h:70000/", UrlFault::Port),
            ("http://h/a b", UrlFault::Path),
            ("http://h/a#b", UrlFault::Path),
            ("http://h/\u{e9}", UrlFault::Path),
        ] {
            assert_eq!(ServiceUrl::parse(text), Err(fault), "{text}");
        }
    }
}
