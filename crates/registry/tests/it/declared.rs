//! Init, plan, apply, and what stands in the database afterwards.

use crate::nation::{Nation, STATE, declaration, pin, start_time};
use globalconf::Anchor;
use keystore::{KeyAlgorithm, Keystore};
use registry::{AdminFault, Change, InitFault, Source, StoreFault, admin};

fn lines(changes: &[Change]) -> Vec<String> {
    changes.iter().map(ToString::to_string).collect()
}

#[test]
fn init_makes_keys_and_anchors_and_refuses_to_do_it_twice() {
    let nation = Nation::bare(KeyAlgorithm::Rsa2048, "registry.example:8080");
    assert!(matches!(admin::settings(&nation.config), Err(StoreFault::NotInitialised { .. })));
    admin::init(&nation.config, &pin(), &nation.clock).unwrap();
    let keys = admin::signing_keys(&nation.config).unwrap();
    assert_eq!(keys.len(), 2);
    for (source, name, file) in [
        (Source::Internal, "CN=internalSigningKey", nation.config.anchor_file.clone()),
        (Source::External, "CN=externalSigningKey", nation.config.external_anchor_file()),
    ] {
        let key = keys.iter().find(|key| key.source == source).unwrap();
        assert!(key.active);
        assert_eq!(key.made_at, start_time());
        assert_eq!(key.certificate.subject_rfc2253(), name);
        let anchor = Anchor::read(&std::fs::read(file).unwrap()).unwrap();
        assert_eq!(anchor.instance, "CAMBODIA");
        let url = format!("http://registry.example:8080/{}", source.directory());
        assert_eq!(anchor.sources.len(), 1);
        assert_eq!(anchor.sources[0].download_url, url);
        assert_eq!(anchor.sources[0].verification_certificates[0].decode().unwrap(), key.certificate);
        assert_eq!(admin::anchor(&nation.config, source, &nation.clock).unwrap().sources, anchor.sources);
    }
    assert!(matches!(
        admin::init(&nation.config, &pin(), &nation.clock),
        Err(InitFault::AlreadyInitialised { .. })
    ));
    assert_eq!(admin::signing_keys(&nation.config).unwrap(), keys);
}

#[test]
fn init_goes_on_where_it_was_cut() {
    let nation = Nation::bare(KeyAlgorithm::EcP256, "registry.example");
    // A keystore and nothing else: cut after its making.
    std::fs::create_dir_all(&nation.config.state_dir).unwrap();
    drop(Keystore::create(nation.config.keystore_dir(), &pin()).unwrap());
    admin::init(&nation.config, &pin(), &nation.clock).unwrap();
    let keys = admin::signing_keys(&nation.config).unwrap();
    // Everything but one anchor: cut before its writing.
    std::fs::remove_file(&nation.config.anchor_file).unwrap();
    admin::init(&nation.config, &pin(), &nation.clock).unwrap();
    assert!(nation.config.anchor_file.is_file());
    assert_eq!(admin::signing_keys(&nation.config).unwrap(), keys, "no further keys were made");
}

#[test]
fn init_refuses_a_configuration_that_cannot_work() {
    let good = Nation::bare(KeyAlgorithm::EcP256, "registry.example").config;
    let changed = |change: &dyn Fn(&mut registry::Config)| {
        let mut config = good.clone();
        change(&mut config);
        config
    };
    let clock = clock::Clock::fixed(start_time());
    for config in [
        changed(&|c| c.instance = "CAM/BODIA".to_owned()),
        changed(&|c| c.instance = " ".to_owned()),
        changed(&|c| c.instance = "CAMBODIA'".to_owned()),
        changed(&|c| c.address = "http://registry.example".to_owned()),
        changed(&|c| c.address = "registry.example/path".to_owned()),
        changed(&|c| c.address = "registry.example?x".to_owned()),
        changed(&|c| c.address = String::new()),
        changed(&|c| c.generate_seconds = 0),
        changed(&|c| c.expire_seconds = 60),
    ] {
        assert!(matches!(admin::init(&config, &pin(), &clock), Err(InitFault::Config(_))), "{config:?}");
        assert!(!config.state_dir.exists());
    }
}

#[test]
fn plan_touches_nothing_and_apply_keeps_everything_as_declared() {
    let nation = Nation::new();
    let declared = declaration(STATE);
    let planned = admin::plan(&nation.config, &declared).unwrap();
    assert!(planned.iter().all(|change| matches!(change, Change::Add { .. })));
    assert_eq!(admin::settings(&nation.config).unwrap(), None);
    assert_eq!(admin::apply(&nation.config, &declared).unwrap(), planned);
    assert_eq!(admin::settings(&nation.config).unwrap(), Some(declared.clone()));
    assert_eq!(admin::plan(&nation.config, &declared).unwrap(), []);
    assert_eq!(admin::apply(&nation.config, &declared).unwrap(), []);
    let shown = lines(&planned);
    for expected in [
        "+ member GOV/MOI: Ministry of Interior · ក្រសួងមហាផ្ទៃ",
        "+ member GOV/MOI subsystem civil-registry: Civil registry",
        "+ server CAMBODIA/GOV/MOI/interior: 127.0.0.12",
        "+ server CAMBODIA/GOV/MOI/interior client CAMBODIA/GOV/MOI/civil-registry: registered",
        "+ group everyone member CAMBODIA/GOV/MOI: in",
        "+ settings ocsp_freshness_seconds: 3600",
        "+ settings management provider: CAMBODIA/GOV/MPTC",
    ] {
        assert!(shown.iter().any(|line| line == expected), "{expected} is not in {shown:#?}");
    }
}

#[test]
fn a_change_is_shown_by_what_it_is() {
    let nation = Nation::new();
    nation.apply(STATE);
    let changed = STATE
        .replace("address = \"127.0.0.12\"", "maintenance = \"until noon\"")
        .replace("name = \"Civil registry\"\n", "")
        .replace("verify_next_update = true\n", "")
        .replace("\"CAMBODIA/GOV/MOC/business-registry\", \"CAMBODIA/GOV/MOI\"", "\"CAMBODIA/GOV/MPTC\"");
    let changes = admin::apply(&nation.config, &declaration(&changed)).unwrap();
    assert_eq!(
        lines(&changes),
        [
            "- group everyone member CAMBODIA/GOV/MOC/business-registry: in",
            "- group everyone member CAMBODIA/GOV/MOI: in",
            "+ group everyone member CAMBODIA/GOV/MPTC: in",
            "~ member GOV/MOI subsystem civil-registry: Civil registry -> without a name",
            "~ server CAMBODIA/GOV/MOI/interior: 127.0.0.12 -> without an address, in maintenance: until noon",
            "- settings verify_next_update: true",
        ]
    );
    assert_eq!(admin::settings(&nation.config).unwrap(), Some(declaration(&changed)));
}

#[test]
fn a_database_of_another_instance_is_not_touched() {
    let nation = Nation::new();
    let mut config = nation.config.clone();
    config.instance = "VIETNAM".to_owned();
    let declared = declaration(&STATE.replace("CAMBODIA/", "VIETNAM/"));
    assert!(matches!(
        admin::apply(&config, &declared),
        Err(AdminFault::Store(StoreFault::AnotherInstance { .. }))
    ));
    assert_eq!(admin::settings(&nation.config).unwrap(), None);
}
