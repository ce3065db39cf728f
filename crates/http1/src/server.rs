//! The server's side of one connection: requests one after another.

use crate::body::{Ask, Body, Returned};
use crate::error::{HeadRefusal, RequestError, WriteError};
use crate::framing::{self, BodyKind, Framing};
use crate::head::{RequestHead, ResponseHead, Version, parse_request, put_response};
use crate::limits::Limits;
use crate::patience::Patience;
use crate::wire::{FillError, HeadError, Reader, Writer, halves};
use crate::write::{BodyWriter, Outcome, put_piece};
use bytes::{Buf, BufMut, Bytes};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Mutex, oneshot};
use tokio::time::timeout;

/// One connection on which requests arrive.
#[derive(Debug)]
pub struct ServerConnection {
    limits: Limits,
    reader: Option<Reader>,
    writer: Arc<Mutex<Writer>>,
    running: Option<Running>,
}

/// What the connection waits to get back from the current exchange.
#[derive(Debug)]
struct Running {
    outcome: oneshot::Receiver<Outcome>,
    told: Option<Outcome>,
    body: oneshot::Receiver<Returned>,
}

/// One request: its head, its body, and the means to answer it. The parts may be taken apart, moved to other tasks
/// and used at the same time.
#[derive(Debug)]
pub struct Request {
    pub head: RequestHead,
    pub body: Body,
    pub responder: Responder,
}

impl ServerConnection {
    /// Takes over a stream: TCP (with `TCP_NODELAY` set), TLS after its handshake, or anything else.
    #[must_use]
    pub fn new(io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, limits: Limits) -> Self {
        let (reader, writer) = halves(Box::new(io), &limits);
        Self { limits, reader: Some(reader), writer: Arc::new(Mutex::new(writer)), running: None }
    }

    /// The next request, once the answer to the one before is written and its body read or dropped; `None` when the
    /// peer closed, was idle too long, or the connection cannot go on. Afterwards only `None` follows.
    ///
    /// # Errors
    /// A refused head (already answered with [`HeadRefusal::status`]), or a connection that broke inside a head.
    pub async fn next_request(&mut self) -> Result<Option<Request>, RequestError> {
        if !self.settle().await {
            return Ok(None);
        }
        let Some(reader) = self.reader.as_mut() else {
            return Ok(None);
        };
        match wait_for_first_byte(reader, &self.limits).await {
            Ok(true) => {}
            Ok(false) => {
                self.close(false).await;
                return Ok(None);
            }
            Err(error) => {
                self.reader = None;
                return Err(error);
            }
        }
        match timeout(self.limits.head_timeout, reader.head(&self.limits)).await {
            Err(_) => {
                self.refuse(408, &RequestError::Slow).await;
                Err(RequestError::Slow)
            }
            Ok(Err(error)) => self.head_failed(error).await,
            Ok(Ok((head, headers))) => match read_head(&head, headers, &self.limits) {
                Ok((head, kind, expects)) => Ok(self.begin(head, kind, expects)),
                Err(refusal) => self.head_failed(HeadError::Refused(refusal)).await,
            },
        }
    }

    /// Waits until the running exchange is over and brings the connection in order for the next; `false` when there
    /// will be no next.
    pub(crate) async fn settle(&mut self) -> bool {
        let Self { running: Some(running), writer, .. } = self else {
            return self.reader.is_some();
        };
        let outcome = match running.told {
            Some(outcome) => outcome,
            None => (&mut running.outcome).await.unwrap_or(Outcome::Unanswered),
        };
        running.told = Some(outcome);
        if outcome == Outcome::Abandoned {
            // No proper end: the peer has to see that the answer is cut.
            self.running = None;
            return false;
        }
        if outcome == Outcome::Unanswered {
            put_bare(writer, 500, "").await;
            running.told = Some(Outcome::Written { reusable: false });
        }
        let returned = (&mut running.body).await.ok();
        self.running = None;
        let Some(mut returned) = returned else {
            return false;
        };
        let reusable = outcome == (Outcome::Written { reusable: true });
        let clean = returned.rest.is_none() && !returned.failed && !returned.unasked;
        let goes_on = reusable && returned.drain(&self.limits).await;
        self.reader = Some(returned.reader);
        if !goes_on {
            self.close(!clean).await;
        }
        goes_on
    }

