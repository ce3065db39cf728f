//! The manifest `hashchain-ts-ocsp`: OCSP, certificate paths, time-stamps, certificate hashes.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use trust::path::{verify_path, verify_presented};
use trust::{
    Authorities, Certificate, DigestAlgorithm, OcspPolicy, OcspRefusal, OcspResponse, PathRefusal,
    TimestampRefusal, ocsp, timestamp,
};

use crate::mint::{self, Answer};
use crate::{der, openssl, vectors};

const RSA_SHA256: &str = "1.2.840.113549.1.1.11";

fn bundle(scratch: &Path, path: &Path) -> (String, Certificate) {
    let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
    let certificate = vectors::certificate(&openssl::unpack(scratch, path, &name));
    (name, certificate)
}

fn answer(scratch: &Path, answer: &Answer<'_>, signer: &(String, Certificate)) -> OcspResponse {
    let der = answer.der_signed(&signer.1, &[&answer.single()], &der::digest(RSA_SHA256), |tbs| {
        openssl::sign(scratch, &signer.0, tbs)
    });
    OcspResponse::parse(&der).unwrap()
}

/// `now`, `now+1d`, `now+12345ms`
fn moment(text: &str, now: Timestamp) -> Timestamp {
    match text.strip_prefix("now").unwrap() {
        "" => now,
        "+1d" => now + SignedDuration::from_hours(24),
        "+12345ms" => now + SignedDuration::from_millis(12345),
        other => panic!("unknown moment {other}"),
    }
}

fn verify_ocsp(folder: &Path, entry: &Value) {
    let scratch = tempfile::tempdir().unwrap();
    let issuer = bundle(scratch.path(), &vectors::files(folder, entry, "issuer")[0]);
    let subject = bundle(scratch.path(), &vectors::files(folder, entry, "subject")[0]);
    let named = |name: &Value| if *name == subject.0 { &subject } else { &issuer };
    let build = &entry["input"]["build"];
    let verify = &entry["input"]["verify"];
    let now = mint::at("2012-09-18T06:55:45Z");
    let mut wish = Answer::new(&named(&build["subject"]).1, &named(&build["issuer"]).1);
    wish.this_update = moment(build["this_update"].as_str().unwrap_or("now"), now);
    wish.next_update = build["next_update"].as_str().map(|text| moment(text, now));
    if build["status"] == "revoked" {
        wish.status = mint::revoked(now);
    }
    let response = answer(scratch.path(), &wish, named(&build["signer"]));
    let mut authorities = mint::approve(&[(&issuer.1, &[])]);
    authorities.ocsp =
        OcspPolicy { freshness_seconds: 3600, verify_next_update: verify["verify_next_update"] == true };
    let certificate = &named(&verify["subject"]).1;
    let claimed_issuer = &named(&verify["issuer"]).1;
    // "now" lies a hair after the moment at which the response was built.
    let now = now + SignedDuration::from_millis(1000);
    let result = check(&response, certificate, claimed_issuer, &authorities, now);
    if entry["expect"]["ok"] == true {
        if response.this_update() > now {
            // The one place where we are stricter: believed only when its time has come.
            assert!(matches!(result, Err(OcspRefusal::FromTheFuture { .. })), "{}: {result:?}", entry["id"]);
            println!(
                "stricter: {} is a response from the future; accepted when its time has come",
                entry["id"]
            );
        }
        let later = response.this_update().max(now);
        assert_eq!(
            check(&response, certificate, claimed_issuer, &authorities, later),
            Ok(()),
            "{}",
            entry["id"]
        );
    } else {
        assert_eq!(result.unwrap_err().code(), entry["expect"]["code"], "{}", entry["id"]);
    }
}

