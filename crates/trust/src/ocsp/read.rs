//! Reading an OCSPResponse (RFC 6960).

use super::{CertificateId, CertificateStatus, Inner, ResponderId};
use crate::algorithm::{DigestAlgorithm, SignatureAlgorithm};
use crate::asn1::{self, Element, Malformed, Reader};
use crate::certificate::Certificate;
use crate::certificate::has_critical;
use crate::error::UnreadableOcsp;
use crate::name::Name;
use crate::oid;
use crate::path::CERTIFICATES_MAX;

const SERIAL_BYTES_MAX: usize = 64;

/// Content tags of CertStatus.
const GOOD: u8 = asn1::plain(0);
const REVOKED: u8 = asn1::wrapped(1);
const UNKNOWN: u8 = asn1::plain(2);

pub(super) fn response(der: &[u8]) -> Result<Inner, UnreadableOcsp> {
    let mut fields = asn1::only(der, asn1::SEQUENCE)?.open();
    let status = asn1::unsigned(fields.expect(asn1::ENUMERATED)?.body)?;
    if status != 0 {
        return Err(UnreadableOcsp::NotSuccessful { status });
    }
    let bytes = fields.expect(asn1::wrapped(0))?;
    fields.end()?;
    let mut typed = asn1::only(bytes.body, asn1::SEQUENCE)?.open();
    if typed.expect(asn1::OID)?.body != oid::OCSP_BASIC {
        return Err(Malformed::Unknown("kind of OCSP response").into());
    }
    let basic_response = typed.expect(asn1::OCTET_STRING)?.body;
    typed.end()?;
    Ok(basic(der, basic_response)?)
}

fn basic(der: &[u8], bytes: &[u8]) -> Result<Inner, Malformed> {
    let mut fields = asn1::only(bytes, asn1::SEQUENCE)?.open();
    let tbs = fields.expect(asn1::SEQUENCE)?;
    let algorithm = SignatureAlgorithm::read(&fields.expect(asn1::SEQUENCE)?);
    let signature = asn1::bits(&fields.any()?)?.to_vec();
    let certificates = match fields.optional(asn1::wrapped(0))? {
        Some(wrapped) => certificates(asn1::only(wrapped.body, asn1::SEQUENCE)?.open())?,
        None => Vec::new(),
    };
    fields.end()?;

    let mut data = tbs.open();
    if let Some(version) = data.optional(asn1::wrapped(0))?
        && asn1::small(&version.open().any()?)? != 0
    {
        return Err(Malformed::Unknown("version of an OCSP response"));
    }
    let responder = responder(&data.any()?)?;
    let produced_at = asn1::time(&data.any()?)?;
    let mut list = data.sequence()?;
    let mut first = list.sequence()?;
    extensions(&mut data)?;
    data.end()?;

    let id = certificate_id(first.sequence()?)?;
    let status = status(&first.any()?)?;
    let this_update = asn1::time(&first.any()?)?;
    let next_update = match first.optional(asn1::wrapped(0))? {
        Some(wrapped) => Some(asn1::time(&asn1::only(wrapped.body, asn1::GENERALIZED_TIME)?)?),
        None => None,
    };
    extensions(&mut first)?;
    first.end()?;
    Ok(Inner {
        der: der.to_vec(),
        tbs: tbs.raw.to_vec(),
        algorithm,
        signature,
        responder,
        produced_at,
        id,
        status,
        this_update,
        next_update,
        certificates,
    })
}

/// Extensions add nothing to what we decide on; a critical one could take something away.
fn extensions(fields: &mut Reader<'_>) -> Result<(), Malformed> {
    if let Some(wrapped) = fields.optional(asn1::wrapped(1))?
        && has_critical(asn1::only(wrapped.body, asn1::SEQUENCE)?.open())?
    {
        return Err(Malformed::Unknown("critical extension of an OCSP response"));
    }
    Ok(())
}

/// Those that we cannot read cannot be the responder's, and are passed over.
fn certificates(mut list: Reader<'_>) -> Result<Vec<Certificate>, Malformed> {
    let mut certificates = Vec::new();
    let mut count = 0usize;
    while !list.is_empty() {
        if let Ok(certificate) = Certificate::from_der(list.any()?.raw) {
            certificates.push(certificate);
        }
        count = count.saturating_add(1);
        if count > CERTIFICATES_MAX {
            return Err(Malformed::TooLarge { what: "certificates", max: CERTIFICATES_MAX });
        }
    }
    Ok(certificates)
}

fn responder(element: &Element<'_>) -> Result<ResponderId, Malformed> {
    if element.tag == asn1::wrapped(1) {
        return Ok(ResponderId::Name(Name::from_der(element.body)?));
    }
    let hash = asn1::only(element.as_tag(asn1::wrapped(2))?, asn1::OCTET_STRING)?;
    Ok(ResponderId::Key(hash.body.to_vec()))
}

fn certificate_id(mut fields: Reader<'_>) -> Result<CertificateId, Malformed> {
    let digest = DigestAlgorithm::read(&fields.any()?)?;
    let issuer_name_hash = fields.expect(asn1::OCTET_STRING)?.body.to_vec();
    let issuer_key_hash = fields.expect(asn1::OCTET_STRING)?.body.to_vec();
    let serial = fields.expect(asn1::INTEGER)?.body.to_vec();
    fields.end()?;
    if serial.len() > SERIAL_BYTES_MAX {
        return Err(Malformed::TooLarge { what: "bytes of a serial number", max: SERIAL_BYTES_MAX });
    }
    Ok(CertificateId { digest, issuer_name_hash, issuer_key_hash, serial })
}

fn status(element: &Element<'_>) -> Result<CertificateStatus, Malformed> {
    match element.tag {
        GOOD => Ok(CertificateStatus::Good),
        REVOKED => Ok(CertificateStatus::Revoked { at: asn1::time(&element.open().any()?)? }),
        UNKNOWN => Ok(CertificateStatus::Unknown),
        _ => Err(Malformed::Unknown("certificate status")),
    }
}