    /// Ends the connection properly. `linger`: the peer may still be sending; its bytes are taken for a moment, so
    /// that the system does not throw away our last answer together with them.
    pub(crate) async fn close(&mut self, linger: bool) {
        self.writer.lock().await.shutdown().await;
        if let Some(mut reader) = self.reader.take().filter(|_| linger) {
            reader.linger(&self.limits).await;
        }
    }

    fn begin(&mut self, head: RequestHead, kind: BodyKind, expects: bool) -> Option<Request> {
        let reader = self.reader.take()?;
        let answered = Arc::new(AtomicBool::new(false));
        let ask = expects.then(|| Ask {
            writer: Arc::clone(&self.writer),
            answered: Arc::clone(&answered),
            said: false,
        });
        let (body, returned) = Body::new(reader, kind, &self.limits, ask);
        let (tell, outcome) = oneshot::channel();
        let responder = Responder {
            writer: Arc::clone(&self.writer),
            answered,
            to_head: head.method == "HEAD",
            version: head.version,
            keep_alive: head.wants_keep_alive(),
            outcome: Some(tell),
        };
        self.running = Some(Running { outcome, told: None, body: returned });
        Some(Request { head, body, responder })
    }

    async fn head_failed(&mut self, error: HeadError) -> Result<Option<Request>, RequestError> {
        match error {
            HeadError::Ended => {
                self.close(false).await;
                Ok(None)
            }
            HeadError::Refused(refusal) => {
                self.refuse(refusal.status(), &refusal).await;
                Err(RequestError::Refused(refusal))
            }
            HeadError::Cut => {
                self.reader = None;
                Err(RequestError::Cut)
            }
            HeadError::Connection(kind) => {
                self.reader = None;
                Err(RequestError::Connection(kind))
            }
        }
    }

    /// What cannot be read as a request is answered with why, and nothing after it is looked at.
    async fn refuse(&mut self, status: u16, why: &(dyn std::fmt::Display + Sync)) {
        put_bare(&self.writer, status, &format!("{why}\n")).await;
        self.close(true).await;
    }
}

async fn put_bare(writer: &Mutex<Writer>, status: u16, why: &str) {
    let mut head = ResponseHead::new(status);
    if !why.is_empty() {
        head.push("Content-Type", "text/plain");
    }
    let head = head.with("Content-Length", why.len().to_string()).with("Connection", "close");
    let mut writer = writer.lock().await;
    if put_response(&mut writer.pending, &head, None).is_ok() {
        writer.pending.put_slice(why.as_bytes());
        // Whoever sent such a request may well be gone.
        let _ = writer.flush().await;
    }
}

/// `false`: the peer closed or stayed silent. One empty line before a request is passed over (RFC 9112 2.2).
async fn wait_for_first_byte(reader: &mut Reader, limits: &Limits) -> Result<bool, RequestError> {
    reader.rest();
    let mut passed_over = false;
    loop {
        match &reader.buffer[..] {
            [] | [b'\r'] => {}
            [b'\r', b'\n', ..] if !passed_over => {
                reader.buffer.advance(2);
                passed_over = true;
                continue;
            }
            [_, ..] => return Ok(true),
        }
        match reader.fill(&mut Patience::once(limits.idle_timeout)).await {
            Ok(0) | Err(FillError::Slow) => return Ok(false),
            Ok(_) => {}
            Err(FillError::Connection(kind)) => return Err(RequestError::Connection(kind)),
        }
    }
}

fn read_head(
    head: &Bytes,
    headers: usize,
    limits: &Limits,
) -> Result<(RequestHead, BodyKind, bool), HeadRefusal> {
    let head = parse_request(head, headers)?;
    let kind = framing::of_request(&head, limits.body_bytes_max)?;
    let expects = framing::expects_continue(&head)?;
    Ok((head, kind, expects))
}

