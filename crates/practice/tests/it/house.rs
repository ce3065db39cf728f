//! What the practice services say is believed by the room that decides whom we believe.

use crate::bench::Bench;
use identifier::ClientId;
use practice::{KeyKind, RevocationReason};
use trust::peer::verify_peer;
use trust::signer::verify_signer;
use trust::{
    Authorities, Authority, CaCertificate, Certificate, CertificateProfile, DigestAlgorithm, OcspPolicy,
    OcspRefusal, OcspResponse, SignerRefusal,
};

fn certificate(der: &[u8]) -> Certificate {
    Certificate::from_der(der).unwrap()
}

/// What a registry would say about this authority. Its OCSP signers are delegates, so they need not be listed.
fn approved(bench: &Bench) -> Authorities {
    let ca = |der: &[u8]| CaCertificate { certificate: certificate(der), responders: Vec::new() };
    Authorities {
        instance: "CAMBODIA".to_owned(),
        cas: vec![Authority {
            name: "practice".to_owned(),
            profile: CertificateProfile::FiVrk,
            authentication_only: false,
            top: ca(bench.authority.root_certificate()),
            intermediates: bench.authority.intermediate_certificate().map(ca).into_iter().collect(),
        }],
        time_stampers: vec![certificate(bench.authority.tsa_certificate())],
        ocsp: OcspPolicy { freshness_seconds: 3600, verify_next_update: true },
    }
}

/// A request in the Finnish profile of GOV/MOI.
fn request(bench: &Bench, kind: &[&str]) -> Vec<u8> {
    bench.request("h", kind, "/C=FI/O=MOI/CN=MOI/serialNumber=CAMBODIA\\/ss\\/GOV", "-sha256")
}

/// One answer for each certificate of the chain, asked for as a gateway does.
fn answers(bench: &Bench, chain: &[&Certificate]) -> Vec<OcspResponse> {
    chain
        .windows(2)
        .map(|pair| {
            let [subject, issuer] = pair else { panic!("two at a time") };
            let answer = bench.authority.answer_ocsp(&trust::ocsp::request(subject, issuer));
            OcspResponse::parse(&answer).unwrap()
        })
        .collect()
}

#[test]
fn signers_peers_and_stamps_are_believed() {
    for bench in Bench::all() {
        let authorities = approved(&bench);
        let at = bench.authority_time();
        let root = certificate(bench.authority.root_certificate());
        let below: Vec<_> = bench.authority.intermediate_certificate().map(certificate).into_iter().collect();
        for kind in [&["rsa:2048"][..], &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]] {
            let request = request(&bench, kind);
            let signing = certificate(&bench.authority.issue_signing(&request).unwrap().der);
            let chain: Vec<_> = [&signing].into_iter().chain(&below).chain([&root]).collect();
            let responses = answers(&bench, &chain);
            let claimed = ClientId::parse_short("CAMBODIA/GOV/MOI/civil-registry").unwrap();
            verify_signer(&signing, &below, &responses, &claimed, &authorities, at).unwrap();
            let peer = certificate(&bench.authority.issue_authentication(&request).unwrap().der);
            let chain: Vec<_> = [&peer].into_iter().chain(&below).chain([&root]).collect();
            let presented: Vec<_> = [&peer].into_iter().chain(&below).cloned().collect();
            verify_peer(&presented, &answers(&bench, &chain), &authorities, at).unwrap();
            assert!(!trust::peer::is_for_authentication(&signing));
        }
        let digest = DigestAlgorithm::Sha512.digest(b"the message");
        let answer = bench.authority.answer_tsa(&trust::timestamp::request(DigestAlgorithm::Sha512, &digest));
        let tsas = &authorities.time_stampers;
        let token = trust::timestamp::read_response(&answer, DigestAlgorithm::Sha512, &digest, tsas).unwrap();
        trust::timestamp::verify_token(token.der(), b"the message", tsas).unwrap();
    }
}

#[test]
fn drills_are_not_believed() {
    let bench = Bench::new(KeyKind::Ec, true);
    let authorities = approved(&bench);
    let at = bench.authority_time();
    let root = certificate(bench.authority.root_certificate());
    let below = vec![certificate(bench.authority.intermediate_certificate().unwrap())];
    let issued = bench.authority.issue_signing(&request(&bench, &["rsa:2048"])).unwrap();
    let leaf = certificate(&issued.der);
    let chain = [&leaf, &below[0], &root];
    let claimed = ClientId::parse_short("CAMBODIA/GOV/MOI/civil-registry").unwrap();
    let verdict =
        || verify_signer(&leaf, &below, &answers(&bench, &chain), &claimed, &authorities, at).map(|_| ());
    let drills = bench.authority.drills();
    assert_eq!(verdict(), Ok(()));
    let switches: [&dyn Fn(bool); 5] = [
        &|on| drills.set_ocsp_wrong_signer(on),
        &|on| drills.set_ocsp_broken_signature(on),
        &|on| drills.set_ocsp_past_next_update(on),
        &|on| drills.stale(if on { 3700 } else { 0 }),
        &|on| drills.stale(if on { -3700 } else { 0 }),
    ];
    for switch in switches {
        switch(true);
        assert!(matches!(verdict(), Err(SignerRefusal::Status(_))), "{:?}", verdict());
        switch(false);
        assert_eq!(verdict(), Ok(()));
    }
    bench.authority.suspend(&issued.serial).unwrap();
    assert!(matches!(verdict(), Err(SignerRefusal::Status(OcspRefusal::Revoked { .. }))), "{:?}", verdict());
    bench.authority.resume(&issued.serial).unwrap();
    assert_eq!(verdict(), Ok(()));
    bench.authority.revoke(&issued.serial, RevocationReason::KeyCompromise).unwrap();
    assert!(matches!(verdict(), Err(SignerRefusal::Status(OcspRefusal::Revoked { .. }))), "{:?}", verdict());
}
