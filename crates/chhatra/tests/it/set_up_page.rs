//! The page that operators set up from, `docs/operate/set-up.md`: its files are taken as they stand, and no key is missing in them.

use crate::tools::{PIN, Setup, chhatra};

/// The block of the page that is marked so, with a state folder that a test may write to.
fn block(mark: &str) -> String {
    let page = include_str!("../../../../docs/operate/set-up.md");
    let (_, rest) = page.split_once(&format!("```toml {mark}\n")).expect(mark);
    let (block, _) = rest.split_once("```").expect("the end of the block");
    block.replace("/var/lib/chhatra", "state")
}

/// The keys that a reader knows but the block does not name, section by section: each section is given a key that nobody knows, and the
/// refusal lists those that are known.
fn missing(block: &str, refusal_of: impl Fn(&str) -> String) -> Vec<String> {
    let mut missing = Vec::new();
    for header in block.lines().filter(|line| line.starts_with('[')) {
        let broken = block.replacen(header, &format!("{header}\nnobody_knows_this = 1"), 1);
        let refusal = refusal_of(&broken);
        let (_, known) = refusal.split_once("expected ").unwrap_or_else(|| panic!("{header}: {refusal}"));
        let known: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
        assert!(!known.is_empty(), "{header}: {refusal}");
        let named =
            |key: &str| block.split(|c: char| c != '_' && !c.is_alphanumeric()).any(|word| word == key);
        missing.extend(known.into_iter().filter(|key| !named(key)).map(|key| format!("{header} {key}")));
    }
    missing
}

#[test]
fn a_gateway_takes_what_the_page_says_and_the_page_says_every_key() {
    let setup = Setup::new();
    let (config, state) = (block("gateway"), block("gateway-state"));
    let plan = |config: &str, state: &str| {
        let config = setup.write("page.toml", config);
        chhatra(&["gateway", "plan", "--config", &config, &setup.write("state.toml", state)])
    };
    let planned = plan(&config, &state).fine();
    assert!(planned.contains("right people GET /v1/people/* for local group registrars"), "{planned}");
    assert_eq!(missing(&config, |broken| plan(broken, &state).err), ["[gateway] gateway"; 0]);
    assert_eq!(missing(&state, |broken| plan(&config, broken).err), ["[[client]] client"; 0]);
}

#[test]
fn a_registry_takes_what_the_page_says_and_the_page_says_every_key() {
    let setup = Setup::new();
    let (config, state) = (block("registry"), block("registry-state"));
    let path = setup.write("page.toml", &config);
    for file in ["ca.pem", "ocsp.pem", "tsa.pem"] {
        let subject = format!("/CN={file}");
        let made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
        setup.openssl(&[&made[..], &["-keyout", "key.pem", "-subj", &subject, "-out", file]].concat()).fine();
    }
    setup.write("pin", PIN);
    chhatra(&["registry", "init", "--config", &path]).fine();
    let plan = |config: &str, state: &str| {
        let config = setup.write("page.toml", config);
        chhatra(&["registry", "plan", "--config", &config, &setup.write("state.toml", state)])
    };
    let planned = plan(&config, &state).fine();
    assert!(planned.contains("civil-registry"), "{planned}");
    assert_eq!(missing(&config, |broken| plan(broken, &state).err), ["[registry] registry"; 0]);
    assert_eq!(missing(&state, |broken| plan(&config, broken).err), ["[settings] settings"; 0]);
}
