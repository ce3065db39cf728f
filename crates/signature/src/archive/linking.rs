//! `linkinginfo`: the chain of digests through the containers of an archive, and from archive to archive.

use std::collections::BTreeSet;

use trust::algorithm::DigestAlgorithm;

use super::Refusal;

/// What stands for an archive before the first one.
const NOTHING: &str = "-";
const NAME_BYTES_MAX: usize = 512;

/// The end of an archive, to which the next one of its group is linked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its last digest, in lower-case hex.
    pub digest: String,
    /// Its file name.
    pub file_name: String,
}

/// The chain as it grows: each step covers the digest before it, as text, and the digest of a container, as text.
#[derive(Debug, Clone)]
pub(super) struct Chain {
    algorithm: DigestAlgorithm,
    digest: String,
}

impl Chain {
    pub(super) fn new(algorithm: DigestAlgorithm, previous: Option<&Link>) -> Self {
        Self { algorithm, digest: previous.map(|link| link.digest.clone()).unwrap_or_default() }
    }

    pub(super) fn step(&mut self, container: &[u8]) -> &str {
        let linked = format!("{}{}", self.digest, hex(&self.algorithm.digest(container)));
        self.digest = hex(&self.algorithm.digest(linked.as_bytes()));
        &self.digest
    }

    pub(super) fn digest(&self) -> &str {
        &self.digest
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The first line.
pub(super) fn head(previous: Option<&Link>, algorithm: DigestAlgorithm) -> String {
    let (digest, name) =
        previous.map_or((NOTHING, NOTHING), |link| (link.digest.as_str(), link.file_name.as_str()));
    format!("{digest} {name} {}\n", algorithm.name())
}

/// The line of a container.
pub(super) fn line(digest: &str, name: &str) -> String {
    format!("{digest} {name}\n")
}

/// What `linkinginfo` says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Linking {
    pub(super) previous: Option<Link>,
    pub(super) algorithm: DigestAlgorithm,
    /// Digest and name, container by container; at least one, no name twice.
    pub(super) lines: Vec<Link>,
}

impl Linking {
    pub(super) fn read(octets: &[u8]) -> Result<Self, Refusal> {
        let bad = |why| Err(Refusal::BadLinking(why));
        let Some(text) = std::str::from_utf8(octets).ok().and_then(|text| text.strip_suffix('\n')) else {
            return bad("it is not text, or its last line has no end");
        };
        let mut lines = text.split('\n');
        let (previous, algorithm) = read_head(lines.next().unwrap_or_default())?;
        let mut names = BTreeSet::new();
        let mut listed = Vec::new();
        for line in lines {
            let Some((digest, name)) = line.split_once(' ') else {
                return bad("a line is not a digest and a name");
            };
            if !is_digest_of(digest, algorithm) {
                return bad("a digest is not one of its algorithm");
            }
            if !is_name(name) {
                return bad("a name is not one that a container has");
            }
            if !names.insert(name) {
                return bad("it lists a name twice");
            }
            listed.push(Link { digest: digest.to_owned(), file_name: name.to_owned() });
        }
        if listed.is_empty() {
            return bad("it lists no container");
        }
        Ok(Self { previous, algorithm, lines: listed })
    }

