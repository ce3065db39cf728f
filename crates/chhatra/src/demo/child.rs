//! A gateway as a process of its own. It ends with us, however we end: it holds the reading end of a pipe whose other end is ours.

use super::places::{Ministry, Places};
use anyhow::{Context as _, Result, anyhow};
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, ChildStdin, Command};

/// What a gateway may take to finish what runs.
const STOP: Duration = Duration::from_secs(40);
const TAIL_LINES: usize = 12;

/// A running gateway process.
#[derive(Debug)]
pub(super) struct Gateway {
    ministry: Ministry,
    child: Child,
    /// Our end of its pipe; waiting for the process would close one that is still in `child`.
    alive: Option<ChildStdin>,
    log: PathBuf,
    log_from: usize,
}

impl Gateway {
    pub(super) fn start(places: &Places, ministry: Ministry) -> Result<Self> {
        let log = places.folder("log").join(format!("{}.log", ministry.name()));
        let opened = OpenOptions::new().create(true).append(true).mode(0o600).open(&log);
        let file = opened.with_context(|| format!("{} cannot be written", log.display()))?;
        let log_from = usize::try_from(file.metadata().map_or(0, |found| found.len())).unwrap_or(usize::MAX);
        let errors = file.try_clone().context("the log file cannot be shared")?;
        let program = std::env::current_exe().context("our own program cannot be found")?;
        let mut child = Command::new(program)
            .args(["gateway", "run", "--until-stdin-closes", "--config"])
            .arg(places.of(ministry, "gateway.toml"))
            .stdin(Stdio::piped())
            .stdout(file)
            .stderr(errors)
            // A group of its own: Ctrl-C in the terminal reaches us alone, and we stop the gateways in order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("the gateway of the {} cannot be started", ministry.title()))?;
        let alive = child.stdin.take();
        Ok(Self { ministry, child, alive, log, log_from })
    }

    pub(super) fn process(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// Waits until the process ends, which it should not do by itself; says how it ended.
    pub(super) async fn died(&mut self) -> anyhow::Error {
        let how = match self.child.wait().await {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        anyhow!(
            "the gateway of the {} stopped by itself ({how}); the end of {}:\n{}",
            self.ministry.title(),
            self.log.display(),
            self.tail()
        )
    }

    /// The last lines that it has written since it was started.
    pub(super) fn tail(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(bytes.get(self.log_from..).unwrap_or_default()).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        let from = lines.len().saturating_sub(TAIL_LINES);
        let last = lines.get(from..).unwrap_or_default();
        last.iter().map(|line| format!("    {line}\n")).collect()
    }

    /// Asks for the stop.
    pub(super) fn ask_to_stop(&mut self) {
        // The end of its standard input.
        self.alive = None;
    }

    /// Waits for the end of it; a process that does not finish is ended.
    pub(super) async fn stopped(mut self) {
        if tokio::time::timeout(STOP, self.child.wait()).await.is_err() {
            complain!("the gateway of the {} did not finish in time and is ended", self.ministry.title());
            // Gone already: then it is as it should be.
            let _gone = self.child.kill().await;
        }
    }
}
