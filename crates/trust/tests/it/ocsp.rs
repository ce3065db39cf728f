//! OCSP: who may say what about whom, and when.

use jiff::Timestamp;
use trust::path::{VerifiedPath, verify_path};
use trust::{
    Authorities, Certificate, CertificateStatus, DigestAlgorithm, OcspRefusal, OcspResponse, UnreadableOcsp,
    ocsp,
};

use crate::der::{integer, oid, sequence, tlv};
use crate::mint::{Answer, Identity, NOW, OCSP_SIGNING, SHA256, Wish, approve, at, now, revoked, unknown};
use crate::openssl;

struct Nation {
    root: Identity,
    leaf: Identity,
    authorities: Authorities,
    path: VerifiedPath,
}

fn nation(responders: &[&Certificate]) -> Nation {
    let root = Wish::ca("Root").mint(None);
    with_root(root, responders)
}

fn with_root(root: Identity, responders: &[&Certificate]) -> Nation {
    let leaf = Wish::signer("1").mint(Some(&root));
    let authorities = approve(&[(&root.certificate, responders)]);
    let path = verify_path(&leaf.certificate, &[], &authorities, now()).unwrap();
    Nation { root, leaf, authorities, path }
}

impl Nation {
    fn answer(&self) -> Answer<'_> {
        Answer::new(&self.leaf.certificate, &self.root.certificate)
    }

    fn check(&self, responses: &[OcspResponse]) -> Result<Timestamp, OcspRefusal> {
        self.check_at(responses, NOW)
    }

    fn check_at(&self, responses: &[OcspResponse], time: &str) -> Result<Timestamp, OcspRefusal> {
        ocsp::verify_statuses(&self.path, responses, &self.authorities, at(time))
            .map(|statuses| statuses.usable_until())
    }
}

#[test]
fn believes_the_issuer_by_name_and_by_key() {
    let nation = nation(&[]);
    let answer = nation.answer();
    assert_eq!(nation.check(&[answer.by(&nation.root)]), Ok(at("2026-11-22T12:55:00Z")));
    let by_key = Answer { by_key: true, ..nation.answer() };
    assert_eq!(nation.check(&[by_key.by(&nation.root)]), Ok(at("2026-11-22T12:55:00Z")));
}

#[test]
fn believes_a_responder_that_is_listed_for_the_issuer() {
    let responder = Wish::peer("responder").mint(None);
    let nation = nation(&[&responder.certificate]);
    assert!(nation.check(&[nation.answer().by(&responder)]).is_ok());
}

#[test]
fn refuses_a_responder_that_is_listed_for_another_issuer() {
    let responder = Wish::peer("responder").mint(None);
    let other = Wish::ca("Other").mint(None);
    let mut nation = nation(&[]);
    let more = approve(&[(&other.certificate, &[&responder.certificate])]);
    nation.authorities.cas.extend(more.cas);
    assert!(matches!(
        nation.check(&[nation.answer().by(&responder)]),
        Err(OcspRefusal::NotAuthorised { .. })
    ));
    // Neither may another CA speak for this one.
    assert!(matches!(nation.check(&[nation.answer().by(&other)]), Err(OcspRefusal::NotAuthorised { .. })));
}

fn delegated(wish: &Wish<'_>) -> Result<Timestamp, OcspRefusal> {
    let root = Wish::ca("Root").mint(None);
    let responder = wish.mint(Some(&root));
    let nation = with_root(root, &[]);
    let answer = Answer { embedded: vec![&responder.certificate], ..nation.answer() };
    nation.check(&[answer.by(&responder)])
}

