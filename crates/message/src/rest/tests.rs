//! REST messages that are read, written, and refused.

use bytes::Bytes;

use super::*;

mod answers;

const REQUEST: &str = "POST\r\n/r1/EX/COM/1/sub/svc/a%20b?x=1\r\nX-Road-Client:EX/GOV/2/c\r\n\
                       Content-Type:application/json\r\nx-road-request-id:r-1\r\nx-road-id:EX-1\r\n";
const RESPONSE: &str = "200\r\nOK\r\nContent-Type:a/b\r\nx-road-id:EX-1\r\nx-road-client:EX/GOV/2/c\r\n\
                        x-road-service:EX/COM/1/sub/svc\r\nx-road-request-id:r-1\r\nx-road-request-hash:aGFzaA==\r\n";

fn head(lines: &[(&str, &str)]) -> Vec<(Bytes, Bytes)> {
    let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    lines.iter().map(|(name, value)| (bytes(name), bytes(value))).collect()
}

fn build(verb: &str, target: &str, lines: &[(&str, &str)]) -> Result<RestRequest, Refusal> {
    RestRequest::build(verb, target, &head(lines), "r-1", "EX-1")
}

fn request(text: &str) -> Result<RestRequest, Refusal> {
    RestRequest::parse(text.as_bytes())
}

fn response(text: &str) -> Result<RestResponse, Refusal> {
    RestResponse::parse(text.as_bytes())
}

/// The request with one piece replaced.
fn request_with(from: &str, to: &str) -> Result<RestRequest, Refusal> {
    assert!(REQUEST.contains(from), "{from}");
    request(&REQUEST.replacen(from, to, 1))
}

fn response_with(from: &str, to: &str) -> Result<RestResponse, Refusal> {
    assert!(RESPONSE.contains(from), "{from}");
    response(&RESPONSE.replacen(from, to, 1))
}

#[test]
fn builds_the_text_from_a_consumers_call() {
    let lines = [
        ("Host", "h"),
        ("X-Road-Client", "EX/GOV/2/c"),
        ("connection", "close"),
        ("Content-Length", "7"),
        ("X-ROAD-REQUEST-ID", "mine"),
        ("x-road-request-hash", "mine"),
        ("Content-Type", " application/json\t"),
        ("Expect", "100-continue"),
        ("TE", "trailers"),
    ];
    let built = build("POST", "/r1/EX/COM/1/sub/svc/a%20b?x=1", &lines).unwrap();
    assert_eq!(String::from_utf8(built.to_bytes()).unwrap(), REQUEST);
    assert_eq!(built, request(REQUEST).unwrap());
}

#[test]
fn keeps_the_consumers_own_id_and_repeated_headers() {
    let lines = [("X-Road-Client", "EX/GOV/2/c"), ("x-ROAD-id", "mine"), ("A", "1"), ("a", "2")];
    let built = build("GET", "/r1/EX/COM/1/sub/svc", &lines).unwrap();
    assert_eq!(
        String::from_utf8(built.to_bytes()).unwrap(),
        "GET\r\n/r1/EX/COM/1/sub/svc\r\nX-Road-Client:EX/GOV/2/c\r\nx-ROAD-id:mine\r\nA:1\r\na:2\r\nx-road-request-id:r-1\r\n"
    );
    assert_eq!((built.id(), built.service_path(), built.query()), ("mine", "", None));
}

#[test]
fn takes_head_bytes_as_latin1_and_gives_them_back() {
    let lines = [("X-Road-Client", "EX/GOV/2/c"), ("X", "vä")];
    let built = build("GET", "/r1/EX/COM/1/sub/svc", &lines).unwrap();
    assert_eq!(built.header("x"), Some("v\u{c3}\u{a4}"));
    assert_eq!(built.headers()[1].wire_value(), "vä".as_bytes());
    assert_eq!(Header::new("X", "€a").unwrap().wire_value(), b"?a");
}

#[test]
fn names_what_a_target_holds() {
    let check = |target: &str, path: &str, query: Option<&str>| {
        let built = build("GET", target, &[("X-Road-Client", "EX/GOV/2")]).unwrap();
        assert_eq!((built.service_path(), built.query(), built.target()), (path, query, target));
        assert_eq!(built.service().to_string(), "EX/COM/1/s/ub/svc");
    };
    check("/r1/EX/COM/1/s%2Fub/svc", "", None);
    check("/r1/EX/COM/1/s%2fub/svc?", "", Some(""));
    check("/r1/EX/COM/1/s%2Fub/svc/", "/", None);
    check("/r1/EX/COM/1/s%2Fub/svc//a/../%2e?/?a[]=b", "//a/../%2e", Some("/?a[]=b"));
    check("/r1/EX/COM/1/s%2Fub/%73vc/%00%FF", "/%00%FF", None);
}

#[test]
fn the_last_of_repeated_client_headers_counts() {
    let lines = [("X-Road-Client", "EX/GOV/2/c"), ("x-road-client", "EX/GOV/3")];
    assert_eq!(build("GET", "/r1/EX/COM/1/sub/svc", &lines).unwrap().client().to_string(), "EX/GOV/3");
}

