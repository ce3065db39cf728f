//! Files and instances that must be refused though their directory is well signed.

use crate::practice::{
    INSTANCE, Key, Publication, assemble, at, check, contents, fetch, location, now, private, publish,
    shared, source,
};
use globalconf::Uninterpretable;
use globalconf::directory::{self, Draft, DraftFile, FILES_MAX, UnwritableDirectory};
use globalconf::download::{self, CONFIGURATION_BYTES_MAX, FILE_BYTES_MAX, Location, Role, check_directory};
use std::collections::BTreeMap;
use trust::DigestAlgorithm;

#[test]
fn refuses_a_directory_of_another_instance_or_without_its_parts() {
    let key = Key::ec();
    let full = contents(&key, |_| {});
    let publication = publish(&key, now(), &full);
    assert!(check(&publication, &key, Role::Main, None).is_ok());
    let other = download::SourceOfConfiguration { instance: "OTHER".to_owned(), role: Role::Federated };
    let refused = check_directory(&publication.directory, &location(&key), &other, None, now()).unwrap_err();
    assert!(matches!(refused, download::Refusal::WrongInstance { .. }));
    assert_eq!(refused.code(), "global_conf_part_invalid_instance_identifier");
    let only_shared = publish(&key, now(), &full[1..]);
    let refused = check(&only_shared, &key, Role::Main, None).unwrap_err();
    assert_eq!(refused, download::Refusal::MissingPart { identifier: "PRIVATE-PARAMETERS" });
    assert!(check(&only_shared, &key, Role::Federated, None).is_ok());
    let only_private = publish(&key, now(), &full[..1]);
    for role in [Role::Main, Role::Federated] {
        let refused = check(&only_private, &key, role, None).unwrap_err();
        assert_eq!(refused, download::Refusal::MissingPart { identifier: "SHARED-PARAMETERS" });
    }
    let nowhere = Location { url: "ftp://cs/internalconf".to_owned(), ..location(&key) };
    let refused =
        check_directory(&publication.directory, &nowhere, &source(Role::Main), None, now()).unwrap_err();
    assert!(matches!(refused, download::Refusal::UnusableLocation { .. }));
}

#[test]
fn takes_only_shared_parameters_of_a_federated_instance() {
    let key = Key::ec();
    let publication = publish(&key, now(), &contents(&key, |_| {}));
    let checked = check(&publication, &key, Role::Federated, None).unwrap();
    let mut fetching = checked.fetch(None);
    assert_eq!(fetching.next().unwrap().file_name, "shared-params.xml");
    fetching.take(publication.files["shared-params.xml"].clone()).unwrap();
    assert_eq!(fetching.next(), None);
    let verified = assemble(&publication, &key, Role::Federated).unwrap();
    assert!(verified.configuration().private().is_none());
}

#[test]
fn refuses_files_that_are_missing_changed_too_large_or_not_what_they_should_be() {
    let key = Key::ec();
    let publication = publish(&key, now(), &contents(&key, |_| {}));
    let assemble_with = |files: BTreeMap<String, Vec<u8>>| {
        let checked = check(&publication, &key, Role::Main, None).unwrap();
        fetch(checked, &files, None).map(|_| ())
    };
    assert_eq!(assemble_with(publication.files.clone()), Ok(()));
    let file = "shared-params.xml".to_owned();
    let mut files = publication.files.clone();
    let good = files.remove(&file).unwrap();
    assert_eq!(assemble_with(files.clone()), Err(download::Refusal::NotFetched { file: file.clone() }));
    for bad in [&good[1..], &good[..good.len().saturating_sub(1)], b""] {
        files.insert(file.clone(), bad.to_vec());
        let refused = assemble_with(files.clone()).unwrap_err();
        assert_eq!(refused, download::Refusal::DigestMismatch { file: file.clone() });
        assert_eq!(refused.code(), "global_conf_part_downloaded_file_integrity_failure");
    }
    files.insert(file.clone(), vec![0; FILE_BYTES_MAX.saturating_add(1)]);
    assert!(matches!(assemble_with(files), Err(download::Refusal::TooLarge { .. })));
}

#[test]
fn a_file_is_refused_before_the_next_is_asked_for() {
    let key = Key::ec();
    let publication = publish(&key, now(), &contents(&key, |_| {}));
    let mut fetching = check(&publication, &key, Role::Main, None).unwrap().fetch(None);
    let first = fetching.next().unwrap();
    let good = publication.files[&first.file_name].clone();
    let mut bad = good.clone();
    bad.push(b' ');
    let file = first.file_name.clone();
    assert_eq!(fetching.take(bad), Err(download::Refusal::DigestMismatch { file }));
    assert_eq!(fetching.next(), Some(first.clone()), "it is still missing");
    fetching.take(good).unwrap();
    assert_ne!(fetching.next().unwrap().file_name, first.file_name);
}

