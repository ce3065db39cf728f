//! The floors of the house: a crate depends only on lower floors, never sideways.

use anyhow::{Context as _, Result};
use std::collections::BTreeMap;
use std::path::Path;

/// Floor by floor, the lowest first.
pub(crate) const FLOORS: &[&[&str]] = &[
    &["clock", "database", "identifier", "xml"],
    &["access", "quota", "trust"],
    &["globalconf", "http1", "keystore", "message", "openpgp", "signature"],
    &["messagelog", "vault"],
    &["gateway", "practice", "registry"],
    &[],
    &["chhatra", "testkit"],
];

/// The floor of each crate.
fn table() -> BTreeMap<&'static str, usize> {
    FLOORS
        .iter()
        .enumerate()
        .flat_map(|(floor, crates)| crates.iter().map(move |name| (*name, floor)))
        .collect()
}

/// Every crate on no floor, and every dependency that points up or sideways. Test dependencies may look up: they are not shipped.
pub(crate) fn violations(root: &Path, crates: &[String]) -> Result<Vec<String>> {
    let table = table();
    let mut found = Vec::new();
    for name in crates {
        let Some(floor) = table.get(name.as_str()) else {
            found.push(format!("crate {name} stands on no floor"));
            continue;
        };
        let path = root.join("crates").join(name).join("Cargo.toml");
        let manifest =
            std::fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        for dependency in dependencies(&manifest) {
            if let Some(other) = table.get(dependency.as_str())
                && other >= floor
            {
                found.push(format!("crate {name} (floor {floor}) depends on {dependency} (floor {other})"));
            }
        }
    }
    Ok(found)
}

fn dependencies(manifest: &str) -> Vec<String> {
    let mut inside = false;
    let mut names = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.trim() == "[dependencies]";
        } else if inside && let Some((name, _)) = line.split_once(['=', '.']) {
            names.push(name.trim().to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_only_what_is_shipped() {
        let manifest = "[package]\nname = \"x\"\n[dependencies]\na = { workspace = true }\nb.workspace = true\n[dev-dependencies]\nc = \"1\"\n";
        assert_eq!(dependencies(manifest), ["a", "b"]);
    }

    #[test]
    fn no_crate_stands_on_two_floors() {
        let count: usize = FLOORS.iter().map(|crates| crates.len()).sum();
        assert_eq!(table().len(), count);
    }
}