#[test]
fn reads_any_line_end_and_writes_crlf() {
    for end in ["\n", "\r", "\r\n"] {
        assert_eq!(request(&REQUEST.replace("\r\n", end)).unwrap().to_bytes(), REQUEST.as_bytes());
        assert_eq!(response(&RESPONSE.replace("\r\n", end)).unwrap().to_bytes(), RESPONSE.as_bytes());
    }
    assert_eq!(request(REQUEST.trim_end()).unwrap().to_bytes(), REQUEST.as_bytes());
    let lower = REQUEST.replace("X-Road-Client", "x-road-client").replace("Content-Type", "content-type");
    assert_eq!(request(&lower).unwrap().to_bytes(), lower.as_bytes());
}

#[test]
fn refuses_a_request_line_that_is_none() {
    for verb in ["", "post", "INVALID", "CONNECT", "POST ", "POST /"] {
        assert!(matches!(request_with("POST", verb), Err(Refusal::UnknownVerb { .. })), "{verb:?}");
    }
    let target = "/r1/EX/COM/1/sub/svc/a%20b?x=1";
    for other in [
        "",
        "r1/EX/COM/1/sub/svc",
        "//host/r1/EX/COM/1/sub/svc",
        "http://h/r1/EX/COM/1/sub/svc",
        "*",
        "/r1/EX/COM/1/sub/svc/a b",
        "/r1/EX/COM/1/sub/svc#f",
        "/r1/EX/COM/1/sub/svc/a%2",
        "/r1/EX/COM/1/sub/svc/%zz",
        "/r1/EX/COM/1/sub/svc/ä",
        "/r1/EX/COM/1/sub/svc/a|b",
        "/r1/EX/COM/1/sub/svc?a\"b",
        "/r1/EX/COM/1/sub/svc/[a]",
        "/r1/EX/COM/1/sub/svc?%",
        "/r1/EX/COM/1/sub/svc?x\u{0}",
        "/r1/EX/COM/1/sub/svc/\\a",
    ] {
        assert_eq!(request_with(target, other), Err(Refusal::InvalidTarget), "{other:?}");
    }
    for other in
        ["/", "/r1", "/r2/EX/COM/1/sub/svc", "/R1/EX/COM/1/sub/svc", "/listClients", "/%721/EX/COM/1/sub/svc"]
    {
        assert_eq!(request_with(target, other), Err(Refusal::UnknownVersion), "{other:?}");
    }
    for other in [
        "/r1/",
        "/r1/EX/COM/1/sub",
        "/r1/EX/COM/1/sub/",
        "/r1/EX//1/sub/svc",
        "/r1/EX/COM/1/sub/%FF",
        "/r1//EX/COM/1/sub/svc",
    ] {
        assert!(matches!(request_with(target, other), Err(Refusal::InvalidServicePath { .. })), "{other:?}");
    }
    assert_eq!(request("").err(), Some(Refusal::Incomplete));
    assert_eq!(request("GET\r\n").err(), Some(Refusal::Incomplete));
}

#[test]
fn refuses_lines_that_are_no_headers() {
    for line in [
        "",
        "Content-Type",
        "Content Type:x",
        ":x",
        "Content-Type :x",
        " Content-Type:x",
        "Ä:x",
        "A:\u{0}",
        "A:\u{7f}",
    ] {
        assert!(
            matches!(request_with("Content-Type:application/json", line), Err(Refusal::InvalidHeader { .. })),
            "{line:?}"
        );
        assert!(
            matches!(response_with("Content-Type:a/b", line), Err(Refusal::InvalidHeader { .. })),
            "{line:?}"
        );
    }
    assert!(matches!(request(&format!("{REQUEST}\r\n")), Err(Refusal::InvalidHeader { .. })));
    assert!(request(&REQUEST.replace("\r\n", "\n\r")).is_err());
    assert_eq!(RestRequest::parse(b"GET\r\n/r1/EX/COM/1/sub/svc\r\nA:\xff\r\n"), Err(Refusal::NotUtf8));
    let many = format!("{REQUEST}{}", "A:b\r\n".repeat(1000));
    assert_eq!(request(&many).err(), Some(Refusal::TooManyHeaders));
    let long = format!("{REQUEST}A:{}\r\n", "b".repeat(MESSAGE_BYTES_MAX));
    assert!(matches!(request(&long), Err(Refusal::TooLong { .. })));
}

#[test]
fn refuses_every_header_that_never_travels() {
    for name in [
        "transfer-encoding",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "upgrade",
        "connection",
        "user-agent",
        "host",
        "content-length",
        "server",
        "expect",
    ] {
        for spelled in [name.to_owned(), name.to_ascii_uppercase()] {
            let expected = Refusal::ForbiddenHeader { name: name.to_owned() };
            assert_eq!(request(&format!("{REQUEST}{spelled}:x\r\n")), Err(expected.clone()));
            assert_eq!(response(&format!("{RESPONSE}{spelled}:x\r\n")), Err(expected));
        }
    }
}

