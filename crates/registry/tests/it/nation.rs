//! A small nation: its folder, its certificates, its declared state, and a running registry.

use clock::{Chance, Clock, Hands};
use http1::{Stopper, stop_channel};
use jiff::Timestamp;
use keystore::{KeyAlgorithm, Pin};
use registry::{Config, Declaration, Registry, admin};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use tempfile::TempDir;
use tokio::net::TcpListener;

/// What a secretariat would declare.
pub(crate) const STATE: &str = r#"
[settings]
member_classes = [{ code = "GOV", description = "Government" }, { code = "COM", description = "Commerce" }]
ocsp_fetch_interval_seconds = 600
verify_next_update = true
monitoring_client = "CAMBODIA/GOV/MPTC"

[settings.management]
provider = "CAMBODIA/GOV/MPTC"

[[member]]
class = "GOV"
code = "MOI"
name = "Ministry of Interior · ក្រសួងមហាផ្ទៃ"
[[member.subsystem]]
code = "civil-registry"
name = "Civil registry"

[[member]]
class = "GOV"
code = "MOC"
name = "Ministry of Commerce"
[[member.subsystem]]
code = "business-registry"

[[member]]
class = "GOV"
code = "MPTC"
name = "Ministry of Post & Telecommunications"

[[server]]
owner = "CAMBODIA/GOV/MOI"
code = "interior"
address = "127.0.0.12"
auth_certificates = ["auth-moi.pem"]
clients = ["CAMBODIA/GOV/MOI/civil-registry"]

[[server]]
owner = "CAMBODIA/GOV/MOC"
code = "commerce"
address = "commerce.example"
auth_certificates = ["auth-moc.pem"]
clients = ["CAMBODIA/GOV/MOC/business-registry"]

[[group]]
code = "everyone"
description = "Whoever takes part"
members = ["CAMBODIA/GOV/MOC/business-registry", "CAMBODIA/GOV/MOI"]

[[ca]]
certificate = "ca.pem"
profile = "basic"
[[ca.ocsp]]
url = "http://127.0.0.1:8888/ocsp"
certificate = "ocsp.pem"
[[ca.intermediate]]
certificate = "intermediate.pem"
[[ca.intermediate.ocsp]]
url = "http://127.0.0.1:8888/intermediate"

[[tsa]]
url = "http://127.0.0.1:8899/tsa"
certificate = "tsa.der"
"#;

const EXTENSIONS: &str = "
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
[authentication]
keyUsage = critical,digitalSignature,keyEncipherment
[signing]
keyUsage = critical,nonRepudiation
[both]
keyUsage = critical,digitalSignature,nonRepudiation
[nothing]
basicConstraints = CA:FALSE
";

/// The certificates that [`STATE`] names, and some that do not fit; minted once, only read afterwards.
pub(crate) fn certificates() -> &'static Path {
    static MINTED: OnceLock<TempDir> = OnceLock::new();
    MINTED.get_or_init(mint).path()
}

fn mint() -> TempDir {
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("openssl.cnf"), EXTENSIONS).unwrap();
    for (name, subject, extensions) in [
        ("ca", "/C=KH/O=Practice/CN=Practice CA", "authority"),
        ("intermediate", "/C=KH/O=Practice/CN=Practice issuing CA", "authority"),
        ("nameless", "/C=KH/O=Practice", "authority"),
        ("ocsp", "/CN=Practice OCSP", "nothing"),
        ("tsa", "/CN=Practice TSA", "nothing"),
        ("auth-moi", "/C=KH/CN=interior", "authentication"),
        ("auth-moc", "/C=KH/CN=commerce", "authentication"),
        ("sign", "/C=KH/CN=MOI", "signing"),
        ("both", "/C=KH/CN=both", "both"),
    ] {
        let (key, pem) = (format!("{name}.key"), format!("{name}.pem"));
        let mut arguments =
            vec!["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
        arguments.extend(["-config", "openssl.cnf", "-extensions", extensions, "-days", "30"]);
        arguments.extend(["-subj", subject, "-keyout", &key, "-out", &pem]);
        run_in(dir.path(), "openssl", &arguments, b"");
    }
    run_in(dir.path(), "openssl", &["x509", "-in", "tsa.pem", "-outform", "DER", "-out", "tsa.der"], b"");
    let two = [
        std::fs::read(dir.path().join("ca.pem")).unwrap(),
        std::fs::read(dir.path().join("ocsp.pem")).unwrap(),
    ];
    std::fs::write(dir.path().join("two.pem"), two.concat()).unwrap();
    std::fs::write(dir.path().join("rubbish.pem"), "rubbish").unwrap();
    dir
}

