//! The manifest of the shared vectors is the list of tests.

use crate::practice::{at, fetch, vectors};
use crate::queries;
use globalconf::directory::{Draft, DraftFile, UnwritableDirectory, multipart, read, seal};
use globalconf::download::{
    Ask, FederationFilter, Location, Negotiation, Role, SourceOfConfiguration, Wanted, check_directory,
    locations, locations_from_shared,
};
use globalconf::parts::{read_fetch_interval, read_monitoring, read_next_update};
use globalconf::{Anchor, CertificateBytes, GlobalConf, Shared, anchor, store};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use trust::{DigestAlgorithm, SignatureAlgorithm};

/// One entry of the manifest.
pub(crate) struct Entry<'a> {
    pub(crate) root: &'a Path,
    pub(crate) json: &'a Value,
}

impl Entry<'_> {
    pub(crate) fn id(&self) -> &str {
        self.json["id"].as_str().unwrap()
    }

    /// Path of the file with a role.
    pub(crate) fn path(&self, role: &str) -> PathBuf {
        let files = self.json["files"].as_array().unwrap();
        let file =
            files.iter().find(|file| file["role"] == role).unwrap_or_else(|| panic!("{}: {role}", self.id()));
        self.root.join(file["path"].as_str().unwrap())
    }

    pub(crate) fn bytes(&self, role: &str) -> Vec<u8> {
        std::fs::read(self.path(role)).unwrap()
    }

    pub(crate) fn input(&self, name: &str) -> &Value {
        &self.json["input"][name]
    }

    pub(crate) fn expect(&self, name: &str) -> &Value {
        &self.json["expect"][name]
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        self.input(name).as_str().unwrap_or_else(|| panic!("{}: {name}", self.id()))
    }
}