/// One response for one certificate, as `verify_statuses` would judge it.
fn check(
    response: &OcspResponse,
    certificate: &Certificate,
    issuer: &Certificate,
    authorities: &Authorities,
    at: Timestamp,
) -> Result<(), OcspRefusal> {
    match verify_path(certificate, &[], authorities, at) {
        Ok(path)
            if path.anchor() == issuer
                && path.certificates().len() == 1
                && response.matches(certificate, issuer) =>
        {
            ocsp::verify_statuses(&path, std::slice::from_ref(response), authorities, at).map(|_| ())
        }
        _ => ocsp::verify_response(response, certificate, issuer, authorities, at).map(|_| ()),
    }
}

fn verify_cert_chain(folder: &Path, entry: &Value) {
    let scratch = tempfile::tempdir().unwrap();
    let one = |role: &str| bundle(scratch.path(), &vectors::files(folder, entry, role)[0]);
    let root = one("root");
    let user = one("user");
    let signer = one("ocsp_signer");
    let intermediates: Vec<Certificate> = vectors::files(folder, entry, "intermediate")
        .iter()
        .map(|path| bundle(scratch.path(), path).1)
        .collect();
    let at = entry["at"].as_str().map_or(mint::at("2012-09-18T06:55:45Z"), mint::at);
    // Every CA of the chain lists the responder; the path goes over the certificates given.
    let mut approved: Vec<(&Certificate, &[&Certificate])> = vec![(&root.1, &[])];
    let responders = [&signer.1];
    approved[0].1 = &responders;
    let authorities = mint::approve(&approved);
    let path = match verify_presented(&user.1, &intermediates, &authorities, at) {
        Ok(path) => path,
        Err(refusal) => {
            assert_eq!(entry["expect"]["ok"], false, "{}: {refusal}", entry["id"]);
            assert_eq!(entry["expect"]["stage"], "path building");
            assert!(matches!(refusal, PathRefusal::NoIssuer { .. }), "{refusal:?}");
            return;
        }
    };
    let mut all = authorities.clone();
    for ca in &intermediates {
        all.cas.extend(mint::approve(&[(ca, &responders)]).cas);
    }
    let without = entry["ocsp_responses"].as_str().unwrap().split("none for ").nth(1);
    let responses: Vec<OcspResponse> = path
        .with_issuers()
        .filter(|(certificate, _)| {
            without.is_none_or(|name| {
                let unit = certificate.subject_attribute("2.5.4.11").unwrap();
                unit.to_lowercase().replace(' ', "_") != name
            })
        })
        .map(|(certificate, issuer)| {
            let mut wish = Answer::new(certificate, issuer);
            wish.this_update = at;
            answer(scratch.path(), &wish, &signer)
        })
        .collect();
    let result = ocsp::verify_statuses(&path, &responses, &all, at);
    if entry["expect"]["ok"] == true {
        assert_eq!(result.unwrap().responses(), responses, "{}", entry["id"]);
    } else {
        assert_eq!(responses.len() + 1, path.certificates().len());
        assert!(matches!(result, Err(OcspRefusal::Missing { .. })), "{}: {result:?}", entry["id"]);
    }
}

fn parse_ocsp(folder: &Path, entry: &Value) {
    let response = OcspResponse::parse(&vectors::file(folder, entry, "ocsp_response")).unwrap();
    let expect = &entry["expect"];
    assert_eq!(response.produced_at().to_string(), expect["produced_at"].as_str().unwrap());
    assert_eq!(response.this_update().to_string(), expect["this_update"].as_str().unwrap());
    assert_eq!(response.next_update().map(|at| at.to_string()).as_deref(), expect["next_update"].as_str());
    let serial = u64::from_str_radix(expect["serial_hex"].as_str().unwrap(), 16).unwrap();
    assert_eq!(response.serial_decimal(), serial.to_string());
    assert_eq!(format!("{:?}", response.status()).to_lowercase(), expect["cert_status"].as_str().unwrap());
}