#[test]
fn all_files_together_have_a_largest_size() {
    let key = Key::ec();
    let mut parts = vec![("LARGE", "large", vec![b' '; FILE_BYTES_MAX])];
    parts.extend(contents(&key, |_| {}));
    let mut publication = publish(&key, now(), &parts);
    drop(parts);
    let mut fetching = check(&publication, &key, Role::Main, None).unwrap().fetch(None);
    fetching.take(publication.files.remove("large").unwrap()).unwrap();
    let second = fetching.next().unwrap();
    assert_eq!(second.bytes_max, CONFIGURATION_BYTES_MAX.saturating_sub(FILE_BYTES_MAX));
    let bytes = publication.files.remove(&second.file_name).unwrap();
    let bytes_max = second.bytes_max.saturating_sub(bytes.len());
    fetching.take(bytes).unwrap();
    let third = fetching.next().unwrap();
    assert_eq!(third.bytes_max, bytes_max);
    let bytes = bytes_max.saturating_add(1);
    let refused = download::Refusal::TooLarge { file: third.file_name, bytes, bytes_max };
    assert_eq!(fetching.take(vec![0; bytes]), Err(refused));
}

fn is_malformed(verdict: &Result<(), download::Refusal>) -> bool {
    matches!(verdict, Err(download::Refusal::Uninterpretable(Uninterpretable::Malformed { .. })))
}

/// What is changed in a good file, and into what.
const UNFIT: &[(&str, &str)] = &[
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
    ("<memberCode>MOI</memberCode>", "<memberCode>MOI</memberCode><memberCode>MOI</memberCode>"),
    ("<memberCode>MOI</memberCode>", "<memberCode x=\"y\">MOI</memberCode>"),
    ("<address>cs.example</address>", "<unknown/><address>cs.example</address>"),
    ("<groupCode>", "text<groupCode>"),
    ("objectType=\"MEMBER\"", "objectType=\"SERVER\""),
    ("objectType=\"SUBSYSTEM\"", "objectType=\"NOTHING\""),
    ("</ns3:conf>", ""),
    ("ns3=\"http://x-road.eu/xsd/xroad.xsd\"", "ns3=\"http://example.org/\""),
    ("<internalVerificationCert>", "<internalVerificationCert>?"),
];

#[test]
fn refuses_well_signed_files_that_break_their_schema_or_speak_of_another_instance() {
    let key = Key::ec();
    let text = String::from_utf8(shared(INSTANCE, std::slice::from_ref(&key.certificate)).write(6).unwrap())
        .unwrap();
    let verdict = |text: &str| {
        let files = [
            ("PRIVATE-PARAMETERS", "private-params.xml", private(INSTANCE).write().unwrap()),
            ("SHARED-PARAMETERS", "shared-params.xml", text.as_bytes().to_vec()),
        ];
        assemble(&publish(&key, now(), &files), &key, Role::Main).map(|_| ())
    };
    assert_eq!(verdict(&text), Ok(()));
    for (from, to) in UNFIT {
        let bad = text.replacen(from, to, 1);
        assert_ne!(bad, text, "{from}");
        let refused = verdict(&bad);
        assert!(is_malformed(&refused), "{from:?} as {to:?}: {refused:?}");
    }
    let twice = text.replace("<owner>id3</owner>", "<owner>id0</owner>").replace(">gw2<", ">gw1<");
    assert!(is_malformed(&verdict(&twice)), "one server twice");
    let (start, end) = (text.find("<globalGroup>").unwrap(), text.find("</globalGroup>").unwrap());
    let group = &text[start..end + "</globalGroup>".len()];
    assert!(is_malformed(&verdict(&text.replacen(group, &group.repeat(2), 1))), "one group twice");
    let other = text.replacen("<instanceIdentifier>CAMBODIA<", "<instanceIdentifier>OTHER<", 1);
    let refused = verdict(&other).unwrap_err();
    assert!(matches!(refused, download::Refusal::Uninterpretable(Uninterpretable::WrongInstance { .. })));
    assert_eq!(refused.code(), "global_conf_part_invalid_instance_identifier");
}

#[test]
fn a_bad_optional_part_leaves_its_default_in_force_and_says_so() {
    let key = Key::ec();
    let mut files = contents(&key, |_| {});
    files.push(("FETCHINTERVAL", "fetchinterval-params.xml", b"<x/>".to_vec()));
    files.push(("NEXTUPDATE", "nextupdate-params.xml", globalconf::parts::write_next_update(false).unwrap()));
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
    assert_eq!(Draft::new(6, now(), "I", &many, ("a", "b")), Err(UnwritableDirectory::TooManyFiles));
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
    let second = publish(&key, now(), &contents(&key, |shared| shared.settings.ocsp_freshness_seconds = 60));
    let mixed = Publication { directory: first.directory.clone(), files: second.files };
    assert!(matches!(assemble(&mixed, &key, Role::Main), Err(download::Refusal::DigestMismatch { .. })));
}