pub(crate) fn strings(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

#[test]
fn every_entry_of_the_manifest_holds() {
    let Some(root) = vectors() else { return };
    let manifest: Vec<Value> =
        serde_json::from_slice(&std::fs::read(root.join("globalconf/manifest.json")).unwrap()).unwrap();
    let (mut done, mut later) = (0_usize, 0_usize);
    for json in &manifest {
        let entry = Entry { root: &root, json };
        println!("{}", entry.id());
        if one(&entry) {
            done = done.saturating_add(1);
        } else {
            later = later.saturating_add(1);
            println!("later: {} ({})", entry.id(), json["situation"].as_str().unwrap());
        }
    }
    println!("{done} entries hold, {later} belong to later features");
    assert!(done > later, "the manifest has changed");
}

fn one(entry: &Entry<'_>) -> bool {
    match entry.json["operation"].as_str().unwrap() {
        "read-anchor" => read_anchor(entry),
        "upload-trusted-anchor" => trusted_anchor(entry),
        "parse-directory" => parse_directory(entry),
        "verify-signed-directory" => verify_signed_directory(entry),
        "build-directory" => build_directory(entry),
        "sign-directory" => sign_directory(entry),
        "write-multipart" => write_multipart(entry),
        "federation-filter" => federation_filter(entry),
        "shuffle-locations" => shuffle_locations(entry),
        "locations-from-shared-params" => shared_locations(entry),
        "resolve-version" => resolve_version(entry),
        "validate-optional-part" => optional_part(entry),
        "read-store" => read_store(entry),
        "readiness" => readiness(entry),
        // Files of the registry's own set-up, uploads with schemas of the operator, the configuration proxy.
        "read-configuration-parts" | "validate-with-schema" | "configuration-proxy-urls" => return false,
        _ => return queries::one(entry),
    }
    true
}

fn read_anchor(entry: &Entry<'_>) {
    let bytes = entry.bytes("anchor");
    let read = Anchor::read(&bytes).unwrap();
    assert_eq!(read.instance, entry.expect("instance").as_str().unwrap());
    if let Some(count) = entry.expect("locations").as_u64() {
        assert_eq!(u64::try_from(read.sources.len()).unwrap(), count);
        assert_eq!(read.sources[0].download_url, entry.expect("first_download_url").as_str().unwrap());
        let known: Vec<String> = read
            .sources
            .iter()
            .flat_map(|source| &source.verification_certificates)
            .map(|certificate| base64_text(&certificate.digest(DigestAlgorithm::Sha1)))
            .collect();
        for hash in strings(&entry.expect("certificates_found_by_hash")["hashes_base64"]) {
            assert!(known.iter().any(|known| known == hash), "{hash}");
        }
    } else {
        let urls: Vec<&str> = read.sources.iter().map(|source| source.download_url.as_str()).collect();
        assert_eq!(urls, strings(entry.expect("download_urls")));
        assert_eq!(hex::encode(anchor::hash(&bytes)), entry.expect("sha224_hex").as_str().unwrap());
        assert_eq!(read.generated_at, Some(at(entry.expect("generated_at").as_str().unwrap())));
    }
}

fn base64_text(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn trusted_anchor(entry: &Entry<'_>) {
    let bytes = entry.bytes("anchor");
    match Anchor::read(&bytes) {
        Ok(read) => {
            assert_eq!(read.instance, entry.expect("instance").as_str().unwrap());
            assert_eq!(anchor::delimited_hash(&bytes), entry.expect("hash").as_str().unwrap());
            assert_eq!(read.generated_at, Some(at(entry.expect("generated_at").as_str().unwrap())));
        }
        Err(refusal) => assert_eq!(Some(refusal.code()), entry.expect("code").as_str(), "{refusal}"),
    }
}

fn parse_directory(entry: &Entry<'_>) {
    let certificates = [CertificateBytes::new(entry.bytes("verification_cert"))];
    let now = at(entry.json["at"].as_str().unwrap());
    match read(&entry.bytes("directory"), &certificates, now) {
        Ok(directory) => {
            assert_eq!(entry.expect("ok"), true, "{}", entry.id());
            assert_eq!(directory.version(), 2);
            for file in directory.files() {
                assert_eq!(file.instance(), entry.json["instance"].as_str());
                assert!(strings(entry.expect("content_locations_include")).contains(&file.location()));
                let path = entry.path("parts").join(file.location().trim_start_matches('/'));
                assert!(file.is(&std::fs::read(path).unwrap()), "{}", file.file_name());
            }
            let identifiers: Vec<&str> = directory.files().iter().map(|file| file.identifier()).collect();
            assert_eq!(identifiers, strings(entry.expect("content_identifiers")));
        }
        Err(refusal) => {
            assert_eq!(Some(refusal.code()), entry.expect("code").as_str(), "{}: {refusal}", entry.id())
        }
    }
}

fn verify_signed_directory(entry: &Entry<'_>) {
    let role = if entry.path("directory").ends_with("internalconf") { Role::Main } else { Role::Federated };
    let source =
        SourceOfConfiguration { instance: entry.json["instance"].as_str().unwrap().to_owned(), role };
    let certificates = vec![CertificateBytes::new(entry.bytes("verification_cert"))];
    let location = Location { url: "http://cs/internalconf".to_owned(), certificates };
    let now = at(entry.json["at"].as_str().unwrap());
    let checked = check_directory(&entry.bytes("directory"), &location, &source, None, now).unwrap();
    let directory = checked.directory();
    assert_eq!(directory.expires(), at(entry.expect("expires").as_str().unwrap()));
    assert_eq!(u64::from(directory.version()), entry.expect("version").as_u64().unwrap());
    let identifiers: Vec<&str> = directory.files().iter().map(|file| file.identifier()).collect();
    assert_eq!(identifiers, strings(entry.expect("content_identifiers")));
    let mut fetched = BTreeMap::new();
    for file in directory.files() {
        let bytes = entry.bytes(file.location());
        assert!(file.is(&bytes), "{}", entry.id());
        fetched.insert(file.file_name().to_owned(), bytes);
    }
    // The manifest says that the content of the version 3 files is not of version 3.
    if directory.version() > 3 {
        let verified = fetch(checked, &fetched, None).unwrap();
        assert_eq!(verified.configuration().instance(), source.instance);
        let content = verified.configuration().shared();
        let again = content.write(verified.configuration().version()).unwrap();
        assert_eq!(Shared::read(&again, verified.configuration().version()).unwrap(), *content);
    }
}

fn build_directory(entry: &Entry<'_>) {
    let part = &entry.input("parts")[0];
    let algorithm = DigestAlgorithm::from_name(entry.text("hash_algorithm")).unwrap();
    let location = format!("{}/{}", entry.text("path"), part["file_name"].as_str().unwrap());
    let file = DraftFile::new(
        part["content_identifier"].as_str().unwrap(),
        &location,
        part["data"].as_str().unwrap().as_bytes(),
        algorithm,
    );
    let version = u8::try_from(entry.input("version").as_u64().unwrap()).unwrap();
    let expires = at(entry.text("expires"));
    let draft = Draft::new(version, expires, entry.text("instance"), &[file], ("outer", "inner")).unwrap();
    let with_boundary = |name: &str| entry.expect(name).as_str().unwrap().replace("{b}", "inner");
    assert_eq!(draft.text(), with_boundary("text_with_boundary_b"));
    assert_eq!(draft.to_be_signed(), with_boundary("signed_range").as_bytes());
}

fn sign_directory(entry: &Entry<'_>) {
    let text = entry.text("directory");
    let (_, signed) = text.split_once("\r\n\r\n").unwrap();
    assert_eq!(signed, entry.text("signed_range"));
    let digest = DigestAlgorithm::Sha512.digest(signed.as_bytes());
    assert_eq!(base64_text(&digest), entry.text("digest_signed_sha512_base64"));
    let algorithm = SignatureAlgorithm::RsaPkcs1(DigestAlgorithm::Sha512);
    let certificate = entry.text("certificate_bytes_text").as_bytes();
    let sealed = seal(text, "b", b"<signature>", algorithm, certificate);
    let expected = entry.expect("text_with_boundary_b").as_str().unwrap().replace("{b}", "b");
    assert_eq!(String::from_utf8(sealed).unwrap(), expected);
}

fn write_multipart(entry: &Entry<'_>) {
    let part = |json: &Value| {
        let headers = json["headers"].as_array().unwrap().iter();
        let headers = headers.map(|pair| (pair[0].as_str().unwrap(), pair[1].as_str().unwrap()));
        multipart::Part::new(&headers.collect::<Vec<_>>(), json["content"].as_str().map(str::to_owned))
    };
    let expected = entry.expect("text").as_str().unwrap();
    if let Some(raw) = entry.input("raw_part").as_str() {
        assert_eq!(multipart::Part::new(&[], Some(raw.to_owned())).text(), expected);
    } else if !entry.input("part").is_null() {
        assert_eq!(part(entry.input("part")).text(), expected);
    } else if let Some(boundary) = entry.input("boundary").as_str() {
        let parts: Vec<multipart::Part> = entry.input("parts").as_array().unwrap().iter().map(part).collect();
        assert_eq!(multipart::head("mixed", boundary) + &multipart::body(boundary, &parts), expected);
    } else {
        let refused = Draft::new(6, at("2026-01-01T00:00:00Z"), "I", &[], ("a", "b"));
        assert_eq!(refused, Err(UnwritableDirectory::NoFiles));
        assert_eq!(UnwritableDirectory::NoFiles.to_string(), expected.to_lowercase());
    }
}

fn federation_filter(entry: &Entry<'_>) {
    let filter =
        FederationFilter::new(entry.text("own_instance"), entry.input("allowed_federations").as_str());
    for pair in entry.expect("download").as_array().unwrap() {
        assert_eq!(
            filter.admits(pair[0].as_str().unwrap()),
            pair[1].as_bool().unwrap(),
            "{}: {pair}",
            entry.id()
        );
    }
}

fn shuffle_locations(entry: &Entry<'_>) {
    let urls = strings(entry.input("urls"));
    let sources = urls
        .iter()
        .map(|url| anchor::Source { download_url: (*url).to_owned(), verification_certificates: vec![] });
    let anchor = Anchor { generated_at: None, instance: "I".to_owned(), sources: sources.collect() };
    let mut orders = std::collections::BTreeSet::new();
    for seed in 0..50_usize {
        let mut state = seed;
        let mut below = |bound: usize| {
            state = state.wrapping_mul(31).wrapping_add(17);
            state.checked_rem(bound).unwrap()
        };
        let found: Vec<String> =
            locations(&anchor, None, None, &mut below).into_iter().map(|location| location.url).collect();
        let secure = found.iter().take_while(|url| url.starts_with("https://")).count();
        assert_eq!((secure, found.len()), (4, 8));
        let mut sorted: Vec<&str> = found.iter().map(String::as_str).collect();
        sorted.sort_unstable();
        let mut expected = urls.clone();
        expected.sort_unstable();
        assert_eq!(sorted, expected);
        orders.insert(found);
    }
    assert!(orders.len() > 10, "the order is random");
}

fn shared_locations(entry: &Entry<'_>) {
    let anchor = Anchor {
        generated_at: None,
        instance: entry.text("instance").to_owned(),
        sources: vec![anchor::Source {
            download_url: entry.text("anchor_url").to_owned(),
            verification_certificates: vec![],
        }],
    };
    let path = entry.root.join("globalconf/locations/V3/EE/shared-params.xml");
    let shared = Shared::read(&std::fs::read(path).unwrap(), 3).unwrap();
    let found = locations_from_shared(&anchor, &shared);
    let urls: Vec<&str> = found.iter().map(|location| location.url.as_str()).collect();
    assert_eq!(urls, strings(entry.expect("urls")));
    if let Some(count) = entry.expect("certificates_each").as_u64() {
        let counts = found.iter().map(|location| u64::try_from(location.certificates.len()).unwrap());
        assert!(counts.into_iter().all(|found| found == count), "{}", entry.id());
    }
}

fn resolve_version(entry: &Entry<'_>) {
    let number = |value: &Value| u8::try_from(value.as_u64().unwrap()).unwrap();
    let wanted = match entry.input("range").as_array() {
        Some(range) => Wanted::Newest { newest: number(&range[1]), oldest: number(&range[0]) },
        None => Wanted::Exactly(number(entry.input("fixed"))),
    };
    let mut negotiation = Negotiation::new(entry.text("url"), wanted);
    let mut asked = Vec::new();
    let settled = loop {
        match negotiation.next() {
            Ask::Download(url) => break url,
            Ask::Probe(url) => {
                let (_, version) = url.rsplit_once('=').unwrap();
                let status = entry.input("responses")[version].as_u64().unwrap();
                asked.push(url.replacen("http://host", "/", 1));
                negotiation.answered(u16::try_from(status).unwrap());
            }
        }
    };
    assert_eq!(settled, entry.expect("url").as_str().unwrap());
    assert_eq!(asked, strings(entry.expect("requests")));
}

fn optional_part(entry: &Entry<'_>) {
    let bytes = entry.bytes("part");
    let ok = match entry.text("kind") {
        "fetchinterval" => read_fetch_interval(&bytes).is_ok(),
        "monitoring" => read_monitoring(&bytes).is_ok(),
        "nextupdate" => read_next_update(&bytes).is_ok(),
        other => panic!("unknown kind {other}"),
    };
    assert_eq!(ok, entry.expect("ok").as_bool().unwrap(), "{}", entry.id());
}

fn read_store(entry: &Entry<'_>) {
    let loaded = GlobalConf::load(&entry.path("globalconf"));
    let with_shared = strings(entry.expect("instances_with_shared"));
    if with_shared.is_empty() {
        // The original loads a store without its own instance; ours says what is missing.
        assert!(matches!(loaded, Err(store::Refusal::MissingInstance { .. })), "{}: {loaded:?}", entry.id());
        return;
    }
    let conf = loaded.unwrap();
    assert_eq!(conf.main_instance(), entry.expect("own_instance").as_str().unwrap());
    let mut files = Vec::new();
    for instance in &with_shared {
        let configuration =
            conf.configuration(instance).unwrap_or_else(|| panic!("{}: {instance}", entry.id()));
        let private = strings(entry.expect("instances_with_private")).contains(instance);
        assert_eq!(configuration.private().is_some(), private, "{}: {instance}", entry.id());
        files.extend(configuration.files().map(|(name, _)| format!("{instance}/{name}")));
        let version = configuration.version();
        let again = Shared::read(&configuration.shared().write(version).unwrap(), version).unwrap();
        assert_eq!(again, *configuration.shared(), "{}: {instance}", entry.id());
    }
    if !entry.expect("configuration_files").is_null() {
        files.sort_unstable();
        let mut expected = strings(entry.expect("configuration_files"));
        expected.sort_unstable();
        assert_eq!(files, expected);
    }
    assert!(conf.configuration("xxx").is_none());
}

fn readiness(entry: &Entry<'_>) {
    let path = match entry.text("path") {
        "-" => PathBuf::from("-"),
        path => entry.root.join(path),
    };
    let loaded = GlobalConf::load(&path);
    let fits = match entry.expect("state").as_str().unwrap() {
        "READY_TO_INIT" => loaded.is_ok(),
        "FAILURE_CONFIGURATION_ERROR" => matches!(loaded, Err(store::Refusal::Unreadable { .. })),
        "FAILURE_MISSING_INSTANCE_IDENTIFIER" => {
            matches!(loaded, Err(store::Refusal::MissingInstanceIdentifier))
        }
        other => panic!("unknown state {other}"),
    };
    assert!(fits, "{}", entry.id());
}
