//! SOAP messages of the fixtures and of the recordings.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use message::fault::ReceivedFault;
use message::proxy::{Answer, Encoder, Event, Expected};
use message::soap::related;
use message::soap::{Kind, Message, Refusal, Soap};
use serde_json::Value;
use trust::algorithm::DigestAlgorithm;

use crate::http::Recording;
use crate::support::{self, manifest, text, vectors};

fn read(path: &Path) -> Result<Soap, Refusal> {
    Soap::read(std::fs::read(path).unwrap().into())
}

fn message(soap: Result<Soap, Refusal>) -> Message {
    match soap {
        Ok(Soap::Message(message)) => *message,
        other => panic!("{other:?}"),
    }
}

fn check_parsed(id: &str, expect: &Value, found: Result<Soap, Refusal>) {
    if expect["ok"] == Value::Bool(false) {
        assert_eq!(found.err().map(|refusal| refusal.code()), expect["code"].as_str(), "{id}");
        return;
    }
    let message = message(found);
    let header = message.header();
    if text(expect, "kind") == "request" {
        assert_eq!(message.kind(), Kind::Request, "{id}");
    }
    if let Some(rpc) = expect["rpc_encoded"].as_bool() {
        assert_eq!(message.is_rpc_encoded(), rpc, "{id}");
    }
    let client = &expect["client"];
    if client.is_object() {
        let wanted = ["instance", "member_class", "member_code"].map(|part| text(client, part)).join("/");
        assert_eq!(header.client.to_string(), wanted, "{id}");
        assert_eq!(header.service.code(), text(&expect["service"], "service_code"), "{id}");
    }
    for (found, key) in [(header.user_id.as_deref(), "user_id"), (header.issue.as_deref(), "issue")] {
        assert!(expect[key].is_null() || found == expect[key].as_str(), "{id}: {key}");
    }
    assert!(expect["query_id"].is_null() || header.id == text(expect, "query_id"), "{id}");
    if let Some(party) = expect.get("represented_party") {
        let own = header.represented_party.as_ref().unwrap();
        assert_eq!(own.class.as_deref(), party["party_class"].as_str(), "{id}");
        assert_eq!(own.code, text(party, "party_code"), "{id}");
    }
}

#[test]
fn every_message_of_the_manifest_is_read_or_named() {
    let Some(folder) = vectors() else { return };
    let mut checked = 0;
    for entry in manifest(&folder, "soap") {
        let id = text(&entry, "id");
        let file = |at: usize| folder.join(text(&entry["files"][at], "path"));
        match text(&entry, "operation") {
            "parse-soap" => check_parsed(id, &entry["expect"], read(&file(0))),
            "check-consistency" => {
                let (request, answer) = (message(read(&file(0))), message(read(&file(1))));
                assert_eq!(answer.header().answers(request.header()), Ok(()), "{id}");
            }
            "parse-and-write" => {
                let bytes = std::fs::read(file(0)).unwrap();
                assert_eq!(message(read(&file(0))).bytes().as_ref(), bytes, "{id}");
            }
            operation => {
                println!("elsewhere: {id} ({operation})");
                continue;
            }
        }
        checked += 1;
    }
    assert_eq!(checked, 9);
}

/// The folders of recorded SOAP exchanges at one place.
fn recorded(folder: &Path, place: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder.join("recorded").join(place)).unwrap();
    let mut found: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.file_name().unwrap().to_string_lossy().starts_with("soap-"));
    found.sort();
    found
}

