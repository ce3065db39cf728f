//! Running programs, ours and others'.

use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::mpsc;
use std::time::Duration;
use tempfile::TempDir;

/// What a program did.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Outcome {
    /// What was printed, of a program that succeeded.
    #[track_caller]
    pub(crate) fn fine(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.out
    }

    #[track_caller]
    pub(crate) fn json(self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// A failure of this code that says this.
    #[track_caller]
    pub(crate) fn refused(self, code: i32, says: &str) {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert!(self.out.contains(says) || self.err.contains(says), "{says:?} is not in {self:?}");
        assert!(!self.err.contains("panicked"), "{self:?}");
    }
}

pub(crate) fn program() -> &'static str {
    env!("CARGO_BIN_EXE_chhatra")
}

pub(crate) fn chhatra(arguments: &[&str]) -> Outcome {
    Command::new(program()).args(arguments).output().expect("our own program").into()
}

/// Another program, in a folder.
#[track_caller]
pub(crate) fn run(folder: &Path, program: &str, arguments: &[&str]) -> Outcome {
    let output = Command::new(program).args(arguments).current_dir(folder).output();
    output.unwrap_or_else(|error| panic!("{program}: {error}")).into()
}

pub(crate) fn text(path: &Path) -> String {
    path.to_str().expect("a path in UTF-8").to_owned()
}

/// The folder of shared vectors beside the project, where there is one.
pub(crate) fn vectors() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    if folder.is_dir() {
        return folder.canonicalize().ok();
    }
    println!("the folder of shared vectors is not beside the project; nothing was tested");
    None
}

/// Waits for something that another process does and tells nobody, such as a record that is time-stamped or an address that is free after
/// a kill; asks again and again, at most a minute. Where the process says a line, wait for the line.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let (_never, pause) = mpsc::channel::<()>();
    for _ in 0..1200 {
        if let Some(found) = look() {
            return found;
        }
        let _pause = pause.recv_timeout(Duration::from_millis(50));
    }
    panic!("{what} did not happen within a minute")
}

/// A gateway's folder with configuration and PIN, and nothing else.
#[derive(Debug)]
pub(crate) struct Setup {
    folder: TempDir,
}

pub(crate) const PIN: &str = "Practice-1234";

impl Setup {
    pub(crate) fn new() -> Self {
        let setup = Self { folder: tempfile::tempdir().unwrap() };
        setup.write("pin", PIN);
        setup.mode("pin", 0o600);
        setup.write(
            "gateway.toml",
            "[gateway]\n\
             server = \"EX/GOV/M1/SS1\"\n\
             state_dir = \"state\"\n\
             anchor = \"anchor.xml\"\n\
             pin_file = \"pin\"\n\
             [gateway.listen]\n\
             consumer_http = \"127.1.255.1:18080\"\n\
             consumer_https = \"127.1.255.1:18443\"\n\
             transport = \"127.1.255.1:15500\"\n\
             ocsp = \"127.1.255.1:15577\"\n",
        );
        setup
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> String {
        std::fs::write(self.path(name), contents).unwrap();
        text(&self.path(name))
    }

    pub(crate) fn mode(&self, name: &str, mode: u32) {
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
    }

    pub(crate) fn config(&self) -> String {
        text(&self.path("gateway.toml"))
    }

    /// `chhatra keystore ACT --config … REST`.
    pub(crate) fn keystore(&self, act: &str, rest: &[&str]) -> Outcome {
        let config = self.config();
        chhatra(&[&["keystore", act, "--config", &config], rest].concat())
    }

    pub(crate) fn openssl(&self, arguments: &[&str]) -> Outcome {
        run(self.folder(), "openssl", arguments)
    }

    pub(crate) fn keys(&self) -> Vec<Value> {
        let listed = self.keystore("list", &["--json"]);
        assert_eq!(listed.code, Some(0), "{listed:?}");
        listed.json()["keys"].as_array().unwrap().clone()
    }
}
