//! TLS towards services (data-plane 8.4): no names and no authorities; the certificate itself must be one that the provider registered.

use crate::error::Refusal;
use crate::serverconf::{ClientEntry, ServiceEntry};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use trust::Certificate;

/// TLS for calls to services; our internal certificate is shown to a service that asks for one.
pub(crate) fn config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<rustls::ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = Arc::new(ComparedLater(Arc::clone(&provider)));
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_auth_cert(chain, key)
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
    let stream = TlsConnector::from(config)
        .connect(name, socket)
        .await
        .map_err(|e| Refusal::ServiceTls(format!("The TLS handshake with the service failed: {e}")))?;
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

/// The handshake proves that the service holds the key; which certificate it may be is compared right after.
#[derive(Debug)]
struct ComparedLater(Arc<rustls::crypto::CryptoProvider>);

impl ServerCertVerifier for ComparedLater {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
