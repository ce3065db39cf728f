//! A practice CA: certificates, OCSP answers and time-stamps, right or wrong on purpose.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use jiff::Timestamp;
use trust::{
    Authorities, Authority, CaCertificate, Certificate, CertificateProfile, DigestAlgorithm, OcspPolicy,
    OcspResponse, Responder,
};

use crate::der::{bits, digest, integer, name, octets, oid, sequence, set, time, tlv, utf8};

pub(crate) const NOW: &str = "2026-11-22T12:00:00Z";
pub(crate) const DIGITAL_SIGNATURE: u8 = 0x80;
pub(crate) const NON_REPUDIATION: u8 = 0x40;
pub(crate) const CERTIFICATE_SIGN: u8 = 0x04;
pub(crate) const OCSP_SIGNING: &str = "1.3.6.1.5.5.7.3.9";
pub(crate) const CLIENT_AUTH: &str = "1.3.6.1.5.5.7.3.2";
const ECDSA_SHA256: &str = "1.2.840.10045.4.3.2";
const SHA1: &str = "1.3.14.3.2.26";
pub(crate) const SHA256: &str = "2.16.840.1.101.3.4.2.1";

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn now() -> Timestamp {
    at(NOW)
}

/// A key and the certificate over it.
pub(crate) struct Identity {
    pub(crate) key: EcdsaKeyPair,
    pub(crate) certificate: Certificate,
}

fn new_key() -> EcdsaKeyPair {
    EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap()
}

impl Identity {
    /// The key once more.
    pub(crate) fn same_key(&self) -> EcdsaKeyPair {
        let document = self.key.to_pkcs8v1().unwrap();
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, document.as_ref()).unwrap()
    }
}

impl Identity {
    pub(crate) fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        self.key.sign(&SystemRandom::new(), bytes).unwrap().as_ref().to_vec()
    }
}

/// What a certificate is to say.
#[derive(Clone)]
pub(crate) struct Wish<'a> {
    pub(crate) subject: Vec<(&'a str, &'a str)>,
    pub(crate) serial: u8,
    pub(crate) from: &'a str,
    pub(crate) until: &'a str,
    /// `Some(None)`: a CA without path length.
    pub(crate) ca: Option<Option<u8>>,
    pub(crate) key_usage: Option<u8>,
    pub(crate) purposes: Vec<&'a str>,
    /// More extensions: OID, critical, value.
    pub(crate) more: Vec<(&'a str, bool, Vec<u8>)>,
    /// Another name than the issuer's own.
    pub(crate) issuer_name: Option<Vec<(&'a str, &'a str)>>,
}

impl<'a> Wish<'a> {
    pub(crate) fn ca(common_name: &'a str) -> Self {
        Self {
            subject: vec![("2.5.4.10", "Practice"), ("2.5.4.3", common_name)],
            serial: 1,
            from: "2026-01-01T00:00:00Z",
            until: "2036-01-01T00:00:00Z",
            ca: Some(None),
            key_usage: Some(CERTIFICATE_SIGN),
            purposes: Vec::new(),
            more: Vec::new(),
            issuer_name: None,
        }
    }

    /// A signing certificate of EX/GOV/`code` in the Ejbca profile.
    pub(crate) fn signer(code: &'a str) -> Self {
        Self {
            subject: vec![("2.5.4.6", "EX"), ("2.5.4.10", "GOV"), ("2.5.4.3", code)],
            serial: 7,
            ca: None,
            key_usage: Some(NON_REPUDIATION),
            ..Self::ca("")
        }
    }

    pub(crate) fn peer(code: &'a str) -> Self {
        Self {
            key_usage: Some(DIGITAL_SIGNATURE),
            purposes: vec![CLIENT_AUTH],
            serial: 8,
            ..Self::signer(code)
        }
    }

    fn extensions(&self) -> Vec<u8> {
        let mut list = Vec::new();
        let mut add = |kind: &str, critical: bool, value: &[u8]| {
            let flag = if critical { tlv(0x01, &[0xff]) } else { Vec::new() };
            list.push(sequence(&[&oid(kind), &flag, &octets(value)]));
        };
        if let Some(path_length) = self.ca {
            let length = path_length.map(integer).unwrap_or_default();
            add("2.5.29.19", true, &sequence(&[&tlv(0x01, &[0xff]), &length]));
        }
        if let Some(usage) = self.key_usage {
            add("2.5.29.15", true, &bits(&[usage]));
        }
        if !self.purposes.is_empty() {
            let purposes: Vec<Vec<u8>> = self.purposes.iter().map(|purpose| oid(purpose)).collect();
            add("2.5.29.37", false, &tlv(0x30, &purposes.concat()));
        }
        for (kind, critical, value) in &self.more {
            add(kind, *critical, value);
        }
        if list.is_empty() { Vec::new() } else { tlv(0xa3, &tlv(0x30, &list.concat())) }
    }

    /// Signed by `issuer`, or by itself.
    pub(crate) fn mint(&self, issuer: Option<&Identity>) -> Identity {
        self.mint_over(new_key(), issuer)
    }

