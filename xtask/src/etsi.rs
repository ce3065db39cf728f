//! Containers of a real exchange, judged by the European Union's own signature library (DSS): `cargo xtask etsi`.
//!
//! DSS comes with its dependencies from Maven Central, in the versions of `conformance/dss/pom.xml`. It validates offline, with its default
//! policy, trusting the practice CA and the practice time-stamp authority and nobody else.

use crate::packages;
use crate::run::{run, step};
use anyhow::{Context as _, Result, bail};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

const JUDGE: &[&str] = &["default-jdk-headless", "maven", "curl", "python3", "unzip"];
/// Addresses of this nation's own.
const BASE: &str = "127.1.252";
const STATE: &str = "target/etsi/nation";
const FIRST: &str = "META-INF/signatures.xml";
const SECOND: &str = "META-INF/signatures-etsi.xml";

/// Rewrites the container with one bit changed in what the signature names.
const CHANGE: &str = "import sys, zipfile; old = zipfile.ZipFile(sys.argv[1]); new = zipfile.ZipFile(sys.argv[2], 'w'); \
    names = old.namelist(); hit = next(n for n in ('sig-hashchainresult.xml', 'message.xml') if n in names); \
    flip = lambda b: b[:-20] + bytes([b[-20] ^ 1]) + b[-19:]; \
    [new.writestr(n, flip(old.read(n)) if n == hit else old.read(n)) for n in names]; new.close()";

/// Takes the certificates out of a `shared-params.xml`.
const CERTIFICATES: &str = "import sys, re, base64; text = open(sys.argv[1]).read(); \
    [open(f'{sys.argv[2]}/live-{i}.der', 'wb').write(base64.b64decode(c)) \
    for i, c in enumerate(re.findall(r'(?s)<(?:\\w+:)?cert>(.*?)</', text))]";

/// What DSS says of one signature in a container.
#[derive(Debug)]
struct Verdict {
    file: String,
    level: String,
    indication: String,
    stamps: Vec<String>,
    remarks: Vec<String>,
}

pub(crate) fn etsi(root: &Path) -> Result<()> {
    packages::ensure(packages::BUILD)?;
    packages::ensure(JUDGE)?;
    step("our program", || run(root, "cargo", &["build", "--locked", "--package", "chhatra"]))?;
    step("the judge", || {
        let target = format!("-Djudge.target={}", root.join("target/dss").display());
        run(root, "mvn", &["-q", "-B", &target, "-f", "conformance/dss/pom.xml", "compile"])
    })?;
    let out = root.join("target/etsi/containers");
    step("a real exchange", || exchange(root, &out))?;
    step("verdicts", || verdicts(root, &out))
}

/// A running demonstration; killed when it is dropped.
struct Nation(Child);

