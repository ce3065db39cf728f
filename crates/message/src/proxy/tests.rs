//! The order of parts: what is accepted, and each refusal.

use bytes::Bytes;
use trust::algorithm::DigestAlgorithm;

use super::*;
use crate::content_type::Boundary;
use crate::fault::Fault;
use crate::multipart::PartHead;

const OCSP: (&str, &str) = (OCSP_RESPONSE, "0\u{3}abc");
const REQUEST: (&str, &str) = (REST_REQUEST, "request");
const RESPONSE: (&str, &str) = (REST_RESPONSE, "response");
const BODY: (&str, &str) = (REST_BODY, "body");
const RESULT: (&str, &str) = (HASH_CHAIN_RESULT, "result");
const CHAIN: (&str, &str) = (HASH_CHAIN, "chain");
const SIGNED: (&str, &str) = (SIGNATURE, "signature");
const SOAP: (&str, &str) = ("text/xml", include_str!("tests/soap.xml"));
const FAULT: (&str, &str) = (
    "text/xml;charset=utf-8",
    "<Envelope xmlns='http://schemas.xmlsoap.org/soap/envelope/'><Body><Fault><faultcode>c</faultcode></Fault></Body></Envelope>",
);

/// Decodes a message of these parts; gives the names of the events.
fn decode(expected: Expected, parts: &[(&str, &str)]) -> Result<Vec<String>, Refusal> {
    let mut input = String::new();
    for (kind, body) in parts {
        input.push_str(&format!("\r\n--B\r\ncontent-type: {kind}\r\n\r\n{body}"));
    }
    input.push_str("\r\n--B--\r\n");
    let boundary = Boundary::new("B").map_err(Refusal::from)?;
    let mut decoder = Decoder::new(expected, &boundary, DigestAlgorithm::Sha512);
    decoder.push(Bytes::from(input));
    decoder.finish();
    let mut events = Vec::new();
    loop {
        match decoder.next_event() {
            Ok(Some(event)) => events.push(name(&event)),
            Ok(None) => return Ok(events),
            Err(refusal) => {
                assert_eq!(decoder.next_event(), Err(refusal.clone()), "a refusal stays");
                return Err(refusal);
            }
        }
    }
}

fn name(event: &Event) -> String {
    match event {
        Event::OcspResponse(_) => "ocsp".to_owned(),
        Event::Message { kind, .. } => kind.to_string(),
        Event::Fault(fault) => format!("fault {}", fault.fault().code),
        Event::Soap { .. } => "SOAP message".to_owned(),
        Event::BodyStart(_) => "[".to_owned(),
        Event::Body(data) => format!("{}", data.len()),
        Event::BodyEnd { length, .. } => format!("{length}]"),
        Event::HashChainResult(_) => "result".to_owned(),
        Event::HashChain(_) => "chain".to_owned(),
        Event::Signature(_) => "signature".to_owned(),
        Event::End => "end".to_owned(),
    }
}

fn accepts(expected: Expected, parts: &[(&str, &str)], events: &str) {
    assert_eq!(decode(expected, parts).map(|events| events.join(" ")).as_deref(), Ok(events), "{parts:?}");
}

fn refuses(expected: Expected, parts: &[(&str, &str)], code: &str) {
    let refused = decode(expected, parts);
    assert_eq!(refused.as_ref().err().map(Refusal::code), Some(code), "{parts:?}: {refused:?}");
}

use Expected::{RestRequest as Asked, RestResponse as Answered};

#[test]
fn reads_requests_and_answers_in_their_order() {
    accepts(Asked, &[OCSP, REQUEST, SIGNED], "ocsp REST message signature end");
    accepts(
        Asked,
        &[OCSP, OCSP, REQUEST, BODY, RESULT, CHAIN, SIGNED],
        "ocsp ocsp REST message [ 4 4] result chain signature end",
    );
    accepts(Asked, &[REQUEST, RESULT, CHAIN, SIGNED], "REST message result chain signature end");
    accepts(Answered, &[RESPONSE, SIGNED], "REST message signature end");
    accepts(
        Answered,
        &[RESPONSE, (REST_BODY, ""), RESULT, CHAIN, SIGNED],
        "REST message [ 0] result chain signature end",
    );
    let shouted = "APPLICATION/X-Road-Rest-Response; a=b";
    accepts(Answered, &[(shouted, "x"), ("Signature/BDOC-1.0/TS;v=1", "y")], "REST message signature end");
}

#[test]
fn leaves_a_half_chain_to_the_signature_room() {
    accepts(Answered, &[RESPONSE, RESULT, SIGNED], "REST message result signature end");
    accepts(Answered, &[RESPONSE, CHAIN, SIGNED], "REST message chain signature end");
}

