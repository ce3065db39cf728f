//! What an independent peer sent to a live 7.8.0: what that accepted and we accept too, what both refuse, and what we
//! refuse on purpose.

use jiff::Timestamp;
use signature::verify::verify;

use crate::support;
use crate::wire::{self, Message};

/// Accepted by a live 7.8.0 and refused here (data-plane 5.6, E.1.14, E.5), each with our code.
const STRICTER: [(&str, &str); 12] = [
    ("body-not-signed-post", "malformed_signature"),
    ("body-not-signed-soap", "malformed_signature"),
    ("chain-not-referenced-post", "malformed_signature"),
    ("chain-not-referenced-soap", "malformed_signature"),
    ("variant-chain-not-referenced-get", "malformed_signature"),
    ("variant-whitespace-before-signature-get", "malformed_signature"),
    ("variant-whitespace-before-signature_signing-certificate-v2-get", "malformed_signature"),
    ("variant-comment-before-signature-get", "malformed_signature"),
    ("variant-no-properties-ref-get", "malformed_signature"),
    ("variant-wrong-target-get", "malformed_signature"),
    ("variant-signature-SHA-1-get", "malformed_signature"),
    ("sign-ocsp-future", "invalid_cert_path.incorrect_validation_info"),
];

/// When the live server looked at it: the HTTP date of the peer's answer.
fn received_at(bytes: &[u8]) -> Timestamp {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(1000)]).into_owned();
    let date = text.lines().find_map(|line| line.strip_prefix("Date: ")).unwrap().to_owned();
    let fields: Vec<&str> = date.split([' ', ',']).filter(|field| !field.is_empty()).collect();
    let month = 1 + ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        .iter()
        .position(|month| *month == fields[2])
        .unwrap();
    format!("{}-{month:02}-{:0>2}T{}Z", fields[3], fields[1], fields[4]).parse().unwrap()
}

fn outcome(
    message: &Message,
    at: Timestamp,
    authorities: &trust::authorities::Authorities,
) -> Result<(), String> {
    let parts = message.digested();
    verify(
        &message.signed,
        &wire::received(&parts),
        &"DEV/COM/1234/TestService".parse().unwrap(),
        authorities,
        at,
    )
    .map(|_| ())
    .map_err(|refusal| format!("{} {refusal}", refusal.code()))
}

#[test]
fn judges_every_answer_as_a_live_server_did_unless_on_purpose() {
    let Some(vectors) = support::vectors() else { return };
    let authorities = support::recorded(&vectors);
    let folder = vectors.join("recorded/options/tolerance");
    let table = std::fs::read_to_string(folder.join("TABLE.txt")).unwrap();
    let (mut accepted, mut refused, mut stricter) = (0, 0, 0);
    for line in table.lines().skip(1) {
        let fields: Vec<&str> = line.split(" | ").map(str::trim).collect();
        let (name, verdict, code) = (fields[0], fields[2], fields[4]);
        let path = folder.join(name).join("peer-response.bin");
        let Some(message) = wire::read(&path) else { continue };
        let at = received_at(&std::fs::read(&path).unwrap());
        let ours = outcome(&message, at, &authorities);
        let on_purpose = STRICTER.iter().find(|(stricter, _)| *stricter == name);
        let of_signature = code.strip_prefix("server.clientproxy.signature_verification.");
        match (of_signature, on_purpose) {
            (None, Some((_, code))) => {
                assert_eq!(verdict, "accepted", "{name}");
                let ours = ours.expect_err(name);
                assert!(ours.starts_with(code), "{name}: {ours}");
                stricter += 1;
            }
            (Some(code), _) => {
                let ours = ours.expect_err(name);
                if name == "tampered-body-soap" {
                    // A live server gives up on the attachment; we say that it differs.
                    assert!(ours.starts_with("malformed_signature.invalid_hash_chain"), "{name}: {ours}");
                } else if !name.starts_with("cut-") {
                    assert!(ours.split(' ').next() == Some(code), "{name}: {ours}, not {code}");
                }
                refused += 1;
            }
            (None, None) if verdict == "accepted" => {
                assert_eq!(ours, Ok(()), "{name}");
                accepted += 1;
            }
            // Refused by a live server for something that is not the signature's.
            (None, None) => {}
        }
    }
    println!("{accepted} accepted, {refused} refused like a live server, {stricter} refused on purpose");
    assert!(accepted >= 40 && refused >= 15 && stricter == STRICTER.len(), "{accepted} {refused} {stricter}");
}
