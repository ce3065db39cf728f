//! Every way in which a download must be refused, and the odd forms that must not be.

use crate::practice::{
    INSTANCE, Key, Publication, assemble, at, check, contents, location, now, private, publish, shared,
    source,
};
use globalconf::directory::{
    self, DIRECTORY_BYTES_MAX, Draft, DraftFile, FILES_MAX, Refusal, Unsplittable, UnwritableDirectory, read,
    seal,
};
use globalconf::download::{self, FILE_BYTES_MAX, Location, Role, check_directory};
use globalconf::{CertificateBytes, Uninterpretable};
use std::collections::BTreeMap;
use trust::{DigestAlgorithm, SignatureAlgorithm};

/// A directory as text that tests change before it is signed.
const GOOD: &str = "Content-Type: multipart/mixed; charset=UTF-8; boundary=inner\r\n\r\n--inner\r\nExpire-date: 2026-03-01T12:10:00Z\r\nVersion: 6\r\n\r\n--inner\r\nContent-type: application/octet-stream\r\nContent-transfer-encoding: base64\r\nContent-identifier: SHARED-PARAMETERS; instance='CAMBODIA'\r\nContent-location: /V6/20260301120000000000000/shared-params.xml\r\nHash-algorithm-id: http://www.w3.org/2001/04/xmlenc#sha256\r\n\r\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\r\n--inner--\r\n";

fn signed(key: &Key, text: &str) -> Vec<u8> {
    let (_, signed) = text.split_once("\r\n\r\n").unwrap();
    seal(
        text,
        "outer",
        &key.sign(signed.as_bytes()),
        key.algorithm,
        &key.certificate.der(),
    )
}

fn verdict(key: &Key, document: &[u8]) -> Result<(), Refusal> {
    read(document, std::slice::from_ref(&key.certificate), now()).map(|_| ())
}

