//! What we sign about our own keys: certificate requests (PKCS#10) and self-signed certificates.

use const_oid::db::rfc5280::{
    ID_CE_BASIC_CONSTRAINTS, ID_CE_EXT_KEY_USAGE, ID_CE_KEY_USAGE, ID_CE_SUBJECT_ALT_NAME,
    ID_CE_SUBJECT_KEY_IDENTIFIER, ID_KP_CLIENT_AUTH, ID_KP_SERVER_AUTH,
};
use const_oid::db::rfc5912::{
    ECDSA_WITH_SHA_256, ECDSA_WITH_SHA_512, ID_EXTENSION_REQ, SHA_256_WITH_RSA_ENCRYPTION,
    SHA_512_WITH_RSA_ENCRYPTION,
};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use trust::algorithm::{DigestAlgorithm, EcdsaForm, SignatureAlgorithm};

use crate::der_out::{self, sequence};
use crate::error::CertificateRefusal;
use crate::key::KeyUsage;
use crate::opened::Opened;
use crate::subject::{AlternativeName, Subject};

// Bits of keyUsage (RFC 5280 4.2.1.3).
const DIGITAL_SIGNATURE: u8 = 0;
const NON_REPUDIATION: u8 = 1;
const KEY_ENCIPHERMENT: u8 = 2;
const DATA_ENCIPHERMENT: u8 = 3;
const KEY_CERTIFICATE_SIGN: u8 = 5;

/// A certificate for a key by the key itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SelfSigned {
    /// For TLS towards the member's own systems: server and client, with the names under which it is reached.
    InternalTls {
        /// Common name.
        common_name: String,
        /// DNS names and addresses.
        alternative_names: Vec<AlternativeName>,
        /// First moment of validity.
        not_before: Timestamp,
        /// Last moment of validity.
        not_after: Timestamp,
    },
    /// The container of a configuration signing key, exactly as a central server makes it (control-plane 1.2): serial
    /// 1, valid 1970–2038, keyUsage {nonRepudiation, keyCertSign}, CA. Nobody checks these; only the key counts.
    Configuration {
        /// Whether it signs for other instances (`CN=externalSigningKey`) or our own (`CN=internalSigningKey`).
        external: bool,
    },
}

/// The request for a certificate (PKCS#10), signed with SHA-256. Returned as DER.
pub(crate) fn request(
    key: &Opened,
    public_key: &[u8],
    usage: KeyUsage,
    subject: &Subject,
    alternative_names: &[AlternativeName],
) -> Result<Vec<u8>, CertificateRefusal> {
    let mut extensions = Vec::new();
    let bits: &[u8] = match usage {
        KeyUsage::Signing => &[NON_REPUDIATION, KEY_CERTIFICATE_SIGN],
        KeyUsage::Authentication => &[DIGITAL_SIGNATURE, KEY_ENCIPHERMENT, DATA_ENCIPHERMENT],
        KeyUsage::InternalTls => &[DIGITAL_SIGNATURE, KEY_ENCIPHERMENT],
        KeyUsage::Configuration => {
            return Err(CertificateRefusal::NotForUsage { usage, what: "a certificate request" });
        }
    };
    extensions.push(der_out::extension(ID_CE_KEY_USAGE, false, &der_out::named_bits(bits)));
    if !alternative_names.is_empty() {
        let names = AlternativeName::extension_value(alternative_names)?;
        extensions.push(der_out::extension(ID_CE_SUBJECT_ALT_NAME, false, &names));
    }
    let extensions = all(&extensions);
    let attribute =
        sequence(&[&der_out::oid(ID_EXTENSION_REQ), &der_out::element(der_out::SET, &[&extensions])]);
    let body = sequence(&[
        &der_out::element(der_out::INTEGER, &[&[0]]),
        &subject.der(),
        public_key,
        &der_out::element(der_out::wrapped(0), &[&attribute]),
    ]);
    signed(key, &body, DigestAlgorithm::Sha256)
}

/// A self-signed certificate as DER. `serial` is used for internal TLS only.
pub(crate) fn self_signed(
    key: &Opened,
    public_key: &[u8],
    usage: KeyUsage,
    shape: &SelfSigned,
    serial: &[u8; 16],
) -> Result<Vec<u8>, CertificateRefusal> {
    match (shape, usage) {
        (
            SelfSigned::InternalTls { common_name, alternative_names, not_before, not_after },
            KeyUsage::InternalTls,
        ) => {
            let subject = Subject::new([("CN", common_name.as_str())])?;
            let extensions = internal_tls_extensions(public_key, alternative_names)?;
            // The first bit stays 0 and the second 1: positive, and of a fixed length.
            let mut serial = *serial;
            if let Some(first) = serial.first_mut() {
                *first = (*first & 0x7f) | 0x40;
            }
            let validity = validity(*not_before, *not_after)?;
            certificate(key, public_key, &subject, &serial, &validity, &extensions, DigestAlgorithm::Sha256)
        }
        (SelfSigned::Configuration { external }, KeyUsage::Configuration) => {
            let name = if *external { "externalSigningKey" } else { "internalSigningKey" };
            let subject = Subject::new([("CN", name)])?;
            let key_usage = der_out::named_bits(&[NON_REPUDIATION, KEY_CERTIFICATE_SIGN]);
            let authority = sequence(&[&der_out::element(der_out::BOOLEAN, &[&[0xff]])]);
            let extensions = [
                der_out::extension(ID_CE_KEY_USAGE, true, &key_usage),
                der_out::extension(ID_CE_BASIC_CONSTRAINTS, true, &authority),
            ];
            let validity = sequence(&[
                &der_out::element(der_out::UTC_TIME, &[b"700101000000Z"]),
                &der_out::element(der_out::UTC_TIME, &[b"380101000000Z"]),
            ]);
            certificate(key, public_key, &subject, &[1], &validity, &extensions, DigestAlgorithm::Sha512)
        }
        (SelfSigned::InternalTls { .. }, _) => {
            Err(CertificateRefusal::NotForUsage { usage, what: "a self-signed TLS certificate" })
        }
        (SelfSigned::Configuration { .. }, _) => {
            Err(CertificateRefusal::NotForUsage { usage, what: "a configuration signing certificate" })
        }
    }
}

