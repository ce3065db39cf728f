//! Writing a directory: the text to be signed, then the document around text and signature (control-plane
//! 1.3.1).
//!
//! The key never comes here: a [`Draft`] gives out the octets, the caller has them signed and brings the
//! value back.

use super::FILES_MAX;
use super::multipart::{Part, body, head};
use super::read::is_plain_name;
use crate::shared::{VERSION_NEWEST, VERSION_OLDEST};
use crate::xml::encode_base64;
use jiff::Timestamp;
use trust::{DigestAlgorithm, SignatureAlgorithm};

/// How many letters and digits a boundary has; the caller draws them.
pub const BOUNDARY_CHARACTERS: usize = 20;

/// A file of a directory that is being made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DraftFile {
    identifier: String,
    location: String,
    algorithm: DigestAlgorithm,
    digest: Vec<u8>,
}

/// A directory that is not yet signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    text: String,
    outer_boundary: String,
    signed_from: usize,
}

/// What cannot be put into a directory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnwritableDirectory {
    /// A directory lists at least one file.
    #[error("at least one part is required")]
    NoFiles,
    /// And at most [`FILES_MAX`].
    #[error("more than {FILES_MAX} files")]
    TooManyFiles,
    /// The version is none from 2 to 6.
    #[error("configuration version {version} is unknown")]
    UnknownVersion {
        /// The version asked for.
        version: u8,
    },
    /// A boundary is made of 1 to 70 letters, digits and `_`, and the two of a document differ.
    #[error("a boundary must be 1 to 70 letters and digits, and the two must differ")]
    Boundary,
    /// A line end or a quote would change the meaning of a header.
    #[error("{value:?} cannot stand in a header")]
    HeaderText {
        /// The text.
        value: String,
    },
    /// Nothing may be signed with SHA-1 or SHA-224.
    #[error("{uri} is too weak to sign a configuration")]
    WeakSignature {
        /// URI of the algorithm.
        uri: &'static str,
    },
}

/// Where a central server of this version puts a file of the generation made at `generated`:
/// `/V6/20260102030405123456000/shared-params.xml`. Tools look for exactly this shape.
#[must_use]
pub fn file_location(version: u8, generated: Timestamp, file_name: &str) -> String {
    format!("/V{version}/{}/{file_name}", crate::time::stamp(generated))
}

impl DraftFile {
    /// Names the content and where it will be found; takes its digest. The original uses SHA-512.
    #[must_use]
    pub fn new(identifier: &str, location: &str, content: &[u8], algorithm: DigestAlgorithm) -> Self {
        let digest = algorithm.digest(content);
        Self { identifier: identifier.to_owned(), location: location.to_owned(), algorithm, digest }
    }
}

impl Draft {
    /// Composes the text. `boundaries` are the outer and the inner one, [`BOUNDARY_CHARACTERS`] random
    /// letters and digits each; `expires` is written in whole seconds; the files stand in the order given.
    ///
    /// # Errors
    /// [`UnwritableDirectory`].
    pub fn new(
        version: u8,
        expires: Timestamp,
        instance: &str,
        files: &[DraftFile],
        boundaries: (&str, &str),
    ) -> Result<Self, UnwritableDirectory> {
        let (outer_boundary, inner_boundary) = boundaries;
        check(version, instance, files, boundaries)?;
        let (expires, version_text) = (crate::time::seconds_text(expires), version.to_string());
        let mut parts = vec![Part::new(&[("Expire-date", &expires), ("Version", &version_text)], None)];
        parts.extend(files.iter().map(|file| {
            let identifier = format!("{}; instance='{instance}'", file.identifier);
            let headers = [
                ("Content-type", "application/octet-stream"),
                ("Content-transfer-encoding", "base64"),
                ("Content-identifier", identifier.as_str()),
                ("Content-location", file.location.as_str()),
                ("Hash-algorithm-id", file.algorithm.uri()),
            ];
            Part::new(&headers, Some(encode_base64(&file.digest)))
        }));
        let mut text = head("mixed", inner_boundary);
        let signed_from = text.len();
        text.push_str(&body(inner_boundary, &parts));
        Ok(Self { text, outer_boundary: outer_boundary.to_owned(), signed_from })
    }

