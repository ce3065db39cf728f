//! A server that speaks S3 and that other people wrote: moto, from PyPI.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

pub(crate) struct Real {
    running: Child,
    pub(crate) endpoint: String,
}

impl Real {
    /// With the files of a certificate and its key, by TLS.
    pub(crate) fn start(tls: Option<(&Path, &Path)>) -> Self {
        let python = super::tool("var/tools/s3/bin/python");
        assert!(python.exists(), "{} is not there; run once: cargo xtask tools", python.display());
        let mut command = Command::new(python);
        command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]);
        if let Some((certificate, key)) = tls {
            command.arg("-c").arg(certificate).arg("-k").arg(key);
        }
        let mut running =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(running.stderr.take().unwrap()).lines();
        let endpoint = loop {
            let line = lines.next().expect("the server ended before it ran").unwrap();
            if let Some((_, address)) = line.split_once("Running on ") {
                break address.trim().to_owned();
            }
        };
        // Whoever says more than a pipe holds must be listened to.
        std::thread::spawn(move || lines.for_each(drop));
        Self { running, endpoint }
    }

    /// What `curl` gets from there.
    pub(crate) fn curl(&self, arguments: &[&str], path: &str) -> Vec<u8> {
        let output = Command::new("curl")
            .args([
                "-sS",
                "-k",
                "--fail-with-body",
                "--aws-sigv4",
                "aws:amz:us-east-1:s3",
                "--user",
                "somebody:something",
            ])
            .args(arguments)
            .arg(format!("{}/{path}", self.endpoint))
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        output.stdout
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        let _ended = self.running.kill();
        let _gone = self.running.wait();
    }
}
