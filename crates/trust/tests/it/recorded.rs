//! What a live X-Road 7.8.0 pair sent: signers, peers, OCSP answers, time-stamps.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use identifier::ClientId;
use jiff::Timestamp;
use trust::peer::verify_peer;
use trust::signer::verify_signer;
use trust::{
    Authorities, Authority, CaCertificate, Certificate, CertificateProfile, CertificateStatus,
    DigestAlgorithm, OcspPolicy, OcspResponse, Responder, SignerRefusal, TimestampRefusal, ocsp, timestamp,
};

use crate::{openssl, vectors};

const OCSP_PART: &str = "application/ocsp-response";

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

fn certificate(path: &Path) -> Certificate {
    vectors::certificate(&read(path))
}

/// The approved CA of the recordings, as the global configuration there has it.
fn authorities(recorded: &Path) -> Authorities {
    let keys = recorded.join("keys/testca");
    let profile = CertificateProfile::from_class_name(
        "ee.ria.xroad.common.certificateprofile.impl.FiVRKCertificateProfileInfoProvider",
    );
    Authorities {
        instance: "DEV".to_owned(),
        cas: vec![Authority {
            name: "Test CA".to_owned(),
            profile,
            authentication_only: false,
            top: CaCertificate {
                certificate: certificate(&keys.join("ca.cert.pem")),
                responders: vec![Responder {
                    url: "http://127.0.0.1:8888".to_owned(),
                    certificate: Some(certificate(&keys.join("ocsp.cert.pem"))),
                }],
            },
            intermediates: Vec::new(),
        }],
        time_stampers: vec![certificate(&keys.join("tsa.cert.pem"))],
        ocsp: OcspPolicy { freshness_seconds: 3600, verify_next_update: true },
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window.eq_ignore_ascii_case(what))
}

/// The body of an HTTP message, without chunks.
fn body(message: &[u8]) -> Vec<u8> {
    let Some(end) = find(message, b"\r\n\r\n") else {
        return Vec::new();
    };
    let (head, mut rest) = message.split_at(end + 4);
    if find(head, b"transfer-encoding").is_none() {
        return rest.to_vec();
    }
    let mut body = Vec::new();
    while let Some(line) = find(rest, b"\r\n") {
        let size = std::str::from_utf8(&rest[..line]).unwrap();
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        let start = line + 2;
        let Some(chunk) = rest.get(start..start + size) else {
            break;
        };
        if size == 0 {
            break;
        }
        body.extend_from_slice(chunk);
        rest = &rest[start + size + 2..];
    }
    body
}

/// Every OCSP response that is a part of the body.
fn ocsp_parts(body: &[u8]) -> Vec<OcspResponse> {
    let mut parts = Vec::new();
    let mut rest = body;
    while let Some(at) = find(rest, OCSP_PART.as_bytes()) {
        rest = &rest[at..];
        let Some(head) = find(rest, b"\r\n\r\n") else {
            break;
        };
        rest = &rest[head + 4..];
        let length = 4 + usize::from(u16::from_be_bytes([rest[2], rest[3]]));
        parts.push(OcspResponse::parse(&rest[..length]).unwrap());
    }
    parts
}

fn decode(text: &str) -> Vec<u8> {
    STANDARD.decode(text.split_whitespace().collect::<String>()).unwrap()
}

struct Signature {
    leaf: Certificate,
    issuer_name: String,
    serial: String,
    time: Timestamp,
    responses: Vec<OcspResponse>,
}

fn signature(body: &[u8]) -> Option<Signature> {
    const END: &[u8] = b"</asic:XAdESSignatures>";
    let start = find(body, b"<asic:XAdESSignatures")?;
    let end = find(&body[start..], END)? + start + END.len();
    let text = std::str::from_utf8(&body[start..end]).unwrap();
    let document = roxmltree::Document::parse(text).unwrap();
    let all = |name: &str| -> Vec<String> {
        document
            .descendants()
            .filter(|node| node.tag_name().name() == name)
            .map(|node| node.text().unwrap().to_owned())
            .collect()
    };
    Some(Signature {
        leaf: Certificate::from_der(&decode(&all("X509Certificate")[0])).unwrap(),
        issuer_name: all("X509IssuerName")[0].clone(),
        serial: all("X509SerialNumber")[0].clone(),
        time: all("SigningTime")[0].parse().unwrap(),
        responses: all("EncapsulatedOCSPValue")
            .iter()
            .map(|value| OcspResponse::parse(&decode(value)).unwrap())
            .collect(),
    })
}

