//! The service behind the provider's gateway: answers as the test says, and remembers what reached it.

use crate::bell::ring;
use anyhow::Result;
use bytes::Bytes;
use http1::{Framing, Limits, Request, RequestHead, ResponseHead, Stopper, stop_channel};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// How the service answers.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    /// Status.
    pub status: u16,
    /// Headers in order.
    pub headers: Vec<(String, String)>,
    /// Body; the request's own body when absent and `echo` is set.
    pub body: Vec<u8>,
    /// Answer with the request's body.
    pub echo: bool,
    /// Wait with the answer until the service is told to answer otherwise.
    pub held: bool,
    /// Announce the whole body, send half of it, and close.
    pub cut: bool,
    /// How the end of the body is told: by its length, in chunks, or by closing.
    pub framing: Option<Framing>,
}

impl Reply {
    /// 200 with a JSON body.
    #[must_use]
    pub fn json(body: &str) -> Self {
        Self {
            status: 200,
            headers: vec![("Content-Type".to_owned(), "application/json".to_owned())],
            body: body.as_bytes().to_vec(),
            ..Self::default()
        }
    }

    /// A status without a body.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// The request's body, as it came.
    #[must_use]
    pub fn echo() -> Self {
        Self { status: 200, echo: true, ..Self::default() }
    }
}

/// A request as it reached the service.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Its head.
    pub head: RequestHead,
    /// Its body.
    pub body: Vec<u8>,
}

/// The running service.
#[derive(Debug)]
pub struct Service {
    /// Where it listens.
    pub address: SocketAddr,
    reply: watch::Sender<Reply>,
    seen: Arc<Mutex<Vec<Seen>>>,
    stopper: Stopper,
}

impl Service {
    /// Listens on an address.
    ///
    /// # Errors
    /// The address is taken.
    pub async fn start(address: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let reply = watch::Sender::new(Reply::json("{\"ok\":true}"));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (stopper, stop) = stop_channel();
        let (replies, notes) = (reply.clone(), Arc::clone(&seen));
        let handler = move |request: Request, _| answer(replies.subscribe(), Arc::clone(&notes), request);
        tokio::spawn(http1::serve(listener, handler, Limits::default(), stop));
        Ok(Self { address, reply, seen, stopper })
    }

    /// From now on it answers so.
    pub fn answers(&self, reply: Reply) {
        self.reply.send_replace(reply);
    }

    /// What has reached it.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many requests have reached it.
    #[must_use]
    pub fn count(&self) -> usize {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Closes its port.
    pub fn stop(&self) {
        self.stopper.stop();
    }
}

async fn answer(mut replies: watch::Receiver<Reply>, seen: Arc<Mutex<Vec<Seen>>>, request: Request) {
    let Request { head, mut body, responder } = request;
    let received = body.read_all(usize::MAX).await.unwrap_or_default();
    seen.lock().unwrap_or_else(PoisonError::into_inner).push(Seen { head, body: received.clone() });
    ring();
    let Ok(reply) = replies.wait_for(|reply| !reply.held).await.map(|reply| reply.clone()) else {
        return;
    };
    let mut answer = ResponseHead::new(reply.status);
    for (name, value) in &reply.headers {
        answer.push(name, value);
    }
    let bytes = if reply.echo { received } else { reply.body.clone() };
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let bodiless = matches!(reply.status, 204 | 304);
    let framing =
        reply.framing.unwrap_or(if bodiless { Framing::None } else { Framing::ContentLength(length) });
    let Ok(mut writer) = responder.start(&answer, framing).await else {
        return;
    };
    if writer.flush().await.is_err() {
        return;
    }
    if reply.cut {
        let half = Bytes::from(bytes).split_to(usize::try_from(length / 2).unwrap_or(0));
        // Whoever is cut off is told nothing.
        let _cut = writer.write(&half).await;
        writer.abandon();
        return;
    }
    if writer.write(&bytes).await.is_ok() {
        let _gone = writer.finish().await;
    }
}
