//! Paths: which are taken, and every way to be refused.

use trust::path::{CERTIFICATES_MAX, verify_path, verify_presented};
use trust::{Certificate, PathRefusal};

use crate::mint::{DIGITAL_SIGNATURE, Identity, Wish, approve, at, now};

fn root() -> Identity {
    Wish::ca("Root").mint(None)
}

fn certificates(identities: &[&Identity]) -> Vec<Certificate> {
    identities.iter().map(|identity| identity.certificate.clone()).collect()
}

/// Verifies a path over `between` to `root`, which alone is approved.
fn check(root: &Identity, between: &[&Identity], leaf: &Identity) -> Result<usize, PathRefusal> {
    verify_path(&leaf.certificate, &certificates(between), &approve(&[(&root.certificate, &[])]), now())
        .map(|path| path.certificates().len())
}

#[test]
fn takes_a_certificate_issued_by_an_approved_ca() {
    let root = root();
    let leaf = Wish::signer("1").mint(Some(&root));
    let authorities = approve(&[(&root.certificate, &[])]);
    let path = verify_path(&leaf.certificate, &[], &authorities, now()).unwrap();
    assert_eq!(path.leaf(), &leaf.certificate);
    assert_eq!(path.anchor(), &root.certificate);
    assert_eq!(path.certificates(), std::slice::from_ref(&leaf.certificate));
    assert_eq!(path.at(), now());
}

#[test]
fn climbs_over_intermediates_in_any_order() {
    let root = root();
    let first = Wish::ca("First").mint(Some(&root));
    let second = Wish::ca("Second").mint(Some(&first));
    let leaf = Wish::signer("1").mint(Some(&second));
    assert_eq!(check(&root, &[&first, &second], &leaf), Ok(3));
    assert_eq!(check(&root, &[&root, &second, &leaf, &first], &leaf), Ok(3));
}

#[test]
fn ends_at_the_nearest_approved_ca_for_a_signature_and_at_the_furthest_for_a_peer() {
    let root = root();
    let between = Wish::ca("Between").mint(Some(&root));
    let leaf = Wish::signer("1").mint(Some(&between));
    let authorities = approve(&[(&root.certificate, &[]), (&between.certificate, &[])]);
    let given = certificates(&[&between, &root]);
    let near = verify_path(&leaf.certificate, &given, &authorities, now()).unwrap();
    assert_eq!(near.anchor(), &between.certificate);
    let far = verify_presented(&leaf.certificate, &given, &authorities, now()).unwrap();
    assert_eq!(far.anchor(), &root.certificate);
    assert_eq!(far.certificates().len(), 2);
}

#[test]
fn an_intermediate_ca_alone_may_be_the_anchor() {
    let root = root();
    let between = Wish::ca("Between").mint(Some(&root));
    let leaf = Wish::signer("1").mint(Some(&between));
    assert_eq!(check(&between, &[], &leaf), Ok(1));
    let authorities = approve(&[(&between.certificate, &[])]);
    let path = verify_presented(&leaf.certificate, &certificates(&[&between]), &authorities, now()).unwrap();
    assert_eq!(path.certificates().len(), 1);
}

#[test]
fn tries_another_ca_of_the_same_name() {
    let old = root();
    let new = root();
    let leaf = Wish::signer("1").mint(Some(&new));
    let authorities = approve(&[(&old.certificate, &[]), (&new.certificate, &[])]);
    let path = verify_path(&leaf.certificate, &[], &authorities, now()).unwrap();
    assert_eq!(path.anchor(), &new.certificate);
    assert_eq!(authorities.issuer_of(&leaf.certificate), Some(&new.certificate));
}

#[test]
fn tries_a_valid_intermediate_after_an_expired_one() {
    let root = root();
    let expired = Wish { until: "2026-06-01T00:00:00Z", ..Wish::ca("Between") }.mint(Some(&root));
    let wish = Wish::ca("Between");
    let valid = wish.mint(Some(&root));
    let leaf = Wish::signer("1").mint(Some(&valid));
    assert_eq!(check(&root, &[&expired, &valid], &leaf), Ok(2));
}

#[test]
fn refuses_an_issuer_that_nobody_approved() {
    let root = root();
    let stranger = Wish::ca("Stranger").mint(None);
    let leaf = Wish::signer("1").mint(Some(&stranger));
    let expected = PathRefusal::NoIssuer {
        subject: "CN=1,O=GOV,C=EX".to_owned(),
        issuer: "CN=Stranger,O=Practice".to_owned(),
    };
    assert_eq!(check(&root, &[], &leaf), Err(expected.clone()));
    // Bringing one's own root along does not help.
    assert_eq!(check(&root, &[&stranger], &leaf), Err(expected));
}