fn exchanges(recorded: &Path, folder: &str, file: &str) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(recorded.join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path().join(file))
        .filter(|path| path.is_file())
        .collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths
}

fn recorded() -> Option<PathBuf> {
    vectors::folder().map(|folder| folder.join("recorded"))
}

#[test]
fn every_recorded_signature_is_by_the_member_that_it_should_be_by() {
    let Some(recorded) = recorded() else { return };
    let authorities = authorities(&recorded);
    let mut count = 0;
    for (folder, file) in [
        ("wire", "request.bin"),
        ("wire", "response.bin"),
        ("ec/wire", "request.bin"),
        ("ec/wire", "response.bin"),
    ] {
        for path in exchanges(&recorded, folder, file) {
            let body = body(&read(&path));
            let Some(signature) = signature(&body) else {
                println!("no signature in {}", path.display());
                continue;
            };
            assert_eq!(signature.leaf.issuer_rfc2253(), signature.issuer_name);
            assert_eq!(signature.leaf.serial_decimal(), signature.serial);
            let other_consumer = find(&body, b"test-consumer").is_some();
            let claimed = match file {
                "request.bin" if !other_consumer => "DEV/COM/4321/TestClient",
                _ => "DEV/COM/1234/TestService",
            };
            let verify = |claimed: &str, at| {
                let claimed = ClientId::parse_short(claimed).unwrap();
                verify_signer(&signature.leaf, &[], &signature.responses, &claimed, &authorities, at)
            };
            let signer = verify(claimed, signature.time)
                .unwrap_or_else(|refusal| panic!("{}: {refusal}", path.display()));
            assert_eq!(signer.certificate(), &signature.leaf);
            assert_eq!(signer.statuses().responses().len(), 1);
            assert!(matches!(verify("DEV/COM/9", signature.time), Err(SignerRefusal::OtherMember { .. })));
            let too_late = signer.statuses().usable_until() + jiff::SignedDuration::from_secs(1);
            assert!(matches!(verify(claimed, too_late), Err(SignerRefusal::Status(_))));
            count += 1;
        }
    }
    assert!(count > 50, "{count}");
}

#[test]
fn every_recorded_request_comes_from_a_peer_that_we_accept() {
    let Some(recorded) = recorded() else { return };
    let authorities = authorities(&recorded);
    for (folder, keys) in [("wire", "keys"), ("ec/wire", "keys-ec")] {
        let peer = certificate(&recorded.join(keys).join("ss1/auth.cert.pem"));
        let stranger = certificate(&recorded.join(keys).join("ss0/auth.cert.pem"));
        for path in exchanges(&recorded, folder, "request.bin") {
            let body = body(&read(&path));
            let responses = ocsp_parts(&body);
            let at = responses[0].produced_at();
            let verified = verify_peer(std::slice::from_ref(&peer), &responses, &authorities, at);
            assert!(verified.is_ok(), "{}: {verified:?}", path.display());
            assert!(verify_peer(std::slice::from_ref(&stranger), &responses, &authorities, at).is_err());
        }
    }
}

