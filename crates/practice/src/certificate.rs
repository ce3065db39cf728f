//! Making certificates: the profiles, and the bytes to be signed.

use crate::asn1;
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use const_oid::ObjectIdentifier;
use const_oid::db::rfc4519::{COMMON_NAME, ORGANIZATION_NAME};
use const_oid::db::rfc5280::{
    ID_CE_AUTHORITY_KEY_IDENTIFIER, ID_CE_BASIC_CONSTRAINTS, ID_CE_EXT_KEY_USAGE, ID_CE_KEY_USAGE,
    ID_CE_SUBJECT_KEY_IDENTIFIER, ID_KP_CLIENT_AUTH, ID_KP_OCSP_SIGNING, ID_KP_SERVER_AUTH,
    ID_KP_TIME_STAMPING, ID_PE_AUTHORITY_INFO_ACCESS,
};
use jiff::Timestamp;

const ID_AD_OCSP: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1");
const ID_PKIX_OCSP_NOCHECK: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.5");

/// A public key as it stands in a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyInformation {
    /// `SubjectPublicKeyInfo`, DER.
    pub(crate) spki: Vec<u8>,
    /// The bytes of its bit string.
    pub(crate) bits: Vec<u8>,
    pub(crate) is_rsa: bool,
}

impl KeyInformation {
    /// SHA-1 of the key's bits: the key identifier (RFC 5280 4.2.1.2) and the key hash of OCSP.
    pub(crate) fn identifier(&self) -> Vec<u8> {
        digest(&SHA1_FOR_LEGACY_USE_ONLY, &self.bits).as_ref().to_vec()
    }
}

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// `subordinates`: how many authorities may follow below.
    Authority {
        subordinates: u8,
    },
    OcspSigner,
    TimeStamper,
    /// Authenticates a gateway towards others (data-plane 4.2).
    Authentication,
    /// Signs messages in a member's name (data-plane 5.6).
    Signing,
}

/// All that a certificate says, except its signature.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    pub(crate) serial: &'a [u8],
    /// `Name`, DER.
    pub(crate) issuer: &'a [u8],
    pub(crate) issuer_key: Vec<u8>,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
    /// `Name`, DER, as it came.
    pub(crate) subject: &'a [u8],
    pub(crate) key: &'a KeyInformation,
    pub(crate) purpose: Purpose,
    pub(crate) ocsp_url: Option<&'a str>,
}

impl Draft<'_> {
    /// `TBSCertificate` for a signer with this `AlgorithmIdentifier`.
    pub(crate) fn to_be_signed(&self, signature_algorithm: &[u8]) -> Vec<u8> {
        let validity = asn1::sequence(&[
            &asn1::certificate_time(self.not_before),
            &asn1::certificate_time(self.not_after),
        ]);
        asn1::sequence(&[
            &asn1::context(0, &[&asn1::unsigned(&[2])]),
            &asn1::unsigned(self.serial),
            signature_algorithm,
            self.issuer,
            &validity,
            self.subject,
            &self.key.spki,
            &asn1::context(3, &[&self.extensions()]),
        ])
    }

    fn extensions(&self) -> Vec<u8> {
        let mut all = vec![basic_constraints(self.purpose)];
        all.push(extension(ID_CE_KEY_USAGE, true, &key_usage(self.purpose, self.key.is_rsa)));
        all.extend(extended_key_usage(self.purpose));
        all.push(extension(ID_CE_SUBJECT_KEY_IDENTIFIER, false, &asn1::octets(&self.key.identifier())));
        let authority_key = asn1::sequence(&[&asn1::tlv(0x80, &[&self.issuer_key])]);
        all.push(extension(ID_CE_AUTHORITY_KEY_IDENTIFIER, false, &authority_key));
        if let Some(url) = self.ocsp_url {
            let description = asn1::sequence(&[&asn1::oid(ID_AD_OCSP), &asn1::tlv(0x86, &[url.as_bytes()])]);
            all.push(extension(ID_PE_AUTHORITY_INFO_ACCESS, false, &asn1::sequence(&[&description])));
        }
        if self.purpose == Purpose::OcspSigner {
            // Who would say whether the one who says is good? (RFC 6960 4.2.2.2.1)
            all.push(extension(ID_PKIX_OCSP_NOCHECK, false, &asn1::null()));
        }
        let parts: Vec<&[u8]> = all.iter().map(Vec::as_slice).collect();
        asn1::sequence(&parts)
    }
}

