//! One segment, there and back.

use super::{Refusal, decode_segment, encode_segment};

#[test]
fn what_may_stand_stands() {
    let kept = "ABCXYZabcxyz0189-._~!$&'()*+,;=:@";
    assert_eq!(encode_segment(kept), kept);
    assert_eq!(decode_segment(kept).as_deref(), Ok(kept));
}

#[test]
fn everything_else_becomes_triplets_in_capitals() {
    assert_eq!(
        encode_segment("a b/c%d?#[]\"<>\\^`{|}"),
        "a%20b%2Fc%25d%3F%23%5B%5D%22%3C%3E%5C%5E%60%7B%7C%7D"
    );
    assert_eq!(encode_segment("ä€ខ😀"), "%C3%A4%E2%82%AC%E1%9E%81%F0%9F%98%80");
    assert_eq!(encode_segment("\0\u{7f}"), "%00%7F");
}

#[test]
fn every_character_survives_the_way_there_and_back() {
    for character in (0..=0x10_ffff_u32).step_by(17).filter_map(char::from_u32).chain('\0'..='\u{2ff}') {
        let text = format!("x{character}y");
        assert_eq!(decode_segment(&encode_segment(&text)), Ok(text));
    }
}

#[test]
fn decodes_once_and_only_once() {
    assert_eq!(decode_segment("%252F").as_deref(), Ok("%2F"));
    assert_eq!(decode_segment("a+b%2bc").as_deref(), Ok("a+b+c"));
    assert_eq!(decode_segment("").as_deref(), Ok(""));
    assert_eq!(decode_segment("%2f%00").as_deref(), Ok("/\0"));
}

#[test]
fn refuses_what_should_have_been_encoded() {
    for (raw, character, at) in [
        ("a b", ' ', 1),
        ("/", '/', 0),
        ("a|b", '|', 1),
        ("\"", '"', 0),
        ("x?y", '?', 1),
        ("x#", '#', 1),
        ("xyä", 'ä', 2),
        ("\u{0}", '\0', 0),
        ("%41[", '[', 3),
    ] {
        assert_eq!(decode_segment(raw), Err(Refusal::Character { character, at }), "{raw}");
    }
}

#[test]
fn refuses_broken_triplets() {
    for (raw, at) in
        [("%", 0), ("a%2", 1), ("%G0", 0), ("%0G", 0), ("%%41", 0), ("%+1", 0), ("% 1", 0), ("%é", 0)]
    {
        assert_eq!(decode_segment(raw), Err(Refusal::Triplet { at }), "{raw}");
    }
}

#[test]
fn refuses_bytes_that_are_not_utf8() {
    // A lone continuation, an overlong slash, a surrogate, a cut sequence, a code point beyond the last.
    for raw in ["%80", "%C0%AF", "%ED%A0%80", "%E2%82", "%F4%90%80%80", "%FF", "%FE%FF"] {
        assert_eq!(decode_segment(raw), Err(Refusal::NotUtf8), "{raw}");
    }
}
