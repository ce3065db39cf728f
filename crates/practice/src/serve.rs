//! The three services on the network: OCSP, time-stamps, and a door for certificate requests.

use crate::authority::PracticeAuthority;
use crate::error::{IssueRefusal, StartFailure};
use crate::pem;
use crate::request::REQUEST_BYTES_MAX;
use crate::{revocation, timestamp};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http1::{
    Body, BodyError, Limits, Request, RequestHead, ResponseHead, Stop, Stopper, serve, stop_channel,
};
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Where the services listen; port 0 lets the system choose. Loopback only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// Certificate requests: `POST /testca/sign?profile=auth|sign`, PEM or DER in, PEM out; the authority's own
    /// certificates: `GET /certificates/root.pem`, `issuing.pem`, `ocsp.pem`, `tsa.pem`.
    pub authority: SocketAddr,
    /// OCSP: POST at any path, or GET with the query in base64 as the path.
    pub ocsp: SocketAddr,
    /// Time-stamps: POST at any path.
    pub tsa: SocketAddr,
}

/// The running services. Dropped, they go on until the process ends; [`Services::stop`] ends them.
#[derive(Debug)]
pub struct Services {
    addresses: Addresses,
    stopper: Stopper,
    tasks: Vec<JoinHandle<()>>,
}

/// An answer in the making.
struct Answer {
    status: u16,
    content_type: &'static str,
    body: Vec<u8>,
}

impl Services {
    /// Listens, and makes certificates issued from now on name this OCSP address.
    ///
    /// # Errors
    /// An address that is not loopback or cannot be listened on.
    pub async fn start(
        authority: Arc<PracticeAuthority>,
        addresses: Addresses,
    ) -> Result<Self, StartFailure> {
        let (door, door_address) = listen(addresses.authority).await?;
        let (ocsp, ocsp_address) = listen(addresses.ocsp).await?;
        let (tsa, tsa_address) = listen(addresses.tsa).await?;
        let addresses = Addresses { authority: door_address, ocsp: ocsp_address, tsa: tsa_address };
        // An address of ours always fits into a certificate.
        let _ = authority.set_ocsp_url(&format!("http://{ocsp_address}/"));
        let (stopper, stop) = stop_channel();
        let tasks = vec![
            spawn(door, Arc::clone(&authority), answer_request, &stop),
            spawn(ocsp, Arc::clone(&authority), answer_ocsp, &stop),
            spawn(tsa, authority, answer_tsa, &stop),
        ];
        tracing::info!(%door_address, %ocsp_address, %tsa_address, "practice trust services listen");
        Ok(Self { addresses, stopper, tasks })
    }

    /// Where they listen, with the ports that the system chose.
    #[must_use]
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// The OCSP responder's address.
    #[must_use]
    pub fn ocsp_url(&self) -> String {
        format!("http://{}/", self.addresses.ocsp)
    }

    /// The time-stamp authority's address.
    #[must_use]
    pub fn tsa_url(&self) -> String {
        format!("http://{}/", self.addresses.tsa)
    }

    /// The door for certificate requests, without `?profile=`.
    #[must_use]
    pub fn sign_url(&self) -> String {
        format!("http://{}/testca/sign", self.addresses.authority)
    }

