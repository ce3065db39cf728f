//! Signatures on the way: whatever is done to a document, it proves only what its member signed.

use crate::recordings;
use crate::seeds::{cut, join};
use crate::vectors;
use ::signature::SignedParts;
use ::signature::verify::{ReceivedPart, verify};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use identifier::ClientId;
use jiff::Timestamp;
use message::rest::RestMessage;
use std::collections::BTreeSet;
use std::sync::OnceLock;
use trust::DigestAlgorithm;

const ALGORITHM: DigestAlgorithm = DigestAlgorithm::Sha512;

/// Seconds since 1970 in decimal, message, body (`-` for none, `+` before one), signature, hash chain result, hash chain.
pub(crate) fn run(octets: &[u8]) {
    let known = known();
    if let Some(proven) = proven(octets) {
        assert!(known.contains(&proven), "nobody signed this message with this body");
    }
}

/// The message and the body that verify, by their digests.
fn proven(octets: &[u8]) -> Option<Vec<u8>> {
    let [seconds, message, body, signature, result, chain] = cut::<6>(octets);
    let at =
        std::str::from_utf8(seconds).ok()?.parse().ok().and_then(|at| Timestamp::from_second(at).ok())?;
    let some = |octets: &[u8]| (!octets.is_empty()).then(|| octets.to_vec());
    let signed = SignedParts {
        signatures_xml: signature.to_vec(),
        hash_chain_result: some(result),
        hash_chain: some(chain),
    };
    let digests =
        (ALGORITHM.digest(message), body.strip_prefix(b"+").map(|body| (ALGORITHM.digest(body), body)));
    let mut parts = vec![part("/message.xml", message, &digests.0)];
    if let Some((digest, body)) = &digests.1 {
        parts.push(part("/attachment1", body, digest));
    }
    let claimed = sender(message);
    let authorities = vectors::authorities(claimed.instance()).or(vectors::main_authorities().next())?;
    verify(&signed, &parts, &claimed, authorities, at).ok()?;
    Some([digests.0, digests.1.map(|(digest, _)| digest).unwrap_or_default()].concat())
}

fn part<'a>(name: &'a str, bytes: &'a [u8], digest: &'a [u8]) -> ReceivedPart<'a> {
    ReceivedPart { name, algorithm: ALGORITHM, digest, bytes: Some(bytes) }
}

/// Who says that he sends it.
fn sender(message: &[u8]) -> ClientId {
    let told = match RestMessage::parse(message) {
        Ok(RestMessage::Request(request)) => Some(request.client().clone()),
        Ok(RestMessage::Response(response)) => response.service().map(|service| service.client().clone()),
        Err(_) => None,
    };
    told.unwrap_or_else(|| ClientId::new("DEV", "COM", "4321", Some("TestClient")).expect("a client"))
}

fn known() -> &'static BTreeSet<Vec<u8>> {
    static KNOWN: OnceLock<BTreeSet<Vec<u8>>> = OnceLock::new();
    KNOWN.get_or_init(|| vectors::something(signed().iter().filter_map(|seed| proven(seed)).collect()))
}

/// The OCSP responses that a signature carries.
pub(crate) fn revocation(signatures_xml: &[u8]) -> Vec<Vec<u8>> {
    let text = String::from_utf8_lossy(signatures_xml);
    let values = text.split("EncapsulatedOCSPValue").skip(1).step_by(2);
    let content =
        values.filter_map(|rest| rest.split_once('>')).filter_map(|(_, rest)| rest.split('<').next());
    content.filter_map(|text| STANDARD.decode(text.split_whitespace().collect::<String>()).ok()).collect()
}

/// Half of them: the other half is much like it.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    signed().into_iter().step_by(2).collect()
}

/// Everything that somebody signed.
fn signed() -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let recorded = recordings::messages().iter().map(|message| &message.parts);
    for parts in recorded.filter(|parts| !parts.signature.is_empty()) {
        let responses = revocation(&parts.signature);
        let told = responses.iter().filter_map(|der| trust::OcspResponse::parse(der).ok());
        let Some(at) = told.map(|response| response.this_update().as_second()).max() else { continue };
        let body = parts.body.as_deref().map_or(b"-".to_vec(), |body| [b"+", body].concat());
        let seed = join(&[
            at.to_string().as_bytes(),
            &parts.message,
            &body,
            &parts.signature,
            &parts.result,
            &parts.chain,
        ]);
        found.extend((seed.len() < 48 * 1024).then_some(seed));
    }
    for file in vectors::files("signature/files", &[".xml"]) {
        found.push(join(&[b"1414627200", b"message", b"-", &file, b"", b""]));
    }
    found
}