fn internal_tls_extensions(
    public_key: &[u8],
    alternative_names: &[AlternativeName],
) -> Result<Vec<Vec<u8>>, CertificateRefusal> {
    let key = trust::key::PublicKey::from_spki(public_key)
        .map_err(|e| CertificateRefusal::Encode { why: e.to_string() })?;
    let identifier = DigestAlgorithm::Sha1.digest(key.key_bits());
    let purposes = sequence(&[&der_out::oid(ID_KP_SERVER_AUTH), &der_out::oid(ID_KP_CLIENT_AUTH)]);
    let mut extensions = vec![
        der_out::extension(
            ID_CE_SUBJECT_KEY_IDENTIFIER,
            false,
            &der_out::element(der_out::OCTET_STRING, &[&identifier]),
        ),
        // No CA: TLS libraries refuse an authority as a server. No keyUsage: some take a self-signed certificate
        // with keyUsage for untrusted unless it may sign certificates.
        der_out::extension(ID_CE_BASIC_CONSTRAINTS, true, &sequence(&[])),
        der_out::extension(ID_CE_EXT_KEY_USAGE, false, &purposes),
    ];
    if !alternative_names.is_empty() {
        let names = AlternativeName::extension_value(alternative_names)?;
        extensions.push(der_out::extension(ID_CE_SUBJECT_ALT_NAME, false, &names));
    }
    Ok(extensions)
}

fn certificate(
    key: &Opened,
    public_key: &[u8],
    subject: &Subject,
    serial: &[u8],
    validity: &[u8],
    extensions: &[Vec<u8>],
    digest: DigestAlgorithm,
) -> Result<Vec<u8>, CertificateRefusal> {
    let name = subject.der();
    let body = sequence(&[
        &der_out::element(der_out::wrapped(0), &[&der_out::element(der_out::INTEGER, &[&[2]])]),
        &der_out::element(der_out::INTEGER, &[serial]),
        &method(key, digest).1,
        &name,
        validity,
        &name,
        public_key,
        &der_out::element(der_out::wrapped(3), &[&all(extensions)]),
    ]);
    signed(key, &body, digest)
}

fn all(parts: &[Vec<u8>]) -> Vec<u8> {
    sequence(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

/// The algorithm a key signs such things with, and its AlgorithmIdentifier.
fn method(key: &Opened, digest: DigestAlgorithm) -> (SignatureAlgorithm, Vec<u8>) {
    let long = digest == DigestAlgorithm::Sha512;
    if key.algorithm().is_rsa() {
        let oid = if long { SHA_512_WITH_RSA_ENCRYPTION } else { SHA_256_WITH_RSA_ENCRYPTION };
        (SignatureAlgorithm::RsaPkcs1(digest), sequence(&[&der_out::oid(oid), &[0x05, 0x00]]))
    } else {
        let oid = if long { ECDSA_WITH_SHA_512 } else { ECDSA_WITH_SHA_256 };
        (SignatureAlgorithm::Ecdsa(digest), sequence(&[&der_out::oid(oid)]))
    }
}

fn signed(key: &Opened, body: &[u8], digest: DigestAlgorithm) -> Result<Vec<u8>, CertificateRefusal> {
    let (algorithm, identifier) = method(key, digest);
    let signature = key.sign_digest(algorithm, &digest.digest(body), EcdsaForm::Der)?;
    Ok(sequence(&[body, &identifier, &der_out::bits(&signature)]))
}

fn validity(not_before: Timestamp, not_after: Timestamp) -> Result<Vec<u8>, CertificateRefusal> {
    if not_after <= not_before {
        return Err(CertificateRefusal::Validity { why: format!("{not_after} is not after {not_before}") });
    }
    Ok(sequence(&[&time(not_before)?, &time(not_after)?]))
}

/// Two-digit years up to 2049, four-digit years from 2050 (RFC 5280 4.1.2.5).
fn time(at: Timestamp) -> Result<Vec<u8>, CertificateRefusal> {
    let at = at.to_zoned(TimeZone::UTC).datetime();
    let rest =
        format!("{:02}{:02}{:02}{:02}{:02}Z", at.month(), at.day(), at.hour(), at.minute(), at.second());
    match at.year() {
        1950..2050 => {
            let year = at.year().rem_euclid(100);
            Ok(der_out::element(der_out::UTC_TIME, &[format!("{year:02}{rest}").as_bytes()]))
        }
        year @ (0..1950 | 2050..) => {
            Ok(der_out::element(der_out::GENERALIZED_TIME, &[format!("{year:04}{rest}").as_bytes()]))
        }
        year => Err(CertificateRefusal::Validity { why: format!("the year {year} cannot be written") }),
    }
}
