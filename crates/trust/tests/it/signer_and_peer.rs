//! Signers of messages and peers of connections.

use identifier::ClientId;
use trust::peer::verify_peer;
use trust::signer::verify_signer;
use trust::{
    Authorities, CertificateProfile, OcspRefusal, OcspResponse, PathRefusal, PeerRefusal, SignerRefusal,
    SubjectRefusal,
};

use crate::mint::{
    Answer, CLIENT_AUTH, DIGITAL_SIGNATURE, Identity, NON_REPUDIATION, Wish, approve, at, now, revoked,
};

struct Nation {
    root: Identity,
    authorities: Authorities,
}

fn nation() -> Nation {
    let root = Wish::ca("Root").mint(None);
    let authorities = approve(&[(&root.certificate, &[])]);
    Nation { root, authorities }
}

impl Nation {
    fn answer(&self, identity: &Identity) -> OcspResponse {
        Answer::new(&identity.certificate, &self.root.certificate).by(&self.root)
    }

    fn signer(&self, wish: &Wish<'_>, claimed: &str) -> Result<String, SignerRefusal> {
        let leaf = wish.mint(Some(&self.root));
        let responses = [self.answer(&leaf)];
        let claimed = ClientId::parse_short(claimed).unwrap();
        verify_signer(&leaf.certificate, &[], &responses, &claimed, &self.authorities, now())
            .map(|signer| signer.member().to_string())
    }

    fn peer(&self, wish: &Wish<'_>) -> Result<(), PeerRefusal> {
        let leaf = wish.mint(Some(&self.root));
        let responses = [self.answer(&leaf)];
        let presented = [leaf.certificate.clone(), self.root.certificate.clone()];
        verify_peer(&presented, &responses, &self.authorities, now())
            .map(|peer| assert_eq!(peer.certificate(), &leaf.certificate))
    }
}

#[test]
fn a_member_signs_for_itself_and_for_its_subsystems() {
    let nation = nation();
    assert_eq!(nation.signer(&Wish::signer("1"), "EX/GOV/1"), Ok("EX/GOV/1".to_owned()));
    assert_eq!(nation.signer(&Wish::signer("1"), "EX/GOV/1/sub"), Ok("EX/GOV/1".to_owned()));
}

#[test]
fn nobody_signs_for_another_member() {
    let nation = nation();
    let expected =
        SignerRefusal::OtherMember { named: "EX/GOV/1".to_owned(), claimed: "EX/GOV/2/sub".to_owned() };
    let refusal = nation.signer(&Wish::signer("1"), "EX/GOV/2/sub").unwrap_err();
    assert_eq!(refusal, expected);
    assert_eq!(refusal.code(), "incorrect_certificate");
    assert!(matches!(nation.signer(&Wish::signer("1"), "EX/COM/1"), Err(SignerRefusal::OtherMember { .. })));
    assert!(matches!(
        nation.signer(&Wish::signer("1"), "YY/GOV/1"),
        Err(SignerRefusal::OtherInstance { .. })
    ));
}

#[test]
fn the_key_has_to_be_one_for_signing() {
    let nation = nation();
    let refusal = nation.signer(&Wish { key_usage: None, ..Wish::signer("1") }, "EX/GOV/1").unwrap_err();
    assert_eq!(refusal, SignerRefusal::NoKeyUsage { subject: "CN=1,O=GOV,C=EX".to_owned() });
    assert_eq!(refusal.code(), "internal_error");
    let wish = Wish { key_usage: Some(DIGITAL_SIGNATURE), ..Wish::signer("1") };
    let refusal = nation.signer(&wish, "EX/GOV/1").unwrap_err();
    assert_eq!(refusal, SignerRefusal::MayNotSign { subject: "CN=1,O=GOV,C=EX".to_owned() });
    assert_eq!(refusal.code(), "malformed_signature");
    let both = Wish { key_usage: Some(DIGITAL_SIGNATURE | NON_REPUDIATION), ..Wish::signer("1") };
    assert!(nation.signer(&both, "EX/GOV/1").is_ok());
}

