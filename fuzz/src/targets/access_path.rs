//! Service paths and the patterns of rights: a path is read in one way, and only what a pattern covers is allowed.

use crate::seeds::{cut, join};
use crate::vectors;
use access::{Call, Endpoint, Groups, Right, Subject, decide};
use identifier::ClientId;
use identifier::glob::Glob;
use identifier::path::{self, ServicePath};
use identifier::percent;

/// Pattern, method, raw path.
pub(crate) fn run(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    let [pattern, method, raw] = cut::<3>(text.as_bytes()).map(|part| std::str::from_utf8(part).unwrap());
    if let Ok(segment) = percent::decode_segment(raw) {
        assert_eq!(
            percent::decode_segment(&percent::encode_segment(&segment)).as_deref(),
            Ok(segment.as_str())
        );
    }
    let read = path::decode_strict(raw);
    if let Ok(path) = &read {
        read_in_one_way(path);
        path::check_uncompared(raw).expect("what may be compared may also be let through");
    }
    let Ok(glob) = Glob::new(pattern) else { return };
    if pattern.len() * raw.len() <= 1 << 14 {
        assert_eq!(glob.matches(raw), reference(pattern, raw), "{pattern:?} and {raw:?}");
    }
    decided(pattern, method, raw, read.ok().as_ref(), &glob);
}

fn read_in_one_way(path: &ServicePath) {
    let decoded = path.as_str();
    assert!(!decoded.contains('\\') && !decoded.chars().any(char::is_control), "{decoded:?}");
    for segment in decoded.split('/') {
        let bare = segment.split(';').next().unwrap_or_default();
        assert!(bare != "." && bare != "..", "{decoded:?}");
    }
    let written: Vec<String> = decoded.split('/').map(percent::encode_segment).collect();
    assert_eq!(path::decode_strict(&written.join("/")).as_ref(), Ok(path));
}

fn decided(pattern: &str, method: &str, raw: &str, read: Option<&ServicePath>, glob: &Glob) {
    let Ok(endpoint) = Endpoint::new("code", method, pattern) else { return };
    let caller = ClientId::new("EX", "GOV", "1", Some("sub")).unwrap();
    let rights = [Right { subject: Subject::Client(caller.clone()), endpoint }];
    let groups = Groups { global: &|_, _| false, local: &|_, _| false };
    let call = Call::Rest { method, raw_path: raw };
    if let Ok(allowed) = decide(&caller, &groups, &rights, "code", call) {
        assert_eq!(allowed.path(), read, "what is allowed is what was read");
        let covered = glob.covers_everything() || read.is_some_and(|path| glob.matches(path.as_str()));
        assert!(covered, "{pattern:?} does not cover {raw:?}");
    }
    assert!(decide(&caller, &groups, &rights, "other", call).is_err());
}

/// The same patterns once more, slowly: which ends of the pattern match which ends of the path.
fn reference(pattern: &str, path: &str) -> bool {
    let (pattern, path): (Vec<char>, Vec<char>) = (pattern.chars().collect(), path.chars().collect());
    let mut matched = vec![vec![false; path.len() + 1]; pattern.len() + 1];
    for from in (0..=pattern.len()).rev() {
        for at in (0..=path.len()).rev() {
            let next = path.get(at);
            matched[from][at] = match &pattern[from..] {
                [] => next.is_none(),
                ['\\', literal @ ('*' | '\\'), ..] => next == Some(literal) && matched[from + 2][at + 1],
                ['*', '*', ..] => {
                    let stars = pattern[from..].iter().take_while(|star| **star == '*').count();
                    matched[from + stars][at] || (next.is_some() && matched[from][at + 1])
                }
                ['*', ..] => {
                    matched[from + 1][at] || next.is_some_and(|next| *next != '/') && matched[from][at + 1]
                }
                [literal, ..] => next == Some(literal) && matched[from + 1][at + 1],
            };
        }
    }
    matched[0][0]
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let patterns = ["**", "/pets/*", "/pets/**", "/a/*/b", "/\\*", "/p*s/**/x"];
    let paths = ["", "/", "/pets/1", "/pets/a%2Fb/x", "/a/x/b", "/a;v=1/../b", "/p%C3%A9ts//x", "/%2e%2e/a"];
    let mut found: Vec<_> = patterns
        .iter()
        .flat_map(|pattern| paths.iter().map(|path| join(&[pattern.as_bytes(), b"GET", path.as_bytes()])))
        .collect();
    for text in vectors::texts("rest").into_iter().filter(|text| text.starts_with('/')) {
        found.push(join(&[b"/**", b"GET", text.as_bytes()]));
    }
    found
}