#[test]
fn refuses_what_was_signed_but_says_nonsense() {
    let key = Key::ec();
    assert_eq!(verdict(&key, &signed(&key, GOOD)), Ok(()));
    let cases: &[(&str, &str, &str)] = &[
        (
            "Expire-date: 2026-03-01T12:10:00Z\r\n",
            "",
            "global_conf_header_field_missing",
        ),
        (
            "Expire-date: 2026-03-01T12:10:00Z",
            "Expire-date: ",
            "global_conf_header_field_missing",
        ),
        (
            "Expire-date: 2026-03-01T12:10:00Z",
            "Expire-date: tomorrow",
            "global_conf_header_field_wrong_value",
        ),
        (
            "Expire-date: 2026-03-01T12:10:00Z",
            "Expire-date: 2026-03-01T12:10:00",
            "global_conf_header_field_wrong_value",
        ),
        (
            "Expire-date: 2026-03-01T12:10:00Z",
            "Expire-date: 2026-03-01T11:59:59Z",
            "global_conf_outdated",
        ),
        ("Version: 6", "Version: 7", "global_conf_header_field_wrong_value"),
        ("Version: 6", "Version: 1", "global_conf_header_field_wrong_value"),
        (
            "Version: 6",
            "Version: six",
            "global_conf_header_field_wrong_value",
        ),
        (
            "Version: 6",
            "Version: 6\r\nversion: 5",
            "global_conf_parsing_downloaded_conf_directory_failure",
        ),
        (
            "Version: 6",
            "Version 6",
            "global_conf_parsing_downloaded_conf_directory_failure",
        ),
        (
            "application/octet-stream",
            "text/plain",
            "global_conf_header_field_wrong_value",
        ),
        (
            "Content-type: application/octet-stream\r\n",
            "",
            "global_conf_header_field_missing",
        ),
        ("base64\r\n", "binary\r\n", "global_conf_header_field_wrong_value"),
        (
            "; instance='CAMBODIA'",
            "",
            "global_conf_header_field_missing_parameter",
        ),
        (
            "; instance='CAMBODIA'",
            "; instance=''",
            "global_conf_header_field_missing_parameter",
        ),
        (
            "Content-location: /V6/20260301120000000000000/shared-params.xml\r\n",
            "",
            "global_conf_header_field_missing",
        ),
        (
            "/V6/20260301120000000000000/",
            "/V6/../../etc/",
            "global_conf_header_field_wrong_value",
        ),
        (
            "/V6/20260301120000000000000/",
            "//evil.example/",
            "global_conf_header_field_wrong_value",
        ),
        (
            "/V6/20260301120000000000000/",
            "http://evil.example/",
            "global_conf_header_field_wrong_value",
        ),
        (
            "Hash-algorithm-id: http://www.w3.org/2001/04/xmlenc#sha256\r\n",
            "",
            "global_conf_header_field_missing",
        ),
        (
            "http://www.w3.org/2001/04/xmlenc#sha256",
            "http://www.w3.org/2000/09/xmldsig#sha1",
            "global_conf_header_field_wrong_value",
        ),
        (
            "http://www.w3.org/2001/04/xmlenc#sha256",
            "http://www.w3.org/2001/04/xmldsig-more#md5",
            "global_conf_header_field_wrong_value",
        ),
        (
            "http://www.w3.org/2001/04/xmlenc#sha256",
            "http://www.w3.org/2001/04/xmlenc#sha512",
            "global_conf_header_field_wrong_value",
        ),
        ("47DEQ", "!!!!!", "global_conf_header_field_wrong_value"),
        (
            "SHARED-PARAMETERS; instance='CAMBODIA'\r\n",
            "X\r\nContent-file-name: ../../x\r\n",
            "global_conf_header_field_wrong_value",
        ),
        (
            "SHARED-PARAMETERS; instance='CAMBODIA'\r\n",
            "X\r\nContent-file-name: a/b\r\n",
            "global_conf_header_field_wrong_value",
        ),
        (
            "SHARED-PARAMETERS; instance='CAMBODIA'\r\n",
            "X\r\nContent-file-name: x.metadata\r\n",
            "global_conf_header_field_wrong_value",
        ),
        (
            "--inner\r\nExpire",
            "preamble\r\n--inner\r\nExpire",
            "global_conf_parsing_downloaded_conf_directory_failure",
        ),
        (
            "boundary=inner\r\n",
            "boundary=other\r\n",
            "global_conf_parsing_downloaded_conf_directory_failure",
        ),
        (
            "boundary=inner\r\n",
            "boundary=inner--\r\n",
            "global_conf_parsing_downloaded_conf_directory_failure",
        ),
        (
            "; boundary=inner\r\n",
            "\r\n",
            "global_conf_parsing_downloaded_conf_directory_failure",
        ),
    ];
    for (from, to, code) in cases {
        let text = GOOD.replacen(from, to, 1);
        assert_ne!(text, GOOD, "{from}");
        let refused = verdict(&key, &signed(&key, &text)).unwrap_err();
        assert_eq!(refused.code(), *code, "{from:?} as {to:?}: {refused}");
    }
}

#[test]
fn refuses_a_directory_that_lists_a_file_twice_or_too_many_or_nothing_at_all() {
    let key = Key::ec();
    let (head, listed) = GOOD.split_at(GOOD.find("--inner\r\nContent-type").unwrap());
    let part = listed.strip_suffix("--inner--\r\n").unwrap();
    let twice = format!("{head}{part}{part}--inner--\r\n");
    let name = "shared-params.xml".to_owned();
    assert_eq!(
        verdict(&key, &signed(&key, &twice)),
        Err(Refusal::DuplicateFile { name })
    );
    let many: String = (0..=FILES_MAX)
        .map(|number| {
            part.replace("shared-params.xml", &format!("{number}.xml"))
                .replace("SHARED-PARAMETERS", "X")
        })
        .collect();
    assert_eq!(
        verdict(&key, &signed(&key, &format!("{head}{many}--inner--\r\n"))),
        Err(Refusal::TooManyFiles)
    );
    let empty = "Content-Type: multipart/mixed; boundary=inner\r\n\r\n";
    assert_eq!(
        verdict(&key, &signed(&key, empty)),
        Err(Refusal::MissingSignatureOrHeader)
    );
    let closed = "Content-Type: multipart/mixed; boundary=inner\r\n\r\n--inner--\r\n";
    assert_eq!(
        verdict(&key, &signed(&key, closed)),
        Err(Refusal::ForeignBoundary)
    );
}

