//! The demonstration, as somebody who tries it meets it: the printed line, the evidence, the commands beside it, the end and the
//! second start.

use crate::evidence::every_octet_counts;
use crate::evidence_page;
use crate::nation::{Base, Demo, is_free, start};
use crate::tools::{chhatra, program, run, text, until};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};

const IDENTIFIERS: [&str; 5] =
    ["x-road-id", "x-road-client", "x-road-service", "x-road-request-id", "x-road-request-hash"];

#[test]
fn the_printed_line_answers_and_everything_can_be_proven_and_the_state_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (state, base) = (folder.path().join("state"), Base::take());
    let demo = start(&state, &base);
    let message = the_line_answers(&demo);
    the_evidence_holds(&demo, &message, folder.path());
    evidence_page::holds(&demo, &message, folder.path());
    refusals_reach_nobody(&demo);
    doctor_finds_all_well(&demo);
    settings_can_be_changed(&demo, folder.path());
    let keys = keys(&demo);
    let (code, rest) = demo.stopped_by("-INT");
    assert_eq!(code, Some(0), "{rest}");
    assert!(rest.contains("everything is kept"), "{rest}");
    for (last, port) in
        [(10, 4080), (11, 8080), (11, 8443), (11, 5500), (11, 5577), (12, 5500), (12, 9080), (13, 8889)]
    {
        assert!(is_free(&format!("{}:{port}", base.host(last))).is_some(), "{last}:{port} is still taken");
    }

    let again = start(&state, &base);
    assert_eq!(self::keys(&again), keys, "keys are made once");
    the_line_answers(&again);
    let listed =
        chhatra(&["evidence", "list", "--config", &again.file("commerce/gateway.toml"), "--id", &message]);
    assert_eq!(listed.fine().lines().count(), 2, "what was on record still is");
    let (code, _) = again.stopped_by("-TERM");
    assert_eq!(code, Some(0));
}

/// The identifier of the message that went.
fn the_line_answers(demo: &Demo) -> String {
    let answer = demo.ask("-i").fine();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let value = |name: &str| {
        let mut found = head.lines().filter_map(|line| line.split_once(": ")).filter(|(key, _)| *key == name);
        let value = found.next().unwrap_or_else(|| panic!("{name} is not in {head}")).1.to_owned();
        assert_eq!(found.next(), None, "{name} stands twice");
        value
    };
    for name in IDENTIFIERS {
        assert!(!value(name).is_empty());
    }
    assert_eq!(value("x-road-client"), "CAMBODIA/GOV/MOC/business-registry");
    assert_eq!(value("x-road-service"), "CAMBODIA/GOV/MOI/civil-registry/people");
    let person: Value = serde_json::from_str(body).unwrap();
    assert_eq!(person["id"], "010000001");
    value("x-road-id")
}

/// Exported on both sides, verified by ours and by other people's programs.
fn the_evidence_holds(demo: &Demo, message: &str, folder: &Path) {
    for ministry in ["commerce", "interior"] {
        let config = demo.file(&format!("{ministry}/gateway.toml"));
        until("the time-stamp", || {
            let listed =
                chhatra(&["evidence", "list", "--config", &config, "--id", message, "--json"]).json();
            let records = listed["records"].as_array().unwrap().clone();
            assert_eq!(records.len(), 2, "{listed}");
            records.iter().all(|record| record["stamped"] == true).then_some(())
        });
        let out = folder.join(format!("evidence-{ministry}"));
        let export =
            || chhatra(&["evidence", "export", "--config", &config, "--id", message, "--out", &text(&out)]);
        let told = export().fine();
        assert_eq!(told.lines().filter(|line| line.starts_with("wrote ")).count(), 2, "{told}");
        assert!(export().fine().lines().all(|line| line.contains("is there already")));
        for entry in std::fs::read_dir(&out).unwrap() {
            let container = entry.unwrap().path();
            // The other ministry's picture of the exchange serves as well.
            let globalconf = demo.file("commerce/globalconf");
            let told =
                chhatra(&["evidence", "verify", &text(&container), "--globalconf", &globalconf]).fine();
            assert!(told.contains("CAMBODIA/GOV/MO"), "{told}");
            others_agree(demo, &container, folder);
        }
        let globalconf = Path::new(&demo.file("commerce/globalconf")).to_owned();
        let response = std::fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().path());
        let response = response.into_iter().find(|path| text(path).contains("-response-")).unwrap();
        every_octet_counts(&response, &globalconf, 67);
        let first = std::fs::read_dir(&out).unwrap().next().unwrap().unwrap().path();
        std::fs::write(&first, "something else").unwrap();
        export().refused(1, "was not overwritten");
        assert_eq!(std::fs::read(&first).unwrap(), b"something else");
    }
    let config = demo.file("commerce/gateway.toml");
    chhatra(&["evidence", "export", "--config", &config, "--id", "nobody-sent-this"])
        .refused(1, "no message with the identifier");
}

