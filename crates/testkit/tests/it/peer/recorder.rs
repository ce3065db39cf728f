//! A wire with a listener's ear: stands on port 5500 between our two gateways, ends TLS on both sides as the one and as the other,
//! and keeps what passed.

use anyhow::{Context as _, Result};
use keystore::{KeyId, Keystore};
use openssl::pkey::PKey;
use openssl::ssl::{
    AlpnError, Ssl, SslContext, SslContextBuilder, SslMethod, SslVerifyMode, SslVersion, select_next_proto,
};
use openssl::x509::X509;
use std::net::SocketAddr;
use std::pin::Pin;
use testkit::{Enrolled, Nation, RunningGateway};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_openssl::SslStream;

const SUITES: &str = "ECDHE-RSA-AES256-SHA384:DHE-RSA-AES256-SHA256:ECDHE-ECDSA-AES256-SHA384";
const OWN_KIND: &[u8] = b"\x09chhatra/1";

/// What passed on one connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tape {
    pub(crate) requests: Vec<u8>,
    pub(crate) responses: Vec<u8>,
    pub(crate) ended: bool,
}

/// Whoever waits for what passes is told of it.
type Tapes = watch::Sender<Vec<Tape>>;

/// The recorder; it ends with the test's runtime.
#[derive(Debug)]
pub(crate) struct Recorder {
    tapes: Tapes,
}

/// Whom the recorder shows itself as.
struct Face {
    chain: Vec<Vec<u8>>,
    key: Vec<u8>,
}

fn face(nation: &Nation, gateway: &RunningGateway, identity: &Enrolled) -> Result<Face> {
    let keystore = Keystore::open(gateway.config.keystore_dir(), &nation.pin)?;
    let key_of = |key: &KeyId| keystore.tls_key_der(key);
    let mut chain = vec![identity.authentication.der().to_vec()];
    chain.extend(nation.authority.intermediate_certificate().map(<[u8]>::to_vec));
    Ok(Face { chain, key: key_of(&identity.authentication_key)?.to_vec() })
}

fn context(method: SslMethod, face: &Face, own_kind: bool) -> Result<SslContextBuilder> {
    let mut builder = SslContextBuilder::new(method)?;
    builder.set_cipher_list(SUITES)?;
    let newest = if own_kind { SslVersion::TLS1_3 } else { SslVersion::TLS1_2 };
    builder.set_max_proto_version(Some(newest))?;
    let mut chain = face.chain.iter();
    builder.set_certificate(&*X509::from_der(chain.next().context("leaf")?)?)?;
    for intermediate in chain {
        builder.add_extra_chain_cert(X509::from_der(intermediate)?)?;
    }
    builder.set_private_key(&*PKey::private_key_from_pkcs8(&face.key)?)?;
    Ok(builder)
}

/// What stands between the two gateways of a nation: it accepts as the provider's and connects as the consumer's; with `own_kind`, as
/// gateways of our kind among themselves.
pub(crate) fn between(nation: &Nation, own_kind: bool) -> Result<(SslContext, SslContext)> {
    let consumer = face(nation, &nation.consumer, &nation.consumer_identity)?;
    let provider = face(nation, &nation.provider, &nation.provider_identity)?;
    let mut accepting = context(SslMethod::tls_server(), &provider, own_kind)?;
    accepting.set_verify_callback(SslVerifyMode::PEER, |_, _| true);
    accepting.set_session_id_context(b"between")?;
    let mut connecting = context(SslMethod::tls_client(), &consumer, own_kind)?;
    connecting.set_verify(SslVerifyMode::NONE);
    if own_kind {
        accepting.set_alpn_select_callback(|_, offered| {
            select_next_proto(OWN_KIND, offered).ok_or(AlpnError::NOACK)
        });
        connecting.set_alpn_protos(OWN_KIND)?;
    }
    Ok((accepting.build(), connecting.build()))
}

impl Recorder {
    /// Stands at `at` before the provider's gateway, on 5500 and 5577; with `own_kind`, as gateways of our kind among themselves.
    pub(crate) async fn start(nation: &Nation, at: SocketAddr, own_kind: bool) -> Result<Self> {
        let contexts = between(nation, own_kind)?;
        let listen = &nation.provider.config.listen;
        let tapes = Tapes::default();
        let listener = TcpListener::bind(at).await?;
        tokio::spawn(record(listener, listen.transport, contexts, tapes.clone()));
        let listener = TcpListener::bind(SocketAddr::new(at.ip(), 5577)).await?;
        tokio::spawn(pass_on(listener, listen.ocsp));
        Ok(Self { tapes })
    }