/// `Certificate` from what was signed and its signature.
pub(crate) fn assemble(to_be_signed: &[u8], signature_algorithm: &[u8], signature: &[u8]) -> Vec<u8> {
    asn1::sequence(&[to_be_signed, signature_algorithm, &asn1::bits(signature)])
}

/// `Name` with an organisation and a common name.
pub(crate) fn name(organisation: &str, common_name: &str) -> Vec<u8> {
    let part =
        |kind, value| asn1::tlv(asn1::SET, &[&asn1::sequence(&[&asn1::oid(kind), &asn1::text(value)])]);
    asn1::sequence(&[&part(ORGANIZATION_NAME, organisation), &part(COMMON_NAME, common_name)])
}

fn extension(kind: ObjectIdentifier, critical: bool, value: &[u8]) -> Vec<u8> {
    let critical: &[u8] = if critical { &[0x01, 0x01, 0xff] } else { &[] };
    asn1::sequence(&[&asn1::oid(kind), critical, &asn1::octets(value)])
}

fn basic_constraints(purpose: Purpose) -> Vec<u8> {
    match purpose {
        Purpose::Authority { subordinates } => {
            let value = asn1::sequence(&[&[0x01, 0x01, 0xff], &asn1::unsigned(&[subordinates])]);
            extension(ID_CE_BASIC_CONSTRAINTS, true, &value)
        }
        Purpose::OcspSigner | Purpose::TimeStamper | Purpose::Authentication | Purpose::Signing => {
            extension(ID_CE_BASIC_CONSTRAINTS, true, &asn1::sequence(&[]))
        }
    }
}

/// The named bits, trailing zeros left off.
fn key_usage(purpose: Purpose, is_rsa: bool) -> Vec<u8> {
    // Bit 0 is the highest: 0x80 digitalSignature, 0x40 nonRepudiation, 0x20 keyEncipherment, 0x10 dataEncipherment,
    // 0x08 keyAgreement, 0x04 keyCertSign, 0x02 cRLSign.
    let bits: u8 = match purpose {
        Purpose::Authority { .. } => 0x06,
        Purpose::OcspSigner | Purpose::TimeStamper => 0x80,
        // An elliptic key enciphers nothing (RFC 5480 3).
        Purpose::Authentication => {
            if is_rsa {
                0xb0
            } else {
                0x88
            }
        }
        Purpose::Signing => 0x40,
    };
    let unused = u8::try_from(bits.trailing_zeros()).unwrap_or(0);
    asn1::tlv(0x03, &[&[unused, bits]])
}

fn extended_key_usage(purpose: Purpose) -> Option<Vec<u8>> {
    let list = |usages: &[ObjectIdentifier]| {
        let encoded: Vec<Vec<u8>> = usages.iter().map(|usage| asn1::oid(*usage)).collect();
        let parts: Vec<&[u8]> = encoded.iter().map(Vec::as_slice).collect();
        asn1::sequence(&parts)
    };
    match purpose {
        Purpose::Authority { .. } | Purpose::Signing => None,
        Purpose::OcspSigner => Some(extension(ID_CE_EXT_KEY_USAGE, false, &list(&[ID_KP_OCSP_SIGNING]))),
        // RFC 3161 2.3: exactly this usage, and critical.
        Purpose::TimeStamper => Some(extension(ID_CE_EXT_KEY_USAGE, true, &list(&[ID_KP_TIME_STAMPING]))),
        Purpose::Authentication => {
            Some(extension(ID_CE_EXT_KEY_USAGE, false, &list(&[ID_KP_CLIENT_AUTH, ID_KP_SERVER_AUTH])))
        }
    }
}
