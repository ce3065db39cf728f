//! Port 5577: a peer asks for OCSP answers by the hashes of certificates, and we ask peers (data-plane 4.4).

use crate::gateway::Gateway;
use bytes::Bytes;
use http1::{FetchLimits, Limits, Request, ResponseHead, Stop};
use message::content_type::ContentType;
use message::multipart::{Event, Reader};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use trust::Certificate;
use trust::ocsp::OcspResponse;

const PART_TYPE: &str = "application/ocsp-response";
const ANSWERS_MAX: usize = 16;
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// Answers peers until the stop.
pub(crate) async fn serve(gateway: Arc<Gateway>, listener: TcpListener, stop: Stop) {
    let limits = Limits { body_bytes_max: 0, head_bytes_max: 16 * 1024, ..gateway.config.peer.limits() };
    let handler = move |request: Request, _| {
        let gateway = Arc::clone(&gateway);
        async move {
            let (head, body) = answer(&gateway, &request);
            // A peer that has gone needs no answer.
            let _gone = request.responder.respond(&head, &body).await;
        }
    };
    http1::serve(listener, handler, limits, stop).await;
}

fn answer(gateway: &Gateway, request: &Request) -> (ResponseHead, Vec<u8>) {
    match request.head.method.as_str() {
        "HEAD" => (ResponseHead::new(200), Vec::new()),
        "GET" => match parts(gateway, request.head.query().unwrap_or_default()) {
            Ok(ders) => multipart(gateway, &ders),
            Err(text) => refused(text),
        },
        _ => refused("only GET and HEAD are answered"),
    }
}

fn refused(text: impl AsRef<[u8]>) -> (ResponseHead, Vec<u8>) {
    (ResponseHead::new(500).with("Content-Type", "text/plain"), text.as_ref().to_vec())
}

/// One answer per `cert` parameter, in order; only SHA-1 hashes in lower case are looked up, as in X-Road.
fn parts(gateway: &Gateway, query: &str) -> Result<Vec<Bytes>, String> {
    let hashes: Vec<&str> = query.split('&').filter_map(|p| p.strip_prefix("cert=")).collect();
    if hashes.is_empty() {
        return Err("the parameter cert is missing".to_owned());
    }
    if hashes.len() > ANSWERS_MAX {
        return Err(format!("more than {ANSWERS_MAX} certificates are asked for at once"));
    }
    let lookup = |hash: &&str| {
        let well_formed =
            hash.len() == 40 && hash.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        well_formed.then(|| gateway.ocsp_by_hash(hash)).flatten()
    };
    let found = hashes.iter().map(lookup).collect::<Option<_>>();
    found.ok_or_else(|| "no OCSP answer is known for a certificate".to_owned())
}

fn multipart(gateway: &Gateway, ders: &[Bytes]) -> (ResponseHead, Vec<u8>) {
    let boundary = format!("jetty{}", gateway.chance.letters(20));
    let mut body = Vec::new();
    for der in ders {
        body.extend_from_slice(format!("\r\n--{boundary}\r\nContent-Type: {PART_TYPE}\r\n\r\n").as_bytes());
        body.extend_from_slice(der);
    }
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    let content_type = format!("multipart/related; type=\"{PART_TYPE}\"; charset=UTF-8; boundary={boundary}");
    (ResponseHead::new(200).with("Content-Type", content_type), body)
}

/// Asks a peer for the OCSP answers of these certificates: one answer for each, or nothing.
pub(crate) async fn ask(
    host: &str,
    port: u16,
    certificates: &[Certificate],
) -> Result<Vec<OcspResponse>, String> {
    let mut query: Vec<String> =
        certificates.iter().map(|c| format!("cert={}", hex::encode(c.sha1()))).collect();
    query.extend(certificates.iter().map(|c| format!("cert_hash={}", hex::encode(c.sha256()))));
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let url = format!("http://{host}:{port}/?{}", query.join("&"));
    let limits = FetchLimits {
        connect_timeout: Duration::from_secs(20),
        read_timeout: Duration::from_secs(30),
        total_timeout: Duration::from_secs(60),
        body_bytes_max: ANSWER_BYTES_MAX,
    };
    let answer = http1::fetch("GET", &url, &[("Accept", "multipart/related")], None, &limits)
        .await
        .map_err(|e| format!("the peer's OCSP interface could not be asked: {e}"))?;
    if !matches!(answer.status, 200..=208 | 226) {
        return Err(format!("the peer's OCSP interface answered with status {}", answer.status));
    }
    let content_type = answer.header_text("content-type").unwrap_or_default().to_owned();
    let responses = read(&content_type, answer.body)?;
    if responses.len() != certificates.len() {
        return Err(format!(
            "{} OCSP answers were asked for and {} came",
            certificates.len(),
            responses.len()
        ));
    }
    Ok(responses)
}

fn read(content_type: &str, body: Vec<u8>) -> Result<Vec<OcspResponse>, String> {
    let boundary = ContentType::parse(content_type).and_then(|t| t.boundary()).map_err(|e| e.to_string())?;
    let mut reader = Reader::new(&boundary);
    reader.push(Bytes::from(body));
    reader.finish();
    let mut responses = Vec::new();
    let mut part: Option<Vec<u8>> = None;
    while let Some(event) = reader.next_event().map_err(|e| e.to_string())? {
        match event {
            Event::PartStart(head) => part = head.base_type().eq_ignore_ascii_case(PART_TYPE).then(Vec::new),
            Event::Data(data) => {
                if let Some(part) = &mut part {
                    part.extend_from_slice(&data);
                }
            }
            Event::PartEnd => {
                if let Some(der) = part.take() {
                    responses.push(OcspResponse::parse(&der).map_err(|e| e.to_string())?);
                }
            }
            Event::End => break,
        }
        if responses.len() > ANSWERS_MAX {
            return Err(format!("more than {ANSWERS_MAX} OCSP answers came"));
        }
    }
    Ok(responses)
}