#[test]
fn refuses_a_document_around_the_signature_that_is_broken() {
    let key = Key::ec();
    let good = String::from_utf8(signed(&key, GOOD)).unwrap();
    let sha512 = "http://www.w3.org/2001/04/xmlenc#sha512";
    let wrong = "global_conf_header_field_wrong_value";
    let cases: &[(&str, &str, &str)] = &[
        (
            "Content-Type: application/octet-stream\r\n",
            "",
            "global_conf_header_field_missing",
        ),
        (
            "Content-Type: application/octet-stream\r\n",
            "Content-Type: Application/Octet-Stream\r\n",
            wrong,
        ),
        (
            "Content-Transfer-Encoding: base64\r\n",
            "Content-Transfer-Encoding: 8bit\r\n",
            wrong,
        ),
        ("xmldsig-more#ecdsa-sha256", "xmldsig-more#nothing", wrong),
        (
            "Signature-Algorithm-Id",
            "X-Other",
            "global_conf_header_field_missing",
        ),
        (
            "Verification-certificate-hash",
            "X-Other",
            "global_conf_header_field_missing",
        ),
        (
            "; hash-algorithm-id=",
            "; x=",
            "global_conf_header_field_missing_parameter",
        ),
        (sha512, "http://www.w3.org/2001/04/xmlenc#sha1024", wrong),
        (
            sha512,
            "http://www.w3.org/2001/04/xmlenc#sha256",
            "global_conf_missing_verification_cert",
        ),
        (
            "boundary=outer\r\n",
            "\r\n",
            "global_conf_parsing_downloaded_conf_directory_failure",
        ),
        (
            "boundary=outer\r\n",
            "boundary=another\r\n",
            "global_conf_missing_signed_data",
        ),
        (
            "--outer--",
            "--outer\r\n\r\nmore\r\n--outer--",
            "global_conf_parsing_downloaded_conf_directory_failure",
        ),
        (
            "multipart/related",
            "text/plain",
            "global_conf_parsing_downloaded_conf_directory_failure",
        ),
    ];
    for (from, to, code) in cases {
        let text = good.replacen(from, to, 1);
        assert_ne!(text, good, "{from}");
        let refused = verdict(&key, text.as_bytes()).unwrap_err();
        assert_eq!(refused.code(), *code, "{from:?} as {to:?}: {refused}");
    }
    for (document, refusal) in [
        (&b""[..], Refusal::Unsplittable(Unsplittable::NoBoundary)),
        (b"\xff\n", Refusal::Unsplittable(Unsplittable::HeaderLine)),
        (
            b"Content-Type: multipart/x; boundary=b\n\n",
            Refusal::MissingSignedData,
        ),
        (
            b"Content-Type: multipart/x; boundary=b\n\n--b\nA: b\n",
            Refusal::MissingSignatureOrHeader,
        ),
    ] {
        assert_eq!(verdict(&key, document), Err(refusal));
    }
    let large = vec![b'x'; DIRECTORY_BYTES_MAX.saturating_add(1)];
    assert!(matches!(verdict(&key, &large), Err(Refusal::TooLarge { .. })));
}

