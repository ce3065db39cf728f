//! Reading a directory: signature first, meaning afterwards (control-plane 1.3.3).

use super::split::{Headers, Unsplittable, Value, delimiter, parts};
use super::{DIRECTORY_BYTES_MAX, FILES_MAX, ListedFile, VerifiedDirectory};
use crate::certificate::CertificateBytes;
use crate::parts::{PRIVATE_PARAMETERS, SHARED_PARAMETERS, file_name};
use crate::shared::{VERSION_NEWEST, VERSION_OLDEST};
use jiff::Timestamp;
use std::collections::BTreeSet;
use trust::{DigestAlgorithm, EcdsaForm, SignatureAlgorithm};

const CONTENT_TYPE: &str = "application/octet-stream";
const TRANSFER_ENCODING: &str = "base64";

/// Why a directory is refused. [`Refusal::code`] gives the original's diagnostics code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Bigger than [`DIRECTORY_BYTES_MAX`].
    #[error("the directory has {bytes} bytes; at most {DIRECTORY_BYTES_MAX} are read")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The octets are no multipart document.
    #[error("the directory is no multipart document: {0}")]
    Unsplittable(#[from] Unsplittable),
    /// The outer document has no part.
    #[error("the directory has no signed part")]
    MissingSignedData,
    /// There is no signature part, or the signed part says nothing.
    #[error("the directory has no signature part or its signed part has no header part")]
    MissingSignatureOrHeader,
    /// The outer document has more than two parts.
    #[error("the directory has {parts} outer parts; two are expected")]
    ExtraParts {
        /// How many it has.
        parts: usize,
    },
    /// The signed octets do not begin with the delimiter that the unsigned header declares.
    #[error("the signed part does not begin with the declared delimiter")]
    ForeignBoundary,
    /// A field is missing or blank.
    #[error("the header field {field} is missing")]
    MissingHeader {
        /// Lower-case name.
        field: &'static str,
    },
    /// A parameter of a field is missing.
    #[error("the header field {field} lacks the parameter {parameter}")]
    MissingParameter {
        /// Lower-case name of the field.
        field: &'static str,
        /// Name of the parameter.
        parameter: &'static str,
    },
    /// A field has a value that is not understood or not accepted.
    #[error("the header field {field} has the value {value:?}, which is not accepted: {why}")]
    WrongValue {
        /// Lower-case name of the field.
        field: &'static str,
        /// The value, at most 200 characters of it.
        value: String,
        /// What is expected.
        why: &'static str,
    },
    /// No certificate of the location has the named hash.
    #[error("the location has no verification certificate with the hash {hash:?}")]
    UnknownVerificationCertificate {
        /// The hash as the directory gives it, at most 200 characters of it.
        hash: String,
    },
    /// The signature is not Base64.
    #[error("the signature is not Base64")]
    UndecodableSignature,
    /// The certificate with the named hash is none, so nothing can be verified with it.
    #[error("the verification certificate cannot be used: {problem}")]
    UnusableCertificate {
        /// Why.
        problem: String,
    },
    /// The signature does not fit the signed octets and the certificate's key.
    #[error("the signature of the directory is wrong")]
    SignatureMismatch,
    /// The directory has ended.
    #[error("the directory ended at {expires}; it is {now}")]
    Outdated {
        /// Its `Expire-date`.
        expires: Timestamp,
        /// The present.
        now: Timestamp,
    },
    /// More than [`FILES_MAX`] files.
    #[error("the directory lists more than {FILES_MAX} files")]
    TooManyFiles,
    /// Two entries would be stored under one name, or have one identifier.
    #[error("the directory lists {name:?} twice")]
    DuplicateFile {
        /// The file name or the identifier.
        name: String,
    },
}