/// The means to answer one request, once. Dropped unused, the request is answered with a bare 500.
#[derive(Debug)]
pub struct Responder {
    writer: Arc<Mutex<Writer>>,
    answered: Arc<AtomicBool>,
    to_head: bool,
    version: Version,
    keep_alive: bool,
    outcome: Option<oneshot::Sender<Outcome>>,
}

impl Responder {
    /// Takes the head exactly as given, plus the framing header, and gives the writer for the body. The head leaves with the body's
    /// first piece, at the end, or with [`BodyWriter::flush`]. May be called while the request's body is still being read.
    ///
    /// The connection is used again unless the request or this head says `Connection: close`, the body ends with
    /// the connection, or (HTTP/1.0) this head does not say `Connection: keep-alive`.
    ///
    /// # Errors
    /// A head that cannot be written or contradicts the framing (then nothing was written and the request is
    /// answered with a bare 500).
    pub async fn start(mut self, head: &ResponseHead, framing: Framing) -> Result<BodyWriter, WriteError> {
        self.put(head, framing, None).await
    }

    /// Writes a whole answer at once, with its Content-Length.
    ///
    /// # Errors
    /// As [`Responder::start`].
    pub async fn respond(mut self, head: &ResponseHead, body: &[u8]) -> Result<(), WriteError> {
        let framing = match body.is_empty() && framing::never_has_body(head.status) {
            true => Framing::None,
            false => Framing::ContentLength(u64::try_from(body.len()).unwrap_or(u64::MAX)),
        };
        let body = self.put(head, framing, Some(body)).await?;
        body.finish().await
    }

    /// Queues head and, if given, the whole body.
    async fn put(
        &mut self,
        head: &ResponseHead,
        framing: Framing,
        whole: Option<&[u8]>,
    ) -> Result<BodyWriter, WriteError> {
        let bodiless = framing::never_has_body(head.status);
        let framing = self.effective(head, framing, bodiless)?;
        let extra = match bodiless {
            true => None,
            false => framing::header_for(framing, &head.headers)?,
        };
        let mut writer = self.writer.lock().await;
        put_response(&mut writer.pending, head, extra.as_deref())?;
        if let Some(whole) = whole.filter(|whole| !whole.is_empty() && !self.to_head) {
            put_piece(&mut writer, framing, whole);
        }
        self.answered.store(true, Ordering::SeqCst);
        drop(writer);
        let reusable = self.keep_alive && self.keeps(head, framing, bodiless);
        let muted = self.to_head || whole.is_some();
        Ok(BodyWriter::new(Arc::clone(&self.writer), framing, reusable, muted, self.outcome.take()))
    }

    fn effective(&self, head: &ResponseHead, asked: Framing, bodiless: bool) -> Result<Framing, WriteError> {
        if head.status < 200 {
            return Err(WriteError::Framing("an interim status is not an answer"));
        }
        match asked {
            Framing::ContentLength(bytes) if bytes > 0 && bodiless => {
                Err(WriteError::Framing("this status has no body"))
            }
            Framing::Chunked | Framing::UntilClose if bodiless && !self.to_head => {
                Err(WriteError::Framing("this status has no body"))
            }
            Framing::None if !bodiless && !self.to_head && framing::announces_body(&head.headers) => {
                Err(WriteError::Framing("the head announces a body that will not come"))
            }
            Framing::Chunked if self.version == Version::Http10 => Ok(Framing::UntilClose),
            Framing::ContentLength(_) | Framing::Chunked | Framing::UntilClose | Framing::None => Ok(asked),
        }
    }

    fn keeps(&self, head: &ResponseHead, framing: Framing, bodiless: bool) -> bool {
        let delimited = match framing {
            Framing::ContentLength(_) | Framing::Chunked => true,
            Framing::UntilClose => self.to_head,
            Framing::None => self.to_head || bodiless,
        };
        let confirmed = match self.version {
            Version::Http11 => true,
            Version::Http10 => crate::head::has_token(&head.headers, "connection", "keep-alive"),
        };
        delimited && confirmed && !framing::says_close(&head.headers)
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        if let Some(outcome) = self.outcome.take() {
            let _ = outcome.send(Outcome::Unanswered);
        }
    }
}
