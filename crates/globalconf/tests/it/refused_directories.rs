//! Directories that must be refused, and the odd forms that must not be.

use crate::practice::{INSTANCE, Key, at, now};
use globalconf::CertificateBytes;
use globalconf::directory::{
    DIRECTORY_BYTES_MAX, Draft, DraftFile, FILES_MAX, Refusal, Unsplittable, UnwritableDirectory, read, seal,
};
use trust::{DigestAlgorithm, SignatureAlgorithm};

/// What is changed, into what, and the code of the verdict.
type Case = (&'static str, &'static str, &'static str);

/// A directory as text that tests change before it is signed.
const GOOD: &str = "Content-Type: multipart/mixed; charset=UTF-8; boundary=inner\r\n\r\n--inner\r\nExpire-date: 2026-03-01T12:10:00Z\r\nVersion: 6\r\n\r\n--inner\r\nContent-type: application/octet-stream\r\nContent-transfer-encoding: base64\r\nContent-identifier: SHARED-PARAMETERS; instance='CAMBODIA'\r\nContent-location: /V6/20260301120000000000000/shared-params.xml\r\nHash-algorithm-id: http://www.w3.org/2001/04/xmlenc#sha256\r\n\r\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\r\n--inner--\r\n";

fn signed(key: &Key, text: &str) -> Vec<u8> {
    let (_, signed) = text.split_once("\r\n\r\n").unwrap();
    seal(text, "outer", &key.sign(signed.as_bytes()), key.algorithm, &key.certificate.der())
}

fn verdict(key: &Key, document: &[u8]) -> Result<(), Refusal> {
    read(document, std::slice::from_ref(&key.certificate), now()).map(|_| ())
}

const NONSENSE: &[Case] = &[
    ("Expire-date: 2026-03-01T12:10:00Z\r\n", "", "global_conf_header_field_missing"),
    ("Expire-date: 2026-03-01T12:10:00Z", "Expire-date: ", "global_conf_header_field_missing"),
    ("Expire-date: 2026-03-01T12:10:00Z", "Expire-date: tomorrow", "global_conf_header_field_wrong_value"),
    (
        "Expire-date: 2026-03-01T12:10:00Z",
        "Expire-date: 2026-03-01T12:10:00",
        "global_conf_header_field_wrong_value",
    ),
    ("Expire-date: 2026-03-01T12:10:00Z", "Expire-date: 2026-03-01T11:59:59Z", "global_conf_outdated"),
    ("Version: 6", "Version: 7", "global_conf_header_field_wrong_value"),
    ("Version: 6", "Version: 1", "global_conf_header_field_wrong_value"),
    ("Version: 6", "Version: six", "global_conf_header_field_wrong_value"),
    ("Version: 6", "Version: 6\r\nversion: 5", "global_conf_parsing_downloaded_conf_directory_failure"),
    ("Version: 6", "Version 6", "global_conf_parsing_downloaded_conf_directory_failure"),
    ("application/octet-stream", "text/plain", "global_conf_header_field_wrong_value"),
    ("Content-type: application/octet-stream\r\n", "", "global_conf_header_field_missing"),
    ("base64\r\n", "binary\r\n", "global_conf_header_field_wrong_value"),
    ("; instance='CAMBODIA'", "", "global_conf_header_field_missing_parameter"),
    ("; instance='CAMBODIA'", "; instance=''", "global_conf_header_field_missing_parameter"),
    (
        "Content-location: /V6/20260301120000000000000/shared-params.xml\r\n",
        "",
        "global_conf_header_field_missing",
    ),
    ("/V6/20260301120000000000000/", "/V6/../../etc/", "global_conf_header_field_wrong_value"),
    ("/V6/20260301120000000000000/", "//evil.example/", "global_conf_header_field_wrong_value"),
    ("/V6/20260301120000000000000/", "http://evil.example/", "global_conf_header_field_wrong_value"),
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
    ("boundary=inner\r\n", "boundary=other\r\n", "global_conf_parsing_downloaded_conf_directory_failure"),
    ("boundary=inner\r\n", "boundary=inner--\r\n", "global_conf_parsing_downloaded_conf_directory_failure"),
    ("; boundary=inner\r\n", "\r\n", "global_conf_parsing_downloaded_conf_directory_failure"),
];

#[test]
fn refuses_what_was_signed_but_says_nonsense() {
    let key = Key::ec();
    assert_eq!(verdict(&key, &signed(&key, GOOD)), Ok(()));
    for (from, to, code) in NONSENSE {
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
    assert_eq!(verdict(&key, &signed(&key, &twice)), Err(Refusal::DuplicateFile { name }));
    let other = |identifier: &str| {
        let first = part.replace("SHARED-PARAMETERS", "X").replace("shared-params.xml", "x.xml");
        let second = part.replace("SHARED-PARAMETERS", identifier).replace("shared-params.xml", "y.xml");
        verdict(&key, &signed(&key, &format!("{head}{first}{second}--inner--\r\n")))
    };
    assert_eq!(other("X"), Err(Refusal::DuplicateFile { name: "X".to_owned() }));
    assert_eq!(other("Y"), Ok(()));
    let many: String = (0..=FILES_MAX)
        .map(|number| {
            part.replace("shared-params.xml", &format!("{number}.xml")).replace("SHARED-PARAMETERS", "X")
        })
        .collect();
    assert_eq!(
        verdict(&key, &signed(&key, &format!("{head}{many}--inner--\r\n"))),
        Err(Refusal::TooManyFiles)
    );
    let empty = "Content-Type: multipart/mixed; boundary=inner\r\n\r\n";
    assert_eq!(verdict(&key, &signed(&key, empty)), Err(Refusal::MissingSignatureOrHeader));
    let closed = "Content-Type: multipart/mixed; boundary=inner\r\n\r\n--inner--\r\n";
    assert_eq!(verdict(&key, &signed(&key, closed)), Err(Refusal::ForeignBoundary));
}

const BROKEN: &[Case] = &[
    ("Content-Type: application/octet-stream\r\n", "", "global_conf_header_field_missing"),
    (
        "Content-Type: application/octet-stream\r\n",
        "Content-Type: Application/Octet-Stream\r\n",
        "global_conf_header_field_wrong_value",
    ),
    (
        "Content-Transfer-Encoding: base64\r\n",
        "Content-Transfer-Encoding: 8bit\r\n",
        "global_conf_header_field_wrong_value",
    ),
    ("xmldsig-more#ecdsa-sha256", "xmldsig-more#nothing", "global_conf_header_field_wrong_value"),
    ("Signature-Algorithm-Id", "X-Other", "global_conf_header_field_missing"),
    ("Verification-certificate-hash", "X-Other", "global_conf_header_field_missing"),
    ("; hash-algorithm-id=", "; x=", "global_conf_header_field_missing_parameter"),
    (
        "http://www.w3.org/2001/04/xmlenc#sha512",
        "http://www.w3.org/2001/04/xmlenc#sha1024",
        "global_conf_header_field_wrong_value",
    ),
    (
        "http://www.w3.org/2001/04/xmlenc#sha512",
        "http://www.w3.org/2001/04/xmlenc#sha256",
        "global_conf_missing_verification_cert",
    ),
    ("boundary=outer\r\n", "\r\n", "global_conf_parsing_downloaded_conf_directory_failure"),
    ("boundary=outer\r\n", "boundary=another\r\n", "global_conf_missing_signed_data"),
    (
        "--outer--",
        "--outer\r\n\r\nmore\r\n--outer--",
        "global_conf_parsing_downloaded_conf_directory_failure",
    ),
    ("multipart/related", "text/plain", "global_conf_parsing_downloaded_conf_directory_failure"),
];

#[test]
fn refuses_a_document_around_the_signature_that_is_broken() {
    let key = Key::ec();
    let good = String::from_utf8(signed(&key, GOOD)).unwrap();
    for (from, to, code) in BROKEN {
        let text = good.replacen(from, to, 1);
        assert_ne!(text, good, "{from}");
        let refused = verdict(&key, text.as_bytes()).unwrap_err();
        assert_eq!(refused.code(), *code, "{from:?} as {to:?}: {refused}");
    }
    for (document, refusal) in [
        (&b""[..], Refusal::Unsplittable(Unsplittable::NoBoundary)),
        (b"\xff\n", Refusal::Unsplittable(Unsplittable::HeaderLine)),
        (b"Content-Type: multipart/x; boundary=b\n\n", Refusal::MissingSignedData),
        (b"Content-Type: multipart/x; boundary=b\n\n--b\nA: b\n", Refusal::MissingSignatureOrHeader),
    ] {
        assert_eq!(verdict(&key, document), Err(refusal));
    }
    let large = vec![b'x'; DIRECTORY_BYTES_MAX.saturating_add(1)];
    assert!(matches!(verdict(&key, &large), Err(Refusal::TooLarge { .. })));
}

#[test]
fn what_a_stranger_wrote_takes_little_room_in_a_verdict() {
    let key = Key::ec();
    let good = String::from_utf8(signed(&key, GOOD)).unwrap();
    let flood = "QUJD\r".repeat(40_000);
    let named = "Verification-certificate-hash: ";
    for bad in [
        good.replacen(named, &format!("{named}{flood}"), 1),
        format!("{flood}: 1\n{flood}: 2\n{good}"),
        good.replacen("Signature-Algorithm-Id: ", &format!("Signature-Algorithm-Id: {flood}"), 1),
    ] {
        let text = verdict(&key, bad.as_bytes()).unwrap_err().to_string();
        assert!(text.len() < 500 && !text.contains('\r'), "{} bytes", text.len());
    }
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
        assert_eq!(verdict(&key, &bad), Err(Refusal::SignatureMismatch), "octet {position}");
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
    let folded: String = signature.chars().flat_map(|character| [character, '\n']).collect();
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
            Err(Refusal::WrongValue { field: "signature-algorithm-id", .. })
        ));
        let file = DraftFile::new("X", "/x.xml", b"", DigestAlgorithm::Sha512);
        let draft = Draft::new(6, now(), INSTANCE, &[file], ("a", "b")).unwrap();
        assert!(matches!(draft.finish(b"", weak, b""), Err(UnwritableDirectory::WeakSignature { .. })));
    }
    let other = SignatureAlgorithm::RsaPkcs1(DigestAlgorithm::Sha256);
    let document = seal(GOOD, "outer", &signature, other, &key.certificate.der());
    assert_eq!(verdict(&key, &document), Err(Refusal::SignatureMismatch));
    let no_certificate = CertificateBytes::new(&b"bar\n"[..]);
    let document = seal(GOOD, "outer", &signature, key.algorithm, b"bar\n");
    let refused = read(&document, &[no_certificate], now()).unwrap_err();
    assert!(matches!(refused, Refusal::UnusableCertificate { .. }), "{refused}");
    let document = signed(&key, GOOD);
    let stranger = Key::ec();
    assert!(matches!(verdict(&stranger, &document), Err(Refusal::UnknownVerificationCertificate { .. })));
    assert!(matches!(read(&document, &[], now()), Err(Refusal::UnknownVerificationCertificate { .. })));
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
