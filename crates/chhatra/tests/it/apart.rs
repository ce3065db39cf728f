//! Gateways of a test nation as processes of their own, in the place of those that it started.

use crate::tools::{program, text};
use gateway::Config;
use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use testkit::{Nation, PIN, RunningGateway};

/// How long it may take to start.
const WAIT: Duration = Duration::from_secs(60);

/// A gateway process. It is killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Apart {
    child: Child,
    /// Its configuration file.
    pub(crate) config: String,
    journal: Arc<Journal>,
}

/// What a process tells on standard error, line by line.
#[derive(Debug, Default)]
struct Journal {
    told: Mutex<String>,
    more: Condvar,
}

impl Journal {
    fn follow(self: &Arc<Self>, errors: ChildStderr) {
        let journal = Arc::clone(self);
        std::thread::spawn(move || {
            for line in BufReader::new(errors).lines() {
                let mut told = journal.told.lock().unwrap();
                told.push_str(&line.unwrap());
                told.push('\n');
                journal.more.notify_all();
            }
        });
    }

    fn says(&self, what: &str) {
        let told = self.told.lock().unwrap();
        let waited = self.more.wait_timeout_while(told, WAIT, |told| !told.contains(what)).unwrap();
        assert!(!waited.1.timed_out(), "it does not say {what:?}:\n{}", waited.0);
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

impl Apart {
    /// Takes the place of a gateway that was stopped, and carries messages. No file that it writes grows beyond `file_bytes_max`: the system
    /// refuses it, as a full disk does.
    pub(crate) fn start(nation: &Nation, stopped: &RunningGateway, file_bytes_max: Option<u64>) -> Self {
        let config = text(&written(nation, &stopped.config));
        // Blocks of 512 bytes. Unless its signal is ignored, a write that is refused would end the process.
        let limit = file_bytes_max.map_or_else(|| "unlimited".to_owned(), |bytes| (bytes / 512).to_string());
        let mut child = Command::new("sh")
            .args(["-c", "trap '' XFSZ; ulimit -f \"$0\"; exec \"$@\"", &limit, program()])
            .args(["gateway", "run", "--until-stdin-closes", "--config", &config])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let journal = Arc::new(Journal::default());
        journal.follow(child.stderr.take().unwrap());
        let started = Self { child, config, journal };
        started.journal.says("messages are carried");
        started
    }

    /// The numbers of a line of its status, in bytes.
    pub(crate) fn memory(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap().saturating_mul(1024)
    }

    /// Begins a new peak of its memory where Linux does that; where it does not, the old one stands, which is stricter.
    pub(crate) fn forget_peak(&self) {
        let _forgotten = std::fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5");
    }

    /// What it has told.
    pub(crate) fn told(&self) -> String {
        self.journal.told.lock().unwrap().clone()
    }

    /// Asks for the stop and waits for it; the exit code.
    pub(crate) fn stopped(mut self) -> Option<i32> {
        drop(self.child.stdin.take());
        self.child.wait().unwrap().code()
    }
}

/// The configuration as the file that an operator would write, and the PIN beside it.
pub(crate) fn written(nation: &Nation, config: &Config) -> std::path::PathBuf {
    let pin = nation.folder.path().join("pin-of-gateways");
    let opened = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&pin);
    opened.unwrap().write_all(PIN.as_bytes()).unwrap();
    let Config { server, state_dir, anchor, listen, log, jobs, .. } = config;
    let file = state_dir.join("gateway.toml");
    let lines = format!(
        "[gateway]\nserver = \"{server}\"\nstate_dir = {state_dir:?}\nanchor = {anchor:?}\npin_file = {pin:?}\n\
         [gateway.listen]\nconsumer_http = \"{}\"\nconsumer_https = \"{}\"\ntransport = \"{}\"\nocsp = \"{}\"\n\
         [gateway.log]\nbodies = {}\n\
         [gateway.jobs]\nglobalconf_seconds = {}\nretry_seconds = {}\ntimestamp_seconds = 1\n",
        listen.consumer_http,
        listen.consumer_https,
        listen.transport,
        listen.ocsp,
        log.bodies,
        jobs.globalconf_seconds,
        jobs.retry_seconds
    );
    std::fs::write(&file, lines).unwrap();
    file
}
