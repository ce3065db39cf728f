//! The other ends: a service, a peer, a consumer, each saying exactly the recorded octets. Blocking sockets on threads of their own.

#![expect(clippy::unwrap_used, reason = "an end that cannot be set up ends the test")]

use super::recording::{Http, position};
use openssl::pkey::PKey;
use openssl::ssl::{Ssl, SslContext, SslMethod, SslStream, SslVerifyMode, SslVersion};
use openssl::x509::X509;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet, spawn_blocking};

const PATIENCE: Duration = Duration::from_secs(30);
const SUITES: &str = "ECDHE-RSA-AES256-SHA384:DHE-RSA-AES256-SHA256:ECDHE-ECDSA-AES256-SHA384";

/// What reached an end: the octets, and the certificate of who sent them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub(crate) request: Vec<u8>,
    pub(crate) certificate: Vec<u8>,
}

/// An end that answers every connection with the same octets.
#[derive(Debug)]
pub(crate) struct End {
    seen: Arc<Mutex<Vec<Seen>>>,
    closing: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl End {
    /// In the clear.
    pub(crate) async fn plain(address: SocketAddr, response: Vec<u8>) -> Self {
        Self::start(address, None, response).await
    }

    /// Over TLS as X-Road speaks it.
    pub(crate) async fn tls(address: SocketAddr, identity: SslContext, response: Vec<u8>) -> Self {
        Self::start(address, Some(identity), response).await
    }

    async fn start(address: SocketAddr, identity: Option<SslContext>, response: Vec<u8>) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&seen);
        let (closing, mut closed) = oneshot::channel();
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let accepted = tokio::select! {
                    biased;
                    accepted = listener.accept() => accepted,
                    _ = &mut closed => break,
                };
                let Ok((socket, _)) = accepted else { break };
                let socket = blocking(socket);
                let (notes, response, identity) = (Arc::clone(&notes), response.clone(), identity.clone());
                connections.spawn_blocking(move || match identity {
                    Some(context) => serve_tls(socket, &context, &response, &notes),
                    None => serve(socket, &response, &notes, Vec::new()),
                });
            }
            connections.join_all().await;
        });
        Self { seen, closing, task }
    }

    /// Closes the port; what has reached it, on connections that have all come to their end.
    pub(crate) async fn close(self) -> Vec<Seen> {
        // It may have ended by itself.
        let _ended = self.closing.send(());
        self.task.await.unwrap();
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn blocking(socket: tokio::net::TcpStream) -> TcpStream {
    let socket = socket.into_std().unwrap();
    socket.set_nonblocking(false).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.set_nodelay(true).unwrap();
    socket
}

fn serve_tls(socket: TcpStream, context: &SslContext, response: &[u8], notes: &Mutex<Vec<Seen>>) {
    let mut stream = SslStream::new(Ssl::new(context).unwrap(), socket).unwrap();
    if stream.accept().is_err() {
        return;
    }
    let certificate = stream.ssl().peer_certificate().and_then(|c| c.to_der().ok());
    serve(&mut stream, response, notes, certificate.unwrap_or_default());
    // The peer may be gone already.
    let _closed = stream.shutdown();
}

fn serve(mut stream: impl Read + Write, response: &[u8], notes: &Mutex<Vec<Seen>>, certificate: Vec<u8>) {
    let request = read_message(&mut stream, false, false);
    notes.lock().unwrap_or_else(PoisonError::into_inner).push(Seen { request, certificate });
    let _gone = stream.write_all(response).and_then(|()| stream.flush());
}

/// One HTTP message, to the end that its head announces, or to the end of the connection.
fn read_message(stream: &mut impl Read, is_response: bool, bodiless: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut buffer = vec![0_u8; 64 * 1024];
    while !is_whole(&bytes, is_response, bodiless) {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(count) => bytes.extend_from_slice(buffer.get(..count).unwrap_or_default()),
        }
    }
    bytes
}

fn is_whole(bytes: &[u8], is_response: bool, bodiless: bool) -> bool {
    // Only the head is searched: bodies have a megabyte.
    let Some(end) = position(bytes.get(..bytes.len().min(16 * 1024)).unwrap_or_default(), b"\r\n\r\n") else {
        return false;
    };
    let head = Http::read(bytes.get(..end.saturating_add(4)).unwrap_or_default());
    let rest = bytes.get(end.saturating_add(4)..).unwrap_or_default();
    if bodiless || (is_response && matches!(head.status_line().0, 204 | 304)) {
        return true;
    }
    if head.header("transfer-encoding").is_some() {
        return rest == b"0\r\n\r\n" || rest.ends_with(b"\r\n0\r\n\r\n");
    }
    match head.header("content-length").and_then(|length| length.parse::<usize>().ok()) {
        Some(length) => rest.len() >= length,
        None => !is_response,
    }
}

/// TLS as one of the recorded servers: TLS 1.2, three suites, its authentication certificate.
pub(crate) fn identity(keys: &Path, method: SslMethod) -> SslContext {
    let certificate = X509::from_der(&std::fs::read(keys.join("auth.cert.der")).unwrap()).unwrap();
    let key = PKey::private_key_from_pkcs8(&std::fs::read(keys.join("auth.key.der")).unwrap()).unwrap();
    let mut builder = SslContext::builder(method).unwrap();
    builder.set_max_proto_version(Some(SslVersion::TLS1_2)).unwrap();
    builder.set_cipher_list(SUITES).unwrap();
    builder.set_certificate(&certificate).unwrap();
    builder.set_private_key(&key).unwrap();
    builder.set_verify_callback(SslVerifyMode::PEER, |_, _| true);
    builder.set_session_id_context(b"replay").unwrap();
    builder.build()
}

/// Sends octets to a gateway's transport port and reads to the end of the connection: the answer, and the gateway's certificate.
pub(crate) async fn ask_gateway(
    address: SocketAddr,
    context: SslContext,
    request: Vec<u8>,
) -> (Vec<u8>, Vec<u8>) {
    let asking = spawn_blocking(move || {
        let socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut stream = SslStream::new(Ssl::new(&context).unwrap(), socket).unwrap();
        stream.connect().unwrap();
        let certificate = stream.ssl().peer_certificate().unwrap().to_der().unwrap();
        stream.write_all(&request).unwrap();
        let mut answer = Vec::new();
        let mut buffer = vec![0_u8; 64 * 1024];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            answer.extend_from_slice(buffer.get(..count).unwrap_or_default());
        }
        (answer, certificate)
    });
    asking.await.unwrap()
}

/// Sends octets in the clear and reads one answer.
pub(crate) async fn ask(address: SocketAddr, request: Vec<u8>) -> Vec<u8> {
    let bodiless = request.starts_with(b"HEAD ");
    let asking = spawn_blocking(move || {
        let mut socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.write_all(&request).unwrap();
        read_message(&mut socket, true, bodiless)
    });
    asking.await.unwrap()
}
