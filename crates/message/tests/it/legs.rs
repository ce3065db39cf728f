//! The other legs of the recorded exchanges: the message that we build of a consumer's call and of a service's answer is
//! the recorded one, and an error has the recorded body.

use std::path::{Path, PathBuf};

use message::consumer_error::{ConsumerError, Format, HEADER};
use message::proxy::{Answer, Expected};
use message::rest::{RestRequest, RestResponse};
use trust::algorithm::DigestAlgorithm::Sha512;

use crate::http::Recording;
use crate::support::{self, vectors, wire_exchanges};

/// The message part of a recorded request or response between gateways.
fn recorded_message(path: &Path, expected: Expected) -> Option<Vec<u8>> {
    let recording = Recording::read(path)?;
    let Ok(Answer::Message(boundary)) = Answer::of(recording.header("content-type")) else {
        return None;
    };
    let (events, refusal) = support::decode(expected, &boundary, Sha512, &recording.body);
    if refusal.is_some() {
        return None;
    }
    support::message(&events).map(|bytes| bytes.to_vec())
}

/// The same exchange's folder of another leg.
fn leg(wire: &Path, name: &str) -> Option<PathBuf> {
    Some(wire.parent()?.parent()?.join(name).join(wire.file_name()?))
}

fn consumers_request(
    path: &Path,
    request_id: &str,
    new_id: &str,
) -> Option<Result<RestRequest, message::rest::Refusal>> {
    let recording = Recording::read(path)?;
    let (verb, target) = recording.request_line();
    Some(RestRequest::build(verb, target, &recording.headers, request_id, new_id))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn builds_the_recorded_request_of_the_recorded_call() {
    let Some(folder) = vectors() else { return };
    let mut compared = 0;
    for wire in wire_exchanges(&folder) {
        let Some(recorded) = recorded_message(&wire.join("request.bin"), Expected::RestRequest) else {
            continue;
        };
        let parsed = RestRequest::parse(&recorded).unwrap();
        let Some(consumer) = leg(&wire, "consumer") else {
            continue;
        };
        let built = consumers_request(&consumer.join("request.bin"), parsed.request_id(), parsed.id());
        let Some(built) = built else { continue };
        // The recorded server's HTTP layer writes the charsets of well-known types in capitals; we keep the spelling.
        let built = text(&built.unwrap().to_bytes()).replace("; charset=utf-8", "; charset=UTF-8");
        assert_eq!(built, text(&recorded), "{}", wire.display());
        compared += 1;
    }
    println!("{compared} requests");
    assert!(compared > 20);
}

/// Whether the gateway gave the answer itself, as to metadata requests: its five headers stand first (E.1.10).
fn is_gateways_own(message: &[u8]) -> bool {
    message.split(|byte| *byte == b'\n').nth(2).is_some_and(|line| line.starts_with(b"x-road-id:"))
}

#[test]
fn builds_the_recorded_answer_of_the_services_answer() {
    let Some(folder) = vectors() else { return };
    let (mut services, mut own) = (0, 0);
    for wire in wire_exchanges(&folder) {
        let Some(request) = recorded_message(&wire.join("request.bin"), Expected::RestRequest) else {
            continue;
        };
        let Some(recorded) = recorded_message(&wire.join("response.bin"), Expected::RestResponse) else {
            continue;
        };
        let (request, parsed) =
            (RestRequest::parse(&request).unwrap(), RestResponse::parse(&recorded).unwrap());
        let service = leg(&wire, "provider").and_then(|leg| Recording::read(&leg.join("response.bin")));
        let built = match service {
            _ if is_gateways_own(&recorded) => {
                own += 1;
                let head: Vec<_> = parsed
                    .header("content-type")
                    .map(|kind| ("content-type".into(), kind.to_owned().into()))
                    .into_iter()
                    .collect();
                let (status, reason) = (parsed.status(), parsed.reason());
                RestResponse::build_own(&request, parsed.request_hash(), status, reason, &head)
            }
            Some(service) => {
                services += 1;
                let (status, reason) = service.status_line();
                RestResponse::build(&request, parsed.request_hash(), status, reason, &service.headers)
            }
            None => continue,
        };
        assert_eq!(text(&built.unwrap().to_bytes()), text(&recorded), "{}", wire.display());
    }
    println!("{services} answers of services, {own} of gateways");
    assert!(services > 8 && own > 0);
}

#[test]
fn a_fault_reaches_the_consumer_as_recorded() {
    let Some(folder) = vectors() else { return };
    let mut compared = 0;
    for path in std::fs::read_dir(folder.join("recorded/consumer")).unwrap() {
        let path = path.unwrap().path();
        let Some(response) = Recording::read(&path.join("response.bin")) else {
            continue;
        };
        let Some(code) = response.header(HEADER) else {
            continue;
        };
        let json: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
        let text = |key: &str| json[key].as_str().map(str::to_owned);
        let error = ConsumerError { code: code.to_owned(), message: text("message"), detail: text("detail") };
        assert_eq!(error.http_status(), response.status_line().0, "{}", path.display());
        assert_eq!(error.body(Format::Json).as_bytes(), response.body, "{}", path.display());
        assert_eq!(Some(Format::Json.content_type()), response.header("content-type"));
        compared += 1;
    }
    println!("{compared} errors");
    assert!(compared > 10);
}

#[test]
fn refuses_malformed_calls_with_the_recorded_words() {
    let Some(folder) = vectors() else { return };
    let mut compared = 0;
    for path in std::fs::read_dir(folder.join("recorded/consumer")).unwrap() {
        let path = path.unwrap().path();
        let Some(Err(refusal)) = consumers_request(&path.join("request.bin"), "r", "i") else {
            continue;
        };
        let Some(response) = Recording::read(&path.join("response.bin")) else {
            continue;
        };
        let Some(code) = response.header(HEADER) else {
            continue;
        };
        let json: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
        assert_eq!(code, format!("server.clientproxy.{}", refusal.code()), "{}", path.display());
        assert_eq!(json["message"].as_str(), Some(refusal.to_string().as_str()), "{}", path.display());
        compared += 1;
    }
    assert!(compared >= 3, "{compared}");
}
