//! The text of a REST message: what is read is written as the same, and the written form does not change any more.

use crate::recordings;
use message::rest::{RestMessage, RestResponse};

pub(crate) fn run(octets: &[u8]) {
    let Ok(read) = RestMessage::parse(octets) else { return };
    let written = read.to_bytes();
    let again = RestMessage::parse(&written).expect("what we write we read");
    assert_eq!(again, read);
    assert_eq!(again.to_bytes(), written);
    let filtered = read.filtered();
    assert!(filtered.len() <= written.len());
    match &read {
        RestMessage::Request(request) => {
            assert_eq!(request.request_hash(None), request.request_hash(None));
            assert_eq!(
                identifier::ClientId::from_path(&request.client().path()).as_ref(),
                Ok(request.client())
            );
            let hash = request.request_hash(Some(b"digest"));
            if let Ok(answer) = RestResponse::build(request, &hash, 200, "OK", &[]) {
                assert!(answer.answers(request, &hash).is_ok(), "our own answer does not fit the question");
                assert_eq!(RestResponse::parse(&answer.to_bytes()).as_ref(), Ok(&answer));
            }
        }
        RestMessage::Response(response) => {
            assert!((100..=999).contains(&response.status()));
        }
    }
    for header in headers(&read) {
        assert!(!header.name().is_empty() && !header.value().contains(['\r', '\n', '\0']));
        let _ = header.wire_value();
    }
}

fn headers(message: &RestMessage) -> &[message::rest::Header] {
    match message {
        RestMessage::Request(request) => request.headers(),
        RestMessage::Response(response) => response.headers(),
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let texts = recordings::messages().iter().map(|message| message.parts.message.clone());
    let mut found: Vec<_> = texts.filter(|text| !text.is_empty() && text.len() < 4096).collect();
    found.push(b"GET\r\n/r1/EX/GOV/1/sub/code/pets/1?q=%20\r\nHTTP/1.1\r\nX-Road-Client:EX/COM/2/c\r\nx-road-id:EX-1\r\nx-road-request-id:u\r\n".to_vec());
    found
}
