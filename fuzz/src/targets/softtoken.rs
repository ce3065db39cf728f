//! The key files of X-Road's software tokens: PKCS#12 with everything in it, opened with a PIN.

use crate::vectors;
use ::keystore::{Pin, softtoken};

/// The recorded servers' PIN.
const PIN: &str = "Secret1234";

/// A line with the key's name, then the file.
pub(crate) fn run(octets: &[u8]) {
    let at = octets.iter().position(|octet| *octet == b'\n').unwrap_or(octets.len());
    let Ok(name) = std::str::from_utf8(&octets[..at]) else { return };
    let file = octets.get(at + 1..).unwrap_or_default();
    let pin = Pin::new(PIN);
    if let Ok(key) = softtoken::inspect(file, &pin, name) {
        assert!(
            trust::PublicKey::from_spki(&key.public_key).is_ok(),
            "the public key of a private one can be read"
        );
        assert!(softtoken::inspect(file, &Pin::new("another"), name).is_err(), "any PIN opens it");
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for place in ["recorded/keys", "recorded/keys-ec", "keyconf-signer", "hashchain-ts-ocsp"] {
        for file in vectors::files(place, &[".p12"]) {
            for name in ["", "xxx"] {
                found.push([name.as_bytes(), b"\n", &file].concat());
            }
        }
    }
    found
}
