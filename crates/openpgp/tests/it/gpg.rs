//! A key ring of `gpg`, with an agent of its own, that stands in a time of ours. Other rooms' tests take this file too.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// Gone, with its agent, when it is dropped.
pub(crate) struct Gpg {
    /// The agent listens on a socket in it, and the names of sockets are short.
    pub(crate) home: tempfile::TempDir,
    made: &'static str,
    now: &'static str,
}

/// What gpg said.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) is_fine: bool,
    pub(crate) out: Vec<u8>,
    /// Its words for programs, each line behind `[GNUPG:] `, and those for people.
    pub(crate) err: String,
}

impl Told {
    #[track_caller]
    pub(crate) fn fine(self) -> Self {
        assert!(self.is_fine, "{}", self.err);
        self
    }

    pub(crate) fn says(&self, word: &str) -> bool {
        self.err.lines().any(|line| {
            line.strip_prefix("[GNUPG:] ").is_some_and(|said| said.split(' ').next() == Some(word))
        })
    }
}

impl Gpg {
    /// Keys are made at the one time and used at the other, as gpg writes them; both empty: by this machine's clock.
    pub(crate) fn at(made: &'static str, now: &'static str) -> Self {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        let home = tempfile::Builder::new().prefix("pgp").permissions(mode).tempdir_in("/tmp").unwrap();
        Self { home, made, now }
    }

    pub(crate) fn run(&self, at: &str, arguments: &[&str], input: &[u8]) -> Told {
        let mut running = Command::new("gpg")
            .arg("--homedir")
            .arg(self.home.path())
            .args(["--batch", "--yes", "--no-tty", "--status-fd", "2", "--pinentry-mode", "loopback"])
            .args(["--trust-model", "always"])
            .args(if at.is_empty() { None } else { Some(format!("--faked-system-time={at}!")) })
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("gpg is there: cargo xtask test installs it");
        let mut pipe = running.stdin.take().unwrap();
        let input = input.to_vec();
        // What it does not read is no matter of the writer's.
        let writer = std::thread::spawn(move || drop(pipe.write_all(&input)));
        let Output { status, stdout, stderr } = running.wait_with_output().unwrap();
        writer.join().unwrap();
        let err = String::from_utf8_lossy(&stderr).into_owned();
        Told { is_fine: status.success(), out: stdout, err }
    }

    /// Makes a key for this use of this algorithm, which lasts so long; gives its fingerprint.
    pub(crate) fn key(&self, name: &str, algorithm: &str, usage: &str, lasts: &str) -> String {
        self.key_with(&["--passphrase", ""], name, algorithm, usage, lasts)
    }

    pub(crate) fn key_with(
        &self,
        options: &[&str],
        name: &str,
        algorithm: &str,
        usage: &str,
        lasts: &str,
    ) -> String {
        let made = [options, &["--quick-generate-key", name, algorithm, usage, lasts]].concat();
        let told = self.run(self.made, &made, b"").fine();
        let made = told.err.lines().find_map(|line| line.strip_prefix("[GNUPG:] KEY_CREATED P "));
        made.unwrap().trim().to_owned()
    }

    /// Adds a subkey.
    pub(crate) fn subkey(&self, key: &str, algorithm: &str, usage: &str, lasts: &str) {
        self.run(self.made, &["--passphrase", "", "--quick-add-key", key, algorithm, usage, lasts], b"")
            .fine();
    }

    /// A key that signs, with a subkey to encrypt to.
    pub(crate) fn pair(&self, name: &str, signs: &str, encrypts: &str) -> String {
        let key = self.key(name, signs, "sign", "never");
        self.subkey(&key, encrypts, "encr", "never");
        key
    }

    pub(crate) fn public(&self, key: &str) -> Vec<u8> {
        self.run(self.now, &["--export", key], b"").fine().out
    }

    pub(crate) fn secret(&self, key: &str) -> Vec<u8> {
        self.run(self.now, &["--passphrase", "", "--export-secret-keys", key], b"").fine().out
    }

    /// Writes a key into a file that only its owner may read.
    pub(crate) fn file(&self, name: &str, octets: &[u8]) -> PathBuf {
        let path = self.home.path().join(name);
        std::fs::write(&path, octets).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&path, mode).unwrap();
        path
    }

    pub(crate) fn import(&self, octets: &[u8]) {
        self.run(self.now, &["--import"], octets).fine();
    }

    pub(crate) fn open(&self, sealed: &[u8]) -> Told {
        self.run(self.now, &["--decrypt"], sealed)
    }
}

impl Drop for Gpg {
    fn drop(&mut self) {
        let mut kill = Command::new("gpgconf");
        let _gone = kill
            .arg("--homedir")
            .arg(self.home.path())
            .args(["--kill", "all"])
            .stderr(Stdio::null())
            .status();
    }
}