#[test]
fn an_answer_may_be_a_fault() {
    accepts(Answered, &[FAULT], "fault c end");
    accepts(Answered, &[RESPONSE, FAULT], "REST message fault c end");
    accepts(Answered, &[RESPONSE, BODY, FAULT], "REST message [ 4 4] fault c end");
    accepts(
        Answered,
        &[RESPONSE, BODY, RESULT, CHAIN, FAULT],
        "REST message [ 4 4] result chain fault c end",
    );
}

#[test]
fn a_request_may_not_be_a_fault() {
    refuses(Asked, &[OCSP, FAULT], "missing_rest");
    refuses(Asked, &[OCSP, REQUEST, FAULT], "missing_signature");
    refuses(Asked, &[OCSP, REQUEST, BODY, FAULT], "missing_signature");
}

#[test]
fn refuses_a_message_without_message_or_signature() {
    refuses(Asked, &[], "missing_rest");
    refuses(Asked, &[OCSP], "missing_rest");
    refuses(Asked, &[OCSP, REQUEST], "missing_signature");
    refuses(Asked, &[OCSP, REQUEST, BODY], "missing_signature");
    refuses(Answered, &[], "missing_rest");
    refuses(Answered, &[RESPONSE], "missing_signature");
    refuses(Answered, &[RESPONSE, BODY, RESULT, CHAIN], "missing_signature");
    refuses(Answered, &[SOAP, SIGNED], "missing_rest");
    refuses(Asked, &[SOAP, RESULT, CHAIN, SIGNED], "missing_rest");
}

#[test]
fn refuses_parts_out_of_order() {
    for parts in [
        &[BODY, REQUEST, SIGNED][..],
        &[SIGNED, REQUEST],
        &[RESULT, REQUEST],
        &[CHAIN, REQUEST],
        &[REQUEST, REQUEST, SIGNED],
        &[REQUEST, OCSP, SIGNED],
        &[REQUEST, BODY, BODY, SIGNED],
        &[REQUEST, BODY, REQUEST],
        &[REQUEST, CHAIN, RESULT, SIGNED],
        &[REQUEST, CHAIN, BODY, SIGNED],
        &[REQUEST, RESULT, BODY, SIGNED],
        &[REQUEST, RESULT, RESULT],
        &[REQUEST, CHAIN, CHAIN],
        &[REQUEST, ("multipart/mixed; boundary=x", "y"), SIGNED],
        &[REQUEST, ("text/plain", "x"), SIGNED],
        &[REQUEST, ("application/xop+xml", "x"), SIGNED],
        &[("", "x")],
        &[("text/plain", "x")],
        &[("multipart/mixed", "x")],
        &[("application/x-road-rest-requests", "x")],
        &[RESPONSE, SIGNED],
        &[SOAP, BODY, SIGNED],
    ] {
        refuses(Asked, parts, "invalid_content_type");
    }
    refuses(Answered, &[REQUEST, SIGNED], "invalid_content_type");
}

#[test]
fn refuses_anything_behind_the_end() {
    for extra in [REQUEST, BODY, SIGNED, FAULT, OCSP, ("text/plain", "x"), ("", "")] {
        refuses(Asked, &[REQUEST, SIGNED, extra], "invalid_message");
        refuses(Answered, &[FAULT, extra], "invalid_message");
        refuses(Answered, &[RESPONSE, FAULT, extra], "invalid_message");
    }
}

#[test]
fn refuses_ocsp_responses_that_are_not_der() {
    for der in ["", "0", "0\u{4}abc", "0\u{2}abc", "1\u{3}abc", "OCSP RESPONSE DUMMY\n"] {
        refuses(Asked, &[(OCSP_RESPONSE, der), REQUEST, SIGNED], "io_error");
    }
    let many = [OCSP; OCSP_RESPONSES_MAX + 1];
    assert_eq!(decode(Asked, &many), Err(Refusal::TooManyOcspResponses));
    assert!(matches!(decode(Asked, &many[1..]), Err(Refusal::MissingRest)));
}

#[test]
fn refuses_parts_that_are_too_large_or_no_soap() {
    let check = |kind: &str, limit: usize, before: &[(&str, &str)]| {
        let large = "x".repeat(limit + 1);
        let parts = [before, &[(kind, large.as_str())]].concat();
        assert!(matches!(decode(Asked, &parts), Err(Refusal::PartTooLarge { .. })), "{kind}");
    };
    check(OCSP_RESPONSE, 65_536, &[]);
    check(REST_REQUEST, 1_048_576, &[]);
    check("text/xml", 1_048_576, &[]);
    check(HASH_CHAIN_RESULT, 65_536, &[REQUEST]);
    check(HASH_CHAIN, 1_048_576, &[REQUEST]);
    check(SIGNATURE, 1_048_576, &[REQUEST]);
    refuses(Answered, &[("text/xml", "x")], "invalid_soap");
    refuses(Answered, &[("text/xml", "<!DOCTYPE a><a/>")], "invalid_soap");
    refuses(Answered, &[RESPONSE, ("text/xml", "<a/>")], "invalid_soap");
    refuses(Answered, &[RESPONSE, SOAP], "invalid_message");
}

