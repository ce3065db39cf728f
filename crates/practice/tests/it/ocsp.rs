//! OCSP answers, judged by openssl the way X-Road asks.

use crate::bench::{Bench, said};
use jiff::SignedDuration;
use practice::{IssueRefusal, KeyKind, RevocationReason};

/// Asks about one certificate with the CertID of this digest; gives what openssl makes of the answer.
fn ask(bench: &Bench, digest: &str, issuer: &str, certificate: &str, nonce: &str) -> String {
    let query = ["ocsp", digest, "-issuer", issuer, "-cert", certificate, nonce, "-reqout", "q.der"];
    bench.accepts(&query);
    bench.write("r.der", &bench.authority.answer_ocsp(&bench.read("q.der")));
    let judge = [
        "ocsp",
        "-respin",
        "r.der",
        "-reqin",
        "q.der",
        digest,
        "-issuer",
        issuer,
        "-cert",
        certificate,
        "-CAfile",
        "root.pem",
        "-verify_other",
        "issuer.pem",
        "-no_nonce",
        "-status_age",
        "600",
    ];
    said(&bench.openssl(&judge))
}

#[test]
fn openssl_accepts_every_status_with_both_kinds_of_identifier() {
    for bench in Bench::all() {
        let issued = bench.signing("c");
        for (digest, nonce) in [("-sha1", "-no_nonce"), ("-sha256", "-no_nonce"), ("-sha1", "-nonce")] {
            let said = ask(&bench, digest, "issuer.pem", "c.pem", nonce);
            assert!(said.contains("Response verify OK") && said.contains("c.pem: good"), "{said}");
        }
        bench.authority.suspend(&issued.serial).unwrap();
        let said = ask(&bench, "-sha1", "issuer.pem", "c.pem", "-no_nonce");
        assert!(said.contains("Response verify OK") && said.contains("certificateHold"), "{said}");
        bench.authority.resume(&issued.serial).unwrap();
        assert!(ask(&bench, "-sha1", "issuer.pem", "c.pem", "-no_nonce").contains("c.pem: good"));
        bench.authority.revoke(&issued.serial, RevocationReason::KeyCompromise).unwrap();
        let said = ask(&bench, "-sha256", "issuer.pem", "c.pem", "-no_nonce");
        assert!(said.contains("c.pem: revoked") && said.contains("keyCompromise"), "{said}");
    }
}

#[test]
fn openssl_accepts_the_status_of_the_intermediate() {
    let bench = Bench::new(KeyKind::Rsa, true);
    let said = ask(&bench, "-sha1", "root.pem", "issuer.pem", "-no_nonce");
    assert!(said.contains("Response verify OK") && said.contains("issuer.pem: good"), "{said}");
}

#[test]
fn a_certificate_that_was_never_issued_is_unknown() {
    let bench = Bench::new(KeyKind::Ec, true);
    bench.accepts(&[
        "ocsp",
        "-sha1",
        "-issuer",
        "issuer.pem",
        "-serial",
        "12345",
        "-no_nonce",
        "-reqout",
        "q.der",
    ]);
    bench.write("r.der", &bench.authority.answer_ocsp(&bench.read("q.der")));
    let judge = [
        "ocsp",
        "-respin",
        "r.der",
        "-issuer",
        "issuer.pem",
        "-serial",
        "12345",
        "-CAfile",
        "root.pem",
        "-verify_other",
        "issuer.pem",
    ];
    let said = said(&bench.openssl(&judge));
    assert!(said.contains("Response verify OK") && said.contains("12345: unknown"), "{said}");
    // What the issuing authority issued is unknown when it is asked for as the root's.
    let issued = bench.signing("c");
    let serial = format!("0x{}", issued.serial);
    bench.accepts(&[
        "ocsp",
        "-sha1",
        "-issuer",
        "root.pem",
        "-serial",
        &serial,
        "-no_nonce",
        "-reqout",
        "q.der",
    ]);
    bench.write("r.der", &bench.authority.answer_ocsp(&bench.read("q.der")));
    let shown = bench.openssl(&["ocsp", "-respin", "r.der", "-noverify", "-text"]);
    assert!(crate::bench::said(&shown).contains("Cert Status: unknown"));
}

#[test]
fn another_issuer_and_garbage_get_answers_of_their_own() {
    let bench = Bench::new(KeyKind::Ec, false);
    let other = Bench::new(KeyKind::Ec, false);
    bench.signing("c");
    other.write("c.pem", &bench.read("c.pem"));
    other.accepts(&["ocsp", "-sha1", "-issuer", "root.pem", "-serial", "1", "-no_nonce", "-reqout", "q.der"]);
    let unauthorized = [0x30, 3, 0x0a, 1, 6];
    assert_eq!(bench.authority.answer_ocsp(&other.read("q.der")), unauthorized);
    let malformed = [0x30, 3, 0x0a, 1, 1];
    let query = other.read("q.der");
    for length in 0..query.len() {
        assert_eq!(bench.authority.answer_ocsp(&query[..length]), malformed, "{length}");
    }
    assert_eq!(bench.authority.answer_ocsp(&vec![0x30; 20_000]), malformed);
    assert_eq!(bench.authority.answer_ocsp(b"\x30\x04\x30\x02\x30\x00"), malformed, "nobody is asked about");
    bench.authority.drills().set_ocsp_busy(true);
    assert_eq!(bench.authority.answer_ocsp(&query), [0x30, 3, 0x0a, 1, 3]);
}

#[test]
fn revoked_is_for_good_and_unknown_serials_are_refused() {
    let bench = Bench::new(KeyKind::Ec, false);
    let issued = bench.signing("c");
    let authority = &bench.authority;
    assert_eq!(authority.revoke("00", RevocationReason::Unspecified), Err(IssueRefusal::NotIssued));
    assert_eq!(authority.suspend("zz"), Err(IssueRefusal::NotIssued));
    assert_eq!(authority.revoke(&issued.serial, RevocationReason::Superseded), Ok(()));
    assert_eq!(authority.revoke(&issued.serial, RevocationReason::Unspecified), Ok(()));
    assert_eq!(authority.resume(&issued.serial), Err(IssueRefusal::Revoked));
    assert_eq!(authority.suspend(&issued.serial), Err(IssueRefusal::Revoked));
    assert!(ask(&bench, "-sha1", "issuer.pem", "c.pem", "-no_nonce").contains("superseded"));
}

#[test]
fn drills_make_answers_that_openssl_refuses() {
    let bench = Bench::new(KeyKind::Rsa, true);
    bench.signing("c");
    let ask = || ask(&bench, "-sha1", "issuer.pem", "c.pem", "-no_nonce");
    let drills = bench.authority.drills();
    drills.set_ocsp_wrong_signer(true);
    assert!(ask().contains("Response Verify Failure"));
    drills.set_ocsp_wrong_signer(false);
    drills.set_ocsp_broken_signature(true);
    assert!(ask().contains("Response Verify Failure"));
    drills.set_ocsp_broken_signature(false);
    drills.stale(7200);
    assert!(ask().contains("status too old"));
    drills.stale(-7200);
    assert!(ask().contains("status not yet valid"));
    drills.stale(0);
    drills.set_ocsp_past_next_update(true);
    bench.hands.advance(SignedDuration::from_mins(-10));
    assert!(ask().contains("status expired"));
    bench.hands.advance(SignedDuration::from_mins(10));
    drills.set_ocsp_past_next_update(false);
    let said = ask();
    assert!(said.contains("Response verify OK") && said.contains("c.pem: good"), "{said}");
}
