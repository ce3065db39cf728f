//! TLS by OpenSSL, with certificates made on the spot: consumers and services that are not of this house.

use anyhow::Result;
use http1::{ClientConnection, Limits, RequestHead, ResponseHead, ServerConnection};
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{Ssl, SslAcceptor, SslConnector, SslMethod, SslVerifyMode};
use openssl::x509::{X509, X509NameBuilder};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use testkit::Answer;
use tokio::net::{TcpListener, TcpStream};
use tokio_openssl::SslStream;

/// A certificate with its key.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) certificate: X509,
    pub(crate) key: PKey<Private>,
}

impl Identity {
    /// Self-signed, P-256, good for the year.
    pub(crate) fn new(common_name: &str) -> Result<Self> {
        Self::with_validity(common_name, 365)
    }

    /// Self-signed, with so many days to go; 0 makes one that ends today.
    pub(crate) fn with_validity(common_name: &str, days: u32) -> Result<Self> {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
        let key = PKey::from_ec_key(EcKey::generate(&group)?)?;
        let mut name = X509NameBuilder::new()?;
        name.append_entry_by_nid(Nid::COMMONNAME, common_name)?;
        let name = name.build();
        let mut builder = X509::builder()?;
        builder.set_version(2)?;
        let serial = BigNum::from_u32(1)?.to_asn1_integer()?;
        builder.set_serial_number(&serial)?;
        builder.set_subject_name(&name)?;
        builder.set_issuer_name(&name)?;
        let (from, to) = (Asn1Time::days_from_now(0)?, Asn1Time::days_from_now(days)?);
        builder.set_not_before(&from)?;
        builder.set_not_after(&to)?;
        builder.set_pubkey(&key)?;
        builder.sign(&key, MessageDigest::sha256())?;
        Ok(Self { certificate: builder.build(), key })
    }

    pub(crate) fn from_der(certificate: &[u8], key: &[u8]) -> Result<Self> {
        Ok(Self { certificate: X509::from_der(certificate)?, key: PKey::private_key_from_pkcs8(key)? })
    }

    /// As settings hold it: Base64 of DER.
    pub(crate) fn declared(&self) -> Result<String> {
        use base64::Engine as _;
        Ok(base64::engine::general_purpose::STANDARD.encode(self.certificate.to_der()?))
    }
}

/// One request over TLS, with or without a certificate.
pub(crate) async fn call(
    address: SocketAddr,
    identity: Option<&Identity>,
    head: RequestHead,
) -> Result<Answer> {
    let mut builder = SslConnector::builder(SslMethod::tls_client())?;
    builder.set_verify(SslVerifyMode::NONE);
    if let Some(identity) = identity {
        builder.set_certificate(&identity.certificate)?;
        builder.set_private_key(&identity.key)?;
    }
    let ssl = builder.build().configure()?.verify_hostname(false).into_ssl("localhost")?;
    let mut stream = SslStream::new(ssl, TcpStream::connect(address).await?)?;
    Pin::new(&mut stream).connect().await?;
    let mut connection = ClientConnection::new(stream, Limits::default());
    let head = head.with("Host", address.to_string());
    let mut response = connection.exchange(&head, None).await?;
    let body = response.body.read_all(usize::MAX).await?;
    Ok(Answer { status: response.head.status, headers: response.head.headers, body })
}

/// A service over TLS that asks for a certificate and takes any or none.
#[derive(Debug)]
pub(crate) struct TlsService {
    pub(crate) address: SocketAddr,
    requests: Arc<AtomicUsize>,
    presented: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl TlsService {
    pub(crate) async fn start(address: SocketAddr, identity: &Identity) -> Result<Self> {
        let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
        builder.set_certificate(&identity.certificate)?;
        builder.set_private_key(&identity.key)?;
        builder.set_verify_callback(SslVerifyMode::PEER, |_, _| true);
        // Without it OpenSSL refuses to resume a session of a client that showed a certificate.
        builder.set_session_id_context(b"service")?;
        let acceptor = builder.build();
        let listener = TcpListener::bind(address).await?;
        let (requests, presented) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let (count, seen) = (Arc::clone(&requests), Arc::clone(&presented));
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (acceptor, count, seen) = (acceptor.clone(), Arc::clone(&count), Arc::clone(&seen));
                // A caller that refuses our certificate leaves; that is what is tested.
                tokio::spawn(async move { drop(serve(acceptor, socket, &count, &seen).await) });
            }
        });
        Ok(Self { address, requests, presented })
    }

    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// How many requests came over TLS, and which certificates their senders presented.
    pub(crate) fn count(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    pub(crate) fn presented(&self) -> Vec<Vec<u8>> {
        self.presented.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn serve(
    acceptor: SslAcceptor,
    socket: TcpStream,
    count: &AtomicUsize,
    presented: &Mutex<Vec<Vec<u8>>>,
) -> Result<()> {
    let mut stream = SslStream::new(Ssl::new(acceptor.context())?, socket)?;
    Pin::new(&mut stream).accept().await?;
    let certificate = stream.ssl().peer_certificate().map(|c| c.to_der()).transpose()?;
    let mut connection = ServerConnection::new(stream, Limits::default());
    while let Some(request) = connection.next_request().await? {
        count.fetch_add(1, Ordering::SeqCst);
        let shown = certificate.clone().unwrap_or_default();
        presented.lock().unwrap_or_else(PoisonError::into_inner).push(shown);
        drop(request.body);
        let head = ResponseHead::new(200).with("Content-Type", "text/plain");
        request.responder.respond(&head, b"over TLS").await?;
    }
    Ok(())
}