/// xmlsec1 judges the signature, openssl the time-stamp and the revocation answer.
fn others_agree(demo: &Demo, container: &Path, folder: &Path) {
    let inside = folder.join("inside");
    let _left = std::fs::remove_dir_all(&inside);
    run(folder, "unzip", &["-q", &text(container), "-d", &text(&inside)]).fine();
    let at = inside.as_path();
    let signed =
        if at.join("sig-hashchainresult.xml").exists() { "sig-hashchainresult.xml" } else { "message.xml" };
    let (root, ocsp, tsa) =
        (demo.file("registry/ca.pem"), demo.file("registry/ocsp.pem"), demo.file("registry/tsa.pem"));
    let map = format!("--url-map:/{signed}");
    let signatures = "META-INF/signatures.xml";
    let verify =
        ["--verify", "--id-attr:Id", "SignedProperties", &map, signed, "--trusted-pem", &root, signatures];
    run(at, "xmlsec1", &verify).fine();
    std::fs::write(at.join("other"), "another message").unwrap();
    let other =
        ["--verify", "--id-attr:Id", "SignedProperties", &map, "other", "--trusted-pem", &root, signatures];
    assert_ne!(run(at, "xmlsec1", &other).code, Some(0));

    take_out(at, "X509Certificate", "signer.der");
    run(at, "openssl", &["x509", "-inform", "DER", "-in", "signer.der", "-out", "signer.pem"]).fine();
    run(at, "openssl", &["verify", "-CAfile", &root, "signer.pem"]).fine();
    take_out(at, "EncapsulatedOCSPValue", "ocsp.der");
    let answer = [
        "ocsp",
        "-respin",
        "ocsp.der",
        "-issuer",
        &root,
        "-cert",
        "signer.pem",
        "-VAfile",
        &ocsp,
        "-CAfile",
        &root,
    ];
    let told = run(at, "openssl", &answer);
    assert!(told.err.contains("Response verify OK") && told.out.contains("signer.pem: good"), "{told:?}");
    let (token, data) = ("META-INF/timestamp.tst", "ts-hashchainresult.xml");
    let stamp =
        ["ts", "-verify", "-in", token, "-token_in", "-data", data, "-CAfile", &tsa, "-partial_chain"];
    run(at, "openssl", &stamp).fine();
}

/// The octets of the first element of this name.
fn take_out(at: &Path, name: &str, file: &str) {
    let expression = format!("string((//*[local-name()='{name}'])[1])");
    let value = run(at, "xmllint", &["--xpath", &expression, "META-INF/signatures.xml"]).fine();
    std::fs::write(at.join("b64"), format!("{}\n", value.split_whitespace().collect::<String>())).unwrap();
    run(at, "openssl", &["base64", "-d", "-A", "-in", "b64", "-out", file]).fine();
}

/// What is not allowed is not on record at the civil registry, and the caller reads why.
fn refusals_reach_nobody(demo: &Demo) {
    let before = listed(demo, "interior");
    let foreign = demo.ask("-i -H 'X-Road-Client: CAMBODIA/GOV/MOC/other'").fine();
    assert!(foreign.contains("HTTP/1.1 400") || foreign.contains("HTTP/1.1 500"), "{foreign}");
    let url = demo.curl.replace("/people/v1/", "/cars/v1/");
    let unknown = Command::new("sh").args(["-c", &format!("{url} -i")]).output().unwrap();
    let unknown = String::from_utf8_lossy(&unknown.stdout).into_owned();
    assert!(
        unknown.to_ascii_lowercase().contains("x-road-error") && unknown.contains("unknown_service"),
        "{unknown}"
    );
    let ours = demo.curl.replace("GOV/MOC/business-registry", "GOV/MOI/civil-registry");
    let ours = Command::new("sh").args(["-c", &format!("{ours} -i")]).output().unwrap();
    assert!(!String::from_utf8_lossy(&ours.stdout).contains("HTTP/1.1 200"), "not a client of that gateway");
    assert_eq!(listed(demo, "interior"), before);
}

fn listed(demo: &Demo, ministry: &str) -> usize {
    let config = demo.file(&format!("{ministry}/gateway.toml"));
    let listed = chhatra(&["evidence", "list", "--config", &config, "--json"]).json();
    listed["records"].as_array().unwrap().len()
}

