//! What is remembered changes no verdict: each is the one that a verification from the beginning gives.

use jiff::{SignedDuration, Timestamp};
use signature::SignedParts;
use signature::verify::{Memory, ReceivedPart, Refusal, verify};
use trust::Authorities;

use crate::workshop::{EC, RSA, leaf, member, received, workshop};

const MESSAGES: [&[u8]; 3] = [b"first", b"second", b"third"];

/// Both ways; they must agree, and what they say.
fn judged(
    memory: &Memory,
    signed: &SignedParts,
    parts: &[ReceivedPart<'_>],
    claimed: &str,
    authorities: &Authorities,
    at: Timestamp,
) -> Result<(), Refusal> {
    let claimed = claimed.parse().unwrap();
    let anew = verify(signed, parts, &claimed, authorities, at).map(|_| ());
    let remembered = memory.verify(signed, parts, &claimed, authorities, at);
    assert_eq!(remembered, anew);
    remembered
}

#[test]
fn the_messages_of_a_batch_are_each_followed_to_the_signature_that_is_known() {
    let workshop = workshop();
    let (authorities, at) = (&workshop.authorities, workshop.at);
    for (name, algorithm) in [("rsa", RSA), ("ec", EC), ("below", EC)] {
        let memory = Memory::default();
        let batch: Vec<Vec<&[u8]>> = MESSAGES.iter().map(|message| vec![*message, b"body"]).collect();
        let signed = workshop.signed(name, algorithm, &batch);
        for (signed, octets) in signed.iter().zip(&batch) {
            let leaf = leaf(octets);
            let parts = received(&leaf, octets);
            let judge = |signed: &SignedParts, parts: &[ReceivedPart<'_>], claimed: &str, seconds: i64| {
                let at = at + SignedDuration::from_secs(seconds);
                judged(&memory, signed, parts, claimed, authorities, at)
            };
            let own = member().to_string();
            assert_eq!(judge(signed, &parts, &own, 0), Ok(()));
            assert_eq!(judge(signed, &parts, &own, 30), Ok(()));
            assert!(judge(signed, &parts, "EX/GOV/other/system", 0).is_err(), "whose signature is known");
            assert!(judge(signed, &parts, &own, -1_000_000).is_err(), "before the certificate");
            assert!(judge(signed, &parts, &own, 7200).is_err(), "when the OCSP response is stale");
            assert!(judge(signed, &parts[..1], &own, 0).is_err(), "a part is missing");
            let mut doubled = parts.clone();
            doubled.push(parts[1].clone());
            assert!(judge(signed, &doubled, &own, 0).is_err(), "a part comes twice");
            let mut other = parts.clone();
            other[1].digest = parts[0].digest;
            assert!(judge(signed, &other, &own, 0).is_err(), "a part is another");
        }
    }
}

#[test]
fn nothing_but_the_same_octets_is_known() {
    let workshop = workshop();
    let (authorities, at) = (&workshop.authorities, workshop.at);
    let memory = Memory::default();
    let batch: Vec<Vec<&[u8]>> = MESSAGES.iter().map(|message| vec![*message]).collect();
    let signed = workshop.signed("ec", EC, &batch);
    let leaf = leaf(&batch[0]);
    let parts = received(&leaf, &batch[0]);
    let own = member().to_string();
    assert_eq!(judged(&memory, &signed[0], &parts, &own, authorities, at), Ok(()));
    let change = |act: fn(&mut SignedParts, &SignedParts)| {
        let mut changed = signed[0].clone();
        act(&mut changed, &signed[1]);
        judged(&memory, &changed, &parts, &own, authorities, at)
    };
    assert!(change(|changed, other| changed.hash_chain = other.hash_chain.clone()).is_err());
    assert!(change(|changed, _| changed.hash_chain = None).is_err());
    assert!(change(|changed, _| changed.hash_chain_result = None).is_err());
    assert!(
        change(|changed, _| *changed.hash_chain_result.as_mut().unwrap().last_mut().unwrap() ^= 1).is_err()
    );
    assert!(change(|changed, _| *changed.signatures_xml.last_mut().unwrap() ^= 1).is_err());
    let mut nobody = authorities.clone();
    nobody.cas.clear();
    // Another picture of the exchange begins another memory.
    assert!(judged(&Memory::default(), &signed[0], &parts, &own, &nobody, at).is_err());
    assert_eq!(judged(&memory, &signed[0], &parts, &own, authorities, at), Ok(()));
}

#[test]
fn a_signer_is_known_for_a_minute_and_for_its_own_messages_only() {
    let workshop = workshop();
    let (authorities, at) = (&workshop.authorities, workshop.at);
    let memory = Memory::default();
    for (name, claimed) in [("ec", "EX/GOV/member/system"), ("other", "EX/GOV/other/system")] {
        for message in MESSAGES {
            let octets = vec![message];
            let signed = workshop.signed(name, EC, std::slice::from_ref(&octets)).remove(0);
            let leaf = leaf(&octets);
            let parts = received(&leaf, &octets);
            for seconds in [0, 59, 61, 7200, -1_000_000] {
                let at = at + SignedDuration::from_secs(seconds);
                let verdict = judged(&memory, &signed, &parts, claimed, authorities, at);
                assert_eq!(verdict.is_ok(), (0..=61).contains(&seconds), "{name} {seconds}: {verdict:?}");
                let swapped = if name == "ec" { "EX/GOV/other/system" } else { "EX/GOV/member/system" };
                assert!(judged(&memory, &signed, &parts, swapped, authorities, at).is_err());
            }
        }
    }
}
