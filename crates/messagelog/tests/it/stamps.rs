//! Time-stamp rounds against a practice authority; the containers that come of them verify (data-plane 7.3, 7.4, 7.6).

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use messagelog::{Failure, MessageLog, RecordId, Search, Settings, StampFault, Stamper};
use signature::container::AsicContainer;
use signature::evidence;
use trust::DigestAlgorithm;

use crate::bench::{Bench, bench, noon, open_with, request};
use crate::practice::Practice;

fn later(seconds: i64) -> Timestamp {
    noon() + SignedDuration::from_secs(seconds)
}

async fn exported(log: &MessageLog, id: u64) -> messagelog::Exported {
    log.read(move |reader| reader.export(RecordId(id))).await.unwrap()
}

/// Verifies a container as anybody could; gives it back read.
fn verified(practice: &Practice, bytes: &[u8]) -> AsicContainer {
    let container = AsicContainer::read(bytes).unwrap();
    let report =
        evidence::verify(&container, |_| Some(&practice.authorities), &practice.authorities.time_stampers);
    assert_eq!(report.unwrap().member.to_string(), "EX/COM/1");
    container
}

/// Has the next round stamped; how many records it covers.
async fn run_round(stamper: &mut Stamper, practice: &Practice, now: Timestamp) -> u64 {
    let round = stamper.next_round(now).await.unwrap().unwrap();
    let token = practice.stamp(&round);
    let covered = round.last().0 - round.first().0 + 1;
    stamper.stamped(round, &token, now).await.unwrap();
    covered
}

#[tokio::test]
async fn a_batch_is_stamped_and_each_container_verifies() {
    let (practice, bench) = (Practice::new(), bench(Settings::default()));
    for (place, body) in [None, Some(&b"a body"[..]), None, Some(b"another"), None].into_iter().enumerate() {
        bench.log.record(practice.message(&format!("q {place}"), body)).await.unwrap();
    }
    let mut stamper = Stamper::new(bench.log.clone(), noon());
    assert_eq!(stamper.next_round(noon()).await.unwrap(), None);
    assert_eq!(stamper.wait(noon()), Duration::from_secs(1));
    assert_eq!(run_round(&mut stamper, &practice, later(1)).await, 5);
    assert_eq!(bench.log.health().unstamped, 0);
    for id in 1..=5 {
        let exported = exported(&bench.log, id).await;
        assert_eq!(exported.file_name, format!("q+{}-response-{id}.asice", id - 1));
        assert!(exported.stamped);
        let container = verified(&practice, &exported.bytes);
        assert_eq!(container.attachments.len(), usize::from(id % 2 == 0));
        let stamp = container.stamp.unwrap();
        assert!(practice.openssl_verifies(&stamp.token, &stamp.result));
        assert!(!practice.openssl_verifies(&stamp.token, &stamp.chain));
    }
    let listed = bench.log.read(|reader| reader.find(&Search::default())).await.unwrap();
    assert!(listed.iter().all(|entry| entry.stamped));
    assert_eq!(stamper.next_round(later(2)).await.unwrap(), None);
    assert_eq!(stamper.wait(later(1)), Duration::from_secs(60));
}

#[tokio::test]
async fn a_lone_record_is_stamped_as_a_chain_of_one() {
    let (practice, bench) = (Practice::new(), bench(Settings::default()));
    let record = practice.message("q", Some(b"body"));
    bench.log.record(record.clone()).await.unwrap();
    let mut stamper = Stamper::new(bench.log.clone(), noon());
    assert_eq!(run_round(&mut stamper, &practice, later(1)).await, 1);
    let container = verified(&practice, &exported(&bench.log, 1).await.bytes);
    // Another producer's document is covered to the last octet, whatever its layout.
    assert_eq!(container.signed.signatures_xml, record.signed.signatures_xml);
    let stamp = container.stamp.unwrap();
    assert!(practice.openssl_verifies(&stamp.token, &stamp.result));
    let read = bench.log.read(|reader| reader.record(RecordId(1))).await.unwrap();
    let read = read.stamp.unwrap();
    assert_eq!((read.first, read.last), (RecordId(1), RecordId(1)));
}

