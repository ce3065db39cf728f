//! Faults of the disk: calls of running processes, and of processes that start, fail as on a full or a broken disk. Whoever meets one
//! refuses, or recovers; nobody guesses.

use super::fault::{self, Fault};
use super::nation::Role;
use super::sweep::{self, Act};
use super::{Drill, Options, pause, without_reason};
use anyhow::{Context as _, Result, bail};
use std::path::Path;
use std::time::Duration;

/// The records are read after each fifth of the faults, or after so many, and at the end.
const LOOK_EVERY: u64 = 20;
/// Between two faults at most so many exchanges are acknowledged.
const EXCHANGES_MAX: u64 = 20;
/// A fault lasts up to that long.
const LASTS_MS: u64 = 1_500;
/// Within that time a gateway that recovers by itself has done so.
const RECOVERY: Duration = Duration::from_secs(3);
/// A start under a fault is over by then, in either way.
const START: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(20);
/// Without a fault a process that still starts is ready by then, or says what it lacks.
const LATE: Duration = Duration::from_secs(30);
/// A gateway that records meets its fault by then.
const SURE: Duration = Duration::from_secs(1);

pub(super) fn run(root: &Path, options: &Options, acts: &[Act]) -> Result<()> {
    let folder = root.join("var/drill");
    std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    if !fault::possible(&folder) {
        bail!(
            "strace may not trace processes here, so no disk can be made to fail (in a container: allow SYS_PTRACE)"
        );
    }
    let drill = Drill::start(root, options, "faults of storage")?;
    let mut faults = Faults { drill, met: 0, recovered: 0, restarted: 0, starts: 0, refused: 0 };
    let every = (options.count / 5).clamp(1, LOOK_EVERY);
    let mut looked = every;
    for round in 1..=options.count {
        faults.round(round)?;
        if round >= looked {
            looked = looked.saturating_add(every);
            faults.drill.look(&format!("{round} faults"))?;
        }
    }
    faults.drill.load.wait_for(EXCHANGES_MAX)?;
    let rows = [
        ("faults", format!("{} ({} calls failed)", options.count, faults.met)),
        ("gone on by itself", faults.recovered.to_string()),
        ("started anew", faults.restarted.to_string()),
        ("starts under a fault", format!("{} ({} ended with a reason)", faults.starts, faults.refused)),
    ];
    faults.drill.finish(&rows)?;
    let Drill { nation, chhatra, folder, .. } = faults.drill;
    let state = nation.state.clone();
    drop(nation);
    sweep::run(&chhatra, &state, &folder, acts)
}

#[derive(Debug)]
struct Faults {
    drill: Drill,
    /// Calls that failed.
    met: u64,
    recovered: u64,
    restarted: u64,
    starts: u64,
    refused: u64,
}

impl Faults {
    fn round(&mut self, round: u64) -> Result<()> {
        let exchanges = self.drill.chance.below(EXCHANGES_MAX);
        self.drill.load.wait_for(exchanges)?;
        if round == 1 {
            return self.surely();
        }
        let role = match self.drill.chance.below(10) {
            0..=4 => Role::Provider,
            5..=8 => Role::Consumer,
            _ => Role::Registry,
        };
        let fault = Fault::any(&mut self.drill.chance);
        let came = if self.drill.chance.below(4) == 0 {
            self.in_a_start(role, fault)
        } else {
            self.in_work(role, fault)
        }?;
        println!("  {round}: {}: {}: {came}", role.name(), fault.told());
        Ok(())
    }

    /// The first one hits: chance alone could miss each time, and nothing would have been tried.
    fn surely(&mut self) -> Result<()> {
        let fault = Fault::sure();
        let came = self.in_work_for(Role::Provider, fault, SURE)?;
        if self.met == 0 {
            bail!("{} did not hit a gateway that records: no fault reaches the processes", fault.told());
        }
        println!("  1: {}: {}: {came}", Role::Provider.name(), fault.told());
        Ok(())
    }

