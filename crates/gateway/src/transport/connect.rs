//! To a provider's server: the first of its addresses that answers and proves to be right (data-plane 4.11). Once a connection is
//! open there is no second try; whoever is asked twice might act twice.

use super::{tls, verify_peer};
use crate::error::Refusal;
use crate::gateway::{Gateway, PeerTls};
use http1::{ClientConnection, FetchError, Limits, Stop};
use identifier::ClientId;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tokio_openssl::SslStream;
use trust::Certificate;

/// How long the server that answered first is asked first again, and how long it then has.
const WINNER_SECONDS: i64 = 3600;
const WINNER_WAIT: Duration = Duration::from_secs(5);
/// Idle connections kept to servers of our own kind, together and for each.
const KEPT_MAX: usize = 256;
const KEPT_PER_HOST_MAX: usize = 32;
/// Shorter than the time after which the other side closes an idle connection.
const KEPT_SECONDS: i64 = 20;
/// How often idle connections are looked for.
const IDLE_LOOK: Duration = Duration::from_secs(2);

/// An open connection to a server that was verified for the provider.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) http: ClientConnection,
    pub(crate) host: String,
    /// What the `Host` header says: `localhost` when there was a choice of servers, as X-Road does it.
    pub(crate) host_header: String,
    chain: Vec<Certificate>,
    own_kind: bool,
    /// As whom we made it.
    contexts: Arc<PeerTls>,
}

/// Connections and choices that are remembered.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    kept: Mutex<Vec<(Peer, Timestamp)>>,
    winners: Mutex<BTreeMap<Vec<String>, (String, Timestamp)>>,
}

impl Pool {
    /// One that shows our present certificate. Whoever shows the former one is let go: what is sent with a message proves the present.
    fn take(&self, host: &str, contexts: &Arc<PeerTls>, now: Timestamp) -> Option<Peer> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(peer, until)| now < *until && Arc::ptr_eq(&peer.contexts, contexts));
        let at = kept.iter().rposition(|(peer, _)| peer.host == host)?;
        Some(kept.swap_remove(at).0)
    }

    fn keep(&self, peer: Peer, now: Timestamp) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let same = kept.iter().filter(|(other, _)| other.host == peer.host).count();
        if kept.len() < KEPT_MAX && same < KEPT_PER_HOST_MAX {
            let until = now.checked_add(SignedDuration::from_secs(KEPT_SECONDS)).unwrap_or(now);
            kept.push((peer, until));
        }
    }

    fn winner(&self, set: &[String], now: Timestamp) -> Option<String> {
        let winners = self.winners.lock().unwrap_or_else(PoisonError::into_inner);
        winners.get(set).filter(|(_, until)| now < *until).map(|(host, _)| host.clone())
    }

    fn note_winner(&self, set: Vec<String>, host: Option<&str>, now: Timestamp) {
        let mut winners = self.winners.lock().unwrap_or_else(PoisonError::into_inner);
        let until = now.checked_add(SignedDuration::from_secs(WINNER_SECONDS)).unwrap_or(now);
        match host {
            Some(host) => winners.insert(set, (host.to_owned(), until)),
            None => winners.remove(&set),
        };
    }

    /// Takes out what has been idle long enough.
    fn idle(&self, now: Timestamp) -> Vec<Peer> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let all = std::mem::take(&mut *kept);
        let (young, old): (Vec<_>, Vec<_>) = all.into_iter().partition(|(_, until)| now < *until);
        *kept = young;
        old.into_iter().map(|(peer, _)| peer).collect()
    }

    /// Closes everything that is kept.
    pub(crate) fn forget(&self) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Takes the connection back when the exchange is over; only our own kind keeps connections.
pub(crate) fn give_back(gateway: &Gateway, mut peer: Peer) {
    if peer.own_kind && peer.http.is_reusable() {
        gateway.peers.keep(peer, gateway.clock.now());
    }
}

/// Closes idle connections until the stop, before the other side does: also when no call comes that would notice.
pub(crate) async fn close_idle(gateway: Arc<Gateway>, stop: Stop) {
    while !stop.is_requested() {
        tokio::select! {
            () = tokio::time::sleep(IDLE_LOOK) => {}
            () = stop.requested() => return,
        }
        for peer in gateway.peers.idle(gateway.clock.now()) {
            peer.http.close().await;
        }
    }
}

/// Opens a connection to one of the addresses, verified for the provider.
pub(crate) async fn open(
    gateway: &Gateway,
    mut addresses: Vec<String>,
    provider: &ClientId,
) -> Result<Peer, Refusal> {
    addresses.sort();
    addresses.dedup();
    let mut wait = Duration::from_millis(gateway.config.peer.connect_timeout_ms);
    if let [host] = addresses.as_slice() {
        return to_host(gateway, host, provider, wait, false).await;
    }
    let set = addresses.clone();
    // What a server said stands, even if others say nothing afterwards.
    let mut said = None;
    if let Some(winner) = gateway.peers.winner(&set, gateway.clock.now()) {
        match to_host(gateway, &winner, provider, WINNER_WAIT, true).await {
            Ok(peer) => return Ok(peer),
            Err(refusal) => said = Some(refusal),
        }
        gateway.peers.note_winner(set.clone(), None, gateway.clock.now());
        addresses.retain(|address| *address != winner);
    }
    gateway.chance.shuffle(&mut addresses);
    loop {
        let deadline = deadline(wait);
        let (host, socket) = match race(gateway, &mut addresses, deadline).await {
            Ok(first) => first,
            Err(refusal) => return Err(said.unwrap_or(refusal)),
        };
        match secure(gateway, &host, socket, provider, deadline, true).await {
            Ok(peer) => {
                gateway.peers.note_winner(set, Some(&peer.host), gateway.clock.now());
                return Ok(peer);
            }
            Err(refusal) => said = Some(refusal),
        }
        wait = wait.checked_div(2).unwrap_or(WINNER_WAIT).max(WINNER_WAIT);
    }
}

