//! X-Road's own hash chains, good and bad.

use std::path::Path;

use serde_json::Value;
use signature::hashchain::{self, Absent, Input, Leaf, Part, Refusal, Tree};
use trust::algorithm::DigestAlgorithm;

use crate::support::{self, base64};

#[test]
fn every_entry_of_the_manifest_of_hash_chains() {
    let Some(vectors) = support::vectors() else { return };
    let mut done = 0;
    for entry in support::manifest(&vectors, "hashchain-ts-ocsp") {
        let id = entry["id"].as_str().unwrap();
        match (entry["operation"].as_str(), entry["situation"].as_str().unwrap()) {
            (Some("verify-hash-chain"), _) => verify(&vectors, id, &entry),
            (Some("build-hash-chain"), _) => build(id, &entry),
            (_, "hash-string") => hash_string(id, &entry),
            (Some("archive-verify"), _) => {
                println!("later: {id} (archives)");
                continue;
            }
            (_, situation) => {
                println!("elsewhere: {id} ({situation})");
                continue;
            }
        }
        done += 1;
    }
    assert!(done >= 10, "only {done} entries were checked");
}

/// A part by name, with a digest, with its octets.
type Held = (String, Option<(DigestAlgorithm, Vec<u8>)>, Option<Vec<u8>>);

fn verify(vectors: &Path, id: &str, entry: &Value) {
    let read =
        |role: &str| support::file_of(entry, role).map(|path| std::fs::read(vectors.join(path)).unwrap());
    let (result, chain) = (read("result").unwrap(), read("/hashchain.xml").unwrap());
    let mut held: Vec<Held> = Vec::new();
    for (name, input) in entry["inputs"].as_object().unwrap() {
        let digest = input["value_base64"].as_str().map(|value| {
            (DigestAlgorithm::from_name(input["algorithm"].as_str().unwrap()).unwrap(), base64(value))
        });
        held.push((name.clone(), digest, read(name)));
    }
    let inputs: Vec<Input<'_>> = held
        .iter()
        .map(|(name, digest, bytes)| Input {
            name,
            digest: digest.as_ref().map(|(algorithm, digest)| (*algorithm, digest.as_slice())),
            bytes: bytes.as_deref(),
        })
        .collect();
    let outcome = hashchain::verify(&result, &chain, "/hashchain.xml", &inputs, Absent::Refuse);
    if entry["expect"]["ok"] == true {
        outcome.unwrap_or_else(|refusal| panic!("{id}: {refusal}"));
    } else {
        assert_eq!(outcome.expect_err(id).code(), entry["expect"]["code"], "{id}");
    }
}

fn build(id: &str, entry: &Value) {
    let algorithm = DigestAlgorithm::from_name(entry["algorithm"].as_str().unwrap()).unwrap();
    let groups: Vec<Vec<Vec<u8>>> = match entry["input"]["leaf_groups_base64"].as_array() {
        Some(groups) => groups.iter().map(values).collect(),
        None => values(&entry["input"]["leaf_hashes_base64"]).into_iter().map(|leaf| vec![leaf]).collect(),
    };
    let leaves: Vec<Leaf> = groups
        .into_iter()
        .map(|digests| Leaf {
            parts: digests
                .into_iter()
                .enumerate()
                .map(|(number, digest)| Part { name: format!("/part{number}"), digest })
                .collect(),
        })
        .collect();
    let count = leaves.len();
    let tree = Tree::new(algorithm, leaves);
    match entry["expect"]["top_base64"].as_str() {
        Some(top) => {
            let tree = tree.unwrap_or_else(|refusal| panic!("{id}: {refusal}"));
            assert_eq!(tree.top(), base64(top), "{id}");
            assert!((0..count).all(|leaf| tree.chain_xml(leaf).is_some()), "{id}");
        }
        None => assert!(tree.is_err(), "{id}"),
    }
}

fn values(list: &Value) -> Vec<Vec<u8>> {
    list.as_array().unwrap().iter().map(|value| base64(value.as_str().unwrap())).collect()
}

