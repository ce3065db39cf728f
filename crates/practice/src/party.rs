//! A key with its certificate: the authorities, the OCSP signers, the time-stamper, the stranger of the drills.

use crate::certificate::{Draft, KeyInformation, Purpose, assemble, name};
use crate::key::{CryptoFailure, Key, KeyKind};
use clock::Chance;
use jiff::{SignedDuration, Timestamp};
use x509_cert::Certificate;

#[derive(Debug)]
pub(crate) struct Party {
    pub(crate) key: Key,
    pub(crate) information: KeyInformation,
    /// `Certificate`, DER.
    pub(crate) certificate: Vec<u8>,
    pub(crate) parsed: Certificate,
    /// `Name`, DER.
    pub(crate) subject: Vec<u8>,
}

/// When a certificate begins and how long it lasts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Validity {
    pub(crate) now: Timestamp,
    pub(crate) days: i64,
}

impl Validity {
    /// Five minutes back, because the clocks of two machines differ.
    pub(crate) fn not_before(self) -> Timestamp {
        self.now.checked_sub(SignedDuration::from_mins(5)).unwrap_or(self.now)
    }

    pub(crate) fn not_after(self) -> Timestamp {
        let hours = self.days.saturating_mul(24);
        self.now.checked_add(SignedDuration::from_hours(hours)).unwrap_or(Timestamp::MAX)
    }
}

impl Party {
    /// Makes a key and its certificate, issued by `issuer` or by itself.
    pub(crate) fn mint(
        kind: KeyKind,
        (organisation, common_name): (&str, &str),
        purpose: Purpose,
        validity: Validity,
        issuer: Option<&Self>,
        chance: &Chance,
    ) -> Result<Self, CryptoFailure> {
        let key = Key::generate(kind)?;
        let information = key.information();
        let subject = name(organisation, common_name);
        let serial = serial(chance);
        let draft = Draft {
            serial: &serial,
            issuer: issuer.map_or(&subject, |issuer| &issuer.subject),
            issuer_key: issuer
                .map_or_else(|| information.identifier(), |issuer| issuer.information.identifier()),
            not_before: validity.not_before(),
            not_after: validity.not_after(),
            subject: &subject,
            key: &information,
            purpose,
            ocsp_url: None,
        };
        let certificate = certify(&draft, issuer.map_or(&key, |issuer| &issuer.key))?;
        Self::from_parts(key, certificate).ok_or(CryptoFailure)
    }

    /// `None` when the certificate cannot be read or is not that of the key.
    pub(crate) fn from_parts(key: Key, certificate: Vec<u8>) -> Option<Self> {
        use der::{Decode, Encode};
        let parsed = Certificate::from_der(&certificate).ok()?;
        let information = key.information();
        let tbs = &parsed.tbs_certificate;
        if tbs.subject_public_key_info.to_der().ok()? != information.spki {
            return None;
        }
        let subject = tbs.subject.to_der().ok()?;
        Some(Self { key, information, certificate, parsed, subject })
    }

    /// The serial number's bytes as they stand in the certificate.
    pub(crate) fn serial(&self) -> &[u8] {
        self.parsed.tbs_certificate.serial_number.as_bytes()
    }
}

/// Signs a draft.
pub(crate) fn certify(draft: &Draft<'_>, key: &Key) -> Result<Vec<u8>, CryptoFailure> {
    let algorithm = key.signature_algorithm();
    let to_be_signed = draft.to_be_signed(&algorithm);
    let signature = key.sign(&to_be_signed)?;
    Ok(assemble(&to_be_signed, &algorithm, &signature))
}

/// 16 random bytes, positive and of full length.
pub(crate) fn serial(chance: &Chance) -> [u8; 16] {
    let mut bytes = [0; 16];
    chance.fill(&mut bytes);
    let [first, ..] = &mut bytes;
    *first = (*first & 0x3f) | 0x40;
    bytes
}