/// The address that connects first. It leaves the list, and so does each that turned out to be dead: nobody is waited for twice.
async fn race(
    gateway: &Gateway,
    addresses: &mut Vec<String>,
    deadline: Instant,
) -> Result<(String, TcpStream), Refusal> {
    let port = gateway.config.peer.port;
    let mut races = JoinSet::new();
    for host in addresses.iter().cloned() {
        races.spawn(async move {
            let connected = tcp(&host, port, deadline).await;
            (host, connected)
        });
    }
    let mut last = Refusal::Unreachable("no address".to_owned());
    while let Some(done) = races.join_next().await {
        let Ok((host, connected)) = done else { continue };
        addresses.retain(|address| *address != host);
        match connected {
            // The sockets of the others are closed with the set.
            Ok(socket) => return Ok((host, socket)),
            Err(refusal) => last = refusal,
        }
    }
    Err(last)
}

async fn to_host(
    gateway: &Gateway,
    host: &str,
    provider: &ClientId,
    wait: Duration,
    several: bool,
) -> Result<Peer, Refusal> {
    let contexts = gateway.peer_tls()?;
    while let Some(mut peer) = gateway.peers.take(host, &contexts, gateway.clock.now()) {
        if peer.http.is_open().await {
            verify_peer::provider(gateway, host, &peer.chain, provider).await?;
            return Ok(peer);
        }
    }
    let deadline = deadline(wait);
    let socket = tcp(host, gateway.config.peer.port, deadline).await?;
    secure(gateway, host, socket, provider, deadline, several).await
}

/// TCP and TLS together have until then.
fn deadline(wait: Duration) -> Instant {
    tokio::time::sleep(wait).deadline()
}

async fn tcp(host: &str, port: u16, deadline: Instant) -> Result<TcpStream, Refusal> {
    let connecting = http1::connect(host, port, Duration::MAX);
    let connected = timeout_at(deadline, connecting).await.unwrap_or(Err(FetchError::ConnectSlow));
    connected.map_err(unreachable)
}

fn unreachable(error: FetchError) -> Refusal {
    if let FetchError::UnknownHost(host) = error {
        return Refusal::UnknownHost(host);
    }
    Refusal::Unreachable(error.to_string())
}

/// Over TLS. Nothing may be sent before the certificates are verified.
struct Secured {
    http: ClientConnection,
    chain: Vec<Certificate>,
    own_kind: bool,
}

/// TLS, then the verification of the certificate; nothing was sent before it.
async fn secure(
    gateway: &Gateway,
    host: &str,
    socket: TcpStream,
    provider: &ClientId,
    deadline: Instant,
    several: bool,
) -> Result<Peer, Refusal> {
    let contexts = gateway.peer_tls()?;
    let Secured { http, chain, own_kind } = handshake(gateway, &contexts, host, socket, deadline).await?;
    verify_peer::provider(gateway, host, &chain, provider).await?;
    if own_kind {
        contexts.own_kind.remember(host);
    }
    let name = if several { "localhost" } else { host };
    let host_header = format!("{name}:{}", gateway.config.peer.port);
    Ok(Peer { http, host: host.to_owned(), host_header, chain, own_kind, contexts })
}

/// By rustls with a server that was of our own kind when it was last met, by OpenSSL with any other.
async fn handshake(
    gateway: &Gateway,
    contexts: &PeerTls,
    host: &str,
    mut socket: TcpStream,
    deadline: Instant,
) -> Result<Secured, Refusal> {
    if contexts.own_kind.knows(host) {
        match timeout_at(deadline, contexts.own_kind.connect(host, socket)).await {
            Ok(Ok((stream, chain))) => {
                let http = ClientConnection::new(stream, limits(gateway));
                return Ok(Secured { http, chain, own_kind: true });
            }
            Ok(Err(why)) => {
                // Another server may stand there now: it is met as a stranger, in what is left of the time.
                tracing::info!("{host} is not met as one of our own kind any more: {why}");
                contexts.own_kind.forget(host);
                socket = tcp(host, gateway.config.peer.port, deadline).await?;
            }
            Err(_) => {
                contexts.own_kind.forget(host);
                return Err(too_slow(host));
            }
        }
    }
    let ssl = tls::session(&contexts.connecting).map_err(|e| tls_failed(e.to_string()))?;
    let mut stream = SslStream::new(ssl, socket).map_err(|e| tls_failed(e.to_string()))?;
    match timeout_at(deadline, Pin::new(&mut stream).connect()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return Err(tls_failed(format!("The TLS handshake with {host} failed: {error}"))),
        Err(_) => return Err(too_slow(host)),
    }
    let unreadable = |error| tls_failed(format!("A certificate of {host} cannot be read: {error}"));
    let chain = tls::presented(stream.ssl()).map_err(unreadable)?;
    let own_kind = tls::is_own_kind(stream.ssl());
    Ok(Secured { http: ClientConnection::new(stream, limits(gateway)), chain, own_kind })
}

fn tls_failed(text: String) -> Refusal {
    Refusal::PeerCertificate { code: "", text }
}

fn too_slow(host: &str) -> Refusal {
    tls_failed(format!("The TLS handshake with {host} took too long"))
}

fn limits(gateway: &Gateway) -> Limits {
    let read = Duration::from_millis(gateway.config.peer.read_timeout_ms);
    Limits { head_timeout: read, body_timeout: read, write_timeout: read, ..Limits::default() }
}