    /// Waits until this many exchanges have passed whole; takes what passed.
    pub(crate) async fn take(&self, exchanges: usize) -> Result<Vec<Tape>> {
        let mut tapes = self.tapes.subscribe();
        let passed = tapes
            .wait_for(|tapes| tapes.iter().map(|tape| tape.exchanges().len()).sum::<usize>() >= exchanges);
        let waited = tokio::time::timeout(std::time::Duration::from_secs(30), passed).await;
        drop(waited.with_context(|| format!("{exchanges} exchanges should have passed"))?);
        Ok(self.tapes.send_replace(Vec::new()))
    }

    /// Whether these bytes have passed.
    pub(crate) fn heard(&self, what: &[u8]) -> bool {
        let tapes = self.tapes.borrow();
        tapes.iter().any(|tape| find(&tape.requests, what).or_else(|| find(&tape.responses, what)).is_some())
    }
}

impl Tape {
    /// The exchanges that passed whole: request and response.
    pub(crate) fn exchanges(&self) -> Vec<(&[u8], &[u8])> {
        let (mut requests, mut responses) = (self.requests.as_slice(), self.responses.as_slice());
        let mut whole = vec![];
        while let (Some((request, later)), Some((response, rest))) =
            (message(requests, false), message(responses, self.ended))
        {
            whole.push((request, response));
            (requests, responses) = (later, rest);
        }
        whole
    }
}

async fn record(listener: TcpListener, to: SocketAddr, contexts: (SslContext, SslContext), tapes: Tapes) {
    while let Ok((socket, _)) = listener.accept().await {
        let (contexts, tapes) = (contexts.clone(), tapes.clone());
        tokio::spawn(async move {
            if let Err(error) = connection(socket, to, &contexts, &tapes).await {
                println!("the recorder lost a connection: {error}");
            }
        });
    }
}

async fn connection(
    socket: TcpStream,
    to: SocketAddr,
    contexts: &(SslContext, SslContext),
    tapes: &Tapes,
) -> Result<()> {
    let (accepting, connecting) = contexts;
    let mut near = SslStream::new(Ssl::new(accepting)?, socket)?;
    Pin::new(&mut near).accept().await?;
    let mut far = SslStream::new(Ssl::new(connecting)?, TcpStream::connect(to).await?)?;
    Pin::new(&mut far).connect().await?;
    let mut number = 0;
    tapes.send_modify(|tapes| {
        number = tapes.len();
        tapes.push(Tape::default());
    });
    let (near_in, near_out) = tokio::io::split(near);
    let (far_in, far_out) = tokio::io::split(far);
    let note = |bytes: &[u8], is_request: bool| {
        tapes.send_modify(|tapes| {
            if let Some(tape) = tapes.get_mut(number) {
                let side = if is_request { &mut tape.requests } else { &mut tape.responses };
                side.extend_from_slice(bytes);
            }
        });
    };
    // When the answer has ended, the connection has.
    tokio::select! {
        () = async { pump(near_in, far_out, |bytes| note(bytes, true)).await; std::future::pending().await } => {}
        () = pump(far_in, near_out, |bytes| note(bytes, false)) => {}
    }
    tapes.send_modify(|tapes| {
        if let Some(tape) = tapes.get_mut(number) {
            tape.ended = true;
        }
    });
    Ok(())
}

async fn pump(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, note: impl Fn(&[u8])) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count) = from.read(&mut buffer).await {
        let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else { break };
        note(bytes);
        if to.write_all(bytes).await.is_err() || to.flush().await.is_err() {
            return;
        }
    }
    // The other side may have gone.
    let _closed = to.shutdown().await;
}

/// Port 5577, as it is.
pub(crate) async fn pass_on(listener: TcpListener, to: SocketAddr) {
    while let Ok((mut near, _)) = listener.accept().await {
        tokio::spawn(async move {
            if let Ok(mut far) = TcpStream::connect(to).await {
                let _passed = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            }
        });
    }
}

/// The first HTTP message of these bytes, when it is whole, and what follows it. What is ended by nothing else ends with its
/// connection.
pub(crate) fn message(bytes: &[u8], connection_ended: bool) -> Option<(&[u8], &[u8])> {
    let head_end = find(bytes, b"\r\n\r\n")?.checked_add(4)?;
    let head = String::from_utf8_lossy(bytes.get(..head_end)?).to_ascii_lowercase();
    let value =
        |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim));
    let body = bytes.get(head_end..)?;
    let length = if value("transfer-encoding") == Some("chunked") {
        chunks(body)?
    } else if let Some(length) = value("content-length") {
        length.parse().ok()?
    } else {
        connection_ended.then_some(body.len())?
    };
    bytes.split_at_checked(head_end.checked_add(length)?)
}

/// How long a chunked body is.
fn chunks(body: &[u8]) -> Option<usize> {
    let mut at = 0_usize;
    loop {
        let rest = body.get(at..)?;
        let line = find(rest, b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(rest.get(..line)?).ok()?, 16).ok()?;
        at = at.checked_add(line)?.checked_add(size)?.checked_add(4)?;
        if size == 0 {
            return Some(at);
        }
    }
}

pub(crate) fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
