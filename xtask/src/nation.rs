//! What `bench` and `drill` have in common: a nation that the demonstration makes, with one more service, and whose parts are started as
//! processes of their own.

use anyhow::{Context as _, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// As whom is asked.
pub(crate) const CLIENT: &str = "CAMBODIA/GOV/MOC/business-registry";
const PROVIDER: &str = "CAMBODIA/GOV/MOI/civil-registry";

/// Where a nation stands, beside others on the machine, and what its service is called.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ground {
    /// The first three numbers of its addresses.
    pub(crate) base: &'static str,
    /// The code of the service.
    pub(crate) code: &'static str,
}

impl Ground {
    /// Where consumers ask.
    pub(crate) fn consumer_address(self) -> String {
        format!("{}.11:8080", self.base)
    }

    /// Where the service is.
    pub(crate) fn service_address(self) -> String {
        format!("{}.12:9080", self.base)
    }

    /// The path of the service at the consumer's gateway.
    pub(crate) fn path(self) -> String {
        format!("/r1/{PROVIDER}/{}", self.code)
    }

    /// Makes keys, certificates and settings in a new folder, with `more` for the demonstration and `settings` behind each gateway's.
    pub(crate) fn make(self, chhatra: &Path, state: &Path, more: &[&str], settings: &str) -> Result<()> {
        if state.exists() {
            std::fs::remove_dir_all(state)
                .with_context(|| format!("{} cannot be removed", state.display()))?;
        }
        let shown = state.to_string_lossy();
        let demo = ["demo", "--only-make", "--state", &shown, "--base", self.base];
        command(chhatra, &[&demo, more].concat())?;
        for of in ["commerce", "interior"] {
            let file = state.join(of).join("gateway.toml");
            write(&file, &(read(&file)? + settings))?;
        }
        let file = state.join("interior/state.toml");
        let declared = self.with_service(&read(&file)?);
        write(&file, &declared.context("the declared state has another form than expected")?)?;
        let config = state.join("interior/gateway.toml");
        let (config, file) = (config.to_string_lossy(), file.to_string_lossy());
        command(chhatra, &["gateway", "apply", "--config", &config, &file]).map(drop)
    }

    /// The declared state with one more service of its last client.
    fn with_service(self, state: &str) -> Option<String> {
        let (clients, rest) = state.split_once("\n[[time_stamp]]")?;
        let (code, address) = (self.code, self.service_address());
        let service = format!(
            "\n[[client.service]]\ncode = \"{code}\"\nkind = \"rest\"\nurl = \"http://{address}\"\n\n\
             [[client.right]]\nservice = \"{code}\"\nsubject = {{ client = \"{CLIENT}\" }}\n"
        );
        Some(format!("{clients}{service}\n[[time_stamp]]{rest}"))
    }

    /// What starts CA, OCSP responder and time-stamp authority.
    pub(crate) fn trust(self, state: &Path) -> Vec<String> {
        let state = state.join("practice").to_string_lossy().into_owned();
        let at = |port: u16| format!("{}.13:{port}", self.base);
        let (ca, ocsp, tsa) = (at(8888), at(8889), at(8899));
        let words = [
            "trust",
            "run",
            "--state",
            &state,
            "--listen",
            &ca,
            "--listen-ocsp",
            &ocsp,
            "--listen-tsa",
            &tsa,
        ];
        words.map(str::to_owned).to_vec()
    }
}

/// Our own binary; it stands beside our own folder, wherever that is.
pub(crate) fn build(root: &Path, release: bool) -> Result<PathBuf> {
    println!("building …");
    let mut arguments = vec!["build", "--locked", "--package", "chhatra"];
    arguments.extend(release.then_some("--release"));
    crate::run::run(root, "cargo", &arguments)?;
    let own = std::env::current_exe().context("our own program cannot be found")?;
    let target = own.ancestors().nth(2).context("our own program stands in no target folder")?;
    Ok(target.join(if release { "release/chhatra" } else { "debug/chhatra" }))
}

/// Runs a program to its end and demands success; what it printed.
pub(crate) fn command(program: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .with_context(|| format!("{} cannot be started", program.display()))?;
    if !output.status.success() {
        let shown: String = arguments.join(" ").chars().take(200).collect();
        let (out, errors) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        bail!("{} {shown} failed:\n{}\n{}", program.display(), tail(&out), tail(&errors));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The end of what a process said.
pub(crate) fn tail(said: &str) -> String {
    let lines: Vec<&str> = said.lines().collect();
    lines.get(lines.len().saturating_sub(12)..).unwrap_or_default().join("\n")
}

fn read(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))
}

fn write(file: &Path, text: &str) -> Result<()> {
    std::fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))
}
