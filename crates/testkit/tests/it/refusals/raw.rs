//! Servers and calls of plain bytes, for answers that no library writes and for heads that are compared as a whole.

use anyhow::Result;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use testkit::ring;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// How much a [`Then::Flood`] is.
pub(crate) const FLOOD_BYTES: usize = 64 * 1024 * 1024;

/// What happens after the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// The connection is closed.
    Close,
    /// The connection stays open and silent.
    Hold,
    /// Far more comes than anybody should take, until the caller goes.
    Flood,
    /// The request was left unread, so that the system resets the connection.
    Reset,
}

#[derive(Debug, Clone)]
struct Script {
    bytes: Vec<u8>,
    then: Then,
    /// Wait for the head of a request.
    waits: bool,
}

/// A server that answers every head with the same bytes.
#[derive(Debug)]
pub(crate) struct RawService {
    pub(crate) address: SocketAddr,
    script: Arc<Mutex<Script>>,
    count: Arc<AtomicUsize>,
}

impl RawService {
    pub(crate) async fn start(address: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let script = Arc::new(Mutex::new(Script { bytes: Vec::new(), then: Then::Close, waits: true }));
        let count = Arc::new(AtomicUsize::new(0));
        let (scripts, calls) = (Arc::clone(&script), Arc::clone(&count));
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let script = scripts.lock().unwrap_or_else(PoisonError::into_inner).clone();
                calls.fetch_add(1, Ordering::SeqCst);
                ring();
                // Whoever called may go at any moment.
                tokio::spawn(async move { drop(answer(socket, script).await) });
            }
        });
        Ok(Self { address, script, count })
    }

    /// From now on it answers so, when it has read a head.
    pub(crate) fn answers(&self, bytes: impl AsRef<[u8]>, then: Then) {
        self.set(bytes.as_ref(), then, true);
    }

    /// From now on it answers so as soon as it has read anything.
    pub(crate) fn answers_at_once(&self, bytes: impl AsRef<[u8]>, then: Then) {
        self.set(bytes.as_ref(), then, false);
    }

    fn set(&self, bytes: &[u8], then: Then, waits: bool) {
        let bytes = bytes.to_vec();
        *self.script.lock().unwrap_or_else(PoisonError::into_inner) = Script { bytes, then, waits };
    }

    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

async fn answer(mut socket: TcpStream, script: Script) -> Result<()> {
    if script.then == Then::Reset {
        let mut first = [0_u8; 1];
        socket.peek(&mut first).await?;
        socket.write_all(&script.bytes).await?;
        return Ok(());
    }
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if socket.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
        if !script.waits {
            break;
        }
    }
    socket.write_all(&script.bytes).await?;
    if script.then == Then::Flood {
        for _ in 0..FLOOD_BYTES / 16_384 {
            socket.write_all(&[b'x'; 16_384]).await?;
        }
    }
    if matches!(script.then, Then::Close | Then::Flood) {
        socket.shutdown().await?;
    }
    // Until the caller goes.
    while socket.read_buf(&mut head).await? > 0 {}
    Ok(())
}

/// Sends bytes and reads whatever comes until the other side closes.
pub(crate) async fn exchange(address: SocketAddr, request: impl AsRef<[u8]>) -> Result<Vec<u8>> {
    let mut socket = TcpStream::connect(address).await?;
    socket.write_all(request.as_ref()).await?;
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await?;
    Ok(answer)
}
