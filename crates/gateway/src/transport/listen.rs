//! Port 5500: TLS with an admitted client certificate, then HTTP requests from a peer.

use super::tls;
use crate::gateway::Gateway;
use crate::inbound;
use http1::{Limits, Place, Request, ServerConnection, Stop};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_openssl::SslStream;
use trust::Certificate;

/// Who is at the other end of a connection, as far as the handshake told.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// The certificates it presented, its own first. Admitted, not yet verified.
    pub(crate) chain: Vec<Certificate>,
    /// A gateway of our own kind: connections are kept.
    pub(crate) own_kind: bool,
}

/// Serves peers until the stop.
pub(crate) async fn serve(gateway: Arc<Gateway>, listener: TcpListener, stop: Stop) {
    let limits = gateway.config.peer.limits();
    let of_connection = (gateway, limits.clone(), stop.clone());
    let handler = move |socket: TcpStream, _, place| {
        let (gateway, limits, stop) = of_connection.clone();
        async move { connection(gateway, socket, place, limits, stop).await }
    };
    http1::accept_loop(listener, handler, limits, stop).await;
}

async fn connection(gateway: Arc<Gateway>, socket: TcpStream, place: Arc<Place>, limits: Limits, stop: Stop) {
    let wait = Duration::from_millis(gateway.config.peer.connect_timeout_ms);
    let Some(stream) = handshake(&gateway, socket, wait).await else {
        return;
    };
    let chain = match tls::presented(stream.ssl()) {
        Ok(chain) => chain,
        Err(error) => return tracing::info!("a peer's certificate cannot be read: {error}"),
    };
    let caller = Caller { chain, own_kind: tls::is_own_kind(stream.ssl()) };
    let connection = ServerConnection::new(stream, limits);
    let handler = move |request: Request| {
        let (gateway, caller) = (Arc::clone(&gateway), caller.clone());
        async move { inbound::exchange(&gateway, caller, request).await }
    };
    http1::serve_requests(connection, &place, handler, stop).await;
}

async fn handshake(gateway: &Gateway, socket: TcpStream, wait: Duration) -> Option<SslStream<TcpStream>> {
    let context = match gateway.peer_tls() {
        Ok(contexts) => contexts.accepting.clone(),
        Err(refusal) => {
            tracing::warn!("a peer was turned away: {refusal}");
            return None;
        }
    };
    let ssl = tls::session(&context).ok()?;
    let mut stream = SslStream::new(ssl, socket).ok()?;
    match tokio::time::timeout(wait, Pin::new(&mut stream).accept()).await {
        // Whoever resumes a session was admitted when it began; the certificate is verified whole when a message is read (4.2).
        Ok(Ok(())) => Some(stream),
        Ok(Err(error)) => {
            tracing::info!("a peer's TLS handshake failed: {error}");
            None
        }
        Err(_) => {
            tracing::info!("a peer's TLS handshake took longer than {} ms", wait.as_millis());
            None
        }
    }
}
