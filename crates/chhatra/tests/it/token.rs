//! Keys in a hardware security module on the command line, with SoftHSM as the module.

use crate::tools::{Outcome, Setup, program, text};
use serde_json::Value;
use std::process::Command;

const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";

/// A gateway's folder with an empty SoftHSM, and a configuration that names the tokens `one` and `two`.
struct Ministry {
    setup: Setup,
}

impl Ministry {
    fn new() -> Self {
        let setup = Setup::new();
        std::fs::create_dir(setup.path("tokens")).unwrap();
        let tokens = format!("directories.tokendir = {}\nlog.level = ERROR\n", text(&setup.path("tokens")));
        setup.write("softhsm2.conf", tokens);
        setup.write("token-pin", "4321\n");
        setup.mode("token-pin", 0o600);
        let section = |label: &str| {
            format!(
                "[[gateway.token]]\nlabel = \"{label}\"\nmodule = \"{MODULE}\"\npin_file = \"token-pin\"\n"
            )
        };
        let config = std::fs::read_to_string(setup.config()).unwrap();
        setup.write("gateway.toml", config + &section("one") + &section("two"));
        Self { setup }
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Outcome {
        let output = Command::new(program)
            .args(arguments)
            .env("SOFTHSM2_CONF", self.setup.path("softhsm2.conf"))
            .current_dir(self.setup.folder())
            .output();
        output.unwrap_or_else(|error| panic!("{program} is needed for this test: {error}")).into()
    }

    fn initialise(&self, label: &str) {
        let line = ["--init-token", "--free", "--label", label, "--so-pin", "87654321", "--pin", "4321"];
        self.run("softhsm2-util", &line).fine();
    }

    fn tool(&self, arguments: &[&str]) -> String {
        let first = ["--module", MODULE, "--token-label", "one", "--login", "--pin", "4321"];
        self.run("pkcs11-tool", &[&first[..], arguments].concat()).fine()
    }

    /// `chhatra keystore ACT --config … REST`.
    fn keystore(&self, act: &[&str], rest: &[&str]) -> Outcome {
        let config = self.setup.config();
        self.run(program(), &[&["keystore"], act, &["--config", &config], rest].concat())
    }

    fn generate(&self, algorithm: &str) -> String {
        let line = ["--usage", "signing", "--algorithm", algorithm, "--token", "one"];
        self.keystore(&["generate"], &line).fine().trim().to_owned()
    }

    fn keys(&self) -> Vec<Value> {
        self.keystore(&["list"], &["--json"]).json()["keys"].as_array().unwrap().clone()
    }

    /// The token `one`, as `token list` sees it.
    fn token(&self) -> Value {
        self.keystore(&["token", "list"], &["--json"]).json()["tokens"][0].clone()
    }

    fn pin_count_low(&self) -> bool {
        self.run("pkcs11-tool", &["--module", MODULE, "-L"]).fine().contains("user PIN count low")
    }
}

#[test]
fn a_key_in_a_token_gets_its_certificate_and_ends_as_any_other() {
    let ministry = Ministry::new();
    ministry.initialise("one");
    let setup = &ministry.setup;
    let subject = ["-subj", "/CN=Test CA", "-days", "30", "-addext", "basicConstraints=critical,CA:TRUE"];
    let key = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem"];
    setup.openssl(&[&key[..], &subject].concat()).fine();
    for algorithm in ["rsa-2048", "rsa-3072", "p-256"] {
        let key = ministry.generate(algorithm);
        let request = text(&setup.path(&key));
        ministry.keystore(&["csr"], &["--key", &key, "--profile", "ejbca", "--out", &request]).fine();
        let judged = setup.openssl(&["req", "-in", &key, "-verify", "-noout"]);
        assert!(judged.err.contains("verify OK") || judged.out.contains("verify OK"), "{judged:?}");
        setup.write("ext", "keyUsage=critical,nonRepudiation\n");
        let ca = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "20", "-extfile", "ext"];
        setup.openssl(&[&["x509", "-req", "-in", &key, "-out", "c.pem"][..], &ca].concat()).fine();
        let certificate = text(&setup.path("c.pem"));
        ministry.keystore(&["import"], &[&certificate, "--member", "EX/GOV/M1"]).fine();
    }
    let keys = ministry.keys();
    assert_eq!(keys.len(), 3);
    for key in &keys {
        assert_eq!(key["certificates"][0]["active"], true);
        let token = &key["token"];
        assert_eq!((&token["label"], &token["state"]), (&"one".into(), &"ready".into()));
        assert_eq!(token["id"].as_str().unwrap().to_uppercase(), key["id"].as_str().unwrap());
    }
    let told = ministry.keystore(&["list"], &[]).fine();
    assert!(told.contains("in a token   one, CKA_ID ") && told.contains(": ready"), "{told}");