impl Refusal {
    /// The diagnostics code of the original (control-plane 1.3.3).
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. }
            | Self::Unsplittable(_)
            | Self::ExtraParts { .. }
            | Self::ForeignBoundary
            | Self::TooManyFiles
            | Self::DuplicateFile { .. } => "global_conf_parsing_downloaded_conf_directory_failure",
            Self::MissingSignedData => "global_conf_missing_signed_data",
            Self::MissingSignatureOrHeader => "global_conf_missing_signed_data_expiration_date",
            Self::MissingHeader { .. } => "global_conf_header_field_missing",
            Self::MissingParameter { .. } => "global_conf_header_field_missing_parameter",
            Self::WrongValue { .. } => "global_conf_header_field_wrong_value",
            Self::UnknownVerificationCertificate { .. } => "global_conf_missing_verification_cert",
            Self::UndecodableSignature => "global_conf_signature_decode_failure",
            Self::UnusableCertificate { .. } | Self::SignatureMismatch => {
                "global_conf_signature_verification_failure"
            }
            Self::Outdated { .. } => "global_conf_outdated",
        }
    }
}

fn wrong(field: &'static str, value: &str, why: &'static str) -> Refusal {
    Refusal::WrongValue { field, value: cut(value), why }
}

/// What a stranger wrote, short enough for a line of the log.
fn cut(value: &str) -> String {
    value.chars().take(200).collect()
}

fn required<'a>(headers: &'a Headers, field: &'static str) -> Result<&'a str, Refusal> {
    headers.get(field).filter(|value| !value.is_empty()).ok_or(Refusal::MissingHeader { field })
}

fn exactly(headers: &Headers, field: &'static str, expected: &'static str) -> Result<(), Refusal> {
    let value = required(headers, field)?;
    if value == expected { Ok(()) } else { Err(wrong(field, value, expected)) }
}

/// Reads the document that a download URL gave. `certificates` are those of this very location and of no
/// other: a key that signs for one source must not sign for another (trap 6). Their validity dates and usages
/// are not looked at (trap 5).
///
/// Signatures with SHA-1 or SHA-224 and file digests with SHA-1 or MD5 are refused, although the original
/// accepts them.
///
/// # Errors
/// [`Refusal`], in the order of control-plane 1.3.3: nothing of the directory is interpreted before its
/// signature holds.
pub fn read(
    document: &[u8],
    certificates: &[CertificateBytes],
    now: Timestamp,
) -> Result<VerifiedDirectory, Refusal> {
    if document.len() > DIRECTORY_BYTES_MAX {
        return Err(Refusal::TooLarge { bytes: document.len() });
    }
    let (headers, body) = Headers::split(document)?;
    let outer = parts(body, &headers.boundary()?);
    let (signed_part, signature_part) = match outer.as_slice() {
        [] => return Err(Refusal::MissingSignedData),
        [_] => return Err(Refusal::MissingSignatureOrHeader),
        [signed, signature] => (*signed, *signature),
        more => return Err(Refusal::ExtraParts { parts: more.len() }),
    };
    let (signed_headers, signed_bytes) = Headers::split(signed_part)?;
    let certificate_digest = verify(signature_part, signed_bytes, certificates)?;
    let boundary = signed_headers.boundary()?;
    let (expires, version, files) = interpret(signed_bytes, &boundary, now)?;
    Ok(VerifiedDirectory { expires, version, files, certificate_digest })
}

