//! Other people's programs that the distribution does not have: from PyPI, pinned by hash, in an environment of their own.

use crate::run;
use anyhow::{Context as _, Result};
use std::path::Path;

/// Where the tests look for it.
const PLACE: &str = "var/tools/s3";
const PINS: &str = "conformance/s3/requirements.txt";

/// Makes the environment of the S3-speaking server, unless it is there as it should be.
pub(crate) fn ensure(root: &Path) -> Result<()> {
    let pins = std::fs::read(root.join(PINS)).with_context(|| format!("{PINS} cannot be read"))?;
    let mark = root.join(PLACE).join("made-of");
    if std::fs::read(&mark).is_ok_and(|made| made == pins) {
        return Ok(());
    }
    println!("installing what {PINS} names into {PLACE} …");
    run::run(root, "/usr/bin/python3", &["-m", "venv", "--clear", PLACE])?;
    let install = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--require-hashes",
        "--requirement",
        PINS,
    ];
    run::run(root, &format!("{PLACE}/bin/python"), &install)?;
    std::fs::write(&mark, pins).with_context(|| format!("{} cannot be written", mark.display()))
}