#[test]
fn refuses_a_missing_link() {
    let root = root();
    let first = Wish::ca("First").mint(Some(&root));
    let second = Wish::ca("Second").mint(Some(&first));
    let leaf = Wish::signer("1").mint(Some(&second));
    let result = check(&root, &[&second], &leaf);
    assert!(
        matches!(result, Err(PathRefusal::NoIssuer { ref issuer, .. }) if issuer == "CN=First,O=Practice")
    );
}

#[test]
fn refuses_a_signature_by_another_key_of_the_same_name() {
    let root = root();
    let impostor = Wish::ca("Root").mint(None);
    let leaf = Wish::signer("1").mint(Some(&impostor));
    assert!(matches!(check(&root, &[], &leaf), Err(PathRefusal::WrongSignature { .. })));
    assert!(matches!(check(&root, &[&impostor], &leaf), Err(PathRefusal::WrongSignature { .. })));
}

#[test]
fn refuses_a_changed_certificate() {
    let root = root();
    let leaf = Wish::signer("1").mint(Some(&root));
    let mut der = leaf.certificate.der().to_vec();
    let place = der.windows(3).position(|three| three == b"GOV").unwrap();
    der[place] = b'C';
    let changed = Certificate::from_der(&der).unwrap();
    let result = verify_path(&changed, &[], &approve(&[(&root.certificate, &[])]), now());
    assert!(matches!(result, Err(PathRefusal::WrongSignature { .. })));
}

#[test]
fn refuses_before_and_after_the_period_of_validity() {
    let root = root();
    let leaf = Wish { from: "2026-11-22T11:00:00Z", until: "2026-11-22T13:00:00Z", ..Wish::signer("1") }
        .mint(Some(&root));
    let authorities = approve(&[(&root.certificate, &[])]);
    let check = |time: &str| verify_path(&leaf.certificate, &[], &authorities, at(time)).map(|_| ());
    assert_eq!(check("2026-11-22T11:00:00Z"), Ok(()));
    assert_eq!(check("2026-11-22T13:00:00Z"), Ok(()));
    assert_eq!(
        check("2026-11-22T10:59:59Z"),
        Err(PathRefusal::NotYetValid {
            subject: "CN=1,O=GOV,C=EX".to_owned(),
            not_before: at("2026-11-22T11:00:00Z"),
            at: at("2026-11-22T10:59:59Z"),
        })
    );
    assert_eq!(
        check("2026-11-22T13:00:01Z"),
        Err(PathRefusal::Expired {
            subject: "CN=1,O=GOV,C=EX".to_owned(),
            not_after: at("2026-11-22T13:00:00Z"),
            at: at("2026-11-22T13:00:01Z"),
        })
    );
}

#[test]
fn refuses_an_intermediate_that_is_no_valid_ca() {
    let root = root();
    let check = |wish: Wish<'_>| {
        let between = wish.mint(Some(&root));
        let leaf = Wish::signer("1").mint(Some(&between));
        check(&root, &[&between], &leaf).unwrap_err()
    };
    assert!(matches!(
        check(Wish { until: "2026-06-01T00:00:00Z", ..Wish::ca("Between") }),
        PathRefusal::Expired { .. }
    ));
    assert!(matches!(
        check(Wish { from: "2027-01-01T00:00:00Z", ..Wish::ca("Between") }),
        PathRefusal::NotYetValid { .. }
    ));
    assert!(matches!(check(Wish { ca: None, ..Wish::ca("Between") }), PathRefusal::NotACa { .. }));
    assert!(matches!(
        check(Wish { key_usage: Some(DIGITAL_SIGNATURE), ..Wish::ca("Between") }),
        PathRefusal::MayNotSignCertificates { .. }
    ));
    for critical in [true, false] {
        assert!(matches!(
            check(Wish { more: vec![("2.5.29.30", critical, vec![0x30, 0])], ..Wish::ca("Between") }),
            PathRefusal::UnprocessedExtension { ref oid, .. } if oid == "2.5.29.30"
        ));
    }
}

#[test]
fn a_member_cannot_issue_for_another() {
    let root = root();
    let member = Wish::signer("1").mint(Some(&root));
    let forged = Wish::signer("2").mint(Some(&member));
    assert!(matches!(check(&root, &[&member], &forged), Err(PathRefusal::NotACa { .. })));
}

