//! Running a program in the foreground, and telling which step takes how long.

use anyhow::{Context as _, Result, bail};
use std::path::Path;
use std::process::Command;

/// Runs a program and demands success.
pub(crate) fn run(root: &Path, program: &str, arguments: &[&str]) -> Result<()> {
    run_with(root, program, arguments, &[])
}

/// As [`run`], with variables in the program's environment.
pub(crate) fn run_with(
    root: &Path,
    program: &str,
    arguments: &[&str],
    environment: &[(&str, &str)],
) -> Result<()> {
    let path = if program.contains('/') { root.join(program) } else { program.into() };
    let status = Command::new(path)
        .args(arguments)
        .envs(environment.iter().copied())
        .current_dir(root)
        .status()
        .with_context(|| format!("{program} cannot be started"))?;
    if !status.success() {
        bail!("{program} {} failed", arguments.join(" "));
    }
    Ok(())
}

/// A step with a heading and its duration.
pub(crate) fn step(name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    println!("── {name}");
    #[expect(
        clippy::disallowed_methods,
        reason = "a person reads how long the step took; nothing depends on it"
    )]
    let start = std::time::Instant::now();
    let result = work();
    println!("── {name}: {} s", start.elapsed().as_secs());
    result
}