#[test]
fn believes_a_delegate_of_the_issuer_only_while_it_is_one() {
    let delegate = Wish { purposes: vec![OCSP_SIGNING], ..Wish::peer("responder") };
    assert_eq!(delegated(&delegate), Ok(at("2026-11-22T12:55:00Z")));
    let short = Wish { until: "2026-11-22T12:10:00Z", ..delegate.clone() };
    assert_eq!(delegated(&short), Ok(at("2026-11-22T12:10:00Z")), "its word ends with its certificate");
    let not_authorised =
        |wish: &Wish<'_>| assert!(matches!(delegated(wish), Err(OcspRefusal::NotAuthorised { .. })));
    not_authorised(&Wish::peer("responder"));
    not_authorised(&Wish { purposes: Vec::new(), ..delegate.clone() });
    not_authorised(&Wish { until: "2026-11-22T11:59:59Z", ..delegate.clone() });
    not_authorised(&Wish { from: "2026-11-22T12:00:01Z", ..delegate.clone() });
    let marked = |oid: &'static str| Wish { more: vec![(oid, true, vec![5, 0])], ..delegate.clone() };
    not_authorised(&marked("1.2.3.4"));
    assert!(delegated(&marked("1.3.6.1.5.5.7.48.1.5")).is_ok(), "need not be asked about itself");
    not_authorised(&Wish { issuer_name: Some(vec![("2.5.4.3", "someone else")]), ..delegate.clone() });
}

#[test]
fn refuses_a_delegate_of_a_look_alike_issuer() {
    let nation = nation(&[]);
    let impostor = Wish::ca("Root").mint(None);
    let delegate = Wish { purposes: vec![OCSP_SIGNING], ..Wish::peer("responder") }.mint(Some(&impostor));
    let answer = Answer { embedded: vec![&delegate.certificate], ..nation.answer() };
    assert!(matches!(nation.check(&[answer.by(&delegate)]), Err(OcspRefusal::NotAuthorised { .. })));
    assert!(matches!(
        nation.check(&[nation.answer().by(&impostor)]),
        Err(OcspRefusal::WrongSignature { .. })
    ));
}

#[test]
fn refuses_a_member_that_vouches_for_itself() {
    let nation = nation(&[]);
    let answer = Answer { embedded: vec![&nation.leaf.certificate], ..nation.answer() };
    assert!(matches!(nation.check(&[answer.by(&nation.leaf)]), Err(OcspRefusal::NotAuthorised { .. })));
}

#[test]
fn refuses_a_responder_that_is_not_known() {
    let nation = nation(&[]);
    let stranger = Wish::ca("Stranger").mint(None);
    assert_eq!(
        nation.check(&[nation.answer().by(&stranger)]),
        Err(OcspRefusal::UnknownResponder { subject: "CN=1,O=GOV,C=EX".to_owned() })
    );
}

#[test]
fn refuses_a_changed_answer() {
    let nation = nation(&[]);
    let mut der = Answer { status: unknown(), ..nation.answer() }.der(&nation.root);
    let place = der.windows(2).position(|two| two == [0x82, 0]).unwrap();
    der[place] = 0x80;
    let forged = OcspResponse::parse(&der).unwrap();
    assert_eq!(forged.status(), CertificateStatus::Good);
    assert!(matches!(nation.check(&[forged]), Err(OcspRefusal::WrongSignature { .. })));
}

#[test]
fn an_answer_lives_from_its_date_for_as_long_as_allowed() {
    let nation = nation(&[]);
    let responses = [nation.answer().by(&nation.root)];
    let check = |time: &str| nation.check_at(&responses, time).map(|_| ());
    assert_eq!(check("2026-11-22T12:55:00Z"), Ok(()));
    assert_eq!(
        check("2026-11-22T12:55:01Z"),
        Err(OcspRefusal::Stale {
            subject: "CN=1,O=GOV,C=EX".to_owned(),
            this_update: at("2026-11-22T11:55:00Z"),
            at: at("2026-11-22T12:55:01Z"),
            freshness_seconds: 3600,
        })
    );
    // A responder's clock may be a minute ahead.
    assert_eq!(check("2026-11-22T11:54:00Z"), Ok(()));
    assert!(matches!(check("2026-11-22T11:53:59Z"), Err(OcspRefusal::FromTheFuture { .. })));
}

