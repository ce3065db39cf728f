//! The small client: one request, one whole answer, over plain TCP (OCSP, time-stamps, configuration sources).

use crate::client::ClientConnection;
use crate::error::FetchError;
use crate::head::RequestHead;
use crate::limits::Limits;
use crate::url::Url;
use bytes::Bytes;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a download may take and how much it may bring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchLimits {
    pub connect_timeout: Duration,
    /// The longest wait for the answer's head, and the longest silence in its body.
    pub read_timeout: Duration,
    /// From the call to the last byte.
    pub total_timeout: Duration,
    pub body_bytes_max: usize,
}

impl Default for FetchLimits {
    /// The times of data-plane 6.1 and 7.4; 10 MiB.
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(20),
            read_timeout: Duration::from_secs(60),
            total_timeout: Duration::from_secs(120),
            body_bytes_max: 10 * 1024 * 1024,
        }
    }
}

/// A downloaded answer, whatever its status: redirects are not followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    pub status: u16,
    pub headers: Vec<(Bytes, Bytes)>,
    pub body: Vec<u8>,
}

impl Fetched {
    /// The first value under this name as text.
    #[must_use]
    pub fn header_text(&self, name: &str) -> Option<&str> {
        crate::head::values(&self.headers, name).next().and_then(|value| std::str::from_utf8(value).ok())
    }
}

/// Asks once and reads the whole answer. Host and, with a body, Content-Length are added to `headers`, and
/// `Connection: close`.
///
/// # Errors
/// See [`FetchError`]; an answer that is cut short is an error.
pub async fn fetch(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: Option<&[u8]>,
    limits: &FetchLimits,
) -> Result<Fetched, FetchError> {
    let url = Url::parse(url)?;
    if url.is_secure() {
        return Err(FetchError::NotPlainHttp);
    }
    let whole = async {
        let stream = connect(url.host(), url.port(), limits.connect_timeout).await?;
        ask(stream, &request(method, &url, headers), body, limits).await
    };
    timeout(limits.total_timeout, whole).await.map_err(|_| FetchError::TooSlow)?
}

/// Opens a TCP connection with `TCP_NODELAY`, trying each address of the host.
///
/// # Errors
/// Unknown host, refused, too slow.
pub async fn connect(host: &str, port: u16, wait: Duration) -> Result<TcpStream, FetchError> {
    let connecting = async {
        let addresses: Vec<_> = tokio::net::lookup_host((host, port))
            .await
            .map_err(|_| FetchError::UnknownHost(host.to_owned()))?
            .collect();
        if addresses.is_empty() {
            return Err(FetchError::UnknownHost(host.to_owned()));
        }
        TcpStream::connect(&addresses[..]).await.map_err(|error| FetchError::Connect(error.kind()))
    };
    let stream = timeout(wait, connecting).await.map_err(|_| FetchError::ConnectSlow)??;
    stream.set_nodelay(true).map_err(|error| FetchError::Connect(error.kind()))?;
    Ok(stream)
}

fn request(method: &str, url: &Url, headers: &[(&str, &str)]) -> RequestHead {
    let mut head = RequestHead::new(method, url.target()).with("Host", url.authority());
    for (name, value) in headers {
        head.push(name, value);
    }
    head.with("Connection", "close")
}

async fn ask(
    stream: TcpStream,
    head: &RequestHead,
    body: Option<&[u8]>,
    limits: &FetchLimits,
) -> Result<Fetched, FetchError> {
    let bounds = Limits {
        head_timeout: limits.read_timeout,
        body_timeout: limits.read_timeout,
        write_timeout: limits.read_timeout,
        body_bytes_max: u64::try_from(limits.body_bytes_max).unwrap_or(u64::MAX),
        ..Limits::default()
    };
    let mut connection = ClientConnection::new(stream, bounds);
    let mut response = connection.exchange(head, body).await?;
    let body = match response.body.has_entity() {
        true => response.body.read_all(limits.body_bytes_max).await?,
        false => Vec::new(),
    };
    Ok(Fetched { status: response.head.status, headers: response.head.headers, body })
}