/// Verifies the signature part over the signed octets; gives the digest by which the certificate was found.
fn verify(part: &[u8], signed: &[u8], certificates: &[CertificateBytes]) -> Result<Vec<u8>, Refusal> {
    let (headers, body) = Headers::split(part)?;
    exactly(&headers, "content-type", CONTENT_TYPE)?;
    exactly(&headers, "content-transfer-encoding", TRANSFER_ENCODING)?;
    let field = "signature-algorithm-id";
    let uri = required(&headers, field)?;
    let algorithm =
        SignatureAlgorithm::from_uri(uri).ok_or_else(|| wrong(field, uri, "a signature algorithm"))?;
    let field = "verification-certificate-hash";
    let text = required(&headers, field)?;
    let value = Value::parse(text);
    let parameter = "hash-algorithm-id";
    let uri = value.parameter(parameter).ok_or(Refusal::MissingParameter { field, parameter })?;
    let hash_algorithm =
        DigestAlgorithm::from_uri(uri).ok_or_else(|| wrong(field, text, "a digest algorithm"))?;
    let digest = crate::xml::decode_base64(&value.token).ok_or_else(|| wrong(field, text, "Base64"))?;
    let certificate = certificates
        .iter()
        .find(|certificate| certificate.digest(hash_algorithm) == digest)
        .ok_or_else(|| Refusal::UnknownVerificationCertificate { hash: cut(&value.token) })?;
    if algorithm.is_legacy() {
        return Err(wrong("signature-algorithm-id", algorithm.uri(), "a digest of 256 bits or more"));
    }
    let certificate =
        certificate.decode().map_err(|error| Refusal::UnusableCertificate { problem: error.problem })?;
    let text = std::str::from_utf8(body).map_err(|_| Refusal::UndecodableSignature)?;
    let signature = crate::xml::decode_base64(text).ok_or(Refusal::UndecodableSignature)?;
    algorithm
        .verify(certificate.public_key(), signed, &signature, EcdsaForm::Der)
        .map_err(|_| Refusal::SignatureMismatch)?;
    Ok(digest)
}

type Contents = (Timestamp, u8, Vec<ListedFile>);

fn interpret(signed: &[u8], boundary: &str, now: Timestamp) -> Result<Contents, Refusal> {
    let first_line = signed.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let first_line = first_line.strip_suffix(b"\r").unwrap_or(first_line);
    if signed.is_empty() {
        return Err(Refusal::MissingSignatureOrHeader);
    }
    // The declaration of the inner boundary is not signed: it must be the one that the signed octets use.
    if delimiter(first_line, boundary) != Some(false) {
        return Err(Refusal::ForeignBoundary);
    }
    let inner = parts(signed, boundary);
    let (header, listed) = inner.split_first().ok_or(Refusal::MissingSignatureOrHeader)?;
    let (headers, _) = Headers::split(header)?;
    let text = required(&headers, "expire-date")?;
    let expires =
        crate::time::parse_offset(text).ok_or_else(|| wrong("expire-date", text, "a time with offset"))?;
    if expires < now {
        return Err(Refusal::Outdated { expires, now });
    }
    let version = match headers.get("version").filter(|text| !text.is_empty()) {
        None => VERSION_OLDEST,
        Some(text) => text
            .parse::<u8>()
            .ok()
            .filter(|version| (VERSION_OLDEST..=VERSION_NEWEST).contains(version))
            .ok_or_else(|| wrong("version", text, "a configuration version from 2 to 6"))?,
    };
    if listed.len() > FILES_MAX {
        return Err(Refusal::TooManyFiles);
    }
    let files = listed.iter().map(|part| file(part)).collect::<Result<Vec<_>, _>>()?;
    let mut names = BTreeSet::new();
    if let Some(twice) = files.iter().find(|file| !names.insert(file.file_name.to_lowercase())) {
        return Err(Refusal::DuplicateFile { name: twice.file_name.clone() });
    }
    let mut known = BTreeSet::new();
    let mut identifiers =
        files.iter().map(ListedFile::identifier).filter(|identifier| !identifier.is_empty());
    if let Some(twice) = identifiers.find(|identifier| !known.insert(*identifier)) {
        return Err(Refusal::DuplicateFile { name: twice.to_owned() });
    }
    Ok((expires, version, files))
}

