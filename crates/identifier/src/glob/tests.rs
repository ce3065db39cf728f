//! What patterns match, and what they leave alone.

use super::{Glob, PATTERN_CHARACTERS_MAX, Refusal};

fn check(pattern: &str, hits: &[&str], misses: &[&str]) {
    let glob = Glob::new(pattern).unwrap();
    for path in hits {
        assert!(glob.matches(path), "{pattern} should match {path}");
    }
    for path in misses {
        assert!(!glob.matches(path), "{pattern} should not match {path}");
    }
}

#[test]
fn text_matches_itself_as_a_whole() {
    check("/pets", &["/pets"], &["", "/pet", "/petss", "/pets/", "/PETS", "x/pets", "/pets/1"]);
    check("", &[""], &["/", " "]);
    check(".^$+{[]|()?#", &[".^$+{[]|()?#"], &["x^$+{[]|()?#"]);
}

#[test]
fn one_star_stays_within_its_segment() {
    check("/pets/*", &["/pets/1", "/pets/", "/pets/a b"], &["/pets", "/pets/1/2", "/pets//"]);
    check("/*/x", &["/a/x", "//x"], &["/a/b/x", "/x"]);
    check("/a*b*c", &["/abc", "/a1b2c", "/abbc", "/abcbc"], &["/ac", "/a/bc", "/ab/c", "/abcd"]);
    check("*", &["", "abc"], &["/", "a/b"]);
}

#[test]
fn two_stars_and_more_cross_segments() {
    check("**", &["", "/", "/a/b/c"], &[]);
    check("*****", &["", "/a/b"], &[]);
    check("/pets/**", &["/pets/", "/pets/1/2"], &["/pets", "/cats/1"]);
    check("/**/x", &["//x", "/a/x", "/a/b/x"], &["/x", "/a/x/"]);
    check("**/*/**", &["/bar/", "a/b/c/d"], &["/", "a/b"]);
    check("/a**b*c", &["/abc", "/a/x/b1c", "/a/bxb/bc"], &["/a/b/c", "/ab/c"]);
}

#[test]
fn a_backslash_escapes_stars_and_itself_only() {
    check("\\*", &["*"], &["x", "\\*", ""]);
    check("\\\\", &["\\"], &["\\\\"]);
    check("\\A", &["\\A"], &["A"]);
    check("a\\", &["a\\"], &["a"]);
    check("*\\**", &["*", "a*b"], &["ab", "/*"]);
    check("\\\\*", &["\\", "\\x"], &["*"]);
}

#[test]
fn only_two_stars_alone_cover_everything_unseen() {
    assert!(Glob::new("**").unwrap().covers_everything());
    for pattern in ["***", "*", "/**", "**/", "\\**", ""] {
        assert!(!Glob::new(pattern).unwrap().covers_everything(), "{pattern}");
    }
}

#[test]
fn a_hostile_pattern_takes_no_longer_than_its_length() {
    let pattern = "*a".repeat(PATTERN_CHARACTERS_MAX / 2);
    assert!(!Glob::new(&pattern).unwrap().matches(&"a".repeat(1000)));
    assert!(!Glob::new(&"**a".repeat(600)).unwrap().matches(&format!("{}b", "a".repeat(2000))));
}

#[test]
fn refuses_a_pattern_that_is_too_long() {
    let refusal = Glob::new(&"é".repeat(PATTERN_CHARACTERS_MAX + 1));
    assert_eq!(refusal, Err(Refusal::TooLong { characters: PATTERN_CHARACTERS_MAX + 1 }));
}