    let id = keys[0]["id"].as_str().unwrap();
    ministry.keystore(&["delete"], &[id]).refused(1, "deactivate it first");
    let sha256 = keys[0]["certificates"][0]["sha256"].as_str().unwrap();
    ministry.keystore(&["deactivate"], &[sha256]).fine();
    // While the token is away nothing is deleted that would stay behind in it.
    std::fs::rename(setup.path("tokens"), setup.path("pulled")).unwrap();
    std::fs::create_dir(setup.path("tokens")).unwrap();
    ministry.keystore(&["delete"], &[id]).refused(1, "is not there");
    assert_eq!(ministry.keys()[0]["token"]["state"], "absent");
    std::fs::remove_dir(setup.path("tokens")).unwrap();
    std::fs::rename(setup.path("pulled"), setup.path("tokens")).unwrap();
    ministry.keystore(&["delete"], &[id]).fine();
    assert_eq!(ministry.keys().len(), 2);
    let left = ministry.tool(&["--list-objects", "--type", "privkey"]).to_uppercase();
    assert_eq!(left.matches("PRIVATE KEY OBJECT").count(), 2, "{left}");
    assert!(!left.contains(id), "{left}");
}

#[test]
fn a_key_that_another_program_made_is_taken_over_and_given_back() {
    let ministry = Ministry::new();
    ministry.initialise("one");
    ministry.tool(&["--keypairgen", "--key-type", "rsa:2048", "--id", "0a0b", "--usage-sign"]);
    let take =
        |id: &str| ministry.keystore(&["import"], &["--token", "one", "--id", id, "--usage", "signing"]);
    take("0a0c").refused(1, "holds no private key with the CKA_ID 0a0c");
    take("xyz").refused(1, "is not hexadecimal");
    let told = take("0a:0b").fine();
    assert!(told.contains("for signing is held, in the token one"), "{told}");
    take("0A0B").refused(1, "already held");
    let id = ministry.keys()[0]["id"].as_str().unwrap().to_owned();
    ministry.keystore(&["delete"], &[&id, "--keep-in-token"]).fine();
    assert!(ministry.tool(&["--list-objects", "--id", "0a0b"]).contains("Private Key Object"));
    take("0a0b").fine();
    let auth = ["--token", "one", "--id", "0a0b", "--usage", "authentication"];
    ministry.keystore(&["import"], &auth).refused(1, "stays in software, as with X-Road");
    ministry.keystore(&["import"], &["--token", "one", "--usage", "signing"]).refused(2, "--id");
    ministry.keystore(&["import"], &["--token", "one", "--id", "01"]).refused(2, "--usage");
    ministry.keystore(&["import"], &[]).refused(2, "FILE");
}

#[test]
fn the_state_of_each_token_is_told() {
    let ministry = Ministry::new();
    let none = ministry.keystore(&["token", "list"], &[]).fine();
    assert!(none.contains("absent: ") && none.contains("nobody has initialised yet"), "{none}");
    ministry.initialise("one");
    let token = ministry.token();
    assert_eq!((&token["state"], &token["model"]), (&"ready".into(), &"SoftHSM v2".into()));
    let names: Vec<&str> =
        token["mechanisms"].as_array().unwrap().iter().map(|m| m["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"CKM_RSA_PKCS") && names.contains(&"CKM_ECDSA"), "{names:?}");
    let told = ministry.keystore(&["token", "list"], &[]).fine();
    assert!(
        told.contains("state        ready") && told.contains("mechanism    CKM_RSA_PKCS_PSS\n"),
        "{told}"
    );
    let two = ministry.keystore(&["token", "list"], &["--json"]).json()["tokens"][1].clone();
    assert_eq!((&two["label"], &two["state"]), (&"two".into(), &"absent".into()));
    let usage = ["--usage", "authentication", "--token", "one"];
    ministry.keystore(&["generate"], &usage).refused(1, "stays in software, as with X-Road");
    let unknown = ["--usage", "signing", "--token", "three"];
    ministry.keystore(&["generate"], &unknown).refused(1, "\"three\" is not configured");
}

#[test]
fn a_wrong_pin_is_tried_once_by_all_commands_together() {
    let ministry = Ministry::new();
    ministry.initialise("one");
    ministry.generate("p-256");
    ministry.setup.write("token-pin", "0000");
    assert_eq!(ministry.token()["state"], "wrong_pin");
    assert!(ministry.pin_count_low());
    // A right log-in of somebody else clears the token's flag: any further try of ours would set it again.
    ministry.tool(&["--list-objects"]);
    assert!(!ministry.pin_count_low());
    let state = ministry.token();
    assert_eq!((&state["state"], &state["pin_count_low"]), (&"wrong_pin".into(), &false.into()));
    assert_eq!(ministry.keys()[0]["token"]["state"], "wrong_pin");
    let usage = ["--usage", "signing", "--token", "one"];
    ministry.keystore(&["generate"], &usage).refused(1, "refused the PIN");
    let examined = ministry.run(program(), &["doctor", "--config", &ministry.setup.config()]);
    examined.refused(1, "problem  token: the token \"one\" refused the PIN");
    assert!(!ministry.pin_count_low());
    // Somebody says that it shall be tried all the same.
    ministry.keystore(&["token", "login"], &["one"]).refused(1, "refused the PIN");
    assert!(ministry.pin_count_low());
    ministry.keystore(&["token", "login"], &["three"]).refused(1, "0 tokens of the configuration");
    ministry.setup.write("token-pin", "4321");
    assert_eq!(ministry.token()["state"], "ready");
    assert!(!ministry.pin_count_low());
    ministry.keystore(&["token", "login"], &["one"]).fine();
    let examined = ministry.run(program(), &["doctor", "--config", &ministry.setup.config()]);
    assert!(examined.out.contains("ok       token: \"one\" is there and takes the PIN"), "{examined:?}");
    assert!(examined.out.contains("problem  token: the token \"two\" is not there"), "{examined:?}");
}
