//! Where to ask, in which order, and with which certificates (control-plane 1.4).

use super::negotiate::without_version;
use crate::anchor::Anchor;
use crate::certificate::CertificateBytes;
use crate::shared::Shared;

/// An address of a signed directory and the certificates that may have signed it there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The URL, as yet without `version`, unless it is the one that succeeded last.
    pub url: String,
    /// Only these: a certificate of another location proves nothing here (trap 6).
    pub certificates: Vec<CertificateBytes>,
}

/// All locations of one source in the order of trying: the address that succeeded last, then those that the
/// held shared parameters name, then those of the anchor; in both groups `https` before `http`, each
/// shuffled.
///
/// Explicit `https` URLs are dropped and derived anew from the `http` ones, so an anchor with `https` only
/// gives nothing (trap 12). The held shared parameters count even when they have ended: that is how keys
/// change over without a new anchor. `last_good` is the URL as it was asked, with its version, so that it is
/// not negotiated again; it is left out when no location leads there any more. `below(n)` gives a random
/// number less than `n`.
pub fn locations(
    anchor: &Anchor,
    held: Option<&Shared>,
    last_good: Option<&str>,
    below: &mut dyn FnMut(usize) -> usize,
) -> Vec<Location> {
    let own = held.filter(|shared| shared.instance == anchor.instance);
    let mut found =
        own.map(|shared| prefer_https(locations_from_shared(anchor, shared), below)).unwrap_or_default();
    let sources = anchor.sources.iter().map(|source| Location {
        url: source.download_url.clone(),
        certificates: source.verification_certificates.clone(),
    });
    found.extend(prefer_https(sources.collect(), below));
    if let Some(last_good) = last_good {
        let plain = without_version(last_good);
        let same = |location: &&Location| location.url == last_good || location.url == plain;
        if let Some(known) = found.iter().find(same) {
            let first = Location { url: last_good.to_owned(), certificates: known.certificates.clone() };
            found.insert(0, first);
        }
    }
    found
}

/// `https://<address>/<path>` and `http://<address>/<path>` for every source in the held shared parameters.
/// The path is that of the anchor's first `http` URL, and decides which certificates count: `internalconf`
/// the internal ones, `externalconf` the external ones, anything else (a configuration proxy) both (trap 13).
#[must_use]
pub fn locations_from_shared(anchor: &Anchor, shared: &Shared) -> Vec<Location> {
    let mut plain_urls =
        anchor.sources.iter().filter_map(|source| source.download_url.strip_prefix("http://"));
    let path = plain_urls.next().and_then(|rest| rest.split_once('/')).map(|(_, path)| path);
    let Some(path) = path.filter(|path| !path.is_empty()) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for source in &shared.sources {
        let certificates = match path {
            "internalconf" => source.internal_certificates.clone(),
            "externalconf" => source.external_certificates.clone(),
            _ => source.internal_certificates.iter().chain(&source.external_certificates).cloned().collect(),
        };
        for scheme in ["https", "http"] {
            let url = format!("{scheme}://{}/{path}", source.address);
            found.push(Location { url, certificates: certificates.clone() });
        }
    }
    found
}

fn prefer_https(locations: Vec<Location>, below: &mut dyn FnMut(usize) -> usize) -> Vec<Location> {
    let mut plain: Vec<Location> =
        locations.into_iter().filter(|location| location.url.starts_with("http://")).collect();
    let mut secure: Vec<Location> = plain
        .iter()
        .map(|location| Location {
            url: location.url.replacen("http://", "https://", 1),
            certificates: location.certificates.clone(),
        })
        .collect();
    shuffle(&mut secure, below);
    shuffle(&mut plain, below);
    secure.append(&mut plain);
    secure
}

fn shuffle(locations: &mut [Location], below: &mut dyn FnMut(usize) -> usize) {
    for last in (1..locations.len()).rev() {
        let other = below(last.saturating_add(1)).min(last);
        locations.swap(last, other);
    }
}

/// Resolves a `Content-location` against the URL of its directory (RFC 3986 for paths); what a URL cannot
/// hold is encoded.
///
/// `None` when the URL is not `http` or `https`. The location has been checked by [`crate::directory::read`]:
/// it is a path.
#[must_use]
pub fn resolve(directory_url: &str, location: &str) -> Option<String> {
    let (scheme, rest) = directory_url.split_once("://")?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return None;
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end)?;
    if authority.is_empty() {
        return None;
    }
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let folder =
        if location.starts_with('/') { "" } else { path.rsplit_once('/').map_or("", |(folder, _)| folder) };
    let separator = if location.starts_with('/') { "" } else { "/" };
    let mut url = format!("{scheme}://{authority}{folder}{separator}");
    for byte in location.bytes() {
        match byte {
            b'!' | b'$' | b'%' | b'&'..=b';' | b'=' | b'@'..=b'Z' | b'_' | b'a'..=b'z' | b'~' => {
                url.push(char::from(byte));
            }
            _ => url.push_str(&format!("%{byte:02X}")),
        }
    }
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolves_paths_against_the_directory_url() {
        for (directory, location, expected) in [
            (
                "http://cs/internalconf?version=6",
                "/V6/1/shared-params.xml",
                "http://cs/V6/1/shared-params.xml",
            ),
            ("https://cs:8443/P/conf?version=6", "/P/1/D V/é.xml", "https://cs:8443/P/1/D%20V/%C3%A9.xml"),
            ("http://cs/a/b", "c.xml", "http://cs/a/c.xml"),
            ("http://cs", "c.xml", "http://cs/c.xml"),
        ] {
            assert_eq!(resolve(directory, location).as_deref(), Some(expected));
        }
        for bad in ["ftp://cs/a", "cs/a", "http:///a", ""] {
            assert_eq!(resolve(bad, "/x"), None, "{bad}");
        }
    }
}
