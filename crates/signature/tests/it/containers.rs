//! ASiC-E containers: X-Road's own, recorded ones, and ours.

use std::io::{Cursor, Read as _, Write as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use signature::container::{AsicContainer, BatchStamp, Direction, ReadRefusal, file_name};
use signature::evidence::{self, StampKind};
use signature::timestamp;
use trust::authorities::Authorities;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::support;
use crate::workshop::{EC, RSA, Workshop, workshop};

pub(crate) const MESSAGE: &[u8] =
    b"POST\r\n/r1/EX/GOV/member/system/svc/a\r\nX-Road-Client:EX/GOV/member/system\r\n";

/// The entries of a zip file, as they are.
pub(crate) fn entries(zip: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = ZipArchive::new(Cursor::new(zip)).unwrap();
    (0..archive.len())
        .map(|index| {
            let mut file = archive.by_index(index).unwrap();
            let name = file.name().unwrap().into_owned();
            let mut octets = Vec::new();
            file.read_to_end(&mut octets).unwrap();
            (name, octets)
        })
        .collect()
}

pub(crate) fn zipped(entries: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, octets) in entries {
        writer.start_file(name.as_str(), options).unwrap();
        writer.write_all(octets).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

pub(crate) fn judge(zip: &[u8], authorities: &Authorities) -> Result<evidence::Report, String> {
    let container = AsicContainer::read(zip).map_err(|refusal| refusal.code().to_owned())?;
    let of = |instance: &str| (instance == authorities.instance).then_some(authorities);
    evidence::verify(&container, of, &authorities.time_stampers)
        .map_err(|refusal| format!("{} {refusal}", refusal.code()))
}

#[test]
fn every_entry_of_the_manifest_of_containers() {
    let Some(vectors) = support::vectors() else { return };
    for entry in support::manifest(&vectors, "asic") {
        let id = entry["id"].as_str().unwrap();
        match entry["operation"].as_str().unwrap() {
            "archive-verify" | "verificationconf" => println!("later: {id} (archives)"),
            "archive-file-name" => names(id, &entry),
            "read" => read(&vectors, id, &entry),
            "verify" => verify(&vectors, id, &entry),
            other => panic!("{id}: the operation {other} is new"),
        }
    }
}

fn names(id: &str, entry: &Value) {
    let input = &entry["input"];
    let direction = if input["response"] == true { Direction::Response } else { Direction::Request };
    let name = file_name(input["query_id"].as_str().unwrap(), direction, input["sequence"].as_u64().unwrap());
    assert!(name.len() <= usize::try_from(entry["expect"]["max_length"].as_u64().unwrap()).unwrap(), "{id}");
    assert!(name.ends_with("-7vvvvvvvvvvvv.asice"), "{id}: {name}");
}

fn container_of(vectors: &Path, entry: &Value) -> Vec<u8> {
    std::fs::read(vectors.join(support::file_of(entry, "container").unwrap())).unwrap()
}

fn read(vectors: &Path, id: &str, entry: &Value) {
    let zip = container_of(vectors, entry);
    let expected = &entry["expect"];
    let container = match AsicContainer::read(&zip) {
        Ok(container) => container,
        Err(refusal) => {
            assert_eq!(expected["ok"], false, "{id}: {refusal}");
            assert_eq!(expected["code"], refusal.code(), "{id}");
            return;
        }
    };
    assert_eq!(expected["ok"], true, "{id}");
    let Some(store) = support::file_of(entry, "globalconf") else { return };
    let authorities = support::store(vectors, &store);
    let report = judge(&zip, &authorities).unwrap_or_else(|why| panic!("{id}: {why}"));
    let facts = &expected["facts"];
    let second = |time: jiff::Timestamp| time.as_second();
    let told = |fact: &Value| fact.as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_second();
    assert_eq!(second(report.time), told(&facts["time_stamp"]["gen_time"]), "{id}");
    assert_eq!(second(report.statuses[0].produced_at), told(&facts["ocsp"]["produced_at"]), "{id}");
    assert_eq!(report.stamp == StampKind::Batch, facts["time_stamp"]["batch"] == true, "{id}");
    assert_eq!(container.stamp.is_some(), facts["time_stamp"]["batch"] == true, "{id}");
    let names: Vec<String> = entries(&zip).into_iter().map(|(name, _)| name).collect();
    assert_eq!(&serde_json::to_value(names).unwrap(), &expected["entries"], "{id}");
}

fn verify(vectors: &Path, id: &str, entry: &Value) {
    let authorities = support::store(vectors, &support::file_of(entry, "globalconf").unwrap());
    let outcome = judge(&container_of(vectors, entry), &authorities);
    if entry["expect"]["ok"] == true {
        outcome.unwrap_or_else(|why| panic!("{id}: {why}"));
    } else {
        let why = outcome.expect_err(id);
        assert_eq!(Some(why.split(' ').next().unwrap()), entry["expect"]["code"].as_str(), "{id}: {why}");
    }
}

/// Every container below the recordings: downloads, archives, and answers of `/asic`.
fn recorded_containers(vectors: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let recorded = vectors.join("recorded");
    let files = |folder: &str| -> Vec<std::path::PathBuf> {
        let mut files: Vec<_> =
            std::fs::read_dir(recorded.join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    };
    let mut add = |name: &str, octets: Vec<u8>| {
        if entries(&octets).iter().any(|(entry, _)| entry == "mimetype") {
            found.push((name.to_owned(), octets));
        } else {
            let within = entries(&octets).into_iter().filter(|(entry, _)| entry.ends_with(".asice"));
            found.extend(within.map(|(entry, octets)| (format!("{name}/{entry}"), octets)));
        }
    };
    for folder in ["messagelog/asice", "messagelog/archive-ss0", "messagelog/archive-ss1"] {
        for file in files(folder) {
            add(&file.file_name().unwrap().to_string_lossy(), std::fs::read(&file).unwrap());
        }
    }
    for folder in files("consumer") {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let Ok(response) = std::fs::read(folder.join("response.bin")) else { continue };
        if !name.starts_with("asic-") || !response.starts_with(b"HTTP/1.1 200") {
            continue;
        }
        let Some(start) = response.windows(4).position(|window| window == b"PK\x03\x04") else { continue };
        let body = &response[start..];
        // Only answers that are not chunked are a zip file as they stand.
        if ZipArchive::new(Cursor::new(body)).is_ok() && AsicContainer::read(body).is_ok() {
            add(&name, body.to_vec());
        }
    }
    found
}

#[test]
fn verifies_every_recorded_container() {
    let Some(vectors) = support::vectors() else { return };
    let authorities = support::recorded(&vectors);
    let (mut batch, mut single, mut absent) = (0, 0, 0);
    let containers = recorded_containers(&vectors);
    for (name, zip) in &containers {
        let report = judge(zip, &authorities).unwrap_or_else(|why| panic!("{name}: {why}"));
        match report.stamp {
            StampKind::Batch => batch += 1,
            StampKind::Single => single += 1,
        }
        absent += report.parts.iter().filter(|part| !part.held).count();
        assert_eq!(report.member, report.sender.member(), "{name}");
        assert_eq!(report.unvouched_certificates, 0, "{name}");
        assert_eq!(report.time_stamper, authorities.time_stampers[0], "{name}");
        assert_eq!(report.anchor, authorities.cas[0].top.certificate, "{name}");
        assert!(
            name.contains(if report.direction == Direction::Request { "request" } else { "response" }),
            "{name}"
        );
    }
    println!(
        "{} containers: {batch} batch, {single} single stamps, {absent} parts not held",
        containers.len()
    );
    assert!(containers.len() > 200 && absent > 0);
}

#[test]
fn writes_recorded_containers_again_with_the_same_entries() {
    let Some(vectors) = support::vectors() else { return };
    for (name, zip) in recorded_containers(&vectors).iter().step_by(7) {
        let container = AsicContainer::read(zip).unwrap();
        let ours = container.write("2026-11-22T12:00:00Z".parse().unwrap()).unwrap();
        let sorted = |zip: &[u8]| {
            let mut entries = entries(zip);
            for (name, octets) in &mut entries {
                if name == "META-INF/manifest.xml" {
                    let mut lines: Vec<&[u8]> = octets.split(|byte| *byte == b'\n').collect();
                    lines.sort_unstable();
                    *octets = lines.join(&b'\n');
                }
            }
            entries
        };
        assert_eq!(sorted(&ours), sorted(zip), "{name}");
    }
}

/// The document with a time-stamp of its own, as X-Road puts it in.
fn with_stamp(signatures_xml: &[u8], token: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(signatures_xml).unwrap();
    let (before, after) = text.split_once("<xades:RevocationValues>").unwrap();
    let token = STANDARD.encode(token);
    format!(
        "{before}<xades:SignatureTimeStamp><xades:EncapsulatedTimeStamp>{token}</xades:EncapsulatedTimeStamp>\
         </xades:SignatureTimeStamp><xades:RevocationValues>{after}"
    )
    .into_bytes()
}

pub(crate) fn single(workshop: &Workshop) -> Vec<u8> {
    let signed = workshop.signed("rsa", RSA, &[vec![MESSAGE]]).remove(0);
    let value = support::signature_value(&signed.signatures_xml);
    let signatures_xml = with_stamp(&signed.signatures_xml, &workshop.stamp(&value));
    let signed = signature::SignedParts { signatures_xml, ..signed };
    AsicContainer::new(MESSAGE.to_vec(), signed, None, vec![]).write(workshop.at).unwrap()
}

pub(crate) fn batch(workshop: &Workshop) -> Vec<u8> {
    let messages: [Vec<&[u8]>; 3] = [vec![MESSAGE, b"body"], vec![b"second"], vec![b"third", b"more"]];
    let signed = workshop.signed("below", EC, &messages).remove(0);
    let hash = timestamp::signature_hash(&signed.signatures_xml);
    let other = timestamp::signature_hash(b"another signature");
    let stamps = timestamp::Batch::new([other, hash, vec![7; 64]]).unwrap();
    let stamp = BatchStamp {
        result: stamps.result().to_vec(),
        chain: stamps.chain(1).unwrap(),
        token: workshop.stamp(stamps.result()),
    };
    AsicContainer::new(MESSAGE.to_vec(), signed, Some(stamp), vec![b"body".to_vec()])
        .write(workshop.at)
        .unwrap()
}

#[test]
fn verifies_our_own_containers() {
    let workshop = workshop();
    let report = judge(&single(workshop), &workshop.authorities).unwrap();
    assert_eq!((report.stamp, report.parts.len()), (StampKind::Single, 1));
    let report = judge(&batch(workshop), &workshop.authorities).unwrap();
    assert_eq!((report.stamp, report.parts.len()), (StampKind::Batch, 2));
    assert_eq!(report.sender.to_string(), "EX/GOV/member/system");
    assert_eq!(report.direction, Direction::Request);
    assert_eq!(
        report.statuses.len(),
        report.statuses.iter().filter(|status| !status.responder.is_empty()).count()
    );
}

#[test]
fn writes_the_media_type_first_and_stored() {
    let zip = single(workshop());
    assert_eq!(&zip[..4], b"PK\x03\x04");
    assert_eq!(&zip[8..10], [0, 0], "stored");
    assert_eq!(&zip[26..30], [8, 0, 0, 0], "a name of eight octets and no extra field");
    assert_eq!(&zip[30..69], b"mimetypeapplication/vnd.etsi.asic-e+zip");
    assert!(zip.ends_with(b"mimetype=application/vnd.etsi.asic-e+zip"));
}

#[test]
fn reads_names_in_any_case() {
    let workshop = workshop();
    let entries: Vec<_> =
        entries(&batch(workshop)).into_iter().map(|(name, octets)| (name.to_uppercase(), octets)).collect();
    judge(&zipped(&entries), &workshop.authorities).unwrap();
}

fn without(entries: &[(String, Vec<u8>)], name: &str) -> Vec<u8> {
    let kept: Vec<_> = entries.iter().filter(|(entry, _)| entry != name).cloned().collect();
    assert_eq!(kept.len() + 1, entries.len(), "{name}");
    zipped(&kept)
}

fn with(entries: &[(String, Vec<u8>)], name: &str, octets: &[u8]) -> Vec<u8> {
    let mut all: Vec<_> = entries.iter().filter(|(entry, _)| entry != name).cloned().collect();
    all.push((name.to_owned(), octets.to_vec()));
    zipped(&all)
}

#[test]
fn refuses_a_container_that_lacks_an_entry() {
    let workshop = workshop();
    let whole = entries(&batch(workshop));
    let refused = |name: &str| {
        let why = judge(&without(&whole, name), &workshop.authorities).expect_err(name);
        why.split(' ').next().unwrap().to_owned()
    };
    assert_eq!(refused("mimetype"), "asic_mime_type_not_found");
    assert_eq!(refused("message.xml"), "asic_message_not_found");
    assert_eq!(refused("META-INF/signatures.xml"), "asic_signature_not_found");
    assert_eq!(refused("sig-hashchain.xml"), "asic_hash_chain_not_found");
    assert_eq!(refused("sig-hashchainresult.xml"), "asic_hash_chain_result_not_found");
    assert_eq!(refused("ts-hashchain.xml"), "asic_hash_chain_not_found");
    assert_eq!(refused("ts-hashchainresult.xml"), "asic_hash_chain_result_not_found");
    assert_eq!(refused("META-INF/timestamp.tst"), "asic_timestamp_not_found");
    assert_eq!(refused("META-INF/manifest.xml"), "asic_not_covered");
    assert_eq!(refused("META-INF/ASiCManifest.xml"), "asic_not_covered");
    // The manifest still lists it, and nothing says that it was left out on purpose.
    assert_eq!(refused("attachment1"), "asic_not_covered");
}

#[test]
fn refuses_a_container_with_something_that_nothing_covers() {
    let workshop = workshop();
    let whole = entries(&batch(workshop));
    let refused = |name: &str, octets: &[u8]| {
        let why = judge(&with(&whole, name, octets), &workshop.authorities).expect_err(name);
        why.split(' ').next().unwrap().to_owned()
    };
    assert_eq!(refused("readme.txt", b"more"), "asic_not_covered");
    assert_eq!(refused("META-INF/other.xml", b"more"), "asic_not_covered");
    assert_eq!(refused("attachment01", b"body"), "asic_not_covered");
    assert_eq!(refused("attachment2", b"more"), "malformed_signature.hashchain_unused_inputs");
    assert_eq!(refused("META-INF/signatures2.xml", b"more"), "asic_invalid");
    assert_eq!(refused("MESSAGE.XML", b"more"), "asic_invalid");
    assert_eq!(refused("mimetype", b"application/zip"), "asic_invalid_mime_type");
    assert_eq!(refused("attachment1", b"other"), "malformed_signature.invalid_hash_chain_ref");
    assert_eq!(refused("message.xml", b"GET\r\n"), "invalid_message");
}

#[test]
fn refuses_an_attachment_beside_a_directly_signed_message() {
    let workshop = workshop();
    let whole = entries(&single(workshop));
    let why = judge(&with(&whole, "attachment1", b"body"), &workshop.authorities).unwrap_err();
    assert!(why.starts_with("malformed_signature "), "{why}");
    let why = judge(&with(&whole, "META-INF/timestamp.tst", b"token"), &workshop.authorities).unwrap_err();
    assert!(why.starts_with("asic_not_covered"), "{why}");
}

#[test]
fn refuses_a_container_without_a_time_stamp_or_with_that_of_another() {
    let workshop = workshop();
    let signed = workshop.signed("ec", EC, &[vec![MESSAGE]]).remove(0);
    let bare = AsicContainer::new(MESSAGE.to_vec(), signed.clone(), None, vec![]).write(workshop.at).unwrap();
    assert!(judge(&bare, &workshop.authorities).unwrap_err().starts_with("asic_timestamp_not_found"));
    let signatures_xml = with_stamp(&signed.signatures_xml, &workshop.stamp(b"something else"));
    let foreign = signature::SignedParts { signatures_xml, ..signed.clone() };
    let foreign = AsicContainer::new(MESSAGE.to_vec(), foreign, None, vec![]).write(workshop.at).unwrap();
    assert!(judge(&foreign, &workshop.authorities).unwrap_err().starts_with("mlog.invalid_timestamp"));
    let value = support::signature_value(&signed.signatures_xml);
    let signatures_xml = with_stamp(&signed.signatures_xml, &workshop.stamp(&value));
    let stamped = signature::SignedParts { signatures_xml, ..signed };
    let stamped = AsicContainer::new(MESSAGE.to_vec(), stamped, None, vec![]).write(workshop.at).unwrap();
    judge(&stamped, &workshop.authorities).unwrap();
    let mut unlisted = workshop.authorities.clone();
    unlisted.time_stampers = vec![workshop.certificate("ocsp")];
    assert!(judge(&stamped, &unlisted).unwrap_err().starts_with("mlog.tsp_certificate_not_found"));
    unlisted.instance = "OTHER".to_owned();
    unlisted.time_stampers = workshop.authorities.time_stampers.clone();
    assert!(judge(&stamped, &unlisted).unwrap_err().starts_with("unknown_member"));
}

#[test]
fn refuses_files_that_are_no_containers() {
    let zip = batch(workshop());
    let refused = |bytes: &[u8]| AsicContainer::read(bytes).unwrap_err();
    assert!(matches!(refused(b""), ReadRefusal::NotZip(_)));
    assert!(matches!(refused(b"PK"), ReadRefusal::NotZip(_)));
    assert!(matches!(refused(&zip[..zip.len() - 1]), ReadRefusal::NotZip(_)));
    assert!(matches!(refused(&[zip.as_slice(), b"x"].concat()), ReadRefusal::NotZip(_)));
    assert!(matches!(refused(&[b"x".as_slice(), &zip].concat()), ReadRefusal::NotZip(_)));
    let many: Vec<_> = (0..1100).map(|number| (format!("attachment{number}"), vec![])).collect();
    assert!(matches!(refused(&zipped(&many)), ReadRefusal::TooManyEntries { .. }));
    // The same name twice: the library would not write it, so a name is patched to equal another.
    let twice = zipped(&[("aaaa".to_owned(), vec![1]), ("aaab".to_owned(), vec![2])]);
    let mut patched = twice.clone();
    for at in 0..twice.len() - 4 {
        if &twice[at..at + 4] == b"aaab" {
            patched[at + 3] = b'a';
        }
    }
    assert!(matches!(refused(&patched), ReadRefusal::Duplicate { .. }));
    // An entry that calls itself otherwise than the directory does.
    let mut two_names = twice.clone();
    let first = twice.windows(4).position(|window| window == b"aaab").unwrap();
    two_names[first + 3] = b'c';
    assert!(matches!(refused(&two_names), ReadRefusal::NotZip(_)));
}
