//! Faults at each place: an operator's command is run again and again on the same state, and each time the next call to the disk fails.
//! Afterwards the old state is there or the new one, and the new one where the command said that it had succeeded.

use super::fault::{self, Fault};
use super::{shown, without_reason};
use crate::nation::command;
use anyhow::{Context as _, Result, bail};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Output;

/// Calls of one kind that are tried, at most: loaders and libraries make many that are alike.
const PLACES_MAX: u64 = 400;

/// A command, and how to see what it left.
#[derive(Debug, Clone, Copy)]
pub(super) struct Act {
    name: &'static str,
    /// Before its first run: what there is to be done.
    prepare: fn(&Path) -> Result<()>,
    /// Its arguments.
    arguments: fn(&Path) -> Vec<String>,
    /// What stands there, as one text; fails where what stands there is neither old nor new.
    state: fn(&Path, &Path) -> Result<String>,
    /// One in so many places is tried.
    step: u64,
    /// Whether one can see that it was done. Where it is made up for afterwards, one cannot.
    seen: bool,
}

const SETTINGS: Act = Act {
    name: "gateway apply",
    prepare: |state| {
        let file = state.join("interior/state.toml");
        let text = std::fs::read_to_string(&file)?;
        Ok(std::fs::write(file, text.replace(":9080", ":9081"))?)
    },
    arguments: |state| declared(state, "gateway", "apply", "interior"),
    state: |chhatra, state| ours(chhatra, &declared(state, "gateway", "plan", "interior")),
    step: 1,
    seen: true,
};

const REGISTRY: Act = Act {
    name: "registry apply",
    prepare: |state| {
        let file = state.join("registry/state.toml");
        let text = std::fs::read_to_string(&file)?;
        let changed = text.replacen("name = \"", "name = \"Another ", 1);
        if changed == text {
            bail!("the declared state has another form than expected");
        }
        Ok(std::fs::write(file, changed)?)
    },
    arguments: |state| declared(state, "registry", "apply", "registry"),
    state: |chhatra, state| ours(chhatra, &declared(state, "registry", "plan", "registry")),
    step: 1,
    seen: true,
};

const KEY: Act = Act {
    name: "keystore generate",
    prepare: |_| Ok(()),
    arguments: |state| keystore(state, &["generate", "--usage", "signing", "--algorithm", "p-256"]),
    state: |chhatra, state| {
        let listed = ours(chhatra, &keystore(state, &["list"]))?;
        Ok(format!("{} lines", listed.lines().count()))
    },
    step: 1,
    seen: true,
};

/// What was archived before a crash may be archived once more; nothing may be missing. So the state is what all archives hold together
/// when the next round is over.
const ARCHIVE: Act = Act {
    name: "evidence archive",
    prepare: |_| Ok(()),
    arguments: archive,
    state: |chhatra, state| {
        ours(chhatra, &archive(state))?;
        held(chhatra, state)
    },
    // Each run takes a second, and most of its calls are alike.
    step: 7,
    seen: false,
};

pub(super) const ALL: &[Act] = &[SETTINGS, REGISTRY, KEY, ARCHIVE];
/// One place in some, for every test run.
pub(super) const FEW: &[Act] = &[
    Act { step: 9, ..SETTINGS },
    Act { step: 9, ..REGISTRY },
    Act { step: 9, ..KEY },
    Act { step: 61, ..ARCHIVE },
];

/// Goes through all places of each act. The nation must not run.
pub(super) fn run(chhatra: &Path, state: &Path, folder: &Path, acts: &[Act]) -> Result<()> {
    for act in acts {
        (act.prepare)(state)?;
        let mut sweep = Sweep { chhatra, state, folder, act, before: String::new(), after: String::new() };
        sweep.before = sweep.on_a_copy(|copy| (act.state)(chhatra, copy))?;
        sweep.after = sweep.on_a_copy(|copy| {
            ours(chhatra, &(act.arguments)(copy))?;
            (act.state)(chhatra, copy)
        })?;
        if sweep.after.is_empty() || (act.seen && sweep.after == sweep.before) {
            bail!("{} does nothing that could be seen, so nothing would be tried", act.name);
        }
        let (tried, done) = sweep.all()?;
        let short = sweep.short()?;
        if tried == 0 || short == 0 {
            bail!("{} met no fault ({tried} calls, {short} files that ended early)", act.name);
        }
        println!(
            "  {:<24}{tried} calls failed one after the other; done all the same {done} times; refused {short} times when files could \
             not grow",
            act.name
        );
    }
    Ok(())
}

struct Sweep<'s> {
    chhatra: &'s Path,
    state: &'s Path,
    folder: &'s Path,
    act: &'s Act,
    before: String,
    after: String,
}

