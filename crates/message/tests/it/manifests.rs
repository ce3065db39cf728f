//! The manifests of the fixtures: each entry of our operations is checked, each other one is named.

use bytes::Bytes;
use message::accept;
use message::consumer_error::{ConsumerError, Format};
use message::fault::ReceivedFault;
use message::proxy::{Answer, Event, Expected, Refusal};
use message::rest::{RestRequest, RestResponse};
use serde_json::Value;
use trust::algorithm::DigestAlgorithm;

use crate::support::{self, manifest, text, vectors};

fn head(value: &Value) -> Vec<(Bytes, Bytes)> {
    let bytes = |value: &Value| Bytes::from(value.as_str().unwrap_or_default().to_owned());
    let lines = value.as_array().map(Vec::as_slice).unwrap_or_default();
    lines.iter().map(|line| (bytes(&line[0]), bytes(&line[1]))).collect()
}

fn build(input: &Value) -> Result<RestRequest, message::rest::Refusal> {
    let query = input["query"].as_str().map(|query| format!("?{query}")).unwrap_or_default();
    let target = format!("{}{query}", text(input, "path"));
    RestRequest::build(
        text(input, "verb"),
        &target,
        &head(&input["headers"]),
        text(input, "x_request_id"),
        "new",
    )
}

fn check_request(id: &str, entry: &Value) {
    let expect = &entry["expect"];
    let built = build(&entry["input"]);
    assert_eq!(Some(built.is_ok()), expect["ok"].as_bool(), "{id}: {built:?}");
    let Ok(built) = built else { return };
    assert_eq!(RestRequest::parse(&built.to_bytes()).as_ref(), Ok(&built), "{id}");
    if let Some(party) = expect.get("represented_party") {
        let own = built.represented_party().unwrap();
        assert_eq!(
            (own.class.as_deref(), own.code.as_str()),
            (party["party_class"].as_str(), text(party, "party_code"))
        );
    }
}

fn check_response(id: &str, entry: &Value) {
    let input = &entry["input"];
    let request = build(&input["request"]).unwrap();
    let hash = request.request_hash(None);
    let status = input["status"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap();
    let built = RestResponse::build(&request, &hash, status, text(input, "reason"), &head(&input["headers"]))
        .unwrap();
    let parsed = RestResponse::parse(&built.to_bytes()).unwrap();
    assert_eq!(parsed, built, "{id}");
    assert_eq!(parsed.answers(&request, &hash), Ok(()), "{id}");
}

fn check_accepts_json(id: &str, entry: &Value) {
    let headers = entry["input"]["accept_headers"].as_array().unwrap();
    let json = accept::lists_json(headers.iter().filter_map(Value::as_str));
    assert_eq!(Some(json), entry["expect"]["json"].as_bool(), "{id}");
}

/// The form of an error; that it arises is for the gateway to show.
fn check_error_format(id: &str, entry: &Value) {
    let headers = head(&entry["input"]["headers"]);
    let accepts = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(b"accept"));
    let format = Format::choose(accepts.filter_map(|(_, value)| std::str::from_utf8(value).ok()));
    assert_eq!(format.content_type(), text(&entry["expect"], "content_type"), "{id}");
    let error =
        ConsumerError { code: "server.serverproxy.service_type".to_owned(), message: None, detail: None };
    assert_eq!(Some(u64::from(error.http_status())), entry["expect"]["status"].as_u64(), "{id}");
    println!("elsewhere: {id} (that the error arises)");
}

#[test]
fn every_entry_of_the_manifest_of_rest_is_checked_or_named() {
    let Some(folder) = vectors() else { return };
    let mut checked = 0;
    for entry in manifest(&folder, "rest") {
        let id = text(&entry, "id");
        match (text(&entry, "operation"), text(&entry, "situation")) {
            ("rest-request", _) => check_request(id, &entry),
            ("rest-response", _) => check_response(id, &entry),
            ("accepts-json", _) => check_accepts_json(id, &entry),
            ("rest-exchange", "rest-error-format") => check_error_format(id, &entry),
            (operation, _) => {
                println!("elsewhere: {id} ({operation})");
                continue;
            }
        }
        checked += 1;
    }
    assert!(checked > 0);
}

/// What a message has, and why it is refused.
fn decode(entry: &Value, bytes: Vec<u8>) -> (Vec<&'static str>, Option<&'static str>, Option<Refusal>) {
    let content_type = entry["content_type"].as_str();
    let boundary = match Answer::of(content_type) {
        Ok(Answer::Message(boundary)) => boundary,
        Ok(Answer::Fault) if entry["fault_allowed"] == Value::Bool(false) => {
            return (Vec::new(), Some("invalid_content_type"), None);
        }
        Ok(Answer::Fault) => {
            return match ReceivedFault::read(bytes.into()) {
                Ok(_) => (vec!["fault"], None, None),
                Err(refusal) => (Vec::new(), Some(refusal.code()), None),
            };
        }
        Err(refusal) => return (Vec::new(), Some(refusal.code()), None),
    };
    let algorithm = DigestAlgorithm::from_name(text(entry, "hash_algorithm")).unwrap();
    let (events, refusal) = support::decode(Expected::SoapResponse, &boundary, algorithm, &bytes);
    let has = |event: &Event| match event {
        Event::Soap { .. } => Some("soap"),
        Event::Message { .. } => Some("rest"),
        Event::Fault(_) => Some("fault"),
        Event::Signature(_) => Some("signature"),
        _ => None,
    };
    let code = refusal.as_ref().map(Refusal::code);
    (events.iter().filter_map(has).collect(), code, refusal)
}

#[test]
fn every_message_between_gateways_of_the_manifest_of_soap_is_read_or_named() {
    let Some(folder) = vectors() else { return };
    let mut checked = 0;
    for entry in manifest(&folder, "soap") {
        if text(&entry, "operation") != "decode-proxy-message" {
            continue;
        }
        let (id, expect) = (text(&entry, "id"), &entry["expect"]);
        let bytes = std::fs::read(folder.join(text(&entry["files"][0], "path"))).unwrap();
        let (has, code, refusal) = decode(&entry, bytes);
        assert_eq!(
            (Some(code.is_none()), code),
            (expect["ok"].as_bool(), expect["code"].as_str()),
            "{id}: {refusal:?}"
        );
        let named = |key: &str| expect[key].as_array().map(Vec::as_slice).unwrap_or_default().to_vec();
        assert!(named("has").iter().all(|part| has.iter().any(|own| part == own)), "{id}: {has:?}");
        assert!(named("has_not").iter().all(|part| has.iter().all(|own| part != own)), "{id}: {has:?}");
        checked += 1;
    }
    assert!(checked > 0);
}
