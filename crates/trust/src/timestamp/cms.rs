//! CMS SignedData with one signer, as far as time-stamps need it (RFC 5652).

use crate::algorithm::{DigestAlgorithm, EcdsaForm, SignatureAlgorithm};
use crate::asn1::{self, Element, Malformed, Reader};
use crate::certificate::Certificate;
use crate::error::{SignatureMismatch, TimestampRefusal};
use crate::name::Name;
use crate::oid;

const ATTRIBUTES_MAX: usize = 64;
const CERTIFICATES_MAX: usize = 32;

/// The parts of the SignedData of a token, as received.
pub(super) struct SignedData<'a> {
    version: &'a [u8],
    digests: &'a [u8],
    encapsulated: &'a [u8],
    certificates: Vec<&'a [u8]>,
    revocations: &'a [u8],
    signers: &'a [u8],
    /// The octets of the TSTInfo.
    pub(super) content: &'a [u8],
    pub(super) signer: Signer<'a>,
}

impl<'a> SignedData<'a> {
    /// Reads a ContentInfo that holds a time-stamp token.
    pub(super) fn read(der: &'a [u8]) -> Result<Self, Malformed> {
        let mut info = asn1::only(der, asn1::SEQUENCE)?.open();
        if info.expect(asn1::OID)?.body != oid::SIGNED_DATA {
            return Err(Malformed::Unknown("kind of CMS content"));
        }
        let wrapped = info.expect(asn1::wrapped(0))?;
        info.end()?;
        let mut fields = asn1::only(wrapped.body, asn1::SEQUENCE)?.open();
        let version = fields.expect(asn1::INTEGER)?.raw;
        let digests = fields.expect(asn1::SET)?.raw;
        let encapsulated = fields.expect(asn1::SEQUENCE)?;
        let certificates = match fields.optional(asn1::wrapped(0))? {
            Some(set) => elements(set.open(), CERTIFICATES_MAX)?,
            None => Vec::new(),
        };
        let revocations = fields.optional(asn1::wrapped(1))?.map(|set| set.raw).unwrap_or_default();
        let signers = fields.expect(asn1::SET)?;
        fields.end()?;

        let mut content = encapsulated.open();
        if content.expect(asn1::OID)?.body != oid::TST_INFO {
            return Err(Malformed::Unknown("kind of signed content"));
        }
        let octets = asn1::only(content.expect(asn1::wrapped(0))?.body, asn1::OCTET_STRING)?;
        content.end()?;

        let mut list = signers.open();
        let signer = Signer::read(list.sequence()?)?;
        list.end()?;
        Ok(Self {
            version,
            digests,
            encapsulated: encapsulated.raw,
            certificates,
            revocations,
            signers: signers.raw,
            content: octets.body,
            signer,
        })
    }

    /// The ContentInfo again, with this certificate first and the others after it.
    pub(super) fn with_first_certificate(&self, first: &Certificate) -> Vec<u8> {
        let mut certificates = vec![first.der()];
        certificates.extend(self.certificates.iter().copied().filter(|der| *der != first.der()));
        let signed = asn1::encode_all(
            asn1::SEQUENCE,
            &[
                self.version,
                self.digests,
                self.encapsulated,
                &asn1::encode(asn1::wrapped(0), &certificates.concat()),
                self.revocations,
                self.signers,
            ],
        );
        asn1::encode_all(
            asn1::SEQUENCE,
            &[&asn1::encode(asn1::OID, oid::SIGNED_DATA), &asn1::encode(asn1::wrapped(0), &signed)],
        )
    }
}

