//! The answers of a peer that misbehaves, and what a live 7.8.0 consumer's server made of them (data-plane E.5): what
//! concerns reading is refused here with the same code or earlier; the rest is for other rooms.

use std::path::Path;

use message::fault::ReceivedFault;
use message::proxy::{Answer, Expected, Refusal};
use message::rest::{RestRequest, RestResponse};
use message::soap;
use trust::algorithm::DigestAlgorithm::Sha512;

use crate::http::Recording;
use crate::support::{self, vectors};

/// What this room says of an answer.
#[derive(Debug)]
enum Verdict {
    Read(Box<RestResponse>),
    Fault(String),
    /// Code and whether `service_failed` stands before it.
    Refused(&'static str, bool),
    Truncated,
    Soap(Box<soap::Message>),
}

fn verdict(answer: &Recording, expected: Expected) -> Verdict {
    let boundary = match Answer::of(answer.header("content-type")) {
        Ok(Answer::Message(boundary)) => boundary,
        Ok(Answer::Fault) => {
            return match ReceivedFault::read(answer.body.clone().into()) {
                Ok(fault) => Verdict::Fault(fault.fault().code.clone()),
                Err(refusal) => Verdict::Refused(refusal.code(), true),
            };
        }
        Err(refusal) => return Verdict::Refused(refusal.code(), refusal.is_service_failed()),
    };
    let (events, refusal) = support::decode(expected, &boundary, Sha512, &answer.body);
    match refusal {
        Some(Refusal::Multipart(message::multipart::Malformed::Truncated)) => return Verdict::Truncated,
        Some(refusal) => return Verdict::Refused(refusal.code(), refusal.is_service_failed()),
        None => {}
    }
    if let Some(fault) = support::fault(&events) {
        return Verdict::Fault(fault.fault().code.clone());
    }
    if let Some(message) = support::soap(&events) {
        return Verdict::Soap(Box::new(message.clone()));
    }
    match RestResponse::parse(support::message(&events).unwrap()) {
        Ok(response) => Verdict::Read(Box::new(response)),
        Err(refusal) => Verdict::Refused(refusal.code(), true),
    }
}

/// Client and service of an answer against those of the consumer's call; ids and hash are not in the recording.
fn is_inconsistent(call: &Recording, response: &RestResponse) -> bool {
    let (verb, target) = call.request_line();
    let id = response.request_id().unwrap_or("none");
    let request = RestRequest::build(verb, target, &call.headers, id, response.id()).unwrap();
    response.answers(&request, response.request_hash()).is_err()
}

/// Whether a SOAP answer belongs to the consumer's call and tells its hash.
fn is_consistent(call: &Recording, answer: &soap::Message) -> bool {
    let bytes = support::soap_of(call);
    let Ok(soap::Soap::Message(request)) = soap::Soap::read(bytes.clone()) else { panic!("{call:?}") };
    let hash = soap::RequestHash::of(&Sha512.digest(&bytes));
    answer.header().answers(request.header()).is_ok() && answer.header().request_hash == Some(hash)
}

/// One row of the table: name, whether the exchange is one of SOAP, accepted, final code.
fn rows(folder: &Path) -> Vec<(String, bool, bool, String)> {
    let table = std::fs::read_to_string(folder.join("TABLE.txt")).unwrap();
    let row = |line: &str| {
        let mut cells = line.split('|').map(str::trim);
        let name = cells.next()?.to_owned();
        let is_soap = ["SOAP", "ATTACH"].contains(&cells.next()?);
        let accepted = cells.next()? == "accepted";
        Some((name, is_soap, accepted, cells.nth(1)?.to_owned()))
    };
    table.lines().skip(1).filter_map(row).collect()
}

/// Whether what a live server refused with this code is refused by reading alone.
fn concerns_reading(code: &str) -> bool {
    ["invalid_content_type", "invalid_message", "missing_signature", "missing_rest", "mime_parsing_failed"]
        .iter()
        .any(|own| code.ends_with(own))
        || code.ends_with("service_failed.internal_error")
}

#[test]
fn refuses_what_a_live_server_refused_while_reading() {
    let Some(folder) = vectors() else { return };
    let folder = folder.join("recorded/options/tolerance");
    let (mut same, mut stricter, mut elsewhere) = (0, Vec::new(), 0);
    for (name, is_soap, accepted, code) in rows(&folder) {
        let Some(answer) = Recording::read(&folder.join(&name).join("peer-response.bin")) else {
            println!("elsewhere: {name} ({code}): no answer in HTTP");
            continue;
        };
        if ![200, 500].contains(&answer.status_line().0) {
            println!("elsewhere: {name} ({code}): the status is looked at first");
            continue;
        }
        let expected = if is_soap { Expected::SoapResponse } else { Expected::RestResponse };
        let verdict = verdict(&answer, expected);
        match &verdict {
            Verdict::Soap(message) => {
                assert!(!concerns_reading(&code), "{name}: {code}, but read here");
                let call = Recording::read(&folder.join(&name).join("request.bin")).unwrap();
                let consistent = is_consistent(&call, message);
                assert_eq!(consistent, !code.ends_with("inconsistent_response"), "{name}: {code}");
                if accepted || !consistent {
                    same += 1;
                } else {
                    println!("elsewhere: {name} ({code})");
                    elsewhere += 1;
                }
            }
            Verdict::Truncated => stricter.push(format!("{name} ({code})")),
            Verdict::Refused(own, service_failed) => {
                let prefix = if *service_failed { "service_failed." } else { "" };
                assert_eq!(code, format!("server.clientproxy.{prefix}{own}"), "{name}");
                same += 1;
            }
            Verdict::Fault(own) => {
                assert_eq!(*own, code, "{name}");
                same += 1;
            }
            Verdict::Read(response) => {
                assert!(!concerns_reading(&code), "{name}: {code}, but read here");
                let call = Recording::read(&folder.join(&name).join("request.bin")).unwrap();
                let inconsistent = is_inconsistent(&call, response);
                assert!(!inconsistent || code.ends_with("inconsistent_response"), "{name}: {code}");
                if accepted || inconsistent {
                    same += 1;
                } else {
                    println!("elsewhere: {name} ({code})");
                    elsewhere += 1;
                }
            }
        }
    }
    println!("{same} as live, {elsewhere} for other rooms; refused as cut: {stricter:?}");
    // Of the tampered one a boundary inside is gone.
    let cut = |name: &String| name.starts_with("cut-") || name.starts_with("tampered-body-soap ");
    assert!(stricter.iter().all(cut), "{stricter:?}");
    assert!(same > 70, "{same}");
}
