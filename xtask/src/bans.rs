//! What must not become part of the house: the bans of `deny.toml`, held to both lock files; and what is fuzzed is what is shipped.

use anyhow::{Context as _, Result};
use serde::Deserialize;
use std::path::Path;

#[derive(Deserialize)]
struct Deny {
    bans: Bans,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

/// A crate that nobody may depend on but its `wrappers`, of which there may be none.
#[derive(Deserialize)]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
    #[serde(default)]
    wrappers: Vec<String>,
    reason: String,
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    source: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

impl Package {
    /// A dependency is listed with its version where there are several.
    fn depends_on(&self, name: &str) -> bool {
        self.dependencies.iter().any(|listed| listed.split(' ').next() == Some(name))
    }
}

/// Every dependency that is banned, and every one that comes out of a git repository.
pub(crate) fn violations(root: &Path) -> Result<Vec<String>> {
    let read = |name: &str| {
        std::fs::read_to_string(root.join(name)).with_context(|| format!("{name} cannot be read"))
    };
    let (deny, shipped, fuzzed) = (read("deny.toml")?, read("Cargo.lock")?, read("fuzz/Cargo.lock")?);
    let mut wrong = judge(&deny, &shipped)?;
    wrong.extend(judge(&deny, &fuzzed)?.into_iter().filter(|what| !wrong.contains(what)).collect::<Vec<_>>());
    wrong.extend(apart(&shipped, &fuzzed)?);
    Ok(wrong)
}

/// Packages that the fuzzer takes in another version than the house.
fn apart(shipped: &str, fuzzed: &str) -> Result<Vec<String>> {
    let read = |text: &str| toml::from_str::<Lock>(text).map(|lock| lock.package);
    let shipped = read(shipped).context("Cargo.lock cannot be understood")?;
    let fuzzed = read(fuzzed).context("fuzz/Cargo.lock cannot be understood")?;
    let differs = |package: &&Package| {
        let mut same_name = shipped.iter().filter(|other| other.name == package.name).peekable();
        same_name.peek().is_some() && same_name.all(|other| other.version != package.version)
    };
    let words = |package: &Package| {
        format!(
            "fuzz/Cargo.lock has {} {}, Cargo.lock another; `cp Cargo.lock fuzz/ && cargo metadata --manifest-path fuzz/Cargo.toml` makes it anew",
            package.name, package.version
        )
    };
    Ok(fuzzed.iter().filter(differs).map(words).collect())
}

fn judge(deny: &str, lock: &str) -> Result<Vec<String>> {
    let deny: Deny = toml::from_str(deny).context("deny.toml cannot be understood")?;
    let lock: Lock = toml::from_str(lock).context("Cargo.lock cannot be understood")?;
    let from_git = |package: &&Package| package.source.as_ref().is_some_and(|from| from.starts_with("git+"));
    let mut wrong: Vec<String> = lock
        .package
        .iter()
        .filter(from_git)
        .map(|package| format!("{} comes out of a git repository", package.name))
        .collect();
    for Ban { name, wrappers, reason } in deny.bans.deny {
        let users = lock.package.iter().filter(|package| package.depends_on(&name));
        let banned = users.filter(|package| !wrappers.contains(&package.name));
        wrong.extend(banned.map(|package| format!("{} depends on {name}: {reason}", package.name)));
    }
    Ok(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DENY: &str = "[bans]\ndeny = [\n{ crate = \"bad\", reason = \"never\" },\n\
                        { crate = \"odd\", wrappers = [\"one\"], reason = \"only there\" },\n]\n";

    fn package(name: &str, source: &str, dependencies: &str) -> String {
        format!(
            "[[package]]\nname = \"{name}\"\nversion = \"1.0.0\"\n{source}dependencies = [{dependencies}]\n"
        )
    }

    #[test]
    fn finds_what_is_fuzzed_in_another_version() {
        let shipped = package("one", "", "");
        assert_eq!(apart(&shipped, &[shipped.clone(), package("two", "", "")].concat()).unwrap(), [""; 0]);
        let wrong = apart(&shipped, &shipped.replace("1.0.0", "2.0.0")).unwrap();
        assert_eq!(wrong.len(), 1, "{wrong:?}");
    }

    #[test]
    fn finds_what_is_banned_whoever_brings_it() {
        let fine = [package("one", "", "\"odd\", \"badly\""), package("badly", "", "")].concat();
        assert_eq!(judge(DENY, &fine).unwrap(), [""; 0]);
        let git = "source = \"git+https://example.org/x#0\"\n";
        let wrong = [
            fine,
            package("two", "", "\"odd\""),
            package("three", "", "\"bad 0.1.0\""),
            package("four", git, ""),
        ];
        assert_eq!(
            judge(DENY, &wrong.concat()).unwrap(),
            [
                "four comes out of a git repository",
                "three depends on bad: never",
                "two depends on odd: only there"
            ]
        );
    }
}
