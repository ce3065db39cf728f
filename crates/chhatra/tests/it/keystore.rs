//! Keys, requests and certificates on the command line, with openssl as the CA and as the judge.

use crate::tools::{PIN, Setup};
use serde_json::Value;

/// A key of this usage; its identifier.
fn generate(setup: &Setup, usage: &str, algorithm: &str) -> String {
    let outcome = setup.keystore("generate", &["--usage", usage, "--algorithm", algorithm]);
    outcome.fine().trim().to_owned()
}

/// A CA made by openssl: `ca.key`, `ca.pem`.
fn authority(setup: &Setup) {
    let subject =
        ["-subj", "/O=Test/CN=Test CA", "-days", "30", "-addext", "basicConstraints=critical,CA:TRUE"];
    let key = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem"];
    setup.openssl(&[&key[..], &subject].concat()).fine();
}

/// A certificate for a request, with this key usage.
fn certify(setup: &Setup, request: &str, out: &str, key_usage: &str) {
    setup.write("ext", format!("keyUsage=critical,{key_usage}\n"));
    let ca = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "20", "-extfile", "ext"];
    setup.openssl(&[&["x509", "-req", "-in", request, "-out", out][..], &ca].concat()).fine();
}

fn certificate(key: &Value) -> &Value {
    &key["certificates"][0]
}

#[test]
fn the_first_key_makes_the_keystore_and_openssl_accepts_its_request() {
    let setup = Setup::new();
    for (algorithm, listed) in [("rsa-2048", "RSA-2048"), ("rsa-3072", "RSA-3072"), ("p-256", "EC-P256")] {
        let key = generate(&setup, "signing", algorithm);
        let outcome = setup.keystore(
            "csr",
            &["--key", &key, "--profile", "ejbca", "--out", &setup.path(&key).display().to_string()],
        );
        outcome.fine();
        let judged = setup.openssl(&["req", "-in", &key, "-verify", "-noout", "-subject"]);
        assert!(judged.err.contains("verify OK") || judged.out.contains("verify OK"), "{judged:?}");
        assert!(judged.out.contains("C = EX, O = GOV, CN = M1"), "{judged:?}");
        assert!(setup.keys().iter().any(|held| held["id"] == *key && held["algorithm"] == listed));
    }
}

#[test]
fn a_request_follows_the_profile_or_the_subject_that_was_given() {
    let setup = Setup::new();
    let key = generate(&setup, "authentication", "p-256");
    let csr = |rest: &[&str]| setup.keystore("csr", &[&["--key", &key], rest].concat());
    csr(&["--profile", "basic"]).refused(1, "the profile leaves open: CN, C");
    csr(&["--profile", "basic", "--set", "C=KH", "--set", "O=Other"])
        .refused(1, "the profile itself says what O is");
    csr(&["--profile", "basic", "--set", "L=Here"]).refused(1, "has no field L");
    csr(&["--profile", "mine"]).refused(1, "\"mine\" is unknown");
    csr(&["--profile", "basic", "--subject", "CN=a"]).refused(2, "cannot be used with");
    setup
        .keystore("csr", &["--key", "AB", "--subject", "CN=a"])
        .refused(1, "40 upper-case hexadecimal digits");
    let none = "0".repeat(40);
    setup.keystore("csr", &["--key", &none, "--subject", "CN=a"]).refused(1, "there is no key");

    let filled =
        csr(&["--profile", "basic", "--set", "C=KH", "--set", "CN=ss1.example", "--member-name", "Ministry"])
            .fine();
    let file = setup.write("a.pem", filled);
    let judged = setup.openssl(&["req", "-in", &file, "-noout", "-subject"]).fine();
    assert!(judged.contains("CN = ss1.example, serialNumber = M1, C = KH, O = Ministry"), "{judged}");

    let out = setup.path("b.der").display().to_string();
    let own = ["--subject", "CN=ss1, C=KH", "--name", "ss1.example", "--form", "der", "--out", &out];
    csr(&own).fine();
    let judged = setup.openssl(&["req", "-inform", "DER", "-in", "b.der", "-noout", "-text"]).fine();
    assert!(judged.contains("CN = ss1, C = KH") && judged.contains("DNS:ss1.example"), "{judged}");
    assert!(judged.contains("Digital Signature, Key Encipherment, Data Encipherment"), "{judged}");
    csr(&own).refused(1, "b.der cannot be made");
}

