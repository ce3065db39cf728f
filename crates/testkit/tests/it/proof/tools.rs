//! Programs of others, waiting for events, and small things that several tests need.

use gateway::Config;
use keystore::{KeyAlgorithm, KeyUsage, Keystore, Owner, Subject};
use messagelog::{Entry, Reader, Search};
use std::path::{Path, PathBuf};
use std::process::Command;
use testkit::{INSTANCE, Nation};
use trust::Certificate;

/// Runs a program in a folder and gives what it printed; it must succeed.
pub(crate) fn run(folder: &Path, program: &str, arguments: &[&str]) -> String {
    let told = Command::new(program).args(arguments).current_dir(folder).output();
    let output = told.unwrap_or_else(|error| panic!("{program} cannot be run: {error}"));
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {}:\n{text}", arguments.join(" "));
    text
}

/// As [`testkit::until`], for tests that stop at the first surprise.
pub(crate) async fn until(what: &str, happened: impl FnMut() -> bool) {
    testkit::until(what, happened).await.unwrap();
}

/// A second authentication key of a gateway, brought by another process, with a certificate that is not active yet.
pub(crate) fn second_authentication(nation: &Nation, config: &Config) -> (Keystore, Certificate) {
    let keystore = Keystore::open(config.keystore_dir(), &nation.pin).unwrap();
    let key = keystore.generate(KeyUsage::Authentication, KeyAlgorithm::EcP256, "second").unwrap();
    let subject = Subject::new([("C", INSTANCE), ("CN", config.server.server())]).unwrap();
    let request = keystore.csr(&key, &subject, &[]).unwrap();
    let issued = nation.authority.issue_authentication(request.der()).unwrap();
    keystore.import_certificate(&issued.der, &Owner::server(config.server.clone())).unwrap();
    (keystore, Certificate::from_der(&issued.der).unwrap())
}

/// The schemas of the original, where they are beside the project.
pub(crate) fn schemas() -> Option<PathBuf> {
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors/schemas/xsd");
    if schemas.is_dir() {
        return Some(schemas);
    }
    println!("the original's schemas are not beside the project: nothing is validated against them");
    None
}

/// The log of a gateway, read from outside.
pub(crate) fn log_of(config: &Config) -> Reader {
    Reader::open(config.messagelog().unwrap()).unwrap()
}

/// All entries of a log, oldest first.
pub(crate) fn entries(reader: &Reader) -> Vec<Entry> {
    let mut all = Vec::new();
    let mut search = Search { limit: 1000, ..Search::default() };
    loop {
        let page = reader.find(&search).unwrap();
        let Some(last) = page.last() else { break };
        search.before = Some(last.id);
        all.extend(page);
    }
    all.reverse();
    all
}

/// How many bodies wait in a gateway's spool.
pub(crate) fn spooled(config: &Config) -> usize {
    std::fs::read_dir(config.spool_dir()).unwrap().count()
}

/// The text between two marks, if it is there.
pub(crate) fn between<'a>(text: &'a str, from: &str, to: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(from)?;
    Some(rest.split_once(to)?.0)
}

/// Base64 as it stands in a signature: broken into lines, carriage returns written out.
pub(crate) fn decoded(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    let plain: String = text.replace("&#13;", "").chars().filter(|c| !c.is_whitespace()).collect();
    base64::engine::general_purpose::STANDARD.decode(plain).unwrap()
}

/// Takes a measure of a process in which nothing else runs: unless this test was asked for alone (`--exact`), it starts itself again so.
pub(crate) fn alone(module: &str, test: &str, measured: impl Future<Output = ()>) {
    if std::env::args().any(|argument| argument == "--exact") {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(measured);
        return;
    }
    let path = module.split_once("::").map_or("", |(_, path)| path);
    let alone = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("{path}::{test}"), "--nocapture"])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&alone.stdout).into_owned() + &String::from_utf8_lossy(&alone.stderr);
    println!("{told}");
    assert!(alone.status.success() && told.contains("1 passed"), "{told}");
}

/// A line of the process's own status, in bytes.
pub(crate) fn status_bytes(name: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}
