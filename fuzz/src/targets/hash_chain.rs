//! Hash chains: what one covers it no longer covers when an octet of it changes; our own lead to their result.

use crate::recordings;
use crate::seeds::{cut, join};
use signature::hashchain::{Absent, Checked, Input, Leaf, Part, SIGNATURE_CHAIN, Tree, verify};
use trust::DigestAlgorithm;

/// Result, chain, message, body. A single document makes a tree of our own.
pub(crate) fn run(octets: &[u8]) {
    let [result, chain, message, body] = cut::<4>(octets);
    let parts = [("/message.xml", message), ("/attachment1", body)];
    for held in [&parts[..], &parts[..1]] {
        for absent in [Absent::Refuse, Absent::TakeDeclaredForAttachments] {
            if let Ok(checked) = over(result, chain, held, absent) {
                covered(result, chain, held, absent, &checked);
            }
        }
    }
    if chain.is_empty() {
        own(octets);
    }
}

fn over(
    result: &[u8],
    chain: &[u8],
    parts: &[(&str, &[u8])],
    absent: Absent,
) -> Result<Checked, signature::hashchain::Refusal> {
    let inputs: Vec<Input<'_>> =
        parts.iter().map(|(name, octets)| Input { name, digest: None, bytes: Some(octets) }).collect();
    verify(result, chain, SIGNATURE_CHAIN, &inputs, absent)
}

fn covered(result: &[u8], chain: &[u8], parts: &[(&str, &[u8])], absent: Absent, checked: &Checked) {
    for (at, (name, octets)) in parts.iter().enumerate() {
        let found =
            checked.parts.iter().find(|part| part.name == *name).expect("every part that is held is covered");
        assert!(found.held);
        if found.transformed {
            continue;
        }
        let mut other = octets.to_vec();
        other.push(b'x');
        let mut changed = parts.to_vec();
        changed[at].1 = &other;
        assert!(over(result, chain, &changed, absent).is_err(), "{name} may be changed");
    }
}

fn own(octets: &[u8]) {
    let leaves: Vec<Leaf> = octets
        .chunks(7)
        .take(5)
        .map(|piece| {
            let part = |name: &str, octets: &[u8]| Part {
                name: name.to_owned(),
                digest: DigestAlgorithm::Sha256.digest(octets),
            };
            let mut parts = vec![part("/message.xml", piece)];
            parts.extend(
                piece
                    .iter()
                    .filter(|octet| **octet < 32)
                    .take(3)
                    .enumerate()
                    .map(|(at, octet)| part(&format!("/attachment{}", at + 1), &[*octet])),
            );
            Leaf { parts }
        })
        .collect();
    let Ok(tree) = Tree::new(DigestAlgorithm::Sha256, leaves.clone()) else { return };
    let result = tree.result_xml(SIGNATURE_CHAIN);
    for (at, leaf) in leaves.iter().enumerate() {
        let chain = tree.chain_xml(at).expect("a chain for each leaf");
        let mut inputs: Vec<Input<'_>> = leaf
            .parts
            .iter()
            .map(|part| Input {
                name: &part.name,
                digest: Some((DigestAlgorithm::Sha256, &part.digest)),
                bytes: None,
            })
            .collect();
        let checked =
            verify(&result, &chain, SIGNATURE_CHAIN, &inputs, Absent::Refuse).expect("our own chain");
        assert_eq!(checked.parts.len(), leaf.parts.len());
        let other = DigestAlgorithm::Sha256.digest(b"other");
        inputs[0].digest = Some((DigestAlgorithm::Sha256, &other));
        assert!(verify(&result, &chain, SIGNATURE_CHAIN, &inputs, Absent::Refuse).is_err());
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let recorded =
        recordings::messages().iter().map(|message| &message.parts).filter(|parts| !parts.chain.is_empty());
    let mut found: Vec<_> = recorded
        .map(|parts| {
            join(&[&parts.result, &parts.chain, &parts.message, parts.body.as_deref().unwrap_or_default()])
        })
        .filter(|seed| seed.len() < 32 * 1024)
        .collect();
    let files = |ending: &str| crate::vectors::files("hashchain-ts-ocsp/hashchain", &[ending]);
    for result in files("result.xml") {
        for chain in files("chain.xml") {
            found.push(join(&[&result, &chain, b"message", b"body"]));
        }
    }
    found.push(b"some text\x01\x02 to build a tree of\x03\x04\x05, leaf by leaf, with attachments".to_vec());
    found
}
