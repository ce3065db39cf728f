//! The client's side of one connection: one exchange at a time.

use crate::body::{Body, Returned};
use crate::error::{HeadRefusal, ReceiveError, WriteError};
use crate::framing::{self, BodyKind, Framing};
use crate::head::{RequestHead, ResponseHead, parse_response, put_request};
use crate::limits::Limits;
use crate::wire::{HeadError, Reader, Writer, halves};
use crate::write::{BodyWriter, Outcome};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Mutex, oneshot};
use tokio::time::timeout;

const INTERIM_ANSWERS_MAX: usize = 16;

/// One connection on which requests are sent.
#[derive(Debug)]
pub struct ClientConnection {
    limits: Limits,
    reader: Option<Reader>,
    writer: Arc<Mutex<Writer>>,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    sent: oneshot::Receiver<Outcome>,
    answered: oneshot::Receiver<Answered>,
    request: Option<Outcome>,
    answer: Option<Answered>,
}

/// What the answer leaves for the connection once its head is read.
#[derive(Debug)]
struct Answered {
    keep_alive: bool,
    body: oneshot::Receiver<Returned>,
}

/// A received response.
#[derive(Debug)]
pub struct Response {
    pub head: ResponseHead,
    pub body: Body,
}

/// The answer to come.
#[derive(Debug)]
pub struct Answer {
    reader: Option<Reader>,
    limits: Limits,
    to_head: bool,
    keep_alive: bool,
    tell: Option<oneshot::Sender<Answered>>,
}

impl ClientConnection {
    /// Takes over a connected stream: TCP (with `TCP_NODELAY` set), TLS after its handshake, or anything else.
    #[must_use]
    pub fn new(io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, limits: Limits) -> Self {
        let (reader, writer) = halves(Box::new(io), &limits);
        Self { limits, reader: Some(reader), writer: Arc::new(Mutex::new(writer)), running: None }
    }

    /// Takes a head exactly as given, plus the framing header, and gives out the writer for the body and the answer
    /// to come. The head leaves with the body's first piece, at the end, or with [`BodyWriter::flush`]. The two may be used at the same time: whoever writes a long body should also wait for the answer,
    /// because a server may answer, or close, before it has read everything.
    ///
    /// # Errors
    /// A connection that is not free ([`ClientConnection::is_reusable`]) or failed; a head that cannot be written.
    pub async fn send(
        &mut self,
        head: &RequestHead,
        framing: Framing,
    ) -> Result<(BodyWriter, Answer), WriteError> {
        let extra = request_framing(head, framing)?;
        if !self.is_reusable() {
            return Err(WriteError::NotReusable);
        }
        let mut writer = self.writer.lock().await;
        put_request(&mut writer.pending, head, extra.as_deref())?;
        let reader = self.reader.take().ok_or(WriteError::NotReusable)?;
        drop(writer);
        let (tell_sent, sent) = oneshot::channel();
        let (tell, answered) = oneshot::channel();
        self.running = Some(Running { sent, answered, request: None, answer: None });
        let body = BodyWriter::new(Arc::clone(&self.writer), framing, true, false, Some(tell_sent));
        let answer = Answer {
            reader: Some(reader),
            limits: self.limits.clone(),
            to_head: head.method == "HEAD",
            keep_alive: head.wants_keep_alive(),
            tell: Some(tell),
        };
        Ok((body, answer))
    }

    /// Sends a request with a whole body (with its Content-Length; none when `body` is `None`) and waits for the
    /// answer. When the body could not be sent to its end, an answer that came nevertheless is taken; an answer that
    /// begins before the whole body is sent ends the sending. For long bodies use [`ClientConnection::send`].
    ///
    /// # Errors
    /// As [`ClientConnection::send`] and [`Answer::receive`].
    pub async fn exchange(
        &mut self,
        head: &RequestHead,
        body: Option<&[u8]>,
    ) -> Result<Response, ReceiveError> {
        let framing = match body {
            Some(body) => Framing::ContentLength(u64::try_from(body.len()).unwrap_or(u64::MAX)),
            None => Framing::None,
        };
        let (mut upload, mut answer) = self.send(head, framing).await?;
        let sending = async {
            upload.write(body.unwrap_or_default()).await?;
            upload.finish().await
        };
        let receiving = answer.receive();
        tokio::pin!(sending, receiving);
        tokio::select! {
            biased;
            sent = &mut sending => match (sent, receiving.await) {
                (_, Ok(response)) => Ok(response),
                (Err(error), Err(_)) => Err(error.into()),
                (Ok(()), Err(error)) => Err(error),
            },
            response = &mut receiving => response,
        }
    }

    /// Whether another request can be sent: nothing was sent yet, or the exchange before is completely over and
    /// neither side closes.
    pub fn is_reusable(&mut self) -> bool {
        if let Some(mut running) = self.running.take() {
            match running.take_back() {
                Ok(Some(reader)) => self.reader = Some(reader),
                Ok(None) => self.running = Some(running),
                Err(Spoilt) => {}
            }
        }
        self.reader.is_some()
    }

