//! Kills: at a moment that nobody chose, in work and in starts, alone and together.

use super::nation::Role;
use super::{Drill, Options, pause};
use anyhow::Result;
use std::collections::BTreeMap;
use std::path::Path;

/// The records are read after so many kills, and at the end.
const LOOK_EVERY: u64 = 20;
/// At most so many exchanges are acknowledged between two kills.
const EXCHANGES_MAX: u64 = 40;
/// Then it is killed within that time: an exchange is shorter.
const MOMENT_MS: u64 = 30;
/// A start is shorter, too.
const START_MS: u64 = 600;

pub(super) fn run(root: &Path, options: &Options) -> Result<()> {
    let drill = Drill::start(root, options, "kills")?;
    let mut kills = Kills { drill, done: BTreeMap::new() };
    kills.kill_and_restart(options.count)?;
    kills.drill.load.wait_for(EXCHANGES_MAX)?;
    let roles: Vec<String> =
        kills.done.iter().map(|(role, kills)| format!("{} {kills}", role.name())).collect();
    let row = ("kills", format!("{} ({})", kills.count(), roles.join(", ")));
    kills.drill.finish(&[row])
}

#[derive(Debug)]
struct Kills {
    drill: Drill,
    done: BTreeMap<Role, u64>,
}

impl Kills {
    fn kill_and_restart(&mut self, count: u64) -> Result<()> {
        let mut looked = LOOK_EVERY;
        while self.count() < count {
            let exchanges = self.drill.chance.below(EXCHANGES_MAX);
            self.drill.load.wait_for(exchanges)?;
            pause(self.drill.chance.up_to(MOMENT_MS));
            let victims = self.victims();
            for victim in victims {
                self.kill(*victim)?;
            }
            for victim in victims {
                self.drill.nation.begin(*victim)?;
            }
            // A start that recovers from a kill can be killed, too.
            if self.drill.chance.below(6) == 0 {
                pause(self.drill.chance.up_to(START_MS));
                for victim in victims {
                    self.kill(*victim)?;
                    self.drill.nation.begin(*victim)?;
                }
            }
            for victim in victims {
                self.drill.nation.ready(*victim)?;
            }
            if self.count() >= looked {
                looked = looked.saturating_add(LOOK_EVERY);
                self.drill.look(&format!("{} kills", self.count()))?;
            }
        }
        Ok(())
    }

    fn victims(&mut self) -> &'static [Role] {
        match self.drill.chance.below(20) {
            0..=7 => &[Role::Consumer],
            8..=15 => &[Role::Provider],
            16..=17 => &[Role::Provider, Role::Consumer],
            18 => &[Role::Registry],
            _ => &[Role::Trust],
        }
    }

    fn kill(&mut self, role: Role) -> Result<()> {
        self.drill.nation.kill(role)?;
        let kills = self.done.entry(role).or_default();
        *kills = kills.saturating_add(1);
        Ok(())
    }

    fn count(&self) -> u64 {
        self.done.values().sum()
    }
}
