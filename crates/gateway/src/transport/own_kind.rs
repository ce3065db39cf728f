//! Towards servers of our own kind that were met before: TLS 1.3 by rustls, which can resume a session on the connecting side; OpenSSL's
//! safe binding cannot (docs/design/why-two-tls.md).
//!
//! To be remembered is not to be trusted: the certificates of the first handshake stay with the session, and `verify_peer` decides about
//! them after every handshake, resumed or not.

use super::tls::{self, Credentials, OWN_KIND};
use crate::possession::Possession;
use crate::shown::shown;
use rustls::client::{ClientConfig, Resumption};
use rustls::pki_types::{CertificateDer, ServerName};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use trust::Certificate;

/// Servers remembered, and sessions of each: more than a handful wait for nobody.
const SERVERS_MAX: usize = 256;
const SESSIONS_EACH_MAX: usize = 8;

/// The servers that turned out to be of our own kind, and how they are connected from then on. Ends with the certificate that it shows,
/// and the sessions with it.
#[derive(Debug)]
pub(crate) struct OwnKind {
    config: Arc<ClientConfig>,
    met: Mutex<BTreeSet<String>>,
}

impl OwnKind {
    pub(crate) fn new(credentials: &Credentials<'_>) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let chain = credentials.chain.iter().map(|c| CertificateDer::from(c.der().to_vec())).collect();
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Possession))
            .with_client_cert_resolver(shown(chain, credentials.key_pkcs8)?);
        config.alpn_protocols = vec![OWN_KIND.to_vec()];
        config.enable_sni = false;
        config.resumption = Resumption::in_memory_sessions(SERVERS_MAX.saturating_mul(SESSIONS_EACH_MAX));
        Ok(Self { config: Arc::new(config), met: Mutex::default() })
    }

    /// Whether this server was of our own kind when it was last met.
    pub(crate) fn knows(&self, host: &str) -> bool {
        self.met.lock().unwrap_or_else(PoisonError::into_inner).contains(host)
    }

    pub(crate) fn remember(&self, host: &str) {
        let mut met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever is forgotten is met again; it costs one handshake.
        if met.len() >= SERVERS_MAX && !met.contains(host) {
            met.pop_first();
        }
        met.insert(host.to_owned());
    }

    pub(crate) fn forget(&self, host: &str) {
        self.met.lock().unwrap_or_else(PoisonError::into_inner).remove(host);
    }

    /// The handshake: the stream, and the certificates that the other side presented, now or when the session began.
    pub(crate) async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        host: &str,
        socket: S,
    ) -> Result<(TlsStream<S>, Vec<Certificate>), String> {
        let name = ServerName::try_from(host.to_owned()).map_err(|e| e.to_string())?;
        let connecting = TlsConnector::from(Arc::clone(&self.config)).connect(name, socket);
        let stream = connecting.await.map_err(|e| e.to_string())?;
        let (_, session) = stream.get_ref();
        if session.alpn_protocol() != Some(OWN_KIND) {
            return Err("it does not speak as our own kind does".to_owned());
        }
        let presented = session.peer_certificates().into_iter().flatten().map(|der| der.to_vec());
        let chain = tls::chain(presented).map_err(|e| e.to_string())?;
        Ok((stream, chain))
    }
}

#[cfg(test)]
mod tests;
