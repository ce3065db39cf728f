//! Directories of a configuration: only what an anchor's key signed is believed, and what it signed is judged as well.

use crate::mint::Key;
use crate::{recordings, vectors};
use globalconf::CertificateBytes;
use globalconf::directory::{FILES_MAX, VerifiedDirectory, read, seal};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::sync::OnceLock;
use trust::{DigestAlgorithm, SignatureAlgorithm};

const EARLY: Timestamp = Timestamp::UNIX_EPOCH;

/// A first octet `S`: the rest is what somebody signs, with its head. Otherwise a whole document.
pub(crate) fn run(octets: &[u8]) {
    let (known, (key, certificate)) = (known(), key());
    if let Some(Ok(text)) = octets.strip_prefix(b"S").map(std::str::from_utf8) {
        let signed = text.split_once("\r\n\r\n").map_or("", |(_, signed)| signed);
        let algorithm = SignatureAlgorithm::Ecdsa(DigestAlgorithm::Sha512);
        let document = seal(text, "outer", &key.sign(signed.as_bytes()), algorithm, &key.certificate);
        if let Ok(directory) = read(&document, std::slice::from_ref(certificate), EARLY) {
            harmless(&directory);
        }
        return;
    }
    if let Some(facts) = facts(octets) {
        assert!(known.contains(&facts), "nobody signed this: {facts}");
    }
}

fn harmless(directory: &VerifiedDirectory) {
    assert!(directory.files().len() <= FILES_MAX && directory.expires() >= EARLY);
    for file in directory.files() {
        let name = file.file_name();
        assert!(
            !name.is_empty() && !name.contains(['/', '\\', '\0']) && name != "." && name != "..",
            "{name:?}"
        );
        let location = file.location();
        assert!(!location.starts_with("//") && !location.contains("://"), "{location:?} leads elsewhere");
        assert!(!location.split('/').any(|segment| segment == ".."), "{location:?} leads up");
    }
    let names: BTreeSet<_> =
        directory.files().iter().map(|file| (file.instance(), file.file_name())).collect();
    assert_eq!(names.len(), directory.files().len(), "two files of one name");
}

fn facts(document: &[u8]) -> Option<String> {
    static TRUSTED: OnceLock<Vec<CertificateBytes>> = OnceLock::new();
    let trusted = TRUSTED.get_or_init(|| {
        let anchors = vectors::anchors();
        anchors
            .into_iter()
            .flat_map(|anchor| anchor.sources)
            .flat_map(|source| source.verification_certificates)
            .collect()
    });
    read(document, trusted, EARLY).ok().map(|directory| format!("{directory:?}"))
}

fn known() -> &'static BTreeSet<String> {
    static KNOWN: OnceLock<BTreeSet<String>> = OnceLock::new();
    KNOWN.get_or_init(|| {
        vectors::something(documents().iter().filter_map(|document| facts(document)).collect())
    })
}

fn key() -> &'static (Key, CertificateBytes) {
    static KEY: OnceLock<(Key, CertificateBytes)> = OnceLock::new();
    KEY.get_or_init(|| {
        let key = Key::new();
        let certificate = CertificateBytes::new(key.certificate.clone());
        (key, certificate)
    })
}

fn documents() -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for file in vectors::files(
        "recorded/globalconf/http",
        &["conf-v4.response.bin", "conf-v5.response.bin", "conf-v6.response.bin"],
    ) {
        found.extend(recordings::split(&file).map(|(_, body)| body));
    }
    found.extend(vectors::files("globalconf/signed", &["externalconf", "internalconf"]));
    found.extend(vectors::files("globalconf/directories", &[".txt", ""]));
    found
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let documents = documents();
    let mut found = documents.clone();
    for document in &documents {
        // The first part alone: from its Content-Type to the delimiter of the outer multipart.
        let text = String::from_utf8_lossy(document);
        let Some((_, rest)) = text
            .split_once("Content-Type: multipart/mixed")
            .or(text.split_once("Content-type: multipart/mixed"))
        else {
            continue;
        };
        let signed = rest.split("\nContent-Type: application").next().unwrap_or_default();
        let inner = signed.rsplit_once("\r\n--").map_or(signed, |(inner, _)| inner);
        found.push(format!("SContent-Type: multipart/mixed{inner}\r\n").into_bytes());
    }
    found.push(b"SContent-Type: multipart/mixed; charset=UTF-8; boundary=inner\r\n\r\n--inner\r\nExpire-date: 2026-03-01T12:10:00Z\r\nVersion: 6\r\n\r\n--inner\r\nContent-type: application/octet-stream\r\nContent-transfer-encoding: base64\r\nContent-identifier: SHARED-PARAMETERS; instance='CAMBODIA'\r\nContent-location: /V6/20260301120000000000000/shared-params.xml\r\nHash-algorithm-id: http://www.w3.org/2001/04/xmlenc#sha256\r\n\r\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\r\n--inner\r\nContent-type: application/octet-stream\r\nContent-transfer-encoding: base64\r\nContent-identifier: X; instance='CAMBODIA'\r\nContent-file-name: x.xml\r\nContent-location: /V6/20260301120000000000000/x.xml\r\nHash-algorithm-id: http://www.w3.org/2001/04/xmlenc#sha256\r\n\r\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\r\n--inner--\r\n".to_vec());
    found
}
