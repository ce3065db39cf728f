//! Recordings of a live 7.8.0: every signed download verifies, and what we write for the same content is the
//! same, byte for byte.

use crate::practice::{at, fetch, vectors};
use globalconf::directory::{Draft, DraftFile, read, seal};
use globalconf::download::{Location, Role, SourceOfConfiguration, check_directory};
use globalconf::{Anchor, CertificateBytes, GlobalConf, Private, Shared, store};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use trust::{DigestAlgorithm, SignatureAlgorithm};

fn folder() -> Option<PathBuf> {
    vectors().map(|root| root.join("recorded/globalconf"))
}

fn file(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The body of a recorded HTTP response.
fn body(path: &Path) -> Vec<u8> {
    let bytes = file(path);
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    bytes[head.saturating_add(4)..].to_vec()
}

fn certificates(folder: &Path, kind: &str) -> Vec<CertificateBytes> {
    let anchor = Anchor::read(&file(&folder.join(format!("anchors/{kind}-anchor.xml")))).unwrap();
    anchor.sources[0].verification_certificates.clone()
}

#[test]
fn every_recorded_directory_verifies_with_the_certificates_of_its_anchor_and_of_no_other() {
    let Some(folder) = folder() else { return };
    let now = at("2026-11-22T11:56:30Z");
    for version in 2..=6 {
        for (name, own, other) in
            [("internalconf", "INTERNAL", "EXTERNAL"), ("externalconf", "EXTERNAL", "INTERNAL")]
        {
            let downloaded = body(&folder.join(format!("http/{name}-v{version}.response.bin")));
            let published = file(&folder.join(format!("cs-public-dir-snapshot/V{version}/{name}")));
            for document in [downloaded, published] {
                let directory = read(&document, &certificates(&folder, own), now).unwrap();
                assert_eq!(directory.version(), version);
                assert!(directory.files().iter().all(|file| file.instance() == Some("DEV")));
                assert_eq!(directory.files().iter().any(|file| file.is_private()), own == "INTERNAL");
                assert!(directory.generation().unwrap().starts_with("2026112211"));
                let refused = read(&document, &certificates(&folder, other), now).unwrap_err();
                assert_eq!(refused.code(), "global_conf_missing_verification_cert");
                let later =
                    read(&document, &certificates(&folder, own), at("2026-11-22T13:00:00Z")).unwrap_err();
                assert_eq!(later.code(), "global_conf_outdated");
            }
        }
    }
}

#[test]
fn a_recorded_download_becomes_a_configuration_and_is_written_again_with_the_same_bytes() {
    let Some(folder) = folder() else { return };
    for version in [5_u8, 6] {
        let document = body(&folder.join(format!("http/internalconf-v{version}.response.bin")));
        let mut fetched = BTreeMap::new();
        for name in ["shared-params.xml", "private-params.xml"] {
            fetched
                .insert(name.to_owned(), body(&folder.join(format!("http/V{version}-{name}.response.bin"))));
        }
        let location = Location {
            url: format!("http://cs/internalconf?version={version}"),
            certificates: certificates(&folder, "INTERNAL"),
        };
        let source = SourceOfConfiguration { instance: "DEV".to_owned(), role: Role::Main };
        let now = at("2026-11-22T11:56:00Z");
        let checked = check_directory(&document, &location, &source, None, now).unwrap();
        let wanted = checked.clone().fetch(None).next().unwrap();
        assert!(wanted.url.starts_with(&format!("http://cs/V{version}/20261122115551")), "{}", wanted.url);
        let verified = fetch(checked, &fetched, None).unwrap();
        let configuration = verified.configuration();
        assert_eq!(configuration.shared().write(version).unwrap(), fetched["shared-params.xml"]);
        assert_eq!(configuration.private().unwrap().write().unwrap(), fetched["private-params.xml"]);
        let conf = GlobalConf::from_verified(&verified, &[]);
        assert_eq!(conf.warnings(), []);
        assert_eq!(conf.authorities_for_evidence("DEV").unwrap().cas.len(), 1);
    }
}

/// The value of a header or parameter in the text of a directory, between two marks.
fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(start).unwrap();
    rest.split_once(end).unwrap().0
}

#[test]
fn a_recorded_directory_is_written_again_with_the_same_bytes() {
    let Some(folder) = folder() else { return };
    for version in [5_u8, 6] {
        let document = body(&folder.join(format!("http/internalconf-v{version}.response.bin")));
        let text = std::str::from_utf8(&document).unwrap();
        let certificates = certificates(&folder, "INTERNAL");
        let directory = read(&document, &certificates, at("2026-11-22T11:56:00Z")).unwrap();
        let files: Vec<DraftFile> = directory
            .files()
            .iter()
            .map(|listed| {
                let content =
                    body(&folder.join(format!("http/V{version}-{}.response.bin", listed.file_name())));
                DraftFile::new(listed.identifier(), listed.location(), &content, listed.algorithm())
            })
            .collect();
        let outer = between(text, "related; charset=UTF-8; boundary=", "\r\n");
        let inner = between(text, "mixed; charset=UTF-8; boundary=", "\r\n");
        let draft = Draft::new(version, directory.expires(), "DEV", &files, (outer, inner)).unwrap();
        let (_, tail) = text.split_once("Verification-certificate-hash").unwrap();
        let signature = between(tail, "\r\n\r\n", "\r\n");
        let signature = {
            use base64::Engine;
            base64::engine::general_purpose::STANDARD.decode(signature).unwrap()
        };
        let algorithm = SignatureAlgorithm::RsaPkcs1(DigestAlgorithm::Sha512);
        let written = draft.finish(&signature, algorithm, &certificates[0].der()).unwrap();
        assert_eq!(String::from_utf8(written.clone()).unwrap(), text);
        assert_eq!(seal(draft.text(), outer, &signature, algorithm, &certificates[0].der()), written);
    }
}

