//! A keystore for a test, and OpenSSL as a second opinion.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use keystore::{Keystore, Pin, PinHardness, Settings};
use tempfile::TempDir;

pub(crate) const PIN: &str = "Secret1234";

pub(crate) fn pin() -> Pin {
    Pin::new(PIN)
}

/// Quick to open: guessing the PIN of a test costs nothing.
pub(crate) fn settings() -> Settings {
    Settings { pin_hardness: PinHardness { memory_kib: 64, passes: 1 }, ..Settings::default() }
}

/// A fresh keystore in a directory that goes away with the test.
pub(crate) struct Room {
    pub(crate) dir: TempDir,
    pub(crate) keystore: Keystore,
}

pub(crate) fn room() -> Room {
    let dir = tempfile::tempdir().unwrap();
    let keystore = Keystore::create_with(dir.path().join("keys"), &pin(), settings()).unwrap();
    Room { dir, keystore }
}

impl Room {
    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("keys")
    }

    pub(crate) fn open_again(&self) -> Result<Keystore, keystore::OpenRefusal> {
        Keystore::open_with(self.path(), &pin(), settings())
    }
}

/// Runs OpenSSL in `dir` with the words of `line` and expects it to succeed.
pub(crate) fn openssl_line(dir: &Path, line: &str) -> Output {
    openssl(dir, &line.split_whitespace().collect::<Vec<_>>())
}

/// Runs OpenSSL in `dir` and expects it to succeed.
pub(crate) fn openssl(dir: &Path, arguments: &[&str]) -> Output {
    let output = try_openssl(dir, arguments);
    assert!(output.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

pub(crate) fn try_openssl(dir: &Path, arguments: &[&str]) -> Output {
    Command::new("openssl")
        .args(arguments)
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|e| panic!("openssl is needed for this test: {e}"))
}

pub(crate) fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The directory of shared vectors; `None`, and a line saying so, when it is not there.
pub(crate) fn vectors() -> Option<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    if dir.is_dir() {
        return Some(dir);
    }
    println!("the shared vectors are not here: nothing is checked against them");
    None
}

/// A certificate by a throw-away CA for the request in `request`, with the given lines of extensions.
pub(crate) fn issue(dir: &Path, request: &[u8], extensions: &str) -> Vec<u8> {
    if !dir.join("ca.pem").exists() {
        openssl_line(
            dir,
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -subj /CN=Practice -days 2",
        );
    }
    std::fs::write(dir.join("request.der"), request).unwrap();
    std::fs::write(dir.join("extensions"), extensions).unwrap();
    openssl_line(
        dir,
        "x509 -req -inform DER -in request.der -CA ca.pem -CAkey ca.key -CAcreateserial -days 1 -extfile extensions -out issued.pem",
    );
    std::fs::read(dir.join("issued.pem")).unwrap()
}

pub(crate) const SIGNING: &str = "keyUsage=critical,nonRepudiation";
pub(crate) const AUTHENTICATION: &str =
    "keyUsage=critical,digitalSignature,keyEncipherment\nextendedKeyUsage=clientAuth,serverAuth";
