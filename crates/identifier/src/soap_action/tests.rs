//! Which values of SOAPAction are valid.

use super::{Refusal, VALUE_BYTES_MAX, check};

#[test]
fn absent_words_and_quoted_uris_are_valid() {
    for value in [
        "",
        "\"\"",
        "\"urn:foo\"",
        "\"http://example.org/a?b=c#d\"",
        "\"http://user@[2001:db8::1]:80/\"",
        "\"relative/path\"",
        "\"?q=[1]\"",
        "\"#fragment\"",
        "\"mailto:a@b\"",
        "\"http://ex\u{e4}mple/\u{1781}\"",
        "\"file:///x\"",
        "\"a%20b\"",
    ] {
        assert_eq!(check(value), Ok(()), "{value}");
    }
}

#[test]
fn refuses_what_is_not_quoted() {
    for value in
        ["http://quotes/missing", "\"", "\"urn:foo", "urn:foo\"", "'urn:foo'", " \"urn:foo\"", "\"urn:foo\" "]
    {
        assert_eq!(check(value), Err(Refusal::NotQuoted), "{value}");
    }
}

#[test]
fn refuses_characters_that_no_uri_holds() {
    for (value, character) in [
        ("\"spaces \"", ' '),
        ("\"a\"b\"", '"'),
        ("\"urn:<x>\"", '<'),
        ("\"a\\b\"", '\\'),
        ("\"urn:a#b#c\"", '#'),
        ("\"/[x]\"", '['),
        ("\"urn:a\u{a0}b\"", '\u{a0}'),
        ("\"urn:a\u{85}b\"", '\u{85}'),
        ("\"urn:{a}\"", '{'),
        ("\"urn:a\r\nX: y\"", '\r'),
    ] {
        assert_eq!(check(value), Err(Refusal::Character { character }), "{value}");
    }
}

#[test]
fn refuses_broken_uris() {
    for (value, refusal) in [
        ("\"urn:\"", Refusal::Unfinished),
        ("\"http://\"", Refusal::Unfinished),
        ("\"//\"", Refusal::Unfinished),
        ("\":foo\"", Refusal::Scheme),
        ("\"1a:b\"", Refusal::Scheme),
        ("\"a_b:c\"", Refusal::Scheme),
        ("\"urn:%\"", Refusal::Triplet),
        ("\"urn:%4\"", Refusal::Triplet),
        ("\"/%zz\"", Refusal::Triplet),
    ] {
        assert_eq!(check(value), Err(refusal), "{value}");
    }
    let long = format!("\"urn:{}\"", "a".repeat(VALUE_BYTES_MAX));
    assert!(matches!(check(&long), Err(Refusal::TooLong { .. })));
}
