//! Gateways of a test nation as processes of their own, in the place of those that it started.

use crate::tools::{program, text, until};
use gateway::Config;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::net::TcpStream;
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::{Child, Command, Stdio};
use testkit::{Nation, PIN, RunningGateway};

/// A gateway process. It is killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Apart {
    child: Child,
    /// Its configuration file.
    pub(crate) config: String,
    journal: String,
}

impl Drop for Apart {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

impl Apart {
    /// Takes the place of a gateway that was stopped. No file that it writes grows beyond `file_bytes_max`: the system refuses it, as a
    /// full disk does.
    pub(crate) fn start(nation: &Nation, stopped: &RunningGateway, file_bytes_max: Option<u64>) -> Self {
        let config = text(&written(nation, &stopped.config));
        let journal = text(&stopped.config.state_dir.join("journal"));
        let errors = File::create(&journal).unwrap();
        // Blocks of 512 bytes. Unless its signal is ignored, a write that is refused would end the process.
        let limit = file_bytes_max.map_or_else(|| "unlimited".to_owned(), |bytes| (bytes / 512).to_string());
        let child = Command::new("sh")
            .args(["-c", "trap '' XFSZ; ulimit -f \"$0\"; exec \"$@\"", &limit, program()])
            .args(["gateway", "run", "--until-stdin-closes", "--config", &config])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(errors)
            .spawn()
            .unwrap();
        let started = Self { child, config, journal };
        let listen = &stopped.config.listen;
        for address in [listen.consumer_http, listen.transport] {
            until("the gateway listens", || TcpStream::connect(address).ok());
        }
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
        std::fs::read_to_string(&self.journal).unwrap()
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
