//! The independent peer: run where it lies, with the system's Python; and how its lines are read.

use anyhow::{Context as _, Result};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

const PYTHON: &str = "/usr/bin/python3";
const WAIT: Duration = Duration::from_secs(300);

/// Starts one of the scripts from where it lies. The peer was written for a newer `cryptography` than Debian 12 has; three of that
/// library's names are then spelled as the older one spells them.
const START: &str = r#"
import datetime, re, sys, types
folder, script, wrong = sys.argv[1:4]
del sys.argv[1:4]
sys.path.insert(0, folder)
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
def issued_by(cert, issuer):
    if cert.issuer != issuer.subject:
        raise ValueError("another issuer")
    key, how = issuer.public_key(), cert.signature_hash_algorithm
    how = [padding.PKCS1v15(), how] if isinstance(key, rsa.RSAPublicKey) else [ec.ECDSA(how)]
    key.verify(cert.signature, cert.tbs_certificate_bytes, *how)
utc = lambda time: time and time.replace(tzinfo=datetime.timezone.utc)
if not hasattr(x509.Certificate, "verify_directly_issued_by"):
    text = open(folder + "/sig.py").read()
    text = re.sub(r"(\w+)\.verify_directly_issued_by\((\w+)\)", r"issued_by(\1, \2)", text)
    text = re.sub(r"(\w+\.(?:not_valid_before|not_valid_after|this_update|next_update))_utc", r"utc(\1)", text)
    sig = sys.modules["sig"] = types.ModuleType("sig")
    sig.issued_by, sig.utc = issued_by, utc
    exec(compile(text, "sig.py", "exec"), vars(sig))
"#;

/// Behind [`START`]: the script as it is.
const PLAIN: &str = "__import__(script).main()";

/// Behind [`START`]: `provider.py` with three additions that its command line lacks: an answer cut so many bytes before its end, a TLS
/// listener that is set up wrongly, and a line when it really listens.
const PROVIDER: &str = r#"
import socket, ssl, consumer, provider
opened = socket.socket.listen
def listen(self, *backlog):
    opened(self, *backlog)
    print("open at %s:%d" % self.getsockname()[:2], flush=True)
socket.socket.listen = listen
plain = provider.Provider.answer
def answer(self, http, chain):
    head, body, bad = plain(self, http, chain)
    for name in [b for b in bad if b.startswith("cut-before-end-")]:
        bad = bad | {"cut-after-%d" % (len(body) - int(name[15:]))}
    return head, body, bad
provider.Provider.answer = answer
shim = types.SimpleNamespace(**vars(ssl))
if wrong == "tls13-only":
    shim.TLSVersion = types.SimpleNamespace(TLSv1_2=ssl.TLSVersion.TLSv1_3)
if wrong == "gcm-only":
    consumer.SUITES = "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES256-GCM-SHA384"
if wrong == "no-client-cert-request":
    shim.CERT_REQUIRED = ssl.CERT_NONE
provider.ssl = shim
provider.main()
"#;

/// Where the independent peer lies, and what a live 7.8.0 said to each of its deviations.
#[derive(Debug, Clone)]
pub(crate) struct Tool {
    folder: PathBuf,
    /// `results-7.8.0.txt`: what a live provider's server said.
    pub(crate) inbound: String,
    /// `TABLE.txt`: what a live consumer's server said.
    pub(crate) outbound: String,
}

impl Tool {
    /// The tool, unless this clone stands alone.
    pub(crate) fn find() -> Option<Self> {
        let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
        let folder = shared.join("tools/xroad-peer");
        let table = shared.join("vectors/recorded/options/tolerance/TABLE.txt");
        let found = std::fs::read_to_string(folder.join("results-7.8.0.txt"))
            .and_then(|inbound| Ok((inbound, std::fs::read_to_string(table)?)));
        let Ok((inbound, outbound)) = found else {
            println!("the independent peer is not here (../shared is absent): nothing is compared with it");
            return None;
        };
        Some(Self { folder, inbound, outbound })
    }

    /// Runs one of its scripts to the end, in a folder of its own. Gives exit status, what it printed, and what it complained about.
    pub(crate) async fn run(
        &self,
        script: &str,
        args: &[String],
        folder: &Path,
    ) -> Result<(bool, String, String)> {
        let running = Command::new(PYTHON)
            .args(["-B", "-W", "ignore", "-c", &format!("{START}{PLAIN}")])
            .arg(&self.folder)
            .args([script, ""])
            .args(args)
            .current_dir(folder)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = tokio::time::timeout(WAIT, running).await.context("the peer did not end")??;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok((output.status.success(), text(&output.stdout), text(&output.stderr)))
    }

