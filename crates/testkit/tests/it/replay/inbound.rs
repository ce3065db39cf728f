//! A recorded request reaches our gateway in the place of the provider's server: the service gets what the recorded one got, and what
//! we put on port 5500 is what the recorded server put there.

#![expect(clippy::unwrap_used, reason = "a recording that cannot be read ends the test")]

use super::compare::{Signed, headers, same, same_message};
use super::recording::{Exchange, Http, Keys, Kind, Leg, between, signing_time};
use super::script::scripted;
use super::stage::{Server, Stage};
use super::wires::{End, Seen, ask_gateway, identity};
use openssl::ssl::SslMethod;

/// Where the original fails and we do not, or the other way round: the names, and why.
const OTHERWISE: [(&str, &str); 1] = [(
    "rest-02-get-query-encoded",
    "the original cannot read a path with an encoded space (trap 25, docs/design/access-paths.md): ours delivers it",
)];

#[tokio::test(flavor = "multi_thread")]
async fn every_recorded_request_is_served_as_the_recorded_provider_served_it() {
    let Some(stage) = Stage::set() else { return };
    let (mut answers, mut to_the_octet, mut faults) = (0, 0, 0);
    for exchange in &stage.exchanges {
        let name = &exchange.name;
        if let Kind::Later(what) = exchange.kind() {
            println!("later: {name} ({what})");
            continue;
        }
        let Some(wire) = &exchange.wire else { continue };
        let request = Http::read(&wire.request);
        if signing_time(&request).is_none() {
            println!("not replayed: {name} (the recorded request breaks off before its signature)");
            continue;
        }
        let recorded = Http::read(&wire.response);
        println!("replayed: {name}");
        let (ours, seen) = serve(&stage, exchange, wire).await;
        if let Some((_, why)) = OTHERWISE.iter().find(|(other, _)| other == name) {
            println!("otherwise: {name}: {why}");
            assert!(ours.part("application/x-road-rest-response").is_some(), "{name}");
            assert_eq!(seen.len(), 1, "{name}");
            continue;
        }
        check_head(name, &ours, &recorded);
        if recorded.part("application/x-road-rest-response").is_some() {
            let what = format!("{name}: our answer");
            answers += 1;
            to_the_octet += u32::from(same_message(&what, &ours, &recorded, signed(exchange.keys)));
        } else {
            check_fault(name, &ours, &recorded);
            faults += 1;
        }
        check_service(&stage, exchange, &seen);
    }
    println!(
        "{answers} answers as recorded, {to_the_octet} of them to the last octet of the signature; {faults} faults"
    );
    assert!(answers >= 30 && to_the_octet >= 15 && faults >= 5);
}

const fn signed(keys: Keys) -> Signed {
    match keys {
        Keys::Rsa => Signed::SameValue,
        Keys::P256 => Signed::OtherValue,
    }
}

/// Plays the exchange: our answer, and what reached the services.
async fn serve(stage: &Stage, exchange: &Exchange, wire: &Leg) -> (Http, Vec<Seen>) {
    let (request, recorded) = (Http::read(&wire.request), Http::read(&wire.response));
    // The answer was signed at its own time; a fault stands in the second of its request.
    let at = signing_time(&recorded).or_else(|| signing_time(&request)).unwrap();
    let detail = between(&recorded.body, "<faultDetail xmlns=\"\">", "<");
    let detail = detail.map(|uuid| String::from_utf8_lossy(uuid).into_owned());
    let letters = recorded.boundary_letters().unwrap_or_default();
    let chance = scripted(detail.as_slice(), &letters);
    let answer = services_answer(exchange, &recorded);
    let mut services = Vec::new();
    for name in ["isrest", "isopenapi"] {
        services.push(End::plain(stage.address(name, 8080), answer.clone()).await);
    }
    let player = stage.play(Server::Ss0, exchange, at, chance, &[]).await;
    let caller = identity(&stage.keys(Server::Ss1, exchange.keys), SslMethod::tls_client());
    let (answer, certificate) = ask_gateway(stage.address("ss0", 5500), caller, wire.request.clone()).await;
    let own = std::fs::read(stage.keys(Server::Ss0, exchange.keys).join("auth.cert.der")).unwrap();
    assert_eq!(certificate, own, "{}: our certificate", exchange.name);
    player.running.stop().await.unwrap();
    let mut seen = Vec::new();
    for service in services {
        seen.extend(service.close().await);
    }
    (Http::read(&answer), seen)
}