    /// As `mint`, over a key that exists.
    pub(crate) fn mint_over(&self, key: EcdsaKeyPair, issuer: Option<&Identity>) -> Identity {
        let algorithm = sequence(&[&oid(ECDSA_SHA256)]);
        let subject = name(&self.subject);
        let issuer_name = match (&self.issuer_name, issuer) {
            (Some(other), _) => name(other),
            (None, Some(issuer)) => issuer.certificate.subject_der().to_vec(),
            (None, None) => subject.clone(),
        };
        let spki = sequence(&[
            &sequence(&[&oid("1.2.840.10045.2.1"), &oid("1.2.840.10045.3.1.7")]),
            &bits(key.public_key().as_ref()),
        ]);
        let tbs = sequence(&[
            &tlv(0xa0, &integer(2)),
            &integer(self.serial),
            &algorithm,
            &issuer_name,
            &sequence(&[&time(at(self.from)), &time(at(self.until))]),
            &subject,
            &spki,
            &self.extensions(),
        ]);
        let signing_key = issuer.map_or(&key, |issuer| &issuer.key);
        let signature = signing_key.sign(&SystemRandom::new(), &tbs).unwrap();
        let der = sequence(&[&tbs, &algorithm, &bits(signature.as_ref())]);
        Identity { key, certificate: Certificate::from_der(&der).unwrap() }
    }
}

/// Authorities of instance EX that approve these CA certificates, each with these responders.
pub(crate) fn approve(cas: &[(&Certificate, &[&Certificate])]) -> Authorities {
    let cas = cas
        .iter()
        .map(|(certificate, responders)| Authority {
            name: certificate.common_name().unwrap_or_default(),
            profile: CertificateProfile::Ejbca,
            authentication_only: false,
            top: CaCertificate {
                certificate: (*certificate).clone(),
                responders: responders
                    .iter()
                    .map(|responder| Responder {
                        url: "http://ocsp.example".to_owned(),
                        certificate: Some((*responder).clone()),
                    })
                    .collect(),
            },
            intermediates: Vec::new(),
        })
        .collect();
    Authorities {
        instance: "EX".to_owned(),
        cas,
        time_stampers: Vec::new(),
        ocsp: OcspPolicy { freshness_seconds: 3600, verify_next_update: true },
    }
}

/// What an OCSP answer is to say.
#[derive(Clone)]
pub(crate) struct Answer<'a> {
    pub(crate) certificate: &'a Certificate,
    pub(crate) issuer: &'a Certificate,
    /// DER of CertStatus.
    pub(crate) status: Vec<u8>,
    pub(crate) this_update: Timestamp,
    pub(crate) next_update: Option<Timestamp>,
    pub(crate) by_key: bool,
    pub(crate) embedded: Vec<&'a Certificate>,
    pub(crate) digest: (&'a str, DigestAlgorithm),
    /// DER to stand at the end of the single response.
    pub(crate) extensions: Vec<u8>,
}

pub(crate) fn good() -> Vec<u8> {
    tlv(0x80, &[])
}

pub(crate) fn unknown() -> Vec<u8> {
    tlv(0x82, &[])
}

pub(crate) fn revoked(since: Timestamp) -> Vec<u8> {
    tlv(0xa1, &time(since))
}

impl<'a> Answer<'a> {
    pub(crate) fn new(certificate: &'a Certificate, issuer: &'a Certificate) -> Self {
        Self {
            certificate,
            issuer,
            status: good(),
            this_update: at("2026-11-22T11:55:00Z"),
            next_update: None,
            by_key: false,
            embedded: Vec::new(),
            digest: (SHA1, DigestAlgorithm::Sha1),
            extensions: Vec::new(),
        }
    }

    pub(crate) fn single(&self) -> Vec<u8> {
        let (kind, algorithm) = self.digest;
        let id = sequence(&[
            &digest(kind),
            &octets(&algorithm.digest(self.issuer.subject_der())),
            &octets(&algorithm.digest(self.issuer.public_key().key_bits())),
            &tlv(0x02, self.certificate.serial_bytes()),
        ]);
        let next = self.next_update.map(|at| tlv(0xa0, &time(at))).unwrap_or_default();
        sequence(&[&id, &self.status, &time(self.this_update), &next, &self.extensions])
    }

    /// The answer with a signature of anyone's making.
    pub(crate) fn der_signed(
        &self,
        responder: &Certificate,
        singles: &[&[u8]],
        algorithm: &[u8],
        sign: impl Fn(&[u8]) -> Vec<u8>,
    ) -> Vec<u8> {
        let id = if self.by_key {
            tlv(0xa2, &octets(&DigestAlgorithm::Sha1.digest(responder.public_key().key_bits())))
        } else {
            tlv(0xa1, responder.subject_der())
        };
        let tbs = sequence(&[&id, &time(self.this_update), &sequence(singles)]);
        let embedded: Vec<&[u8]> = self.embedded.iter().map(|certificate| certificate.der()).collect();
        let embedded =
            if embedded.is_empty() { Vec::new() } else { tlv(0xa0, &tlv(0x30, &embedded.concat())) };
        let basic = sequence(&[&tbs, algorithm, &bits(&sign(&tbs)), &embedded]);
        let typed = sequence(&[&oid("1.3.6.1.5.5.7.48.1.1"), &octets(&basic)]);
        sequence(&[&tlv(0x0a, &[0]), &tlv(0xa0, &typed)])
    }

