//! The house checks itself: floors, bans, the map, first lines, where SQL may stand, sizes.

use crate::{bans, floors, fuzz};
use anyhow::{Context as _, Result, bail};
use std::path::{Path, PathBuf};

const FILE_LINES_MAX: usize = 600;
const CRATE_LINES_MAX: usize = 8_000;
const ARCHITECTURE_LINES_MAX: usize = 300;

/// Runs every check and lists everything that is wrong.
pub(crate) fn tidy(root: &Path) -> Result<()> {
    let crates = crate_names(root)?;
    let mut wrong = floors::violations(root, &crates)?;
    wrong.extend(bans::violations(root)?);
    wrong.extend(map(root, &crates)?);
    for name in &crates {
        let folder = root.join("crates").join(name);
        wrong.extend(manifest(&folder)?);
        wrong.extend(sources(&folder, name)?);
    }
    wrong.extend(manifest(&root.join("xtask"))?);
    wrong.extend(sources(&root.join("xtask"), "xtask")?);
    wrong.extend(sources(&root.join("fuzz"), "fuzz")?);
    wrong.extend(targets(root, fuzz::TARGETS)?);
    if wrong.is_empty() {
        println!("tidy: {} crates, nothing to say", crates.len());
        return Ok(());
    }
    bail!("the house is not tidy:\n  {}", wrong.join("\n  "))
}

