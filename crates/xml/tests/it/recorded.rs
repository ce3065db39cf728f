//! What X-Road really writes stays far below the budget.

use std::fs;
use std::path::{Path, PathBuf};

use roxmltree::Document;
use xml::{Budget, within_budget};

use crate::judge;

fn files_under(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files_under(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn every_recorded_document_is_within_the_smallest_budget() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    let mut files = Vec::new();
    files_under(&folder, &mut files);
    if files.is_empty() {
        println!("the vectors are not beside the project; nothing to check");
        return;
    }
    let quarter = Budget {
        tag_bytes_max: Budget::SMALL.tag_bytes_max / 4,
        attributes_max: Budget::SMALL.attributes_max / 4,
        declarations_max: Budget::SMALL.declarations_max / 2,
        scope_max: Budget::SMALL.scope_max / 4,
        depth_max: Budget::SMALL.depth_max / 4,
    };
    let mut read = 0_usize;
    for path in files {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let Ok(document) = Document::parse(&text) else { continue };
        read += 1;
        assert_eq!(within_budget(&text, &Budget::SMALL), Ok(()), "{}", path.display());
        assert_eq!(within_budget(&text, &Budget::LARGE), Ok(()), "{}", path.display());
        assert_eq!(within_budget(&text, &quarter), Ok(()), "no margin: {}", path.display());
        assert_eq!(judge::falls_short(&text, judge::need(&document)), Ok(()), "{}", path.display());
    }
    assert!(read > 100, "only {read} documents were read");
}