#[test]
fn reads_outer_content_types() {
    let answer = |text: Option<&str>| Answer::of(text).map_err(|refusal| refusal.code());
    assert_eq!(answer(Some("Text/XML;charset=utf-8")), Ok(Answer::Fault));
    assert_eq!(
        answer(Some("multipart/mixed; boundary=b")),
        Boundary::new("b").map(Answer::Message).map_err(|_| "")
    );
    for refused in [
        None,
        Some(""),
        Some("application/json"),
        Some("multipart/related; boundary=b"),
        Some("multipart/mixed"),
        Some("multipart/mixed; boundary="),
        Some("multipart/mixed; boundary=a; boundary=b"),
        Some("text/xmlx"),
    ] {
        assert_eq!(answer(refused), Err("invalid_content_type"), "{refused:?}");
    }
    assert!(Answer::boundary_of_request(Some("text/xml")).is_err());
}

fn encoder(message: Expected) -> Encoder {
    Encoder::new(message, Boundary::new("B").unwrap(), DigestAlgorithm::Sha512)
}

#[test]
fn writes_what_it_reads() {
    let mut encoder = encoder(Asked);
    let mut out = encoder.ocsp_response(b"0\x03abc").unwrap();
    let (message, digest) = encoder.message(b"request").unwrap();
    assert_eq!(digest, DigestAlgorithm::Sha512.digest(b"request"));
    out.extend(message);
    out.extend(encoder.body_start().unwrap());
    encoder.body(b"bo");
    encoder.body(b"dy");
    out.extend(b"body");
    assert_eq!(encoder.body_end(), Some(DigestAlgorithm::Sha512.digest(b"body")));
    out.extend(encoder.hash_chain(b"result", b"chain").unwrap());
    out.extend(encoder.signature(b"signature").unwrap());
    out.extend(encoder.end().unwrap());
    let mut expected = String::new();
    for (kind, body) in [OCSP, REQUEST, BODY, RESULT, CHAIN, SIGNED] {
        expected.push_str(&format!("--B\r\ncontent-type: {kind}\r\n\r\n{body}\r\n"));
    }
    assert_eq!(String::from_utf8(out).unwrap(), expected + "--B--\r\n");
}

#[test]
fn refuses_to_write_what_nobody_would_read() {
    assert!(encoder(Asked).signature(b"").is_err());
    assert!(encoder(Asked).body_start().is_err());
    assert!(encoder(Asked).hash_chain(b"", b"").is_err());
    assert!(encoder(Asked).end().is_err());
    let mut request = encoder(Asked);
    request.message(b"m").unwrap();
    assert!(request.ocsp_response(b"").is_err());
    assert!(request.message(b"m").is_err());
    assert!(request.fault(&Fault::new("c", "s", "d")).is_err());
    let mut unsigned = encoder(Answered);
    unsigned.message(b"m").unwrap();
    assert_eq!(unsigned.body_end(), None);
    assert_eq!(unsigned.end(), Err(Failure::Order(Refusal::MissingSignature)));
}

#[test]
fn a_fault_ends_an_answer_even_inside_its_body() {
    let mut answer = encoder(Answered);
    let (mut out, _) = answer.message(b"response").unwrap();
    out.extend(answer.body_start().unwrap());
    answer.body(b"half");
    out.extend(b"half");
    out.extend(answer.fault(&Fault::new("server.serverproxy.io_error", "s", "d")).unwrap());
    assert_eq!(answer.body_end(), None);
    assert!(answer.signature(b"").is_err());
    out.extend(answer.end().unwrap());
    let boundary = Boundary::new("B").unwrap();
    let mut decoder = Decoder::new(Answered, &boundary, DigestAlgorithm::Sha512);
    decoder.push(Bytes::from(out));
    decoder.finish();
    let mut names = Vec::new();
    while let Some(event) = decoder.next_event().unwrap() {
        names.push(name(&event));
    }
    assert_eq!(names.join(" "), "REST message [ 4 4] fault server.serverproxy.io_error end");
}

use Expected::{SoapRequest as SoapAsked, SoapResponse as SoapAnswered};

