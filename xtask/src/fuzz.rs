//! `cargo xtask fuzz`: builds the fuzz targets with coverage counters, runs them two at a time, says what was found.

use crate::run::run_with;
use anyhow::{Context as _, Result, bail};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// Every target; each is `fuzz/src/targets/NAME.rs`, which `cargo xtask tidy` checks.
pub(crate) const TARGETS: &[&str] = &[
    "access_path",
    "archive",
    "canonical",
    "certificate",
    "configuration",
    "container",
    "declaration",
    "directory",
    "fault",
    "hash_chain",
    "http1",
    "identifier",
    "keyconf",
    "keystore",
    "messagelog",
    "multipart",
    "ocsp",
    "openpgp",
    "parameters",
    "rest",
    "secret_keys",
    "signature",
    "soap",
    "softtoken",
    "timestamp",
    "xml",
];

/// What makes LLVM count branches and report comparisons: stable options of the code generator, given to this build only.
const COVERAGE: &[&str] = &[
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

const SECONDS: u64 = 60;
const AT_ONCE: usize = 2;

/// How long, which, and from which seed of chance; without one each run takes another.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    seconds: u64,
    targets: Vec<&'static str>,
    seed: Option<u32>,
}

impl Plan {
    /// A short look at every target, the same each time as far as time allows.
    pub(crate) fn brief() -> Self {
        Self { seconds: 3, targets: TARGETS.to_vec(), seed: Some(1) }
    }

    /// `[--seconds N] [TARGET…]`
    pub(crate) fn read(arguments: &[&str]) -> Result<Self> {
        let mut plan = Self { seconds: SECONDS, targets: Vec::new(), seed: None };
        let mut left = arguments.iter();
        while let Some(argument) = left.next() {
            if *argument == "--seconds" {
                let seconds = left.next().and_then(|text| text.parse().ok()).filter(|seconds| *seconds > 0);
                plan.seconds = seconds.context("--seconds needs a number of seconds")?;
            } else if let Some(target) = TARGETS.iter().find(|target| *target == argument) {
                plan.targets.push(target);
            } else {
                bail!("there is no fuzz target {argument}; there are {}", TARGETS.join(", "));
            }
        }
        if plan.targets.is_empty() {
            plan.targets = TARGETS.to_vec();
        }
        Ok(plan)
    }
}

/// What one target did.
struct Outcome {
    target: &'static str,
    runs: String,
    speed: String,
    coverage: String,
    corpus: String,
    /// What the log says of a finding.
    finding: Option<String>,
}

/// Builds, runs, prints the table; an error when anything was found.
pub(crate) fn fuzz(root: &Path, plan: &Plan) -> Result<()> {
    let binary = build(root)?;
    let folder = root.join("var/fuzz");
    let waiting = Mutex::new(plan.targets.iter().rev().copied().collect::<Vec<_>>());
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        let workers: Vec<_> =
            (0..AT_ONCE).map(|_| scope.spawn(|| work(&binary, &folder, plan, &waiting, &done))).collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().unwrap_or_else(|_| bail!("a worker ended early")))
    })?;
    let mut outcomes = done.into_inner().unwrap_or_default();
    outcomes.sort_by_key(|outcome| outcome.target);
    print(&outcomes);
    let findings: Vec<String> = outcomes.iter().filter_map(|outcome| outcome.finding.clone()).collect();
    if findings.is_empty() {
        return Ok(());
    }
    bail!("the fuzzer found something:\n{}", findings.join("\n"))
}

fn build(root: &Path) -> Result<PathBuf> {
    let own = std::env::current_exe().context("where this program lies")?;
    let target_dir = own.ancestors().nth(2).context("the target folder")?.join("fuzz");
    let tuple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let target_text = target_dir.to_string_lossy().into_owned();
    let manifest = ["--manifest-path", "fuzz/Cargo.toml", "--target-dir", &target_text, "--target", &tuple];
    let arguments = [&["build", "--quiet", "--locked", "--release"], &manifest[..]].concat();
    run_with(root, "cargo", &arguments, &[("RUSTFLAGS", &COVERAGE.join(" "))])?;
    Ok(target_dir.join(tuple).join("release/fuzz"))
}

fn work(
    binary: &Path,
    folder: &Path,
    plan: &Plan,
    waiting: &Mutex<Vec<&'static str>>,
    done: &Mutex<Vec<Outcome>>,
) -> Result<()> {
    loop {
        let next = waiting.lock().ok().and_then(|mut waiting| waiting.pop());
        let Some(target) = next else { return Ok(()) };
        let outcome = one(binary, folder, plan, target)?;
        if let Ok(mut done) = done.lock() {
            done.push(outcome);
        }
    }
}

