//! To the service, with everything that the message says and nothing else (data-plane 4.10). It takes only what is on record.

use super::accept::Received;
use super::decompress::Unpacker;
use super::permit::Permitted;
use super::service_tls;
use super::verify::Verified;
use crate::error::Refusal;
use crate::gateway::Gateway;
use crate::recorded::Recorded;
use crate::serverconf::{ClientEntry, ServiceEntry};
use crate::service_url::{ServiceUrl, UrlFault};
use crate::spool::Spooled;
use http1::{
    BodyError, BodyWriter, ClientConnection, FetchError, Framing, Limits, ReceiveError, RequestHead,
    Response, Url, WriteError,
};
use std::time::Duration;
use tokio::task::JoinSet;

/// Headers that make a body's length or coding: they go when the body is unpacked.
const CODING_HEADERS: [&str; 3] = ["content-encoding", "content-length", "content-md5"];

/// A request that the service has answered; its answer is still streaming.
#[derive(Debug)]
pub struct Delivered {
    pub(crate) verified: Verified,
    pub(crate) response: Response,
    pub(crate) unpacker: Unpacker,
    /// What is still being sent ends with the answer, and so does the connection.
    upload: Upload,
    _connection: ClientConnection,
}

impl Delivered {
    /// The answer broke off.
    pub(crate) async fn cut(&mut self, error: &BodyError) -> Refusal {
        let kind = if let BodyError::Connection(kind) = error { Some(*kind) } else { None };
        let refusal = Refusal::of_service(kind, format!("The service's answer could not be read: {error}"));
        self.upload.failure().await.unwrap_or(refusal)
    }
}

/// Calls the service.
///
/// # Errors
/// The service has no address, cannot be reached, or does not answer in time.
pub async fn deliver(gateway: &Gateway, recorded: Recorded<Permitted>) -> Result<Delivered, Refusal> {
    let permitted = recorded.into_subject();
    let id = permitted.verified().received().service();
    let (provider, service) = permitted.service().ok_or_else(|| Refusal::UnknownService(id.clone()))?;
    let url = service.url.as_ref().map_err(|fault| match fault {
        UrlFault::Missing => Refusal::ServiceUrlMissing(id.clone()),
        UrlFault::Malformed => Refusal::ServiceUrlMalformed(id.clone()),
    })?;
    let mut connection = connect(gateway, provider, service, url.url()).await?;
    let received = permitted.verified().received();
    let (mut response, upload) = send(&mut connection, received, url, service.timeout).await?;
    let unpacker = unpacker(&response);
    if unpacker.unpacks() {
        let headers = &mut response.head.headers;
        headers.retain(|(name, _)| !CODING_HEADERS.iter().any(|h| name.eq_ignore_ascii_case(h.as_bytes())));
    }
    let verified = permitted.into_verified();
    Ok(Delivered { verified, response, unpacker, upload, _connection: connection })
}

/// Only where something is packed: an answer to HEAD, or an empty one, keeps its headers, as in X-Road.
fn unpacker(response: &Response) -> Unpacker {
    let empty = response.head.header("content-length").is_some_and(|length| length.as_ref() == b"0");
    if empty || !response.body.has_entity() {
        return Unpacker::default();
    }
    Unpacker::new(response.head.header("content-encoding").map(AsRef::as_ref))
}

async fn connect(
    gateway: &Gateway,
    provider: &ClientEntry,
    service: &ServiceEntry,
    url: &Url,
) -> Result<ClientConnection, Refusal> {
    let wait = service.timeout;
    // The wait for the answer begins when the request is sent: see `send`.
    let limits =
        Limits { head_timeout: Duration::MAX, body_timeout: wait, write_timeout: wait, ..Limits::default() };
    let socket = http1::connect(url.host(), url.port(), wait).await.map_err(unreachable)?;
    if !url.is_secure() {
        return Ok(ClientConnection::new(socket, limits));
    }
    let handshake = service_tls::connect(
        std::sync::Arc::clone(&gateway.internal_tls().connecting),
        socket,
        url.host(),
        provider,
        service,
    );
    let stream = tokio::time::timeout(wait, handshake).await.map_err(|_| timed_out(wait))??;
    Ok(ClientConnection::new(stream, limits))
}

fn unreachable(error: FetchError) -> Refusal {
    if let FetchError::UnknownHost(host) = error {
        return Refusal::ServiceHost(host);
    }
    let kind = if let FetchError::Connect(kind) = error { Some(kind) } else { None };
    Refusal::of_service(kind, format!("Could not connect to the service: {error}"))
}