#[test]
fn refuses_every_change_of_a_signed_octet_and_of_the_signature() {
    let key = Key::ec();
    let good = signed(&key, GOOD);
    let text = std::str::from_utf8(&good).unwrap();
    let start = text.find("--inner\r\nExpire").unwrap();
    let end = text.find("\r\n--outer\r\nContent-Type: application").unwrap();
    for position in start..end {
        let mut bad = good.clone();
        bad[position] ^= 1;
        assert_eq!(
            verdict(&key, &bad),
            Err(Refusal::SignatureMismatch),
            "octet {position}"
        );
    }
    let shorter = text.replacen("--inner--\r\n\r\n", "--inner--\r\n", 1);
    assert_eq!(
        verdict(&key, shorter.as_bytes()),
        Err(Refusal::SignatureMismatch),
        "without the trailing line end"
    );
    let plain = text.replace("\r\n", "\n");
    assert_eq!(
        verdict(&key, plain.as_bytes()),
        Err(Refusal::SignatureMismatch),
        "line ends are signed as they are"
    );
    let (head, signature) = text.rsplit_once("\r\n\r\n").unwrap();
    let signature = signature.split_once("\r\n").unwrap().0;
    let with = |value: &str| verdict(&key, format!("{head}\r\n\r\n{value}\r\n--outer--\r\n").as_bytes());
    let folded: String = signature
        .chars()
        .flat_map(|character| [character, '\n'])
        .collect();
    assert_eq!(with(&folded), Ok(()), "the signature may be folded");
    assert_eq!(with("{}"), Err(Refusal::UndecodableSignature));
    assert_eq!(with(""), Err(Refusal::SignatureMismatch));
    assert_eq!(with("AAAA"), Err(Refusal::SignatureMismatch));
}

#[test]
fn refuses_an_algorithm_or_a_certificate_that_proves_nothing() {
    let key = Key::rsa();
    let (_, octets) = GOOD.split_once("\r\n\r\n").unwrap();
    let signature = key.sign(octets.as_bytes());
    for weak in [
        SignatureAlgorithm::RsaPkcs1(DigestAlgorithm::Sha1),
        SignatureAlgorithm::Ecdsa(DigestAlgorithm::Sha1),
    ] {
        let document = seal(GOOD, "outer", &signature, weak, &key.certificate.der());
        assert!(matches!(
            verdict(&key, &document),
            Err(Refusal::WrongValue {
                field: "signature-algorithm-id",
                ..
            })
        ));
        let file = DraftFile::new("X", "/x.xml", b"", DigestAlgorithm::Sha512);
        let draft = Draft::new(6, now(), INSTANCE, &[file], ("a", "b")).unwrap();
        assert!(matches!(
            draft.finish(b"", weak, b""),
            Err(UnwritableDirectory::WeakSignature { .. })
        ));
    }
    let other = SignatureAlgorithm::RsaPkcs1(DigestAlgorithm::Sha256);
    let document = seal(GOOD, "outer", &signature, other, &key.certificate.der());
    assert_eq!(verdict(&key, &document), Err(Refusal::SignatureMismatch));
    let no_certificate = CertificateBytes::new(&b"bar\n"[..]);
    let document = seal(GOOD, "outer", &signature, key.algorithm, b"bar\n");
    let refused = read(&document, &[no_certificate], now()).unwrap_err();
    assert!(
        matches!(refused, Refusal::UnusableCertificate { .. }),
        "{refused}"
    );
    let document = signed(&key, GOOD);
    let stranger = Key::ec();
    assert!(matches!(
        verdict(&stranger, &document),
        Err(Refusal::UnknownVerificationCertificate { .. })
    ));
    assert!(matches!(
        read(&document, &[], now()),
        Err(Refusal::UnknownVerificationCertificate { .. })
    ));
}

#[test]
fn accepts_either_certificate_during_a_change_of_keys_and_pem_for_der() {
    let (old, new) = (Key::ec(), Key::rsa());
    let pem = crate::practice::run("openssl", &["x509", "-inform", "DER"], &new.certificate.der());
    let both = [old.certificate.clone(), CertificateBytes::new(pem)];
    for key in [&old, &new] {
        assert!(read(&signed(key, GOOD), &both, now()).is_ok());
    }
}