#[tokio::test]
async fn batches_are_limited_and_follow_one_another_at_once_and_go_on_after_a_restart() {
    let practice = Practice::new();
    let mut settings = Settings::default();
    settings.time_stamping.records_max = 3;
    let bench = bench(settings.clone());
    for place in 0..7 {
        bench.log.record(practice.message(&format!("q-{place}"), None)).await.unwrap();
    }
    let mut stamper = Stamper::new(bench.log.clone(), noon());
    assert_eq!(run_round(&mut stamper, &practice, later(1)).await, 3);
    assert_eq!(stamper.wait(later(1)), Duration::ZERO);
    assert_eq!(bench.log.health().unstamped, 4);
    bench.log.close().await.unwrap();

    let log = open_with(bench.directory.path(), settings, clock::Clock::fixed(noon()));
    assert_eq!(log.health().unstamped, 4);
    let mut stamper = Stamper::new(log.clone(), noon());
    assert_eq!(run_round(&mut stamper, &practice, later(1)).await, 3);
    assert_eq!(run_round(&mut stamper, &practice, later(1)).await, 1);
    for id in 1..=7 {
        verified(&practice, &exported(&log, id).await.bytes);
    }
    assert_eq!(log.read(|reader| reader.statistics()).await.unwrap().stamps, 3);
}

#[tokio::test]
async fn after_a_failed_round_one_record_is_tried_at_a_time_until_one_succeeds() {
    let (practice, bench) = (Practice::new(), bench(Settings::default()));
    for place in 0..4 {
        bench.log.record(practice.message(&format!("q-{place}"), None)).await.unwrap();
    }
    let mut stamper = Stamper::new(bench.log.clone(), noon());
    stamper.set_interval(3600);
    assert_eq!(stamper.next_round(later(1)).await.unwrap().unwrap().last(), RecordId(4));
    stamper.failed(later(1));
    assert_eq!(bench.log.health().stamping_failing_since, Some(later(1)));
    assert_eq!(stamper.next_round(later(60)).await.unwrap(), None);
    let round = stamper.next_round(later(61)).await.unwrap().unwrap();
    assert_eq!((round.first(), round.last()), (RecordId(1), RecordId(1)));
    stamper.failed(later(61));
    assert_eq!(run_round(&mut stamper, &practice, later(121)).await, 1);
    assert_eq!(bench.log.health().stamping_failing_since, None);
    assert_eq!(run_round(&mut stamper, &practice, later(121)).await, 3);
    for id in 1..=4 {
        verified(&practice, &exported(&bench.log, id).await.bytes);
    }
}

/// A log whose time-stamping has failed since second 1.
async fn failing(accepted: u64) -> (Bench, Stamper) {
    let mut settings = Settings::default();
    settings.time_stamping.failure_accepted = Duration::from_secs(accepted);
    let bench = bench(settings);
    bench.log.record(request("q")).await.unwrap();
    let mut stamper = Stamper::new(bench.log.clone(), noon());
    stamper.failed(later(1));
    (bench, stamper)
}

#[tokio::test]
async fn when_time_stamping_fails_too_long_nothing_is_recorded_until_it_succeeds() {
    let (bench, mut stamper) = failing(14_400).await;
    bench.hands.set(later(14_401));
    assert_eq!(bench.log.record(request("in time")).await, Ok(RecordId(2)));
    stamper.failed(later(14_401));
    bench.hands.set(later(14_402));
    let refused =
        Failure::TimestampingFailedTooLong { since: later(1), now: later(14_402), allowed_seconds: 14_400 };
    assert_eq!(bench.log.record(request("late")).await, Err(refused.clone()));
    assert!(refused.retry_can_help());
    let practice = Practice::new();
    let again = open_with(&practice.path("log"), Settings::default(), clock::Clock::fixed(later(15_000)));
    again.record(practice.message("q", None)).await.unwrap();
    let mut stamper = Stamper::new(again.clone(), noon());
    stamper.failed(later(1));
    assert!(matches!(again.admits(), Err(Failure::TimestampingFailedTooLong { .. })));
    run_round(&mut stamper, &practice, later(15_000)).await;
    assert_eq!(again.admits(), Ok(()));
    again.close().await.unwrap();
}

