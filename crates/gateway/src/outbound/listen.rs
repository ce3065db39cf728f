//! The consumer ports: 8080 in the clear, 8443 over TLS with whatever certificate the consumer presents (data-plane 2.1).

use crate::gateway::Gateway;
use crate::outbound;
use crate::possession::Possession;
use http1::{Place, Request, ServerConnection, Stop};
use rustls::pki_types::CertificateDer;
use rustls::sign::SingleCertAndKey;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use trust::Certificate;

/// How a consumer is connected.
#[derive(Debug, Clone)]
pub(crate) enum Consumer {
    /// In the clear.
    Plain,
    /// Over TLS, with its certificate if it presented one. Nothing is verified yet.
    Tls(Option<Certificate>),
}

/// Serves consumers in the clear until the stop.
pub(crate) async fn serve_http(gateway: Arc<Gateway>, listener: TcpListener, stop: Stop) {
    let limits = gateway.config.peer.limits();
    let connection_limits = limits.clone();
    let of_connection = stop.clone();
    let handler = move |socket: TcpStream, _, place| {
        let connection = ServerConnection::new(socket, connection_limits.clone());
        requests(Arc::clone(&gateway), Consumer::Plain, connection, place, of_connection.clone())
    };
    http1::accept_loop(listener, handler, limits, stop).await;
}

/// Serves consumers over TLS until the stop.
pub(crate) async fn serve_https(gateway: Arc<Gateway>, listener: TcpListener, stop: Stop) {
    let limits = gateway.config.peer.limits();
    let of_connection = (gateway, limits.clone(), stop.clone());
    let handler = move |socket: TcpStream, _, place| {
        let (gateway, limits, stop) = of_connection.clone();
        async move {
            let wait = limits.head_timeout;
            let acceptor = TlsAcceptor::from(Arc::clone(&gateway.internal_tls().accepting));
            let stream = match tokio::time::timeout(wait, acceptor.accept(socket)).await {
                Ok(Ok(stream)) => stream,
                Ok(Err(error)) => return tracing::info!("a consumer's TLS handshake failed: {error}"),
                Err(_) => {
                    return tracing::info!(
                        "a consumer's TLS handshake took longer than {} ms",
                        wait.as_millis()
                    );
                }
            };
            let presented = stream.get_ref().1.peer_certificates().and_then(<[CertificateDer<'_>]>::first);
            let certificate = presented.and_then(|der| Certificate::from_der(der).ok());
            let connection = ServerConnection::new(stream, limits);
            requests(gateway, Consumer::Tls(certificate), connection, place, stop).await;
        }
    };
    http1::accept_loop(listener, handler, limits, stop).await;
}

async fn requests(
    gateway: Arc<Gateway>,
    consumer: Consumer,
    connection: ServerConnection,
    place: Arc<Place>,
    stop: Stop,
) {
    let handler = move |request: Request| {
        let (gateway, consumer) = (Arc::clone(&gateway), consumer.clone());
        async move { outbound::exchange(&gateway, consumer, request).await }
    };
    http1::serve_requests(connection, &place, handler, stop).await;
}

/// TLS for consumers: any certificate or none. Which one a client must have is decided per message (data-plane 8.2).
pub(crate) fn tls_config(shown: Arc<SingleCertAndKey>) -> Result<rustls::ServerConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(Arc::new(Possession))
        .with_cert_resolver(shown))
}
