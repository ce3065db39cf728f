//! Whatever breaks between two gateways, at whatever part of a message: the consumer reads the right code once, both logs hold what they
//! should, the next exchange works, and nothing stays open.

use super::between::{At, Between, Deed, Fault, Leg, parts};
use crate::proof::tools::{alone, spooled, status_bytes};
use crate::refusals::common::{Traces, refused};
use std::time::Duration;
use testkit::{Choices, Nation, call, until};

const BODY: &[u8] = b"{\"name\":\"SOK CHANNA\"}";
/// More than the sockets between two gateways hold.
const UPLOAD_BYTES: usize = 24_000_000;
/// All that two gateways, a registry and their neighbours in one process may take for it.
const MEMORY_MAX: usize = 100_000_000;

/// What has to come of a fault: the consumer's code without `server.clientproxy.`, or `None` for an answer; calls of the service, records
/// of the consumer's and of the provider's gateway.
type Outcome = (Option<&'static str>, (usize, u64, u64));

const ANSWERED: Outcome = (None, (1, 2, 2));

/// Of requests nobody answers, as data-plane 9.1 tells failures of sockets from all others.
const fn unanswered(deed: Deed) -> &'static str {
    if matches!(deed, Deed::Reset) { "network_error" } else { "io_error" }
}

fn expected(own_kind: bool, fault: Fault) -> Outcome {
    let Fault { leg, at, deed } = fault;
    if leg == Leg::Asked {
        return (Some(unanswered(deed)), (0, 1, 0));
    }
    let code = match at {
        At::Start | At::InHead => unanswered(deed),
        // An answer of our own kind tells its end. That of an X-Road server ends with the connection, so that what is missing shows in
        // what came.
        _ if own_kind || deed == Deed::Reset || deed == Deed::Stall => "service_failed.io_error",
        At::HeadEnd | At::Line(0) | At::Part(0) => "service_failed.internal_error",
        At::AfterEnd => return ANSWERED,
        At::Line(_) | At::Part(_) | At::BeforeEnd | At::Whole | At::Streaming(_) => {
            "signature_verification.invalid_xml"
        }
    };
    (Some(code), (1, 1, 2))
}

/// Every place of a message with so many parts.
fn places(parts: usize) -> Vec<At> {
    let within = (0..parts).flat_map(|part| [At::Line(part), At::Part(part)]);
    let ends = [At::BeforeEnd, At::AfterEnd];
    [At::Start, At::InHead, At::HeadEnd].into_iter().chain(within).chain(ends).collect()
}

async fn befalls(nation: &Nation, between: &Between, fault: Fault, body: &[u8], outcome: Outcome) {
    let (code, (calls, consumer, provider)) = outcome;
    let case = format!("{fault:?}");
    let before = Traces::of(nation).unwrap();
    let answer = nation.send(call("POST", &between.case(fault)), Some(body)).await.unwrap();
    between.release();
    match code {
        None => assert_eq!(answer.status, 200, "{case}: {}", answer.text()),
        Some(code) => drop(refused(&case, &answer, &format!("server.clientproxy.{code}"))),
    }
    assert_eq!(Traces::of(nation).unwrap(), before.plus(calls, consumer, provider), "{case}: traces");
}

async fn works(nation: &Nation, what: &str) {
    let before = Traces::of(nation).unwrap();
    let answer = nation.send(call("POST", "/v1/whole"), Some(BODY)).await.unwrap();
    assert_eq!(answer.status, 200, "{what}: {}", answer.text());
    before.assert_whole(nation, what).unwrap();
}

fn handles() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// The system tells nobody when a file is closed, so each look follows a whole exchange, in which whatever was about to end has its turn.
async fn files_come_down_to(most: usize, nation: &Nation) {
    let looking = async {
        while handles() > most {
            works(nation, "while files are counted").await;
        }
    };
    let came = tokio::time::timeout(Duration::from_secs(60), looking).await;
    assert!(came.is_ok(), "{} files are open, and not {most}", handles());
}

#[test]
fn whatever_breaks_between_two_gateways_the_consumer_reads_why_and_nothing_stays_open() {
    alone(
        module_path!(),
        "whatever_breaks_between_two_gateways_the_consumer_reads_why_and_nothing_stays_open",
        async {
            for own_kind in [true, false] {
                everything_breaks(own_kind).await;
            }
        },
    );
}

async fn everything_breaks(own_kind: bool) {
    let mut choices = Choices::default();
    (choices.peer.own_kind, choices.peer.read_timeout_ms) = (own_kind, 1_500);
    let nation = Nation::start_with(choices).await.unwrap();
    let between = Between::start(&nation, own_kind).await.unwrap();
    works(&nation, "before").await;
    works(&nation, "before").await;
    let (open, files) = (between.open(), handles());
    let _reset = std::fs::write("/proc/self/clear_refs", "5");
    let memory = status_bytes("VmHWM:");
    let (asked, answered) = between.last();
    let legs = [(Leg::Asked, parts(&asked)), (Leg::Answered, parts(&answered))];
    assert_eq!((legs[0].1, legs[1].1), (6, 5), "an OCSP response; message, body, result, chain, signature");
    for (leg, parts) in legs {
        for at in places(parts) {
            for deed in [Deed::Close, Deed::Drop, Deed::Reset] {
                let fault = Fault { leg, at, deed };
                befalls(&nation, &between, fault, BODY, expected(own_kind, fault)).await;
            }
            works(&nation, &format!("after {leg:?} {at:?}")).await;
        }
    }
    // A peer that is there and says nothing more, before and inside its answer; a request that comes twice, and one whose sender closes
    // its own direction.
    let (asked, answered) = (Leg::Asked, Leg::Answered);
    for (leg, at, deed) in [
        (asked, At::Start, Deed::Stall),
        (answered, At::InHead, Deed::Stall),
        (answered, At::Part(3), Deed::Stall),
    ] {
        let fault = Fault { leg, at, deed };
        befalls(&nation, &between, fault, BODY, expected(own_kind, fault)).await;
        works(&nation, &format!("after {fault:?}")).await;
    }
    for (deed, outcome) in [(Deed::HalfClose, ANSWERED), (Deed::Twice, (None, (2, 2, 4)))] {
        befalls(&nation, &between, Fault { leg: asked, at: At::Whole, deed }, BODY, outcome).await;
    }
    // Nothing is on record of what could not be sent whole.
    let upload = vec![7; UPLOAD_BYTES];
    for (deed, code) in [(Deed::Reset, "network_error"), (Deed::Stall, "io_error")] {
        let fault = Fault { leg: asked, at: At::Streaming(UPLOAD_BYTES / 8), deed };
        befalls(&nation, &between, fault, &upload, (Some(code), (0, 0, 0))).await;
    }
    works(&nation, "at the end").await;
    between.comes_down_to(open).await;
    let sides = [&nation.consumer.config, &nation.provider.config];
    until("nothing is spooled", || sides.iter().all(|side| spooled(side) == 0)).await.unwrap();
    files_come_down_to(files, &nation).await;
    // Hundreds of broken messages, two of 24 MB: of those this test itself has two copies at a time.
    let growth = status_bytes("VmHWM:").saturating_sub(memory);
    assert!(growth < MEMORY_MAX, "{growth} bytes more at the most");
}
