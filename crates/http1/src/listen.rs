//! Accepting connections, as many as allowed, and stopping without cutting anyone off.

use crate::limits::Limits;
use crate::places::{Place, Places};
use crate::server::{Request, ServerConnection};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Asks for the stop.
#[derive(Debug, Clone)]
pub struct Stopper(Arc<watch::Sender<bool>>);

/// Learns of the stop.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

/// The two ends of a stop. A [`Stopper`] that is dropped unused never stops anything.
#[must_use]
pub fn stop_channel() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(false);
    (Stopper(Arc::new(sender)), Stop(receiver))
}

impl Stopper {
    /// No new work from now on; what runs may finish.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// Whether the stop was asked for.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the stop is asked for.
    pub async fn requested(&self) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|stopped| *stopped).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Accepts connections until stopped and hands each to `handler` in a task of its own, `connections_max` at a time
/// ([`Limits`]); `TCP_NODELAY` is set. When more come, those at rest give way ([`Place`]): they are cut. A connection reaches `handler`
/// with its first byte; one that has sent none within `idle_timeout` is closed. Returns when all handlers are done, or `stop_timeout`
/// after the stop, when the remaining ones are cut.
///
/// For listeners that do something before HTTP, such as a TLS handshake; otherwise see [`serve()`].
pub async fn accept_loop<H, F>(listener: TcpListener, handler: H, limits: Limits, stop: Stop)
where
    H: Fn(TcpStream, SocketAddr, Arc<Place>) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let handler = Arc::new(handler);
    let places = Places::new(limits.connections_max);
    let mut tasks = JoinSet::new();
    // Accepted, and without a place yet.
    let mut arrived: Option<(TcpStream, SocketAddr)> = None;
    loop {
        let accepting = async {
            let (_, peer) = match &arrived {
                Some(arrived) => arrived,
                None => arrived.insert(listener.accept().await?),
            };
            io::Result::Ok(places.take(peer.ip()).await)
        };
        let accepted = tokio::select! {
            biased;
            () = stop.requested() => break,
            accepted = accepting => accepted,
            // Finished tasks are let go at once, so that they do not pile up behind a quiet listener.
            Some(_) = tasks.join_next() => continue,
        };
        match accepted {
            Ok(place) => {
                let Some((stream, peer)) = arrived.take() else { continue };
                // Nagle's algorithm with delayed acknowledgements costs 40 ms an exchange (data-plane E.4).
                let _ = stream.set_nodelay(true);
                let (place, handler, stop) = (Arc::new(place), Arc::clone(&handler), stop.clone());
                tasks.spawn(async move {
                    let handling = async {
                        if speaks(&stream, limits.idle_timeout, &stop).await {
                            // What a connection needs while it works stands apart, and is there only then.
                            Box::pin(handler(stream, peer, Arc::clone(&place))).await;
                        }
                    };
                    tokio::select! {
                        () = handling => {}
                        () = place.given_away() => {}
                    }
                });
            }
            // Out of file handles, most likely: the connection waits in the queue until some are free again.
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
    drop(listener);
    let finish = async { while tasks.join_next().await.is_some() {} };
    if timeout(limits.stop_timeout, finish).await.is_err() {
        tasks.shutdown().await;
    }
}

/// Whether something comes on a new connection. Buffers and TLS are for those who speak: thousands that say nothing cost next to nothing.
async fn speaks(stream: &TcpStream, wait: Duration, stop: &Stop) -> bool {
    let mut first = [0; 1];
    tokio::select! {
        biased;
        () = stop.requested() => false,
        said = timeout(wait, stream.peek(&mut first)) => matches!(said, Ok(Ok(1))),
    }
}

/// Accepts connections until stopped and calls `handler` with each request on them, one at a time per connection.
/// See [`accept_loop`] for the stop.
pub async fn serve<H, F>(listener: TcpListener, handler: H, limits: Limits, stop: Stop)
where
    H: Fn(Request, SocketAddr) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let handler = Arc::new(handler);
    let (each, stopped) = (limits.clone(), stop.clone());
    let on_connection = move |stream, peer, place: Arc<Place>| {
        let (handler, stop) = (Arc::clone(&handler), stopped.clone());
        let connection = ServerConnection::new(stream, each.clone());
        async move { serve_requests(connection, &place, |request| handler(request, peer), stop).await }
    };
    accept_loop(listener, on_connection, limits, stop).await;
}

/// Calls `handler` with each request on one connection, until the peer or the stop ends it. A stop lets a running
/// request finish and takes no further one.
pub async fn serve_requests<H, F>(mut connection: ServerConnection, place: &Place, handler: H, stop: Stop)
where
    H: Fn(Request) -> F,
    F: Future<Output = ()>,
{
    loop {
        if !connection.settle().await {
            return;
        }
        place.rest();
        let next = tokio::select! {
            biased;
            () = stop.requested() => break,
            next = connection.next_request() => next,
        };
        // A refused head was answered already, and whoever sent it is told all there is to tell.
        let Ok(Some(request)) = next else { return };
        if !place.work() {
            return;
        }
        Box::pin(handler(request)).await;
    }
    connection.close(false).await;
}