fn one(binary: &Path, folder: &Path, plan: &Plan, target: &'static str) -> Result<Outcome> {
    let place = |kind: &str| folder.join(kind).join(target);
    let (seeds, corpus) = (place("seeds"), place("corpus"));
    let (findings, log) = (place("findings"), folder.join("log").join(format!("{target}.log")));
    for new in [&corpus, &findings, &folder.join("log")] {
        std::fs::create_dir_all(new).with_context(|| format!("{} cannot be made", new.display()))?;
    }
    let made = Command::new(binary).args(["seeds", target]).arg(&seeds).output();
    let made = made.context("the fuzzer cannot be started")?;
    if !made.status.success() {
        bail!("the seeds of {target} cannot be made:\n{}", String::from_utf8_lossy(&made.stderr));
    }
    let output = File::create(&log).with_context(|| format!("{} cannot be written", log.display()))?;
    let status = Command::new(binary)
        .args([&corpus, &seeds])
        .args([
            "-timeout=10",
            "-rss_limit_mb=2048",
            "-max_len=65536",
            "-detect_leaks=0",
            "-print_final_stats=1",
        ])
        .arg(format!("-max_total_time={}", plan.seconds))
        .arg(format!("-seed={}", plan.seed.unwrap_or(0)))
        .arg(format!("-dict={}", seeds.with_extension("dict").display()))
        .arg(format!("-artifact_prefix={}/", findings.display()))
        .args(["-ignore_remaining_args=1", target])
        .stdout(output.try_clone()?)
        .stderr(output)
        .status()
        .context("the fuzzer cannot be started")?;
    let text = String::from_utf8_lossy(&std::fs::read(&log)?).into_owned();
    let finding = (!status.success()).then(|| told(target, &text, binary, &log));
    Ok(Outcome {
        target,
        runs: last(&text, "stat::number_of_executed_units:"),
        speed: last(&text, "stat::average_exec_per_sec:"),
        coverage: last(&text, " cov: "),
        corpus: last(&text, " corp: "),
        finding,
    })
}

/// The word behind the last occurrence of `label`.
fn last(log: &str, label: &str) -> String {
    let behind = log.rsplit_once(label).map_or("", |(_, behind)| behind);
    behind.split_whitespace().next().unwrap_or("–").split('/').next().unwrap_or("–").to_owned()
}

/// What happened, where the input lies, how to see it again.
fn told(target: &str, log: &str, binary: &Path, path: &Path) -> String {
    let lines: Vec<&str> = log.lines().collect();
    let from =
        lines.iter().position(|line| line.contains("panicked at") || line.contains("ERROR: libFuzzer"));
    let what: Vec<&str> = lines.iter().skip(from.unwrap_or(0)).take(3).map(|line| line.trim()).collect();
    let input =
        log.rsplit_once("Test unit written to ").and_then(|(_, rest)| rest.lines().next()).unwrap_or("?");
    format!(
        "{target}: {}\n  the input: {input}\n  again: {} {input} -ignore_remaining_args=1 {target}\n  the log: {}",
        what.join(" "),
        binary.display(),
        path.display()
    )
}

fn print(outcomes: &[Outcome]) {
    println!("{:<14} {:>10} {:>8} {:>7} {:>9}  findings", "target", "runs", "runs/s", "corpus", "coverage");
    for outcome in outcomes {
        let Outcome { target, runs, speed, coverage, corpus, finding } = outcome;
        let found = if finding.is_some() { "1" } else { "none" };
        println!("{target:<14} {runs:>10} {speed:>8} {corpus:>7} {coverage:>9}  {found}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_asked_for() {
        let plan = Plan::read(&["--seconds", "5", "rest", "xml"]).unwrap();
        assert_eq!(plan, Plan { seconds: 5, targets: vec!["rest", "xml"], seed: None });
        assert_eq!(Plan::read(&[]).unwrap().targets, TARGETS);
        for wrong in [&["--seconds"][..], &["--seconds", "0"], &["nothing"]] {
            assert!(Plan::read(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn finds_the_figures_in_a_log() {
        let log = "#2 INITED cov: 5 ft: 6 corp: 1/4b\n#9 DONE cov: 15 ft: 20 corp: 3/17b lim: 4\nstat::number_of_executed_units: 9\n";
        assert_eq!((last(log, " cov: "), last(log, " corp: ")), ("15".to_owned(), "3".to_owned()));
        assert_eq!(last(log, "stat::number_of_executed_units:"), "9");
        assert_eq!(last(log, "stat::average_exec_per_sec:"), "–");
    }
}