#[test]
fn the_subject_has_to_fit_the_profile_of_the_ca() {
    let mut nation = nation();
    let nameless = Wish { subject: vec![("2.5.4.3", "1")], ..Wish::signer("1") };
    let refusal = nation.signer(&nameless, "EX/GOV/1").unwrap_err();
    assert_eq!(
        refusal,
        SignerRefusal::Subject(SubjectRefusal::Missing { subject: "CN=1".to_owned(), attribute: "C" })
    );
    assert_eq!(refusal.code(), "incorrect_certificate");
    nation.authorities.cas[0].profile = CertificateProfile::from_class_name("com.example.Other");
    assert!(matches!(
        nation.signer(&Wish::signer("1"), "EX/GOV/1"),
        Err(SignerRefusal::Subject(SubjectRefusal::UnknownProfile { .. }))
    ));
    nation.authorities.cas[0].profile = CertificateProfile::Basic;
    let basic = Wish { subject: vec![("2.5.4.15", "GOV"), ("2.5.4.5", "1")], ..Wish::signer("1") };
    assert_eq!(nation.signer(&basic, "EX/GOV/1"), Ok("EX/GOV/1".to_owned()));
}

#[test]
fn a_signer_has_to_be_trusted_valid_and_good() {
    let nation = nation();
    let claimed = ClientId::parse_short("EX/GOV/1").unwrap();
    let verify = |leaf: &Identity, responses: &[OcspResponse], time| {
        verify_signer(&leaf.certificate, &[], responses, &claimed, &nation.authorities, time).unwrap_err()
    };
    let leaf = Wish::signer("1").mint(Some(&nation.root));
    let missing = verify(&leaf, &[], now());
    assert!(matches!(missing, SignerRefusal::Status(OcspRefusal::Missing { .. })));
    assert_eq!(missing.code(), "invalid_cert_path.cert_validation");
    let good = nation.answer(&leaf);
    let stale = verify(&leaf, std::slice::from_ref(&good), at("2026-11-23T12:00:00Z"));
    assert_eq!(stale.code(), "invalid_cert_path.incorrect_validation_info");
    let is_revoked =
        Answer { status: revoked(now()), ..Answer::new(&leaf.certificate, &nation.root.certificate) };
    let gone = verify(&leaf, &[is_revoked.by(&nation.root)], now());
    assert_eq!(gone.code(), "invalid_cert_path.cert_validation");
    let late = verify(&leaf, &[good], at("2037-01-01T00:00:00Z"));
    assert!(matches!(late, SignerRefusal::Path(PathRefusal::Expired { .. })));
    assert_eq!(late.code(), "cannot_create_cert_path");
    let impostor = Wish::ca("Root").mint(None);
    let forged = Wish::signer("1").mint(Some(&impostor));
    let untrusted = verify(&forged, &[], now());
    assert!(matches!(untrusted, SignerRefusal::Path(PathRefusal::WrongSignature { .. })));
    let stranger = Wish::ca("Stranger").mint(None);
    let foreign = Wish::signer("1").mint(Some(&stranger));
    assert!(matches!(verify(&foreign, &[], now()), SignerRefusal::UnknownIssuer { .. }));
}

#[test]
fn the_profile_is_that_of_the_service_to_which_the_path_leads() {
    let one = Wish::ca("One").mint(None);
    let other = Wish::ca("Other").mint(None);
    let authorities = approve(&[(&one.certificate, &[]), (&other.certificate, &[])]);
    // A CA below the one takes the name of the other, and with it the other's way of naming members.
    let impostor = Wish::ca("Other").mint(Some(&one));
    let leaf = Wish::signer("1").mint(Some(&impostor));
    let responses = [
        Answer::new(&leaf.certificate, &impostor.certificate).by(&impostor),
        Answer::new(&impostor.certificate, &one.certificate).by(&one),
    ];
    let claimed = ClientId::parse_short("EX/GOV/1").unwrap();
    let extra = std::slice::from_ref(&impostor.certificate);
    let verdict = verify_signer(&leaf.certificate, extra, &responses, &claimed, &authorities, now());
    assert!(matches!(verdict, Err(SignerRefusal::UnknownIssuer { .. })), "{verdict:?}");
}

