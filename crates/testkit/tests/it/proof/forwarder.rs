//! Stands between two gateways as a stretch of network: counts connections, and can break them.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testkit::{Nation, ring};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How a connection is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// It is closed.
    Close,
    /// It is reset.
    Reset,
    /// Nothing passes any more, and it stays open until whoever made it goes.
    Stall,
}

/// When new connections break: after so many bytes from the one who connected, or after so many towards it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Break {
    pub(crate) asked: u64,
    pub(crate) answered: u64,
    pub(crate) how: How,
}

impl Default for Break {
    fn default() -> Self {
        Self { asked: u64::MAX, answered: u64::MAX, how: How::Close }
    }
}

/// One forwarded port.
#[derive(Debug, Clone, Default)]
pub(crate) struct Forwarder {
    accepted: Arc<AtomicUsize>,
    open: watch::Sender<usize>,
    breaks: Arc<Mutex<Break>>,
    /// What passed on the connection that ended last, both ways.
    passed: Arc<Mutex<(Vec<u8>, Vec<u8>)>>,
}

impl Forwarder {
    /// Forwards from one address to another.
    pub(crate) async fn start(from: SocketAddr, to: SocketAddr) -> Self {
        let forwarder = Self::default();
        let listener = TcpListener::bind(from).await.unwrap();
        let own = forwarder.clone();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                own.accepted.fetch_add(1, Ordering::SeqCst);
                own.open.send_modify(|open| *open += 1);
                ring();
                let own = own.clone();
                tokio::spawn(async move {
                    // Whoever breaks off is what is tested.
                    let _ended = own.connection(near, to).await;
                    own.open.send_modify(|open| *open -= 1);
                    ring();
                });
            }
        });
        forwarder
    }

    async fn connection(&self, mut near: TcpStream, to: SocketAddr) -> std::io::Result<()> {
        let mut far = TcpStream::connect(to).await?;
        // What waited for an acknowledgement would be lost with a reset.
        near.set_nodelay(true)?;
        far.set_nodelay(true)?;
        let Break { asked, answered, how } = *self.breaks.lock().unwrap();
        let (mut near_read, mut near_write) = near.split();
        let (mut far_read, mut far_write) = far.split();
        let mut passed = (vec![], vec![]);
        // Whichever direction fails, both are dropped.
        let ended = tokio::try_join!(
            pass(&mut near_read, &mut far_write, asked, &mut passed.0),
            pass(&mut far_read, &mut near_write, answered, &mut passed.1)
        );
        *self.passed.lock().unwrap() = passed;
        match (ended, how) {
            (Ok(_), _) | (Err(_), How::Close) => {}
            (Err(_), How::Reset) => {
                near.set_zero_linger()?;
                far.set_zero_linger()?;
            }
            (Err(_), How::Stall) => while near.read(&mut [0; 4096]).await? > 0 {},
        }
        Ok(())
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

    /// What passed on the connection that ended last: from the one who connected, and towards it.
    pub(crate) fn passed(&self) -> (Vec<u8>, Vec<u8>) {
        self.passed.lock().unwrap().clone()
    }

    /// New connections break so.
    pub(crate) fn breaks(&self, breaks: Break) {
        *self.breaks.lock().unwrap() = breaks;
    }

    /// New connections break after so many bytes towards the one who connected.
    pub(crate) fn breaks_after(&self, answered: u64) {
        self.breaks(Break { answered, ..Break::default() });
    }
}

async fn pass(
    from: &mut ReadHalf<'_>,
    to: &mut WriteHalf<'_>,
    bytes_max: u64,
    passed: &mut Vec<u8>,
) -> std::io::Result<()> {
    let mut piece = vec![0_u8; 32 * 1024];
    let mut left = bytes_max;
    loop {
        let read = from.read(&mut piece).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(read);
        let bytes = piece.get(..most).unwrap_or_default();
        to.write_all(bytes).await?;
        // What gateways say to each other in a test fits into memory.
        passed.extend_from_slice(bytes);
        left -= u64::try_from(most).unwrap_or(u64::MAX);
        if most < read {
            return Err(std::io::ErrorKind::ConnectionReset.into());
        }
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