/// Runs a program, hands it `input`, demands success and gives its output.
pub(crate) fn run_in(dir: &Path, program: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program} cannot be started: {error}"));
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {told}{}",
        String::from_utf8_lossy(&output.stdout)
    );
    output.stdout
}

pub(crate) fn declaration(text: &str) -> Declaration {
    Declaration::read(text, certificates()).unwrap()
}

pub(crate) fn pin() -> Pin {
    Pin::new("Practice-1234")
}

pub(crate) fn start_time() -> Timestamp {
    "2026-01-02T03:04:05.678901234Z".parse().unwrap()
}

/// A registry's folder with its configuration, a clock to be moved, and the listener it will use.
pub(crate) struct Nation {
    /// Removed with the nation.
    _dir: TempDir,
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    pub(crate) hands: Hands,
}

impl Nation {
    /// Nothing is initialised.
    pub(crate) fn bare(algorithm: KeyAlgorithm, address: &str) -> Self {
        let dir = TempDir::new().unwrap();
        let config = Config {
            instance: "CAMBODIA".to_owned(),
            state_dir: PathBuf::from("state"),
            anchor_file: PathBuf::from("anchors/internal.xml"),
            pin_file: PathBuf::from("pin"),
            database: None,
            database_password_file: None,
            listen: "127.0.0.1:0".parse().unwrap(),
            address: address.to_owned(),
            expire_seconds: 600,
            generate_seconds: 60,
            signing_key_algorithm: algorithm,
            connections_max: 1024,
        };
        let config = config.resolved(dir.path());
        let (clock, hands) = Clock::by_hand(start_time());
        Self { _dir: dir, config, clock, hands }
    }

    /// Initialised; P-256, since making RSA keys takes long.
    pub(crate) fn new() -> Self {
        let nation = Self::bare(KeyAlgorithm::EcP256, "registry.example");
        admin::init(&nation.config, &pin(), &nation.clock).unwrap();
        nation
    }

    pub(crate) fn apply(&self, text: &str) {
        admin::apply(&self.config, &declaration(text)).unwrap();
    }
}

/// A nation with a running registry. It is stopped when dropped.
pub(crate) struct Running {
    pub(crate) nation: Nation,
    pub(crate) registry: Registry,
    pub(crate) stopper: Stopper,
}

impl Running {
    pub(crate) async fn start(algorithm: KeyAlgorithm) -> Self {
        let running = Self::start_empty(algorithm).await;
        running.nation.apply(STATE);
        running.registry.published_after(Timestamp::UNIX_EPOCH).await.unwrap();
        running
    }

    /// Nothing is declared yet.
    pub(crate) async fn start_empty(algorithm: KeyAlgorithm) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let nation = Nation::bare(algorithm, &listener.local_addr().unwrap().to_string());
        admin::init(&nation.config, &pin(), &nation.clock).unwrap();
        Self::on(listener, nation).await
    }

    pub(crate) async fn on(listener: TcpListener, nation: Nation) -> Self {
        let (stopper, stop) = stop_channel();
        let (clock, chance) = (nation.clock.clone(), Chance::seeded(7));
        let registry =
            Registry::start_on(listener, &nation.config, &pin(), clock, chance, stop).await.unwrap();
        Self { nation, registry, stopper }
    }

    pub(crate) fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.registry.address())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stopper.stop();
    }
}
