//! Old directories, change of keys, and what is in force when.

use crate::practice::{INSTANCE, Key, assemble, at, check, client, contents, location, now, publish, source};
use globalconf::download::{FederationFilter, Refusal, Role, RollbackField, check_directory, locations};
use globalconf::{Anchor, GlobalConf, Outdated, anchor};
use jiff::{SignedDuration, Timestamp};

fn seconds(count: i64) -> Timestamp {
    now().checked_add(SignedDuration::from_secs(count)).unwrap()
}

#[test]
fn refuses_a_directory_of_an_earlier_generation_and_takes_the_same_and_later_ones() {
    let key = Key::ec();
    let held = assemble(&publish(&key, seconds(-60), &contents(&key, |_| {})), &key, Role::Main).unwrap();
    let offered = |at| {
        let publication = publish(&key, at, &contents(&key, |_| {}));
        check(&publication, &key, Role::Main, Some(held.configuration())).map(|_| ())
    };
    assert_eq!(offered(seconds(-60)), Ok(()));
    assert_eq!(offered(seconds(0)), Ok(()));
    let refused = offered(seconds(-61)).unwrap_err();
    assert_eq!(refused.code(), "global_conf_outdated");
    assert!(
        matches!(&refused, Refusal::Rollback { field: RollbackField::Generation, held, .. } if held == "20260301115900000000000")
    );
}

#[test]
fn a_shorter_validity_is_no_rollback_while_locations_name_generations() {
    let key = Key::ec();
    let held = assemble(&publish(&key, seconds(-60), &contents(&key, |_| {})), &key, Role::Main).unwrap();
    // The same, but two hours longer valid: as if the operator had shortened the validity since.
    let publication = publish(&key, seconds(0), &contents(&key, |_| {}));
    let text = String::from_utf8(publication.directory).unwrap();
    let (_, text) = text.split_once("--outeraaaaaaaaaaaaaaa\r\n").unwrap();
    let (text, _) = text.split_once("\r\n--outeraaaaaaaaaaaaaaa\r\n").unwrap();
    let resign = |text: &str| {
        let (_, octets) = text.split_once("\r\n\r\n").unwrap();
        let signature = key.sign(octets.as_bytes());
        globalconf::directory::seal(text, "outer", &signature, key.algorithm, &key.certificate.der())
    };
    let verdict =
        |document: &[u8], held| check_directory(document, &location(&key), &source(Role::Main), held, now());
    let shorter = resign(&text.replace("2026-03-01T12:10:00Z", "2026-03-01T12:00:30Z"));
    assert!(verdict(&shorter, Some(held.configuration())).is_ok());
    // Without generations in the locations, Expire-date decides.
    let nameless = resign(
        &text
            .replace("2026-03-01T12:10:00Z", "2026-03-01T12:08:59Z")
            .replace("/V6/20260301120000000000000/", "/"),
    );
    let refused = verdict(&nameless, Some(held.configuration())).unwrap_err();
    assert!(matches!(refused, Refusal::Rollback { field: RollbackField::ExpireDate, .. }), "{refused}");
    assert!(verdict(&nameless, None).is_ok());
}

#[test]
fn files_that_are_held_are_not_fetched_again() {
    let key = Key::ec();
    let held = assemble(&publish(&key, seconds(-60), &contents(&key, |_| {})), &key, Role::Main).unwrap();
    let next = publish(&key, now(), &contents(&key, |shared| shared.settings.ocsp_freshness_seconds = 7));
    let checked = check(&next, &key, Role::Main, Some(held.configuration())).unwrap();
    let mut fetching = checked.fetch(Some(held.configuration()));
    let wanted = fetching.next().unwrap();
    assert_eq!(wanted.url, "http://cs.example/V6/20260301120000000000000/shared-params.xml");
    fetching.take(next.files["shared-params.xml"].clone()).unwrap();
    assert_eq!(fetching.next(), None);
    let verified = fetching.assemble().unwrap();
    assert_eq!(verified.configuration().private(), held.configuration().private());
    assert_eq!(verified.configuration().expires(), Some(seconds(600)));
}

fn anchor_of(key: &Key, url: &str) -> Anchor {
    Anchor {
        generated_at: None,
        instance: INSTANCE.to_owned(),
        sources: vec![anchor::Source {
            download_url: url.to_owned(),
            verification_certificates: vec![key.certificate.clone()],
        }],
    }
}

#[test]
fn keys_change_over_through_the_held_shared_parameters_without_a_new_anchor() {
    let (old, new) = (Key::ec(), Key::ec());
    let anchor = anchor_of(&old, "http://cs.example/internalconf");
    let announcing = contents(&old, |shared| {
        shared.sources[0].internal_certificates = vec![old.certificate.clone(), new.certificate.clone()];
    });
    let held = assemble(&publish(&old, seconds(-60), &announcing), &old, Role::Main).unwrap();
    let next = publish(&new, now(), &contents(&new, |_| {}));
    let verdict = |shared| {
        let found = locations(&anchor, shared, None, &mut |_| 0);
        found.iter().any(|location| {
            check_directory(&next.directory, location, &source(Role::Main), None, now()).is_ok()
        })
    };
    assert!(!verdict(None), "the anchor alone knows only the old key");
    assert!(verdict(Some(held.configuration().shared())));
    let foreign =
        globalconf::Shared { instance: "OTHER".to_owned(), ..held.configuration().shared().clone() };
    assert!(!verdict(Some(&foreign)), "another instance's parameters say nothing about this one");
}