#[test]
fn what_a_live_server_refused_of_a_consumer_is_refused_with_its_code() {
    let Some(folder) = vectors() else { return };
    let mut refused = 0;
    for exchange in recorded(&folder, "consumer") {
        let request = Recording::read(&exchange.join("request.bin")).unwrap();
        let answer = Recording::read(&exchange.join("response.bin")).unwrap();
        let fault = ReceivedFault::read(answer.body.clone().into()).ok();
        let theirs = fault.as_ref().and_then(|fault| fault.fault().code.strip_prefix("client."));
        let of_http = theirs
            .is_some_and(|code| code.starts_with("invalid_content") || code.starts_with("invalid_http"));
        if of_http {
            continue;
        }
        match (Soap::read(support::soap_of(&request)), theirs) {
            (Ok(Soap::Fault(own)), Some(code)) => assert_eq!(own.fault().code.to_ascii_lowercase(), code),
            (Err(refusal), Some(code)) => {
                assert_eq!(refusal.code(), code, "{}", exchange.display());
                refused += 1;
            }
            (Ok(Soap::Message(_)), None) => {}
            (found, _) => panic!("{}: {found:?}", exchange.display()),
        }
    }
    assert!(refused >= 5, "{refused}");
}

#[test]
fn the_hash_stands_where_a_live_server_puts_it() {
    let Some(folder) = vectors() else { return };
    let mut compared = 0;
    for exchange in recorded(&folder, "provider") {
        let wire = folder.join("recorded/wire").join(exchange.file_name().unwrap());
        let (Some(request), Some(sent)) =
            (Recording::read(&wire.join("request.bin")), Recording::read(&wire.join("response.bin")))
        else {
            continue;
        };
        let answer = Recording::read(&exchange.join("response.bin")).unwrap();
        let digest = DigestAlgorithm::Sha512.digest(&support::soap_of(&request));
        let read = Soap::read_answer(support::soap_of(&answer), &digest);
        let Ok(Soap::Message(ours)) = read else { continue };
        let theirs = support::soap_of(&sent);
        // Theirs is written anew: white space inside tags is lost, and a line ends the document.
        let ours = String::from_utf8(ours.bytes().to_vec()).unwrap().replace("  xmlns", " xmlns");
        assert_eq!(ours.trim_end(), String::from_utf8(theirs.to_vec()).unwrap().trim_end());
        compared += 1;
    }
    assert!(compared >= 2, "{compared}");
}

/// Reads a message between gateways and writes it again; `None` when it is a fault.
fn again(expected: Expected, recording: &Recording) -> Option<Vec<u8>> {
    let boundary = Answer::boundary_of_request(recording.header("content-type")).ok()?;
    let (events, refusal) = support::decode(expected, &boundary, DigestAlgorithm::Sha512, &recording.body);
    assert_eq!(refusal, None);
    let mut encoder = Some(Encoder::new(expected, boundary, DigestAlgorithm::Sha512));
    let (mut out, mut result) = (Vec::new(), Bytes::new());
    for event in events {
        if matches!(event, Event::End) {
            out.extend(encoder.take().unwrap().end().unwrap());
            continue;
        }
        let encoder = encoder.as_mut().unwrap();
        match event {
            Event::OcspResponse(der) => out.extend(encoder.ocsp_response(&der).unwrap()),
            Event::Soap { head, message, digest } => {
                let (bytes, own) = encoder.soap(&head, message.bytes()).unwrap();
                assert_eq!(own, digest);
                out.extend(bytes);
            }
            Event::BodyStart(head) => out.extend(encoder.attachment_start(&head).unwrap()),
            Event::Body(bytes) => {
                encoder.body(&bytes);
                out.extend_from_slice(&bytes);
            }
            Event::BodyEnd { digest, .. } => assert_eq!(encoder.body_end(), Some(digest)),
            Event::HashChainResult(bytes) => result = bytes,
            Event::HashChain(chain) => {
                out.extend(encoder.hash_chain(&result, &chain).unwrap());
            }
            Event::Signature(xml) => out.extend(encoder.signature(&xml).unwrap()),
            Event::Fault(_) => return None,
            Event::Message { .. } | Event::End => panic!("{expected:?}"),
        }
    }
    Some(out)
}

