//! The configuration file: one TOML file, one section per room. Unknown keys refuse to start.

use anyhow::{Context as _, Result, anyhow, bail};
use keystore::Pin;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    pub(crate) gateway: Option<::gateway::Config>,
    pub(crate) registry: Option<::registry::Config>,
}

/// Reads a configuration file.
pub(crate) fn read(path: &Path) -> Result<File> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let file: File = toml::from_str(&text).map_err(|error| {
        // Never the line itself, which is what the error would show: it may hold a password.
        let before = error.span().and_then(|place| text.get(..place.start)).unwrap_or_default();
        let line = before.matches('\n').count().saturating_add(1);
        anyhow!("{} cannot be understood, line {line}: {}", path.display(), error.message())
    })?;
    let folder = folder(path)?;
    Ok(File {
        gateway: file.gateway.map(|section| section.resolved(&folder)),
        registry: file.registry.map(|section| section.resolved(&folder)),
    })
}

/// The `[gateway]` section.
pub(crate) fn gateway(path: &Path) -> Result<::gateway::Config> {
    read(path)?.gateway.with_context(|| format!("{} has no section [gateway]", path.display()))
}

/// The `[registry]` section.
pub(crate) fn registry(path: &Path) -> Result<::registry::Config> {
    read(path)?.registry.with_context(|| format!("{} has no section [registry]", path.display()))
}

/// The folder to which the file's relative paths belong.
pub(crate) fn folder(path: &Path) -> Result<PathBuf> {
    let path = path.canonicalize().with_context(|| format!("{} cannot be found", path.display()))?;
    path.parent().map(Path::to_path_buf).with_context(|| format!("{} has no folder", path.display()))
}

/// The first line of a PIN file that nobody else may read.
pub(crate) fn pin(path: &Path) -> Result<Pin> {
    use std::os::unix::fs::PermissionsExt as _;
    let shown = path.display();
    let found = std::fs::metadata(path).with_context(|| {
        format!("the PIN file {shown} cannot be read; it holds the PIN on one line, mode 600")
    })?;
    let mode = found.permissions().mode();
    if mode & 0o077 != 0 {
        bail!("{shown} can be read by others; run: chmod 600 {shown}");
    }
    let text = std::fs::read_to_string(path).with_context(|| format!("{shown} cannot be read"))?;
    Pin::of_first_line(text).with_context(|| format!("{shown} is empty; its first line must be the PIN"))
}

/// As [`pin`], for something new: the PIN must be a good one.
pub(crate) fn good_pin(path: &Path) -> Result<Pin> {
    let pin = pin(path)?;
    keystore::check_policy(&pin).with_context(|| format!("the PIN in {} is too weak", path.display()))?;
    Ok(pin)
}
