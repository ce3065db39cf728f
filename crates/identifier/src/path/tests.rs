//! One reading, or none.

use super::{PATH_BYTES_MAX, Refusal, check_uncompared, decode_strict};

#[test]
fn a_clear_path_is_decoded_once() {
    for (raw, decoded) in [
        ("", ""),
        ("/", "/"),
        ("/a/b/c", "/a/b/c"),
        ("/a/b/", "/a/b/"),
        ("/a%20b", "/a b"),
        ("/people/%E1%9E%81", "/people/ខ"),
        ("/a+b", "/a+b"),
        ("/q%3Fx%23y", "/q?x#y"),
        ("/%22%3C%3E%5E%60%7B%7C%7D", "/\"<>^`{|}"),
        ("/a%252Fb", "/a%2Fb"),
        ("/%252e%252e", "/%2e%2e"),
        ("/100%25", "/100%"),
        ("/a..b/.c/d./...", "/a..b/.c/d./..."),
        ("/a;v=1/b", "/a;v=1/b"),
        ("/~user/@x:y!$&'()*,;=", "/~user/@x:y!$&'()*,;="),
    ] {
        assert_eq!(decode_strict(raw).as_ref().map(super::ServicePath::as_str), Ok(decoded), "{raw}");
        assert_eq!(check_uncompared(raw), Ok(()), "{raw}");
    }
}

#[test]
fn parameters_can_be_left_out_of_every_segment() {
    for (raw, bare) in [
        ("/a/b", None),
        ("", None),
        ("/a;v=1/b", Some("/a/b")),
        ("/a/b%3Bx;y/", Some("/a/b/")),
        ("/a;b;c/d;e", Some("/a/d")),
    ] {
        assert_eq!(decode_strict(raw).unwrap().without_parameters().as_deref(), bare, "{raw}");
    }
}

/// Refused whether or not a pattern is compared.
fn check_refused(raw: &str, reason: &Refusal) {
    assert_eq!(decode_strict(raw).as_ref(), Err(reason), "{raw}");
    assert_eq!(check_uncompared(raw).as_ref(), Err(reason), "{raw}");
}

#[test]
fn refuses_dot_segments_in_every_spelling() {
    for (raw, segment) in [
        ("/.", "."),
        ("/..", ".."),
        ("/a/./b", "."),
        ("/a/../b", ".."),
        ("/a/%2e%2E/b", ".."),
        ("/a/.%2e", ".."),
        ("/%2e/", "."),
        ("/a/..;/b", "..;"),
        ("/a/..;x=1/b", "..;x=1"),
        ("/a/..%3Bx/b", "..;x"),
        ("/a/.;/b", ".;"),
    ] {
        check_refused(raw, &Refusal::DotSegment { segment: segment.to_owned() });
    }
}

#[test]
fn refuses_empty_segments() {
    for raw in ["//", "//host/p", "/a//b", "/a//", "/;/b", "/a/;x=1/b", "/a/;"] {
        check_refused(raw, &Refusal::EmptySegment);
    }
}

#[test]
fn refuses_backslashes_raw_and_encoded() {
    for raw in ["/a\\b", "/a%5Cb", "/a%5cb", "/..%5c.."] {
        check_refused(raw, &Refusal::Backslash);
    }
}

#[test]
fn refuses_controls() {
    for (raw, character) in [
        ("/%00", '\0'),
        ("/a%0Ab", '\n'),
        ("/a%0D", '\r'),
        ("/%7F", '\u{7f}'),
        ("/%C2%85", '\u{85}'),
        ("/%09", '\t'),
    ] {
        check_refused(raw, &Refusal::Control { character });
    }
}

#[test]
fn refuses_bytes_that_are_not_utf8() {
    // Among them the overlong forms of `/` and `.` that some readers decode.
    for raw in ["/%FF", "/%C0%AF", "/%E0%80%AF", "/%C0%AE%C0%AE/", "/%ED%A0%80", "/%E1%9E"] {
        check_refused(raw, &Refusal::NotUtf8);
    }
}

#[test]
fn refuses_broken_triplets() {
    for (raw, at) in [("/%", 1), ("/a%2", 2), ("/%zz", 1), ("/%u002F", 1), ("/%%32%46", 1)] {
        check_refused(raw, &Refusal::Triplet { at });
    }
}

#[test]
fn refuses_characters_that_should_have_been_encoded() {
    for (raw, character, at) in [
        ("/a b", ' ', 2),
        ("/a?x=1", '?', 2),
        ("/a#b", '#', 2),
        ("/é", 'é', 1),
        ("/a|b", '|', 2),
        ("/[", '[', 1),
        ("/\0", '\0', 1),
        ("/a\u{ff0f}b", '\u{ff0f}', 2),
    ] {
        check_refused(raw, &Refusal::Character { character, at });
    }
}

#[test]
fn refuses_a_path_that_does_not_begin_with_a_slash() {
    for raw in ["a", "a/b", "%2Fa", "..", "http://host/a", "*"] {
        check_refused(raw, &Refusal::NoLeadingSlash);
    }
}

#[test]
fn refuses_a_path_that_is_too_long() {
    let longest = format!("/{}", "a".repeat(PATH_BYTES_MAX - 1));
    assert!(decode_strict(&longest).is_ok());
    check_refused(&format!("{longest}a"), &Refusal::TooLong { bytes: PATH_BYTES_MAX + 1 });
}

#[test]
fn an_encoded_slash_is_ambiguous_but_harmless_where_nothing_is_compared() {
    for raw in ["/a%2Fb", "/a%2fb/c", "/a%2F"] {
        assert_eq!(decode_strict(raw), Err(Refusal::EncodedSlash), "{raw}");
        assert_eq!(check_uncompared(raw), Ok(()), "{raw}");
    }
}

#[test]
fn an_encoded_slash_must_not_hide_a_way_out() {
    for raw in ["/a%2F..%2Fb", "/..%2Fb", "/a%2f%2e%2e", "/..;x%2Fb"] {
        assert_eq!(decode_strict(raw), Err(Refusal::EncodedSlash), "{raw}");
        assert!(matches!(check_uncompared(raw), Err(Refusal::DotSegment { .. })), "{raw}");
    }
    for raw in ["/%2Fhost/p", "/a%2F/b", "/a/%2Fb"] {
        assert_eq!(check_uncompared(raw), Err(Refusal::EmptySegment), "{raw}");
    }
    assert_eq!(check_uncompared("/a%2F%00"), Err(Refusal::Control { character: '\0' }));
}