    /// The octets that the signature covers, from the first `-` to the line end after the closing delimiter.
    #[must_use]
    pub fn to_be_signed(&self) -> &[u8] {
        self.text.as_bytes().get(self.signed_from..).unwrap_or_default()
    }

    /// The first outer part as it will stand in the document: a header, a blank line, then what is signed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Puts the document together. `signature` is over [`Self::to_be_signed`], ECDSA in its ASN.1 form (trap
    /// 24); `certificate` is the DER of the certificate that anchors and sources name.
    ///
    /// # Errors
    /// [`UnwritableDirectory::WeakSignature`].
    pub fn finish(
        &self,
        signature: &[u8],
        algorithm: SignatureAlgorithm,
        certificate: &[u8],
    ) -> Result<Vec<u8>, UnwritableDirectory> {
        if algorithm.is_legacy() {
            return Err(UnwritableDirectory::WeakSignature { uri: algorithm.uri() });
        }
        Ok(seal(&self.text, &self.outer_boundary, signature, algorithm, certificate))
    }
}

/// The document around a first part (header, blank line, signed octets) and its signature. The certificate is
/// named by its SHA-512, as `confSignCertHashAlgoUri` has it by default.
#[must_use]
pub fn seal(
    text: &str,
    outer_boundary: &str,
    signature: &[u8],
    algorithm: SignatureAlgorithm,
    certificate: &[u8],
) -> Vec<u8> {
    let hash = DigestAlgorithm::Sha512;
    let named = format!("{}; hash-algorithm-id=\"{}\"", encode_base64(&hash.digest(certificate)), hash.uri());
    let signed = Part::new(&[], Some(text.to_owned()));
    let headers = [
        ("Content-Type", "application/octet-stream"),
        ("Content-Transfer-Encoding", "base64"),
        ("Signature-Algorithm-Id", algorithm.uri()),
        ("Verification-certificate-hash", named.as_str()),
    ];
    let signature = Part::new(&headers, Some(encode_base64(signature)));
    (head("related", outer_boundary) + &body(outer_boundary, &[signed, signature])).into_bytes()
}

fn check(
    version: u8,
    instance: &str,
    files: &[DraftFile],
    (outer, inner): (&str, &str),
) -> Result<(), UnwritableDirectory> {
    if !(VERSION_OLDEST..=VERSION_NEWEST).contains(&version) {
        return Err(UnwritableDirectory::UnknownVersion { version });
    }
    let usable = |boundary: &str| {
        (1..=70).contains(&boundary.len())
            && boundary.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    if !usable(outer) || !usable(inner) || outer == inner {
        return Err(UnwritableDirectory::Boundary);
    }
    if files.is_empty() {
        return Err(UnwritableDirectory::NoFiles);
    }
    if files.len() > FILES_MAX {
        return Err(UnwritableDirectory::TooManyFiles);
    }
    let unquotable = |text: &str| text.chars().any(|character| character.is_control() || character == '\'');
    let bad = std::iter::once(instance).filter(|text| text.is_empty() || unquotable(text));
    let bad_identifiers = files.iter().map(|file| file.identifier.as_str()).filter(|text| {
        text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    });
    let bad_locations = files.iter().map(|file| file.location.as_str()).filter(|text| {
        !text.starts_with('/')
            || unquotable(text)
            || !is_plain_name(text.rsplit('/').next().unwrap_or_default())
    });
    match bad.chain(bad_identifiers).chain(bad_locations).next() {
        Some(value) => Err(UnwritableDirectory::HeaderText { value: value.to_owned() }),
        None => Ok(()),
    }
}
