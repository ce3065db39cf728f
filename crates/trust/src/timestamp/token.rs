//! The content of a token (TSTInfo) and the envelope of an answer (TimeStampResp), RFC 3161.

use jiff::Timestamp;

use crate::algorithm::DigestAlgorithm;
use crate::asn1::{self, Malformed, Reader};
use crate::certificate::{decimal, has_critical};
use crate::error::TimestampRefusal;

pub(super) struct TokenContent {
    pub(super) time: Timestamp,
    pub(super) digest: DigestAlgorithm,
    pub(super) imprint: Vec<u8>,
    pub(super) serial: String,
    pub(super) nonce: Option<Vec<u8>>,
}

impl TokenContent {
    pub(super) fn read(der: &[u8]) -> Result<Self, Malformed> {
        let mut fields = asn1::only(der, asn1::SEQUENCE)?.open();
        if asn1::small(&fields.any()?)? != 1 {
            return Err(Malformed::Unknown("version of a time-stamp"));
        }
        fields.expect(asn1::OID)?;
        let mut imprint = fields.sequence()?;
        let digest = DigestAlgorithm::read(&imprint.any()?)?;
        let hash = imprint.expect(asn1::OCTET_STRING)?.body;
        imprint.end()?;
        if hash.len() != digest.output_bytes() {
            return Err(Malformed::Value("message imprint"));
        }
        let serial = number(&mut fields)?;
        let time = asn1::time(&fields.expect(asn1::GENERALIZED_TIME)?)?;
        fields.optional(asn1::SEQUENCE)?;
        fields.optional(asn1::BOOLEAN)?;
        let nonce = match fields.peek() {
            Some(asn1::INTEGER) => Some(number(&mut fields)?.to_vec()),
            _ => None,
        };
        fields.optional(asn1::wrapped(0))?;
        if let Some(extensions) = fields.optional(asn1::wrapped(1))?
            && has_critical(extensions.open())?
        {
            return Err(Malformed::Unknown("critical extension of a time-stamp"));
        }
        fields.end()?;
        Ok(Self { time, digest, imprint: hash.to_vec(), serial: decimal(serial), nonce })
    }
}

fn number<'a>(fields: &mut Reader<'a>) -> Result<&'a [u8], Malformed> {
    let body = fields.expect(asn1::INTEGER)?.body;
    if body.is_empty() || body.len() > 64 {
        Err(Malformed::Value("number in a time-stamp"))
    } else {
        Ok(body)
    }
}

/// The token in an answer that grants the request.
pub(super) fn granted(der: &[u8]) -> Result<Vec<u8>, TimestampRefusal> {
    let mut fields = asn1::only(der, asn1::SEQUENCE)?.open();
    let mut info = fields.sequence()?;
    let status = asn1::small(&info.any()?)?;
    let text = match info.optional(asn1::SEQUENCE)? {
        Some(text) => free_text(text.open()),
        None => String::new(),
    };
    // 0 granted, 1 granted with modifications
    if status > 1 {
        return Err(TimestampRefusal::NotGranted { status, text });
    }
    if fields.is_empty() {
        return Err(TimestampRefusal::NoToken);
    }
    let token = fields.expect(asn1::SEQUENCE)?;
    fields.end()?;
    Ok(token.raw.to_vec())
}

/// What the authority says, cut to a length that fits a log line.
fn free_text(mut list: Reader<'_>) -> String {
    let mut text = String::new();
    while let Ok(line) = list.any() {
        if !text.is_empty() {
            text.push_str("; ");
        }
        text.push_str(&String::from_utf8_lossy(line.body));
        if text.len() > 500 {
            break;
        }
    }
    text.chars().filter(|character| !character.is_control()).take(500).collect()
}