fn crate_names(root: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(root.join("crates"))? {
        let entry = entry?;
        if entry.path().join("Cargo.toml").is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// ARCHITECTURE.md names every crate and no other.
fn map(root: &Path, crates: &[String]) -> Result<Vec<String>> {
    let text =
        std::fs::read_to_string(root.join("ARCHITECTURE.md")).context("ARCHITECTURE.md cannot be read")?;
    let mut wrong = Vec::new();
    if text.lines().count() > ARCHITECTURE_LINES_MAX {
        wrong.push(format!("ARCHITECTURE.md is longer than {ARCHITECTURE_LINES_MAX} lines"));
    }
    for name in crates {
        if !text.contains(&format!("`crates/{name}`")) {
            wrong.push(format!("ARCHITECTURE.md does not name `crates/{name}`"));
        }
    }
    for piece in text.split('`').skip(1).step_by(2) {
        let path = piece.trim_end_matches('/');
        if path.starts_with("crates/") && !path.contains(['*', ' ', '{']) && !root.join(path).exists() {
            wrong.push(format!("ARCHITECTURE.md names {path}, which is not there"));
        }
    }
    Ok(wrong)
}

fn manifest(folder: &Path) -> Result<Vec<String>> {
    let path = folder.join("Cargo.toml");
    let text =
        std::fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    if text.contains("[lints]\nworkspace = true") {
        return Ok(Vec::new());
    }
    Ok(vec![format!("{} does not take the workspace's lints", path.display())])
}

/// Every fuzz target that is listed has its file, and no file is forgotten.
fn targets(root: &Path, listed: &[&str]) -> Result<Vec<String>> {
    let folder = root.join("fuzz/src/targets");
    let mut files = Vec::new();
    collect(&folder, &mut files)?;
    let found: Vec<&str> = files.iter().filter_map(|file| file.file_stem()?.to_str()).collect();
    let missing = listed.iter().filter(|name| !found.contains(name));
    let forgotten = found.iter().filter(|name| !listed.contains(name));
    Ok(missing
        .map(|name| format!("the fuzz target {name} is listed, and fuzz/src/targets/{name}.rs is not there"))
        .chain(forgotten.map(|name| format!("the fuzz target {name} is not listed in xtask/src/fuzz.rs")))
        .collect())
}

fn sources(folder: &Path, name: &str) -> Result<Vec<String>> {
    let mut files = Vec::new();
    for part in ["src", "tests", "benches"] {
        collect(&folder.join(part), &mut files)?;
    }
    let mut wrong = Vec::new();
    let mut shipped_lines = 0_usize;
    for file in &files {
        let text =
            std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
        // Seen from the crate: what the folders above are called does not matter.
        let file = file.strip_prefix(folder)?;
        let lines = text.lines().count();
        let is_test = file
            .components()
            .any(|c| matches!(c.as_os_str().to_str(), Some("tests" | "tests.rs" | "benches")));
        if !is_test {
            shipped_lines = shipped_lines.saturating_add(lines);
        }
        wrong.extend(source(file, &text, lines, is_test).into_iter().map(|what| format!("{name}: {what}")));
    }
    if shipped_lines > CRATE_LINES_MAX {
        wrong.push(format!("crate {name} has {shipped_lines} lines, more than {CRATE_LINES_MAX}"));
    }
    Ok(wrong)
}

fn source(file: &Path, text: &str, lines: usize, is_test: bool) -> Vec<String> {
    let shown = file.display();
    let stem = file.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
    let mut wrong = Vec::new();
    if stem == "mod" {
        wrong.push(format!("{shown}: a module's file has its name, not mod.rs"));
    }
    if !text.lines().find(|l| !l.trim().is_empty()).is_some_and(|l| l.starts_with("//!")) {
        wrong.push(format!("{shown}: the first line is not //!"));
    }
    if lines > FILE_LINES_MAX {
        wrong.push(format!("{shown}: {lines} lines, more than {FILE_LINES_MAX}"));
    }
    if !is_test && !in_store(file) && text.lines().any(holds_sql) {
        wrong.push(format!("{shown}: SQL stands only in store*"));
    }
    wrong
}

fn in_store(file: &Path) -> bool {
    file.components().any(|c| c.as_os_str().to_str().is_some_and(|s| s.starts_with("store")))
}

fn holds_sql(line: &str) -> bool {
    let Some((_, quoted)) = line.split_once('"') else { return false };
    let words = [
        ["SELECT", " "],
        ["INSERT", " INTO "],
        ["UPDATE", " SET "],
        ["DELETE", " FROM "],
        ["CREATE", " TABLE "],
    ];
    words.iter().any(|[verb, follows]| {
        quoted
            .trim_start()
            .strip_prefix(verb)
            .is_some_and(|rest| rest.starts_with(' ') && rest.contains(follows))
    })
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_sql_where_it_does_not_belong() {
        for line in
            ["let q = \"SELECT a FROM b\";", "run(\"DELETE FROM b\")", "  \"INSERT INTO t VALUES (1)\","]
        {
            assert!(holds_sql(line), "{line}");
        }
        for line in ["// SELECT nothing", "say(\"UPDATE the server\")", "let a = \"select\";"] {
            assert!(!holds_sql(line), "{line}");
        }
    }

    #[test]
    fn what_the_folder_above_is_called_does_not_matter() {
        let above = std::env::temp_dir().join(format!("tests-store-{}", std::process::id()));
        std::fs::create_dir_all(above.join("src")).unwrap();
        std::fs::write(above.join("src/lib.rs"), "//! x\nconst Q: &str = \"SELECT a FROM b\";\n").unwrap();
        let wrong = sources(&above, "x");
        std::fs::remove_dir_all(&above).unwrap();
        assert_eq!(wrong.unwrap(), ["x: src/lib.rs: SQL stands only in store*"]);
    }

    #[test]
    fn finds_fuzz_targets_that_are_missing_or_forgotten() {
        let root = std::env::temp_dir().join(format!("fuzz-{}", std::process::id()));
        std::fs::create_dir_all(root.join("fuzz/src/targets")).unwrap();
        std::fs::write(root.join("fuzz/src/targets/one.rs"), "").unwrap();
        let both = ["one", "two"].map(|name| targets(&root, &[name]).unwrap());
        std::fs::remove_dir_all(&root).unwrap();
        assert_eq!(both[0], [""; 0]);
        assert_eq!(both[1].len(), 2, "{both:?}");
    }

    #[test]
    fn demands_a_first_line_and_a_bound() {
        let wrong = source(Path::new("crates/x/src/mod.rs"), "fn a() {}\n", 601, false);
        assert_eq!(wrong.len(), 3, "{wrong:?}");
    }
}
