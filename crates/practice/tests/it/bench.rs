//! The workbench: a directory, an authority in it, and openssl beside it.

use clock::{Chance, Clock, Hands};
use jiff::Timestamp;
use practice::{Issued, KeyKind, PracticeAuthority, Settings};
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;

pub(crate) struct Bench {
    directory: tempfile::TempDir,
    pub(crate) authority: Arc<PracticeAuthority>,
    pub(crate) hands: Hands,
    start: Timestamp,
}

/// The time as the file system has it: openssl compares with the system clock, so the authority must run by it.
fn system_time(directory: &std::path::Path) -> Timestamp {
    let path = directory.join("now");
    std::fs::write(&path, b"").unwrap();
    let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
    Timestamp::try_from(modified).unwrap()
}

impl Bench {
    pub(crate) fn new(keys: KeyKind, intermediate: bool) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let start = system_time(directory.path());
        let (clock, hands) = Clock::by_hand(start);
        let settings = Settings {
            keys,
            intermediate,
            ocsp_url: Some("http://127.0.0.1:8888/".to_owned()),
            ..Settings::new("CAMBODIA")
        };
        let home = directory.path().join("home");
        let authority = PracticeAuthority::create_or_open(&home, settings, clock, Chance::seeded(7)).unwrap();
        let bench = Self { directory, authority: Arc::new(authority), start, hands };
        bench.write("issuer.der", bench.authority.issuer_certificate());
        bench.write("root.der", bench.authority.root_certificate());
        bench.write("tsa.der", bench.authority.tsa_certificate());
        for name in ["issuer", "root", "tsa"] {
            let (input, output) = (format!("{name}.der"), format!("{name}.pem"));
            bench.openssl(&["x509", "-inform", "DER", "-in", &input, "-out", &output]);
        }
        bench
    }

    /// The time at which the authority stands, unless a test moved its hands.
    pub(crate) fn authority_time(&self) -> Timestamp {
        self.start
    }

    /// Each kind of authority there is.
    pub(crate) fn all() -> Vec<Self> {
        let kinds = [(KeyKind::Rsa, false), (KeyKind::Rsa, true), (KeyKind::Ec, false), (KeyKind::Ec, true)];
        kinds.into_iter().map(|(keys, intermediate)| Self::new(keys, intermediate)).collect()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    /// Runs openssl in the directory.
    pub(crate) fn openssl(&self, arguments: &[&str]) -> Output {
        let output = Command::new("openssl").args(arguments).current_dir(self.directory.path()).output();
        output.unwrap_or_else(|error| panic!("openssl is needed for these tests: {error}"))
    }

    /// Runs openssl, which must say yes; gives all that it said.
    pub(crate) fn accepts(&self, arguments: &[&str]) -> String {
        let output = self.openssl(arguments);
        let said = said(&output);
        assert!(output.status.success(), "openssl {arguments:?}: {said}");
        said
    }

    /// A request by openssl, with its key beside it.
    pub(crate) fn request(&self, name: &str, key: &[&str], subject: &str, digest: &str) -> Vec<u8> {
        let (key_out, out) = (format!("{name}.key"), format!("{name}.csr"));
        let mut arguments = vec!["req", "-new", "-nodes", "-newkey"];
        arguments.extend(key);
        arguments.extend(["-keyout", &key_out, "-out", &out, "-subj", subject, "-utf8", digest]);
        self.accepts(&arguments);
        self.read(&out)
    }

    pub(crate) fn rsa_request(&self, name: &str) -> Vec<u8> {
        self.request(name, &["rsa:2048"], "/C=KH/O=CAMBODIA/OU=GOV/CN=MOC/serialNumber=SS1", "-sha256")
    }

    /// A signing certificate, also as `NAME.pem`.
    pub(crate) fn signing(&self, name: &str) -> Issued {
        let key = &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
        let request = self.request(name, key, "/C=KH/O=CAMBODIA/OU=GOV/CN=MOI", "-sha256");
        let issued = self.authority.issue_signing(&request).unwrap();
        self.write(&format!("{name}.pem"), issued.pem().as_bytes());
        issued
    }
}

pub(crate) fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