#[test]
fn accepts_what_a_configuration_proxy_writes() {
    let key = Key::new(SignatureAlgorithm::RsaPss(DigestAlgorithm::Sha512));
    let inner = "--inner\r\nexpire-date: 2026-03-01T14:10:00.123+02:00\r\nVersion: 6\r\n\r\n--inner\r\ncontent-type: application/octet-stream\r\ncontent-transfer-encoding: base64\r\ncontent-identifier: SHARED-PARAMETERS; instance=\"CAMBODIA\"\r\ncontent-location: /PROXY/1772366400000/CAMBODIA//V6/20260301120000000000000/shared-params.xml\r\nhash-algorithm-id: http://www.w3.org/2001/04/xmlenc#sha256\r\n\r\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\r\n--inner--\r\n";
    let encode = |bytes: &[u8]| {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.encode(bytes)
    };
    let document = format!(
        "content-type: multipart/related; type=\"multipart/mixed\"; charset=UTF-8; boundary=outer\n\n--outer\r\ncontent-type: multipart/mixed; charset=UTF-8; boundary=inner\r\n\r\n{inner}\r\n--outer\r\ncontent-type: application/octet-stream\r\ncontent-transfer-encoding: base64\r\nsignature-algorithm-id: {}\r\nverification-certificate-hash: {}; hash-algorithm-id={}\r\n\r\n{}\r\n--outer--\r\n",
        key.algorithm.uri(),
        encode(&key.certificate.digest(DigestAlgorithm::Sha256)),
        DigestAlgorithm::Sha256.uri(),
        encode(&key.sign(inner.as_bytes())),
    );
    let directory = read(document.as_bytes(), std::slice::from_ref(&key.certificate), now()).unwrap();
    assert_eq!(directory.expires(), at("2026-03-01T12:10:00.123Z"));
    assert_eq!(directory.generation(), Some("20260301120000000000000"));
}

#[test]
fn refuses_a_directory_of_another_instance_or_without_its_parts() {
    let key = Key::ec();
    let full = contents(&key, |_| {});
    let publication = publish(&key, now(), &full);
    assert!(check(&publication, &key, Role::Main, None).is_ok());
    let other = download::SourceOfConfiguration {
        instance: "OTHER".to_owned(),
        role: Role::Federated,
    };
    let refused = check_directory(&publication.directory, &location(&key), &other, None, now()).unwrap_err();
    assert!(matches!(refused, download::Refusal::WrongInstance { .. }));
    assert_eq!(refused.code(), "global_conf_part_invalid_instance_identifier");
    let only_shared = publish(&key, now(), &full[1..]);
    let refused = check(&only_shared, &key, Role::Main, None).unwrap_err();
    assert_eq!(
        refused,
        download::Refusal::MissingPart {
            identifier: "PRIVATE-PARAMETERS"
        }
    );
    assert!(check(&only_shared, &key, Role::Federated, None).is_ok());
    let only_private = publish(&key, now(), &full[..1]);
    for role in [Role::Main, Role::Federated] {
        let refused = check(&only_private, &key, role, None).unwrap_err();
        assert_eq!(
            refused,
            download::Refusal::MissingPart {
                identifier: "SHARED-PARAMETERS"
            }
        );
    }
    let nowhere = Location {
        url: "ftp://cs/internalconf".to_owned(),
        ..location(&key)
    };
    let refused =
        check_directory(&publication.directory, &nowhere, &source(Role::Main), None, now()).unwrap_err();
    assert!(matches!(refused, download::Refusal::UnusableLocation { .. }));
}

#[test]
fn takes_only_shared_parameters_of_a_federated_instance() {
    let key = Key::ec();
    let publication = publish(&key, now(), &contents(&key, |_| {}));
    let checked = check(&publication, &key, Role::Federated, None).unwrap();
    let wanted: Vec<String> = checked
        .files_to_fetch(None)
        .into_iter()
        .map(|file| file.file_name)
        .collect();
    assert_eq!(wanted, ["shared-params.xml"]);
    let verified = assemble(&publication, &key, Role::Federated).unwrap();
    assert!(verified.configuration().private().is_none());
}