const ATTACHED: (&str, &str) = (
    "multipart/mixed; charset=UTF-8; boundary=A",
    "\r\n--A\r\ncontent-type: a/b\r\n\r\none\r\n--A\r\ncontent-type: c/d\r\n\r\n\r\n--A--\r\n",
);

#[test]
fn reads_soap_messages_with_and_without_attachments() {
    accepts(SoapAsked, &[OCSP, SOAP, SIGNED], "ocsp SOAP message signature end");
    accepts(SoapAnswered, &[SOAP, RESULT, CHAIN, SIGNED], "SOAP message result chain signature end");
    let events = "SOAP message [ 3 3] [ 0] result chain signature end";
    accepts(SoapAsked, &[SOAP, ATTACHED, RESULT, CHAIN, SIGNED], events);
    accepts(SoapAnswered, &[SOAP, ATTACHED, RESULT, CHAIN, SIGNED], events);
    accepts(SoapAnswered, &[FAULT], "fault c end");
    accepts(SoapAnswered, &[SOAP, ATTACHED, FAULT], "SOAP message [ 3 3] [ 0] fault c end");
}

#[test]
fn refuses_what_is_no_soap_exchange() {
    refuses(SoapAsked, &[REQUEST, SIGNED], "missing_soap");
    refuses(SoapAnswered, &[RESPONSE, SIGNED], "missing_soap");
    refuses(SoapAsked, &[FAULT], "missing_soap");
    refuses(SoapAsked, &[SOAP, FAULT], "missing_signature");
    refuses(SoapAsked, &[SOAP], "missing_signature");
    refuses(SoapAsked, &[OCSP], "missing_soap");
    refuses(SoapAsked, &[("text/xml", ""), SIGNED], "invalid_soap");
    for (first, second) in [(SOAP, BODY), (SOAP, REQUEST), (ATTACHED, SOAP)] {
        refuses(SoapAsked, &[first, second, SIGNED], "invalid_content_type");
    }
    refuses(SoapAsked, &[SOAP, SOAP, SIGNED], "invalid_message");
    refuses(SoapAsked, &[SOAP, ATTACHED, ATTACHED, SIGNED], "invalid_content_type");
    refuses(SoapAsked, &[SOAP, RESULT, ATTACHED, CHAIN, SIGNED], "invalid_content_type");
    refuses(SoapAsked, &[SOAP, SIGNED, ATTACHED], "invalid_message");
}

#[test]
fn refuses_attachments_that_readers_would_differ_about() {
    let inside = |content_type: &'static str, bytes: &'static str, code: &str| {
        refuses(SoapAsked, &[SOAP, (content_type, bytes), RESULT, CHAIN, SIGNED], code);
    };
    inside("multipart/mixed", "", "invalid_content_type");
    inside("multipart/mixed; boundary=A", "", "io_error");
    inside("multipart/mixed; boundary=A", "--A\r\ncontent-type: a/b\r\n\r\none", "io_error");
    inside("multipart/mixed; boundary=A", "--A\r\n\r\none\r\n--A--", "invalid_content_type");
    inside(
        "multipart/mixed; boundary=A",
        "--A\r\ncontent-type: a/b\r\n\r\n--A x\r\n--A--",
        "mime_parsing_failed",
    );
    let many = "--A\r\ncontent-type: a/b\r\n\r\n\r\n".repeat(ATTACHMENTS_MAX + 1);
    let many = format!("{many}--A--");
    let parts = [SOAP, ("multipart/mixed; boundary=A", many.as_str()), SIGNED];
    assert_eq!(decode(SoapAsked, &parts), Err(Refusal::TooManyAttachments));
}

#[test]
fn a_fault_in_the_middle_of_attachments_is_read_as_one() {
    let boundary = Boundary::new("xtopabc").unwrap();
    let mut encoder = Encoder::new(SoapAnswered, boundary.clone(), DigestAlgorithm::Sha512);
    let head = PartHead::of_type("text/xml");
    let (mut out, _) = encoder.soap(&head, SOAP.1.as_bytes()).unwrap();
    for _ in 0..2 {
        out.extend(encoder.attachment_start(&PartHead::of_type("a/b")).unwrap());
        encoder.body(b"some");
        out.extend_from_slice(b"some");
    }
    out.extend(encoder.fault(&Fault::new("c", "s", "d")).unwrap());
    out.extend(encoder.end().unwrap());
    let mut decoder = Decoder::new(SoapAnswered, &boundary, DigestAlgorithm::Sha512);
    decoder.push(out.into());
    decoder.finish();
    let mut events = Vec::new();
    while let Some(event) = decoder.next_event().unwrap() {
        events.push(name(&event));
    }
    assert_eq!(events.join(" "), "SOAP message [ 4 4] [ 4 4] fault c end");
}