/// `ALGORITHM:hex`, in which the log writes digests.
fn hash_string(id: &str, entry: &Value) {
    let parsed = hashchain::parse_hash_string(entry["input"].as_str().unwrap());
    match parsed {
        Some((algorithm, digest)) => {
            assert_eq!(entry["expect"]["ok"], true, "{id}");
            assert_eq!(entry["expect"]["algorithm"], algorithm.name(), "{id}");
            let text = hashchain::hash_string(algorithm, &digest);
            assert_eq!(entry["expect"]["text"], text, "{id}");
        }
        None => assert_eq!(entry["expect"]["ok"], false, "{id}"),
    }
}

const SHA512: &str = "http://www.w3.org/2001/04/xmlenc#sha512";

fn chain(steps: &str) -> Vec<u8> {
    format!(
        "<h:HashChain xmlns:h=\"http://cyber.ee/hashchain\" xmlns=\"http://www.w3.org/2000/09/xmldsig#\">\
         <h:DefaultDigestMethod Algorithm=\"{SHA512}\"/>{steps}</h:HashChain>"
    )
    .into_bytes()
}

fn result(uri: &str, method: &str) -> Vec<u8> {
    format!(
        "<h:HashChainResult URI=\"{uri}\" xmlns:h=\"http://cyber.ee/hashchain\" \
         xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><DigestMethod Algorithm=\"{method}\"/>\
         <DigestValue>AAAA</DigestValue></h:HashChainResult>"
    )
    .into_bytes()
}

fn malformed(result: &[u8], chain: &[u8]) -> String {
    let digest = [0_u8; 64];
    let input = Input { name: "/message.xml", digest: Some((DigestAlgorithm::Sha512, &digest)), bytes: None };
    match hashchain::verify(result, chain, "/sig-hashchain.xml", &[input], Absent::Refuse) {
        Err(refusal) => {
            assert_eq!(refusal.code(), "malformed_hash_chain", "{refusal}");
            refusal.to_string()
        }
        Ok(_) => panic!("accepted: {}", String::from_utf8_lossy(chain)),
    }
}

const MESSAGE: &str = "<h:DataRef URI=\"/message.xml\"><DigestValue>AAAA</DigestValue></h:DataRef>";

#[test]
fn refuses_chains_that_go_in_circles_too_deep_or_nowhere() {
    let good = result("/sig-hashchain.xml#STEP0", SHA512);
    let step = |id: usize, values: &str| format!("<h:HashStep id=\"STEP{id}\">{values}</h:HashStep>");
    let to = |id: usize| format!("<h:StepRef URI=\"#STEP{id}\"/>");
    assert!(malformed(&good, &chain(&step(0, &to(0)))).contains("twice"));
    assert!(malformed(&good, &chain(&(step(0, &to(1)) + &step(1, &to(0))))).contains("twice"));
    assert!(malformed(&good, &chain(&(step(0, &(to(1) + &to(1))) + &step(1, MESSAGE)))).contains("twice"));
    assert!(malformed(&good, &chain(&step(0, &to(7)))).contains("no step"));
    assert!(malformed(&good, &chain(&(step(0, MESSAGE) + &step(1, MESSAGE)))).contains("no other step"));
    assert!(malformed(&good, &chain(&(step(0, MESSAGE) + &step(0, MESSAGE)))).contains("defined twice"));
    assert!(malformed(&good, &chain(&step(0, &MESSAGE.repeat(2)))).contains("twice"));
    assert!(malformed(&good, &chain(&step(0, ""))).contains("no value"));
    let deep: String = (0..80).map(|id| step(id, &to(id + 1))).collect::<String>() + &step(80, MESSAGE);
    assert!(malformed(&good, &chain(&deep)).contains("deeper"));
    let many: String = "<h:HashValue><DigestValue>AAAA</DigestValue></h:HashValue>".repeat(10_001);
    assert!(malformed(&good, &chain(&step(0, &(MESSAGE.to_owned() + &many)))).contains("more than"));
    let elsewhere = "<h:StepRef URI=\"/other.xml#STEP1\"/>";
    assert!(malformed(&good, &chain(&step(0, elsewhere))).contains("outside"));
}

