//! A recorded consumer asks our gateway in the place of its server: what we put on port 5500 is what the recorded server put there, and
//! the consumer gets what the recorded consumer got.

#![expect(clippy::unwrap_used, reason = "a recording that cannot be read ends the test")]

use super::compare::{Signed, headers, same, same_message};
use super::recording::{Exchange, Http, Keys, Kind, SIGNATURE, between, date, signing_time};
use super::script::scripted;
use super::stage::{Server, Stage};
use super::wires::{End, Seen, ask, identity};
use openssl::ssl::SslMethod;

/// Where the original refuses and we do not: the names, and why.
const OTHERWISE: [(&str, &str); 1] = [(
    "rest-02f-path-dots",
    "the original's HTTP layer answers 400 with a page; ours signs the path as it is, and the provider's gateway refuses it \
     (docs/design/access-paths.md)",
)];

#[tokio::test(flavor = "multi_thread")]
async fn every_recorded_call_is_carried_as_the_recorded_consumers_server_carried_it() {
    let Some(stage) = Stage::set() else { return };
    let (mut carried, mut to_the_octet, mut refused) = (0, 0, 0);
    for exchange in &stage.exchanges {
        let name = &exchange.name;
        if let Kind::Later(what) = exchange.kind() {
            println!("later: {name} ({what})");
            continue;
        }
        println!("replayed: {name}");
        let (ours, seen) = call(&stage, exchange).await;
        if let Some((_, why)) = OTHERWISE.iter().find(|(other, _)| other == name) {
            println!("otherwise: {name}: {why}");
            let message = Http::read(&seen.first().unwrap().request).part("application/x-road-rest-request");
            let target = Http::read(&exchange.consumer.request).request_line().1.to_owned();
            assert!(String::from_utf8_lossy(&message.unwrap()).contains(&target), "{name}");
            continue;
        }
        if let Some(recorded) = exchange.wire.as_ref().map(|wire| Http::read(&wire.request))
            && signing_time(&recorded).is_none()
        {
            check_broken_off(exchange, &ours, &seen, &recorded);
            continue;
        }
        check_consumer(exchange, &ours);
        match check_wire(&stage, exchange, &seen) {
            Some(wholly) => {
                carried += 1;
                to_the_octet += u32::from(wholly);
            }
            None => refused += 1,
        }
    }
    println!(
        "{carried} calls carried as recorded, {to_the_octet} of them to the last octet of the signature; {refused} refused as recorded"
    );
    assert!(carried >= 40 && to_the_octet >= 20 && refused >= 10);
}

/// A request that the recorded server gave up while it was being sent: ours gives up too, for the same reason. What passed until then,
/// if anything did, is the same, and nothing that passed is signed.
fn check_broken_off(exchange: &Exchange, answer: &[u8], seen: &[Seen], recorded: &Http) {
    let name = &exchange.name;
    let (ours, answered) = (Http::read(answer), Http::read(&exchange.consumer.response));
    assert_eq!(ours.status_line(), answered.status_line(), "{name}");
    let Some(sent) = seen.first().filter(|seen| !seen.request.is_empty()) else {
        println!("broken off: {name}: before anything was sent");
        return;
    };
    let sent = Http::read(&sent.request);
    assert!(sent.part(SIGNATURE).is_none(), "{name}");
    let common = sent.body.len().min(recorded.body.len());
    let until = |http: &Http| http.body.get(..common).unwrap().to_vec();
    same(&format!("{name}: what passed"), &until(&sent), &until(recorded));
    let code = |http: &Http| http.header("x-road-error").map(str::to_owned);
    println!("broken off: {name}: {:?} where the original says {:?}", code(&ours), code(&answered));
}

/// Plays the exchange: the answer to the consumer, and what reached the provider's server.
async fn call(stage: &Stage, exchange: &Exchange) -> (Vec<u8>, Vec<Seen>) {
    let request = exchange.wire.as_ref().map(|wire| Http::read(&wire.request));
    let answered = Http::read(&exchange.consumer.response);
    let at = request.as_ref().and_then(signing_time).or_else(|| date(&answered)).unwrap();
    let letters = request.as_ref().and_then(Http::boundary_letters).unwrap_or_default();
    let chance = scripted(&drawn(exchange, request.as_ref(), &answered), &letters);
    let wire = exchange.wire.as_ref().map(|wire| wire.response.clone());
    let provider = identity(&stage.keys(Server::Ss0, exchange.keys), SslMethod::tls_server());
    let peer = End::tls(stage.address("ss0", 5500), provider, wire.unwrap_or_default()).await;
    let player = stage.play(Server::Ss1, exchange, at, chance, &[]).await;
    let answer = ask(stage.address("ss1", 8080), exchange.consumers_request()).await;
    player.running.stop().await.unwrap();
    (answer, peer.close().await)
}

