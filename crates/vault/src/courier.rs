//! HTTP for the store, by this house's own client: one connection for each request, TLS by the authorities that the operator names.

use crate::transfer::StoreFault;
use async_trait::async_trait;
use http_body_util::BodyExt as _;
use http1::{ClientConnection, Limits, RequestHead};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody,
    HttpService,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio_rustls::TlsConnector;

/// Where Debian and its kind keep the authorities of the system.
const SYSTEM_AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// A store may take its time to keep what it was given.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// More than is ever asked for at once.
const ANSWER_BYTES_MAX: usize = 9 << 20;

/// Carries requests.
#[derive(Debug, Clone)]
pub(crate) struct Courier {
    tls: Option<Arc<ClientConfig>>,
}

impl Courier {
    pub(crate) fn new(ca_file: Option<&Path>, secure: bool) -> Result<Self, StoreFault> {
        if !secure {
            return Ok(Self { tls: None });
        }
        let path = ca_file.unwrap_or(Path::new(SYSTEM_AUTHORITIES));
        let fault = |why: String| StoreFault::File { path: path.to_owned(), why };
        let mut roots = RootCertStore::empty();
        let found =
            CertificateDer::pem_file_iter(path).map_err(|why| fault(format!("cannot be read: {why}")))?;
        for certificate in found {
            let certificate = certificate.map_err(|why| fault(format!("cannot be understood: {why}")))?;
            // The system's file may hold some that are too odd for this library.
            roots.add_parsable_certificates([certificate]);
        }
        if roots.is_empty() {
            return Err(fault("holds no certificate of an authority".to_owned()));
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|why| StoreFault::Settings(why.to_string()))?;
        Ok(Self { tls: Some(Arc::new(config.with_root_certificates(roots).with_no_client_auth())) })
    }

    async fn connect(&self, host: &str, port: u16) -> Result<ClientConnection, HttpError> {
        let limits = Limits { head_timeout: ANSWER_TIMEOUT, ..Limits::default() };
        let socket = http1::connect(host, port, CONNECT_TIMEOUT).await;
        let socket = socket.map_err(|why| HttpError::new(HttpErrorKind::Connect, why))?;
        let Some(tls) = &self.tls else { return Ok(ClientConnection::new(socket, limits)) };
        // Another answer is not to be expected soon of whoever shows the wrong certificate.
        let name = ServerName::try_from(host.to_owned())
            .map_err(|why| HttpError::new(HttpErrorKind::Unknown, why))?;
        let handshake = TlsConnector::from(Arc::clone(tls)).connect(name, socket);
        match tokio::time::timeout(CONNECT_TIMEOUT, handshake).await {
            Ok(Ok(stream)) => Ok(ClientConnection::new(stream, limits)),
            Ok(Err(why)) if why.kind() == std::io::ErrorKind::InvalidData => {
                Err(HttpError::new(HttpErrorKind::Unknown, why))
            }
            Ok(Err(why)) => Err(HttpError::new(HttpErrorKind::Connect, why)),
            Err(slow) => Err(HttpError::new(HttpErrorKind::Connect, slow)),
        }
    }
}

impl HttpConnector for Courier {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for Courier {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        let Some(authority) = parts.uri.authority() else {
            return Err(HttpError::new(HttpErrorKind::Unknown, std::io::Error::other("no host")));
        };
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let port = authority.port_u16().unwrap_or(if self.tls.is_some() { 443 } else { 80 });
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
        let mut head = RequestHead::new(parts.method.as_str(), target).with("Host", authority.as_str());
        for (name, value) in &parts.headers {
            if *name != http::header::CONTENT_LENGTH {
                head.push(name.as_str(), value.as_bytes());
            }
        }
        let head = head.with("Connection", "close");
        let octets = body.collect().await?.to_bytes();
        let sent = (!octets.is_empty() || parts.method == http::Method::PUT).then_some(&*octets);
        let mut connection = self.connect(host, port).await?;
        // All that is asked here may be asked twice: a put writes over nothing.
        let mut answer = connection.exchange(&head, sent).await.map_err(again)?;
        let body = if answer.body.has_entity() {
            answer.body.read_all(ANSWER_BYTES_MAX).await.map_err(again)?
        } else {
            Vec::new()
        };
        let mut response = http::Response::builder().status(answer.head.status);
        for (name, value) in &answer.head.headers {
            response = response.header(name.as_ref(), value.as_ref());
        }
        response.body(HttpResponseBody::from(body)).map_err(|why| HttpError::new(HttpErrorKind::Decode, why))
    }
}

fn again(why: impl Error + Send + Sync + 'static) -> HttpError {
    HttpError::new(HttpErrorKind::Request, why)
}
