//! Time-stamps, judged by openssl the way X-Road asks.

use crate::bench::{Bench, said};
use jiff::SignedDuration;
use practice::KeyKind;

/// Asks with these options of `openssl ts -query`; the answer is `r.tsr`.
fn ask(bench: &Bench, options: &[&str]) {
    bench.write("m", b"the message");
    let mut query = vec!["ts", "-query", "-data", "m", "-out", "q.tsq"];
    query.extend(options);
    bench.accepts(&query);
    bench.write("r.tsr", &bench.authority.answer_tsa(&bench.read("q.tsq")));
}

const JUDGE: [&str; 9] =
    ["ts", "-verify", "-in", "r.tsr", "-queryfile", "q.tsq", "-CAfile", "root.pem", "-untrusted"];

fn judge(bench: &Bench) -> String {
    let arguments: Vec<&str> = JUDGE.into_iter().chain(["tsa.pem"]).collect();
    said(&bench.openssl(&arguments))
}

#[test]
fn openssl_accepts_stamps_asked_for_in_every_way() {
    for bench in Bench::all() {
        for options in [
            &["-sha512", "-no_nonce"][..],
            &["-sha512"],
            &["-sha256", "-cert"],
            &["-sha384", "-no_nonce", "-cert"],
            &["-sha512", "-tspolicy", "1.3.6.1.4.1.32473.1.1"],
        ] {
            ask(&bench, options);
            let said = judge(&bench);
            assert!(said.contains("Verification: OK"), "{options:?}: {said}");
            let with_certificate = options.contains(&"-cert");
            let alone = ["ts", "-verify", "-in", "r.tsr", "-queryfile", "q.tsq", "-CAfile", "root.pem"];
            let alone = bench.openssl(&alone);
            assert_eq!(alone.status.success(), with_certificate, "the certificate comes only when asked for");
        }
        bench.accepts(&["ts", "-reply", "-in", "r.tsr", "-token_out", "-out", "t.tst"]);
        let cms = [
            "cms",
            "-verify",
            "-inform",
            "DER",
            "-in",
            "t.tst",
            "-CAfile",
            "root.pem",
            "-certfile",
            "tsa.pem",
            "-purpose",
            "timestampsign",
            "-binary",
            "-out",
            "info.der",
        ];
        bench.accepts(&cms);
        let token = [
            "ts",
            "-verify",
            "-in",
            "t.tst",
            "-token_in",
            "-data",
            "m",
            "-CAfile",
            "tsa.pem",
            "-partial_chain",
        ];
        assert!(said(&bench.openssl(&token)).contains("OK") || !bench.openssl(&token).status.success());
    }
}

#[test]
fn a_stamp_is_over_what_was_asked_and_nothing_else() {
    let bench = Bench::new(KeyKind::Rsa, false);
    ask(&bench, &["-sha512", "-no_nonce"]);
    bench.write("other", b"another message");
    let over_other =
        ["ts", "-verify", "-in", "r.tsr", "-data", "other", "-CAfile", "root.pem", "-untrusted", "tsa.pem"];
    assert!(said(&bench.openssl(&over_other)).contains("message imprint mismatch"));
    // What is signed, and the signature: openssl is lax about the unsigned shell around them.
    let answer = bench.read("r.tsr");
    let query = bench.read("q.tsq");
    let imprint = &query[query.len() - 64..];
    let start = answer.windows(64).position(|window| window == imprint).unwrap() - 20;
    for at in (start..start + 100).chain(answer.len() - 256..answer.len()).step_by(7) {
        let mut changed = answer.clone();
        changed[at] ^= 1;
        bench.write("r.tsr", &changed);
        assert!(!judge(&bench).contains("Verification: OK"), "byte {at}");
    }
}

#[test]
fn refuses_with_a_reason() {
    let bench = Bench::new(KeyKind::Ec, false);
    let check = |options: &[&str], reason: &str| {
        ask(&bench, options);
        let shown = bench.accepts(&["ts", "-reply", "-in", "r.tsr", "-text"]);
        assert!(shown.contains("Status: Rejected.") && shown.contains(reason), "{options:?}: {shown}");
        assert!(shown.contains("Not included"), "no token: {shown}");
    };
    check(&["-sha1"], "unrecognized or unsupported algorithm identifier");
    check(&["-sha224"], "unrecognized or unsupported algorithm identifier");
    check(&["-sha512", "-tspolicy", "1.2.3.4"], "the requested TSA policy is not supported by the TSA");
    ask(&bench, &["-sha512"]);
    let query = bench.read("q.tsq");
    for length in 0..query.len() {
        bench.write("r.tsr", &bench.authority.answer_tsa(&query[..length]));
        let shown = bench.accepts(&["ts", "-reply", "-in", "r.tsr", "-text"]);
        assert!(shown.contains("the data submitted has the wrong format"), "{length}: {shown}");
    }
    let mut short = query.clone();
    // The imprint says SHA-256 but has the length of SHA-512.
    let at = short.windows(3).position(|w| w == [4, 2, 3]).unwrap() + 2;
    short[at] = 1;
    bench.write("r.tsr", &bench.authority.answer_tsa(&short));
    let shown = bench.accepts(&["ts", "-reply", "-in", "r.tsr", "-text"]);
    assert!(shown.contains("the data submitted has the wrong format"), "{shown}");
    assert_eq!(bench.authority.answer_tsa(&vec![0x30; 5000]), bench.authority.answer_tsa(b""));
    bench.authority.drills().set_tsa_refusing(true);
    check(&["-sha512"], "the request cannot be handled due to system failure");
}

fn number(bench: &Bench) -> u64 {
    ask(bench, &["-sha512", "-no_nonce"]);
    let shown = bench.accepts(&["ts", "-reply", "-in", "r.tsr", "-text"]);
    let line = shown.lines().find_map(|line| line.strip_prefix("Serial number: 0x")).unwrap();
    u64::from_str_radix(line, 16).unwrap()
}

#[test]
fn numbers_count_up_and_the_time_is_the_clocks() {
    let bench = Bench::new(KeyKind::Ec, false);
    assert_eq!([number(&bench), number(&bench), number(&bench)], [1, 2, 3]);
    bench.hands.set("2026-02-01T03:04:05.678Z".parse().unwrap());
    ask(&bench, &["-sha512"]);
    let shown = bench.accepts(&["ts", "-reply", "-in", "r.tsr", "-text"]);
    assert!(shown.contains("Time stamp: Feb  1 03:04:05 2026 GMT"), "{shown}");
    bench.authority.drills().set_tsa_skew(3600);
    ask(&bench, &["-sha512"]);
    let shown = bench.accepts(&["ts", "-reply", "-in", "r.tsr", "-text"]);
    assert!(shown.contains("Time stamp: Feb  1 04:04:05 2026 GMT"), "{shown}");
    bench.hands.advance(SignedDuration::from_secs(1));
}

#[test]
fn drills_make_stamps_that_openssl_refuses() {
    let bench = Bench::new(KeyKind::Rsa, false);
    let drills = bench.authority.drills();
    let switches: [&dyn Fn(bool); 3] =
        [&|on| drills.set_tsa_wrong_signer(on), &|on| drills.set_tsa_broken_signature(on), &|on| {
            drills.set_tsa_wrong_imprint(on)
        }];
    for switch in switches {
        switch(true);
        ask(&bench, &["-sha512", "-no_nonce", "-cert"]);
        assert!(judge(&bench).contains("Verification: FAILED"));
        switch(false);
        ask(&bench, &["-sha512", "-no_nonce", "-cert"]);
        assert!(judge(&bench).contains("Verification: OK"));
    }
}