/// The identifiers in the order in which our gateway draws them: of the request, of the message (drawn even when the consumer gave
/// one), of the failure.
fn drawn(exchange: &Exchange, request: Option<&Http>, answered: &Http) -> Vec<String> {
    let any = "00000000-0000-4000-8000-000000000000".to_owned();
    let is_rest = Http::read(&exchange.consumer.request).request_line().1.starts_with("/r1/");
    let mut uuids = Vec::new();
    if is_rest {
        let message = request.and_then(|r| r.part("application/x-road-rest-request")).unwrap_or_default();
        let text = |bytes: Option<&[u8]>| bytes.map(|b| String::from_utf8_lossy(b).into_owned());
        uuids.push(text(between(&message, "x-road-request-id:", "\r\n")).unwrap_or(any.clone()));
        uuids.push(text(between(&message, "\r\nx-road-id:DEV-", "\r\n")).unwrap_or(any));
    }
    let detail = between(&answered.body, "\"detail\":\"", "\"");
    let detail = detail.or_else(|| between(&answered.body, "<faultDetail xmlns=\"\">", "<"));
    uuids.extend(detail.map(|d| String::from_utf8_lossy(d).into_owned()));
    uuids
}

/// The request on port 5500, if there was one, and whether it was the same to the last octet. Of the head, what names the other program and the other machine is ours; we do not offer to unpack
/// compressed answers, which no server gives.
fn check_wire(stage: &Stage, exchange: &Exchange, seen: &[Seen]) -> Option<bool> {
    let name = &exchange.name;
    assert_eq!(
        seen.len(),
        usize::from(exchange.wire.is_some()),
        "{name}: connections to the provider's server"
    );
    let (wire, seen) = exchange.wire.as_ref().zip(seen.first())?;
    let own = std::fs::read(stage.keys(Server::Ss1, exchange.keys).join("auth.cert.der")).unwrap();
    assert_eq!(seen.certificate, own, "{name}: our certificate");
    let (ours, recorded) = (Http::read(&seen.request), Http::read(&wire.request));
    assert_eq!(ours.start, recorded.start, "{name}: request line");
    let mut expected = headers(&recorded, &["user-agent", "accept-encoding"]);
    for (header, value) in &mut expected {
        if header == "Host" {
            *value = stage.address("ss0", 5500).to_string();
        } else if header == "x-proxy-version"
            && let Some((release, _)) = value.split_once('-')
        {
            *value = release.to_owned();
        }
    }
    assert_eq!(headers(&ours, &["user-agent"]), expected, "{name}: headers on port 5500");
    let signed = match exchange.keys {
        Keys::Rsa => Signed::SameValue,
        Keys::P256 => Signed::OtherValue,
    };
    Some(same_message(&format!("{name}: our request"), &ours, &recorded, signed))
}

/// Of an answer the phrase that the service gave and the provider signed: the original writes its own words there. Of an error the
/// recorded one.
fn expected_reason(exchange: &Exchange, recorded: &Http) -> String {
    let answer = exchange.wire.as_ref().map(|wire| Http::read(&wire.response));
    match answer.and_then(|answer| answer.part("application/x-road-rest-response")) {
        Some(message) => String::from_utf8_lossy(between(&message, "\r\n", "\r\n").unwrap()).into_owned(),
        None => recorded.status_line().1.to_owned(),
    }
}

/// What the consumer reads: status line, headers in order and spelling, body. Framing is each one's own; `Date` stands where each
/// one's HTTP layer puts it.
fn check_consumer(exchange: &Exchange, answer: &[u8]) {
    let name = &exchange.name;
    let (ours, recorded) = (Http::read(answer), Http::read(&exchange.consumer.response));
    let (status, reason) = ours.status_line();
    let body = String::from_utf8_lossy(&ours.body);
    assert_eq!(status, recorded.status_line().0, "{name}: status ({body})");
    assert_eq!(reason, expected_reason(exchange, &recorded), "{name}: reason");
    let framing = ["date", "transfer-encoding", "content-length", "connection"];
    assert_eq!(headers(&ours, &framing), headers(&recorded, &framing), "{name}: headers to the consumer");
    // The second in which an error was answered may be the one before its request was signed.
    let apart = date(&ours).unwrap().as_second().abs_diff(date(&recorded).unwrap().as_second());
    assert!(apart <= u64::from(ours.header("x-road-request-hash").is_none()), "{name}: Date");
    if exchange.wire.is_some() || ours.body == recorded.body {
        return same(&format!("{name}: body to the consumer"), &ours.body, &recorded.body);
    }
    // An error of the gateway itself: code and detail are the recorded ones, words are for people.
    for (before, after) in [
        ("{\"type\":\"", "\""),
        ("\"detail\":\"", "\""),
        ("<faultcode>", "<"),
        ("<faultDetail xmlns=\"\">", "<"),
    ] {
        assert_eq!(
            between(&ours.body, before, after),
            between(&recorded.body, before, after),
            "{name}: {before}"
        );
    }
    let words = |http: &Http| {
        let text = between(&http.body, "\"message\":\"", "\",\"detail\"").unwrap_or(&http.body);
        String::from_utf8_lossy(text).into_owned()
    };
    println!("words: {name}: {:?} where the original says {:?}", words(&ours), words(&recorded));
}
