//! What the distribution must provide. As root it is installed; otherwise the one line to run is printed.

use anyhow::{Context as _, Result, bail};
use std::process::Command;

/// Needed to build: a C compiler for the cryptography and the database, OpenSSL for port 5500.
pub(crate) const BUILD: &[&str] = &["gcc", "libc6-dev", "make", "pkg-config", "libssl-dev"];

/// Other people's programs that judge what we write.
pub(crate) const TEST: &[&str] = &[
    "openssl",
    "xmlsec1",
    "libxml2-utils",
    "unzip",
    "procps",
    "strace",
    "curl",
    "python3",
    "python3-venv",
    "gnupg",
    "python3-lxml",
    "python3-cryptography",
    "softhsm2",
    "opensc",
    "postgresql",
];

/// Needed to build the fuzzer: libFuzzer is C++.
pub(crate) const FUZZ: &[&str] = &["g++"];

/// The load generator, what measures the machine, and what reads the size of a log.
pub(crate) const BENCH: &[&str] = &["wrk", "openssl", "python3", "util-linux"];

/// Installs what is missing, or says how.
pub(crate) fn ensure(packages: &[&str]) -> Result<()> {
    let missing: Vec<&str> = packages.iter().copied().filter(|package| !installed(package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let line = format!("apt-get update && apt-get install -y {}", missing.join(" "));
    if !is_root()? {
        bail!("these packages of the distribution are missing; as root run:\n\n    {line}\n");
    }
    println!("installing {} …", missing.join(" "));
    apt(&["update", "-q"])?;
    let mut arguments = vec!["install", "-y", "-q", "--no-install-recommends"];
    arguments.extend_from_slice(&missing);
    apt(&arguments)
}

fn installed(package: &str) -> bool {
    let output = Command::new("dpkg-query").args(["-W", "-f", "${Status}", package]).output();
    output.is_ok_and(|o| String::from_utf8_lossy(&o.stdout).contains("install ok installed"))
}

fn is_root() -> Result<bool> {
    let output = Command::new("id").arg("-u").output().context("the program `id` cannot be started")?;
    Ok(String::from_utf8_lossy(&output.stdout).trim() == "0")
}

fn apt(arguments: &[&str]) -> Result<()> {
    let status = Command::new("apt-get")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .status()
        .context("apt-get cannot be started; this needs Debian or one of its kind")?;
    if !status.success() {
        bail!("apt-get {} failed", arguments.join(" "));
    }
    Ok(())
}
