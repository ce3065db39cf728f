//! Answering whether a certificate is good (RFC 6960; what X-Road expects: data-plane 6).

use crate::authority::PracticeAuthority;
use crate::drills::break_signature;
use crate::home::Home;
use crate::key::CryptoFailure;
use crate::party::Party;
use crate::register::{RevocationReason, Status};
use aws_lc_rs::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA384, SHA512, digest};
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912::{ID_SHA_1, ID_SHA_256, ID_SHA_384, ID_SHA_512};
use const_oid::db::rfc6960::ID_PKIX_OCSP_NONCE;
use der::asn1::{BitString, GeneralizedTime, OctetString};
use der::{Decode, Encode};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;
use x509_cert::ext::pkix::CrlReason;
use x509_cert::ext::{Extension, Extensions};
use x509_cert::spki::AlgorithmIdentifierOwned;
use x509_ocsp::{
    BasicOcspResponse, CertId, CertStatus, OcspGeneralizedTime, OcspRequest, OcspResponse, ResponderId,
    ResponseData, RevokedInfo, SingleResponse, Version,
};

/// A query for one certificate has about 80 bytes; nobody needs more than this.
pub(crate) const QUERY_BYTES_MAX: usize = 16 * 1024;
const CERTIFICATES_MAX: usize = 32;
const NONCE_BYTES_MAX: usize = 64;

/// Why there is no signed answer; each is an answer of its own.
enum Refusal {
    Malformed,
    /// Not our issuer: we know nothing about its certificates.
    Unauthorized,
    Internal,
}

impl From<der::Error> for Refusal {
    fn from(_: der::Error) -> Self {
        Self::Internal
    }
}

impl From<CryptoFailure> for Refusal {
    fn from(_: CryptoFailure) -> Self {
        Self::Internal
    }
}

impl PracticeAuthority {
    /// Answers one OCSP query. The answer is always an `OCSPResponse`: a query that is no query gets
    /// `malformedRequest`, one about another issuer `unauthorized`.
    ///
    /// Signed by the delegated signer of the issuer asked about, which is embedded; responder by key; each CertID is
    /// echoed as it was asked; a nonce is returned.
    #[must_use]
    pub fn answer_ocsp(&self, query: &[u8]) -> Vec<u8> {
        let answer = if self.drills().is_ocsp_busy() {
            OcspResponse::try_later()
        } else {
            match self.signed_answer(query) {
                Ok(answer) => answer,
                Err(Refusal::Malformed) => OcspResponse::malformed_request(),
                Err(Refusal::Unauthorized) => OcspResponse::unauthorized(),
                Err(Refusal::Internal) => OcspResponse::internal_error(),
            }
        };
        answer.to_der().unwrap_or_default()
    }

    fn signed_answer(&self, query: &[u8]) -> Result<OcspResponse, Refusal> {
        if query.len() > QUERY_BYTES_MAX {
            return Err(Refusal::Malformed);
        }
        let query = OcspRequest::from_der(query).map_err(|_| Refusal::Malformed)?.tbs_request;
        let asked: Vec<CertId> = query.request_list.into_iter().map(|request| request.req_cert).collect();
        if asked.is_empty() || asked.len() > CERTIFICATES_MAX {
            return Err(Refusal::Malformed);
        }
        let home = self.home();
        let by_root = asked_issuer(&home, &asked)?;
        let regular = home.root_ocsp.as_ref().filter(|_| by_root).unwrap_or(&home.ocsp);
        let signer = if self.drills().is_ocsp_wrong_signer() { self.stranger() } else { regular };
        let (this_update, next_update) = self.updates()?;
        let single = |id: CertId| {
            let status = status(&home, &id, by_root)?;
            Ok(SingleResponse {
                cert_id: id,
                cert_status: status,
                this_update,
                next_update,
                single_extensions: None,
            })
        };
        let data = ResponseData {
            version: Version::V1,
            responder_id: ResponderId::ByKey(OctetString::new(signer.information.identifier())?),
            produced_at: this_update,
            responses: asked.into_iter().map(single).collect::<Result<_, Refusal>>()?,
            response_extensions: nonce(query.request_extensions)?,
        };
        let answer = sign(data, signer, self.drills().is_ocsp_broken_signature())?;
        Ok(OcspResponse::successful(answer)?)
    }