    /// Starts `provider.py` and waits until it listens on `address`, which `args` name. `wrong` names what is set up wrongly in its TLS; it may be empty.
    pub(crate) async fn provide(
        &self,
        wrong: &str,
        args: &[String],
        address: SocketAddr,
        folder: &Path,
    ) -> Result<Provider> {
        let complaints = folder.join("provider.err");
        let mut child = Command::new(PYTHON)
            .args(["-B", "-W", "ignore", "-c", &format!("{START}{PROVIDER}")])
            .arg(&self.folder)
            .args(["provider", wrong])
            .args(args)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(&complaints)?)
            .kill_on_drop(true)
            .spawn()?;
        let stdout = child.stdout.take().context("stdout")?;
        let mut lines = BufReader::new(stdout).lines();
        let open = format!("open at {address}");
        let opens = async {
            while let Some(line) = lines.next_line().await? {
                if line == open {
                    return anyhow::Ok(true);
                }
            }
            Ok(false)
        };
        anyhow::ensure!(
            tokio::time::timeout(WAIT, opens).await??,
            "the peer did not start: {}",
            std::fs::read_to_string(&complaints)?
        );
        // Its log is read on, so that it never waits for a reader.
        let log = tokio::spawn(async move {
            let mut seen = vec![];
            while let Ok(Some(line)) = lines.next_line().await {
                seen.push(line);
            }
            seen
        });
        Ok(Provider { child, log })
    }
}

/// A running `provider.py`.
#[derive(Debug)]
pub(crate) struct Provider {
    child: Child,
    log: tokio::task::JoinHandle<Vec<String>>,
}

impl Provider {
    /// Ends it; gives its log.
    pub(crate) async fn stop(mut self) -> Result<Vec<String>> {
        self.child.kill().await?;
        Ok(self.log.await?)
    }
}

/// What became of one exchange, in the words of the peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// An answer that the peer verified.
    Accepted,
    /// A fault with this code.
    Refused(String),
    /// An answer that the peer does not accept, for this reason.
    BadAnswer(String),
    /// None.
    NoAnswer,
}

impl Verdict {
    /// Reads what the peer prints about an exchange.
    pub(crate) fn read(text: &str) -> Self {
        let word = |text: &str| {
            let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "._".contains(c)));
            text.get(..end.unwrap_or(text.len())).unwrap_or_default().to_owned()
        };
        if text.contains("VALID ") {
            return Self::Accepted;
        }
        if let Some((_, rest)) = text.split_once("FAULT ") {
            return Self::Refused(word(rest));
        }
        for mark in ["BAD ANSWER | ", "wire.Bad: "] {
            if let Some((_, rest)) = text.split_once(mark) {
                return Self::BadAnswer(word(rest));
            }
        }
        Self::NoAnswer
    }
}

/// One line of a table: what was tried, and what came of it.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// Group, kind of request, variant, as one text with single spaces.
    pub(crate) name: String,
    /// The outcome.
    pub(crate) verdict: Verdict,
    /// HTTP status of the answer and how its end was told; empty where the line does not say.
    pub(crate) framing: String,
    /// The line.
    pub(crate) line: String,
}

/// Reads the lines of `consumer.py --table`, and those of `results-7.8.0.txt`.
pub(crate) fn rows(text: &str) -> Vec<Row> {
    let lines = text.lines().filter(|line| line.contains(" | "));
    lines
        .map(|line| {
            let mut fields = line.split(" | ").map(str::trim);
            let group = fields.next().unwrap_or_default();
            let (kind, variant) = if group == "reuse" {
                // The suite and its library's spelling stand behind what matters.
                ("GET", fields.next().and_then(|text| text.split(" (").next()))
            } else {
                (fields.next().unwrap_or_default(), fields.next())
            };
            let outcome = fields.collect::<Vec<_>>().join(" | ");
            Row {
                name: format!("{group} {kind} {}", variant.unwrap_or_default()),
                verdict: Verdict::read(&outcome),
                framing: framing(&outcome),
                line: line.to_owned(),
            }
        })
        .collect()
}

/// `200 close` out of `accepted | 200 close | VALID …`.
fn framing(outcome: &str) -> String {
    let second = outcome.split(" | ").nth(1).map(str::trim).unwrap_or_default();
    if second.starts_with(|c: char| c.is_ascii_digit()) { second.to_owned() } else { String::new() }
}

/// A live provider's rows by name; later lines of the file (those of an elliptic identity) only where there is no earlier.
pub(crate) fn recorded(results: &str) -> BTreeMap<String, Row> {
    let mut known = BTreeMap::new();
    for row in rows(results) {
        known.entry(row.name.clone()).or_insert(row);
    }
    known
}