    /// Takes no new work, finishes what runs, and closes.
    pub async fn stop(self) {
        self.stopper.stop();
        for task in self.tasks {
            let _ = task.await;
        }
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartFailure> {
    if !address.ip().is_loopback() {
        return Err(StartFailure::NotLoopback(address));
    }
    let fail = |error| StartFailure::Listen { address, error };
    let listener = TcpListener::bind(address).await.map_err(fail)?;
    let bound = listener.local_addr().map_err(fail)?;
    Ok((listener, bound))
}

fn spawn<F>(
    listener: TcpListener,
    authority: Arc<PracticeAuthority>,
    answer: fn(Arc<PracticeAuthority>, RequestHead, Body) -> F,
    stop: &Stop,
) -> JoinHandle<()>
where
    F: Future<Output = Answer> + Send + 'static,
{
    let handler = move |request: Request, _peer| {
        let authority = Arc::clone(&authority);
        async move {
            let answer = answer(authority, request.head, request.body).await;
            let head = ResponseHead::new(answer.status).with("Content-Type", answer.content_type);
            // A client that is gone does not need its answer.
            let _ = request.responder.respond(&head, &answer.body).await;
        }
    };
    tokio::spawn(serve(listener, handler, Limits::default(), stop.clone()))
}

async fn answer_ocsp(authority: Arc<PracticeAuthority>, head: RequestHead, mut body: Body) -> Answer {
    if authority.drills().is_ocsp_offline() {
        return refusal(503, "out of service");
    }
    let query = match head.method.as_str() {
        "POST" => read(&mut body, revocation::QUERY_BYTES_MAX).await,
        "GET" => Ok(query_in_path(head.path())),
        _ => return refusal(405, "OCSP is asked with POST or GET"),
    };
    match query {
        // It waits for whoever has the register, who may be writing it.
        Ok(query) => {
            blocking(move || {
                let body = authority.answer_ocsp(&query);
                Answer { status: 200, content_type: "application/ocsp-response", body }
            })
            .await
        }
        Err(answer) => answer,
    }
}

/// RFC 6960 A.1.1. What is not base64 becomes an empty query, which is then answered as malformed.
fn query_in_path(path: &str) -> Vec<u8> {
    let decoded = identifier::percent::decode_segment(path.trim_start_matches('/'));
    decoded.ok().and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default()
}

async fn answer_tsa(authority: Arc<PracticeAuthority>, head: RequestHead, mut body: Body) -> Answer {
    if authority.drills().is_tsa_offline() {
        return refusal(503, "out of service");
    }
    if head.method != "POST" {
        return refusal(405, "time-stamps are asked for with POST");
    }
    match read(&mut body, timestamp::QUERY_BYTES_MAX).await {
        // The number may have to be written first.
        Ok(query) => {
            blocking(move || {
                let body = authority.answer_tsa(&query);
                Answer { status: 200, content_type: "application/timestamp-reply", body }
            })
            .await
        }
        Err(answer) => answer,
    }
}

async fn answer_request(authority: Arc<PracticeAuthority>, head: RequestHead, mut body: Body) -> Answer {
    match (head.method.as_str(), head.path()) {
        ("GET", path) => certificate(&authority, path),
        ("POST", "/testca/sign") => {
            let signing = match head.query() {
                Some("profile=sign") => true,
                Some("profile=auth") => false,
                Some(_) | None => return refusal(400, "say ?profile=auth or ?profile=sign"),
            };
            match read(&mut body, REQUEST_BYTES_MAX).await {
                Ok(request) => blocking(move || issue(&authority, &request, signing)).await,
                Err(answer) => answer,
            }
        }
        (_, _) => refusal(404, "there is POST /testca/sign and GET /certificates/root.pem"),
    }
}

fn issue(authority: &PracticeAuthority, request: &[u8], signing: bool) -> Answer {
    let issued = match signing {
        true => authority.issue_signing(request),
        false => authority.issue_authentication(request),
    };
    match issued {
        Ok(issued) => pem_answer(&issued.der),
        Err(error @ (IssueRefusal::Store(_) | IssueRefusal::Crypto)) => refusal(500, &error.to_string()),
        Err(error) => refusal(400, &error.to_string()),
    }
}

fn certificate(authority: &PracticeAuthority, path: &str) -> Answer {
    match path {
        "/certificates/root.pem" => pem_answer(authority.root_certificate()),
        "/certificates/issuing.pem" => pem_answer(authority.issuer_certificate()),
        "/certificates/ocsp.pem" => pem_answer(authority.ocsp_certificate()),
        "/certificates/tsa.pem" => pem_answer(authority.tsa_certificate()),
        _ => refusal(404, "there are root.pem, issuing.pem, ocsp.pem and tsa.pem under /certificates/"),
    }
}

async fn blocking(work: impl FnOnce() -> Answer + Send + 'static) -> Answer {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| refusal(500, "the work was broken off"))
}

async fn read(body: &mut Body, bytes_max: usize) -> Result<Vec<u8>, Answer> {
    body.read_all(bytes_max).await.map_err(|error| match error {
        BodyError::TooLarge { bytes_max } => {
            refusal(413, &format!("the query is larger than {bytes_max} bytes"))
        }
        BodyError::Cut { .. }
        | BodyError::Slow { .. }
        | BodyError::Chunk(_)
        | BodyError::ChunkLines { .. }
        | BodyError::Connection(_) => refusal(400, "the query did not arrive whole"),
    })
}

fn pem_answer(der: &[u8]) -> Answer {
    let body = pem::write("CERTIFICATE", der).into_bytes();
    Answer { status: 200, content_type: "application/x-pem-file", body }
}

fn refusal(status: u16, sentence: &str) -> Answer {
    Answer { status, content_type: "text/plain; charset=utf-8", body: format!("{sentence}\n").into_bytes() }
}
