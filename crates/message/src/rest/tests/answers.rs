//! Response messages.

use super::*;

#[test]
fn builds_the_answer_with_the_five_headers_last() {
    let request = request(REQUEST).unwrap();
    let service = [
        ("Content-Type", "a/b"),
        ("Server", "s"),
        ("X-Road-Id", "theirs"),
        ("X-Road-Request-Hash", "theirs"),
        ("x-road-client", "theirs"),
        ("X-Road-Request-Id", "theirs"),
        ("Transfer-Encoding", "chunked"),
    ];
    let built = RestResponse::build(&request, "aGFzaA==", 200, "OK", &head(&service)).unwrap();
    assert_eq!(String::from_utf8(built.to_bytes()).unwrap(), RESPONSE);
    assert_eq!(built.answers(&request, "aGFzaA=="), Ok(()));
    let own =
        RestResponse::build_own(&request, "aGFzaA==", 200, "", &head(&[("content-type", "a/b")])).unwrap();
    assert!(own.to_bytes().starts_with(b"200\r\n\r\nx-road-id:EX-1\r\n"));
    assert!(own.to_bytes().ends_with(b"x-road-request-hash:aGFzaA==\r\ncontent-type:a/b\r\n"));
}

#[test]
fn the_last_of_two_service_headers_counts() {
    let request = request(REQUEST).unwrap();
    let service = [("x-road-service", "EX/GOV/9/x/y")];
    let built = RestResponse::build(&request, "h", 204, "", &head(&service)).unwrap();
    assert_eq!(built.service(), Some(request.service()));
    assert_eq!(RestResponse::parse(&built.to_bytes()), Ok(built));
}

#[test]
fn escapes_identifiers_in_the_answer() {
    let lines = [("X-Road-Client", "EX/GOV/2/c%2Fd")];
    let request = build("GET", "/r1/EX/COM/1/sub/%C3%A4%20b", &lines).unwrap();
    let built = RestResponse::build(&request, "h", 200, "", &[]).unwrap();
    assert_eq!(built.header("x-road-client"), Some("EX/GOV/2/c%2Fd"));
    assert_eq!(built.header("x-road-service"), Some("EX/COM/1/sub/%C3%A4%20b"));
    assert_eq!(built.answers(&request, "h"), Ok(()));
}

#[test]
fn refuses_an_answer_that_lacks_or_repeats_what_ties_it() {
    for status in ["", "20", "2000", "099", "+20", "20x", "200 OK", "²00"] {
        assert_eq!(response_with("200", status), Err(Refusal::InvalidStatus), "{status:?}");
    }
    assert_eq!(response_with("x-road-request-hash:aGFzaA==", "x-hash:h"), Err(Refusal::MissingRequestHash));
    assert_eq!(response_with("hash:aGFzaA==", "hash:"), Err(Refusal::MissingRequestHash));
    assert_eq!(response_with("x-road-id:EX-1", "x-road-id:"), Err(Refusal::MissingId));
    assert_eq!(response_with("x-road-id:EX-1", "a:b"), Err(Refusal::MissingId));
    for (from, to) in
        [("x-road-client:EX/GOV/2/c", "x-road-client:EX/GOV"), ("x-road-client:EX/GOV/2/c", "x-road-client:")]
    {
        assert!(matches!(
            response_with(from, to),
            Err(Refusal::InvalidIdentifier { header: "x-road-client", .. })
        ));
    }
    for service in ["EX/COM/1/svc", "EX/COM/1/sub/svc/v1", ""] {
        let refused = response_with("EX/COM/1/sub/svc", service);
        assert!(
            matches!(refused, Err(Refusal::InvalidIdentifier { header: "x-road-service", .. })),
            "{service}"
        );
    }
    for name in ["x-road-id", "X-Road-Client", "x-road-request-id", "X-ROAD-REQUEST-HASH"] {
        let value = if name == "X-Road-Client" { "EX/GOV/2/c" } else { "v" };
        let doubled = response(&format!("{RESPONSE}{name}:{value}\r\n"));
        assert!(matches!(doubled, Err(Refusal::RepeatedHeader { .. })), "{name}");
    }
}

#[test]
fn refuses_to_build_an_answer_that_the_other_side_would_refuse() {
    let request = request(REQUEST).unwrap();
    for status in [0, 99, 1000, u16::MAX] {
        assert_eq!(RestResponse::build(&request, "h", status, "", &[]), Err(Refusal::InvalidStatus));
    }
    assert_eq!(RestResponse::build(&request, "h", 200, "a\nb", &[]), Err(Refusal::InvalidReason));
    assert_eq!(RestResponse::build(&request, "", 200, "", &[]), Err(Refusal::MissingRequestHash));
}

#[test]
fn refuses_an_answer_to_another_question() {
    let request = request(REQUEST).unwrap();
    let check = |from: &str, to: &str, expected: Inconsistent| {
        let response = response_with(from, to).unwrap();
        assert_eq!(response.answers(&request, "aGFzaA=="), Err(expected), "{from} -> {to}");
    };
    check("x-road-client:EX/GOV/2/c", "x-road-client:EX/GOV/2", Inconsistent::Client);
    check("x-road-client:EX/GOV/2/c\r\n", "", Inconsistent::Client);
    check("x-road-service:EX/COM/1/sub/svc", "x-road-service:EX/COM/1/sub/other", Inconsistent::Service);
    check("x-road-service:EX/COM/1/sub/svc\r\n", "", Inconsistent::Service);
    check("x-road-id:EX-1", "x-road-id: EX-1", Inconsistent::Id);
    check("x-road-request-id:r-1", "x-road-request-id:r-2", Inconsistent::RequestId);
    check("x-road-request-id:r-1\r\n", "", Inconsistent::RequestId);
    check("aGFzaA==", "AGFzaA==", Inconsistent::RequestHash);
}
