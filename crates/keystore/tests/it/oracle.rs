//! OpenSSL's opinion on our requests and certificates.

use keystore::{AlternativeName, KeyAlgorithm, KeyUsage, SelfSigned, Subject};

use crate::common::{openssl, room, said, vectors};

const KINDS: [KeyAlgorithm; 2] = [KeyAlgorithm::Rsa2048, KeyAlgorithm::EcP256];

#[test]
fn openssl_verifies_our_requests_and_finds_what_the_profile_asks_for() {
    let room = room();
    let dir = room.dir.path();
    let names =
        [AlternativeName::parse("ss1.example.org").unwrap(), AlternativeName::parse("127.0.0.3").unwrap()];
    let cases = [
        (KeyUsage::Signing, "C=DEV, O=COM, CN=1234", "Non Repudiation, Certificate Sign", &[][..]),
        (
            KeyUsage::Authentication,
            "C=DEV, CN=SS1",
            "Digital Signature, Key Encipherment, Data Encipherment",
            &names[..],
        ),
        (KeyUsage::InternalTls, "CN=ss1", "Digital Signature, Key Encipherment", &names[..]),
    ];
    for kind in KINDS {
        for (usage, subject, bits, names) in cases {
            let id = room.keystore.generate(usage, kind, "key").unwrap();
            let request = room.keystore.csr(&id, &Subject::parse(subject).unwrap(), names).unwrap();
            std::fs::write(dir.join("r.der"), request.der()).unwrap();
            std::fs::write(dir.join("r.pem"), request.pem()).unwrap();
            for form in [["-inform", "DER", "-in", "r.der"], ["-inform", "PEM", "-in", "r.pem"]] {
                let text = said(&openssl(dir, &[&["req", "-verify", "-noout", "-text"][..], &form].concat()));
                let printed = subject.replace('=', " = ");
                assert!(text.contains("verify OK"), "{text}");
                assert!(text.contains(&format!("Subject: {printed}\n")), "{text}");
                assert!(text.contains("X509v3 Key Usage: \n"), "not critical: {text}");
                assert!(text.contains(&format!("    {bits}\n")), "{text}");
                assert_eq!(
                    text.contains("DNS:ss1.example.org, IP Address:127.0.0.3"),
                    !names.is_empty(),
                    "{text}"
                );
            }
        }
    }
}

#[test]
fn a_subject_keeps_the_order_and_the_string_types_of_the_profile() {
    let room = room();
    let id = room.keystore.generate(KeyUsage::Signing, KeyAlgorithm::EcP256, "key").unwrap();
    let fields = [
        ("CN", "ក្រសួងមហាផ្ទៃ"),
        ("O", "Ministry, of \"Interior\" + more"),
        ("businessCategory", "GOV"),
        ("C", "KH"),
        ("serialNumber", "MOI"),
    ];
    let request = room.keystore.csr(&id, &Subject::new(fields).unwrap(), &[]).unwrap();
    std::fs::write(room.dir.path().join("r.der"), request.der()).unwrap();
    let text = said(&openssl(room.dir.path(), &["asn1parse", "-inform", "DER", "-in", "r.der"]));
    let strings: Vec<&str> = text.lines().filter_map(|line| line.split("prim: ").nth(1)).collect();
    let at = |what: &str| {
        strings.iter().position(|s| s.starts_with(what)).unwrap_or_else(|| panic!("{what} in {text}"))
    };
    let order = [
        at("OBJECT            :commonName"),
        at("OBJECT            :organizationName"),
        at("OBJECT            :businessCategory"),
        at("OBJECT            :countryName"),
        at("PRINTABLESTRING   :KH"),
        at("OBJECT            :serialNumber"),
        at("PRINTABLESTRING   :MOI"),
    ];
    assert!(order.is_sorted(), "{order:?}");
    assert!(strings[order[1] + 1].starts_with("UTF8STRING        :Ministry, of \"Interior\" + more"));
}

