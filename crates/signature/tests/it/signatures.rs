//! X-Road's own signatures, good and bad.

use std::path::Path;

use identifier::ClientId;
use jiff::Timestamp;
use serde_json::Value;
use signature::SignedParts;
use signature::verify::{ReceivedPart, Refusal, VerifiedSignature, verify};
use trust::OcspRefusal;
use trust::SignerRefusal;
use trust::algorithm::DigestAlgorithm;
use trust::authorities::Authorities;
use trust::certificate::Certificate;

use crate::support;

#[test]
fn every_entry_of_the_manifest_of_signatures() {
    let Some(vectors) = support::vectors() else { return };
    for entry in support::manifest(&vectors, "signature") {
        let id = entry["id"].as_str().unwrap();
        match entry["situation"].as_str().unwrap() {
            "ec-encoding" => println!("elsewhere: {id} (trust)"),
            _ => check(&vectors, id, &entry),
        }
    }
}

fn authorities(vectors: &Path, entry: &Value) -> Authorities {
    let Some(store) = support::file_of(entry, "globalconf") else {
        return support::store(vectors, "shared/globalconf/globalconf_good_v4");
    };
    let mut authorities = support::store(vectors, &store);
    if let Some(path) = support::file_of(entry, "issuer_ca") {
        let pem = std::fs::read_to_string(vectors.join(path)).unwrap();
        authorities.cas[0].top.certificate = Certificate::from_der(&trusted(&pem)).unwrap();
        authorities.cas.truncate(1);
    }
    authorities
}

/// The certificate in OpenSSL's own `TRUSTED CERTIFICATE`: what follows it in the DER is dropped.
fn trusted(pem: &str) -> Vec<u8> {
    let lines: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let mut der = support::base64(&lines);
    assert_eq!(der[..2], [0x30, 0x82]);
    der.truncate(4 + usize::from(der[2]) * 256 + usize::from(der[3]));
    der
}

fn attempt(
    vectors: &Path,
    entry: &Value,
    authorities: &Authorities,
    at: Timestamp,
) -> Result<VerifiedSignature, Refusal> {
    let read =
        |role: &str| support::file_of(entry, role).map(|path| std::fs::read(vectors.join(path)).unwrap());
    let signed = SignedParts {
        signatures_xml: read("signature").unwrap(),
        hash_chain_result: read("/sig-hashchainresult.xml"),
        hash_chain: read("/sig-hashchain.xml"),
    };
    let algorithm = DigestAlgorithm::Sha512;
    // Entries without a message are about earlier checks; an empty message stands in.
    let mut parts = vec![("/message.xml", read("/message.xml").unwrap_or_default())];
    parts.extend(read("/attachment1").map(|bytes| ("/attachment1", bytes)));
    let digests: Vec<Vec<u8>> = parts.iter().map(|(_, bytes)| algorithm.digest(bytes)).collect();
    let parts: Vec<ReceivedPart<'_>> = parts
        .iter()
        .zip(&digests)
        .map(|((name, bytes), digest)| ReceivedPart { name, algorithm, digest, bytes: Some(bytes) })
        .collect();
    let text = |name: &str| entry["signer"][name].as_str().unwrap_or("EE").to_owned();
    let claimed = ClientId::new(text("instance"), text("member_class"), text("member_code"), None).unwrap();
    verify(&signed, &parts, &claimed, authorities, at)
}

/// X-Road's unit tests pass over the schema and over the future of an OCSP response. These are refused here on purpose, and
/// each only at that very step.
fn check(vectors: &Path, id: &str, entry: &Value) {
    let authorities = authorities(vectors, entry);
    let at: Timestamp = entry["at"].as_str().unwrap_or("2014-10-30T00:00:00Z").parse().unwrap();
    let outcome = attempt(vectors, entry, &authorities, at);
    if entry["expect"]["ok"] == false {
        let refusal = outcome.expect_err(id);
        let code = entry["expect"]["code"].as_str().unwrap();
        assert!(refusal.code().contains(code), "{id}: {} is not {code}: {refusal}", refusal.code());
        return;
    }
    match outcome {
        Ok(_) => {}
        Err(Refusal::SigningCertificateV2) => {
            println!("{id}: second form of SigningCertificate, refused online")
        }
        Err(Refusal::Signer(SignerRefusal::Status(OcspRefusal::FromTheFuture { this_update, .. }))) => {
            println!("{id}: its OCSP response is of {this_update}, after {at}; accepted then");
            attempt(vectors, entry, &authorities, this_update)
                .unwrap_or_else(|refusal| panic!("{id}: {refusal}"));
        }
        Err(refusal) => panic!("{id}: {refusal} ({})", refusal.code()),
    }
}

/// What is refused online for its form holds in a container.
#[test]
fn only_these_three_valid_entries_are_refused_on_purpose() {
    let Some(vectors) = support::vectors() else { return };
    let mut refused = Vec::new();
    for entry in support::manifest(&vectors, "signature") {
        if entry["expect"]["ok"] != true || entry["situation"] == "ec-encoding" {
            continue;
        }
        let at = entry["at"].as_str().unwrap().parse().unwrap();
        if let Err(refusal) = attempt(&vectors, &entry, &authorities(&vectors, &entry), at) {
            refused.push((entry["id"].as_str().unwrap().to_owned(), refusal.code()));
        }
    }
    let expected = [
        ("valid-direct", "invalid_cert_path.incorrect_validation_info"),
        ("valid-hash-chain", "invalid_cert_path.incorrect_validation_info"),
        ("valid-non-batch-with-attachment", "malformed_signature"),
    ];
    let refused: Vec<(&str, &str)> = refused.iter().map(|(id, code)| (id.as_str(), *code)).collect();
    assert_eq!(refused, expected);
}
