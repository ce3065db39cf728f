//! Which configuration version to ask for (control-plane 1.4, `LocationVersionResolver`).

use crate::shared::{VERSION_NEWEST, VERSION_OLDEST};

/// What the caller wants of one location.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// The newest that the location has, between the two (`newest`, `oldest`).
    Newest {
        /// Asked for first.
        newest: u8,
        /// Taken without asking when all newer ones are missing.
        oldest: u8,
    },
    /// One version, without asking whether it exists.
    Exactly(u8),
}

impl Default for Wanted {
    /// Everything that is read here: 6 down to 2.
    fn default() -> Self {
        Self::Newest { newest: VERSION_NEWEST, oldest: VERSION_OLDEST }
    }
}

impl Wanted {
    /// Everything that is read here, for whom holds a configuration of version `held`: never back to version 2, which names certificates by
    /// SHA-1. Whoever can forge a 404 would otherwise choose it.
    #[must_use]
    pub fn after(held: Option<u8>) -> Self {
        let oldest = if held.is_some_and(|held| held > VERSION_OLDEST) {
            VERSION_OLDEST.saturating_add(1)
        } else {
            VERSION_OLDEST
        };
        Self::Newest { newest: VERSION_NEWEST, oldest }
    }
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// GET this and report the status to [`Negotiation::answered`]. The body of a 200 may be kept: it is the
    /// directory.
    Probe(String),
    /// The version is settled: this is the URL of the directory.
    Download(String),
}

/// The negotiation with one location: ask [`Negotiation::next`], report, until it says [`Ask::Download`].
///
/// Anything but 404 counts as "exists", so that a broken server is not mistaken for an old one. A location
/// that cannot be reached at all is given up by the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Negotiation {
    url: String,
    asking: u8,
    oldest: u8,
    settled: Option<String>,
}

impl Negotiation {
    /// Starts with a location's URL; a URL that already has a `version` is kept as it is, unless one version
    /// is wanted.
    #[must_use]
    pub fn new(url: &str, wanted: Wanted) -> Self {
        let (asking, oldest, settled) = match wanted {
            Wanted::Exactly(version) => {
                (version, version, Some(with_version(&without_version(url), version)))
            }
            Wanted::Newest { newest, oldest } => (newest, oldest, has_version(url).then(|| url.to_owned())),
        };
        Self { url: url.to_owned(), asking, oldest, settled }
    }

    /// What to do now.
    #[must_use]
    pub fn next(&self) -> Ask {
        match &self.settled {
            Some(url) => Ask::Download(url.clone()),
            None if self.asking <= self.oldest => Ask::Download(with_version(&self.url, self.oldest)),
            None => Ask::Probe(with_version(&self.url, self.asking)),
        }
    }

    /// Takes the HTTP status of the probe.
    pub fn answered(&mut self, status: u16) {
        if self.settled.is_some() || self.asking <= self.oldest {
            return;
        }
        if status == 404 {
            self.asking = self.asking.saturating_sub(1);
        } else {
            self.settled = Some(with_version(&self.url, self.asking));
        }
    }
}

fn query(url: &str) -> Option<(&str, &str)> {
    url.split_once('?')
}

fn is_version(parameter: &str) -> bool {
    parameter == "version" || parameter.starts_with("version=")
}

fn has_version(url: &str) -> bool {
    query(url).is_some_and(|(_, query)| query.split('&').any(is_version))
}

fn with_version(url: &str, version: u8) -> String {
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}version={version}")
}

/// The URL without its `version` parameter; others stay.
pub(super) fn without_version(url: &str) -> String {
    let Some((path, query)) = query(url) else {
        return url.to_owned();
    };
    let kept: Vec<&str> =
        query.split('&').filter(|parameter| !is_version(parameter) && !parameter.is_empty()).collect();
    if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Probes with the given answers; the last one repeats.
    fn settle(url: &str, wanted: Wanted, statuses: &[u16]) -> (String, usize) {
        let mut negotiation = Negotiation::new(url, wanted);
        let mut probes = 0;
        loop {
            match negotiation.next() {
                Ask::Download(url) => return (url, probes),
                Ask::Probe(_) => {
                    negotiation.answered(*statuses.get(probes).or(statuses.last()).unwrap());
                    probes = probes.saturating_add(1);
                }
            }
        }
    }

    #[test]
    fn anything_but_404_counts_as_an_existing_version() {
        for status in [200, 500, 302, 403] {
            assert_eq!(
                settle("http://h/c", Wanted::default(), &[status]),
                ("http://h/c?version=6".to_owned(), 1)
            );
        }
        assert_eq!(
            settle("http://h/c", Wanted::default(), &[404, 404, 500]),
            ("http://h/c?version=4".to_owned(), 3)
        );
    }

    #[test]
    fn takes_the_oldest_without_asking_when_all_newer_ones_are_missing() {
        assert_eq!(
            settle("http://h/c?a=b", Wanted::default(), &[404]),
            ("http://h/c?a=b&version=2".to_owned(), 4)
        );
    }

    #[test]
    fn whoever_held_a_later_version_never_goes_back_to_certificates_named_by_sha_1() {
        for (held, version, probes) in [(None, 2, 4), (Some(2), 2, 4), (Some(3), 3, 3), (Some(6), 3, 3)] {
            let expected = (format!("http://h/c?version={version}"), probes);
            assert_eq!(settle("http://h/c", Wanted::after(held), &[404]), expected, "{held:?}");
        }
    }

    #[test]
    fn keeps_a_version_that_the_url_has_unless_one_is_wanted() {
        let url = "http://h/c?version=3&x=y";
        assert_eq!(settle(url, Wanted::default(), &[404]), (url.to_owned(), 0));
        assert_eq!(settle(url, Wanted::Exactly(5), &[404]), ("http://h/c?x=y&version=5".to_owned(), 0));
    }
}