fn file(part: &[u8]) -> Result<ListedFile, Refusal> {
    let (headers, body) = Headers::split(part)?;
    exactly(&headers, "content-type", CONTENT_TYPE)?;
    exactly(&headers, "content-transfer-encoding", TRANSFER_ENCODING)?;
    let location = required(&headers, "content-location")?;
    if !is_safe_path(location) {
        return Err(wrong("content-location", location, "a path on the same server without dot segments"));
    }
    let field = "hash-algorithm-id";
    let uri = required(&headers, field)?;
    let algorithm = DigestAlgorithm::from_uri(uri)
        .filter(|algorithm| *algorithm != DigestAlgorithm::Sha1)
        .ok_or_else(|| wrong(field, uri, "SHA-224 or stronger"))?;
    let identifier = Value::parse(headers.get("content-identifier").unwrap_or_default());
    let instance =
        identifier.parameter("instance").filter(|instance| !instance.is_empty()).map(str::to_owned);
    if instance.is_none() && [SHARED_PARAMETERS, PRIVATE_PARAMETERS].contains(&identifier.token.as_str()) {
        return Err(Refusal::MissingParameter { field: "content-identifier", parameter: "instance" });
    }
    let text = std::str::from_utf8(body).unwrap_or_default();
    let digest = crate::xml::decode_base64(text).filter(|digest| digest.len() == algorithm.output_bytes());
    let digest =
        digest.ok_or_else(|| wrong("hash-algorithm-id", uri, "the body must be such a digest in Base64"))?;
    Ok(ListedFile {
        file_name: stored_name(&headers, &identifier.token, location)?,
        identifier: identifier.token,
        instance,
        location: location.to_owned(),
        algorithm,
        digest,
    })
}

/// Shared and private parameters have fixed names; others are named by `Content-file-name` or by their
/// location.
fn stored_name(headers: &Headers, identifier: &str, location: &str) -> Result<String, Refusal> {
    if let (SHARED_PARAMETERS | PRIVATE_PARAMETERS, Some(name)) = (identifier, file_name(identifier)) {
        return Ok(name.to_owned());
    }
    let (field, name) = match headers.get("content-file-name").filter(|name| !name.is_empty()) {
        Some(name) => ("content-file-name", name),
        None => ("content-location", location.rsplit('/').next().unwrap_or_default()),
    };
    if is_plain_name(name) { Ok(name.to_owned()) } else { Err(wrong(field, name, "a plain file name")) }
}

/// One path segment that no file system reads as anything else, and none of the names that the store itself
/// uses.
pub(crate) fn is_plain_name(name: &str) -> bool {
    let forbidden = ['/', '\\', ':', '*', '?', '"', '<', '>', '|'];
    !name.is_empty()
        && name.len() <= 128
        && !name.starts_with('.')
        && !name.to_lowercase().ends_with(".metadata")
        && !name.chars().any(|character| character.is_control() || forbidden.contains(&character))
        && name.trim() == name
}

/// A path reference that stays on the server of the directory: no scheme, no authority, no dot segments (also
/// not encoded).
fn is_safe_path(location: &str) -> bool {
    let path = location.strip_prefix('/').unwrap_or(location);
    let plain = location.chars().all(|character| !character.is_control() && !"\\?#:\"<>".contains(character));
    let dots = path.split('/').any(|segment| {
        let segment = segment.to_ascii_lowercase().replace("%2e", ".");
        segment == "." || segment == ".."
    });
    let encoded = location.to_ascii_lowercase();
    let encoded = ["%2f", "%5c", "%00"].iter().any(|bad| encoded.contains(bad));
    plain && !dots && !encoded && !path.starts_with('/') && !path.is_empty() && location.len() <= 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_must_not_lead_anywhere_else() {
        for good in ["/V6/20261122/shared-params.xml", "foo.xml", "/P/1/D V//V6/x.xml", "/a/%41.xml"] {
            assert!(is_safe_path(good), "{good}");
        }
        for bad in [
            "",
            "/",
            "//host/x",
            "http://host/x",
            "/a/../b",
            "../b",
            "/a/./b",
            "/a/%2e%2E/b",
            "/a%2fb",
            "/a\\b",
            "/a?b",
            "/a#b",
            "/a\tb",
            "/a%00",
            "file:x",
        ] {
            assert!(!is_safe_path(bad), "{bad}");
        }
    }

    #[test]
    fn a_file_name_must_be_one_plain_segment() {
        for good in ["shared-params.xml", "Ünï code.xml", "a"] {
            assert!(is_plain_name(good), "{good}");
        }
        let long = "x".repeat(129);
        for bad in
            ["", ".", "..", ".hidden", "a/b", "a\\b", "x.metadata", "x.METADATA", "a\nb", " a", "a:b", &long]
        {
            assert!(!is_plain_name(bad), "{bad}");
        }
    }
}
