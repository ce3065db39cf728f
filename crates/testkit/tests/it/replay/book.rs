//! OCSP answers of the recording, by certificate and time.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a recording that cannot be read ends the test"
)]

use super::recording::{Exchange, Http, ocsp_answers, position, replaced};
use jiff::Timestamp;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use std::path::Path;
use trust::{Certificate, OcspResponse};

/// All answers that the recordings hold.
#[derive(Debug)]
pub(crate) struct Book {
    issuer: Certificate,
    answers: Vec<OcspResponse>,
}

impl Book {
    pub(crate) fn collect(recorded: &Path, exchanges: &[Exchange]) -> Self {
        let legs = exchanges.iter().filter_map(|exchange| exchange.wire.as_ref());
        let mut messages: Vec<Http> =
            legs.flat_map(|leg| [Http::read(&leg.request), Http::read(&leg.response)]).collect();
        // The answers about ss0's own authentication certificate never travel on port 5500.
        for file in [
            "ocsp5577/auth-sha1.response.bin",
            "ocsp5577/two-certs.response.bin",
            "options/tolerance/sign-ocsp-othercert/peer-response.bin",
        ] {
            messages.extend(std::fs::read(recorded.join(file)).map(|bytes| Http::read(&bytes)));
        }
        let mut answers: Vec<OcspResponse> = Vec::new();
        for der in messages.iter().flat_map(ocsp_answers) {
            // A request that breaks off holds one cut short.
            let Ok(answer) = OcspResponse::parse(&der) else { continue };
            if !answers.iter().any(|held| held.der() == answer.der()) {
                answers.push(answer);
            }
        }
        let issuer = std::fs::read(recorded.join("keys/testca/ca.cert.pem")).unwrap();
        let mut book = Self { issuer: Certificate::from_der_or_pem(&issuer).unwrap(), answers };
        book.make_out_for_the_p256_provider(recorded);
        book
    }

    /// The latest answer about a certificate that was there at that time.
    pub(crate) fn held(&self, certificate: &Certificate, at: Timestamp) -> Option<&OcspResponse> {
        self.answers
            .iter()
            .filter(|answer| answer.matches(certificate, &self.issuer) && answer.this_update() <= at)
            .max_by_key(|answer| answer.this_update())
    }

    /// Nobody recorded the answer about the provider's P-256 authentication certificate, since a consumer's server asks for it on another
    /// port. The one about the consumer's is made out for it: another serial number, signed by the recorded responder's key.
    fn make_out_for_the_p256_provider(&mut self, recorded: &Path) {
        let certificate = |server: &str| {
            let path = recorded.join("keys-ec").join(server).join("auth.cert.der");
            Certificate::from_der(&std::fs::read(path).unwrap()).unwrap()
        };
        let (consumer, provider) = (certificate("ss1"), certificate("ss0"));
        let Some(model) = self.held(&consumer, Timestamp::MAX) else { return };
        let key = std::fs::read(recorded.join("keys/testca/ocsp.key.der")).unwrap();
        let der = with_serial(model.der(), consumer.serial_bytes()[0], provider.serial_bytes()[0], &key);
        let made = OcspResponse::parse(&der).unwrap();
        assert!(made.matches(&provider, &self.issuer));
        self.answers.push(made);
    }
}

/// The same answer about another serial number of one byte.
fn with_serial(answer: &[u8], from: u8, to: u8, responder: &[u8]) -> Vec<u8> {
    // id-pkix-ocsp-basic, the header of the octet string (4), of the basic answer (4); then what is signed, shorter than 256 octets.
    let basic = [0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1];
    let start = position(answer, &basic).unwrap().saturating_add(basic.len().saturating_add(8));
    let (head, rest) = answer.split_at(start);
    assert_eq!(rest[..2], [0x30, 0x81]);
    let (signed, rest) = rest.split_at(usize::from(rest[2]).saturating_add(3));
    let signed = replaced(signed, &[2, 1, from, 0x80, 0], &[2, 1, to, 0x80, 0]);
    let key = PKey::private_key_from_pkcs8(responder).unwrap();
    let mut signer = Signer::new(MessageDigest::sha256(), &key).unwrap();
    let signature = signer.sign_oneshot_to_vec(&signed).unwrap();
    // The algorithm (15 octets, sha256WithRSAEncryption), the head of the bit string (5), the signature.
    let (algorithm, rest) = rest.split_at(20);
    [head, &signed, algorithm, &signature, &rest[signature.len()..]].concat()
}
