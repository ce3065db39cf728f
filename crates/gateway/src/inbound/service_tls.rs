//! TLS towards services (data-plane 8.4): no names and no authorities; the certificate itself must be one that the provider registered.

use crate::error::Refusal;
use crate::possession::Possession;
use crate::serverconf::{ClientEntry, ServiceEntry};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::sign::SingleCertAndKey;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use trust::Certificate;

/// TLS for calls to services; our internal certificate is shown to a service that asks for one.
pub(crate) fn config(shown: Arc<SingleCertAndKey>) -> Result<rustls::ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Possession))
        .with_client_cert_resolver(shown))
}

/// Handshake, then the comparison with the provider's registered certificates.
pub(crate) async fn connect(
    config: Arc<rustls::ClientConfig>,
    socket: TcpStream,
    host: &str,
    provider: &ClientEntry,
    service: &ServiceEntry,
) -> Result<TlsStream<TcpStream>, Refusal> {
    let name = ServerName::try_from(host.to_owned()).map_err(|e| Refusal::ServiceTls(e.to_string()))?;
    // Only the certificate is a matter of authentication; a handshake that fails is bytes that did not pass (data-plane 8.4, 9.1).
    let stream = TlsConnector::from(config).connect(name, socket).await.map_err(|e| {
        Refusal::of_service(Some(e.kind()), format!("The TLS handshake with the service failed: {e}"))
    })?;
    if service.verify_certificate {
        let presented = stream.get_ref().1.peer_certificates().and_then(<[CertificateDer<'_>]>::first);
        compare(presented.map(AsRef::as_ref), &provider.internal_certificates, provider)?;
    }
    Ok(stream)
}

fn compare(presented: Option<&[u8]>, trusted: &[Certificate], provider: &ClientEntry) -> Result<(), Refusal> {
    if trusted.is_empty() {
        let name = provider.id.display_form();
        return Err(Refusal::ServiceTls(format!("Client '{name}' has no IS certificates")));
    }
    if presented.is_some_and(|der| trusted.iter().any(|certificate| certificate.der() == der)) {
        return Ok(());
    }
    Err(Refusal::ServiceTls("IS certificate is not trusted".to_owned()))
}
