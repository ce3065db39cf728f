//! The load: `wrk`, with a script that says what to ask and writes down what came of it.

use super::rows::Question;
use anyhow::{Context as _, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// One line of figures, whatever the rest of the output looks like; times in microseconds.
const DONE: &str = r#"
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("figures %d %d %d %d %d %d %d %d %d %d\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(95), latency:percentile(99),
    e.connect, e.read, e.write, e.status, e.timeout))
end
"#;

/// Ends the thread after so many answers.
const COUNT: &str = r"
local answers = 0
response = function()
  answers = answers + 1
  if answers >= ENOUGH then wrk.thread:stop() end
end
";

/// What is asked, of whom, and as whom.
#[derive(Debug)]
pub(super) struct Load {
    url: String,
    script: PathBuf,
    counting: PathBuf,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Outcome {
    pub(super) requests: f64,
    pub(super) seconds: f64,
    pub(super) p50_ms: f64,
    pub(super) p95_ms: f64,
    pub(super) p99_ms: f64,
    /// What went wrong, in words.
    pub(super) errors: Option<String>,
}

impl Load {
    /// Writes the scripts. A body is as random as bodies get, so that nothing on its way makes it smaller.
    pub(super) fn new(
        folder: &Path,
        name: &str,
        url: String,
        client: Option<&str>,
        question: Question,
    ) -> Result<Self> {
        let mut text = String::new();
        if let Some(client) = client {
            text.push_str(&format!("wrk.headers[\"X-Road-Client\"] = \"{client}\"\n"));
        }
        if let Question::Post { word, bytes } = question {
            let body = folder.join(format!("{word}.body"));
            random_file(&body, bytes)?;
            text.push_str(&format!(
                "wrk.method = \"POST\"\nwrk.headers[\"Content-Type\"] = \"application/octet-stream\"\n\
                 local file = io.open(\"{}\", \"rb\")\nwrk.body = file:read(\"*a\")\nfile:close()\n",
                body.display()
            ));
        }
        let load = Self {
            url,
            script: folder.join(format!("{name}.lua")),
            counting: folder.join(format!("{name}-counting.lua")),
        };
        std::fs::write(&load.script, format!("{text}{DONE}"))
            .context("the load's script cannot be written")?;
        std::fs::write(&load.counting, format!("{text}{COUNT}{DONE}"))
            .context("the load's script cannot be written")?;
        Ok(load)
    }

    /// So many questions, or a minute of them.
    pub(super) fn warm_up(&self, requests: u32) -> Result<()> {
        let text = std::fs::read_to_string(&self.counting).context("the load's script cannot be read")?;
        let script = self.counting.with_extension("now.lua");
        std::fs::write(&script, text.replace("ENOUGH", &requests.to_string()))
            .context("the load's script cannot be written")?;
        let outcome = self.wrk(&script, 8, 60)?;
        match outcome.errors {
            Some(errors) => bail!("warming up failed: {errors}"),
            None => Ok(()),
        }
    }

    /// Questions for so long, each connection one after the other.
    pub(super) fn run(&self, connections: u32, seconds: u32) -> Result<Outcome> {
        self.wrk(&self.script, connections, seconds)
    }

    fn wrk(&self, script: &Path, connections: u32, seconds: u32) -> Result<Outcome> {
        let output = Command::new("wrk")
            .args(["--threads", "1", "--timeout", "60s"])
            .args(["--connections", &connections.to_string(), "--duration", &format!("{seconds}s")])
            .arg("--script")
            .arg(script)
            .arg(&self.url)
            .output()
            .context("wrk cannot be started")?;
        let text = String::from_utf8_lossy(&output.stdout);
        Outcome::read(&text).with_context(|| {
            format!(
                "wrk said something else than expected:\n{text}{}",
                String::from_utf8_lossy(&output.stderr)
            )
        })
    }
}

impl Outcome {
    /// Reads the line of figures.
    fn read(text: &str) -> Option<Self> {
        let line = text.lines().find_map(|line| line.strip_prefix("figures "))?;
        let all: Vec<f64> = line.split(' ').map(str::parse).collect::<Result<_, _>>().ok()?;
        let &[requests, duration, p50, p95, p99, connect, read, write, status, timeout] = all.as_slice()
        else {
            return None;
        };
        let kinds = [
            (connect, "connections refused"),
            (read, "read errors"),
            (write, "write errors"),
            (status, "answers that were refusals"),
            (timeout, "time-outs"),
        ];
        let mut wrong: Vec<String> = kinds
            .iter()
            .filter(|(count, _)| *count > 0.0)
            .map(|(count, kind)| format!("{count} {kind}"))
            .collect();
        if requests == 0.0 {
            wrong.push("no answer at all".to_owned());
        }
        Some(Self {
            requests,
            seconds: duration / 1e6,
            p50_ms: p50 / 1e3,
            p95_ms: p95 / 1e3,
            p99_ms: p99 / 1e3,
            errors: (!wrong.is_empty()).then(|| wrong.join(", ")),
        })
    }

    pub(super) fn per_second(&self) -> f64 {
        if self.seconds > 0.0 { self.requests / self.seconds } else { 0.0 }
    }
}

fn random_file(path: &Path, bytes: u32) -> Result<()> {
    use std::io::Read as _;
    let mut body = Vec::new();
    std::fs::File::open("/dev/urandom")
        .and_then(|chance| chance.take(u64::from(bytes)).read_to_end(&mut body))
        .context("/dev/urandom cannot be read")?;
    std::fs::write(path, body).with_context(|| format!("{} cannot be written", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "Running 2s test @ http://127.0.0.1/\n  1 threads and 8 connections\n\
        figures 1000 2000000 1500 2500 9000 0 0 0 0 0\n";

    #[test]
    fn reads_what_came_of_a_run() {
        let outcome = Outcome::read(SAID).unwrap();
        assert_eq!((outcome.requests, outcome.per_second()), (1000.0, 500.0));
        assert_eq!((outcome.p50_ms, outcome.p95_ms, outcome.p99_ms), (1.5, 2.5, 9.0));
        assert_eq!(outcome.errors, None);
    }

    #[test]
    fn every_kind_of_error_spoils_a_run() {
        for (at, words) in [
            (5, "3 connections refused"),
            (6, "3 read errors"),
            (7, "3 write errors"),
            (8, "3 answers that were refusals"),
            (9, "3 time-outs"),
        ] {
            let mut figures: Vec<&str> = "1000 2000000 1500 2500 9000 0 0 0 0 0".split(' ').collect();
            figures[at] = "3";
            let outcome = Outcome::read(&format!("figures {}", figures.join(" "))).unwrap();
            assert_eq!(outcome.errors.as_deref(), Some(words));
        }
        let nothing = Outcome::read("figures 0 2000000 0 0 0 0 0 0 0 0").unwrap();
        assert_eq!(nothing.errors.as_deref(), Some("no answer at all"));
        for broken in ["", "figures 1 2", "figures 1 2 3 4 5 6 7 8 9 x"] {
            assert_eq!(Outcome::read(broken), None, "{broken}");
        }
    }
}
