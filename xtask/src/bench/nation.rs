//! The nation that is measured: made by the demonstration, each of its parts started as a process of its own.

use super::process::Process;
use super::rows::{Group, Habit, Keys};
use crate::nation::{CLIENT, Ground};
use anyhow::{Context as _, Result, bail};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(super) const GROUND: Ground = Ground { base: "127.77.0", code: "bench" };
const READY_SECONDS: u32 = 60;

/// What the gateways are configured with besides what the demonstration has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    pub(super) keys: Keys,
    pub(super) habit: Habit,
    /// The longest body that is put on record, where it is not the default.
    pub(super) log_body_bytes_max: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { keys: Keys::P256, habit: Habit::Kept, log_body_bytes_max: None }
    }
}

impl From<&Group> for Settings {
    fn from(group: &Group) -> Self {
        Self { keys: group.keys, habit: group.habit, ..Self::default() }
    }
}

/// Running processes, and where they keep things.
#[derive(Debug)]
pub(super) struct Nation {
    state: PathBuf,
    pub(super) consumer: Process,
    pub(super) provider: Process,
    pub(super) service: Process,
    /// Registry, CA, OCSP responder and time-stamp authority.
    pub(super) authorities: [Process; 2],
}

impl Nation {
    /// Makes a new one with an empty log under `folder` and waits until a message has crossed.
    pub(super) fn start(chhatra: &Path, folder: &Path, settings: Settings) -> Result<Self> {
        let state = folder.join("nation");
        let keys = ["--keys", settings.keys.algorithm()];
        GROUND.make(chhatra, &state, &keys, &gateway_settings(settings))?;
        let start = |name, arguments: &[&str]| Process::start(name, chhatra, arguments, &state.join("log"));
        let trust = GROUND.trust(&state);
        let trust = start("trust", &trust.iter().map(String::as_str).collect::<Vec<_>>())?;
        let config = |of: &str, file| state.join(of).join(file).to_string_lossy().into_owned();
        let registry =
            start("registry", &["registry", "run", "--config", &config("registry", "registry.toml")])?;
        let own = std::env::current_exe().context("our own program cannot be found")?;
        let service = Process::start(
            "service",
            &own,
            &["bench-service", &GROUND.service_address()],
            &state.join("log"),
        )?;
        let gateway = |of| {
            start(of, &["gateway", "run", "--until-stdin-closes", "--config", &config(of, "gateway.toml")])
        };
        let (consumer, provider) = (gateway("commerce")?, gateway("interior")?);
        let mut nation = Self { state, consumer, provider, service, authorities: [trust, registry] };
        nation.wait_until_ready()?;
        Ok(nation)
    }

    /// The address of a path of the service, through both gateways.
    pub(super) fn url(path: &str) -> String {
        format!("http://{}{}{path}", GROUND.consumer_address(), GROUND.path())
    }

    /// The same, of the service itself.
    pub(super) fn direct_url(path: &str) -> String {
        format!("http://{}{path}", GROUND.service_address())
    }

    /// As whom it is asked.
    pub(super) const fn client() -> &'static str {
        CLIENT
    }

    /// Starts more of ourselves beside it.
    pub(super) fn beside(&self, name: &'static str, arguments: &[&str]) -> Result<Process> {
        let own = std::env::current_exe().context("our own program cannot be found")?;
        Process::start(name, &own, arguments, &self.state.join("log"))
    }

    pub(super) fn messagelog(&self, of: &str) -> PathBuf {
        self.state.join(of).join("messagelog")
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let mut last = String::new();
        for _ in 0..READY_SECONDS * 5 {
            match ask() {
                Ok(answer) if answer.starts_with("HTTP/1.1 200 ") => return Ok(()),
                Ok(answer) => last = answer,
                Err(error) => last = error.to_string(),
            }
            for process in [&mut self.consumer, &mut self.provider, &mut self.service] {
                process.check()?;
            }
            for process in &mut self.authorities {
                process.check()?;
            }
            #[expect(
                clippy::disallowed_methods,
                reason = "other processes get ready, and cannot tell us when"
            )]
            std::thread::sleep(Duration::from_millis(200));
        }
        bail!("no message crossed within {READY_SECONDS} seconds: {last}")
    }

    /// Gateways first: they still need the others to finish what runs. Then everything that was kept is removed.
    pub(super) fn stop(mut self) {
        self.consumer.ask_to_stop();
        self.provider.ask_to_stop();
        self.consumer.stop();
        self.provider.stop();
        let _removed = std::fs::remove_dir_all(&self.state);
    }
}

/// One question, in the plainest way; the head of its answer.
fn ask() -> std::io::Result<String> {
    let mut socket = TcpStream::connect(GROUND.consumer_address())?;
    socket.set_read_timeout(Some(Duration::from_secs(30)))?;
    let head = format!(
        "GET {}/small HTTP/1.1\r\nHost: gateway\r\nX-Road-Client: {CLIENT}\r\nConnection: close\r\n\r\n",
        GROUND.path()
    );
    socket.write_all(head.as_bytes())?;
    let mut answer = String::new();
    socket.take(64 * 1024).read_to_string(&mut answer)?;
    Ok(answer)
}

/// Archives come every few hours; their first round would fall into one of the rows.
fn gateway_settings(settings: Settings) -> String {
    let most = settings.log_body_bytes_max;
    let log = most.map(|most| format!("\n[gateway.log]\nbody_bytes_max = {most}\n")).unwrap_or_default();
    let own_kind = settings.habit == Habit::Kept;
    format!("\n[gateway.archive]\ninterval_seconds = 0\n\n[gateway.peer]\nown_kind = {own_kind}\n{log}")
}