    /// The digest of the whole archive.
    pub(super) fn digest(&self) -> &str {
        self.lines.last().map_or("", |line| line.digest.as_str())
    }
}

/// A group's name may have blanks in it, and then so has the archive's.
fn read_head(line: &str) -> Result<(Option<Link>, DigestAlgorithm), Refusal> {
    let pieces = line.split_once(' ').and_then(|(digest, rest)| Some((digest, rest.rsplit_once(' ')?)));
    let Some((digest, (name, algorithm))) = pieces else {
        return Err(Refusal::BadLinking("its first line is not a digest, a name and an algorithm"));
    };
    let algorithm = match DigestAlgorithm::from_name(algorithm) {
        Some(known) if known.name() == algorithm && SAFE.contains(&known) => known,
        Some(_) | None => {
            return Err(Refusal::BadLinking("its algorithm is not SHA-256, SHA-384 or SHA-512"));
        }
    };
    if (digest, name) == (NOTHING, NOTHING) {
        return Ok((None, algorithm));
    }
    // The archive before may be of another algorithm.
    if !SAFE.into_iter().any(|known| is_digest_of(digest, known)) || !is_archive_name(name) {
        return Err(Refusal::BadLinking("its first line does not name an archive before this one"));
    }
    Ok((Some(Link { digest: digest.to_owned(), file_name: name.to_owned() }), algorithm))
}

const SAFE: [DigestAlgorithm; 3] =
    [DigestAlgorithm::Sha256, DigestAlgorithm::Sha384, DigestAlgorithm::Sha512];

fn is_digest_of(text: &str, algorithm: DigestAlgorithm) -> bool {
    text.len() == algorithm.output_bytes().saturating_mul(2)
        && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Names of containers are coded (data-plane 7.6); one with a slash would leave the folder that it is unpacked to.
fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'/' | b'\\');
    name.len() <= NAME_BYTES_MAX && name.ends_with(".asice") && name.bytes().all(plain)
}

fn is_archive_name(name: &str) -> bool {
    let plain = |c: char| !c.is_control() && !matches!(c, '/' | '\\');
    !name.is_empty() && name != NOTHING && name.len() <= NAME_BYTES_MAX && name.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_read() {
        let previous = Link { digest: "0a".repeat(64), file_name: "mlog-A_B C-1-2-0a0a.zip".to_owned() };
        for previous in [None, Some(previous)] {
            let algorithm = DigestAlgorithm::Sha512;
            let mut chain = Chain::new(algorithm, previous.as_ref());
            let mut text = head(previous.as_ref(), algorithm);
            let lines: Vec<Link> = ["a.asice", "b.asice"]
                .into_iter()
                .map(|name| Link {
                    digest: chain.step(name.as_bytes()).to_owned(),
                    file_name: name.to_owned(),
                })
                .collect();
            lines.iter().for_each(|link| text.push_str(&line(&link.digest, &link.file_name)));
            assert_eq!(Linking::read(text.as_bytes()), Ok(Linking { previous, algorithm, lines }));
        }
    }

    #[test]
    fn refuses_linking_information_of_another_form() {
        let digest = "0a".repeat(32);
        let good = format!("- - SHA-256\n{digest} a.asice\n");
        assert!(Linking::read(good.as_bytes()).is_ok());
        for (from, to) in [
            ("asice\n", "asice"),
            ("asice\n", "asice\r\n"),
            ("asice\n", "asice\n\n"),
            ("asice", "zip"),
            (" a.", " ../a."),
            (" a.", "  a."),
            (" a.", " \u{1b}a."),
            ("0a", "0A"),
            ("0a", ""),
            ("- -", "-"),
            ("- -", "- mlog-1.zip"),
            ("- -", "0a -"),
            ("SHA-256", "SHA-1"),
            ("SHA-256", "sha-256"),
            ("SHA-256", "SHA-512"),
            ("SHA-256\n", "SHA-256 \n"),
        ] {
            let changed = good.replacen(from, to, 1);
            assert_ne!(changed, good, "{from}");
            let refused = Linking::read(changed.as_bytes());
            assert!(matches!(refused, Err(Refusal::BadLinking(_))), "{from} {to}: {refused:?}");
        }
        for text in [good.clone() + &good[12..], "- - SHA-256\n".to_owned(), String::new(), "\n".to_owned()] {
            assert!(matches!(Linking::read(text.as_bytes()), Err(Refusal::BadLinking(_))), "{text}");
        }
        assert!(matches!(Linking::read(b"- - SHA-256\n\xff\n"), Err(Refusal::BadLinking(_))));
    }
}
