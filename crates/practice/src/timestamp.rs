//! Stamping imprints (RFC 3161; what X-Road sends and expects: data-plane 7.4).

use crate::asn1;
use crate::authority::PracticeAuthority;
use crate::drills::break_signature;
use crate::key::CryptoFailure;
use crate::party::Party;
use aws_lc_rs::digest::{SHA256, digest};
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5911::{ID_CONTENT_TYPE, ID_MESSAGE_DIGEST, ID_SIGNED_DATA};
use const_oid::db::rfc5912::{ID_SHA_256, ID_SHA_384, ID_SHA_512};
use der::{Decode, Encode};
use jiff::{SignedDuration, Timestamp};
use x509_tsp::TimeStampReq;

/// A query has about 60 bytes.
pub(crate) const QUERY_BYTES_MAX: usize = 4 * 1024;

/// The practice policy, under the arc that is reserved for examples (RFC 5612).
const POLICY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.32473.1.1");
const ID_CT_TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");
const ID_AA_SIGNING_CERTIFICATE_V2: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");

const GRANTED: u8 = 0;
const REJECTION: u8 = 2;

/// Why a stamp is refused: the bit of `PKIFailureInfo` and a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    BadAlgorithm,
    BadDataFormat,
    UnacceptedPolicy,
    UnacceptedExtension,
    SystemFailure,
}

impl Refusal {
    fn bit(self) -> u8 {
        match self {
            Self::BadAlgorithm => 0,
            Self::BadDataFormat => 5,
            Self::UnacceptedPolicy => 15,
            Self::UnacceptedExtension => 16,
            Self::SystemFailure => 25,
        }
    }

    fn sentence(self) -> &'static str {
        match self {
            Self::BadAlgorithm => "imprints are taken with SHA-256, SHA-384 and SHA-512",
            Self::BadDataFormat => "this is not a time-stamp request",
            Self::UnacceptedPolicy => "this policy is not offered",
            Self::UnacceptedExtension => "extensions are not offered",
            Self::SystemFailure => "no time-stamp can be made now",
        }
    }
}

impl From<CryptoFailure> for Refusal {
    fn from(_: CryptoFailure) -> Self {
        Self::SystemFailure
    }
}

impl PracticeAuthority {
    /// Answers one time-stamp query. The answer is always a `TimeStampResp`: granted with a token, or a rejection
    /// that says why.
    ///
    /// The token's number is on disk before the token is made. Its time is the clock's, in whole seconds.
    #[must_use]
    pub fn answer_tsa(&self, query: &[u8]) -> Vec<u8> {
        match self.stamp(query) {
            Ok(token) => {
                let status = asn1::sequence(&[&asn1::unsigned(&[GRANTED])]);
                asn1::sequence(&[&status, &token])
            }
            Err(refusal) => rejection(refusal),
        }
    }

    fn stamp(&self, query: &[u8]) -> Result<Vec<u8>, Refusal> {
        let query = read(query)?;
        if self.drills().is_tsa_refusing() {
            return Err(Refusal::SystemFailure);
        }
        let imprint = query.message_imprint.to_der().map_err(|_| Refusal::BadDataFormat)?;
        let nonce =
            query.nonce.map(|nonce| nonce.to_der()).transpose().map_err(|_| Refusal::BadDataFormat)?;
        let skew = SignedDuration::from_secs(self.drills().tsa_skew_seconds());
        let at = self.clock.now().checked_add(skew).map_err(|_| Refusal::SystemFailure)?;
        let mut home = self.home();
        let number = home.numbers.draw().map_err(|_| Refusal::SystemFailure)?;
        let info = info(&self.stamped(imprint), number, at, nonce.as_deref().unwrap_or_default());
        let signer = if self.drills().is_tsa_wrong_signer() { self.stranger() } else { &home.tsa };
        token(&info, signer, query.cert_req, self.drills().is_tsa_broken_signature())
    }

    /// The imprint to be stamped: the one asked for, unless a drill wants another.
    fn stamped(&self, mut imprint: Vec<u8>) -> Vec<u8> {
        if self.drills().is_tsa_wrong_imprint() {
            break_signature(&mut imprint);
        }
        imprint
    }
}