#[test]
fn next_update_counts_unless_the_configuration_says_otherwise() {
    let mut nation = nation(&[]);
    let wish = Answer { next_update: Some(at("2026-11-22T11:59:59Z")), ..nation.answer() };
    let responses = [wish.by(&nation.root)];
    assert_eq!(
        nation.check(&responses),
        Err(OcspRefusal::NextUpdatePast {
            subject: "CN=1,O=GOV,C=EX".to_owned(),
            next_update: at("2026-11-22T11:59:59Z"),
            at: now(),
        })
    );
    assert!(nation.check_at(&responses, "2026-11-22T11:59:59Z").is_ok());
    assert_eq!(responses[0].usable_until(&nation.authorities.ocsp), at("2026-11-22T11:59:59Z"));
    nation.authorities.ocsp.verify_next_update = false;
    assert_eq!(nation.check(&responses), Ok(at("2026-11-22T12:55:00Z")));
}

#[test]
fn refuses_what_is_revoked_or_unknown() {
    let nation = nation(&[]);
    let since = at("2026-11-01T00:00:00Z");
    let is_revoked = Answer { status: revoked(since), ..nation.answer() }.by(&nation.root);
    let expected = OcspRefusal::Revoked {
        subject: "CN=1,O=GOV,C=EX".to_owned(),
        serial: "7".to_owned(),
        revoked_at: since,
    };
    assert_eq!(nation.check(std::slice::from_ref(&is_revoked)), Err(expected.clone()));
    let is_unknown = Answer { status: unknown(), ..nation.answer() }.by(&nation.root);
    assert!(matches!(nation.check(&[is_unknown]), Err(OcspRefusal::UnknownCertificate { .. })));
    // A good answer beside it does not heal it, whatever the order.
    let good = nation.answer().by(&nation.root);
    assert_eq!(nation.check(&[good.clone(), is_revoked.clone()]), Err(expected.clone()));
    assert_eq!(nation.check(&[is_revoked, good]), Err(expected));
}

#[test]
fn a_revocation_by_nobody_in_particular_does_no_harm() {
    let nation = nation(&[]);
    let stranger = Wish::ca("Stranger").mint(None);
    let slander = Answer { status: revoked(now()), ..nation.answer() }.by(&stranger);
    assert!(nation.check(&[slander, nation.answer().by(&nation.root)]).is_ok());
}

#[test]
fn the_fetcher_keeps_a_believable_revocation() {
    let nation = nation(&[]);
    let response = Answer { status: revoked(now()), ..nation.answer() }.by(&nation.root);
    let status = ocsp::verify_response(
        &response,
        &nation.leaf.certificate,
        &nation.root.certificate,
        &nation.authorities,
        now(),
    );
    assert_eq!(status, Ok(CertificateStatus::Revoked { at: now() }));
}

#[test]
fn refuses_answers_about_something_else() {
    let nation = nation(&[]);
    let missing = OcspRefusal::Missing { subject: "CN=1,O=GOV,C=EX".to_owned(), serial: "7".to_owned() };
    assert_eq!(nation.check(&[]), Err(missing.clone()));
    let other = Wish { serial: 9, ..Wish::signer("1") }.mint(Some(&nation.root));
    let about_other = Answer { certificate: &other.certificate, ..nation.answer() };
    assert_eq!(nation.check(&[about_other.by(&nation.root)]), Err(missing.clone()));
    // The same serial number at another CA, one with the same name and one with the same key.
    let look_alike = Wish::ca("Root").mint(None);
    let about_look_alike = Answer { issuer: &look_alike.certificate, ..nation.answer() };
    assert_eq!(nation.check(&[about_look_alike.by(&nation.root)]), Err(missing.clone()));
    // A CertID with SHA-256 is another CertID.
    let sha256 = Answer { digest: (SHA256, DigestAlgorithm::Sha256), ..nation.answer() };
    assert_eq!(nation.check(&[sha256.by(&nation.root)]), Err(missing));
    assert!(matches!(
        ocsp::verify_response(
            &about_other.by(&nation.root),
            &nation.leaf.certificate,
            &nation.root.certificate,
            &nation.authorities,
            now()
        ),
        Err(OcspRefusal::OtherCertificate { .. })
    ));
}

