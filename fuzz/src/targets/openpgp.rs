//! OpenPGP keys, as members hand them over and as operators keep their own.

use crate::vectors;
use ::openpgp::{Recipient, Signer, seal};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::OnceLock;

/// When all that there is to begin from was valid.
const NOW: &str = "2026-11-23T12:00:00Z";

fn now() -> Timestamp {
    NOW.parse().expect("a time")
}

pub(crate) fn run(octets: &[u8]) {
    // Whatever was changed in a key that is taken was not signed by it, and decides nothing.
    let (known, signs) = known();
    if let Some(recipient) = read(octets) {
        assert!(known.contains(&recipient.fingerprint()), "nobody signed this key");
        let mut sealed = Vec::new();
        seal(&b"text"[..], &mut sealed, signs, &[recipient], now())
            .expect("what was taken can be encrypted to");
        assert!(sealed.len() > 200);
    }
    if let Ok(signer) = Signer::parse(octets, Path::new("key"), now()) {
        assert!(known.contains(&signer.fingerprint()), "nobody signed this key");
    }
}

fn read(octets: &[u8]) -> Option<Recipient> {
    Recipient::parse(octets, Path::new("key"), now()).ok()
}

/// The fingerprints of all keys that there are, and one that signs.
fn known() -> &'static (BTreeSet<String>, Signer) {
    static KNOWN: OnceLock<(BTreeSet<String>, Signer)> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let files = seeds();
        let signers: Vec<Signer> =
            files.iter().filter_map(|octets| Signer::parse(octets, Path::new("key"), now()).ok()).collect();
        let recipients = files.iter().filter_map(|octets| read(octets));
        let mut known: BTreeSet<String> = recipients.map(|recipient| recipient.fingerprint()).collect();
        assert!(known.len() >= 3 && signers.len() >= 3, "{} keys, {} sign", known.len(), signers.len());
        known.extend(signers.iter().map(Signer::fingerprint));
        (known, signers.into_iter().next().expect("one that signs"))
    })
}

/// Made by gpg, for nothing else; and key rings of a live server, key by key.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let fixtures = vectors::project("fuzz/fixtures/openpgp");
    let mut paths: Vec<_> = std::fs::read_dir(fixtures)
        .expect("the keys for the fuzzer")
        .flatten()
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    let mut found: Vec<_> = paths.into_iter().filter_map(|path| std::fs::read(path).ok()).collect();
    for ring in vectors::files("recorded/options/messagelog/archive/gpg-keys", &["public-keys.gpg"]) {
        // Each begins with the header of a public key that has two octets of length.
        let starts: Vec<usize> = ring
            .windows(4)
            .enumerate()
            .filter(|(_, four)| four[0] == 0x99 && four[3] == 4)
            .map(|(at, _)| at)
            .collect();
        for (place, at) in starts.iter().enumerate() {
            let end = starts.get(place + 1).copied().unwrap_or(ring.len());
            found.push(ring[*at..end].to_vec());
        }
        found.push(ring);
    }
    found
}