fn read(query: &[u8]) -> Result<TimeStampReq, Refusal> {
    if query.len() > QUERY_BYTES_MAX {
        return Err(Refusal::BadDataFormat);
    }
    let query = TimeStampReq::from_der(query).map_err(|_| Refusal::BadDataFormat)?;
    let imprint = &query.message_imprint;
    let bytes = match imprint.hash_algorithm.oid {
        oid if oid == ID_SHA_256 => 32,
        oid if oid == ID_SHA_384 => 48,
        oid if oid == ID_SHA_512 => 64,
        _ => return Err(Refusal::BadAlgorithm),
    };
    if imprint.hash_algorithm.parameters.as_ref().is_some_and(|parameters| !parameters.is_null()) {
        return Err(Refusal::BadAlgorithm);
    }
    if imprint.hashed_message.as_bytes().len() != bytes {
        return Err(Refusal::BadDataFormat);
    }
    if query.req_policy.is_some_and(|policy| policy != POLICY) {
        return Err(Refusal::UnacceptedPolicy);
    }
    if query.extensions.is_some() {
        return Err(Refusal::UnacceptedExtension);
    }
    Ok(query)
}

fn rejection(refusal: Refusal) -> Vec<u8> {
    let byte = usize::from(refusal.bit() / 8);
    let mask = 0x80_u8.checked_shr(u32::from(refusal.bit() % 8)).unwrap_or(0);
    let mut bits = vec![0; byte];
    bits.push(mask);
    let unused = u8::try_from(mask.trailing_zeros()).unwrap_or(0);
    let texts = asn1::sequence(&[&asn1::text(refusal.sentence())]);
    let failure = asn1::tlv(0x03, &[&[unused], &bits]);
    let status = asn1::sequence(&[&asn1::unsigned(&[REJECTION]), &texts, &failure]);
    asn1::sequence(&[&status])
}

/// `TSTInfo`.
fn info(imprint: &[u8], number: u64, at: Timestamp, nonce: &[u8]) -> Vec<u8> {
    let accuracy = asn1::sequence(&[&asn1::unsigned(&[1])]);
    asn1::sequence(&[
        &asn1::unsigned(&[1]),
        &asn1::oid(POLICY),
        imprint,
        &asn1::unsigned(&number.to_be_bytes()),
        &asn1::generalized_time(at),
        &accuracy,
        nonce,
    ])
}

/// `ContentInfo` with the signed `TSTInfo`.
fn token(info: &[u8], signer: &Party, with_certificate: bool, broken: bool) -> Result<Vec<u8>, Refusal> {
    let sha256 = asn1::algorithm(ID_SHA_256, &[]);
    let signed_attributes = attributes(info, signer);
    let mut signature = signer.key.sign(&asn1::set_of(asn1::SET, signed_attributes.clone()))?;
    if broken {
        break_signature(&mut signature);
    }
    let issuer = signer.parsed.tbs_certificate.issuer.to_der().map_err(|_| Refusal::SystemFailure)?;
    let signer_info = asn1::sequence(&[
        &asn1::unsigned(&[1]),
        &asn1::sequence(&[&issuer, &asn1::unsigned(signer.serial())]),
        &sha256,
        &asn1::set_of(0xa0, signed_attributes),
        &signer.key.signature_algorithm(),
        &asn1::octets(&signature),
    ]);
    let content = asn1::sequence(&[&asn1::oid(ID_CT_TST_INFO), &asn1::context(0, &[&asn1::octets(info)])]);
    let certificates = match with_certificate {
        true => asn1::context(0, &[&signer.certificate]),
        false => Vec::new(),
    };
    let signed_data = asn1::sequence(&[
        &asn1::unsigned(&[3]),
        &asn1::tlv(asn1::SET, &[&sha256]),
        &content,
        &certificates,
        &asn1::tlv(asn1::SET, &[&signer_info]),
    ]);
    Ok(asn1::sequence(&[&asn1::oid(ID_SIGNED_DATA), &asn1::context(0, &[&signed_data])]))
}

/// The signed attributes: content type, digest, and which certificate the signer means (RFC 5816).
fn attributes(info: &[u8], signer: &Party) -> Vec<Vec<u8>> {
    let attribute = |kind, value: &[u8]| asn1::sequence(&[&asn1::oid(kind), &asn1::tlv(asn1::SET, &[value])]);
    let hash = |bytes| asn1::octets(digest(&SHA256, bytes).as_ref());
    let meant = asn1::sequence(&[&asn1::sequence(&[&asn1::sequence(&[&hash(&signer.certificate)])])]);
    vec![
        attribute(ID_CONTENT_TYPE, &asn1::oid(ID_CT_TST_INFO)),
        attribute(ID_MESSAGE_DIGEST, &hash(info)),
        attribute(ID_AA_SIGNING_CERTIFICATE_V2, &meant),
    ]
}
