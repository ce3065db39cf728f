//! Every command we have: `cargo xtask up|test|fuzz|tidy`.

mod bans;
mod floors;
mod fuzz;
mod packages;
mod run;
mod tidy;

use anyhow::{Result, bail};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask up      build, then start the demonstration nation in the foreground (Ctrl-C stops it)
cargo xtask test    check what is needed from the distribution, then everything that CI runs
cargo xtask fuzz    [--seconds N] [TARGET…]: look for inputs that a parser does not stand, each target for N seconds (60)
cargo xtask tidy    check the house rules";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run_command(&root(), &arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run_command(root: &Path, arguments: &[String]) -> Result<()> {
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["up", rest @ ..] => up(root, rest),
        ["test"] => test(root),
        ["fuzz", rest @ ..] => fuzz(root, rest),
        ["tidy"] => tidy::tidy(root),
        [] | ["help" | "--help"] => {
            println!("{USAGE}");
            Ok(())
        }
        _ => bail!("unknown command\n\n{USAGE}"),
    }
}

fn up(root: &Path, rest: &[&str]) -> Result<()> {
    packages::ensure(packages::BUILD)?;
    println!("building (the first time takes some minutes) …");
    run::run(root, "cargo", &["build", "--locked", "--release", "--package", "chhatra"])?;
    let mut arguments = vec!["demo", "--state", "var/demo"];
    arguments.extend_from_slice(rest);
    run::run(root, "target/release/chhatra", &arguments)
}

fn test(root: &Path) -> Result<()> {
    packages::ensure(packages::BUILD)?;
    packages::ensure(packages::TEST)?;
    packages::ensure(packages::FUZZ)?;
    let clippy = ["clippy", "--locked", "--workspace", "--all-targets", "--", "--deny", "warnings"];
    run::step("format", || run::run(root, "cargo", &["fmt", "--all", "--check"]))?;
    run::step("house rules", || tidy::tidy(root))?;
    run::step("lints", || run::run(root, "cargo", &clippy))?;
    run::step("tests", || run::run(root, "cargo", &["test", "--locked", "--workspace"]))?;
    run::step("fuzz", || fuzz::fuzz(root, &fuzz::Plan::brief()))?;
    if !root.join("../shared/vectors").is_dir() {
        println!(
            "note: the folder of shared vectors is not beside the project; the tests that read it said so and did nothing"
        );
    }
    Ok(())
}

fn fuzz(root: &Path, rest: &[&str]) -> Result<()> {
    let plan = fuzz::Plan::read(rest)?;
    packages::ensure(packages::BUILD)?;
    packages::ensure(packages::FUZZ)?;
    fuzz::fuzz(root, &plan)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}
