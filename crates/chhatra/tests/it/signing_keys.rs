//! The signing keys of a registry change over while it runs and gateways, processes like it, go on reading.

use crate::nation::Base;
use crate::tools::{Outcome, PIN, Setup, chhatra, program, text, until};
use serde_json::Value;
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};

const PUBLISHED: &str = "registry/public/V6/internalconf";

/// A process that is killed with the test.
struct Process(Child);

impl Process {
    fn start(arguments: &[&str], log: &Path) -> Self {
        let log = File::create(log).unwrap();
        let child = Command::new(program()).args(arguments).stdout(Stdio::null()).stderr(log).spawn();
        Self(child.unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// A folder with an initialised registry that publishes a state every second.
struct Registry {
    setup: Setup,
    config: String,
}

impl Registry {
    fn new(address: &str) -> Self {
        let setup = Setup::new();
        let config = setup.write(
            "registry.toml",
            format!(
                "[registry]\ninstance = \"EX\"\nstate_dir = \"registry\"\nanchor_file = \"anchor.xml\"\n\
                 pin_file = \"pin\"\nlisten = \"{address}\"\naddress = \"{address}\"\nexpire_seconds = 60\n\
                 generate_seconds = 1\nsigning_key_algorithm = \"EC-P256\"\n"
            ),
        );
        let state = setup.write(
            "members.toml",
            "[settings]\nmember_classes = [{ code = \"GOV\" }]\nmanagement = { provider = \"EX/GOV/M1\" }\n\
             [[member]]\nclass = \"GOV\"\ncode = \"M1\"\nname = \"One\"\n",
        );
        chhatra(&["registry", "init", "--config", &config]).fine();
        chhatra(&["registry", "apply", "--config", &config, &state]).fine();
        Self { setup, config }
    }

    fn run(&self) -> Process {
        Process::start(&["registry", "run", "--config", &self.config], &self.setup.path("registry.log"))
    }

    fn keys(&self, act: &str, rest: &[&str]) -> Outcome {
        chhatra(&[&["registry", "keys", act, "--config", &self.config], rest].concat())
    }

    fn listed(&self) -> Vec<Value> {
        self.keys("list", &["--json"]).json()["keys"].as_array().unwrap().clone()
    }

    /// The name of a key: of the internal configuration, active or not.
    fn key(&self, active: bool) -> String {
        let found =
            self.listed().into_iter().find(|key| key["source"] == "internal" && key["active"] == active);
        found.unwrap()["id"].as_str().unwrap().to_owned()
    }

    /// The line of the published directory that says who signed it.
    fn signed_by(&self) -> Option<String> {
        let published = std::fs::read_to_string(self.setup.path(PUBLISHED)).ok()?;
        published.lines().find(|line| line.starts_with("Verification-certificate-hash")).map(str::to_owned)
    }

    fn anchored(&self) -> usize {
        let anchor = std::fs::read_to_string(self.setup.path("anchor.xml")).unwrap();
        anchor.matches("<verificationCert>").count()
    }
}

/// A gateway that has an anchor and, of keys, only what it needs to start.
struct Gateway {
    setup: Setup,
}

impl Gateway {
    fn new(host: &str, anchor: &Path) -> Self {
        let setup = Setup::new();
        let config = std::fs::read_to_string(setup.config()).unwrap().replace("127.1.255.1", host);
        setup.write(
            "gateway.toml",
            format!("{config}[gateway.jobs]\nglobalconf_seconds = 1\nretry_seconds = 1\n"),
        );
        setup.keystore("generate", &["--usage", "internal-tls", "--algorithm", "p-256"]).fine();
        let gateway = Self { setup };
        gateway.takes(anchor);
        gateway
    }

    fn takes(&self, anchor: &Path) {
        std::fs::copy(anchor, self.setup.path("new.xml")).unwrap();
        std::fs::rename(self.setup.path("new.xml"), self.setup.path("anchor.xml")).unwrap();
    }

    fn run(&self) -> Process {
        Process::start(&["gateway", "run", "--config", &self.setup.config()], &self.setup.path("log"))
    }

    /// Until when the configuration that it holds is in force.
    fn holds_until(&self) -> Option<String> {
        let file = self.setup.path("state/globalconf/EX/shared-params.xml.metadata");
        let metadata: Value = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
        metadata["expirationDate"].as_str().map(str::to_owned)
    }

    /// Waits until it has read a configuration that was published after now: the second one that is new to it.
    #[track_caller]
    fn reads_on(&self) {
        for _ in 0..2 {
            let before = self.holds_until();
            until("a newer configuration", || self.holds_until().filter(|held| Some(held) > before.as_ref()));
        }
    }

    fn complaints(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.setup.path("log")).unwrap();
        log.lines().filter(|line| line.contains("could not be downloaded")).map(str::to_owned).collect()
    }
}

#[test]
fn keys_change_over_and_who_has_the_new_anchor_notices_nothing() {
    let base = Base::take();
    let registry = Registry::new(&format!("{}:4080", base.host(10)));
    let anchor = registry.setup.path("anchor.xml");
    let running = registry.run();
    until("the first configuration", || registry.signed_by());
    let first = registry.key(true);
    let constant = Gateway::new(&base.host(11), &anchor);
    let late = Gateway::new(&base.host(12), &anchor);
    let constant_runs = constant.run();
    constant.reads_on();

    let added = registry.keys("add", &["--source", "internal"]);
    let second = added.out.trim().to_owned();
    assert_eq!((added.code, second.len()), (Some(0), 40), "{added:?}");
    for told in [
        text(&anchor),
        "hand out the new anchor".to_owned(),
        format!("keys activate --config {} {second}", registry.config),
    ] {
        assert!(added.err.contains(&told), "{told:?} is not in {added:?}");
    }
    assert_eq!(
        (registry.key(true), registry.key(false), registry.anchored()),
        (first.clone(), second.clone(), 2)
    );
    let informed = Gateway::new(&base.host(13), &anchor);
    let informed_runs = informed.run();
    informed.reads_on();

    let by_the_first = registry.signed_by().unwrap();
    let activated = registry.keys("activate", &[&second]);
    assert!(
        activated.err.contains("needs the anchor")
            && activated.err.contains(&format!("delete --config {} {first}", registry.config)),
        "{activated:?}"
    );
    assert!(activated.fine().starts_with(&second));
    until("the switch", || registry.signed_by().filter(|by| *by != by_the_first));
    let late_runs = late.run();
    until("the refusal", || {
        late.complaints().into_iter().find(|line| line.contains("no verification certificate"))
    });
    informed.reads_on();
    constant.reads_on();
    assert_eq!(late.holds_until(), None, "the old anchor does not name the key that signs");

    registry.keys("delete", &[&first]).fine();
    assert_eq!((registry.key(true), registry.anchored()), (second, 1));
    informed.reads_on();
    constant.reads_on();
    late.takes(&anchor);
    until("a configuration by the new anchor", || late.holds_until());
    for gateway in [&informed, &constant] {
        assert_eq!(gateway.complaints(), Vec::<String>::new());
    }
    drop((running, constant_runs, informed_runs, late_runs));
}

#[test]
fn a_change_over_that_cannot_be_is_one_sentence() {
    let registry = Registry::new("127.1.255.3:14080");
    let first = registry.key(true);
    let unknown = "0123456789ABCDEF0123456789ABCDEF01234567";
    registry.keys("delete", &[&first]).refused(1, "is the only one of the internal configuration");
    registry.keys("activate", &[unknown]).refused(1, &format!("there is no signing key {unknown}"));
    registry.keys("delete", &[unknown]).refused(1, &format!("there is no signing key {unknown}"));
    registry.keys("activate", &["first"]).refused(1, "is not a key as `list` shows it");
    let second = registry.keys("add", &["--source", "internal"]).fine().trim().to_owned();
    registry
        .keys("add", &["--source", "internal"])
        .refused(1, "has 2 signing keys already; delete one first");
    registry.keys("delete", &[&first]).refused(1, "is active and cannot be deleted");
    let external = registry.keys("add", &["--source", "external"]);
    assert!(
        external.err.contains("external-anchor.xml") && external.err.contains("federated"),
        "{external:?}"
    );
    let listed = registry.keys("list", &[]).fine();
    let anchor = std::fs::read(registry.setup.path("anchor.xml")).unwrap();
    assert!(listed.contains(&globalconf::anchor::delimited_hash(&anchor)), "{listed}");
    assert!(
        listed.contains(&format!("{first}  active")) && listed.contains(&format!("{second}  not active")),
        "{listed}"
    );
    registry.setup.write("pin", "Practice-9999");
    registry.keys("activate", &[&second]).refused(1, "the PIN is wrong");
    registry.setup.write("pin", PIN);
    registry.keys("activate", &[&second]).fine();
    registry.keys("delete", &[&second]).refused(1, "is active and cannot be deleted");
    registry.keys("activate", &[&first]).fine();
    registry.keys("delete", &[&second]).fine();
    assert_eq!(registry.listed().len(), 3);
    chhatra(&["registry", "keys", "list", "--config", "nowhere.toml"])
        .refused(1, "nowhere.toml cannot be read");
}
