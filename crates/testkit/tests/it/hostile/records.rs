//! A network that sees TLS only: it breaks at any byte, swallows what passes, or sends once more what it has seen.

use crate::proof::forwarder::{Break, Forwarder, How, between_gateways};
use crate::refusals::common::{Traces, refused};
use jiff::SignedDuration;
use testkit::{Choices, Nation, call, until};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// At how many places of each direction a connection breaks, unless the variable says another number.
const PLACES: usize = 14;
const PLACES_VARIABLE: &str = "CHHATRA_PLACES";
const HANDSHAKE: &str = "ssl_authentication_failed";
/// What a consumer may read of a request that did not arrive whole, and of an answer.
const ASKED: [&str; 3] = [HANDSHAKE, "io_error", "network_error"];
const ANSWERED: [&str; 6] = [
    HANDSHAKE,
    "io_error",
    "network_error",
    "service_failed.io_error",
    "service_failed.internal_error",
    "signature_verification.invalid_xml",
];

/// `cargo xtask drill network` asks for more.
fn places_wanted() -> usize {
    let said = std::env::var_os(PLACES_VARIABLE).and_then(|places| places.to_str()?.parse().ok());
    said.unwrap_or(PLACES)
}

async fn nation(own_kind: bool) -> (Nation, Forwarder) {
    let mut choices = Choices::default();
    (choices.peer.own_kind, choices.peer.connect_timeout_ms) = (own_kind, 1_000);
    let nation = Nation::start_with(choices).await.unwrap();
    let forwarder = between_gateways(&nation).await;
    (nation, forwarder)
}

async fn works(nation: &Nation) {
    let before = Traces::of(nation).unwrap();
    let answer = nation.send(call("GET", "/v1"), None).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    before.assert_whole(nation, "a whole exchange").unwrap();
}

/// The code of a call that breaks so.
async fn broken(nation: &Nation, forwarder: &Forwarder, breaks: Break, allowed: &[&str]) -> String {
    forwarder.breaks(breaks);
    let case = format!("{breaks:?}");
    let answer = nation.send(call("GET", "/v1"), None).await.unwrap();
    let code = answer.fault().unwrap_or_default();
    refused(&case, &answer, &code);
    let code = code.strip_prefix("server.clientproxy.").unwrap_or_default().to_owned();
    assert!(allowed.contains(&code.as_str()), "{case}: {code}: {}", answer.text());
    code
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_at_any_byte_gives_a_verdict_and_never_half_an_exchange() {
    let (nation, forwarder) = nation(false).await;
    works(&nation).await;
    forwarder.closed().await;
    let (asked, answered) = forwarder.passed();
    let before = Traces::of(&nation).unwrap();
    let wanted = places_wanted();
    let places = |total: usize| (0..wanted).map(move |place| u64::try_from(total * place / wanted).unwrap());
    for how in [How::Close, How::Reset] {
        for asked in places(asked.len()) {
            broken(&nation, &forwarder, Break { asked, how, ..Break::default() }, &ASKED).await;
        }
    }
    until("nothing is half done", || forwarder.open() == 0).await.unwrap();
    let now = Traces::of(&nation).unwrap();
    assert_eq!((now.service, now.provider), (before.service, before.provider), "no request came whole");
    for how in [How::Close, How::Reset] {
        for answered in places(answered.len()) {
            broken(&nation, &forwarder, Break { answered, how, ..Break::default() }, &ANSWERED).await;
        }
    }
    // The consumer hears of the break sooner than the provider's gateway is done.
    let whole = || {
        let now = Traces::of(&nation).unwrap();
        now.provider - before.provider == 2 * u64::try_from(now.service - before.service).unwrap()
    };
    until("what reached the service is on record with its answer", whole).await.unwrap();
    forwarder.breaks(Break::default());
    works(&nation).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_breaks_or_stalls_leaves_no_trace() {
    for own_kind in [true, false] {
        let (nation, forwarder) = nation(own_kind).await;
        let before = Traces::of(&nation).unwrap();
        for (asked, answered) in
            [(0, u64::MAX), (100, u64::MAX), (u64::MAX, 0), (u64::MAX, 5), (u64::MAX, 700)]
        {
            for how in [How::Close, How::Reset, How::Stall] {
                broken(&nation, &forwarder, Break { asked, answered, how }, &[HANDSHAKE]).await;
            }
        }
        before.assert_none_since(&nation, "broken handshakes").unwrap();
        // Neither side goes on waiting.
        forwarder.closed().await;
        forwarder.breaks(Break::default());
        works(&nation).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passed_once_and_is_sent_again_is_nobodys_request() {
    for own_kind in [true, false] {
        let (nation, forwarder) = nation(own_kind).await;
        // Of our own kind the second connection resumes the session of the first.
        for _ in 0..2 {
            works(&nation).await;
            nation.hands.advance(SignedDuration::from_secs(21));
            forwarder.closed().await;
        }
        let before = Traces::of(&nation).unwrap();
        let (asked, _) = forwarder.passed();
        let mut again = TcpStream::connect(nation.provider.config.listen.transport).await.unwrap();
        // It may be turned away before all has come.
        let _sent = again.write_all(&asked).await;
        let _ended = again.shutdown().await;
        let mut told = vec![];
        let _turned_away = again.read_to_end(&mut told).await;
        assert!(!told.is_empty(), "it was spoken to");
        works(&nation).await;
        assert_eq!(Traces::of(&nation).unwrap(), before.plus(1, 2, 2), "own kind {own_kind}");
    }
}
