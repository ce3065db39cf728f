//! Stands between two gateways as a stretch of network: counts connections, and can break them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use testkit::{Nation, ring};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// One forwarded port.
#[derive(Debug, Clone, Default)]
pub(crate) struct Forwarder {
    accepted: Arc<AtomicUsize>,
    open: watch::Sender<usize>,
    answer_bytes_max: Arc<AtomicU64>,
}

impl Forwarder {
    /// Forwards from one address to another.
    pub(crate) async fn start(from: SocketAddr, to: SocketAddr) -> Self {
        let forwarder = Self::default();
        forwarder.breaks_after(u64::MAX);
        let listener = TcpListener::bind(from).await.unwrap();
        let own = forwarder.clone();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                own.accepted.fetch_add(1, Ordering::SeqCst);
                own.open.send_modify(|open| *open += 1);
                ring();
                let own = own.clone();
                tokio::spawn(async move {
                    if let Ok(far) = TcpStream::connect(to).await {
                        let (near_read, near_write) = near.into_split();
                        let (far_read, far_write) = far.into_split();
                        let limit = own.answer_bytes_max.load(Ordering::SeqCst);
                        // Whichever direction fails, both are dropped.
                        let _ended = tokio::try_join!(
                            pass(near_read, far_write, u64::MAX),
                            pass(far_read, near_write, limit)
                        );
                    }
                    own.open.send_modify(|open| *open -= 1);
                    ring();
                });
            }
        });
        forwarder
    }

    /// How many connections were made.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// How many are open.
    pub(crate) fn open(&self) -> usize {
        *self.open.borrow()
    }

    /// Waits until none is; a minute is too long.
    pub(crate) async fn closed(&self) {
        let mut open = self.open.subscribe();
        let closed = tokio::time::timeout(Duration::from_secs(60), open.wait_for(|open| *open == 0)).await;
        assert!(closed.is_ok(), "{} connections stay open", self.open());
    }

    /// New connections break after so many bytes towards the one who connected.
    pub(crate) fn breaks_after(&self, bytes: u64) {
        self.answer_bytes_max.store(bytes, Ordering::SeqCst);
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, bytes_max: u64) -> std::io::Result<()> {
    let mut piece = vec![0_u8; 32 * 1024];
    let mut passed = 0_u64;
    loop {
        let read = from.read(&mut piece).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        passed += u64::try_from(read).unwrap_or(u64::MAX);
        if passed > bytes_max {
            return Err(std::io::ErrorKind::ConnectionReset.into());
        }
        to.write_all(piece.get(..read).unwrap_or_default()).await?;
    }
}

/// Puts forwarders between the two gateways of a nation; gives the one of port 5500.
pub(crate) async fn between_gateways(nation: &Nation) -> Forwarder {
    let provider = nation.provider.config.listen.clone();
    let transport = Forwarder::start(nation.address(50, provider.transport.port()), provider.transport).await;
    Forwarder::start(nation.address(50, provider.ocsp.port()), provider.ocsp).await;
    let mut state = nation.registry_state.clone();
    for server in state.servers.iter_mut().filter(|server| server.code == "interior") {
        server.address = Some(nation.address(50, 0).ip().to_string());
    }
    nation.publish(&state).await.unwrap();
    transport
}