#[test]
fn refuses_files_that_are_missing_changed_too_large_or_not_what_they_should_be() {
    let key = Key::ec();
    let publication = publish(&key, now(), &contents(&key, |_| {}));
    let assemble_with = |files: BTreeMap<String, Vec<u8>>| {
        let checked = check(&publication, &key, Role::Main, None).unwrap();
        checked.assemble(files, None).map(|_| ())
    };
    assert_eq!(assemble_with(publication.files.clone()), Ok(()));
    let file = "shared-params.xml".to_owned();
    let mut files = publication.files.clone();
    let good = files.remove(&file).unwrap();
    assert_eq!(
        assemble_with(files.clone()),
        Err(download::Refusal::NotFetched { file: file.clone() })
    );
    for bad in [&good[1..], &good[..good.len().saturating_sub(1)], b""] {
        files.insert(file.clone(), bad.to_vec());
        let refused = assemble_with(files.clone()).unwrap_err();
        assert_eq!(refused, download::Refusal::DigestMismatch { file: file.clone() });
        assert_eq!(
            refused.code(),
            "global_conf_part_downloaded_file_integrity_failure"
        );
    }
    files.insert(file.clone(), vec![0; FILE_BYTES_MAX.saturating_add(1)]);
    assert!(matches!(
        assemble_with(files),
        Err(download::Refusal::TooLarge { .. })
    ));
}

fn is_malformed(verdict: &Result<(), download::Refusal>) -> bool {
    matches!(
        verdict,
        Err(download::Refusal::Uninterpretable(
            Uninterpretable::Malformed { .. }
        ))
    )
}

#[test]
fn refuses_well_signed_files_that_break_their_schema_or_speak_of_another_instance() {
    let key = Key::ec();
    let text = String::from_utf8(shared(INSTANCE, &[key.certificate.clone()]).write(6).unwrap()).unwrap();
    let verdict = |text: &str| {
        let files = [
            (
                "PRIVATE-PARAMETERS",
                "private-params.xml",
                private(INSTANCE).write().unwrap(),
            ),
            ("SHARED-PARAMETERS", "shared-params.xml", text.as_bytes().to_vec()),
        ];
        assemble(&publish(&key, now(), &files), &key, Role::Main).map(|_| ())
    };
    assert_eq!(verdict(&text), Ok(()));
    for (from, to) in [
        ("<?xml version", "<!DOCTYPE x []><?xml version"),
        ("<ns3:conf", "<!DOCTYPE conf SYSTEM \"x\"><ns3:conf"),
        ("<client>id1</client>", "<client>id9</client>"),
        ("<owner>id0</owner>", "<owner>id1</owner>"),
        ("id=\"id3\"", "id=\"id0\""),
        ("<subsystemCode>b<", "<subsystemCode>civil-registry<"),
        ("<ocspFreshnessSeconds>3600<", "<ocspFreshnessSeconds>-1<"),
        ("<ocspFreshnessSeconds>3600<", "<ocspFreshnessSeconds>1 hour<"),
        ("<costType>PAID<", "<costType>CHEAP<"),
        ("<defaultCsrFormat>DER<", "<defaultCsrFormat>der<"),
        ("<authenticationOnly>false<", "<authenticationOnly>no<"),
        ("<memberCode>MOI</memberCode>", ""),
        ("<memberCode>MOI</memberCode>", "<memberCode></memberCode>"),
        (
            "<memberCode>MOI</memberCode>",
            "<memberCode>MOI</memberCode><memberCode>MOI</memberCode>",
        ),
        (
            "<memberCode>MOI</memberCode>",
            "<memberCode x=\"y\">MOI</memberCode>",
        ),
        (
            "<address>cs.example</address>",
            "<unknown/><address>cs.example</address>",
        ),
        ("<groupCode>", "text<groupCode>"),
        ("objectType=\"MEMBER\"", "objectType=\"SERVER\""),
        ("objectType=\"SUBSYSTEM\"", "objectType=\"NOTHING\""),
        ("</ns3:conf>", ""),
        (
            "ns3=\"http://x-road.eu/xsd/xroad.xsd\"",
            "ns3=\"http://example.org/\"",
        ),
        ("<internalVerificationCert>", "<internalVerificationCert>?"),
    ] {
        let bad = text.replacen(from, to, 1);
        assert_ne!(bad, text, "{from}");
        let refused = verdict(&bad);
        assert!(is_malformed(&refused), "{from:?} as {to:?}: {refused:?}");
    }
    let twice = text
        .replace("<owner>id3</owner>", "<owner>id0</owner>")
        .replace(">gw2<", ">gw1<");
    assert!(is_malformed(&verdict(&twice)), "one server twice");
    let other = text.replacen("<instanceIdentifier>CAMBODIA<", "<instanceIdentifier>OTHER<", 1);
    let refused = verdict(&other).unwrap_err();
    assert!(matches!(
        refused,
        download::Refusal::Uninterpretable(Uninterpretable::WrongInstance { .. })
    ));
    assert_eq!(refused.code(), "global_conf_part_invalid_instance_identifier");
}

