//! The nation that is drilled: made by the demonstration, each of its parts a process of its own that can be killed and started again.

use super::pause;
use crate::nation::{Ground, command, tail};
use anyhow::{Context as _, Result, bail};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

pub(super) const GROUND: Ground = Ground { base: "127.78.0", code: "drill" };
const READY: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(10);
const SIGKILL: i32 = 9;
/// Often enough to be seen after each fault.
const GENERATE_SECONDS: u32 = 2;

/// Who can be killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    Consumer,
    Provider,
    Registry,
    Trust,
}

impl Role {
    /// In the order in which they are started.
    const ALL: [Self; 4] = [Self::Trust, Self::Registry, Self::Provider, Self::Consumer];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Consumer => "consumer's gateway",
            Self::Provider => "provider's gateway",
            Self::Registry => "registry",
            Self::Trust => "trust services",
        }
    }

    const fn folder(self) -> &'static str {
        match self {
            Self::Consumer => "commerce",
            Self::Provider => "interior",
            Self::Registry => "registry",
            Self::Trust => "practice",
        }
    }

    /// What it says when it is ready.
    const fn ready(self) -> &'static str {
        match self {
            Self::Consumer | Self::Provider => "messages are carried",
            Self::Registry => "published: ",
            Self::Trust => "practice trust services listen",
        }
    }

    fn arguments(self, state: &Path) -> Vec<String> {
        let folder = state.join(self.folder());
        let file = |name: &str| folder.join(name).to_string_lossy().into_owned();
        match self {
            Self::Consumer | Self::Provider => {
                vec!["gateway".into(), "run".into(), "--config".into(), file("gateway.toml")]
            }
            Self::Registry => vec!["registry".into(), "run".into(), "--config".into(), file("registry.toml")],
            Self::Trust => GROUND.trust(state),
        }
    }
}

/// Its processes, killed when it is dropped.
#[derive(Debug)]
pub(super) struct Nation {
    chhatra: PathBuf,
    pub(super) state: PathBuf,
    running: BTreeMap<Role, Running>,
    starts: u32,
}

#[derive(Debug)]
struct Running {
    child: Child,
    log: PathBuf,
}

impl Nation {
    /// Makes a new one with empty logs and waits until each part is ready. The service has to be there.
    pub(super) fn start(chhatra: &Path, folder: &Path) -> Result<Self> {
        let state = folder.join("nation");
        GROUND.make(chhatra, &state, &[], "")?;
        let registry = state.join("registry/registry.toml");
        let mut file =
            File::options().append(true).open(&registry).context("the registry has no configuration")?;
        file.write_all(format!("generate_seconds = {GENERATE_SECONDS}\n").as_bytes())
            .context("the registry cannot be configured")?;
        let mut nation = Self { chhatra: chhatra.to_owned(), state, running: BTreeMap::new(), starts: 0 };
        for role in Role::ALL {
            nation.begin(role)?;
            nation.ready(role)?;
        }
        Ok(nation)
    }

    /// Starts it and waits for nothing.
    pub(super) fn begin(&mut self, role: Role) -> Result<()> {
        self.spawn(role, &[])
    }