#[test]
fn the_address_that_succeeded_last_comes_first_as_long_as_it_is_still_one() {
    let key = Key::ec();
    let anchor = anchor_of(&key, "http://cs.example/internalconf");
    let urls = |last: Option<&str>| -> Vec<String> {
        locations(&anchor, None, last, &mut |_| 0).into_iter().map(|location| location.url).collect()
    };
    let both = ["https://cs.example/internalconf", "http://cs.example/internalconf"];
    assert_eq!(urls(None), both);
    let last = "http://cs.example/internalconf?version=6";
    assert_eq!(urls(Some(last)), [last, both[0], both[1]]);
    assert_eq!(urls(Some("http://gone.example/internalconf?version=6")), both);
    let secure = anchor_of(&key, "https://cs.example/internalconf");
    assert_eq!(locations(&secure, None, None, &mut |_| 0), [], "an anchor with https only is unusable");
}

#[test]
fn a_configuration_that_has_ended_answers_nothing() {
    let key = Key::ec();
    let main = assemble(&publish(&key, now(), &contents(&key, |_| {})), &key, Role::Main).unwrap();
    let conf = GlobalConf::from_verified(&main, &[]);
    assert!(conf.check_current(seconds(600)).is_ok());
    let refused = conf.check_current(seconds(601)).unwrap_err();
    assert_eq!(refused.code(), "global_conf_outdated");
    assert!(matches!(refused, Outdated::Ended { .. }));
    assert!(
        conf.configuration(INSTANCE).is_some(),
        "it is still there for the next download and for evidence"
    );
}

#[test]
fn answers_the_questions_of_the_message_path() {
    let key = Key::ec();
    let files = contents(&key, |shared| {
        let hash = key.certificate.decode().unwrap().sha256().to_vec();
        shared.servers[0].authentication_certificate_hashes = vec![hash];
    });
    let main = assemble(&publish(&key, now(), &files), &key, Role::Main).unwrap();
    let conf = GlobalConf::from_verified(&main, &[]);
    let current = conf.check_current(now()).unwrap();
    let certificate = key.certificate.decode().unwrap();
    let stranger = Key::ec().certificate.decode().unwrap();
    let registry = client("CAMBODIA/GOV/MOI/civil-registry");
    assert!(current.auth_certificate_is_registered(&certificate));
    assert!(!current.auth_certificate_is_registered(&stranger));
    assert_eq!(current.server_by_auth_certificate(&certificate).unwrap().to_string(), "CAMBODIA/GOV/MOI/gw1");
    assert_eq!(current.server_by_auth_certificate(&stranger), None);
    for (who, serves) in [
        ("CAMBODIA/GOV/MOI/civil-registry", true),
        ("CAMBODIA/GOV/MOI", true),
        ("CAMBODIA/GOV/MOC", true),
        ("CAMBODIA/GOV/MOI/b", false),
        ("CAMBODIA/GOV/MOC/business-registry", false),
    ] {
        assert_eq!(current.auth_certificate_serves(&certificate, &client(who)), serves, "{who}");
    }
    let providers = current.providers(&registry);
    assert_eq!(providers[0].maintenance, Some(Some("back at noon".to_owned())));
    assert_eq!(
        current.providers(&client("CAMBODIA/GOV/MOC/business-registry")),
        [],
        "no address, no provider"
    );
    assert!(current.client_exists(&registry));
    assert!(!current.client_exists(&client("CAMBODIA/GOV/MOI/nothing")));
    assert!(!current.client_exists(&client("OTHER/GOV/MOI/civil-registry")));
    let owners = identifier::GlobalGroupId::new(INSTANCE, "security-server-owners").unwrap();
    assert!(current.in_global_group(&client("CAMBODIA/GOV/MOI"), &owners));
    assert!(current.in_global_group(&client("OTHER/GOV/X/y"), &owners));
    assert!(!current.in_global_group(&registry, &owners), "a member does not stand for its subsystems");
    assert_eq!(current.server_address(&providers[0].server), Some("gw1.example"));
    assert_eq!(current.management().provider, client("CAMBODIA/GOV/MOI/b"));
    assert_eq!((current.expires(), current.instance()), (at("2026-03-01T12:10:00Z"), INSTANCE));
    let services = current.time_stamping_services();
    assert_eq!((services[0].name.as_str(), services[0].url.as_str()), ("Practice TSA", "http://tsa/"));
}

#[test]
fn names_the_anchors_of_federated_instances_that_the_filter_admits() {
    let key = Key::ec();
    let mut files = contents(&key, |_| {});
    let mut content = crate::practice::private(INSTANCE);
    for instance in ["OTHER", "THIRD", INSTANCE] {
        content
            .anchors
            .push(Anchor { instance: instance.to_owned(), ..anchor_of(&key, "http://x/externalconf") });
    }
    files[0].2 = content.write().unwrap();
    let main = assemble(&publish(&key, now(), &files), &key, Role::Main).unwrap();
    let conf = GlobalConf::from_verified(&main, &[]);
    let named = |setting: Option<&str>| -> Vec<&str> {
        let filter = FederationFilter::new(INSTANCE, setting);
        conf.federated_anchors(&filter).map(|anchor| anchor.instance.as_str()).collect()
    };
    assert_eq!(named(None), Vec::<&str>::new());
    assert_eq!(named(Some("all")), ["OTHER", "THIRD"]);
    assert_eq!(named(Some("third")), ["THIRD"]);
}
