//! Addresses of services and sources: `http://` and `https://`, taken apart once.

#[cfg(test)]
mod tests;

use crate::error::UrlRefusal;

const URL_CHARACTERS_MAX: usize = 8 * 1024;

/// An http or https address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    secure: bool,
    host: String,
    port: Option<u16>,
    target: String,
}

impl Url {
    /// Takes an address apart. The path and the query stay as they are spelt; a fragment is left off.
    ///
    /// # Errors
    /// Another scheme, a user name (it would reach logs), a host or a port that is none, white space or other
    /// characters outside visible ASCII.
    pub fn parse(text: &str) -> Result<Self, UrlRefusal> {
        if text.len() > URL_CHARACTERS_MAX {
            return Err(UrlRefusal::TooLong(URL_CHARACTERS_MAX));
        }
        if !text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\' && b != b'"') {
            return Err(UrlRefusal::Character);
        }
        let (secure, rest) = scheme(text).ok_or(UrlRefusal::Scheme)?;
        let rest = rest.split('#').next().unwrap_or_default();
        let split = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at_checked(split).ok_or(UrlRefusal::Host)?;
        if authority.contains('@') {
            return Err(UrlRefusal::UserName);
        }
        let (host, port) = host_and_port(authority)?;
        let target = if tail.starts_with('/') { tail.to_owned() } else { format!("/{tail}") };
        Ok(Self { secure, host, port, target })
    }

    /// Whether it is https.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The host without brackets, in lower case: a name, an IPv4 or an IPv6 address.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, 80 or 443 when none is said.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(if self.secure { 443 } else { 80 })
    }

    /// The value of the Host header: the port only if the address says it.
    #[must_use]
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match self.port {
            Some(port) => format!("{host}:{port}"),
            None => host,
        }
    }

    /// Path and query, at least `/`: what the request line says.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }
}

fn scheme(text: &str) -> Option<(bool, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    if scheme.eq_ignore_ascii_case("http") {
        return Some((false, rest));
    }
    scheme.eq_ignore_ascii_case("https").then_some((true, rest))
}

fn host_and_port(authority: &str) -> Result<(String, Option<u16>), UrlRefusal> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (inner, tail) = rest.split_once(']').ok_or(UrlRefusal::Host)?;
        let address: std::net::Ipv6Addr = inner.parse().map_err(|_| UrlRefusal::Host)?;
        let port = match tail.strip_prefix(':') {
            Some(port) => port_number(port)?,
            None if tail.is_empty() => None,
            None => return Err(UrlRefusal::Host),
        };
        return Ok((address.to_string(), port));
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, port_number(port)?),
        None => (authority, None),
    };
    let named = !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
    if !named || host.len() > 253 {
        return Err(UrlRefusal::Host);
    }
    Ok((host.to_ascii_lowercase(), port))
}

fn port_number(text: &str) -> Result<Option<u16>, UrlRefusal> {
    if text.is_empty() {
        return Ok(None);
    }
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(UrlRefusal::Port);
    }
    match text.parse() {
        Ok(0) | Err(_) => Err(UrlRefusal::Port),
        Ok(port) => Ok(Some(port)),
    }
}