/// Whose certificate the signer's is.
enum SignerId<'a> {
    IssuerAndSerial(Name, &'a [u8]),
    KeyIdentifier(&'a [u8]),
}

/// The one SignerInfo.
pub(super) struct Signer<'a> {
    id: SignerId<'a>,
    digest: DigestAlgorithm,
    algorithm: SignatureAlgorithm,
    attributes: Vec<&'a [u8]>,
    signed: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Signer<'a> {
    fn read(mut fields: Reader<'a>) -> Result<Self, Malformed> {
        fields.expect(asn1::INTEGER)?;
        let id = signer_id(&fields.any()?)?;
        let digest = DigestAlgorithm::read(&fields.any()?)?;
        let attributes = fields.expect(asn1::wrapped(0))?;
        let algorithm = SignatureAlgorithm::read_cms(&fields.any()?, digest)?;
        let signature = fields.expect(asn1::OCTET_STRING)?.body;
        fields.optional(asn1::wrapped(1))?;
        fields.end()?;
        Ok(Self {
            id,
            digest,
            algorithm,
            attributes: elements(attributes.open(), ATTRIBUTES_MAX)?,
            signed: attributes.body,
            signature,
        })
    }

    /// Whether the SignerIdentifier means this certificate.
    pub(super) fn names(&self, certificate: &Certificate) -> bool {
        match &self.id {
            SignerId::IssuerAndSerial(issuer, serial) => {
                certificate.serial_bytes() == *serial && certificate.issuer().matches(issuer)
            }
            SignerId::KeyIdentifier(identifier) => match certificate.subject_key_identifier() {
                Some(own) => own == *identifier,
                None => DigestAlgorithm::Sha1.digest(certificate.public_key().key_bits()) == *identifier,
            },
        }
    }

    /// The signed attributes fit content and certificate, and the certificate's key signed them.
    pub(super) fn verify(&self, content: &[u8], certificate: &Certificate) -> Result<(), TimestampRefusal> {
        let authority = || certificate.subject_rfc2253();
        let content_type = asn1::only(self.required(oid::CONTENT_TYPE)?, asn1::OID)?;
        let digest = asn1::only(self.required(oid::MESSAGE_DIGEST)?, asn1::OCTET_STRING)?;
        if content_type.body != oid::TST_INFO || digest.body != self.digest.digest(content) {
            return Err(TimestampRefusal::OtherContent);
        }
        self.check_named(certificate)?;
        self.check_signature(certificate)
            .map_err(|cause| TimestampRefusal::WrongSignature { authority: authority(), cause })
    }

    /// ESS signingCertificate or signingCertificateV2: at least one, and each there is has to fit.
    fn check_named(&self, certificate: &Certificate) -> Result<(), TimestampRefusal> {
        let other = || TimestampRefusal::OtherCertificate { authority: certificate.subject_rfc2253() };
        let first = self.attribute(oid::SIGNING_CERTIFICATE)?;
        let second = self.attribute(oid::SIGNING_CERTIFICATE_V2)?;
        if first.is_none() && second.is_none() {
            return Err(other());
        }
        for (value, default) in [(first, DigestAlgorithm::Sha1), (second, DigestAlgorithm::Sha256)] {
            let Some(value) = value else { continue };
            let mut id = asn1::only(value, asn1::SEQUENCE)?.open().sequence()?.sequence()?;
            let digest = match id.optional(asn1::SEQUENCE)? {
                Some(algorithm) => DigestAlgorithm::read(&algorithm)?,
                None => default,
            };
            if digest.digest(certificate.der()) != id.expect(asn1::OCTET_STRING)?.body {
                return Err(other());
            }
        }
        Ok(())
    }

    /// The attributes are signed as a SET; its members as received, or in the order that DER wants.
    fn check_signature(&self, certificate: &Certificate) -> Result<(), SignatureMismatch> {
        let check = |body: &[u8]| {
            let set = asn1::encode(asn1::SET, body);
            self.algorithm.verify_legacy(certificate.public_key(), &set, self.signature, EcdsaForm::Der)
        };
        check(self.signed).or_else(|mismatch| {
            let mut sorted = self.attributes.clone();
            sorted.sort_unstable();
            if sorted == self.attributes { Err(mismatch) } else { check(&sorted.concat()) }
        })
    }

    fn required(&self, id: &[u8]) -> Result<&'a [u8], Malformed> {
        self.attribute(id)?.ok_or(Malformed::Value("set of signed attributes"))
    }

    /// The one value of the signed attribute.
    fn attribute(&self, id: &[u8]) -> Result<Option<&'a [u8]>, Malformed> {
        let mut found = None;
        for attribute in &self.attributes {
            let mut fields = asn1::only(attribute, asn1::SEQUENCE)?.open();
            if fields.expect(asn1::OID)?.body != id {
                continue;
            }
            let mut values = fields.expect(asn1::SET)?.open();
            let value = values.any()?.raw;
            values.end()?;
            fields.end()?;
            if found.replace(value).is_some() {
                return Err(Malformed::Duplicate("a signed attribute"));
            }
        }
        Ok(found)
    }
}

fn signer_id<'a>(element: &Element<'a>) -> Result<SignerId<'a>, Malformed> {
    if element.tag == asn1::plain(0) {
        return Ok(SignerId::KeyIdentifier(element.body));
    }
    element.as_tag(asn1::SEQUENCE)?;
    let mut fields = element.open();
    let issuer = Name::read(&fields.expect(asn1::SEQUENCE)?)?;
    let serial = fields.expect(asn1::INTEGER)?.body;
    fields.end()?;
    Ok(SignerId::IssuerAndSerial(issuer, serial))
}

fn elements(mut reader: Reader<'_>, count_max: usize) -> Result<Vec<&[u8]>, Malformed> {
    let mut list = Vec::new();
    while !reader.is_empty() {
        list.push(reader.any()?.raw);
        if list.len() > count_max {
            return Err(Malformed::TooLarge { what: "entries of a list", max: count_max });
        }
    }
    Ok(list)
}