#[test]
fn a_signing_certificate_is_active_at_once_and_an_authentication_certificate_when_it_is_switched_on() {
    let setup = Setup::new();
    authority(&setup);
    for usage in ["signing", "authentication"] {
        let key = generate(&setup, usage, "p-256");
        let out = setup.path(usage).display().to_string();
        setup.keystore("csr", &["--key", &key, "--profile", "ejbca", "--out", &out]).fine();
    }
    certify(&setup, "signing", "sign.pem", "nonRepudiation");
    certify(&setup, "authentication", "auth.pem", "digitalSignature,keyEncipherment");

    let sign = setup.path("sign.pem").display().to_string();
    // Nobody can know whose it is while there is no global configuration.
    setup.keystore("import", &[&sign]).refused(1, "--member INSTANCE/CLASS/CODE");
    setup.keystore("import", &[&sign, "--member", "EX/GOV/M1"]).fine();
    setup.keystore("import", &[&sign, "--member", "EX/GOV/M1"]).refused(1, "already has this certificate");
    let keys = setup.keys();
    assert_eq!(
        (&certificate(&keys[0])["active"], &certificate(&keys[0])["member"]),
        (&true.into(), &"EX/GOV/M1".into())
    );

    let told = setup.keystore("import", &[&setup.path("auth.pem").display().to_string()]).fine();
    let keys = setup.keys();
    let auth = certificate(&keys[1]);
    assert_eq!((&auth["active"], &auth["server"]), (&false.into(), &"EX/GOV/M1/SS1".into()));
    assert!(told.contains("not active") && told.contains("keystore activate"), "{told}");
    let sha256 = auth["sha256"].as_str().unwrap();
    setup.openssl(&["x509", "-in", "auth.pem", "-outform", "DER", "-out", "auth.der"]).fine();
    let digest = setup.openssl(&["dgst", "-sha256", "-r", "auth.der"]).fine();
    assert!(digest.starts_with(sha256), "{digest}");
    setup.keystore("activate", &[&sha256[..4]]).refused(1, "eight hexadecimal digits");
    setup.keystore("activate", &["0011223344556677"]).refused(1, "no certificate here");
    setup.keystore("activate", &[&sha256[..12]]).fine();
    assert_eq!(certificate(&setup.keys()[1])["active"], true);
    setup.keystore("deactivate", &[sha256]).fine();
    assert_eq!(certificate(&setup.keys()[1])["active"], false);
}

#[test]
fn a_certificate_of_no_key_or_of_the_other_kind_is_refused() {
    let setup = Setup::new();
    authority(&setup);
    let ca = setup.path("ca.pem").display().to_string();
    setup.keystore("import", &[&ca]).refused(1, "no key in this keystore belongs to the certificate");
    let key = generate(&setup, "signing", "p-256");
    let out = setup.path("r.pem").display().to_string();
    setup.keystore("csr", &["--key", &key, "--subject", "CN=a", "--out", &out]).fine();
    certify(&setup, "r.pem", "wrong.pem", "digitalSignature");
    let wrong = setup.path("wrong.pem").display().to_string();
    setup
        .keystore("import", &[&wrong, "--member", "EX/GOV/M1"])
        .refused(1, "is for signing, the certificate is for authentication");
    let text = setup.write("text", "hello");
    setup.keystore("import", &[&text]).refused(1, "is not a certificate");
    setup.keystore("import", &[&text, "--usage", "signing"]).refused(1, "not a private key that can be read");
    setup.keystore("import", &["/nowhere/at/all"]).refused(1, "/nowhere/at/all cannot be read");
}

#[test]
fn the_internal_tls_certificate_is_made_with_its_key() {
    let setup = Setup::new();
    generate(&setup, "internal-tls", "rsa-2048");
    setup
        .keystore(
            "generate",
            &[
                "--usage",
                "internal-tls",
                "--algorithm",
                "p-256",
                "--name",
                "gw.example",
                "--name",
                "10.0.0.1",
            ],
        )
        .fine();
    let keys = setup.keys();
    // Of two, the newest is active.
    assert_eq!(certificate(&keys[0])["active"], false);
    assert_eq!(certificate(&keys[1])["active"], true);
    assert_eq!(certificate(&keys[1])["subject"], "CN=gw.example");
    setup
        .keystore("generate", &["--usage", "signing", "--name", "gw.example"])
        .refused(1, "--name is for internal TLS keys");
}

