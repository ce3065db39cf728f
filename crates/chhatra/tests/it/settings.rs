//! `plan` and `apply` of a gateway and of a registry.

use crate::tools::{Outcome, PIN, Setup, chhatra, program};

const STATE: &str = "[[client]]\n\
    id = \"EX/GOV/M1/sub\"\n\
    connection = \"http\"\n\
    [[client.service]]\n\
    code = \"people\"\n\
    url = \"http://127.0.0.1:9080\"\n\
    [[client.right]]\n\
    service = \"people\"\n\
    subject = { client = \"EX/GOV/M2/sub\" }\n";

#[test]
fn a_plan_shows_what_apply_then_does() {
    let setup = Setup::new();
    let state = setup.write("state.toml", STATE);
    let act = |act: &str| chhatra(&["gateway", act, "--config", &setup.config(), &state]);
    let planned = act("plan").fine();
    assert!(planned.lines().all(|line| line.starts_with("+ ")), "{planned}");
    assert!(planned.contains("+ client EX/GOV/M1/sub service people"), "{planned}");
    assert_eq!(act("plan").fine(), planned, "a plan changes nothing");
    assert_eq!(act("apply").fine(), planned);
    assert_eq!(act("plan").fine(), "nothing to change\n");
    assert_eq!(act("apply").fine(), "nothing to change\n");
    setup.write("state.toml", STATE.replace("9080", "9081").replace("M2", "M3"));
    let planned = act("plan").fine();
    let signs: String = planned.lines().filter_map(|line| line.chars().next()).collect();
    assert_eq!(signs, "-+~", "{planned}");
}

#[test]
fn a_state_that_contradicts_itself_is_not_taken() {
    let setup = Setup::new();
    let cases = [
        (
            STATE.replace("service = \"people\"", "service = \"cars\""),
            "service EX/GOV/M1/sub/cars, which is not declared",
        ),
        (STATE.replace("http://127", "ftp://127"), "is not an address that can be called"),
        (STATE.replace("connection", "conection"), "cannot be read"),
        (format!("{STATE}\n{STATE}"), "declared twice"),
    ];
    for (text, says) in cases {
        let state = setup.write("state.toml", text);
        chhatra(&["gateway", "apply", "--config", &setup.config(), &state]).refused(1, says);
    }
    chhatra(&["gateway", "plan", "--config", &setup.config(), "nowhere.toml"])
        .refused(1, "nowhere.toml cannot be read");
}

#[test]
fn what_cannot_be_printed_is_not_taken_for_success() {
    let setup = Setup::new();
    let state = setup.write("state.toml", STATE);
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let planned = std::process::Command::new(program())
        .args(["gateway", "plan", "--config", &setup.config(), &state])
        .stdout(full)
        .stderr(std::process::Stdio::piped())
        .output();
    Outcome::from(planned.unwrap()).refused(1, "not everything could be printed");
}

#[test]
fn a_registry_is_made_once_and_then_declared() {
    let setup = Setup::new();
    let config = setup.write(
        "registry.toml",
        "[registry]\ninstance = \"EX\"\nstate_dir = \"registry\"\nanchor_file = \"anchor.xml\"\npin_file = \"pin\"\n\
         listen = \"127.1.255.2:14080\"\naddress = \"127.1.255.2:14080\"\nsigning_key_algorithm = \"EC-P256\"\n",
    );
    let state = setup.write(
        "members.toml",
        "[settings]\nmember_classes = [{ code = \"GOV\" }]\nmanagement = { provider = \"EX/GOV/M1\" }\n\
         [[member]]\nclass = \"GOV\"\ncode = \"M1\"\nname = \"One\"\n",
    );
    let act = |act: &str| chhatra(&["registry", act, "--config", &config, &state]);
    act("plan").refused(1, "is not initialised");
    chhatra(&["registry", "run", "--config", &config]).refused(1, "is not initialised");
    chhatra(&["doctor", "--config", &config]).refused(1, "chhatra registry init");
    setup.write("pin", "1234");
    chhatra(&["registry", "init", "--config", &config]).refused(1, "is too weak");
    setup.write("pin", PIN);
    let told = chhatra(&["registry", "init", "--config", &config]).fine();
    assert!(told.contains("anchor.xml") && setup.path("anchor.xml").is_file(), "{told}");
    chhatra(&["registry", "init", "--config", &config]).refused(1, "is initialised already");
    let planned = act("plan").fine();
    assert!(planned.contains("+ member") && planned.contains("M1"), "{planned}");
    assert_eq!(act("apply").fine(), planned);
    assert_eq!(act("plan").fine(), "nothing to change\n");
    let told = chhatra(&["doctor", "--config", &config]).out;
    assert!(told.contains("anchor.xml is what gateways of EX need"), "{told}");
    let moved = std::fs::read_to_string(&config)
        .unwrap()
        .replace("address = \"127.1.255.2", "address = \"127.1.255.4");
    let moved = setup.write("moved.toml", moved);
    let told = chhatra(&["doctor", "--config", &moved]).out;
    assert!(told.contains("anchor.xml does not name the present address"), "{told}");
    std::fs::remove_file(setup.path("anchor.xml")).unwrap();
    chhatra(&["registry", "init", "--config", &moved]).fine();
    let told = chhatra(&["doctor", "--config", &moved]).out;
    assert!(told.contains("anchor.xml is what gateways of EX need"), "{told}");
    let examined = chhatra(&["doctor", "--config", &config, "--json"]).json().to_string();
    assert!(
        examined.contains("no CA is approved") && examined.contains("nothing has been published yet"),
        "{examined}"
    );
}
