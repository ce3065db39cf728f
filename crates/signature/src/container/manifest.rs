//! The two manifests of a container, byte for byte as a live server writes them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use trust::algorithm::DigestAlgorithm;

use super::MEDIA_TYPE;

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
     <manifest:manifest xmlns:manifest=\"urn:oasis:names:tc:opendocument:xmlns:manifest:1.0\" manifest:version=\"1.2\">\n";
const TAIL: &str = "</manifest:manifest>\n";

/// `META-INF/manifest.xml`.
pub(super) fn manifest(listed: &[(String, &'static str)]) -> Vec<u8> {
    let mut out = format!("{HEAD}{}", entry("/", MEDIA_TYPE));
    for (name, media_type) in listed {
        out.push_str(&entry(name, media_type));
    }
    out.push_str(TAIL);
    out.into_bytes()
}

fn entry(name: &str, media_type: &str) -> String {
    format!("    <manifest:file-entry manifest:media-type=\"{media_type}\" manifest:full-path=\"{name}\"/>\n")
}

/// Whether these octets are a manifest of exactly these entries, in whatever order (a live server's is a hash map's).
pub(crate) fn is_manifest_of(octets: &[u8], listed: &[(String, &'static str)]) -> bool {
    let lines = |text: &[u8]| {
        let mut lines: Vec<Vec<u8>> =
            text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        // The declaration, the root and the entry of the container itself have their places.
        if let Some(rest) = lines.get_mut(3..) {
            rest.sort();
        }
        lines
    };
    lines(octets) == lines(&manifest(listed))
}

/// `META-INF/ASiCManifest.xml`; its digest is always SHA-512.
pub(super) fn asic_manifest(result: &[u8]) -> Vec<u8> {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
         <asic:ASiCManifest xmlns:asic=\"http://uri.etsi.org/2918/v1.2.1#\" \
         xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">\n\
         <asic:SigReference URI=\"META-INF/timestamp.tst\" MimeType=\"vnd.etsi.timestamp-token\"/>\n\
         <asic:DataObjectReference URI=\"ts-hashchainresult.xml\" MimeType=\"text/xml\">\n\
         <ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha512\" />\n\
         <ds:DigestValue>{}</ds:DigestValue>\n\
         </asic:DataObjectReference>\n\
         </asic:ASiCManifest>",
        STANDARD.encode(DigestAlgorithm::Sha512.digest(result))
    )
    .into_bytes()
}