/// The public key that our request shows for a key.
fn public_key(setup: &Setup, key: &str) -> String {
    let request = setup.keystore("csr", &["--key", key, "--subject", "CN=x"]).fine();
    let file = setup.write("x.pem", request);
    setup.openssl(&["req", "-in", &file, "-noout", "-pubkey"]).fine()
}

#[test]
fn a_key_made_by_openssl_is_taken_in_from_pem_and_from_pkcs12() {
    let setup = Setup::new();
    setup
        .openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "plain.pem"])
        .fine();
    setup
        .openssl(&["pkcs8", "-topk8", "-in", "plain.pem", "-passout", "pass:secret", "-out", "sealed.pem"])
        .fine();
    let expected = setup.openssl(&["pkey", "-in", "plain.pem", "-pubout"]).fine();
    let sealed = setup.path("sealed.pem").display().to_string();
    setup.keystore("import", &[&sealed]).refused(1, "say what it is for with --usage");
    setup.keystore("import", &[&sealed, "--usage", "signing"]).refused(1, "the key is encrypted");
    let passphrase = setup.write("passphrase", "secret\n");
    setup
        .keystore("import", &[&sealed, "--usage", "signing", "--pin-file", &passphrase])
        .refused(1, "chmod 600");
    setup.mode("passphrase", 0o600);
    let took = ["--usage", "signing", "--label", "theirs", "--pin-file", &passphrase];
    setup.keystore("import", &[&[sealed.as_str()], &took[..]].concat()).fine();
    let keys = setup.keys();
    assert_eq!(keys[0]["label"], "theirs");
    assert_eq!(public_key(&setup, keys[0]["id"].as_str().unwrap()), expected);

    authority(&setup);
    setup
        .openssl(&[
            "pkcs12",
            "-export",
            "-inkey",
            "ca.key",
            "-in",
            "ca.pem",
            "-name",
            "it",
            "-passout",
            "pass:secret",
            "-out",
            "ca.p12",
        ])
        .fine();
    let p12 = setup.path("ca.p12").display().to_string();
    setup.keystore("import-p12", &[&p12, "--pin-file", &passphrase]).refused(2, "--usage");
    let wrong = setup.write("wrong", "another\n");
    setup.mode("wrong", 0o600);
    setup
        .keystore("import-p12", &[&p12, "--pin-file", &wrong, "--usage", "internal-tls"])
        .refused(1, "the password does not open the key file");
    setup.keystore("import-p12", &[&p12, "--pin-file", &passphrase, "--usage", "internal-tls"]).fine();
    let expected = setup.openssl(&["pkey", "-in", "ca.key", "-pubout"]).fine();
    let keys = setup.keys();
    assert_eq!(public_key(&setup, keys[1]["id"].as_str().unwrap()), expected);
    assert_eq!(certificate(&keys[1])["active"], false);
}

#[test]
fn the_pin_is_a_good_one_that_nobody_else_can_read_and_the_right_one() {
    let setup = Setup::new();
    setup.mode("pin", 0o640);
    setup.keystore("generate", &["--usage", "signing"]).refused(1, "can be read by others; run: chmod 600");
    setup.mode("pin", 0o600);
    setup.write("pin", "1234");
    setup.keystore("generate", &["--usage", "signing"]).refused(1, "is too weak");
    setup.write("pin", "\n");
    setup.keystore("generate", &["--usage", "signing"]).refused(1, "its first line must be the PIN");
    setup.keystore("list", &[]).refused(1, "its first line must be the PIN");
    setup.write("pin", PIN);
    setup.keystore("list", &[]).refused(1, "holds no keystore");
    generate(&setup, "signing", "p-256");
    setup.write("pin", "Practice-1235");
    setup.keystore("list", &[]).refused(1, "the PIN is wrong");
    std::fs::remove_file(setup.path("pin")).unwrap();
    setup.keystore("list", &[]).refused(1, "the PIN file");
}

#[test]
fn a_list_shows_no_secret() {
    let setup = Setup::new();
    let key = generate(&setup, "signing", "p-256");
    let shown = [setup.keystore("list", &[]).fine(), setup.keystore("list", &["--json"]).fine()].concat();
    assert!(shown.contains(&key));
    assert!(!shown.contains(PIN) && !shown.contains("PRIVATE"), "{shown}");
    let sealed = std::fs::read(setup.path(&format!("state/keystore/{key}.key"))).unwrap();
    assert!(!sealed.windows(PIN.len()).any(|window| window == PIN.as_bytes()));
}