    /// Starts it, but so that it does nothing before [`Self::let_go`].
    pub(super) fn begin_held(&mut self, role: Role) -> Result<()> {
        self.spawn(role, &["sh", "-c", "kill -STOP $$; exec \"$@\"", "sh"])?;
        let stat = format!("/proc/{}/stat", self.pid(role)?);
        let mut waited = Duration::ZERO;
        loop {
            let told = std::fs::read_to_string(&stat).unwrap_or_default();
            // Its name stands in brackets, and behind them in which state it is.
            if told.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T')) {
                return Ok(());
            }
            if waited > READY {
                bail!("the {} does not stop before it begins", role.name());
            }
            pause(LOOK);
            waited = waited.saturating_add(LOOK);
        }
    }

    pub(super) fn let_go(&mut self, role: Role) -> Result<()> {
        command(Path::new("kill"), &["-CONT", &self.pid(role)?.to_string()]).map(drop)
    }

    fn spawn(&mut self, role: Role, by: &[&str]) -> Result<()> {
        self.starts = self.starts.saturating_add(1);
        let log = self.state.join("log").join(format!("{}-{}.log", role.folder(), self.starts));
        let file = File::create(&log).with_context(|| format!("{} cannot be written", log.display()))?;
        let errors = file.try_clone().context("the log file cannot be shared")?;
        // Whatever becomes of us, it ends with us.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .args(by)
            .arg(&self.chhatra)
            .args(role.arguments(&self.state))
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(errors)
            .spawn()
            .with_context(|| format!("the {} cannot be started", role.name()))?;
        self.running.insert(role, Running { child, log });
        Ok(())
    }

    /// Waits for the line that says that it is ready.
    pub(super) fn ready(&mut self, role: Role) -> Result<()> {
        let mut waited = Duration::ZERO;
        loop {
            let running = self.of(role)?;
            let said = running.said();
            if said.contains(role.ready()) {
                return Ok(());
            }
            let ended = running.child.try_wait().context("a process cannot be looked at")?;
            if ended.is_some() || waited > READY {
                bail!("the {} does not get ready ({ended:?}):\n{}", role.name(), tail(&said));
            }
            pause(LOOK);
            waited = waited.saturating_add(LOOK);
        }
    }

    pub(super) fn pid(&mut self, role: Role) -> Result<u32> {
        Ok(self.of(role)?.child.id())
    }

    /// What it said at last, if it has ended by itself.
    pub(super) fn ended(&mut self, role: Role) -> Result<Option<String>> {
        let running = self.of(role)?;
        let ended = running.child.try_wait().context("a process cannot be looked at")?;
        Ok(ended.map(|_| tail(&running.said())))
    }

    /// With what it ended; nothing when it was by a signal.
    pub(super) fn code(&mut self, role: Role) -> Result<Option<i32>> {
        Ok(self.of(role)?.child.wait().context("a process cannot be waited for")?.code())
    }

    /// Whether it says that something is not as it should be, besides the few file handles that this machine may give it.
    pub(super) fn complains(&mut self, role: Role) -> Result<bool> {
        let said = self.of(role)?.said();
        let complaint = |line: &str| line.contains(" WARN ") || line.contains(" ERROR ");
        Ok(said.lines().any(|line| complaint(line) && !line.contains("LimitNOFILE")))
    }

    /// The newest generation that the registry has published, by the name of its folder.
    pub(super) fn published(&self) -> Result<String> {
        let folder = self.state.join("registry/public/V6");
        let entries =
            std::fs::read_dir(&folder).with_context(|| format!("{} cannot be listed", folder.display()))?;
        let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        let newest = names.filter(|name| name.starts_with(|first: char| first.is_ascii_digit())).max();
        newest.context("the registry has published nothing")
    }

    pub(super) fn is_ready(&mut self, role: Role) -> Result<bool> {
        Ok(self.of(role)?.said().contains(role.ready()))
    }

    /// Kills it where it is.
    pub(super) fn kill(&mut self, role: Role) -> Result<()> {
        let running = self.of(role)?;
        running.child.kill().with_context(|| format!("the {} cannot be killed", role.name()))?;
        let status = running.child.wait().context("a killed process cannot be waited for")?;
        if status.signal() != Some(SIGKILL) {
            bail!("the {} had ended by itself ({status}):\n{}", role.name(), tail(&running.said()));
        }
        Ok(())
    }

    fn of(&mut self, role: Role) -> Result<&mut Running> {
        self.running.get_mut(&role).with_context(|| format!("the {} was never started", role.name()))
    }

    /// A gateway's folder, and its configuration.
    pub(super) fn config(&self, of: &str) -> String {
        self.state.join(of).join("gateway.toml").to_string_lossy().into_owned()
    }
}

impl Running {
    fn said(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }
}

impl Drop for Nation {
    fn drop(&mut self) {
        for running in self.running.values_mut() {
            let _killed = running.child.kill();
            let _gone = running.child.wait();
        }
    }
}
