//! Certificate requests that are refused.

use crate::bench::Bench;
use practice::{IssueRefusal, KeyKind};

fn refused(bench: &Bench, request: &[u8], refusal: &IssueRefusal) {
    let before = bench.authority.issued().len();
    assert_eq!(bench.authority.issue_signing(request).as_ref(), Err(refusal));
    assert_eq!(bench.authority.issue_authentication(request).as_ref(), Err(refusal));
    assert_eq!(bench.authority.issued().len(), before, "nothing was issued");
}

#[test]
fn refuses_what_is_no_request() {
    let bench = Bench::new(KeyKind::Ec, false);
    let not = |bytes: &[u8]| refused(&bench, bytes, &IssueRefusal::NotARequest);
    not(b"");
    not(b"hello");
    not(b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n");
    not(bench.authority.root_certificate());
    bench.rsa_request("r");
    bench.accepts(&["req", "-in", "r.csr", "-outform", "DER", "-out", "r.der"]);
    let der = bench.read("r.der");
    for length in (0..der.len()).step_by(7) {
        not(&der[..length]);
    }
    not(&[&der[..], b"\0"].concat());
    refused(&bench, &vec![b' '; 16 * 1024 + 1], &IssueRefusal::TooLarge(16 * 1024));
}

#[test]
fn refuses_every_request_in_which_one_byte_was_changed() {
    let bench = Bench::new(KeyKind::Ec, false);
    let key = &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
    bench.request("r", key, "/CN=x", "-sha256");
    bench.accepts(&["req", "-in", "r.csr", "-outform", "DER", "-out", "r.der"]);
    let der = bench.read("r.der");
    assert!(bench.authority.issue_signing(&der).is_ok());
    for at in 0..der.len() {
        let mut changed = der.clone();
        changed[at] ^= 1;
        assert!(bench.authority.issue_signing(&changed).is_err(), "byte {at}");
    }
}

#[test]
fn refuses_weak_and_unknown_keys_and_algorithms() {
    let bench = Bench::new(KeyKind::Ec, false);
    let weak = bench.request("w", &["rsa:1024"], "/CN=x", "-sha256");
    refused(&bench, &weak, &IssueRefusal::KeySize(1024));
    let odd = bench.request("o", &["rsa:2047"], "/CN=x", "-sha256");
    refused(&bench, &odd, &IssueRefusal::KeySize(2047));
    let small = ["rsa:2048", "-pkeyopt", "rsa_keygen_pubexp:3"];
    refused(&bench, &bench.request("e", &small, "/CN=x", "-sha256"), &IssueRefusal::Exponent);
    let sha1 = bench.request("s", &["rsa:2048"], "/CN=x", "-sha1");
    refused(&bench, &sha1, &IssueRefusal::SignatureAlgorithm("1.2.840.113549.1.1.5".to_owned()));
    for curve in ["ec_paramgen_curve:secp256k1", "ec_paramgen_curve:P-521"] {
        let request = bench.request("k", &["ec", "-pkeyopt", curve], "/CN=x", "-sha256");
        refused(&bench, &request, &IssueRefusal::KeyKind);
    }
    refused(&bench, &bench.request("d", &["ed25519"], "/CN=x", "-sha256"), &IssueRefusal::KeyKind);
}

#[test]
fn refuses_an_empty_subject_and_keys_of_its_own() {
    let bench = Bench::new(KeyKind::Rsa, true);
    let request = bench.request("n", &["rsa:2048"], "/", "-sha256");
    refused(&bench, &request, &IssueRefusal::NoSubject);
    for role in ["root", "issuing", "ocsp", "root-ocsp", "tsa"] {
        let key = format!("home/{role}.key");
        bench.accepts(&["req", "-new", "-key", &key, "-subj", "/CN=x", "-out", "own.csr"]);
        refused(&bench, &bench.read("own.csr"), &IssueRefusal::OwnKey);
    }
}

#[test]
fn refuses_a_request_signed_by_another_key() {
    let bench = Bench::new(KeyKind::Ec, false);
    bench.rsa_request("a");
    bench.rsa_request("b");
    for name in ["a", "b"] {
        let (input, out) = (format!("{name}.csr"), format!("{name}.der"));
        bench.accepts(&["req", "-in", &input, "-outform", "DER", "-out", &out]);
    }
    // Same lengths in both: what is said comes from the one, the signature from the other.
    let (mut mixed, other) = (bench.read("a.der"), bench.read("b.der"));
    let signature = mixed.len() - 256;
    mixed.truncate(signature);
    mixed.extend_from_slice(&other[other.len() - 256..]);
    refused(&bench, &mixed, &IssueRefusal::Signature);
}
