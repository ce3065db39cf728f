//! A demonstration nation as a process, on addresses of its own.

use crate::tools::{Outcome, program, text};
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};

static NEXT: AtomicU8 = AtomicU8::new(0);

/// Three quarters of an address that no other test uses, held by a listener: 127.1.0 to 127.1.249.
#[derive(Debug)]
pub(crate) struct Base {
    text: String,
    _held: TcpListener,
}

impl Base {
    pub(crate) fn take() -> Self {
        let process = u8::try_from(std::process::id() % 251).unwrap();
        for _ in 0..250 {
            let number = process.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % 250;
            let text = format!("127.1.{number}");
            if let Ok(held) = TcpListener::bind(format!("{text}.1:9")) {
                return Self { text, _held: held };
            }
        }
        panic!("no addresses are free")
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn host(&self, last: u8) -> String {
        format!("{}.{last}", self.text)
    }
}

/// A running demonstration. It is killed when it is dropped; its gateways end with it.
#[derive(Debug)]
pub(crate) struct Demo {
    child: Child,
    out: BufReader<ChildStdout>,
    state: PathBuf,
    /// The command of its `ready:` line.
    pub(crate) curl: String,
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

pub(crate) fn start(state: &Path, base: &Base) -> Demo {
    let mut child = Command::new(program())
        .args(["demo", "--state", &text(state), "--base", base.text()])
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let mut demo = Demo { child, out, state: state.to_owned(), curl: String::new() };
    let mut told = String::new();
    loop {
        let mut line = String::new();
        assert_ne!(demo.out.read_line(&mut line).unwrap(), 0, "it ended before it was ready:\n{told}");
        if let Some(command) = line.strip_prefix("ready: ") {
            demo.curl = command.trim_end().to_owned();
            return demo;
        }
        told.push_str(&line);
    }
}

impl Demo {
    pub(crate) fn file(&self, name: &str) -> String {
        text(&self.state.join(name))
    }

    pub(crate) fn process(&self) -> String {
        self.child.id().to_string()
    }

    /// The printed command, as a shell runs it, with more options for curl.
    pub(crate) fn ask(&self, options: &str) -> Outcome {
        Command::new("sh").args(["-c", &format!("{} {options}", self.curl)]).output().unwrap().into()
    }

    /// Sends a signal and waits for the end.
    pub(crate) fn stopped_by(self, signal: &str) -> (Option<i32>, String) {
        assert!(Command::new("kill").args([signal, &self.process()]).status().unwrap().success());
        self.ended()
    }

    /// Waits for the end; the exit code, and what was still printed.
    pub(crate) fn ended(mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }

    /// As the power would: nothing can be tidied up.
    pub(crate) fn killed(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Nobody listens there any more.
pub(crate) fn is_free(address: &str) -> Option<()> {
    TcpListener::bind(address).ok().map(|_| ())
}