#[test]
fn a_bad_optional_part_leaves_its_default_in_force_and_says_so() {
    let key = Key::ec();
    let mut files = contents(&key, |_| {});
    files.push(("FETCHINTERVAL", "fetchinterval-params.xml", b"<x/>".to_vec()));
    files.push((
        "NEXTUPDATE",
        "nextupdate-params.xml",
        globalconf::parts::write_next_update(false).unwrap(),
    ));
    files.push(("SOMETHING", "something.bin", vec![0, 1, 2]));
    let verified = assemble(&publish(&key, now(), &files), &key, Role::Main).unwrap();
    let configuration = verified.configuration();
    assert_eq!(configuration.ocsp_fetch_interval_seconds(), 1200);
    assert!(!configuration.verify_next_update());
    assert_eq!(configuration.warnings().len(), 1);
    assert!(configuration.file("something.bin").is_some());
}

#[test]
fn refuses_to_write_a_directory_whose_headers_could_be_bent() {
    let file =
        |identifier: &str, location: &str| DraftFile::new(identifier, location, b"", DigestAlgorithm::Sha512);
    let draft =
        |instance: &str, file: DraftFile| Draft::new(6, now(), instance, &[file], ("a", "b")).map(|_| ());
    assert_eq!(draft("I", file("X", "/V6/1/x.xml")), Ok(()));
    for (instance, identifier, location) in [
        ("a'b", "X", "/x.xml"),
        ("a\r\nVersion: 2", "X", "/x.xml"),
        ("", "X", "/x.xml"),
        ("I", "X; instance='Y'", "/x.xml"),
        ("I", "", "/x.xml"),
        ("I", "X", "x.xml"),
        ("I", "X", "/x.xml\r\nA: b"),
        ("I", "X", "/"),
        ("I", "X", "/.."),
    ] {
        let refused = draft(instance, file(identifier, location));
        assert!(
            matches!(refused, Err(UnwritableDirectory::HeaderText { .. })),
            "{instance} {identifier} {location}"
        );
    }
    let boundary = |pair: (&str, &str)| Draft::new(6, now(), "I", &[file("X", "/x.xml")], pair).map(|_| ());
    let long = "x".repeat(71);
    for pair in [("a", "a"), ("", "a"), ("a b", "a"), ("a", "b\r\n"), ("a", &long)] {
        assert_eq!(boundary(pair), Err(UnwritableDirectory::Boundary));
    }
    let many = vec![file("X", "/x.xml"); FILES_MAX.saturating_add(1)];
    assert_eq!(
        Draft::new(6, now(), "I", &many, ("a", "b")),
        Err(UnwritableDirectory::TooManyFiles)
    );
    let unknown = Draft::new(7, now(), "I", &[file("X", "/x.xml")], ("a", "b"));
    assert_eq!(unknown, Err(UnwritableDirectory::UnknownVersion { version: 7 }));
    assert_eq!(
        directory::file_location(6, at("2026-01-02T03:04:05.123456Z"), "x.xml"),
        "/V6/20260102030405123456000/x.xml"
    );
}

#[test]
fn a_publication_is_not_its_neighbour() {
    // The files of one generation never pass for another's, although both are well signed.
    let key = Key::ec();
    let first = publish(&key, now(), &contents(&key, |_| {}));
    let second = publish(
        &key,
        now(),
        &contents(&key, |shared| shared.settings.ocsp_freshness_seconds = 60),
    );
    let mixed = Publication {
        directory: first.directory.clone(),
        files: second.files,
    };
    assert!(matches!(
        assemble(&mixed, &key, Role::Main),
        Err(download::Refusal::DigestMismatch { .. })
    ));
}