#[test]
fn recorded_messages_between_gateways_are_written_again_to_the_same_bytes() {
    let Some(folder) = vectors() else { return };
    let (mut written, mut with_attachments) = (0, 0);
    for exchange in recorded(&folder, "wire") {
        for (name, expected) in
            [("request.bin", Expected::SoapRequest), ("response.bin", Expected::SoapResponse)]
        {
            let Some(recording) = Recording::read(&exchange.join(name)) else { continue };
            let Some(out) = again(expected, &recording) else { continue };
            assert!(out == recording.body, "{} {name}", exchange.display());
            written += 1;
            with_attachments += usize::from(memchr::memmem::find(&out, b"xatt").is_some());
        }
    }
    assert!(written >= 4 && with_attachments >= 1, "{written} {with_attachments}");
}

#[test]
fn recorded_bodies_with_attachments_are_read_in_any_pieces() {
    let Some(folder) = vectors() else { return };
    let recording = Recording::read(&folder.join("recorded/consumer/soap-03-swa/request.bin")).unwrap();
    let read = |chunk: usize| {
        let mut reader = related::Reader::new(recording.header("content-type")).unwrap();
        let (mut soap, mut attachments) = (Bytes::new(), Vec::new());
        let mut ended = false;
        for chunk in recording.body.chunks(chunk).map(Some).chain([None]) {
            match chunk {
                Some(chunk) => reader.push(Bytes::copy_from_slice(chunk)).unwrap(),
                None => reader.finish(),
            }
            while let Some(event) = reader.next_event().unwrap() {
                match event {
                    related::Event::Soap(_, bytes) => soap = bytes,
                    related::Event::AttachmentStart(head) => attachments.push((head, Vec::new())),
                    related::Event::Attachment(bytes) => {
                        attachments.last_mut().unwrap().1.extend_from_slice(&bytes);
                    }
                    related::Event::AttachmentEnd => {}
                    related::Event::End => ended = true,
                }
            }
        }
        assert!(ended);
        (soap, attachments)
    };
    let whole = read(recording.body.len());
    assert!(matches!(Soap::read(whole.0.clone()), Ok(Soap::Message(_))));
    assert!(!whole.1.is_empty());
    for chunk in 1..200 {
        assert_eq!(read(chunk), whole, "{chunk}");
    }
}

fn write(content_type: &str, input: &Value) -> Vec<u8> {
    let soap = text(input, "soap");
    let type_of = |entry: &Value, key: &str| format!("Content-Type: {}", text(entry, key));
    let attachments = input["attachments"].as_array().map(Vec::as_slice).unwrap_or_default();
    // The heads of parts are made by reading them.
    let parts = std::iter::once((type_of(input, "soap_content_type"), soap))
        .chain(attachments.iter().map(|entry| (type_of(entry, "content_type"), text(entry, "content"))));
    let boundary = message::content_type::Boundary::new("X").unwrap();
    let read: Vec<u8> =
        parts.flat_map(|(head, body)| format!("--X\r\n{head}\r\n\r\n{body}\r\n").into_bytes()).collect();
    let read = [read.as_slice(), b"--X--"].concat();
    let mut writer = related::Writer::new(content_type, !attachments.is_empty()).unwrap();
    let mut out = Vec::new();
    for part in support::read(&boundary, std::iter::once(read.as_slice())).unwrap() {
        out.extend(writer.part(&part.head).unwrap());
        writer.data(&part.body.clone().into()).unwrap();
        out.extend(part.body);
    }
    out.extend(writer.end().unwrap());
    out
}

#[test]
fn what_a_service_gets_is_what_the_manifest_says() {
    let Some(folder) = vectors() else { return };
    let mut checked = 0;
    for entry in manifest(&folder, "soap") {
        let input = &entry["input"];
        if let Some(body) =
            entry["expect"]["body"].as_str().filter(|_| text(&entry, "operation") == "forward-to-service")
        {
            let found = write(text(input, "original_content_type"), input);
            assert_eq!(String::from_utf8(found).unwrap(), body, "{}", text(&entry, "id"));
            checked += 1;
        }
    }
    assert_eq!(checked, 2);
}