    fn updates(&self) -> Result<(OcspGeneralizedTime, Option<OcspGeneralizedTime>), Refusal> {
        let now = self.clock.now();
        let shift = |at: Timestamp, seconds: i64| {
            at.checked_add(SignedDuration::from_secs(seconds)).map_err(|_| Refusal::Internal)
        };
        if self.drills().is_ocsp_past_next_update() {
            return Ok((time(shift(now, -60)?)?, Some(time(shift(now, -1)?)?)));
        }
        let this_update = shift(now, self.drills().ocsp_stale_seconds().saturating_neg())?;
        let next_update = match self.ocsp_lifetime_seconds() {
            Some(seconds) => Some(time(shift(this_update, i64::from(seconds))?)?),
            None => None,
        };
        Ok((time(this_update)?, next_update))
    }
}

/// Whether all are asked about the root (`true`) or the issuing authority (`false`).
fn asked_issuer(home: &Home, asked: &[CertId]) -> Result<bool, Refusal> {
    let all = |issuer: &Party| asked.iter().all(|id| names(id, issuer));
    if all(&home.root) {
        return Ok(true);
    }
    match &home.issuing {
        Some(issuing) if all(issuing) => Ok(false),
        Some(_) | None => Err(Refusal::Unauthorized),
    }
}

fn names(id: &CertId, issuer: &Party) -> bool {
    let Some(algorithm) = hash(id.hash_algorithm.oid) else {
        return false;
    };
    id.issuer_name_hash.as_bytes() == digest(algorithm, &issuer.subject).as_ref()
        && id.issuer_key_hash.as_bytes() == digest(algorithm, &issuer.information.bits).as_ref()
}

fn hash(oid: ObjectIdentifier) -> Option<&'static Algorithm> {
    let known: [(ObjectIdentifier, &'static Algorithm); 4] = [
        (ID_SHA_1, &SHA1_FOR_LEGACY_USE_ONLY),
        (ID_SHA_256, &SHA256),
        (ID_SHA_384, &SHA384),
        (ID_SHA_512, &SHA512),
    ];
    known.into_iter().find(|(known, _)| *known == oid).map(|(_, algorithm)| algorithm)
}

fn status(home: &Home, id: &CertId, by_root: bool) -> Result<CertStatus, Refusal> {
    let serial = hex::encode(id.serial_number.as_bytes());
    let Some(entry) = home.register.get(&serial).filter(|entry| entry.by_root == by_root) else {
        return Ok(CertStatus::unknown());
    };
    Ok(match entry.status {
        Status::Good => CertStatus::good(),
        Status::Revoked { at, reason } => CertStatus::Revoked(RevokedInfo {
            revocation_time: time(at)?,
            revocation_reason: crl_reason(reason),
        }),
        Status::Suspended { at } => CertStatus::Revoked(RevokedInfo {
            revocation_time: time(at)?,
            revocation_reason: Some(CrlReason::CertificateHold),
        }),
    })
}

/// "Unspecified" is said by leaving it out (RFC 5280 5.3.1).
fn crl_reason(reason: RevocationReason) -> Option<CrlReason> {
    match reason {
        RevocationReason::Unspecified => None,
        RevocationReason::KeyCompromise => Some(CrlReason::KeyCompromise),
        RevocationReason::AffiliationChanged => Some(CrlReason::AffiliationChanged),
        RevocationReason::Superseded => Some(CrlReason::Superseded),
        RevocationReason::CessationOfOperation => Some(CrlReason::CessationOfOperation),
    }
}

fn time(at: Timestamp) -> Result<OcspGeneralizedTime, Refusal> {
    let seconds = u64::try_from(at.as_second()).map_err(|_| Refusal::Internal)?;
    Ok(OcspGeneralizedTime(GeneralizedTime::from_unix_duration(Duration::from_secs(seconds))?))
}

/// The nonce as it was sent, the only extension that is answered.
fn nonce(extensions: Option<Extensions>) -> Result<Option<Extensions>, Refusal> {
    let nonces: Vec<Extension> = extensions
        .unwrap_or_default()
        .into_iter()
        .filter(|extension| extension.extn_id == ID_PKIX_OCSP_NONCE)
        .collect();
    if nonces.len() > 1 || nonces.iter().any(|nonce| nonce.extn_value.as_bytes().len() > NONCE_BYTES_MAX) {
        return Err(Refusal::Malformed);
    }
    Ok(if nonces.is_empty() { None } else { Some(nonces) })
}

fn sign(data: ResponseData, signer: &Party, broken: bool) -> Result<BasicOcspResponse, Refusal> {
    let mut signature = signer.key.sign(&data.to_der()?)?;
    if broken {
        break_signature(&mut signature);
    }
    Ok(BasicOcspResponse {
        tbs_response_data: data,
        signature_algorithm: AlgorithmIdentifierOwned::from_der(&signer.key.signature_algorithm())?,
        signature: BitString::from_bytes(&signature)?,
        certs: Some(vec![signer.parsed.clone()]),
    })
}
