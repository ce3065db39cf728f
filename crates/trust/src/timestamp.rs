//! RFC 3161 time-stamps: asking for one, taking the answer, checking a token (data-plane 7.4, 7.8 step 3).

use jiff::Timestamp;

use crate::algorithm::DigestAlgorithm;
use crate::asn1;
use crate::certificate::Certificate;
use crate::error::TimestampRefusal;

mod ber;
mod cms;
mod token;

use cms::SignedData;
use token::TokenContent;

/// A time-stamp token, or an authority's answer, may have this many bytes.
pub const TOKEN_BYTES_MAX: usize = 256 * 1024;

/// A time-stamp that was checked against its data and against the listed authorities. Only this module makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedTimeStamp {
    time: Timestamp,
    tsa: Certificate,
    digest: DigestAlgorithm,
    imprint: Vec<u8>,
    serial: String,
    nonce: Option<Vec<u8>>,
}

impl VerifiedTimeStamp {
    /// genTime: the data existed by then.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        self.time
    }

    /// The certificate of the authority, from the list.
    #[must_use]
    pub fn tsa(&self) -> &Certificate {
        &self.tsa
    }

    /// The algorithm of the imprint.
    #[must_use]
    pub fn digest_algorithm(&self) -> DigestAlgorithm {
        self.digest
    }

    /// The digest that was stamped.
    #[must_use]
    pub fn imprint(&self) -> &[u8] {
        &self.imprint
    }

    /// The token's serial number, in decimal.
    #[must_use]
    pub fn serial_decimal(&self) -> &str {
        &self.serial
    }

    /// The nonce's content octets, if the request had one.
    #[must_use]
    pub fn nonce(&self) -> Option<&[u8]> {
        self.nonce.as_deref()
    }
}

/// A token as it is stored: DER, with the authority's certificate first among its certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeStampToken {
    der: Vec<u8>,
    verified: VerifiedTimeStamp,
}

impl TimeStampToken {
    /// The DER ContentInfo.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// What was verified about it.
    #[must_use]
    pub fn verified(&self) -> &VerifiedTimeStamp {
        &self.verified
    }
}

/// The DER of a TimeStampReq: version 1, the imprint, and nothing else (data-plane 7.4). `digest` is the digest to be
/// stamped, made with `algorithm`.
#[must_use]
pub fn request(algorithm: DigestAlgorithm, digest: &[u8]) -> Vec<u8> {
    let imprint = asn1::encode_all(
        asn1::SEQUENCE,
        &[&algorithm.identifier(), &asn1::encode(asn1::OCTET_STRING, digest)],
    );
    asn1::encode_all(asn1::SEQUENCE, &[&asn1::encode(asn1::INTEGER, &[1]), &imprint])
}

/// Takes a TimeStampResp that answers [`request`] with the same algorithm and digest.
///
/// # Errors
/// [`TimestampRefusal`]: not granted, without token, over something else, or not signed by one of `tsas`.
pub fn read_response(
    der: &[u8],
    algorithm: DigestAlgorithm,
    digest: &[u8],
    tsas: &[Certificate],
) -> Result<TimeStampToken, TimestampRefusal> {
    let stamp = read_granted(der, tsas)?;
    if stamp.verified.nonce.is_some() {
        return Err(TimestampRefusal::UnexpectedNonce);
    }
    if stamp.verified.digest != algorithm || stamp.verified.imprint != digest {
        return Err(TimestampRefusal::OtherImprint);
    }
    Ok(stamp)
}

/// Takes a TimeStampResp whose request is not known: status, signer and signature are checked, the imprint is the
/// caller's to compare.
///
/// # Errors
/// [`TimestampRefusal`].
pub fn read_granted(der: &[u8], tsas: &[Certificate]) -> Result<TimeStampToken, TimestampRefusal> {
    check_size(der)?;
    let der = ber::to_der(der)?;
    let token = token::granted(&der)?;
    let signed = SignedData::read(&token)?;
    let verified = verify(&signed, tsas)?;
    let der = signed.with_first_certificate(&verified.tsa);
    // What is stored grows by a certificate and is read again years later, within the same bounds.
    check_size(&der)?;
    SignedData::read(&der)?;
    Ok(TimeStampToken { der, verified })
}

/// Checks a token over `data`: the imprint is the digest of `data`, and one of `tsas` signed. The validity of the
/// authority's certificate is not looked at: it is trusted because the global configuration lists it.
///
/// # Errors
/// [`TimestampRefusal`].
pub fn verify_token(
    der: &[u8],
    data: &[u8],
    tsas: &[Certificate],
) -> Result<VerifiedTimeStamp, TimestampRefusal> {
    check_size(der)?;
    let der = ber::to_der(der)?;
    let signed = SignedData::read(&der)?;
    let verified = verify(&signed, tsas)?;
    if verified.digest.digest(data) != verified.imprint {
        return Err(TimestampRefusal::OtherImprint);
    }
    Ok(verified)
}

fn check_size(der: &[u8]) -> Result<(), TimestampRefusal> {
    if der.len() > TOKEN_BYTES_MAX {
        return Err(TimestampRefusal::TooLarge { bytes: der.len(), bytes_max: TOKEN_BYTES_MAX });
    }
    Ok(())
}

fn verify(signed: &SignedData<'_>, tsas: &[Certificate]) -> Result<VerifiedTimeStamp, TimestampRefusal> {
    let content = TokenContent::read(signed.content)?;
    let mut refusal = TimestampRefusal::UnknownAuthority;
    for tsa in tsas.iter().filter(|tsa| signed.signer.names(tsa)) {
        match signed.signer.verify(signed.content, tsa) {
            Ok(()) => {
                return Ok(VerifiedTimeStamp {
                    time: content.time,
                    tsa: tsa.clone(),
                    digest: content.digest,
                    imprint: content.imprint,
                    serial: content.serial,
                    nonce: content.nonce,
                });
            }
            Err(cause) => refusal = cause,
        }
    }
    Err(refusal)
}