#[test]
fn every_recorded_generation_of_the_public_folder_is_read() {
    let Some(folder) = folder() else { return };
    let mut count = 0_usize;
    for entry in std::fs::read_dir(folder.join("cs-public-dir-snapshot/V6")).unwrap() {
        let path = entry.unwrap().path();
        if !path.is_dir() {
            continue;
        }
        let shared = file(&path.join("shared-params.xml"));
        assert_eq!(Shared::read(&shared, 6).unwrap().write(6).unwrap(), shared, "{}", path.display());
        let private = file(&path.join("private-params.xml"));
        assert_eq!(Private::read(&private, 6).unwrap().write().unwrap(), private, "{}", path.display());
        count = count.saturating_add(1);
    }
    assert!(count > 20);
}

#[test]
fn recorded_anchors_are_written_again_with_the_same_bytes() {
    let Some(folder) = folder() else { return };
    for kind in ["INTERNAL", "EXTERNAL"] {
        let bytes = file(&folder.join(format!("anchors/{kind}-anchor.xml")));
        assert_eq!(Anchor::read(&bytes).unwrap().write().unwrap(), bytes);
    }
    let stored = file(&folder.join("anchors/internal-as-stored-on-ss1.xml"));
    let given = file(&folder.join("anchors/INTERNAL-anchor.xml"));
    assert_eq!(Anchor::read(&stored).unwrap(), Anchor::read(&given).unwrap());
}

#[test]
fn the_recorded_store_is_loaded_and_answers() {
    let Some(folder) = folder() else { return };
    let conf = GlobalConf::load(&folder.join("ss1-globalconf")).unwrap();
    assert_eq!((conf.main_instance(), conf.warnings()), ("DEV", &[][..]));
    assert!(conf.check_current(at("2026-11-22T12:05:52Z")).is_err());
    let current = conf.check_current(at("2026-11-22T12:05:51Z")).unwrap();
    let service = crate::practice::client("DEV/COM/1234/TestService");
    let providers = current.providers(&service);
    assert_eq!(providers.len(), 1);
    assert_eq!(
        (providers[0].server.to_string().as_str(), providers[0].address.as_str()),
        ("DEV/COM/1234/SS0", "ss0")
    );
    assert_eq!(current.time_stamping_interval_seconds(), 60);
    assert_eq!(current.time_stamping_services()[0].url, "http://testca:8899");
    assert_eq!(current.all_ca_subjects().len(), 1);
    assert_eq!(current.authorities("DEV").unwrap().ocsp.freshness_seconds, 3600);
}

#[test]
fn what_we_store_is_what_the_live_server_stored() {
    let Some(folder) = folder() else { return };
    let document = body(&folder.join("http/internalconf-v6.response.bin"));
    let mut fetched = BTreeMap::new();
    for name in ["shared-params.xml", "private-params.xml"] {
        fetched.insert(name.to_owned(), body(&folder.join(format!("http/V6-{name}.response.bin"))));
    }
    let location = Location {
        url: "http://cs/internalconf?version=6".to_owned(),
        certificates: certificates(&folder, "INTERNAL"),
    };
    let source = SourceOfConfiguration { instance: "DEV".to_owned(), role: Role::Main };
    let checked = check_directory(&document, &location, &source, None, at("2026-11-22T11:56:00Z")).unwrap();
    let verified = fetch(checked, &fetched, None).unwrap();
    let dir = tempfile::TempDir::new().unwrap();
    store::replace(dir.path(), &verified).unwrap();
    let recorded = folder.join("ss1-globalconf");
    for name in ["instance-identifier", "DEV/shared-params.xml", "DEV/private-params.xml"] {
        assert_eq!(file(&dir.path().join(name)), file(&recorded.join(name)), "{name}");
    }
    for name in ["DEV/shared-params.xml.metadata", "DEV/private-params.xml.metadata"] {
        assert_eq!(file(&dir.path().join(name)), file(&recorded.join(name)), "{name}");
    }
    let names: Vec<_> = std::fs::read_dir(dir.path().join("DEV")).unwrap().collect();
    assert_eq!(names.len(), 4);
    assert_eq!(GlobalConf::load(dir.path()).unwrap().configuration("DEV"), Some(verified.configuration()));
}
