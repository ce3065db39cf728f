//! Every command we have: `cargo xtask up|test|fuzz|tools|tidy|etsi|bench|drill`.

mod bans;
mod bench;
mod drill;
mod etsi;
mod floors;
mod fuzz;
mod nation;
mod packages;
mod run;
mod tidy;
mod tools;

use anyhow::{Result, bail};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask up      build, then start the demonstration nation in the foreground (Ctrl-C stops it)
cargo xtask test    check what is needed from the distribution, then everything that CI runs
cargo xtask fuzz    [--seconds N] [TARGET…]: look for inputs that a parser does not stand, each target for N seconds (60)
cargo xtask tools   get the programs that tests use and the distribution does not have
cargo xtask tidy    check the house rules
cargo xtask etsi    have containers judged by the EU's signature library (Java, Maven Central; some minutes the first time)
cargo xtask bench   [--quick] [--long] [OPTION…] [ROW…]: measure exchanges, beside the service alone and the machine's own
                    limits; `bench abuse` an ordinary consumer beside 10,000 idle connections and slow peers;
                    `bench --help` says what rows and options there are
cargo xtask drill kill [--count N] [--seed S] [--dev]
                    kill processes of a nation at random points while messages cross, and have a reader that is not ours
                    look for what was acknowledged and is not on record, or is there twice
cargo xtask drill storage [--count N] [--seed S] [--dev]
                    the same while calls of processes to the disk fail; then an operator's commands, with each call failing once
cargo xtask drill network [--count N]
                    the tests of broken networks and hostile input, with connections that break at more places";

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
        ["tools"] => {
            packages::ensure(packages::TEST)?;
            tools::ensure(root)
        }
        ["tidy"] => tidy::tidy(root),
        ["drill", "kill", rest @ ..] => drill::kill(root, rest),
        ["drill", "storage", rest @ ..] => drill::storage(root, rest),
        ["drill", "network", rest @ ..] => drill::network(root, rest),
        ["bench", rest @ ..] => bench::run(root, rest),
        // What `bench` starts as processes of their own.
        ["bench-service", address] => bench::service::serve(address),
        ["bench-strangers", kind, count] => bench::strangers::serve(kind, count),
        ["etsi"] => etsi::etsi(root),
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
    tools::ensure(root)?;
    let clippy = ["clippy", "--locked", "--workspace", "--all-targets", "--", "--deny", "warnings"];
    run::step("format", || run::run(root, "cargo", &["fmt", "--all", "--check"]))?;
    run::step("house rules", || tidy::tidy(root))?;
    run::step("lints", || run::run(root, "cargo", &clippy))?;
    run::step("tests", || run::run(root, "cargo", &["test", "--locked", "--workspace"]))?;
    run::step("drill", || drill::briefly(root))?;
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