impl Sweep<'_> {
    /// How many places failed, and how often the command succeeded in spite of it.
    fn all(&self) -> Result<(u64, u64)> {
        let (mut tried, mut done) = (0_u64, 0_u64);
        // Calls of which there were no more at an earlier place.
        let mut over = BTreeSet::new();
        let mut place = 1;
        while place <= PLACES_MAX {
            for fault in Fault::once_each(place) {
                if over.contains(fault.call()) {
                    continue;
                }
                match self.one(fault)? {
                    None => {
                        over.insert(fault.call());
                    }
                    Some(succeeded) => {
                        tried = tried.saturating_add(1);
                        done = done.saturating_add(u64::from(succeeded));
                    }
                }
            }
            place = place.saturating_add(self.act.step);
        }
        Ok((tried, done))
    }

    /// Whether it succeeded; `None` when no call was left to fail.
    fn one(&self, fault: Fault) -> Result<Option<bool>> {
        self.on_a_copy(|copy| {
            let (output, failed) = fault.around(self.chhatra, &(self.act.arguments)(copy), self.folder)?;
            if failed == 0 {
                return Ok(None);
            }
            self.judge(copy, &output, &fault.told()).map(Some)
        })
    }

    /// How often it refused while no file could become longer than so many bytes.
    fn short(&self) -> Result<u64> {
        let mut refused = 0_u64;
        for bytes in fault::SHORT {
            let succeeded = self.on_a_copy(|copy| {
                let output = fault::short(self.chhatra, &(self.act.arguments)(copy), bytes)?;
                self.judge(copy, &output, &format!("no file can be longer than {bytes} bytes"))
            })?;
            refused = refused.saturating_add(u64::from(!succeeded));
        }
        Ok(refused)
    }

    /// Whether it succeeded; what it left has to fit.
    fn judge(&self, copy: &Path, output: &Output, fault: &str) -> Result<bool> {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let told = format!("{} while {fault}", self.act.name);
        // The loader's own ends have a reason, too.
        if without_reason(output.status.code()) {
            bail!("{told}: it ended by {}:\n{said}", output.status);
        }
        let now = (self.act.state)(self.chhatra, copy).with_context(|| format!("after {told}:\n{said}"))?;
        let succeeded = output.status.success();
        if now != self.after && (succeeded || now != self.before) {
            bail!(
                "{told}: {}\n{said}\nleft:\n{now}\ninstead of:\n{}",
                if succeeded { "it said that it had succeeded" } else { "it failed" },
                self.after
            );
        }
        Ok(succeeded)
    }

    /// Everything in a state of its own, so that the next one finds what this one found.
    fn on_a_copy<T>(&self, act: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
        let copy = self.folder.join("copy");
        if copy.exists() {
            std::fs::remove_dir_all(&copy)
                .with_context(|| format!("{} cannot be removed", copy.display()))?;
        }
        command(Path::new("cp"), &["-a", "--reflink=auto", &shown(self.state), &shown(&copy)])?;
        act(&copy)
    }
}

fn declared(state: &Path, role: &str, verb: &str, of: &str) -> Vec<String> {
    let folder = state.join(of);
    let (config, file) = (shown(folder.join(format!("{role}.toml"))), shown(folder.join("state.toml")));
    [role, verb, "--config", &config, &file].map(str::to_owned).to_vec()
}

/// What a command of ours says that has to succeed.
fn ours(chhatra: &Path, arguments: &[String]) -> Result<String> {
    command(chhatra, &arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

fn keystore(state: &Path, words: &[&str]) -> Vec<String> {
    let config = shown(state.join("interior/gateway.toml"));
    let mut arguments = vec!["keystore".to_owned()];
    arguments.extend(words.iter().map(|word| (*word).to_owned()));
    arguments.extend(["--config".to_owned(), config]);
    arguments
}

fn archive(state: &Path) -> Vec<String> {
    let config = shown(state.join("interior/gateway.toml"));
    ["evidence", "archive", "--config", &config].map(str::to_owned).to_vec()
}

/// The names of all containers in all archives, each archive having been verified.
fn held(chhatra: &Path, state: &Path) -> Result<String> {
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(state.join("interior/archive")).context("there are no archives")? {
        let path = entry?.path();
        if path.extension().is_none_or(|end| end != "zip") {
            continue;
        }
        command(chhatra, &["evidence", "archive-verify", &shown(&path)])?;
        let listed = command(Path::new("unzip"), &["-Z1", &shown(&path)])?;
        names.extend(listed.lines().filter(|name| name.ends_with(".asice")).map(str::to_owned));
    }
    Ok(names.into_iter().collect::<Vec<_>>().join("\n"))
}