#[tokio::test]
async fn a_signature_that_nobody_can_read_holds_up_no_others() {
    let (_bench, mut stamper) = failing(0).await;
    let round = stamper.next_round(later(61)).await.unwrap().unwrap();
    assert_eq!((round.first(), round.last()), (RecordId(1), RecordId(1)));
}

#[tokio::test]
async fn an_accepted_period_of_zero_accepts_any_failure() {
    let (bench, _stamper) = failing(0).await;
    bench.hands.set(later(10_000_000));
    assert_eq!(bench.log.record(request("late")).await, Ok(RecordId(2)));
}

#[tokio::test]
async fn an_empty_queue_clears_the_failure_clock() {
    let bench = bench(Settings::default());
    let mut stamper = Stamper::new(bench.log.clone(), noon());
    stamper.failed(later(1));
    assert!(bench.log.health().stamping_failing_since.is_some());
    assert_eq!(stamper.next_round(later(61)).await.unwrap(), None);
    assert_eq!(bench.log.health().stamping_failing_since, None);
}

#[tokio::test]
async fn a_token_over_something_else_is_not_taken() {
    let (practice, bench) = (Practice::new(), bench(Settings::default()));
    for place in 0..2 {
        bench.log.record(practice.message(&format!("q-{place}"), None)).await.unwrap();
    }
    let mut stamper = Stamper::new(bench.log.clone(), noon());
    let round = stamper.next_round(later(1)).await.unwrap().unwrap();
    let other_data = practice.stamp_of(DigestAlgorithm::Sha512, &[7; 64]);
    let other_algorithm = practice.stamp_of(DigestAlgorithm::Sha256, &round.imprint()[..32]);
    for token in [other_data, other_algorithm] {
        let refused = stamper.stamped(round.clone(), &token, later(1)).await;
        assert_eq!(refused, Err(Failure::WrongStamp(StampFault::Imprint)));
    }
    assert_eq!(bench.log.health().unstamped, 2);
    assert_eq!(bench.log.health().stamping_failing_since, Some(later(1)));
    assert_eq!(bench.log.admits(), Ok(()));
}

#[tokio::test]
async fn a_round_that_was_overtaken_is_not_taken_twice() {
    let (practice, bench) = (Practice::new(), bench(Settings::default()));
    bench.log.record(practice.message("q", None)).await.unwrap();
    let mut stamper = Stamper::new(bench.log.clone(), noon());
    let round = stamper.next_round(later(1)).await.unwrap().unwrap();
    let token = practice.stamp(&round);
    stamper.stamped(round.clone(), &token, later(1)).await.unwrap();
    let stale = StampFault::Stale { first: RecordId(1), stamped_through: 1 };
    assert_eq!(stamper.stamped(round, &token, later(1)).await, Err(Failure::WrongStamp(stale)));
    assert_eq!(bench.log.read(|reader| reader.statistics()).await.unwrap().stamps, 1);
}

#[tokio::test]
async fn a_record_without_a_time_stamp_is_exported_but_does_not_verify() {
    let (practice, bench) = (Practice::new(), bench(Settings::default()));
    bench.log.record(practice.message("q", None)).await.unwrap();
    let exported = exported(&bench.log, 1).await;
    assert!(!exported.stamped);
    let container = AsicContainer::read(&exported.bytes).unwrap();
    let refused =
        evidence::verify(&container, |_| Some(&practice.authorities), &practice.authorities.time_stampers);
    assert!(refused.is_err());
}

#[tokio::test]
async fn a_cut_body_is_left_out_of_the_container_and_the_rest_verifies() {
    let practice = Practice::new();
    let mut settings = Settings::default();
    settings.bodies.rule.bytes_max = 3;
    settings.bodies.rule.truncate = true;
    let bench = bench(settings);
    bench.log.record(practice.message("q", Some(b"long body"))).await.unwrap();
    let mut stamper = Stamper::new(bench.log.clone(), noon());
    run_round(&mut stamper, &practice, later(1)).await;
    let container = verified(&practice, &exported(&bench.log, 1).await.bytes);
    assert!(container.attachments.is_empty());
}