#[test]
fn openssl_verifies_the_internal_tls_certificate() {
    let room = room();
    let dir = room.dir.path();
    for kind in KINDS {
        let id = room.keystore.generate(KeyUsage::InternalTls, kind, "tls").unwrap();
        let certificate = room
            .keystore
            .self_signed(
                &id,
                &SelfSigned::InternalTls {
                    common_name: "ss1".to_owned(),
                    alternative_names: ["ss1", "localhost", "127.0.0.3", "::1"]
                        .map(|n| AlternativeName::parse(n).unwrap())
                        .into(),
                    not_before: "2020-01-01T00:00:00Z".parse().unwrap(),
                    not_after: "2049-12-31T23:59:59Z".parse().unwrap(),
                },
            )
            .unwrap();
        std::fs::write(dir.join("c.der"), certificate.der()).unwrap();
        openssl(dir, &["x509", "-inform", "DER", "-in", "c.der", "-out", "c.pem"]);
        let verified = openssl(
            dir,
            &[
                "verify",
                "-check_ss_sig",
                "-x509_strict",
                "-purpose",
                "sslserver",
                "-verify_hostname",
                "localhost",
                "-CAfile",
                "c.pem",
                "c.pem",
            ],
        );
        assert!(said(&verified).contains("c.pem: OK"));
        let text = said(&openssl(dir, &["x509", "-in", "c.pem", "-noout", "-text"]));
        assert!(
            text.contains("DNS:ss1, DNS:localhost, IP Address:127.0.0.3, IP Address:0:0:0:0:0:0:0:1"),
            "{text}"
        );
        assert!(text.contains("CA:FALSE"), "{text}");
        let key = room.keystore.tls_key_der(&id).unwrap();
        std::fs::write(dir.join("k.der"), key.as_slice()).unwrap();
        let public = openssl(dir, &["pkey", "-inform", "DER", "-in", "k.der", "-pubout"]).stdout;
        assert_eq!(public, openssl(dir, &["x509", "-in", "c.pem", "-noout", "-pubkey"]).stdout);
    }
}

#[test]
fn a_late_validity_is_written_with_four_digits() {
    let room = room();
    let id = room.keystore.generate(KeyUsage::InternalTls, KeyAlgorithm::EcP256, "tls").unwrap();
    let (not_before, not_after) =
        ("2049-12-31T23:59:59Z".parse().unwrap(), "2050-01-01T00:00:00Z".parse().unwrap());
    let shape = SelfSigned::InternalTls {
        common_name: "x".to_owned(),
        alternative_names: vec![],
        not_before,
        not_after,
    };
    let certificate = room.keystore.self_signed(&id, &shape).unwrap();
    assert_eq!((certificate.not_before(), certificate.not_after()), (not_before, not_after));
    std::fs::write(room.dir.path().join("c.der"), certificate.der()).unwrap();
    let text = said(&openssl(room.dir.path(), &["asn1parse", "-inform", "DER", "-in", "c.der"]));
    assert!(text.contains("UTCTIME           :491231235959Z"), "{text}");
    assert!(text.contains("GENERALIZEDTIME   :20500101000000Z"), "{text}");
}

/// The certificate of a configuration signing key says nothing but its key: everything else is fixed. So ours must
/// equal a central server's byte for byte once key and signature are taken out.
#[test]
fn a_configuration_certificate_is_that_of_a_central_server() {
    let room = room();
    let Some(vectors) = vectors() else { return };
    let dir = vectors.join("recorded/keys/cs");
    let cases =
        [("14007dab-846c-43dd-b73c-b492d4e78867", false), ("c4459f64-5ddb-428c-9ce9-210e788b025c", true)];
    for (name, external) in cases {
        let file =
            |kind: &str| std::fs::read(dir.join(format!("sign-DEV-selfsigned-{name}.{kind}.der"))).unwrap();
        let id = room.keystore.import_key(&file("key"), None, KeyUsage::Configuration, "cs").unwrap();
        let ours = room.keystore.self_signed(&id, &SelfSigned::Configuration { external }).unwrap();
        // RSA PKCS#1 has no chance in it: with the same key the signature is the same, too.
        assert_eq!(ours.der(), file("cert"), "{name}");
    }
    let id = room.keystore.generate(KeyUsage::Configuration, KeyAlgorithm::EcP256, "ec").unwrap();
    let ours = room.keystore.self_signed(&id, &SelfSigned::Configuration { external: false }).unwrap();
    std::fs::write(room.dir.path().join("c.der"), ours.der()).unwrap();
    let text =
        said(&openssl(room.dir.path(), &["x509", "-inform", "DER", "-in", "c.der", "-noout", "-text"]));
    assert!(text.contains("ecdsa-with-SHA512"), "{text}");
    assert!(text.contains("Subject: CN = internalSigningKey"), "{text}");
}