    fn in_work(&mut self, role: Role, fault: Fault) -> Result<String> {
        let time = self.drill.chance.up_to(LASTS_MS);
        self.in_work_for(role, fault, time)
    }

    fn in_work_for(&mut self, role: Role, fault: Fault, time: Duration) -> Result<String> {
        let tracer = fault.attach(self.drill.nation.pid(role)?, &self.drill.folder)?;
        pause(time);
        let failed = tracer.end()?;
        let published = self.drill.nation.published()?;
        self.met = self.met.saturating_add(failed);
        if role == Role::Registry {
            self.publishes_on(&published, fault)?;
        }
        let before = self.drill.load.tally().refused;
        if self.drill.nation.ended(role)?.is_none() && self.drill.load.gets_through(5, RECOVERY)? {
            self.recovered = self.recovered.saturating_add(1);
            return Ok(format!("{failed} calls failed, gone on by itself"));
        }
        if let Some(said) = self.drill.nation.ended(role)? {
            bail!("the {} ended by a fault of the disk ({}):\n{said}", role.name(), fault.told());
        }
        if self.drill.load.tally().refused == before {
            bail!("after {} the {} neither carries messages nor refuses them", fault.told(), role.name());
        }
        self.drill.nation.kill(role)?;
        self.drill.nation.begin(role)?;
        self.drill.nation.ready(role)?;
        self.restarted = self.restarted.saturating_add(1);
        Ok(format!("{failed} calls failed, started anew"))
    }

    /// It starts, or it ends and says why; and without the fault it starts.
    fn in_a_start(&mut self, role: Role, fault: Fault) -> Result<String> {
        self.starts = self.starts.saturating_add(1);
        self.drill.nation.kill(role)?;
        self.drill.nation.begin_held(role)?;
        let tracer = fault.attach(self.drill.nation.pid(role)?, &self.drill.folder)?;
        self.drill.nation.let_go(role)?;
        let mut waited = Duration::ZERO;
        while waited < START && self.starts_still(role)? {
            pause(LOOK);
            waited = waited.saturating_add(LOOK);
        }
        let failed = tracer.end()?;
        self.met = self.met.saturating_add(failed);
        while waited < LATE && self.starts_still(role)? && !self.drill.nation.complains(role)? {
            pause(LOOK);
            waited = waited.saturating_add(LOOK);
        }
        if self.starts_still(role)? && !self.drill.nation.complains(role)? {
            bail!("the {} neither starts nor says why ({})", role.name(), fault.told());
        }
        let ended = self.drill.nation.ended(role)?;
        let ready = self.drill.nation.is_ready(role)?;
        if let Some(said) = &ended {
            let code = self.drill.nation.code(role)?;
            if without_reason(code) || code == Some(0) || said.is_empty() {
                bail!("the {} ended without a reason ({code:?}; {}):\n{said}", role.name(), fault.told());
            }
            self.refused = self.refused.saturating_add(1);
        } else {
            self.drill.nation.kill(role)?;
        }
        self.drill.nation.begin(role)?;
        self.drill.nation.ready(role)?;
        let came = ended.map_or_else(
            || if ready { "started" } else { "said what it lacks" }.to_owned(),
            |said| format!("said: {}", said.lines().last().unwrap_or_default()),
        );
        Ok(format!("{failed} calls failed in the start, {came}"))
    }

    /// Neither ended nor ready.
    fn starts_still(&mut self, role: Role) -> Result<bool> {
        Ok(self.drill.nation.ended(role)?.is_none() && !self.drill.nation.is_ready(role)?)
    }

    /// A registry that a fault has met publishes a further generation by itself.
    fn publishes_on(&self, published: &str, fault: Fault) -> Result<()> {
        let mut waited = Duration::ZERO;
        while self.drill.nation.published()?.as_str() <= published {
            if waited > LATE {
                bail!("after {} the registry publishes nothing more", fault.told());
            }
            pause(LOOK);
            waited = waited.saturating_add(LOOK);
        }
        Ok(())
    }
}
