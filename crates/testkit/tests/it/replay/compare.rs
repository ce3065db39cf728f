//! Octets against octets, with a place and a context where they differ.

#![expect(clippy::panic, reason = "a difference ends the test")]

use super::recording::{Http, SIGNATURE, between, replaced};

/// Both are the same octets.
pub(crate) fn same(what: &str, ours: &[u8], recorded: &[u8]) {
    if ours == recorded {
        return;
    }
    let at = ours.iter().zip(recorded).take_while(|(a, b)| a == b).count();
    let near = |bytes: &[u8]| {
        let window = bytes.get(at.saturating_sub(60)..).unwrap_or_default();
        String::from_utf8_lossy(window.get(..window.len().min(200)).unwrap_or_default()).into_owned()
    };
    panic!(
        "{what}: differs at octet {at} (ours {} octets, recorded {})\n   ours: {:?}\nrecorded: {:?}",
        ours.len(),
        recorded.len(),
        near(ours),
        near(recorded)
    );
}

/// The headers of a head, without those that are named.
pub(crate) fn headers(http: &Http, without: &[&str]) -> Vec<(String, String)> {
    let kept = |name: &str| !without.iter().any(|other| name.eq_ignore_ascii_case(other));
    http.headers.iter().filter(|(name, _)| kept(name)).cloned().collect()
}

/// How much of a signature can be the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signed {
    /// RSA signs the same octets with the same result.
    SameValue,
    /// ECDSA never gives the same value twice.
    OtherValue,
}

/// Two multipart messages: the same types in the same order, and the same parts. The prefixes of hash-chain documents differ from
/// process to process of the original; where the recorded one chose the other form, its chain is compared in our form, and the digest
/// of the chain and the signature over it cannot be the same. Whether everything was the same, the value of the signature included.
pub(crate) fn same_message(what: &str, ours: &Http, recorded: &Http, signed: Signed) -> bool {
    let (our_parts, their_parts) = (ours.parts(), recorded.parts());
    let kinds = |parts: &[(String, Vec<u8>)]| parts.iter().map(|(kind, _)| kind.clone()).collect::<Vec<_>>();
    assert_eq!(kinds(&our_parts), kinds(&their_parts), "{what}: types and order of the parts");
    let mut other_form = false;
    for ((kind, ours), (_, theirs)) in our_parts.iter().zip(&their_parts) {
        let what = format!("{what}: {kind}");
        if kind.starts_with("application/hash-chain") {
            let in_our_form = in_our_form(theirs);
            other_form |= in_our_form != *theirs;
            same(&what, ours, &in_our_form);
        } else if kind == SIGNATURE {
            let masked = |xml: &[u8]| {
                let xml = if other_form { without(xml, "<ds:DigestValue>", "<") } else { xml.to_vec() };
                if other_form || signed == Signed::OtherValue {
                    without(&xml, "<ds:SignatureValue Id=\"signature-value\">", "<")
                } else {
                    xml
                }
            };
            same(&what, &masked(ours), &masked(theirs));
        } else {
            same(&what, ours, theirs);
        }
    }
    let wholly = !other_form && signed == Signed::SameValue;
    if wholly {
        same(&format!("{what}: the whole body"), &ours.body, &recorded.body);
    }
    wholly
}

fn without(xml: &[u8], before: &str, after: &str) -> Vec<u8> {
    let value = between(xml, before, after).unwrap_or_default().to_vec();
    if value.is_empty() { xml.to_vec() } else { replaced(xml, &value, b"...") }
}

/// A hash-chain document in the form that we write: its own names with the prefix `ns2`, those of XML signatures without.
fn in_our_form(document: &[u8]) -> Vec<u8> {
    const CHAIN: &str = "\"http://cyber.ee/hashchain\"";
    const SIGNATURES: &str = "\"http://www.w3.org/2000/09/xmldsig#\"";
    let text = String::from_utf8_lossy(document).into_owned();
    let declared = format!("xmlns={CHAIN} xmlns:ns2={SIGNATURES}");
    let declared_otherwise = format!("xmlns:ns2={SIGNATURES} xmlns={CHAIN}");
    if !text.contains(&declared) && !text.contains(&declared_otherwise) {
        return document.to_vec();
    }
    let mut text = text.replace("<ns2:", "<").replace("</ns2:", "</");
    for name in ["HashChain", "DefaultDigestMethod", "HashStep", "StepRef", "HashValue", "DataRef"] {
        text = text.replace(&format!("<{name}"), &format!("<ns2:{name}"));
        text = text.replace(&format!("</{name}"), &format!("</ns2:{name}"));
    }
    let ours = format!("xmlns={SIGNATURES} xmlns:ns2={CHAIN}");
    text.replace(&declared, &ours).replace(&declared_otherwise, &ours).into_bytes()
}
