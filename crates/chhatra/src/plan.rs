//! What a declared state would change, or has changed, on the screen: one line each, `+` added, `-` removed, `~` altered.

use crate::config;
use anyhow::{Context as _, Result};
use clap::Args;
use std::fmt::Display;
use std::path::{Path, PathBuf};

/// The two files of `plan` and `apply`.
#[derive(Debug, Args)]
pub(crate) struct Files {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// The declared state.
    #[arg(value_name = "STATE.toml")]
    pub(crate) state: PathBuf,
}

impl Files {
    /// The declared state, as its room reads it from a text and the folder to which the text's relative paths belong.
    pub(crate) fn declared<D, E>(&self, read: impl FnOnce(&str, &Path) -> Result<D, E>) -> Result<D>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let shown = self.state.display();
        let text = std::fs::read_to_string(&self.state).with_context(|| format!("{shown} cannot be read"))?;
        read(&text, &config::folder(&self.state)?).with_context(|| format!("{shown} cannot be used"))
    }
}

/// Prints the changes.
pub(crate) fn print(changes: &[impl Display]) {
    if changes.is_empty() {
        tell!("nothing to change");
    }
    for change in changes {
        tell!("{change}");
    }
}