fn doctor_finds_all_well(demo: &Demo) {
    for file in ["commerce/gateway.toml", "interior/gateway.toml", "registry/registry.toml"] {
        let told = chhatra(&["doctor", "--config", &demo.file(file)]).fine();
        assert!(told.contains("it is running") && !told.contains("problem  "), "{file}: {told}");
    }
    let told = chhatra(&["doctor", "--config", &demo.file("interior/gateway.toml")]).fine();
    for part in [
        "is in force until",
        "the authentication certificate",
        "is good; the answer serves until",
        "is approved",
        "records: ",
    ] {
        assert!(told.contains(part), "{part:?} is not in:\n{told}");
    }
}

/// A right that is taken away is gone within seconds, and comes back.
fn settings_can_be_changed(demo: &Demo, folder: &Path) {
    let config = demo.file("interior/gateway.toml");
    let file = demo.file("interior/state.toml");
    let act = |act: &str, file: &str| chhatra(&["gateway", act, "--config", &config, file]).fine();
    assert_eq!(act("plan", &file), "nothing to change\n");
    let state = std::fs::read_to_string(&file).unwrap();
    let (kept, _) = state.split_once("[[client.right]]").unwrap();
    let (_, stamps) = state.split_once("[[time_stamp]]").unwrap();
    let without = folder.join("without.toml");
    std::fs::write(&without, format!("{kept}\n[[time_stamp]]{stamps}")).unwrap();
    let taken = act("apply", &text(&without));
    assert!(taken.starts_with("- client CAMBODIA/GOV/MOI/civil-registry right people"), "{taken}");
    until("the end of the right", || demo.ask("-i").fine().contains("access_denied").then_some(()));
    act("apply", &file);
    until("the return of the right", || demo.ask("-i").fine().contains("HTTP/1.1 200").then_some(()));
}

/// Keys and certificates of both gateways.
fn keys(demo: &Demo) -> Vec<Value> {
    let list = |ministry: &str| {
        chhatra(&["keystore", "list", "--json", "--config", &demo.file(&format!("{ministry}/gateway.toml"))])
            .json()
    };
    vec![list("commerce"), list("interior")]
}

#[test]
fn gateways_end_when_the_demonstration_is_killed_and_a_second_one_says_which_port_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let base = Base::take();
    let demo = start(&folder.path().join("state"), &base);
    let second = text(&folder.path().join("second"));
    let outcome = chhatra(&["demo", "--state", &second, "--base", base.text()]);
    let says = format!("{}:4080, which the registry needs, is taken by another program", base.host(10));
    outcome.refused(1, &says);
    demo.killed();
    for last in [11, 12] {
        until("the end of the gateway", || is_free(&format!("{}:5500", base.host(last))));
    }
}

#[test]
fn a_gateway_that_dies_takes_the_demonstration_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let base = Base::take();
    let demo = start(&folder.path().join("state"), &base);
    let children = run(folder.path(), "ps", &["-o", "pid=", "--ppid", &demo.process()]).fine();
    let first = children.split_whitespace().next().unwrap().to_owned();
    run(folder.path(), "kill", &["-KILL", &first]).fine();
    let (code, _) = demo.ended();
    assert_eq!(code, Some(1));
    for last in [10, 11, 12, 13] {
        until("the end of everything", || {
            is_free(&format!("{}:{}", base.host(last), [4080, 5500, 5500, 8889][usize::from(last - 10)]))
        });
    }
}

#[test]
fn a_state_that_cannot_be_made_or_is_for_other_addresses_is_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let base = Base::take();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let under = text(&file.join("state"));
    chhatra(&["demo", "--state", &under, "--base", base.text()]).refused(1, "cannot be made");

    let state = folder.path().join("state");
    start(&state, &base).killed();
    let other = Base::take();
    let outcome = chhatra(&["demo", "--state", &text(&state), "--base", other.text()]);
    outcome.refused(1, "was made for other addresses");
}

#[test]
fn a_gateway_by_itself_stops_gracefully_and_says_which_port_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let (state, base) = (folder.path().join("state"), Base::take());
    start(&state, &base).stopped_by("-TERM");
    let config = text(&state.join("commerce/gateway.toml"));
    let mut child = Command::new(program())
        .args(["gateway", "run", "--until-stdin-closes", "--config", &config])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // It says so when it has taken its addresses and opened its log.
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut told = String::new();
    out.read_line(&mut told).unwrap();
    assert!(told.contains("gateway CAMBODIA/GOV/MOC/commerce listens"), "{told}");
    chhatra(&["gateway", "run", "--config", &config])
        .refused(1, &format!("{}:8080 cannot be listened on", base.host(11)));
    let doctor = chhatra(&["doctor", "--config", &config]);
    assert!(doctor.out.contains("it is running"), "{}", doctor.out);
    drop(child.stdin.take());
    out.read_to_string(&mut told).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(told.ends_with("stopped\n"), "{told}");
}