#[test]
fn a_peer_shows_a_certificate_for_authentication() {
    let nation = nation();
    assert_eq!(nation.peer(&Wish::peer("1")), Ok(()));
    assert_eq!(nation.peer(&Wish { purposes: Vec::new(), ..Wish::peer("1") }), Ok(()));
    assert_eq!(nation.peer(&Wish { key_usage: None, ..Wish::peer("1") }), Ok(()));
    for usage in [0x20, 0x10] {
        assert_eq!(
            nation.peer(&Wish { key_usage: Some(usage), purposes: Vec::new(), ..Wish::peer("1") }),
            Ok(())
        );
    }
    let not_for_it = PeerRefusal::NotForAuthentication { subject: "CN=1,O=GOV,C=EX".to_owned() };
    assert_eq!(nation.peer(&Wish::signer("1")), Err(not_for_it.clone()));
    assert_eq!(
        nation.peer(&Wish { key_usage: None, purposes: Vec::new(), ..Wish::peer("1") }),
        Err(not_for_it)
    );
    let signing_too = Wish { purposes: vec![CLIENT_AUTH], ..Wish::signer("1") };
    assert_eq!(nation.peer(&signing_too), Ok(()));
}

#[test]
fn a_peer_has_to_show_certificates_and_answers() {
    let nation = nation();
    let leaf = Wish::peer("1").mint(Some(&nation.root));
    let check = |presented: &[trust::Certificate], responses: &[OcspResponse]| {
        verify_peer(presented, responses, &nation.authorities, now()).unwrap_err()
    };
    let good = nation.answer(&leaf);
    let leaf_alone = std::slice::from_ref(&leaf.certificate);
    assert_eq!(check(&[], std::slice::from_ref(&good)), PeerRefusal::NoCertificate);
    assert_eq!(check(leaf_alone, &[]), PeerRefusal::NoStatus);
    let other = Wish { serial: 9, ..Wish::peer("2") }.mint(Some(&nation.root));
    let refusal = check(leaf_alone, &[nation.answer(&other)]);
    assert!(matches!(refusal, PeerRefusal::Status(OcspRefusal::Missing { .. })));
    assert_eq!(refusal.code(), "ssl_authentication_failed");
    let stranger = Wish::peer("1").mint(None);
    let refusal = check(std::slice::from_ref(&stranger.certificate), &[good]);
    assert!(matches!(refusal, PeerRefusal::Path(PathRefusal::NoIssuer { .. })));
}

#[test]
fn a_presented_intermediate_needs_an_answer_too() {
    let nation = nation();
    let between = Wish::ca("Between").mint(Some(&nation.root));
    let leaf = Wish::peer("1").mint(Some(&between));
    let presented = [leaf.certificate.clone(), between.certificate.clone()];
    let of_leaf = Answer::new(&leaf.certificate, &between.certificate).by(&between);
    let of_between = nation.answer(&between);
    let check = |responses: &[OcspResponse]| verify_peer(&presented, responses, &nation.authorities, now());
    assert!(check(&[of_leaf.clone(), of_between]).is_ok());
    assert!(matches!(check(&[of_leaf]), Err(PeerRefusal::Status(OcspRefusal::Missing { .. }))));
}

#[test]
fn the_addresses_to_ask_come_from_the_configuration_first() {
    use crate::der::{oid, sequence, tlv};
    let mut nation = nation();
    let own = sequence(&[&sequence(&[&oid("1.3.6.1.5.5.7.48.1"), &tlv(0x86, b"http://own.example")])]);
    let wish = Wish { more: vec![("1.3.6.1.5.5.7.1.1", false, own)], ..Wish::signer("1") };
    let leaf = wish.mint(Some(&nation.root));
    assert_eq!(nation.authorities.ocsp_urls(&leaf.certificate), ["http://own.example"]);
    nation.authorities = approve(&[(&nation.root.certificate, &[&nation.root.certificate; 2])]);
    assert_eq!(
        nation.authorities.ocsp_urls(&leaf.certificate),
        ["http://ocsp.example", "http://own.example"]
    );
}
