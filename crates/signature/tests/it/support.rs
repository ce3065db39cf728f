//! Where the vectors are, and the authorities that their configurations name.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use roxmltree::Node;
use serde_json::Value;
use trust::authorities::{Authorities, Authority, CaCertificate, OcspPolicy, Responder};
use trust::certificate::Certificate;
use trust::profile::CertificateProfile;

/// The directory of vectors beside the project, or `None` and a line that says so.
pub(crate) fn vectors() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    if path.is_dir() {
        Some(path)
    } else {
        println!("no vectors beside the project: nothing is checked here");
        None
    }
}

pub(crate) fn manifest(vectors: &Path, family: &str) -> Vec<Value> {
    let text = std::fs::read(vectors.join(family).join("manifest.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

pub(crate) fn file_of(entry: &Value, role: &str) -> Option<String> {
    entry["files"]
        .as_array()?
        .iter()
        .find(|file| file["role"] == role)
        .and_then(|file| file["path"].as_str())
        .map(str::to_owned)
}

pub(crate) fn base64(text: &str) -> Vec<u8> {
    let packed: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    STANDARD.decode(packed).unwrap()
}

/// The octets of a signature's value.
pub(crate) fn signature_value(signatures_xml: &[u8]) -> Vec<u8> {
    let document = roxmltree::Document::parse(std::str::from_utf8(signatures_xml).unwrap()).unwrap();
    let value = document.descendants().find(|node| node.tag_name().name() == "SignatureValue").unwrap();
    base64(value.text().unwrap())
}

fn child<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    node.children().find(|child| child.tag_name().name() == name)
}

fn text(node: Node<'_, '_>, name: &str) -> String {
    child(node, name).and_then(|child| child.text()).unwrap_or_default().trim().to_owned()
}

fn certificate(node: Node<'_, '_>) -> Option<Certificate> {
    let text = child(node, "cert")?.text()?;
    Some(Certificate::from_der_or_pem(&base64(text)).expect("a certificate of the configuration"))
}

fn ca(node: Node<'_, '_>) -> CaCertificate {
    let responders = node.children().filter(|child| child.tag_name().name() == "ocsp");
    CaCertificate {
        certificate: certificate(node).unwrap(),
        responders: responders
            .map(|ocsp| Responder { url: text(ocsp, "url"), certificate: certificate(ocsp) })
            .collect(),
    }
}

/// What one `shared-params.xml` says about authorities.
pub(crate) fn authorities(shared_params: &Path) -> Authorities {
    let xml = std::fs::read_to_string(shared_params).unwrap();
    let document = roxmltree::Document::parse(&xml).unwrap();
    let root = document.root_element();
    let named = |name: &'static str| root.children().filter(move |node| node.tag_name().name() == name);
    let cas = named("approvedCA").map(|node| Authority {
        name: text(node, "name"),
        profile: profile(&text(node, "certificateProfileInfo")),
        authentication_only: text(node, "authenticationOnly") == "true",
        top: ca(child(node, "topCA").unwrap()),
        intermediates: node
            .children()
            .filter(|child| child.tag_name().name() == "intermediateCA")
            .map(ca)
            .collect(),
    });
    Authorities {
        instance: text(root, "instanceIdentifier"),
        cas: cas.collect(),
        time_stampers: named("approvedTSA").filter_map(certificate).collect(),
        ocsp: OcspPolicy {
            freshness_seconds: named("globalSettings")
                .find_map(|node| text(node, "ocspFreshnessSeconds").parse().ok())
                .unwrap(),
            verify_next_update: true,
        },
    }
}

/// X-Road's own tests use a profile that exists in its test code only.
fn profile(class_name: &str) -> CertificateProfile {
    if class_name.ends_with("TestCertificateProfileInfoProvider") {
        CertificateProfile::CommonName { class: "BUSINESS".to_owned() }
    } else {
        CertificateProfile::from_class_name(class_name)
    }
}

/// The authorities of a store `shared/globalconf/<name>/`: those of its own instance.
pub(crate) fn store(vectors: &Path, store: &str) -> Authorities {
    let folder = vectors.join(store);
    let instance = std::fs::read_to_string(folder.join("instance-identifier")).unwrap();
    authorities(&folder.join(instance.trim()).join("shared-params.xml"))
}

/// The authorities of the recorded instance.
pub(crate) fn recorded(vectors: &Path) -> Authorities {
    store(vectors, "recorded/globalconf/ss1-globalconf")
}
