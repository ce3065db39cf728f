//! Everything that a live 7.8.0 signed on port 5500: verified at its own time, and built again octet by octet.

use std::path::PathBuf;

use jiff::Timestamp;
use signature::hashchain::{Leaf, Part, SIGNATURE_CHAIN, Tree};
use signature::verify::{Kind, verify};
use signature::xades::{Batch, SignRefusal, SignerMaterial, Unsigned};
use trust::algorithm::SignatureAlgorithm;
use trust::certificate::Certificate;

use crate::support;
use crate::wire::{self, Message};
use crate::workshop::sign_with;

fn text_of<'a>(document: &'a roxmltree::Document<'_>, name: &str) -> Vec<&'a str> {
    document
        .descendants()
        .filter(|node| node.tag_name().name() == name)
        .filter_map(|node| node.text())
        .collect()
}

fn signing_time(message: &Message) -> Timestamp {
    let text = std::str::from_utf8(&message.signed.signatures_xml).unwrap();
    let document = roxmltree::Document::parse(text).unwrap();
    text_of(&document, "SigningTime")[0].parse().unwrap()
}

fn all() -> Vec<(String, Message)> {
    let Some(vectors) = support::vectors() else { return Vec::new() };
    let mut found = Vec::new();
    for folder in ["recorded/wire", "recorded/ec/wire"] {
        for file in ["request.bin", "response.bin"] {
            found.extend(wire::below(&vectors.join(folder), file));
        }
    }
    for folder in ["A", "B", "C", "F", "G"] {
        let folder = vectors.join("recorded/options/messagelog").join(folder).join("wire");
        for file in ["request.bin", "response.bin"] {
            found.extend(wire::below(&folder, file));
        }
    }
    assert!(found.len() >= 60, "only {} recorded messages were found", found.len());
    found
}

#[test]
fn verifies_every_recorded_message_at_its_own_time() {
    let Some(vectors) = support::vectors() else { return };
    let authorities = support::recorded(&vectors);
    for (name, message) in all() {
        let parts = message.digested();
        let at = signing_time(&message);
        let verified = verify(&message.signed, &wire::received(&parts), &message.sender(), &authorities, at)
            .unwrap_or_else(|refusal| panic!("{name}: {refusal} ({})", refusal.code()));
        assert_eq!(verified.signer().member(), &message.sender().member(), "{name}");
        assert_eq!(verified.parts().len(), 1 + message.attachments.len(), "{name}");
        let through_chain = message.signed.hash_chain.is_some();
        assert_eq!(verified.kind() == Kind::HashChain, through_chain, "{name}");
    }
}

/// The recorded text in the `ns2:` form: only prefixes and the order of the two declarations are changed.
fn in_ns2_form(recorded: &[u8]) -> String {
    let text = String::from_utf8(recorded.to_vec()).unwrap();
    let text = if text.contains("xmlns=\"http://cyber.ee/hashchain\"") {
        let mut out = text.replace("ns2:", "ds2:").replace("xmlns:ds2=", "xmlns:ns2=");
        for name in [
            "HashChainResult",
            "HashChain",
            "DefaultDigestMethod",
            "HashStep",
            "StepRef",
            "HashValue",
            "DataRef",
        ] {
            for (before, after) in [("<", ">"), ("<", " "), ("</", ">")] {
                out = out.replace(&format!("{before}{name}{after}"), &format!("{before}ns2:{name}{after}"));
            }
        }
        out.replace("ds2:", "")
    } else {
        text
    };
    let signature = "\"http://www.w3.org/2000/09/xmldsig#\"";
    let chain = "\"http://cyber.ee/hashchain\"";
    text.replace(
        &format!("xmlns={chain} xmlns:ns2={signature}"),
        &format!("xmlns={signature} xmlns:ns2={chain}"),
    )
    .replace(&format!("xmlns:ns2={chain} xmlns={signature}"), &format!("xmlns={signature} xmlns:ns2={chain}"))
}

fn leaf(message: &Message) -> Leaf {
    let mut parts =
        vec![Part { name: "/message.xml".to_owned(), digest: message.algorithm.digest(&message.message) }];
    for (number, attachment) in (1..).zip(&message.attachments) {
        parts.push(Part {
            name: format!("/attachment{number}"),
            digest: message.algorithm.digest(attachment),
        });
    }
    Leaf { parts }
}

#[test]
fn builds_every_recorded_hash_chain_again() {
    let mut built = 0;
    for (name, message) in all() {
        let (Some(result), Some(chain)) = (&message.signed.hash_chain_result, &message.signed.hash_chain)
        else {
            continue;
        };
        let leaf = leaf(&message);
        let tree = Tree::new(message.algorithm, vec![leaf]).unwrap();
        assert_eq!(
            String::from_utf8(tree.result_xml(SIGNATURE_CHAIN)).unwrap(),
            in_ns2_form(result),
            "{name}"
        );
        assert_eq!(String::from_utf8(tree.chain_xml(0).unwrap()).unwrap(), in_ns2_form(chain), "{name}");
        built += 1;
    }
    println!("{built} hash chains built again");
    assert!(built >= 20 || support::vectors().is_none());
}

