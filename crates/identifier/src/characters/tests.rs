//! Odd characters, and parts that a registry does not admit.

use super::{NewPartRefusal, Odd, check_new, find_odd, find_odd_part};
use crate::{ClientId, PART_CHARACTERS_MAX, Part};

#[test]
fn odd_characters_are_found() {
    for odd in ['\0', '\t', '\u{1f}', '\u{7f}', '\u{9f}', '%', ':', ';', '/', '\\', '\u{200b}', '\u{feff}'] {
        assert_eq!(find_odd(&format!("ab{odd}c%")), Some(odd));
    }
}

#[test]
fn ordinary_characters_are_not_odd() {
    for text in ["", "CO DE", "A'(),+-.=?", "ក្រសួង", "é\u{a0}", "\u{200c}"] {
        assert_eq!(find_odd(text), None, "{text}");
    }
}

#[test]
fn the_part_that_holds_it_is_named() {
    let id = ClientId::new("EX", "COM", "1", Some("a;b")).unwrap();
    let odd = Odd { part: Part::SubsystemCode, character: ';' };
    assert_eq!(find_odd_part(&id.parts()), Some(odd));
    assert_eq!(find_odd_part(&id.member().parts()), None);
}

#[test]
fn new_parts_are_held_to_more() {
    for text in ["civil-registry", "A'(),+-.=?", "ក្រសួង", "a b", "..."] {
        assert_eq!(check_new(text), Ok(()), "{text}");
    }
    for (text, refusal) in [
        ("", NewPartRefusal::Blank),
        (" \u{3000}", NewPartRefusal::Blank),
        (".", NewPartRefusal::DotSegment),
        ("..", NewPartRefusal::DotSegment),
        (" a", NewPartRefusal::OuterSpace),
        ("a\u{a0}", NewPartRefusal::OuterSpace),
        ("a/b", NewPartRefusal::Character { character: '/' }),
        ("a\u{200b}", NewPartRefusal::Character { character: '\u{200b}' }),
    ] {
        assert_eq!(check_new(text), Err(refusal), "{text}");
    }
    let long = "x".repeat(PART_CHARACTERS_MAX + 1);
    assert_eq!(check_new(&long), Err(NewPartRefusal::TooLong { characters: PART_CHARACTERS_MAX + 1 }));
}