#[test]
fn refuses_a_request_without_what_it_must_name() {
    assert_eq!(request_with("X-Road-Client", "X-Client"), Err(Refusal::MissingClient));
    assert_eq!(Refusal::MissingClient.code(), "invalid_client_identifier");
    assert_eq!(request_with("x-road-id:EX-1", "x-id:EX-1"), Err(Refusal::MissingId));
    assert_eq!(request_with("x-road-id:EX-1", "x-road-id:"), Err(Refusal::MissingId));
    assert_eq!(request_with("x-road-request-id:", "X-Road-Request-Id:"), Err(Refusal::MissingRequestId));
    assert_eq!(request_with("x-road-request-id:r-1", "x-road-request-id:"), Err(Refusal::MissingRequestId));
    let doubled = format!("{REQUEST}x-road-request-id:r-1\r\n");
    assert_eq!(request(&doubled), Err(Refusal::RepeatedHeader { name: "x-road-request-id" }));
    for client in [
        "",
        "EX",
        "EX/GOV",
        "EX/GOV/2/c/d",
        " EX/GOV/2/c",
        "EX/GOV/2/",
        "EX//2/c",
        "EX/GOV/%2/c",
        "EX/GOV/2/ä",
        "EX/GOV/2/c|",
    ] {
        let refused = request_with("EX/GOV/2/c", client);
        assert!(
            matches!(refused, Err(Refusal::InvalidIdentifier { header: "x-road-client", .. })),
            "{client:?}"
        );
    }
    for server in ["EX/GOV/2", "EX/GOV/2/s/x", ""] {
        let refused = request(&format!("{REQUEST}X-Road-Security-Server:{server}\r\n"));
        assert!(
            matches!(refused, Err(Refusal::InvalidIdentifier { header: "x-road-security-server", .. })),
            "{server}"
        );
    }
}

#[test]
fn reads_the_represented_party() {
    let party = |value: &str| {
        request(&format!("{REQUEST}X-Road-Represented-Party:{value}\r\n"))
            .map(|request| request.represented_party().map(|p| (p.class.clone(), p.code.clone())))
    };
    assert_eq!(party("Member"), Ok(Some((None, "Member".to_owned()))));
    assert_eq!(party("COM/%C3%A4"), Ok(Some((Some("COM".to_owned()), "ä".to_owned()))));
    for value in ["", "/", "COM/", "/x", "a/b/c", "a b", "%zz"] {
        assert!(party(value).is_err(), "{value:?}");
    }
}

#[test]
fn refuses_to_build_what_the_other_side_would_refuse() {
    let client = ("X-Road-Client", "EX/GOV/2/c");
    let target = "/r1/EX/COM/1/sub/svc";
    assert_eq!(build("GET", target, &[]), Err(Refusal::MissingClient));
    assert!(matches!(build("get", target, &[client]), Err(Refusal::UnknownVerb { .. })));
    assert_eq!(build("GET", "/r1/EX/COM/1/sub/svc/a b", &[client]), Err(Refusal::InvalidTarget));
    assert_eq!(build("GET", target, &[client, ("x-road-id", "")]), Err(Refusal::MissingId));
    for (name, value) in
        [("A", "b\r\nX-Road-Client: other"), ("A B", "c"), ("", "c"), ("A\r\nB", "c"), ("A", "\0")]
    {
        let built = build("GET", target, &[client, (name, value)]);
        assert!(matches!(built, Err(Refusal::InvalidHeader { .. })), "{name:?} {value:?}");
    }
    let built = RestRequest::build("GET", target, &head(&[client]), "r\n", "i");
    assert!(matches!(built, Err(Refusal::InvalidHeader { .. })));
    let built = RestRequest::build("GET", target, &head(&[client]), "", "i");
    assert_eq!(built, Err(Refusal::MissingRequestId));
    let large = "b".repeat(MESSAGE_BYTES_MAX);
    assert!(matches!(build("GET", target, &[client, ("A", &large)]), Err(Refusal::TooLong { .. })));
}

#[test]
fn a_filtered_message_keeps_identifiers_only() {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    assert_eq!(
        text(RestMessage::parse(REQUEST.as_bytes()).unwrap().filtered()),
        "POST\r\n/r1/EX/COM/1/sub/svc\r\nX-Road-Client:EX/GOV/2/c\r\nx-road-request-id:r-1\r\nx-road-id:EX-1\r\n"
    );
    assert_eq!(
        text(RestMessage::parse(RESPONSE.as_bytes()).unwrap().filtered()),
        RESPONSE.replace("Content-Type:a/b\r\n", "")
    );
}

#[test]
fn the_first_byte_tells_the_kind() {
    assert!(matches!(RestMessage::parse(REQUEST.as_bytes()), Ok(RestMessage::Request(_))));
    assert!(matches!(RestMessage::parse(RESPONSE.as_bytes()), Ok(RestMessage::Response(_))));
    assert!(matches!(RestMessage::parse(b""), Err(Refusal::Incomplete)));
    assert!(matches!(RestMessage::parse(b"0\r\n"), Err(Refusal::UnknownVerb { .. })));
}
