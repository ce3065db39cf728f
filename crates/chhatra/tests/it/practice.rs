//! `trust run`: issues to openssl's requests, and its answers satisfy openssl.

use crate::nation::Base;
use crate::tools::{chhatra, program, run, text};
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

#[test]
fn practice_services_issue_answer_and_stamp() {
    let folder = tempfile::tempdir().unwrap();
    let (at, base) = (folder.path(), Base::take());
    let state = text(&at.join("state"));
    let addresses = [8888, 8889, 8899].map(|port| format!("{}:{port}", base.host(13)));
    let [door, ocsp, tsa] = &addresses;
    let arguments =
        ["trust", "run", "--state", &state, "--listen", door, "--listen-ocsp", ocsp, "--listen-tsa", tsa];
    // Its journal cannot be written, as on a full disk: that ends no work.
    let journal = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut child =
        Command::new(program()).args(arguments).stdout(Stdio::piped()).stderr(journal).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let told: Vec<String> = lines.by_ref().take(5).map(Result::unwrap).collect();
    assert!(told[0].contains("nobody must rely on"), "{told:?}");
    chhatra(&arguments).refused(1, "another process uses");

    run(
        at,
        "openssl",
        &["req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", "k", "-out", "r", "-subj", "/C=EX/CN=a"],
    )
    .fine();
    let url = format!("http://{door}/testca/sign?profile=sign");
    run(at, "curl", &["-sS", "--data-binary", "@r", "-o", "c.pem", &url]).fine();
    let root = text(&at.join("state/root.pem"));
    run(at, "openssl", &["verify", "-CAfile", &root, "c.pem"]).fine();
    let url = format!("http://{ocsp}/");
    let asked = ["ocsp", "-issuer", &root, "-cert", "c.pem", "-url", &url, "-CAfile", &root, "-no_nonce"];
    assert!(run(at, "openssl", &asked).fine().contains("c.pem: good"));
    run(at, "openssl", &["ts", "-query", "-data", "r", "-sha512", "-cert", "-out", "q"]).fine();
    let url = format!("http://{tsa}/");
    run(
        at,
        "curl",
        &["-sS", "--data-binary", "@q", "-H", "Content-Type: application/timestamp-query", "-o", "s", &url],
    )
    .fine();
    run(at, "openssl", &["ts", "-verify", "-data", "r", "-in", "s", "-CAfile", &root]).fine();

    run(at, "kill", &["-TERM", &child.id().to_string()]).fine();
    assert!(child.wait().unwrap().success());
    assert_eq!(lines.last().unwrap().unwrap(), "stopped");
    chhatra(&["trust", "run", "--state", &state, "--listen", "192.0.2.1:8888"])
        .refused(1, "is not a loopback address");
}
