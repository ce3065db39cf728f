//! Every recorded exchange between two live servers: read, checked, written again to the same bytes.

use std::path::Path;

use bytes::Bytes;
use message::content_type::Boundary;
use message::fault::{Fault, ReceivedFault};
use message::multipart::Malformed;
use message::proxy::{Answer, Event, Expected, Refusal};
use message::rest::{RestRequest, RestResponse};
use trust::algorithm::DigestAlgorithm;

use crate::http::Recording;
use crate::support::{self, vectors, wire_exchanges};

/// A message read in both ways.
struct Message {
    events: Vec<Event>,
    refusal: Option<Refusal>,
    algorithm: DigestAlgorithm,
}

/// Reads parts and events of a recording; checks that our writer writes the same bytes from them.
fn check_layout(
    name: &str,
    expected: Expected,
    boundary: &Boundary,
    recording: &Recording,
) -> Option<Message> {
    let body = &recording.body;
    let parts = match support::read(boundary, std::iter::once(body.as_slice())) {
        Ok(parts) => parts,
        Err(Malformed::Truncated) => {
            println!("cut as recorded: {name}");
            return None;
        }
        Err(refusal) => panic!("{name}: {refusal}"),
    };
    assert!(support::write(boundary, &parts) == *body, "{name}: our writer writes other bytes");
    let algorithm = recording.header("x-hash-algorithm").and_then(DigestAlgorithm::from_name).unwrap();
    let (events, refusal) = support::decode(expected, boundary, algorithm, body);
    let digest = |at: usize| parts.get(at).map(|part| algorithm.digest(&part.body));
    let ocsp = events.iter().filter(|event| matches!(event, Event::OcspResponse(_))).count();
    for event in &events {
        match event {
            Event::Message { digest: taken, .. } => assert_eq!(Some(taken), digest(ocsp).as_ref(), "{name}"),
            Event::BodyEnd { digest: taken, .. } => {
                assert_eq!(Some(taken), digest(ocsp + 1).as_ref(), "{name}");
            }
            _ => {}
        }
    }
    Some(Message { events, refusal, algorithm })
}

/// A fault by a gateway has exactly the bytes that we write for the same fields; one of a service need not.
fn check_fault(name: &str, xml: &Bytes) -> Fault {
    let fault = ReceivedFault::read(xml.clone()).unwrap().fault().clone();
    if fault.code.starts_with("server.serverproxy") {
        assert_eq!(fault.to_xml().as_bytes(), xml.as_ref(), "{name}: our fault has other bytes");
    }
    fault
}

fn kinds(events: &[Event]) -> String {
    let kind = |event: &Event| match event {
        Event::OcspResponse(_) => 'o',
        Event::Message { .. } | Event::Soap { .. } => 'm',
        Event::Fault(_) => 'f',
        Event::BodyStart(_) => '[',
        Event::Body(_) => '.',
        Event::BodyEnd { .. } => ']',
        Event::HashChainResult(_) => 'r',
        Event::HashChain(_) => 'c',
        Event::Signature(_) => 's',
        Event::End => 'E',
    };
    let mut text: String = events.iter().map(kind).collect();
    while text.contains("..") {
        text = text.replace("..", ".");
    }
    text
}

fn check_request(name: &str, path: &Path) -> Option<(RestRequest, String)> {
    let recording = Recording::read(path)?;
    let boundary = Answer::boundary_of_request(recording.header("content-type")).unwrap();
    if recording.header("x-road-message-type") != Some("REST") {
        println!("elsewhere: {name} request (SOAP)");
        return None;
    }
    let read = check_layout(name, Expected::RestRequest, &boundary, &recording)?;
    assert_eq!(read.refusal, None, "{name}");
    let kinds = kinds(&read.events);
    assert!(["omsE", "om[.]rcsE", "omrcsE"].contains(&kinds.as_str()), "{name}: {kinds}");
    let bytes = support::message(&read.events).unwrap();
    let request = RestRequest::parse(bytes).unwrap();
    assert!(request.to_bytes() == *bytes, "{name}: the message is written with other bytes");
    assert_eq!(recording.header("x-road-request-id"), Some(request.request_id()), "{name}");
    assert_eq!(read.algorithm, DigestAlgorithm::Sha512, "{name}");
    let hash = request.request_hash(support::body_digest(&read.events));
    Some((request, hash))
}

fn check_response(name: &str, path: &Path, request: Option<&(RestRequest, String)>) -> Option<&'static str> {
    let recording = Recording::read(path)?;
    let boundary = match Answer::of(recording.header("content-type")).unwrap() {
        Answer::Fault => {
            check_fault(name, &Bytes::from(recording.body));
            return Some("bare fault");
        }
        Answer::Message(boundary) => boundary,
    };
    if recording.header("x-original-content-type").is_some() {
        println!("elsewhere: {name} response (SOAP)");
        return None;
    }
    let read = check_layout(name, Expected::RestResponse, &boundary, &recording)?;
    if let Some(fault) = support::fault(&read.events) {
        assert_eq!((kinds(&read.events).as_str(), read.refusal), ("fE", None), "{name}");
        check_fault(name, fault.xml());
        return Some("fault part");
    }
    let (request, hash) = request?;
    assert_eq!(read.refusal, None, "{name}");
    let kinds = kinds(&read.events);
    assert!(["msE", "mrcsE", "m[]rcsE", "m[.]rcsE"].contains(&kinds.as_str()), "{name}: {kinds}");
    let bytes = support::message(&read.events).unwrap();
    let response = RestResponse::parse(bytes).unwrap();
    assert!(response.to_bytes() == *bytes, "{name}: the message is written with other bytes");
    assert_eq!(response.answers(request, hash), Ok(()), "{name}");
    Some("answer")
}

#[test]
fn reads_every_recorded_exchange_and_writes_it_to_the_same_bytes() {
    let Some(folder) = vectors() else { return };
    let mut seen = std::collections::BTreeMap::<&str, usize>::new();
    let exchanges = wire_exchanges(&folder);
    for path in &exchanges {
        let name = path.strip_prefix(&folder).unwrap().display().to_string();
        let request = check_request(&name, &path.join("request.bin"));
        *seen.entry("request").or_default() += usize::from(request.is_some());
        let response = check_response(&name, &path.join("response.bin"), request.as_ref());
        *seen.entry(response.unwrap_or("later or absent")).or_default() += 1;
    }
    println!("{} exchanges: {seen:?}", exchanges.len());
    for kind in ["request", "answer", "bare fault", "fault part"] {
        assert!(seen.contains_key(kind), "no {kind} was among the recordings");
    }
}
