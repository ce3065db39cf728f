//! What is published: read as a gateway reads it, and judged by `openssl`, `xmllint` and a download program in Python.

use crate::client::{download, get, read_anchor};
use crate::nation::{Nation, Running, STATE, certificates, pin, run_in, start_time};
use clock::Chance;
use globalconf::directory;
use globalconf::download::{Role, Wanted};
use globalconf::{Anchor, GlobalConf, store};
use http1::stop_channel;
use identifier::{ClientId, GlobalGroupId, ServerId};
use jiff::SignedDuration;
use keystore::{KeyAlgorithm, Pin};
use registry::{Registry, Source, StartFault, Status, admin};
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use trust::Certificate;

fn certificate(name: &str) -> Certificate {
    Certificate::from_der_or_pem(&std::fs::read(certificates().join(name)).unwrap()).unwrap()
}

fn id(text: &str) -> ClientId {
    ClientId::parse_short(text).unwrap()
}

fn anchors(nation: &Nation) -> [(Source, PathBuf); 2] {
    [
        (Source::Internal, nation.config.anchor_file.clone()),
        (Source::External, nation.config.external_anchor_file()),
    ]
}

#[tokio::test]
async fn a_gateway_finds_everything_that_was_declared() {
    let running = Running::start(KeyAlgorithm::EcP256).await;
    let anchor = read_anchor(&running.nation.config.anchor_file);
    let now = start_time();
    let verified = download(&anchor, Role::Main, None, Wanted::default(), now).await.unwrap();
    let dir = TempDir::new().unwrap();
    store::replace(dir.path(), &verified).unwrap();
    let conf = GlobalConf::load(dir.path()).unwrap();
    assert_eq!(conf.main_instance(), "CAMBODIA");
    assert_eq!(conf.warnings(), []);
    let at_the_end = now + SignedDuration::from_secs(599);
    let current = conf.check_current(at_the_end).unwrap();
    assert!(conf.check_current(now + SignedDuration::from_secs(601)).is_err());

    let interior = ServerId::new("CAMBODIA", "GOV", "MOI", "interior").unwrap();
    let civil = id("CAMBODIA/GOV/MOI/civil-registry");
    let providers = current.providers(&civil);
    assert_eq!(providers.len(), 1);
    assert_eq!((&providers[0].server, providers[0].address.as_str()), (&interior, "127.0.0.12"));
    assert_eq!(current.server_by_auth_certificate(&certificate("auth-moi.pem")), Some(interior));
    assert!(current.auth_certificate_serves(&certificate("auth-moi.pem"), &civil));
    assert!(!current.auth_certificate_serves(&certificate("auth-moc.pem"), &civil));
    assert!(current.client_exists(&id("CAMBODIA/GOV/MOC/business-registry")));
    assert!(!current.client_exists(&id("CAMBODIA/GOV/MEF")));
    let group = |code: &str| GlobalGroupId::new("CAMBODIA", code).unwrap();
    assert!(current.in_global_group(&id("CAMBODIA/GOV/MOI"), &group("security-server-owners")));
    assert!(!current.in_global_group(&id("CAMBODIA/GOV/MPTC"), &group("security-server-owners")));
    assert!(current.in_global_group(&id("CAMBODIA/GOV/MOC/business-registry"), &group("everyone")));
    assert_eq!(current.time_stampers(), [certificate("tsa.pem")]);
    assert_eq!(current.time_stamping_services()[0].name, "Practice TSA");

    let authorities = current.authorities("CAMBODIA").unwrap();
    assert_eq!(authorities.cas.len(), 1);
    let ca = &authorities.cas[0];
    assert_eq!((ca.name.as_str(), &ca.top.certificate), ("Practice CA", &certificate("ca.pem")));
    assert_eq!(ca.intermediates[0].certificate, certificate("intermediate.pem"));
    assert_eq!(ca.top.responders[0].certificate, Some(certificate("ocsp.pem")));
    let private = verified.configuration().private().unwrap();
    assert_eq!(private.management.registration_address, "https://127.0.0.1:4001/managementservice/");
    assert_eq!(private.management.provider, id("CAMBODIA/GOV/MPTC"));
}

// Several threads: the programs below block one of them while the registry answers on another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_version_is_verified_by_openssl_and_satisfies_the_schemas_with_rsa_and_ec_keys() {
    for algorithm in [KeyAlgorithm::Rsa2048, KeyAlgorithm::EcP256] {
        let running = Running::start(algorithm).await;
        for (source, file) in anchors(&running.nation) {
            let anchor = read_anchor(&file);
            let role = if source == Source::Internal { Role::Main } else { Role::Federated };
            for version in registry::VERSIONS {
                let wanted = Wanted::Exactly(version);
                let verified = download(&anchor, role, None, wanted, start_time()).await.unwrap();
                let names: Vec<&str> = verified.configuration().files().map(|(name, _)| name).collect();
                match source {
                    Source::Internal => assert_eq!(names.len(), 5, "{names:?}"),
                    Source::External => assert_eq!(names, ["shared-params.xml"]),
                }
                for (name, stored) in verified.configuration().files() {
                    assert_eq!(stored.version, version);
                    validate(version, name, &stored.bytes);
                }
                check_with_python(&file, version, names.len());
            }
            validate(6, "anchor", &std::fs::read(&file).unwrap());
        }
    }
}

