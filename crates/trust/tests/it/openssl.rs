//! The openssl command line as an independent witness.

use std::path::Path;
use std::process::{Command, Output};

/// Runs openssl in `folder`; the arguments are separated by spaces.
pub(crate) fn run(folder: &Path, arguments: &str) -> Output {
    Command::new("openssl").current_dir(folder).args(arguments.split(' ')).output().unwrap()
}

/// Runs openssl and gives what it printed; it has to succeed.
pub(crate) fn must(folder: &Path, arguments: &str) -> Vec<u8> {
    let output = run(folder, arguments);
    assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Certificate (PEM) and key file (PEM, in `folder`) of a fixture's PKCS#12.
pub(crate) fn unpack(folder: &Path, pkcs12: &Path, name: &str) -> Vec<u8> {
    let input = pkcs12.display();
    must(folder, &format!("pkcs12 -legacy -in {input} -passin pass:test -nodes -nocerts -out {name}.key"));
    must(folder, &format!("pkcs12 -legacy -in {input} -passin pass:test -nokeys"))
}

/// RSA-SHA256 over `bytes` by the key file `name`.key.
pub(crate) fn sign(folder: &Path, name: &str, bytes: &[u8]) -> Vec<u8> {
    std::fs::write(folder.join("to-be-signed"), bytes).unwrap();
    must(folder, &format!("dgst -sha256 -sign {name}.key -binary to-be-signed"))
}
