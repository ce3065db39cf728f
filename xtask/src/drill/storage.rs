//! Faults of the disk: calls of running processes, and of processes that start, fail as on a full or a broken disk. Whoever meets one
//! refuses, or recovers; nobody guesses.

use super::fault::Fault;
use super::nation::Role;
use super::sweep::{self, Act};
use super::{Drill, Options, pause};
use anyhow::{Result, bail};
use std::path::Path;
use std::time::Duration;

/// The records are read after so many faults, and at the end.
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
/// What Rust ends with when something cannot go on that nobody thought of.
const PANIC: i32 = 101;

pub(super) fn run(root: &Path, options: &Options, acts: &[Act]) -> Result<()> {
    let drill = Drill::start(root, options, "faults of storage")?;
    let mut faults = Faults { drill, met: 0, recovered: 0, restarted: 0, starts: 0, refused: 0 };
    let mut looked = LOOK_EVERY;
    for round in 1..=options.count {
        faults.round(round)?;
        if round >= looked {
            looked = looked.saturating_add(LOOK_EVERY);
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

    fn in_work(&mut self, role: Role, fault: Fault) -> Result<String> {
        let tracer = fault.attach(self.drill.nation.pid(role)?, &self.drill.folder)?;
        pause(self.drill.chance.up_to(LASTS_MS));
        let failed = tracer.end()?;
        self.met = self.met.saturating_add(failed);
        if self.drill.nation.ended(role)?.is_none() && self.drill.load.gets_through(5, RECOVERY)? {
            self.recovered = self.recovered.saturating_add(1);
            return Ok(format!("{failed} calls failed, gone on by itself"));
        }
        if let Some(said) = self.drill.nation.ended(role)? {
            bail!("the {} ended by a fault of the disk ({}):\n{said}", role.name(), fault.told());
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
        while waited < START
            && self.drill.nation.ended(role)?.is_none()
            && !self.drill.nation.is_ready(role)?
        {
            pause(LOOK);
            waited = waited.saturating_add(LOOK);
        }
        let failed = tracer.end()?;
        self.met = self.met.saturating_add(failed);
        let ended = self.drill.nation.ended(role)?;
        if let Some(said) = &ended {
            let code = self.drill.nation.code(role)?;
            if code.is_none_or(|code| code == 0 || code == PANIC) || said.is_empty() {
                bail!("the {} ended without a reason ({code:?}; {}):\n{said}", role.name(), fault.told());
            }
            self.refused = self.refused.saturating_add(1);
        } else {
            self.drill.nation.kill(role)?;
        }
        self.drill.nation.begin(role)?;
        self.drill.nation.ready(role)?;
        let came = ended.map_or_else(
            || "started".to_owned(),
            |said| format!("said: {}", said.lines().last().unwrap_or_default()),
        );
        Ok(format!("{failed} calls failed in the start, {came}"))
    }
}