#[test]
fn only_the_first_single_response_counts() {
    let nation = nation(&[]);
    let other = Wish { serial: 9, ..Wish::signer("2") }.mint(Some(&nation.root));
    let about_other = Answer { certificate: &other.certificate, ..nation.answer() }.single();
    let der = nation.answer().der_signed(
        &nation.root.certificate,
        &[&about_other, &nation.answer().single()],
        &sequence(&[&oid("1.2.840.10045.4.3.2")]),
        |tbs| nation.root.sign(tbs),
    );
    let response = OcspResponse::parse(&der).unwrap();
    assert!(matches!(nation.check(&[response]), Err(OcspRefusal::Missing { .. })));
}

#[test]
fn every_certificate_of_the_path_needs_an_answer() {
    let root = Wish::ca("Root").mint(None);
    let between = Wish::ca("Between").mint(Some(&root));
    let leaf = Wish::signer("1").mint(Some(&between));
    let authorities = approve(&[(&root.certificate, &[])]);
    let path =
        verify_path(&leaf.certificate, std::slice::from_ref(&between.certificate), &authorities, now())
            .unwrap();
    let of_leaf = Answer::new(&leaf.certificate, &between.certificate).by(&between);
    let of_between = Answer::new(&between.certificate, &root.certificate).by(&root);
    let check = |responses: &[OcspResponse]| ocsp::verify_statuses(&path, responses, &authorities, now());
    let statuses = check(&[of_between.clone(), of_leaf.clone()]).unwrap();
    assert_eq!(statuses.responses(), [of_leaf.clone(), of_between.clone()]);
    assert!(matches!(
        check(std::slice::from_ref(&of_leaf)),
        Err(OcspRefusal::Missing { subject, .. }) if subject == "CN=Between,O=Practice"
    ));
    assert!(matches!(check(&[of_between]), Err(OcspRefusal::Missing { .. })));
    let revoked_ca =
        Answer { status: revoked(now()), ..Answer::new(&between.certificate, &root.certificate) };
    assert!(matches!(check(&[of_leaf, revoked_ca.by(&root)]), Err(OcspRefusal::Revoked { .. })));
}

#[test]
fn refuses_bytes_that_are_no_answer() {
    let nation = nation(&[]);
    let der = nation.answer().der(&nation.root);
    assert!(OcspResponse::parse(&der).is_ok());
    let try_later = sequence(&[&tlv(0x0a, &[3])]);
    assert_eq!(OcspResponse::parse(&try_later).unwrap_err(), UnreadableOcsp::NotSuccessful { status: 3 });
    for length in 0..der.len() {
        assert!(OcspResponse::parse(&der[..length]).is_err(), "cut at {length}");
    }
    let longer = [der.as_slice(), &[0]].concat();
    assert!(OcspResponse::parse(&longer).is_err());
    let huge = vec![0x30; ocsp::OCSP_BYTES_MAX + 1];
    assert!(matches!(OcspResponse::parse(&huge), Err(UnreadableOcsp::TooLarge { .. })));
    let critical = sequence(&[&oid("1.2.3"), &tlv(1, &[0xff]), &tlv(4, &integer(1))]);
    let critical = tlv(0xa1, &sequence(&[&critical]));
    let answer = Answer { extensions: critical, ..nation.answer() };
    assert!(OcspResponse::parse(&answer.der(&nation.root)).is_err());
    let certificates = vec![&nation.leaf.certificate; 11];
    assert!(
        OcspResponse::parse(&Answer { embedded: certificates, ..nation.answer() }.der(&nation.root)).is_err()
    );
}