/// Downloads and verifies with nothing of ours: Python's standard library and `openssl dgst`.
fn check_with_python(anchor: &Path, version: u8, files: usize) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/download.py");
    let arguments = [script.to_str().unwrap(), anchor.to_str().unwrap(), &version.to_string()];
    let told = run_in(anchor.parent().unwrap(), "python3", &arguments, b"");
    assert_eq!(String::from_utf8(told).unwrap(), format!("verified {files} files\n"));
}

fn validate(version: u8, name: &str, document: &[u8]) {
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors/schemas/xsd");
    if !schemas.is_dir() {
        println!("the schemas are not beside the project: {name} is not validated");
        return;
    }
    let schema = match name {
        "shared-params.xml" => format!("v{version}/shared-parameters.xsd"),
        "private-params.xml" => "v3/private-parameters.xsd".to_owned(),
        "anchor" => "v2/private-parameters.xsd".to_owned(),
        "monitoring-params.xml" => "monitoring-conf.xsd".to_owned(),
        "fetchinterval-params.xml" => "ocsp-fetchinterval-conf.xsd".to_owned(),
        "nextupdate-params.xml" => "ocsp-nextupdate-conf.xsd".to_owned(),
        other => panic!("{other}"),
    };
    // References between the schemas are those of their source tree; the one of monitoring looks for a neighbour.
    let dir = TempDir::new().unwrap();
    run_in(dir.path(), "cp", &["-r", schemas.to_str().unwrap(), "xsd"], b"");
    let root = dir.path().join("xsd");
    std::fs::copy(root.join("identifiers.xsd"), root.join("globalconf/identifiers.xsd")).unwrap();
    let arguments = ["--noout", "--nonet", "--schema", &schema, "-"];
    run_in(&root.join("globalconf"), "xmllint", &arguments, document);
}

#[tokio::test]
async fn a_change_is_published_at_once_and_the_generation_never_goes_back() {
    let running = Running::start(KeyAlgorithm::EcP256).await;
    let first = running.registry.published().await.unwrap();
    let anchor = read_anchor(&running.nation.config.anchor_file);
    let held = download(&anchor, Role::Main, None, Wanted::default(), start_time()).await.unwrap();
    // The clock is set back by an hour; a client must not take what follows for a repetition of something old.
    running.nation.hands.advance(SignedDuration::from_hours(-1));
    running.nation.apply(&STATE.replace("Ministry of Commerce", "Ministry of Trade"));
    let second = running.registry.published_after(first).await.unwrap();
    assert!(second > first);
    let now = running.nation.clock.now();
    let held = Some(held.configuration());
    let renewed = download(&anchor, Role::Main, held, Wanted::default(), now).await.unwrap();
    let members = &renewed.configuration().shared().members;
    assert!(members.iter().any(|member| member.name == "Ministry of Trade"));
}

#[tokio::test]
async fn a_new_generation_is_made_when_it_is_time_and_old_files_go_when_they_are_old() {
    let running = Running::start(KeyAlgorithm::EcP256).await;
    let first = running.registry.published().await.unwrap();
    let named = |body: &[u8]| {
        let text = String::from_utf8(body.to_vec()).unwrap();
        let line = text.lines().find(|line| line.ends_with("shared-params.xml")).unwrap().to_owned();
        line.strip_prefix("Content-location: ").unwrap().to_owned()
    };
    let old = named(&get(&running.url("/internalconf?version=6")).await.body);
    running.nation.hands.advance(SignedDuration::from_secs(60));
    let second = running.registry.published_after(first).await.unwrap();
    let new = named(&get(&running.url("/internalconf?version=6")).await.body);
    assert_ne!(old, new);
    assert_eq!(get(&running.url(&old)).await.status, 200, "a client may still be fetching it");
    running.nation.hands.advance(SignedDuration::from_secs(600));
    running.registry.published_after(second).await.unwrap();
    assert_eq!(get(&running.url(&old)).await.status, 404);
    assert_eq!(get(&running.url(&new)).await.status, 200);
}