#[test]
fn the_recorded_ocsp_answers_by_hash_are_about_the_certificates_asked_for() {
    let Some(recorded) = recorded() else { return };
    let authorities = authorities(&recorded);
    let root = authorities.cas[0].top.certificate.clone();
    let auth = certificate(&recorded.join("keys/ss0/auth.cert.pem"));
    let sign = certificate(&recorded.join("keys/ss0/sign-DEV-COM-1234.cert.pem"));
    let check = |file: &str, expected: &[&Certificate]| {
        let responses = ocsp_parts(&body(&read(&recorded.join("ocsp5577").join(file))));
        assert_eq!(responses.len(), expected.len(), "{file}");
        for (response, certificate) in responses.iter().zip(expected) {
            assert!(response.matches(certificate, &root), "{file}");
            let status =
                ocsp::verify_response(response, certificate, &root, &authorities, response.produced_at());
            assert_eq!(status, Ok(CertificateStatus::Good));
        }
    };
    check("auth-sha1.response.bin", &[&auth]);
    check("auth-both-params.response.bin", &[&auth]);
    check("two-certs.response.bin", &[&auth, &sign]);
    check("live/o-001.s2c.bin", &[&auth]);
    let request = read(&recorded.join("ocsp5577/auth-both-params.request.bin"));
    assert!(find(&request, hex::encode(auth.sha1()).as_bytes()).is_some());
    assert!(find(&request, hex::encode(auth.sha256()).as_bytes()).is_some());
}

#[test]
fn the_recorded_keys_and_certificates_form_chains() {
    let Some(recorded) = recorded() else { return };
    let authorities = authorities(&recorded);
    for path in [
        "keys/ss0/auth",
        "keys/ss0/sign-DEV-COM-1234",
        "keys/ss1/auth",
        "keys/ss1/sign-DEV-COM-4321",
        "keys-ec/ss0/auth",
        "keys-ec/ss0/sign-DEV-COM-1234",
        "keys-ec/ss1/auth",
        "keys-ec/ss1/sign-DEV-COM-4321",
    ] {
        let pem = certificate(&recorded.join(format!("{path}.cert.pem")));
        let der = certificate(&recorded.join(format!("{path}.cert.der")));
        assert_eq!(pem, der);
        let path = trust::path::verify_path(&pem, &[], &authorities, pem.not_before()).unwrap();
        assert_eq!(authorities.chain_of(&pem), path.certificates());
        assert_eq!(trust::peer::is_for_authentication(&pem), pem.key_usage().unwrap().digital_signature());
    }
}

/// The rows of a CSV file with quotes.
fn rows(text: &str) -> Vec<Vec<String>> {
    let mut rows = vec![vec![String::new()]];
    let mut quoted = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                rows.last_mut().unwrap().last_mut().unwrap().push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => rows.last_mut().unwrap().push(String::new()),
            '\n' if !quoted => rows.push(vec![String::new()]),
            _ => rows.last_mut().unwrap().last_mut().unwrap().push(character),
        }
    }
    rows
}

#[test]
fn every_recorded_batch_time_stamp_is_by_the_listed_authority() {
    let Some(recorded) = recorded() else { return };
    let tsas = authorities(&recorded).time_stampers;
    let scratch = tempfile::tempdir().unwrap();
    let mut count = 0;
    for file in ["logrecord-ss0.csv", "logrecord-ss1.csv"] {
        let text = std::fs::read_to_string(recorded.join("messagelog").join(file)).unwrap();
        let rows = rows(&text);
        let column = |name: &str| rows[0].iter().position(|field| field == name).unwrap();
        let (kind, token, result) = (column("discriminator"), column("timestamp"), column("hashchainresult"));
        for row in rows.iter().filter(|row| row.len() > token && row[kind] == "t") {
            let token = decode(&row[token]);
            let stamp = timestamp::verify_token(&token, row[result].as_bytes(), &tsas).unwrap();
            assert_eq!(stamp.tsa(), &tsas[0]);
            assert_eq!(stamp.digest_algorithm(), DigestAlgorithm::Sha512);
            let recorded_at: i64 = row[column("time")].parse().unwrap();
            assert!((stamp.time().as_millisecond() - recorded_at).abs() < 60_000);
            assert_eq!(
                timestamp::verify_token(&token, row[result].as_bytes(), &[]),
                Err(TimestampRefusal::UnknownAuthority)
            );
            assert_eq!(timestamp::verify_token(&token, b"other", &tsas), Err(TimestampRefusal::OtherImprint));
            if count == 0 {
                std::fs::write(scratch.path().join("token"), &token).unwrap();
                openssl::must(scratch.path(), "ts -reply -token_in -in token -token_out -text");
            }
            count += 1;
        }
    }
    println!("{count} recorded time-stamps");
    assert!(count > 0);
}
