//! Certificates as issued, read and verified by openssl.

use crate::bench::Bench;
use practice::{KeyKind, PracticeAuthority, Profile, Status};

#[test]
fn openssl_verifies_every_certificate_strictly() {
    for bench in Bench::all() {
        let verify = |name: &str, purpose: &str| {
            let arguments = [
                "verify",
                "-x509_strict",
                "-CAfile",
                "root.pem",
                "-untrusted",
                "issuer.pem",
                "-purpose",
                purpose,
                name,
            ];
            assert!(bench.accepts(&arguments).contains(": OK"));
        };
        bench.signing("sign");
        verify("sign.pem", "any");
        let auth = bench.authority.issue_authentication(&bench.rsa_request("auth")).unwrap();
        bench.write("auth.pem", auth.pem().as_bytes());
        verify("auth.pem", "sslclient");
        verify("auth.pem", "sslserver");
        verify("tsa.pem", "timestampsign");
        bench.write("ocsp.der", bench.authority.ocsp_certificate());
        verify("ocsp.der", "ocsphelper");
        bench.write("root-ocsp.der", bench.authority.root_ocsp_certificate());
        verify("root-ocsp.der", "ocsphelper");
    }
}

#[test]
fn the_two_profiles_differ_in_their_usages() {
    let bench = Bench::new(KeyKind::Rsa, false);
    let shown = |name: &str, pem: String| {
        bench.write(name, pem.as_bytes());
        bench.accepts(&["x509", "-in", name, "-noout", "-text", "-nameopt", "RFC2253"])
    };
    let sign = shown("s.pem", bench.authority.issue_signing(&bench.rsa_request("s")).unwrap().pem());
    assert!(sign.contains("X509v3 Key Usage: critical\n                Non Repudiation\n"), "{sign}");
    assert!(!sign.contains("Extended Key Usage"));
    assert!(sign.contains("OCSP - URI:http://127.0.0.1:8888/"));
    assert!(sign.contains("CA:FALSE") && sign.contains("X509v3 Authority Key Identifier"));
    assert!(sign.contains("Subject: serialNumber=SS1,CN=MOC,OU=GOV,O=CAMBODIA,C=KH"), "{sign}");
    let auth = shown("a.pem", bench.authority.issue_authentication(&bench.rsa_request("a")).unwrap().pem());
    assert!(auth.contains("Digital Signature, Key Encipherment, Data Encipherment"), "{auth}");
    assert!(auth.contains("TLS Web Client Authentication, TLS Web Server Authentication"));
    let key = &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
    let elliptic = bench.request("e", key, "/CN=x", "-sha384");
    let auth = shown("e.pem", bench.authority.issue_authentication(&elliptic).unwrap().pem());
    assert!(auth.contains("Digital Signature, Key Agreement"), "{auth}");
    bench.write("tsa2.der", bench.authority.tsa_certificate());
    let tsa = bench.accepts(&["x509", "-inform", "DER", "-in", "tsa2.der", "-noout", "-text"]);
    assert!(tsa.contains("X509v3 Extended Key Usage: critical\n                Time Stamping\n"), "{tsa}");
}

#[test]
fn requests_of_every_sound_kind_are_taken_and_the_subject_is_kept_as_it_came() {
    let bench = Bench::new(KeyKind::Ec, false);
    let kinds: [(&[&str], &str); 6] = [
        (&["rsa:2048"], "-sha512"),
        (&["rsa:3072"], "-sha384"),
        (&["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "-sha512"),
        (&["ec", "-pkeyopt", "ec_paramgen_curve:P-384"], "-sha256"),
        (&["ec", "-pkeyopt", "ec_paramgen_curve:P-384"], "-sha384"),
        (&["ec", "-pkeyopt", "ec_paramgen_curve:P-384"], "-sha512"),
    ];
    for (kind, digest) in kinds {
        let request = bench.request("k", kind, "/C=KH/O=ក្រសួង/CN=a,b+c/serialNumber=ü", digest);
        let issued = bench.authority.issue_signing(&request).unwrap();
        bench.write("k.pem", issued.pem().as_bytes());
        let name = |arguments: &[&str]| bench.accepts(arguments).trim_start_matches("subject=").to_owned();
        let asked = name(&["req", "-in", "k.csr", "-noout", "-subject", "-nameopt", "RFC2253,dump_all"]);
        assert_eq!(
            asked,
            name(&["x509", "-in", "k.pem", "-noout", "-subject", "-nameopt", "RFC2253,dump_all"])
        );
        let asked = bench.accepts(&["req", "-in", "k.csr", "-noout", "-pubkey"]);
        assert_eq!(asked, bench.accepts(&["x509", "-in", "k.pem", "-noout", "-pubkey"]));
        bench.accepts(&["req", "-in", "k.csr", "-outform", "DER", "-out", "k.csr.der"]);
        assert!(bench.authority.issue_signing(&bench.read("k.csr.der")).is_ok(), "DER is taken like PEM");
    }
}

#[test]
fn what_was_issued_is_in_the_register() {
    let bench = Bench::new(KeyKind::Rsa, true);
    let own = bench.authority.issued();
    assert_eq!(own.len(), 4, "issuing authority, two OCSP signers, time-stamper");
    assert!(own.iter().all(|entry| entry.profile == Profile::Own && entry.status == Status::Good));
    let issued = bench.signing("s");
    assert_eq!(PracticeAuthority::serial_of(&issued.der), Some(issued.serial.clone()));
    assert_eq!(PracticeAuthority::serial_of(issued.pem().as_bytes()), Some(issued.serial.clone()));
    let entry = bench.authority.issued().into_iter().find(|entry| entry.serial == issued.serial).unwrap();
    assert_eq!((entry.profile, entry.by_root), (Profile::Signing, false));
    assert_eq!(entry.certificate, issued.der);
}