#[test]
fn counts_the_cas_below_an_issuer() {
    let root = root();
    let zero = Wish { ca: Some(Some(0)), ..Wish::ca("Zero") }.mint(Some(&root));
    let below = Wish::ca("Below").mint(Some(&zero));
    let direct = Wish::signer("1").mint(Some(&zero));
    let indirect = Wish::signer("1").mint(Some(&below));
    assert_eq!(check(&root, &[&zero], &direct), Ok(2));
    assert_eq!(
        check(&root, &[&zero, &below], &indirect),
        Err(PathRefusal::PathTooLong { subject: "CN=Zero,O=Practice".to_owned(), allowed: 0, found: 1 })
    );
}

#[test]
fn refuses_a_leaf_with_an_unknown_critical_extension_and_takes_one_that_is_not() {
    let root = root();
    let leaf = Wish { more: vec![("1.2.3.4", true, vec![5, 0])], ..Wish::signer("1") }.mint(Some(&root));
    assert_eq!(
        check(&root, &[], &leaf),
        Err(PathRefusal::UnprocessedExtension {
            subject: "CN=1,O=GOV,C=EX".to_owned(),
            oid: "1.2.3.4".to_owned()
        })
    );
    let harmless = Wish { more: vec![("1.2.3.4", false, vec![5, 0])], ..Wish::signer("1") }.mint(Some(&root));
    assert_eq!(check(&root, &[], &harmless), Ok(1));
}

#[test]
fn refuses_paths_and_lists_beyond_the_bound() {
    let root = root();
    let mut chain = vec![Wish::ca("CA 0").mint(Some(&root))];
    let names: Vec<String> = (1..CERTIFICATES_MAX).map(|number| format!("CA {number}")).collect();
    for name in &names {
        let next = Wish::ca(name).mint(chain.last());
        chain.push(next);
    }
    let long = Wish::signer("1").mint(chain.last());
    let all: Vec<&Identity> = chain.iter().collect();
    let too_many = PathRefusal::TooMany { certificates_max: CERTIFICATES_MAX };
    assert_eq!(check(&root, &all, &long), Err(too_many.clone()));
    let short = Wish::signer("1").mint(Some(&chain[CERTIFICATES_MAX - 2]));
    assert_eq!(check(&root, &all, &short), Ok(CERTIFICATES_MAX));
    let direct = Wish::signer("1").mint(Some(&root));
    let more = [all.as_slice(), &[&long]].concat();
    assert_eq!(check(&root, &more, &direct), Err(too_many));
}

#[test]
fn look_alikes_cannot_buy_endless_work() {
    // Two CAs that certified one another five times each: a naive search would walk all 14,400 paths.
    let root = root();
    let one = Wish::ca("One").mint(None);
    let two = Wish::ca("Two").mint(None);
    let mut given = Vec::new();
    for serial in 0..5 {
        given.push(Wish { serial, ..Wish::ca("One") }.mint_over(one.same_key(), Some(&two)));
        given.push(Wish { serial, ..Wish::ca("Two") }.mint_over(two.same_key(), Some(&one)));
    }
    let leaf = Wish::signer("1").mint(Some(&one));
    let given: Vec<&Identity> = given.iter().collect();
    assert_eq!(check(&root, &given, &leaf), Err(PathRefusal::TooMany { certificates_max: CERTIFICATES_MAX }));
}

#[test]
fn a_self_issued_certificate_in_the_chain_is_passed_over() {
    let root = root();
    let leaf = Wish::signer("1").mint(Some(&root));
    let authorities = approve(&[(&root.certificate, &[])]);
    let path =
        verify_presented(&leaf.certificate, &certificates(&[&root, &root]), &authorities, now()).unwrap();
    assert_eq!(path.certificates().len(), 1);
}

#[test]
fn the_chain_to_present_stops_below_the_self_signed_root() {
    let root = root();
    let between = Wish::ca("Between").mint(Some(&root));
    let leaf = Wish::signer("1").mint(Some(&between));
    let chain = |approved: &[&Identity]| {
        let approved: Vec<(&Certificate, &[&Certificate])> =
            approved.iter().map(|identity| (&identity.certificate, &[][..])).collect();
        approve(&approved).chain_of(&leaf.certificate)
    };
    assert_eq!(chain(&[&root, &between]), certificates(&[&leaf, &between]));
    // An intermediate without an approved issuer is itself the trusted root.
    assert_eq!(chain(&[&between]), certificates(&[&leaf]));
    assert_eq!(chain(&[&root]), certificates(&[&leaf]));
}
