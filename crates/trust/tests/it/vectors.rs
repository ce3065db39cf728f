//! The fixtures beside the project, where they are present.

use std::path::{Path, PathBuf};

use base64::Engine;
use serde_json::Value;
use trust::Certificate;

pub(crate) fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("no fixtures: the directory 'shared' is not beside the project");
    None
}

/// The entries of a manifest.
pub(crate) fn manifest(family: &str) -> Option<(PathBuf, Vec<Value>)> {
    let folder = folder()?;
    let bytes = std::fs::read(folder.join(family).join("manifest.json")).unwrap();
    let entries = serde_json::from_slice::<Value>(&bytes).unwrap().as_array().unwrap().clone();
    assert!(!entries.is_empty());
    Some((folder, entries))
}

/// What an entry asks for.
pub(crate) fn operation(entry: &Value) -> &str {
    entry["operation"].as_str().or(entry["situation"].as_str()).unwrap()
}

/// The paths of an entry's files in this role.
pub(crate) fn files(folder: &Path, entry: &Value, role: &str) -> Vec<PathBuf> {
    entry["files"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|file| file["role"] == role)
        .map(|file| folder.join(file["path"].as_str().unwrap()))
        .collect()
}

pub(crate) fn file(folder: &Path, entry: &Value, role: &str) -> Vec<u8> {
    std::fs::read(&files(folder, entry, role)[0]).unwrap()
}

/// A certificate as DER, PEM, or bare Base64.
pub(crate) fn certificate(bytes: &[u8]) -> Certificate {
    if let Ok(certificate) = Certificate::from_der_or_pem(bytes) {
        return certificate;
    }
    let text: String = String::from_utf8_lossy(bytes).split_whitespace().collect();
    let decoded = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
    Certificate::from_der_or_pem(&decoded).unwrap()
}

/// The certificates inside every element `element` of the shared parameters of a store.
pub(crate) fn certificates_of_store(store: &Path, element: &str) -> Vec<Certificate> {
    let mut certificates = Vec::new();
    for instance in std::fs::read_dir(store).unwrap() {
        let Ok(text) = std::fs::read_to_string(instance.unwrap().path().join("shared-params.xml")) else {
            continue;
        };
        let document = roxmltree::Document::parse(&text).unwrap();
        for holder in document.descendants().filter(|node| node.tag_name().name() == element) {
            let inside = holder.descendants().filter(|node| node.tag_name().name() == "cert");
            certificates
                .extend(inside.filter_map(|node| node.text()).map(|text| certificate(text.as_bytes())));
        }
    }
    certificates
}
