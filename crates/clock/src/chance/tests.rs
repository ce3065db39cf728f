//! What chance promises.

use std::collections::BTreeSet;

use super::Chance;

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let (mut one, mut two, mut other) = ([0; 37], [0; 37], [0; 37]);
    Chance::seeded(7).fill(&mut one);
    Chance::seeded(7).fill(&mut two);
    Chance::seeded(8).fill(&mut other);
    assert_eq!(one, two);
    assert_ne!(one, other);
}

#[test]
fn a_clone_goes_on_where_the_source_stands() {
    let chance = Chance::seeded(1);
    let first = chance.clone().uuid4();
    assert_ne!(first, chance.uuid4());
}

#[test]
fn a_uuid_has_version_four_and_the_usual_variant() {
    let chance = Chance::seeded(42);
    for _ in 0..200 {
        let text = chance.uuid4();
        let bytes = text.as_bytes();
        assert_eq!(bytes.len(), 36);
        for (at, byte) in bytes.iter().enumerate() {
            match at {
                8 | 13 | 18 | 23 => assert_eq!(*byte, b'-'),
                14 => assert_eq!(*byte, b'4'),
                19 => assert!(b"89ab".contains(byte)),
                _ => assert!(byte.is_ascii_digit() || (b'a'..=b'f').contains(byte), "{text}"),
            }
        }
    }
}

#[test]
fn a_uuid_of_zeros_is_spelt_as_the_standard_says() {
    assert_eq!(Chance::new(|bytes| bytes.fill(0)).uuid4(), "00000000-0000-4000-8000-000000000000");
    assert_eq!(Chance::new(|bytes| bytes.fill(255)).uuid4(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
}

#[test]
fn letters_are_letters_and_all_of_them_come() {
    let text = Chance::seeded(3).letters(5000);
    assert_eq!(text.len(), 5000);
    assert!(text.bytes().all(|byte| byte.is_ascii_alphabetic()));
    assert_eq!(text.bytes().collect::<BTreeSet<_>>().len(), 52);
    assert_eq!(Chance::seeded(3).letters(0), "");
}

#[test]
fn a_number_stays_below_its_bound() {
    let chance = Chance::seeded(9);
    assert_eq!(chance.below(0), 0);
    assert_eq!(chance.below(1), 0);
    for _ in 0..1000 {
        assert!(chance.below(3) < 3);
    }
}

#[test]
fn a_shuffle_keeps_every_item() {
    let mut items: Vec<u32> = (0..100).collect();
    Chance::seeded(5).shuffle(&mut items);
    assert_ne!(items, (0..100).collect::<Vec<_>>());
    items.sort_unstable();
    assert_eq!(items, (0..100).collect::<Vec<_>>());
    Chance::seeded(5).shuffle::<u8>(&mut []);
}

#[test]
fn the_debug_form_shows_no_bytes() {
    assert_eq!(format!("{:?}", Chance::seeded(1)), "Chance");
}
