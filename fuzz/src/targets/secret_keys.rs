//! The key store of X-Road's message log: whatever is done to the file, no secret comes out that was not put in under the password.

use crate::vectors;
use ::keystore::{Pin, secret_keys};
use std::collections::BTreeSet;
use std::sync::OnceLock;

/// The passwords of the recorded key stores, and of those for tests.
const PASSWORDS: [&str; 3] = ["throwaway1", "throwaway2", "practice-only"];

fn opened(file: &[u8], password: &str) -> Option<Vec<(String, Vec<u8>)>> {
    let found = secret_keys::read(file, &Pin::new(password)).ok()?;
    Some(found.into_iter().map(|key| (key.name, key.secret.to_vec())).collect())
}

pub(crate) fn run(octets: &[u8]) {
    for password in PASSWORDS {
        for key in opened(octets, password).into_iter().flatten() {
            assert!(known().contains(&key), "{} is a secret that nobody made", key.0);
            assert!(opened(octets, "another").is_none(), "any password opens it");
        }
    }
}

fn known() -> &'static BTreeSet<(String, Vec<u8>)> {
    static KNOWN: OnceLock<BTreeSet<(String, Vec<u8>)>> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let files = seeds();
        let all = files.iter().flat_map(|file| PASSWORDS.iter().filter_map(|password| opened(file, password)));
        let known: BTreeSet<_> = all.flatten().collect();
        assert!(known.len() >= 3, "the files of the project open");
        known
    })
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let own = ["xroad.p12", "xroad-odd-name.p12"].map(|name| {
        let path = vectors::project("crates/messagelog/tests/fixtures").join(name);
        std::fs::read(path).expect("a key store for tests")
    });
    let mut found = vectors::files("recorded/options/messagelog", &[".p12"]);
    found.extend(own);
    found
}