    /// Whether the connection can be used again and the peer has not closed it meanwhile, as far as can be seen.
    pub async fn is_open(&mut self) -> bool {
        if !self.is_reusable() {
            return false;
        }
        match self.reader.as_mut() {
            Some(reader) => reader.is_quiet().await,
            None => false,
        }
    }

    /// Ends the connection properly.
    pub async fn close(self) {
        self.writer.lock().await.shutdown().await;
    }
}

/// The connection cannot be used again.
struct Spoilt;

impl Running {
    /// The reader once request, answer and body are over and the peer goes on; `None` while they are not over.
    fn take_back(&mut self) -> Result<Option<Reader>, Spoilt> {
        if self.answer.is_none() {
            self.answer = over(self.answered.try_recv())?;
        }
        if self.request.is_none() {
            self.request = over(self.sent.try_recv())?;
        }
        let (Some(answer), Some(request)) = (self.answer.as_mut(), self.request) else {
            return Ok(None);
        };
        if !answer.keep_alive || request != (Outcome::Written { reusable: true }) {
            return Err(Spoilt);
        }
        let Some(returned) = over(answer.body.try_recv())? else {
            return Ok(None);
        };
        let clean = returned.rest.is_none() && !returned.failed && returned.reader.buffer.is_empty();
        if clean && !returned.reader.ended { Ok(Some(returned.reader)) } else { Err(Spoilt) }
    }
}

fn over<T>(received: Result<T, oneshot::error::TryRecvError>) -> Result<Option<T>, Spoilt> {
    match received {
        Ok(value) => Ok(Some(value)),
        Err(oneshot::error::TryRecvError::Empty) => Ok(None),
        Err(oneshot::error::TryRecvError::Closed) => Err(Spoilt),
    }
}

fn request_framing(head: &RequestHead, framing: Framing) -> Result<Option<String>, WriteError> {
    match framing {
        Framing::UntilClose => Err(WriteError::Framing("a request cannot end with the connection")),
        Framing::None if framing::announces_body(&head.headers) => {
            Err(WriteError::Framing("the head announces a body that will not come"))
        }
        Framing::Chunked if head.version == crate::head::Version::Http10 => {
            Err(WriteError::Framing("HTTP/1.0 has no chunks"))
        }
        Framing::ContentLength(_) | Framing::Chunked | Framing::None => {
            framing::header_for(framing, &head.headers)
        }
    }
}

impl Answer {
    /// Waits for the answer's head; interim answers (1xx) are passed over. The future may be dropped and called
    /// again; the time then starts anew.
    ///
    /// # Errors
    /// No or no complete answer, a refused head. After an error the connection is spoilt.
    pub async fn receive(&mut self) -> Result<Response, ReceiveError> {
        let Some(reader) = self.reader.as_mut() else {
            return Err(ReceiveError::Taken);
        };
        let received =
            timeout(self.limits.head_timeout, final_head(reader, &self.limits, self.to_head)).await;
        let (head, kind) = match received {
            Err(_) => return Err(ReceiveError::Slow),
            Ok(result) => result?,
        };
        let reader = self.reader.take().ok_or(ReceiveError::Taken)?;
        let keep_alive = self.keep_alive && head.wants_keep_alive() && kind != BodyKind::UntilClose;
        let (body, returned) = Body::new(reader, kind, &self.limits, None);
        if let Some(tell) = self.tell.take() {
            let _ = tell.send(Answered { keep_alive, body: returned });
        }
        // 205 says "reset": it has no entity, though its framing is that of any answer (data-plane 4.8).
        let body = if head.status == 205 { body.without_entity() } else { body };
        Ok(Response { head, body })
    }
}

async fn final_head(
    reader: &mut Reader,
    limits: &Limits,
    to_head: bool,
) -> Result<(ResponseHead, BodyKind), ReceiveError> {
    for _ in 0..=INTERIM_ANSWERS_MAX {
        let (bytes, headers) = reader.head(limits).await.map_err(head_error)?;
        let head = parse_response(&bytes, headers)?;
        if head.status == 101 {
            return Err(HeadRefusal::ProtocolSwitch.into());
        }
        if head.status >= 200 {
            let kind = framing::of_response(&head, to_head, limits.body_bytes_max)?;
            return Ok((head, kind));
        }
    }
    Err(HeadRefusal::TooManyInterimAnswers(INTERIM_ANSWERS_MAX).into())
}

fn head_error(error: HeadError) -> ReceiveError {
    match error {
        HeadError::Refused(refusal) => ReceiveError::Refused(refusal),
        HeadError::Cut => ReceiveError::Cut,
        HeadError::Ended => ReceiveError::NoAnswer,
        HeadError::Connection(kind) => ReceiveError::Connection(kind),
    }
}
