//! What we write, judged by programs of others: `xmllint` with the original's schemas, `openssl` over the
//! signed octets.

use crate::practice::{INSTANCE, Key, client, contents, now, private, publish, run, shared, vectors};
use globalconf::parts::{
    read_fetch_interval, read_monitoring, read_next_update, write_fetch_interval, write_monitoring,
    write_next_update,
};
use globalconf::{Anchor, CertificateBytes, Private, Shared, Unwritable, anchor};
use std::path::Path;
use tempfile::TempDir;
use trust::{DigestAlgorithm, SignatureAlgorithm};

fn certificate() -> CertificateBytes {
    // Any bytes will do: the schemas ask for Base64, and certificates are decoded when somebody needs them.
    CertificateBytes::new(&b"bar\n"[..])
}

fn validate(schema: &str, document: &[u8]) {
    let Some(root) = vectors() else { return };
    let schemas = root.join("schemas/xsd");
    let dir = TempDir::new().unwrap();
    // References between the schemas are those of their source tree; the part schemas look for a neighbour.
    copy(&schemas, dir.path());
    std::fs::copy(schemas.join("identifiers.xsd"), dir.path().join("globalconf/identifiers.xsd")).unwrap();
    let path = dir.path().join("globalconf").join(schema);
    run("xmllint", &["--noout", "--nonet", "--schema", path.to_str().unwrap(), "-"], document);
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn anchor() -> Anchor {
    let source = |url: &str| anchor::Source {
        download_url: url.to_owned(),
        verification_certificates: vec![certificate(), certificate()],
    };
    Anchor {
        generated_at: Some(now()),
        instance: "OTHER".to_owned(),
        sources: vec![source("http://other/externalconf"), source("https://other/externalconf")],
    }
}

#[test]
fn shared_parameters_of_every_version_satisfy_its_schema_and_are_read_back() {
    let full = shared(INSTANCE, &[certificate(), certificate()]);
    for version in 2..=6_u8 {
        let mut content = full.clone();
        if version == 2 {
            for server in &mut content.servers {
                server.authentication_certificate_hashes = vec![vec![7; 20]];
            }
        }
        let written = content.write(version).unwrap();
        validate(&format!("v{version}/shared-parameters.xsd"), &written);
        let read = Shared::read(&written, version).unwrap();
        assert_eq!(read.write(version).unwrap(), written);
        assert_eq!(read == content, version == 6, "only version 6 carries everything");
        let hidden = client(&format!("{INSTANCE}/GOV/MOI/civil-registry"));
        assert_eq!(
            read.servers[0].clients.contains(&hidden),
            version > 4,
            "maintenance hides subsystems before 5"
        );
        assert!(read.servers[0].clients.contains(&client(&format!("{INSTANCE}/GOV/MOC"))));
        assert_eq!(read.servers[0].maintenance.is_some(), version > 4);
        assert_eq!(read.members[0].subsystems[0].name.is_some(), version > 4);
        assert_eq!(read.sources.is_empty(), version == 2);
    }
}

#[test]
fn private_parameters_and_anchors_satisfy_their_schemas_and_are_read_back() {
    let mut content = private(INSTANCE);
    content.anchors = vec![anchor(), Anchor { generated_at: None, ..anchor() }];
    content.management.registration_certificate = Some(certificate());
    let written = content.write().unwrap();
    for version in [2, 3] {
        validate(&format!("v{version}/private-parameters.xsd"), &written);
    }
    for version in 2..=6 {
        assert_eq!(Private::read(&written, version).unwrap(), content);
    }
    let written = anchor().write().unwrap();
    validate("v2/private-parameters.xsd", &written);
    assert_eq!(Anchor::read(&written).unwrap(), anchor());
}

#[test]
fn optional_parts_satisfy_their_schemas_and_are_read_back() {
    let who = client("CAMBODIA/GOV/MPTC/monitoring");
    for given in [None, Some(&who)] {
        let written = write_monitoring(given).unwrap();
        validate("monitoring-conf.xsd", &written);
        assert_eq!(read_monitoring(&written).unwrap().as_ref(), given);
    }
    for (given, read) in [(500, 500), (60, 60), (1, 60)] {
        let written = write_fetch_interval(given).unwrap();
        validate("ocsp-fetchinterval-conf.xsd", &written);
        assert_eq!(read_fetch_interval(&written), Ok(read));
    }
    for given in [true, false] {
        let written = write_next_update(given).unwrap();
        validate("ocsp-nextupdate-conf.xsd", &written);
        assert_eq!(read_next_update(&written), Ok(given));
    }
}

#[test]
fn what_a_schema_would_refuse_is_not_written() {
    let full = shared(INSTANCE, &[certificate()]);
    let refused = |edit: &dyn Fn(&mut Shared)| {
        let mut content = full.clone();
        edit(&mut content);
        content.write(6).unwrap_err()
    };
    let shape = |error: Unwritable| matches!(error, Unwritable::Shape { .. });
    assert!(shape(refused(&|shared| shared.sources.clear())));
    assert!(shape(
        refused(&|shared| shared.servers[0].authentication_certificate_hashes = vec![vec![1; 20]])
    ));
    assert!(shape(refused(&|shared| shared.servers[0].clients.push(client("CAMBODIA/GOV/NOBODY")))));
    assert!(shape(refused(&|shared| shared.members.push(shared.members[0].clone()))));
    assert!(shape(full.write(7).unwrap_err()));
    assert!(matches!(
        refused(&|shared| shared.members[0].name = "\u{1}".to_owned()),
        Unwritable::Character { code: 1, .. }
    ));
    assert!(Anchor { sources: vec![], ..anchor() }.write().is_err());
}

#[test]
fn openssl_verifies_our_signed_octets_with_the_certificate_of_the_anchor() {
    let algorithms = [
        SignatureAlgorithm::RsaPkcs1(DigestAlgorithm::Sha512),
        SignatureAlgorithm::RsaPss(DigestAlgorithm::Sha256),
        SignatureAlgorithm::Ecdsa(DigestAlgorithm::Sha256),
    ];
    for algorithm in algorithms {
        let key = Key::new(algorithm);
        let document = publish(&key, now(), &contents(&key, |_| {})).directory;
        let text = std::str::from_utf8(&document).unwrap();
        // Cut out what is signed without the splitter that is being tested.
        let start = text.find("--innerbbbbbbbbbbbbbbb\r\n").unwrap();
        let end = text.rfind("\r\n--outeraaaaaaaaaaaaaaa\r\n").unwrap();
        let (signed, rest) = (&text[start..end], &text[end..]);
        assert!(signed.ends_with("--innerbbbbbbbbbbbbbbb--\r\n"));
        let (_, signature) = rest.split_once("\r\n\r\n").unwrap();
        let signature = signature.split_once("\r\n").unwrap().0;
        let signature = run("openssl", &["base64", "-d", "-A"], signature.as_bytes());
        std::fs::write(key.path("signature"), signature).unwrap();
        let public = run("openssl", &["x509", "-inform", "DER", "-pubkey", "-noout"], &key.certificate.der());
        std::fs::write(key.path("public.pem"), public).unwrap();
        let mut arguments = key.dgst();
        let verify =
            ["-verify".to_owned(), key.path("public.pem"), "-signature".to_owned(), key.path("signature")];
        arguments.extend(verify);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        assert_eq!(run("openssl", &arguments, signed.as_bytes()), b"Verified OK\n");
    }
}