    pub(crate) fn der(&self, responder: &Identity) -> Vec<u8> {
        self.der_signed(&responder.certificate, &[&self.single()], &sequence(&[&oid(ECDSA_SHA256)]), |tbs| {
            responder.sign(tbs)
        })
    }

    pub(crate) fn by(&self, responder: &Identity) -> OcspResponse {
        OcspResponse::parse(&self.der(responder)).unwrap()
    }
}

/// What a time-stamp token is to say.
pub(crate) struct Stamp<'a> {
    pub(crate) imprint: Vec<u8>,
    pub(crate) nonce: bool,
    /// The certificate whose hash stands in signingCertificateV2; none leaves the attribute out.
    pub(crate) named: Option<&'a Certificate>,
    pub(crate) message_digest: Option<Vec<u8>>,
    pub(crate) content_type: &'a str,
    pub(crate) signers: usize,
    pub(crate) twice: bool,
    /// DER to stand at the end of the TSTInfo.
    pub(crate) extensions: Vec<u8>,
    /// The certificate whose SHA-1 stands in a signingCertificate beside the other attribute.
    pub(crate) named_by_sha1: Option<&'a Certificate>,
    /// The digest algorithm that the signer names.
    pub(crate) digest: &'a str,
    /// Certificates that travel along, in DER.
    pub(crate) along: Vec<Vec<u8>>,
}

const TST_INFO: &str = "1.2.840.113549.1.9.16.1.4";

impl<'a> Stamp<'a> {
    pub(crate) fn over(data: &[u8], named: &'a Certificate) -> Self {
        Self {
            imprint: DigestAlgorithm::Sha256.digest(data),
            nonce: false,
            named: Some(named),
            message_digest: None,
            content_type: TST_INFO,
            signers: 1,
            twice: false,
            extensions: Vec::new(),
            named_by_sha1: None,
            digest: SHA256,
            along: Vec::new(),
        }
    }

    /// TSTInfo
    pub(crate) fn content(&self) -> Vec<u8> {
        let nonce = if self.nonce { integer(42) } else { Vec::new() };
        sequence(&[
            &integer(1),
            &oid("1.2.3.4"),
            &sequence(&[&digest(SHA256), &octets(&self.imprint)]),
            &integer(99),
            &time(now()),
            &nonce,
            &self.extensions,
        ])
    }

    pub(crate) fn token(&self, tsa: &Identity) -> Vec<u8> {
        let content = self.content();
        let hash = self.message_digest.clone().unwrap_or_else(|| DigestAlgorithm::Sha256.digest(&content));
        let attribute = |kind: &str, value: &[u8]| sequence(&[&oid(kind), &set(&[value])]);
        let mut attributes = vec![
            attribute("1.2.840.113549.1.9.3", &oid(self.content_type)),
            attribute("1.2.840.113549.1.9.4", &octets(&hash)),
        ];
        if self.twice {
            attributes.push(attribute("1.2.840.113549.1.9.4", &octets(&hash)));
        }
        if let Some(named) = self.named {
            let id = sequence(&[&octets(&DigestAlgorithm::Sha256.digest(named.der()))]);
            attributes.push(attribute("1.2.840.113549.1.9.16.2.47", &sequence(&[&sequence(&[&id])])));
        }
        if let Some(named) = self.named_by_sha1 {
            let id = sequence(&[&octets(&named.sha1())]);
            attributes.push(attribute("1.2.840.113549.1.9.16.2.12", &sequence(&[&sequence(&[&id])])));
        }
        attributes.sort();
        let attributes = attributes.concat();
        let signer = sequence(&[
            &integer(1),
            &sequence(&[tsa.certificate.issuer_der(), &tlv(0x02, tsa.certificate.serial_bytes())]),
            &digest(self.digest),
            &tlv(0xa0, &attributes),
            &sequence(&[&oid(ECDSA_SHA256)]),
            &octets(&tsa.sign(&tlv(0x31, &attributes))),
        ]);
        let along = if self.along.is_empty() { Vec::new() } else { tlv(0xa0, &self.along.concat()) };
        let signed = sequence(&[
            &integer(3),
            &set(&[&digest(SHA256)]),
            &sequence(&[&oid(TST_INFO), &tlv(0xa0, &octets(&content))]),
            &along,
            &set(&vec![signer.as_slice(); self.signers]),
        ]);
        sequence(&[&oid("1.2.840.113549.1.7.2"), &tlv(0xa0, &signed)])
    }

    pub(crate) fn response(&self, tsa: &Identity) -> Vec<u8> {
        sequence(&[&sequence(&[&integer(0)]), &self.token(tsa)])
    }
}

pub(crate) fn rejection(status: u8, text: &str) -> Vec<u8> {
    sequence(&[&sequence(&[&integer(status), &sequence(&[&utf8(text)])])])
}