#[test]
fn any_changed_byte_of_an_answer_is_noticed() {
    let nation = nation(&[]);
    let der = nation.answer().der(&nation.root);
    for place in 0..der.len() {
        let mut changed = der.clone();
        changed[place] ^= 0x01;
        if let Ok(response) = OcspResponse::parse(&changed) {
            assert!(nation.check(&[response]).is_err(), "byte {place}");
        }
    }
}

#[test]
fn openssl_answers_our_request_and_we_believe_it_as_far_as_it_goes() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    let certificate =
        |name: &str| Certificate::from_der_or_pem(&std::fs::read(folder.join(name)).unwrap()).unwrap();
    openssl::must(
        folder,
        "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /O=Oracle/CN=CA",
    );
    std::fs::write(folder.join("delegate.ext"), "extendedKeyUsage=OCSPSigning\n").unwrap();
    for (name, serial, extensions) in [("leaf", 5, ""), ("delegate", 6, " -extfile delegate.ext")] {
        openssl::must(
            folder,
            &format!(
                "req -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.csr -subj /O=Oracle/CN={name}"
            ),
        );
        openssl::must(
            folder,
            &format!(
                "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -set_serial {serial} -days 2 -out {name}.pem{extensions}"
            ),
        );
    }
    let ca = certificate("ca.pem");
    let leaf = certificate("leaf.pem");
    std::fs::write(folder.join("request"), ocsp::request(&leaf, &ca)).unwrap();
    let text = openssl::must(folder, "ocsp -reqin request -req_text");
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(text.contains("Hash Algorithm: sha1") && text.contains("Serial Number: 05"), "{text}");
    assert!(!text.contains("Nonce"), "{text}");
    let answer = |index: &str, signer: &str| {
        std::fs::write(folder.join("index.txt"), index).unwrap();
        openssl::must(
            folder,
            &format!(
                "ocsp -index index.txt -CA ca.pem -rsigner {signer}.pem -rkey {signer}.key -ndays 1 -reqin request -respout answer"
            ),
        );
        OcspResponse::parse(&std::fs::read(folder.join("answer")).unwrap()).unwrap()
    };
    let authorities = approve(&[(&ca, &[])]);
    let check = |response: &OcspResponse| {
        let at = response.this_update();
        let path = verify_path(&leaf, &[], &authorities, at).unwrap();
        ocsp::verify_statuses(&path, std::slice::from_ref(response), &authorities, at).map(|_| ())
    };
    let good = "V\t460101000000Z\t\t05\tunknown\t/CN=leaf\n";
    assert_eq!(check(&answer(good, "ca")), Ok(()));
    assert_eq!(check(&answer(good, "delegate")), Ok(()));
    assert!(matches!(check(&answer(good, "leaf")), Err(OcspRefusal::NotAuthorised { .. })));
    let gone = "R\t460101000000Z\t260101000000Z\t05\tunknown\t/CN=leaf\n";
    assert!(matches!(
        check(&answer(gone, "delegate")),
        Err(OcspRefusal::Revoked { revoked_at, .. }) if revoked_at == at("2026-01-01T00:00:00Z")
    ));
    let other = "V\t460101000000Z\t\t06\tunknown\t/CN=other\n";
    assert!(matches!(check(&answer(other, "ca")), Err(OcspRefusal::UnknownCertificate { .. })));
}

#[test]
fn openssl_believes_the_answers_that_these_tests_make() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    let nation = nation(&[]);
    for (name, identity) in [("root", &nation.root), ("member", &nation.leaf)] {
        std::fs::write(folder.join("x.der"), identity.certificate.der()).unwrap();
        openssl::must(folder, &format!("x509 -inform DER -in x.der -out {name}.pem"));
    }
    std::fs::write(folder.join("ours"), nation.answer().der(&nation.root)).unwrap();
    let said = openssl::must(
        folder,
        &format!(
            "ocsp -respin ours -issuer root.pem -cert member.pem -CAfile root.pem -no_nonce -attime {} -validity_period 4000000000",
            now().as_second()
        ),
    );
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(said.contains("member.pem: good"), "{said}");
}
