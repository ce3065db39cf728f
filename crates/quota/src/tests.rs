//! Tests of the module beside it.
use super::*;
use clock::Hands;
use jiff::{SignedDuration, Timestamp};

fn client(code: &str) -> ClientId {
    ClientId::parse_short(&format!("A/B/C/{code}")).unwrap()
}

fn quotas(quota: Quota) -> (Arc<Quotas>, Hands) {
    let (clock, hands) = Clock::by_hand(Timestamp::from_second(1_700_000_000).unwrap());
    (Quotas::new(quota, clock), hands)
}

fn admitted(quotas: &Arc<Quotas>, code: &str) -> Result<(), Exceeded> {
    quotas.admit(&client(code)).map(drop)
}

#[test]
fn without_quotas_nothing_is_counted() {
    let (quotas, _) = quotas(Quota::default());
    let shares: Vec<Share> = (0..100).map(|_| quotas.admit(&client("a")).unwrap()).collect();
    assert!(shares.iter().all(|share| share.hold(u64::MAX) == Ok(())));
    assert!(quotas.accounts().is_empty());
}

#[test]
fn requests_keep_the_pace_of_their_client() {
    let (quotas, hands) = quotas(Quota { requests_per_second: 4, ..Quota::default() });
    let too_fast = |wait_ms| Err(Exceeded::Requests { per_second: 4, wait_ms });
    let burst: Vec<_> = (0..5).map(|_| admitted(&quotas, "a")).collect();
    assert_eq!(burst, [Ok(()), Ok(()), Ok(()), Ok(()), too_fast(250)]);
    assert_eq!(admitted(&quotas, "b"), Ok(()), "another client has its own");
    hands.advance(SignedDuration::from_millis(100));
    assert_eq!(admitted(&quotas, "a"), too_fast(150), "what was refused cost nothing");
    hands.advance(SignedDuration::from_millis(150));
    assert_eq!((admitted(&quotas, "a"), admitted(&quotas, "a")), (Ok(()), too_fast(250)));
    hands.advance(SignedDuration::from_hours(1));
    let burst: Vec<_> = (0..5).map(|_| admitted(&quotas, "a")).collect();
    assert_eq!(burst[3..], [Ok(()), too_fast(250)], "whoever waited longer has no more than a second's");
    hands.advance(SignedDuration::from_hours(-2));
    assert_eq!(admitted(&quotas, "a"), too_fast(250), "a clock that was set back keeps nobody out");
    hands.advance(SignedDuration::from_millis(250));
    assert_eq!(admitted(&quotas, "a"), Ok(()));
}

#[test]
fn exchanges_give_their_place_back() {
    let (quotas, _) = quotas(Quota { exchanges_at_once: 2, ..Quota::default() });
    let first = quotas.admit(&client("a")).unwrap();
    let _second = quotas.admit(&client("a")).unwrap();
    assert_eq!(admitted(&quotas, "a"), Err(Exceeded::Exchanges { limit: 2 }));
    assert_eq!(admitted(&quotas, "b"), Ok(()));
    drop(first);
    assert_eq!(admitted(&quotas, "a"), Ok(()));
}

#[test]
fn bodies_share_what_may_be_on_its_way() {
    let (quotas, _) = quotas(Quota { body_bytes_at_once: 100, ..Quota::default() });
    let (first, second) = (quotas.admit(&client("a")).unwrap(), quotas.admit(&client("a")).unwrap());
    assert_eq!((first.hold(60), first.hold(60)), (Ok(()), Ok(())), "counted once");
    assert_eq!(second.hold(40), Ok(()));
    assert_eq!(second.hold(41), Err(Exceeded::BodyBytes { limit: 100 }));
    assert_eq!(second.hold(101), Err(Exceeded::Body { limit: 100, bytes: 101 }));
    assert_eq!(quotas.admit(&client("b")).unwrap().hold(100), Ok(()));
    drop(first);
    assert_eq!(second.hold(100), Ok(()));
    drop(second);
    assert_eq!(quotas.admit(&client("a")).unwrap().hold(100), Ok(()), "everything came back");
}

#[test]
fn whoever_owes_nothing_is_forgotten() {
    let (quotas, hands) = quotas(Quota { requests_per_second: 1, ..Quota::default() });
    let running = quotas.admit(&client("runs")).unwrap();
    for code in 0..ACCOUNTS_KEPT {
        admitted(&quotas, &code.to_string()).unwrap();
        hands.advance(SignedDuration::from_secs(1));
    }
    assert_eq!(quotas.accounts().len(), 2, "the one that runs, and the newest");
    drop(running);
}