/// What the service answered; where that leg was not recorded, what the recorded server made of it.
fn services_answer(exchange: &Exchange, recorded: &Http) -> Vec<u8> {
    if let Some(provider) = &exchange.provider {
        return provider.response.clone();
    }
    let Some(message) = recorded.part("application/x-road-rest-response") else {
        return b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec();
    };
    let message = String::from_utf8_lossy(&message).into_owned();
    let mut lines = message.split("\r\n");
    let (status, reason) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let mut answer = format!("HTTP/1.1 {status} {reason}\r\n");
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if !name.starts_with("x-road-") {
            answer.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    let body = recorded.part("application/x-road-rest-body");
    if let Some(body) = &body {
        answer.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    [answer.as_bytes(), b"\r\n", &body.unwrap_or_default()].concat()
}

/// The head on port 5500: status and headers in order and spelling. The second of `Date` is that of the whole answer's beginning.
fn check_head(name: &str, ours: &Http, recorded: &Http) {
    assert_eq!(ours.start, recorded.start, "{name}: status line");
    let names = |http: &Http| http.headers.iter().map(|(n, _)| n.clone()).collect::<Vec<_>>();
    assert_eq!(names(ours), names(recorded), "{name}: headers on port 5500");
    let timed = ["date", "content-length"];
    assert_eq!(headers(ours, &timed), headers(recorded, &timed), "{name}: headers on port 5500");
}

/// Bare, or in the place of the message: the same code and the same detail. Texts are for people.
fn check_fault(name: &str, ours: &Http, recorded: &Http) {
    // Part types are compared as every receiver compares them: without parameters (data-plane E.1.6).
    let base = |kind: &str| kind.split(';').next().unwrap_or_default().to_owned();
    let kinds = |http: &Http| http.parts().iter().map(|(kind, _)| base(kind)).collect::<Vec<_>>();
    assert_eq!(kinds(ours), kinds(recorded), "{name}: parts");
    for (before, after) in [("<faultcode>", "<"), ("<faultDetail xmlns=\"\">", "<")] {
        let text =
            |http: &Http| between(&http.body, before, after).map(|t| String::from_utf8_lossy(t).into_owned());
        assert_eq!(text(ours), text(recorded), "{name}: {before}");
    }
    let text = |http: &Http| {
        between(&http.body, "<faultstring>", "<").map(|t| String::from_utf8_lossy(t).into_owned())
    };
    if text(ours) == text(recorded) {
        same(&format!("{name}: the fault"), &ours.body, &recorded.body);
    } else {
        println!("words: {name}: {:?} where the original says {:?}", text(ours), text(recorded));
    }
}

/// Request line, headers in order and spelling, body: as the recorded service saw them. Not ours: the other program's name, and a
/// cookie of another call (the original's HTTP client shares its cookies: data-plane 4.10).
fn check_service(stage: &Stage, exchange: &Exchange, seen: &[Seen]) {
    let name = &exchange.name;
    let recorded_calls = match (&exchange.provider, &exchange.wire) {
        (Some(_), _) => 1,
        (None, Some(wire)) => {
            usize::from(Http::read(&wire.response).part("application/x-road-rest-response").is_some())
        }
        (None, None) => 0,
    };
    assert_eq!(seen.len(), recorded_calls, "{name}: calls of the service");
    let (Some(provider), Some(seen)) = (&exchange.provider, seen.first()) else { return };
    let (ours, recorded) = (Http::read(&seen.request), Http::read(&provider.request));
    assert_eq!(ours.start, recorded.start, "{name}: the call of the service");
    let foreign = ["user-agent", "cookie"];
    let cookie = |http: &Http| http.header("cookie").map(str::to_owned);
    let consumers = Http::read(&exchange.consumer.request);
    assert_eq!(cookie(&ours), cookie(&consumers), "{name}: cookies are the consumer's own");
    let mut expected = headers(&recorded, &foreign);
    for (header, value) in &mut expected {
        if header == "Host"
            && let Some((host, port)) = value.split_once(':')
        {
            *value = format!("{}:{port}", stage.host(host));
        }
    }
    assert_eq!(headers(&ours, &foreign), expected, "{name}: headers to the service");
    same(&format!("{name}: body to the service"), &ours.body, &recorded.body);
}
