//! The worked vectors of data-plane, Appendix A.

use message::proxy::{Encoder, Event, Expected};
use message::rest::{RestRequest, RestResponse, request_hash};
use trust::algorithm::DigestAlgorithm::Sha512;

use crate::support;

const REQUEST: &str = "POST\r\n/r1/EX/COM/1/sub/svc/a?x=1\r\nX-Road-Client:EX/GOV/2/c\r\n\
                       Content-Type:application/json\r\n\
                       x-road-request-id:11111111-2222-3333-4444-555555555555\r\n\
                       x-road-id:EX-66666666-7777-8888-9999-000000000000\r\n";
const BODY: &[u8] = b"{\"a\":1}";
const HASH_WITH_BODY: &str =
    "FELEaMLYbBgPC/VUOmHBRWXWrj9saZ2AnFLkbJYwjhCPjtrQRzCNO/eWBEMZ4g78s3VhzQKi89EbqjcHj28JcA==";

fn request() -> RestRequest {
    RestRequest::parse(REQUEST.as_bytes()).unwrap()
}

#[test]
fn the_request_hash_covers_the_message_and_a_body_if_there_is_a_part_for_it() {
    assert_eq!(request().to_bytes().len(), 198);
    assert_eq!(
        request().request_hash(None),
        "H5Ynd6eNOgmrtLROTIbGEi4M2n/1Vbb50w3XnhoJd0Lzl1+WgI904P8znBR60dp6sDPczH0J8d23pHMIuuHYaQ=="
    );
    assert_eq!(request().request_hash(Some(&Sha512.digest(BODY))), HASH_WITH_BODY);
    assert_eq!(
        request().request_hash(Some(&Sha512.digest(b""))),
        "vUgWfguQwlVAMVQhxYyeWvJMXOZ4Cx+pzjw7R/8L7LaFTNiA0cuDIZnJ4lD5d2ZWYwjoafWeGG38XFU+nLHMrw=="
    );
}

#[test]
fn the_answer_has_the_worked_bytes() {
    let head = [("Content-Type".into(), "application/json".into())];
    let response = RestResponse::build(&request(), HASH_WITH_BODY, 200, "OK", &head).unwrap();
    let bytes = response.to_bytes();
    assert_eq!(bytes.len(), 316);
    assert_eq!(
        request_hash(&Sha512.digest(&bytes), None),
        "eN1uTPUd5YExvxtYjhjdJnPosfDB/8Jkfqh4/UMqnIQrOhdfh31WQInenfuNJpa6H3Dm8bMEccHtrB4t/Lz3LA=="
    );
    assert_eq!(response.answers(&request(), HASH_WITH_BODY), Ok(()));
}

#[test]
fn the_wire_picture_is_written_byte_for_byte() {
    let boundary = message::content_type::Boundary::top("AbCdEfGhIjKlMnOpQrStUvWxYzAbCd").unwrap();
    let mut encoder = Encoder::new(Expected::RestRequest, boundary.clone(), Sha512);
    assert_eq!(
        encoder.content_type(),
        "multipart/mixed; charset=UTF-8; boundary=xtopAbCdEfGhIjKlMnOpQrStUvWxYzAbCd"
    );
    let mut out = encoder.ocsp_response(b"0\x03DER").unwrap();
    let (message, digest) = encoder.message(&request().to_bytes()).unwrap();
    out.extend(message);
    out.extend(encoder.body_start().unwrap());
    for chunk in BODY.chunks(3) {
        encoder.body(chunk);
        out.extend_from_slice(chunk);
    }
    assert_eq!(request_hash(&digest, encoder.body_end().as_deref()), HASH_WITH_BODY);
    out.extend(encoder.hash_chain(b"<result/>\n", b"<chain/>\n").unwrap());
    out.extend(encoder.signature(b"<signatures/>").unwrap());
    out.extend(encoder.end().unwrap());
    let expected = format!(
        "--B|content-type: application/ocsp-response||0\u{3}DER|--B|content-type: application/x-road-rest-request||{REQUEST}\
         |--B|content-type: application/x-road-rest-body||{{\"a\":1}}|--B|content-type: application/hash-chain-result||<result/>\n\
         |--B|content-type: application/hash-chain||<chain/>\n|--B|content-type: signature/bdoc-1.0/ts||<signatures/>|--B--|"
    );
    let expected = expected.replace('|', "\r\n").replace("--B", &format!("--{}", boundary.as_str()));
    assert_eq!(String::from_utf8(out.clone()).unwrap(), expected);
    let (events, refusal) = support::decode(Expected::RestRequest, &boundary, Sha512, &out);
    assert_eq!((refusal, events.last()), (None, Some(&Event::End)));
    assert_eq!(support::body(&events), BODY);
}
