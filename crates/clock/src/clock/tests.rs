//! What a clock promises.

use jiff::{SignedDuration, Timestamp};

use super::Clock;

fn second(n: i64) -> Timestamp {
    Timestamp::from_second(n).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[test]
fn a_fixed_clock_stands_still() {
    let clock = Clock::fixed(second(1_700_000_000));
    assert_eq!(clock.now(), clock.clone().now());
    assert_eq!(clock.now(), second(1_700_000_000));
}

#[test]
fn moving_the_hands_moves_every_clone() {
    let (clock, hands) = Clock::by_hand(second(100));
    let other = clock.clone();
    hands.advance(SignedDuration::from_secs(60));
    assert_eq!((clock.now(), other.now()), (second(160), second(160)));
    hands.set(second(7));
    assert_eq!((clock.now(), other.now()), (second(7), second(7)));
}

#[test]
fn the_hands_stop_at_the_end_of_the_calendar() {
    let (clock, hands) = Clock::by_hand(Timestamp::MAX);
    hands.advance(SignedDuration::from_hours(24));
    assert_eq!(clock.now(), Timestamp::MAX);
}

#[test]
fn two_clocks_made_by_hand_are_independent() {
    let (one, hands) = Clock::by_hand(second(1));
    let (two, _other) = Clock::by_hand(second(1));
    hands.set(second(2));
    assert_ne!(one.now(), two.now());
}

#[test]
fn a_clock_asks_its_function_each_time() {
    let (inner, hands) = Clock::by_hand(second(10));
    let clock = Clock::new(move || inner.now());
    hands.set(second(11));
    assert_eq!(clock.now(), second(11));
    assert_eq!(format!("{clock:?}"), "Clock(1970-01-01T00:00:11Z)");
}