fn verify_time_stamp(folder: &Path, entry: &Value) {
    let store = &vectors::files(folder, entry, "globalconf")[0];
    let responders = entry["certificates"].as_str().unwrap().contains("OCSP responder");
    let element = if responders { "ocsp" } else { "approvedTSA" };
    let tsas = vectors::certificates_of_store(store, element);
    assert!(!tsas.is_empty());
    let token = vectors::file(folder, entry, "token");
    let data = vectors::file(folder, entry, "stamped_data");
    let result = timestamp::verify_token(&token, &data, &tsas);
    if entry["expect"]["ok"] == true {
        let stamp = result.unwrap();
        assert_eq!(stamp.time().to_string(), entry["expect"]["gen_time"].as_str().unwrap());
        assert_eq!(stamp.digest_algorithm(), DigestAlgorithm::Sha256);
        assert_eq!(hex::encode(stamp.imprint()), entry["expect"]["imprint_sha256_hex"].as_str().unwrap());
        let other = timestamp::verify_token(&token, b"other data", &tsas);
        assert_eq!(other, Err(TimestampRefusal::OtherImprint));
    } else {
        assert_eq!(entry["expect"]["code"], "mlog.tsp_certificate_not_found");
        assert_eq!(result, Err(TimestampRefusal::UnknownAuthority));
    }
}

fn verify_time_stamp_response(folder: &Path, entry: &Value) {
    let der = vectors::file(folder, entry, "response");
    let tsa = vectors::certificate(&vectors::file(folder, entry, "tsp_certificate"));
    let expect = &entry["expect"];
    let token = timestamp::read_granted(&der, std::slice::from_ref(&tsa)).unwrap();
    let stamp = token.verified();
    assert_eq!(stamp.time().to_string(), expect["gen_time"].as_str().unwrap());
    let imprint = hex::encode(stamp.imprint());
    assert_eq!(imprint, expect["imprint_sha256_hex"].as_str().unwrap());
    let serial = u64::from_str_radix(expect["serial_hex"].as_str().unwrap(), 16).unwrap();
    assert_eq!(stamp.serial_decimal(), serial.to_string());
    assert_eq!(hex::encode_upper(stamp.nonce().unwrap()), expect["nonce_hex"].as_str().unwrap());
    assert_eq!(stamp.tsa(), &tsa);
    // It answers a request with a nonce, and ours have none.
    let ours =
        timestamp::read_response(&der, DigestAlgorithm::Sha256, stamp.imprint(), std::slice::from_ref(&tsa));
    assert_eq!(ours, Err(TimestampRefusal::UnexpectedNonce));
}

#[test]
fn every_entry_about_ocsp_paths_and_time_stamps_gives_what_it_expects() {
    let Some((folder, entries)) = vectors::manifest("hashchain-ts-ocsp") else {
        return;
    };
    for entry in &entries {
        match vectors::operation(entry) {
            "verify-ocsp" => verify_ocsp(&folder, entry),
            "parse-ocsp" => parse_ocsp(&folder, entry),
            "verify-cert-chain" => verify_cert_chain(&folder, entry),
            "verify-time-stamp" => verify_time_stamp(&folder, entry),
            "verify-time-stamp-response" => verify_time_stamp_response(&folder, entry),
            "cert-hash" => {
                let bytes = hex::decode(entry["input"]["bytes_hex"].as_str().unwrap()).unwrap();
                let algorithm =
                    DigestAlgorithm::from_name(entry["input"]["algorithm"].as_str().unwrap()).unwrap();
                let found = base64::Engine::encode(
                    &base64::engine::general_purpose::STANDARD,
                    algorithm.digest(&bytes),
                );
                assert_eq!(found, entry["expect"]["hash_base64"].as_str().unwrap());
            }
            _ => println!("elsewhere: {}", entry["id"]),
        }
    }
}

#[test]
fn every_certificate_in_the_configurations_of_the_fixtures_can_be_read() {
    let Some(folder) = vectors::folder() else { return };
    let mut count = 0;
    for store in std::fs::read_dir(folder.join("shared/globalconf")).unwrap() {
        for certificate in vectors::certificates_of_store(&store.unwrap().path(), "conf") {
            assert!(!certificate.subject_rfc2253().is_empty());
            assert_eq!(Certificate::from_der(certificate.der()), Ok(certificate.clone()));
            count += 1;
        }
    }
    println!("{count} certificates");
    assert!(count > 50);
}
