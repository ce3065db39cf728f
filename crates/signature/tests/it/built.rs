//! What we sign ourselves: it verifies, and every change to it or to what is asked is refused with its verdict.

use jiff::SignedDuration;
use signature::hashchain::{BuildRefusal, Leaf, Part};
use signature::verify::{Kind, Refusal, verify};
use signature::xades::{Batch, SignRefusal, Unsigned};
use trust::algorithm::{DigestAlgorithm, SignatureAlgorithm};

use crate::workshop::{EC, H, RSA, leaf, member, received, workshop};

const MESSAGE: &[u8] = b"GET\r\n/r1/EX/GOV/member/system/svc\r\nX-Road-Client:EX/GOV/member/system\r\n";

#[test]
fn signs_and_verifies_with_every_algorithm_and_shape() {
    let workshop = workshop();
    let algorithms = [
        ("rsa", RSA),
        ("rsa", SignatureAlgorithm::RsaPkcs1(DigestAlgorithm::Sha256)),
        ("rsa", SignatureAlgorithm::RsaPss(H)),
        ("ec", EC),
        ("ec", SignatureAlgorithm::Ecdsa(DigestAlgorithm::Sha256)),
        ("below", EC),
    ];
    let shapes: [Vec<Vec<&[u8]>>; 4] = [
        vec![vec![MESSAGE]],
        vec![vec![MESSAGE, b"body"]],
        vec![vec![MESSAGE], vec![b"second"], vec![b"third"]],
        vec![vec![MESSAGE, b"one", b"two", b""], vec![b"second", b"body"], vec![b"third"]],
    ];
    for (name, algorithm) in algorithms {
        for shape in &shapes {
            let signed = workshop.signed(name, algorithm, shape);
            assert_eq!(signed.len(), shape.len());
            for (signed, octets) in signed.iter().zip(shape) {
                let leaf = leaf(octets);
                let verified =
                    verify(signed, &received(&leaf, octets), &member(), &workshop.authorities, workshop.at)
                        .unwrap_or_else(|refusal| panic!("{name} {algorithm:?}: {refusal}"));
                let direct = shape.len() == 1 && octets.len() == 1;
                assert_eq!(verified.kind() == Kind::Direct, direct);
                assert_eq!(verified.parts().len(), octets.len());
                assert_eq!(verified.algorithm(), algorithm);
                assert!(verified.parts().iter().all(|part| part.held));
            }
        }
    }
}

#[test]
fn does_not_sign_what_peers_would_refuse() {
    let workshop = workshop();
    let part = |name: &str| Part { name: name.to_owned(), digest: H.digest(b"") };
    let batch = |leaves: Vec<Vec<Part>>| {
        Batch::new(H, leaves.into_iter().map(|parts| Leaf { parts }).collect()).map(|batch| batch.len())
    };
    assert_eq!(batch(vec![]), Err(SignRefusal::Batch(BuildRefusal::NoLeaves)));
    assert_eq!(batch(vec![vec![]]), Err(SignRefusal::Batch(BuildRefusal::EmptyLeaf { leaf: 0 })));
    assert!(matches!(batch(vec![vec![part("message.xml")]]), Err(SignRefusal::PartName { .. })));
    assert!(matches!(
        batch(vec![vec![part("/message.xml"), part("/attachment2")]]),
        Err(SignRefusal::PartName { position: 1, .. })
    ));
    let short = Part { name: "/message.xml".to_owned(), digest: vec![0; 32] };
    assert!(matches!(batch(vec![vec![short]]), Err(SignRefusal::DigestLength { bytes: 32, .. })));
    let one = || Batch::new(H, vec![leaf(&[MESSAGE])]).unwrap();
    let weak = workshop.material("rsa", SignatureAlgorithm::RsaPkcs1(DigestAlgorithm::Sha1));
    assert!(matches!(Unsigned::new(one(), weak, workshop.at), Err(SignRefusal::WeakAlgorithm(_))));
    let mut bare = workshop.material("rsa", RSA);
    bare.ocsp.clear();
    assert!(matches!(Unsigned::new(one(), bare, workshop.at), Err(SignRefusal::NoOcspResponse)));
    let unsigned = Unsigned::new(one(), workshop.material("ec", EC), workshop.at).unwrap();
    let wrong = workshop.sign("other", EC, &unsigned.digest_to_be_signed());
    assert_eq!(unsigned.clone().finish(&wrong), Err(SignRefusal::WrongValue));
    let der =
        trust::algorithm::raw_to_der(&workshop.sign("ec", EC, &unsigned.digest_to_be_signed())).unwrap();
    assert_eq!(unsigned.finish(&der), Err(SignRefusal::WrongValue));
}