/// Builds a recorded signature again from its inputs; whether the recorded value could be used as it is.
fn rebuilt(message: &Message) -> (Vec<u8>, bool) {
    let text = std::str::from_utf8(&message.signed.signatures_xml).unwrap();
    let document = roxmltree::Document::parse(text).unwrap();
    let certificate =
        Certificate::from_der(&support::base64(text_of(&document, "X509Certificate")[0])).unwrap();
    let method = document
        .descendants()
        .find(|node| node.tag_name().name() == "SignatureMethod")
        .and_then(|node| node.attribute("Algorithm"))
        .unwrap();
    let material = SignerMaterial {
        certificate,
        extra: Vec::new(),
        ocsp: text_of(&document, "EncapsulatedOCSPValue").into_iter().map(support::base64).collect(),
        algorithm: SignatureAlgorithm::from_uri(method).unwrap(),
    };
    let batch = Batch::new(message.algorithm, vec![leaf(message)]).unwrap();
    let unsigned = Unsigned::new(batch, material.clone(), signing_time(message)).unwrap();
    let value = support::signature_value(&message.signed.signatures_xml);
    // A recorded result may have the other form of prefixes; then the value covers that text and not ours, and the
    // recorded key signs ours.
    let same_result = message
        .signed
        .hash_chain_result
        .as_ref()
        .is_none_or(|result| in_ns2_form(result).as_bytes() == result.as_slice());
    if same_result {
        return (unsigned.finish(&value).unwrap().remove(0).signatures_xml, true);
    }
    assert_eq!(
        unsigned.clone().finish(&value),
        Err(SignRefusal::WrongValue),
        "a value over other octets is refused"
    );
    let key = key_of(&material.certificate);
    let value = sign_with(&key, "DER", material.algorithm, &unsigned.digest_to_be_signed());
    (unsigned.finish(&value).unwrap().remove(0).signatures_xml, false)
}

/// The recorded key that belongs to a recorded certificate.
fn key_of(certificate: &Certificate) -> PathBuf {
    let recorded = support::vectors().unwrap().join("recorded");
    for folder in ["keys/ss0", "keys/ss1", "keys-ec/ss0", "keys-ec/ss1"] {
        for entry in std::fs::read_dir(recorded.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.to_string_lossy().into_owned();
            if name.ends_with(".cert.der") && std::fs::read(&path).unwrap() == certificate.der() {
                return PathBuf::from(name.replace(".cert.der", ".key.der"));
            }
        }
    }
    panic!("no recorded key belongs to {}", certificate.subject_rfc2253());
}

/// The document without the two texts that follow from the prefixes in the result: its digest and the value.
fn masked(document: &[u8]) -> String {
    let mut text = String::from_utf8(document.to_vec()).unwrap();
    for (start, end) in
        [("<ds:DigestValue>", "</ds:DigestValue>"), ("\"signature-value\">", "</ds:SignatureValue>")]
    {
        let from = text.find(start).unwrap() + start.len();
        let to = from + text[from..].find(end).unwrap();
        text.replace_range(from..to, "");
    }
    text
}

#[test]
fn builds_every_recorded_signature_again() {
    let (mut exactly, mut other_prefixes) = (0, 0);
    for (name, message) in all() {
        let (built, whole) = rebuilt(&message);
        let recorded = &message.signed.signatures_xml;
        if whole {
            exactly += 1;
            let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).unwrap();
            assert_eq!(text(&built), text(recorded), "{name}");
        } else {
            other_prefixes += 1;
            assert_eq!(masked(&built), masked(recorded), "{name}");
        }
    }
    println!("{exactly} built octet by octet, {other_prefixes} sign a result with other prefixes");
    assert!(exactly >= 20 || support::vectors().is_none());
}

#[test]
fn refuses_every_recorded_message_with_another_octet_in_a_part() {
    let Some(vectors) = support::vectors() else { return };
    let authorities = support::recorded(&vectors);
    for (name, message) in all() {
        let at = signing_time(&message);
        for place in 0..=message.attachments.len() {
            let mut changed = message.clone();
            let part = if place == 0 { &mut changed.message } else { &mut changed.attachments[place - 1] };
            part.push(b' ');
            let parts = changed.digested();
            let refusal =
                verify(&changed.signed, &wire::received(&parts), &message.sender(), &authorities, at)
                    .expect_err(&name);
            let expected = if message.signed.hash_chain.is_some() {
                "malformed_signature.invalid_hash_chain"
            } else {
                "invalid_signature_value"
            };
            assert_eq!(refusal.code(), expected, "{name}: {refusal}");
        }
    }
}

#[test]
fn refuses_a_recorded_message_that_lacks_or_gains_a_part() {
    let Some(vectors) = support::vectors() else { return };
    let authorities = support::recorded(&vectors);
    for (name, message) in all() {
        let at = signing_time(&message);
        let mut more = message.clone();
        more.attachments.push(b"more".to_vec());
        let mut less = message.clone();
        let had = less.attachments.pop().is_some();
        let refused = |message: &Message| {
            let parts = message.digested();
            verify(&message.signed, &wire::received(&parts), &message.sender(), &authorities, at)
                .expect_err(&name)
                .code()
        };
        let expected = if message.signed.hash_chain.is_some() {
            "malformed_signature.hashchain_unused_inputs"
        } else {
            "malformed_signature"
        };
        assert_eq!(refused(&more), expected, "{name}");
        if had {
            assert_eq!(refused(&less), "malformed_signature.invalid_hash_chain_ref", "{name}");
        }
    }
}
