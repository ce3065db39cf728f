//! SoftHSM in a folder of its own. It reads SOFTHSM2_CONF once per process, so that each test runs in a process of its own: it starts
//! itself again.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use keystore::{Keystore, Settings, TokenSettings};
use tempfile::TempDir;

use crate::common::{pin, said, settings};

pub(crate) const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
pub(crate) const TOKEN_PIN: &str = "4321";
const FOLDER: &str = "CHHATRA_TEST_SOFTHSM";

/// SoftHSM's files: its configuration, and a folder per token.
pub(crate) struct SoftHsm {
    folder: PathBuf,
}

/// Runs `act` in a process of its own that has an empty SoftHSM. `test` is the whole name of the calling test.
#[track_caller]
pub(crate) fn alone(test: &str, act: impl FnOnce(&SoftHsm)) {
    alone_with(test, "", act);
}

/// The same with more lines for SoftHSM's configuration.
#[track_caller]
pub(crate) fn alone_with(test: &str, configuration: &str, act: impl FnOnce(&SoftHsm)) {
    if let Some(folder) = std::env::var_os(FOLDER) {
        act(&SoftHsm { folder: folder.into() });
        return;
    }
    let folder = TempDir::new().unwrap();
    let hsm = SoftHsm { folder: folder.path().to_path_buf() };
    std::fs::create_dir(hsm.tokens()).unwrap();
    let lines = format!(
        "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n{configuration}\n",
        hsm.tokens().display()
    );
    std::fs::write(hsm.configuration(), lines).unwrap();
    let name = test.split_once("::").unwrap().1;
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(FOLDER, folder.path())
        .env("SOFTHSM2_CONF", hsm.configuration())
        .output()
        .unwrap();
    let told = said(&output);
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
}

/// The name of the test in which it stands.
macro_rules! this_test {
    ($name:literal) => {
        concat!(module_path!(), "::", $name)
    };
}
pub(crate) use this_test;

impl SoftHsm {
    fn configuration(&self) -> PathBuf {
        self.folder.join("softhsm2.conf")
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn tokens(&self) -> PathBuf {
        self.folder.join("tokens")
    }

    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> Output {
        let output = Command::new(program)
            .args(arguments)
            .env("SOFTHSM2_CONF", self.configuration())
            .current_dir(&self.folder)
            .output();
        output.unwrap_or_else(|error| panic!("{program} is needed for this test: {error}"))
    }

    pub(crate) fn fine(&self, program: &str, arguments: &[&str]) -> String {
        let output = self.run(program, arguments);
        let told = said(&output);
        assert!(output.status.success(), "{program} {arguments:?}: {told}");
        told
    }

    /// Makes a token.
    pub(crate) fn initialise(&self, label: &str) {
        let line = ["--init-token", "--free", "--label", label, "--so-pin", "87654321", "--pin", TOKEN_PIN];
        self.fine("softhsm2-util", &line);
    }

    /// pkcs11-tool, logged in to the token.
    pub(crate) fn tool(&self, label: &str, arguments: &[&str]) -> String {
        let first = ["--module", MODULE, "--token-label", label, "--login", "--pin", TOKEN_PIN];
        self.fine("pkcs11-tool", &[&first[..], arguments].concat())
    }

    /// Takes all tokens away.
    pub(crate) fn pull(&self) {
        std::fs::rename(self.tokens(), self.folder.join("pulled")).unwrap();
        std::fs::create_dir(self.tokens()).unwrap();
    }

    /// Brings them back.
    pub(crate) fn push(&self) {
        std::fs::remove_dir_all(self.tokens()).unwrap();
        std::fs::rename(self.folder.join("pulled"), self.tokens()).unwrap();
    }

    pub(crate) fn write_pin(&self, text: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.folder.join("token-pin");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// The section of the configuration for a token of this label, with the right PIN unless another was written.
    pub(crate) fn settings(&self, label: &str) -> TokenSettings {
        if !self.folder.join("token-pin").exists() {
            self.write_pin(TOKEN_PIN);
        }
        TokenSettings {
            label: label.to_owned(),
            serial: None,
            module: MODULE.into(),
            pin_file: self.folder.join("token-pin"),
            sessions_max: 2,
        }
    }

    /// A keystore that knows these tokens; made when there is none yet.
    pub(crate) fn keystore(&self, tokens: Vec<TokenSettings>) -> Keystore {
        let settings = Settings { tokens, ..settings() };
        let dir = self.folder.join("keys");
        if dir.exists() {
            return Keystore::open_with(dir, &pin(), settings).unwrap();
        }
        Keystore::create_with(dir, &pin(), settings).unwrap()
    }

    /// The token's flag that a wrong PIN was tried since the last right one.
    pub(crate) fn pin_count_low(&self) -> bool {
        self.fine("pkcs11-tool", &["--module", MODULE, "-L"]).contains("user PIN count low")
    }
}