#[test]
fn refuses_the_wrong_member_key_time_or_certificate() {
    let workshop = workshop();
    let octets: Vec<&[u8]> = vec![MESSAGE];
    let leaf = leaf(&octets);
    let parts = received(&leaf, &octets);
    let judge = |name: &str, claimed: &str, seconds: i64| {
        let signed = workshop.signed(name, EC, std::slice::from_ref(&octets)).remove(0);
        let at = workshop.at + SignedDuration::from_secs(seconds);
        verify(&signed, &parts, &claimed.parse().unwrap(), &workshop.authorities, at)
            .map(|_| "accepted")
            .unwrap_or_else(|refusal| refusal.code())
    };
    assert_eq!(judge("ec", "EX/GOV/member/system", 0), "accepted");
    assert_eq!(judge("ec", "EX/GOV/member", 0), "accepted");
    assert_eq!(judge("ec", "EX/GOV/other/system", 0), "incorrect_certificate");
    assert_eq!(judge("other", "EX/GOV/member/system", 0), "incorrect_certificate");
    assert_eq!(judge("tls", "EX/GOV/member/system", 0), "malformed_signature");
    assert_eq!(
        judge("ec", "EX/GOV/member/system", 7200),
        "invalid_cert_path.incorrect_validation_info",
        "its OCSP response is stale by then"
    );
    let mut nobody = workshop.authorities.clone();
    nobody.cas.clear();
    let signed = workshop.signed("ec", EC, std::slice::from_ref(&octets)).remove(0);
    let refusal = verify(&signed, &parts, &member(), &nobody, workshop.at).unwrap_err();
    assert!(matches!(refusal, Refusal::Signer(_)), "{refusal}");
}

#[test]
fn refuses_parts_that_are_missing_added_renamed_doubled_or_changed() {
    let workshop = workshop();
    let octets: Vec<&[u8]> = vec![MESSAGE, b"one", b"two"];
    let leaf = leaf(&octets);
    let good = received(&leaf, &octets);
    for (name, algorithm) in [("rsa", RSA), ("ec", EC)] {
        let signed = workshop.signed(name, algorithm, std::slice::from_ref(&octets)).remove(0);
        let judge = |parts: &[signature::verify::ReceivedPart<'_>]| {
            verify(&signed, parts, &member(), &workshop.authorities, workshop.at)
                .map(|_| "accepted")
                .unwrap_or_else(|refusal| refusal.code())
        };
        assert_eq!(judge(&good), "accepted");
        assert_eq!(judge(&good[..2]), "malformed_signature.invalid_hash_chain_ref");
        assert_eq!(judge(&good[1..]), "malformed_signature.invalid_hash_chain_ref");
        assert_eq!(judge(&[]), "malformed_signature.invalid_hash_chain_ref");
        let mut added = good.clone();
        added.push(signature::verify::ReceivedPart { name: "/attachment3", ..good[0].clone() });
        assert_eq!(judge(&added), "malformed_signature.hashchain_unused_inputs");
        let mut doubled = good.clone();
        doubled.push(good[1].clone());
        assert_eq!(judge(&doubled), "internal_error");
        let mut swapped = good.clone();
        (swapped[1].digest, swapped[2].digest) = (good[2].digest, good[1].digest);
        assert_eq!(judge(&swapped), "malformed_signature.invalid_hash_chain");
        let mut weaker = good.clone();
        weaker[1].algorithm = DigestAlgorithm::Sha256;
        assert_eq!(judge(&weaker), "malformed_signature.invalid_hash_chain_ref");
    }
}
