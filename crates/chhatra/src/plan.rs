//! What a declared state would change, or has changed, on the screen: one line each, `+` added, `-` removed, `~` altered.

use clap::Args;
use std::fmt::Display;
use std::path::PathBuf;

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

/// Prints the changes.
pub(crate) fn print(changes: &[impl Display]) {
    if changes.is_empty() {
        tell!("nothing to change");
    }
    for change in changes {
        tell!("{change}");
    }
}