#[test]
fn refuses_chains_that_are_not_as_the_schema_says() {
    let good = result("/sig-hashchain.xml#STEP0", SHA512);
    let one = |values: &str| chain(&format!("<h:HashStep id=\"STEP0\">{values}</h:HashStep>"));
    let fine = one(MESSAGE);
    malformed(&good, &one("<h:DataRef URI=\"/message.xml\"/>"));
    malformed(&good, &one("<h:DataRef><DigestValue>AAAA</DigestValue></h:DataRef>"));
    malformed(&good, &one(&MESSAGE.replace("AAAA", "!!!")));
    malformed(&good, &one(&MESSAGE.replace("AAAA", "")));
    malformed(&good, &one(&format!("{MESSAGE}<h:Other/>")));
    malformed(&good, &one(&format!("{MESSAGE}text")));
    malformed(&good, &one(&format!("{MESSAGE}<!-- comment -->")));
    malformed(&good, &one(&MESSAGE.replace("<DigestValue>", "<DigestMethod Algorithm=\"x\"/><DigestValue>")));
    let sha1 = "<DigestMethod Algorithm=\"http://www.w3.org/2000/09/xmldsig#sha1\"/><DigestValue>";
    malformed(&good, &one(&MESSAGE.replace("<DigestValue>", sha1)));
    malformed(&good, &chain(&format!("<h:HashStep>{MESSAGE}</h:HashStep>")));
    malformed(&good, b"");
    malformed(&good, b"<a/>");
    malformed(&good, &[b"<!DOCTYPE a>".as_slice(), &fine].concat());
    let attributes: String = (0..150_000).map(|n| format!(" a{n}=''")).collect();
    let children: String = (0..10_000).map(|n| format!("<c xmlns:q{n}='u'/>")).collect();
    assert!(malformed(&good, &one(&format!("<c{attributes}/>"))).contains("longer than 8192 bytes"));
    assert!(malformed(&good, &one(&children)).contains("more than 64 namespaces"));
    let crowded = result("/sig-hashchain.xml#STEP0\"/>", SHA512);
    assert!(malformed(&[crowded, children.into_bytes()].concat(), &fine).contains("more than 64 namespaces"));
    malformed(&result("/other.xml#STEP0", SHA512), &fine);
    malformed(&result("/sig-hashchain.xml", SHA512), &fine);
    malformed(&result("/sig-hashchain.xml#STEP1", SHA512), &fine);
    malformed(&result("/sig-hashchain.xml#STEP0", "http://www.w3.org/2000/09/xmldsig#sha1"), &fine);
    malformed(&fine, &fine);
    malformed(&good, &good);
    assert_eq!(
        hashchain::verify(&good, &fine, "/sig-hashchain.xml", &[], Absent::Refuse),
        Err(Refusal::UnknownPart { name: "/message.xml".to_owned() })
    );
    let digest = [0_u8; 64];
    let other = Input { name: "/message.xml", digest: Some((DigestAlgorithm::Sha256, &digest)), bytes: None };
    assert_eq!(
        hashchain::verify(&good, &fine, "/sig-hashchain.xml", &[other], Absent::Refuse),
        Err(Refusal::UnknownPart { name: "/message.xml".to_owned() })
    );
}

/// As a live server accepted it: a chain has a step, also over a single part.
#[test]
fn a_chain_of_one_part_has_the_top_of_one_that_a_live_server_accepted() {
    let one = |digest: Vec<u8>| {
        let leaf = Leaf { parts: vec![Part { name: "/message.xml".to_owned(), digest }] };
        Tree::new(DigestAlgorithm::Sha512, vec![leaf]).unwrap()
    };
    let tree = one(vec![7; 64]);
    let (result, chain) = (tree.result_xml("/c"), tree.chain_xml(0).unwrap());
    let digest =
        |digest| Input { name: "/message.xml", digest: Some((DigestAlgorithm::Sha512, digest)), bytes: None };
    let verify = |held| hashchain::verify(&result, &chain, "/c", &[digest(held)], Absent::Refuse);
    assert_eq!(verify(&[7; 64]).unwrap().parts.len(), 1);
    assert!(verify(&[8; 64]).is_err());
    let Some(vectors) = support::vectors() else { return };
    let accepted = "recorded/options/tolerance/variant-chain-for-single-part-soap/peer-response.bin";
    let message = crate::wire::read(&vectors.join(accepted)).unwrap();
    assert!(message.attachments.is_empty());
    let theirs = String::from_utf8(message.signed.hash_chain_result.unwrap()).unwrap();
    let top = one(DigestAlgorithm::Sha512.digest(&message.message)).result_xml("/sig-hashchain.xml");
    assert_eq!(theirs, String::from_utf8(top).unwrap());
}