#[tokio::test]
async fn nothing_is_published_before_something_is_declared() {
    let running = Running::start_empty(KeyAlgorithm::EcP256).await;
    match running.registry.published().await {
        Err(StartFault::Generation(why)) => assert!(why.contains("nothing has been declared"), "{why}"),
        other => panic!("{other:?}"),
    }
    assert!(matches!(running.registry.status(), Status::Failed(_)));
    assert_eq!(get(&running.url("/internalconf?version=6")).await.status, 404);
    running.nation.apply(STATE);
    running.registry.published_after(jiff::Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!(get(&running.url("/internalconf?version=6")).await.status, 200);
}

#[tokio::test]
async fn after_a_restart_the_old_generation_is_served_until_there_is_a_newer_one() {
    let mut running = Running::start(KeyAlgorithm::EcP256).await;
    let first = running.registry.published().await.unwrap();
    let config = running.nation.config.clone();
    running.stopper.stop();
    let (stopper, stop) = stop_channel();
    let (clock, chance) = (running.nation.clock.clone(), Chance::seeded(8));
    let secret = pin();
    // Two at a time are refused while the first one stops, or the new one has everything for itself.
    let again = loop {
        let starting = Registry::start(&config, &secret, clock.clone(), chance.clone(), stop.clone());
        match starting.await {
            Ok(registry) => break registry,
            Err(StartFault::AlreadyRunning { .. }) => tokio::task::yield_now().await,
            Err(fault) => panic!("{fault}"),
        }
    };
    let second = again.published().await.unwrap();
    assert!(second > first, "the clock stands still, and yet the generation is newer");
    running.registry = again;
    running.stopper = stopper;
    assert_eq!(get(&running.url("/externalconf?version=5")).await.status, 200);
}

#[tokio::test]
async fn refuses_to_start_twice_with_a_wrong_pin_or_uninitialised() {
    let running = Running::start(KeyAlgorithm::EcP256).await;
    let config = &running.nation.config;
    let start = |config: registry::Config, pin: Pin| {
        let clock = running.nation.clock.clone();
        async move { Registry::start(&config, &pin, clock, Chance::seeded(9), stop_channel().1).await }
    };
    assert!(matches!(start(config.clone(), pin()).await, Err(StartFault::AlreadyRunning { .. })));
    let mut taken = config.clone();
    taken.listen = running.registry.address();
    assert!(matches!(start(taken, pin()).await, Err(StartFault::Listen { .. })));
    let idle = Nation::new();
    let wrong = start(idle.config.clone(), Pin::new("wrong")).await;
    assert!(matches!(wrong, Err(StartFault::Keystore(keystore::OpenRefusal::WrongPin))));
    let bare = Nation::bare(KeyAlgorithm::EcP256, "registry.example");
    assert!(matches!(start(bare.config.clone(), pin()).await, Err(StartFault::Store(_))));
}

#[tokio::test]
async fn a_registry_that_cannot_sign_publishes_nothing_new() {
    let nation = Nation::new();
    nation.apply(STATE);
    // The key of a source is gone from the keystore, while the database still names it.
    let keys = admin::signing_keys(&nation.config).unwrap();
    let store = keystore::Keystore::open(nation.config.keystore_dir(), &pin()).unwrap();
    store.deactivate(&keys[1].certificate.sha256()).unwrap();
    store.delete(&keys[1].key).unwrap();
    let (stopper, stop) = stop_channel();
    let (clock, chance) = (nation.clock.clone(), Chance::seeded(7));
    let registry = Registry::start(&nation.config, &pin(), clock, chance, stop).await.unwrap();
    assert!(matches!(registry.published().await, Err(StartFault::Generation(_))));
    assert!(!nation.config.public_dir().join("V6/internalconf").exists(), "one source without the other");
    stopper.stop();
    registry.stopped().await.unwrap();
}

#[tokio::test]
async fn a_changed_byte_is_noticed_by_the_reader() {
    let running = Running::start(KeyAlgorithm::EcP256).await;
    let anchor: Anchor = read_anchor(&running.nation.config.anchor_file);
    let certificates = &anchor.sources[0].verification_certificates;
    let document = get(&running.url("/internalconf?version=6")).await.body;
    assert!(directory::read(&document, certificates, start_time()).is_ok());
    let text = String::from_utf8(document).unwrap();
    let longer = text.replace("Expire-date: 2026-01-02T03:14:05Z", "Expire-date: 2026-01-02T03:15:05Z");
    assert_ne!(text, longer);
    assert!(directory::read(longer.as_bytes(), certificates, start_time()).is_err());
    let external = read_anchor(&running.nation.config.external_anchor_file());
    let others = &external.sources[0].verification_certificates;
    assert!(
        directory::read(text.as_bytes(), others, start_time()).is_err(),
        "the other source's certificate"
    );
}

#[tokio::test]
async fn a_server_in_maintenance_is_published_as_each_version_knows_it() {
    let running = Running::start_empty(KeyAlgorithm::EcP256).await;
    for (notice, expected) in [("until noon", Some("until noon")), ("", None)] {
        let before = running.registry.published().await.unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let address = "address = \"127.0.0.12\"";
        running.nation.apply(&STATE.replace(address, &format!("{address}\nmaintenance = \"{notice}\"")));
        running.registry.published_after(before).await.unwrap();
        let anchor = read_anchor(&running.nation.config.anchor_file);
        for (version, clients, is_said) in [(6, 1, true), (5, 1, true), (4, 0, false)] {
            let wanted = Wanted::Exactly(version);
            let verified = download(&anchor, Role::Main, None, wanted, start_time()).await.unwrap();
            let server = &verified.configuration().shared().servers[0];
            assert_eq!(server.clients.len(), clients, "version {version}");
            assert_eq!(server.maintenance.is_some(), is_said, "version {version}");
            let message = server.maintenance.as_ref().and_then(|one| one.message.as_deref());
            assert_eq!(message, expected.filter(|_| is_said));
        }
    }
}