impl Drop for Nation {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

fn chhatra(root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command
        .args(["run", "--quiet", "--locked", "--package", "chhatra", "--"])
        .args(arguments)
        .current_dir(root);
    command
}

/// Some messages cross, alone and several at once; then both forms of each are taken out.
fn exchange(root: &Path, out: &Path) -> Result<()> {
    for old in [root.join(STATE), out.to_owned()] {
        if old.exists() {
            std::fs::remove_dir_all(old)?;
        }
    }
    let mut demo = chhatra(root, &["demo", "--state", STATE, "--base", BASE]);
    let mut nation = Nation(demo.stdout(Stdio::piped()).spawn().context("cargo cannot be started")?);
    let output = nation.0.stdout.take().context("the demonstration has no output")?;
    let mut lines = BufReader::new(output).lines();
    let curl = lines
        .find_map(|line| line.ok()?.strip_prefix("ready: ").map(str::to_owned))
        .context("the demonstration ended before it was ready")?;
    let together = "{ $CURL & $CURL & $CURL & $CURL & $CURL & $CURL & wait; }"
        .replace("$CURL", &format!("{curl} -s -o /dev/null"));
    run(root, "sh", &["-c", &format!("{curl} -s -o /dev/null && {together}")])?;
    let config = format!("{STATE}/commerce/gateway.toml");
    let (_never, pause) = mpsc::channel::<()>();
    let folder = out.to_string_lossy().into_owned();
    for _ in 0..60 {
        let export = ["evidence", "export", "--config", &config, "--out", &folder, "--form", "etsi"];
        // Until the log's own time-stamps are there it refuses, and says so.
        if chhatra(root, &export).stdout(Stdio::null()).status()?.success() {
            let plain = ["evidence", "export", "--config", &config, "--out", &folder];
            if !chhatra(root, &plain).stdout(Stdio::null()).status()?.success() {
                bail!("the containers in X-Road's form could not be written");
            }
            return Ok(());
        }
        let _pause = pause.recv_timeout(Duration::from_secs(2));
    }
    bail!("the records had no time-stamp within two minutes")
}

fn verdicts(root: &Path, out: &Path) -> Result<()> {
    let trusted = ["ca.pem", "tsa.pem"].map(|file| root.join(STATE).join("registry").join(file));
    let mut containers: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(out)? {
        containers.push(entry?.path());
    }
    containers.sort();
    let mut spoilt = Vec::new();
    for container in containers.iter().filter(|path| is_second_form(path)) {
        let changed = container.with_extension("changed");
        run(root, "python3", &["-c", CHANGE, &container.to_string_lossy(), &changed.to_string_lossy()])?;
        spoilt.push(changed);
    }
    if spoilt.len() < 4 || containers.len() != spoilt.len().saturating_mul(2) {
        bail!("{} containers are there, {} of them in the second form", containers.len(), spoilt.len());
    }
    for (container, verdicts) in containers.iter().zip(judge(root, &containers, &trusted)?) {
        let name = container.file_name().unwrap_or_default().to_string_lossy().into_owned();
        tell(&name, &verdicts);
        expect(&name, &verdicts, FIRST, "XAdES-BASELINE-B")?;
        let stamps =
            |file: &str| verdicts.iter().find(|verdict| verdict.file == file).map(|found| &found.stamps);
        if stamps(FIRST).is_none_or(|stamps| !stamps.is_empty()) {
            bail!("{name}: a time-stamp is found in the document that only X-Road reads wholly");
        }
        if is_second_form(container) {
            expect(&name, &verdicts, SECOND, "XAdES-BASELINE-LT")?;
            if stamps(SECOND).is_none_or(|stamps| *stamps != ["SIGNATURE_TIMESTAMP PASSED"]) {
                bail!("{name}: its time-stamp does not pass");
            }
        }
    }
    for (container, verdicts) in spoilt.iter().zip(judge(root, &spoilt, &trusted)?) {
        if verdicts.is_empty() || verdicts.iter().any(|verdict| verdict.indication != "INDETERMINATE") {
            bail!("{} is not INDETERMINATE with a byte changed: {verdicts:?}", container.display());
        }
    }
    live(root, out)?;
    println!(
        "etsi: {} containers are judged as expected, and {} changed ones do not pass",
        containers.len(),
        spoilt.len()
    );
    Ok(())
}

fn is_second_form(container: &Path) -> bool {
    container.to_string_lossy().ends_with("-etsi.asice")
}

/// For comparison: what a live X-Road wrote.
fn live(root: &Path, out: &Path) -> Result<()> {
    let recorded = root.join("../shared/vectors/recorded");
    let container = recorded.join("messagelog/asice/asic-ss1-rest-get-responseonly.asice");
    if !container.is_file() {
        println!(
            "note: the folder of shared vectors is not beside the project; no container of X-Road's was judged"
        );
        return Ok(());
    }
    let parameters = recorded.join("globalconf/ss1-globalconf/DEV/shared-params.xml");
    let (parameters, folder) = (parameters.to_string_lossy(), out.to_string_lossy());
    run(root, "python3", &["-c", CERTIFICATES, &parameters, &folder])?;
    let mut trusted = Vec::new();
    for entry in std::fs::read_dir(out)? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "der") {
            trusted.push(path);
        }
    }
    let verdicts = judge(root, &[container], &trusted)?.pop().unwrap_or_default();
    tell("a container of a live X-Road 7.8.0", &verdicts);
    expect("X-Road's", &verdicts, FIRST, "XAdES-BASELINE-B")
}

fn expect(name: &str, verdicts: &[Verdict], file: &str, level: &str) -> Result<()> {
    let Some(found) = verdicts.iter().find(|verdict| verdict.file == file) else {
        bail!("{name}: no signature was found in {file}");
    };
    if found.level != level || found.indication != "TOTAL_PASSED" {
        bail!("{name}: {file} is {} {}, not {level} TOTAL_PASSED", found.level, found.indication);
    }
    Ok(())
}

/// What the judge says of each container, in their order.
fn judge(root: &Path, containers: &[PathBuf], trusted: &[PathBuf]) -> Result<Vec<Vec<Verdict>>> {
    let output = Command::new("java")
        .args(["-cp", "target/dss/classes:target/dss/dependency/*", "Judge"])
        .args(trusted)
        .arg("--")
        .args(containers)
        .current_dir(root)
        .stderr(Stdio::inherit())
        .output()
        .context("java cannot be started")?;
    if !output.status.success() {
        bail!("the judge failed");
    }
    let mut all: Vec<Vec<Verdict>> = Vec::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        if line.starts_with("container\t") {
            all.push(Vec::new());
        } else if !all.last_mut().is_some_and(|verdicts| understand(line, verdicts)) {
            bail!("the judge said what is not understood: {line}");
        }
    }
    if all.len() != containers.len() {
        bail!("the judge judged {} of {} containers", all.len(), containers.len());
    }
    Ok(all)
}

fn understand(line: &str, verdicts: &mut Vec<Verdict>) -> bool {
    let words: Vec<&str> = line.split('\t').collect();
    match (words.as_slice(), verdicts.last_mut()) {
        (["signature", file, level, indication, ..], _) => verdicts.push(Verdict {
            file: (*file).to_owned(),
            level: (*level).to_owned(),
            indication: (*indication).to_owned(),
            stamps: Vec::new(),
            remarks: Vec::new(),
        }),
        (["timestamp", _, kind, indication, ..], Some(last)) => {
            last.stamps.push(format!("{kind} {indication}"))
        }
        (["remark", _, kind, text], Some(last)) => last.remarks.push(format!("{kind}: {text}")),
        _ => return false,
    }
    true
}

fn tell(name: &str, verdicts: &[Verdict]) {
    println!("{name}");
    for verdict in verdicts {
        println!(
            "  {}: {} {} {}",
            verdict.file,
            verdict.level,
            verdict.indication,
            verdict.stamps.join(", ")
        );
        for remark in &verdict.remarks {
            println!("    {remark}");
        }
    }
}
