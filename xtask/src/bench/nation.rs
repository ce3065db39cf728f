//! The nation that is measured: made by the demonstration, each of its parts started as a process of its own.

use super::process::Process;
use super::rows::{Group, Habit, Keys};
use anyhow::{Context as _, Result, bail};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Beside other demonstrations on the machine.
const BASE: &str = "127.77.0";
const CLIENT: &str = "CAMBODIA/GOV/MOC/business-registry";
const SERVICE: &str = "CAMBODIA/GOV/MOI/civil-registry/bench";
const READY_SECONDS: u32 = 60;

/// What the gateways are configured with besides what the demonstration has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    pub(super) keys: Keys,
    pub(super) habit: Habit,
    /// Bodies that are too long for the log are cut there, instead of being refused.
    pub(super) truncate: bool,
}

impl From<&Group> for Settings {
    fn from(group: &Group) -> Self {
        Self { keys: group.keys, habit: group.habit, truncate: false }
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
        if state.exists() {
            std::fs::remove_dir_all(&state)
                .with_context(|| format!("{} cannot be removed", state.display()))?;
        }
        make(chhatra, &state, settings)?;
        let start = |name, arguments: &[&str]| Process::start(name, chhatra, arguments, &state.join("log"));
        let trust = start(
            "trust",
            &[
                "trust",
                "run",
                "--state",
                &state.join("practice").to_string_lossy(),
                "--listen",
                &format!("{BASE}.13:8888"),
                "--listen-ocsp",
                &format!("{BASE}.13:8889"),
                "--listen-tsa",
                &format!("{BASE}.13:8899"),
            ],
        )?;
        let config = |of: &str, file| state.join(of).join(file).to_string_lossy().into_owned();
        let registry =
            start("registry", &["registry", "run", "--config", &config("registry", "registry.toml")])?;
        let own = std::env::current_exe().context("our own program cannot be found")?;
        let service =
            Process::start("service", &own, &["bench-service", &service_address()], &state.join("log"))?;
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
        format!("http://{}/r1/{SERVICE}{path}", consumer_address())
    }

    /// The same, of the service itself.
    pub(super) fn direct_url(path: &str) -> String {
        format!("http://{}{path}", service_address())
    }

    /// As whom it is asked.
    pub(super) const fn client() -> &'static str {
        CLIENT
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

pub(super) fn consumer_address() -> String {
    format!("{BASE}.11:8080")
}

fn service_address() -> String {
    format!("{BASE}.12:9080")
}

/// One question, in the plainest way; the head of its answer.
fn ask() -> std::io::Result<String> {
    let mut socket = TcpStream::connect(consumer_address())?;
    socket.set_read_timeout(Some(Duration::from_secs(30)))?;
    let head = format!(
        "GET /r1/{SERVICE}/small HTTP/1.1\r\nHost: gateway\r\nX-Road-Client: {CLIENT}\r\nConnection: close\r\n\r\n"
    );
    socket.write_all(head.as_bytes())?;
    let mut answer = String::new();
    socket.take(64 * 1024).read_to_string(&mut answer)?;
    Ok(answer)
}

fn make(chhatra: &Path, state: &Path, settings: Settings) -> Result<()> {
    let shown = state.to_string_lossy();
    let keys = settings.keys.algorithm();
    quietly(chhatra, &["demo", "--only-make", "--state", &shown, "--base", BASE, "--keys", keys])?;
    for of in ["commerce", "interior"] {
        let file = state.join(of).join("gateway.toml");
        let text = read(&file)?;
        std::fs::write(&file, text + &gateway_settings(settings))
            .context("a configuration cannot be written")?;
    }
    let file = state.join("interior/state.toml");
    let declared =
        with_service(&read(&file)?).context("the declared state has another form than expected")?;
    std::fs::write(&file, declared).context("the declared state cannot be written")?;
    let config = state.join("interior/gateway.toml");
    quietly(chhatra, &["gateway", "apply", "--config", &config.to_string_lossy(), &file.to_string_lossy()])
}

/// Archives come every few hours; their first round would fall into one of the rows.
fn gateway_settings(settings: Settings) -> String {
    format!(
        "\n[gateway.archive]\ninterval_seconds = 0\n\n[gateway.peer]\nown_kind = {}\n\n[gateway.log]\ntruncate_bodies = {}\n",
        settings.habit == Habit::Kept,
        settings.truncate
    )
}

/// The declared state with one more service of its last client.
fn with_service(state: &str) -> Option<String> {
    let (clients, rest) = state.split_once("\n[[time_stamp]]")?;
    let service = format!(
        "\n[[client.service]]\ncode = \"bench\"\nkind = \"rest\"\nurl = \"http://{}\"\n\n\
         [[client.right]]\nservice = \"bench\"\nsubject = {{ client = \"{CLIENT}\" }}\n",
        service_address()
    );
    Some(format!("{clients}{service}\n[[time_stamp]]{rest}"))
}

fn read(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))
}

fn quietly(program: &Path, arguments: &[&str]) -> Result<()> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .with_context(|| format!("{} cannot be started", program.display()))?;
    if !output.status.success() {
        bail!("{} failed:\n{}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