fn timed_out(wait: Duration) -> Refusal {
    Refusal::ServiceIo(format!("The service did not answer within {} s", wait.as_secs()))
}

async fn send(
    connection: &mut ClientConnection,
    received: &Received,
    url: &ServiceUrl,
    wait: Duration,
) -> Result<(Response, Upload), Refusal> {
    let carries_body = received.request.verb().delivers_body();
    let body = received.body().filter(|_| carries_body);
    let framing = match body {
        Some(body) => Framing::ContentLength(body.length()),
        None if carries_body => Framing::ContentLength(0),
        None => Framing::None,
    };
    let (writer, mut answer) =
        connection.send(&head(received, url, framing), framing).await.map_err(|e| not_taken(&e))?;
    let mut upload = Upload::start(writer, body.cloned()).await;
    let received = tokio::select! {
        biased;
        () = upload.over() => match tokio::time::timeout(wait, answer.receive()).await {
            Ok(received) => received.map_err(|e| no_answer(&e)),
            Err(_) => Err(timed_out(wait)),
        },
        received = answer.receive() => received.map_err(|e| no_answer(&e)),
    };
    match received {
        Ok(response) => Ok((response, upload)),
        Err(refusal) => Err(upload.failure().await.unwrap_or(refusal)),
    }
}

/// The request's body on its way, beside the answer: a service may answer before it has read everything.
#[derive(Debug)]
struct Upload {
    running: JoinSet<Result<(), Refusal>>,
    failed: Option<Refusal>,
}

impl Upload {
    async fn start(writer: BodyWriter, body: Option<Spooled>) -> Self {
        let mut running = JoinSet::new();
        let Some(body) = body else {
            let failed = writer.finish().await.err().map(|error| not_taken(&error));
            return Self { running, failed };
        };
        running.spawn(send_body(writer, body));
        Self { running, failed: None }
    }

    /// Waits for its end.
    async fn over(&mut self) {
        if let Some(Ok(Err(refusal))) = self.running.join_next().await {
            self.failed = Some(refusal);
        }
    }

    /// Ends it, and tells why it failed. Asked only when no whole answer came: an answer explains better. What the system told the
    /// writer of a broken connection, it does not tell the reader again.
    async fn failure(&mut self) -> Option<Refusal> {
        self.running.abort_all();
        self.over().await;
        self.failed.take()
    }
}

async fn send_body(mut writer: BodyWriter, body: Spooled) -> Result<(), Refusal> {
    let spool = |e: std::io::Error| Refusal::Spool(e.to_string());
    let mut reader = body.read().await.map_err(spool)?;
    while let Some(chunk) = reader.next().await.map_err(spool)? {
        writer.put(&chunk).await.map_err(|e| not_taken(&e))?;
    }
    writer.finish().await.map_err(|e| not_taken(&e))
}

fn not_taken(error: &WriteError) -> Refusal {
    let kind = if let WriteError::Connection(kind) = error { Some(*kind) } else { None };
    Refusal::of_service(kind, format!("The service did not take the request: {error}"))
}

fn no_answer(error: &ReceiveError) -> Refusal {
    let kind = if let ReceiveError::Connection(kind) = error { Some(*kind) } else { None };
    Refusal::of_service(kind, format!("The service gave no answer: {error}"))
}

/// The message's headers in their order and spelling, then those of the connection (seen on a live 7.8.0).
fn head(received: &Received, url: &ServiceUrl, framing: Framing) -> RequestHead {
    let mut head =
        RequestHead::new(received.method(), &url.target(received.service_path(), received.query()));
    let headers = received.request.headers();
    let counted = headers.iter().rposition(|header| header.is("x-road-client"));
    for (at, header) in headers.iter().enumerate() {
        // Who asks was decided by the last of these; a service must not read another name in the first.
        if header.is("x-road-client") && Some(at) != counted {
            continue;
        }
        // Only this spelling is the gateway's word; any other is a stranger's.
        if header.is("x-road-request-id") && header.name() != "x-road-request-id" {
            continue;
        }
        head.push(header.name(), header.wire_value());
    }
    if let Framing::ContentLength(length) = framing {
        head.push("Content-Length", length.to_string());
    }
    head.push("Host", url.url().authority());
    head.push("Connection", "Keep-Alive");
    head.push("User-Agent", concat!("Chhatra/", env!("CARGO_PKG_VERSION")));
    if head.header("accept-encoding").is_none() {
        head.push("Accept-Encoding", "gzip,deflate");
    }
    head
}
