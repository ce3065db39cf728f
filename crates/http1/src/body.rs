//! A body being received.

mod decode;

use crate::error::{BodyError, WriteError};
use crate::framing::BodyKind;
use crate::limits::Limits;
use crate::patience::Patience;
use crate::wire::{FillError, Reader, Writer};
use bytes::{BufMut, Bytes, BytesMut};
use decode::{Decoder, Step};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{Mutex, oneshot};

/// A piece of a body that is shorter is joined with the next one.
const SMALL_BYTES: usize = 4 * 1024;

/// The body of a received request or response.
///
/// When its end was read, or when it is dropped, the connection gets its reading side back.
#[derive(Debug)]
pub struct Body {
    reader: Option<Reader>,
    give_back: Option<oneshot::Sender<Returned>>,
    decoder: Decoder,
    kind: BodyKind,
    has_entity: bool,
    patience: Patience,
    ask: Option<Ask>,
    failed: Option<BodyError>,
}

/// What the connection gets back.
#[derive(Debug)]
pub(crate) struct Returned {
    pub(crate) reader: Reader,
    /// The unread rest, if any.
    pub(crate) rest: Option<Decoder>,
    /// The client was never told to go on, so that nobody knows whether the body will come.
    pub(crate) unasked: bool,
    pub(crate) failed: bool,
}

/// `Expect: 100-continue`: the client waits to be asked for the body.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) writer: Arc<Mutex<Writer>>,
    pub(crate) answered: Arc<AtomicBool>,
    /// Our word is on its way, though perhaps not flushed.
    pub(crate) said: bool,
}

impl Body {
    pub(crate) fn new(
        reader: Reader,
        kind: BodyKind,
        limits: &Limits,
        ask: Option<Ask>,
    ) -> (Self, oneshot::Receiver<Returned>) {
        let (give_back, returned) = oneshot::channel();
        let decoder = Decoder::new(kind, limits);
        let ask = ask.filter(|_| !decoder.is_done());
        let mut body = Self {
            reader: Some(reader),
            give_back: Some(give_back),
            decoder,
            kind,
            has_entity: kind != BodyKind::Absent,
            patience: Patience::for_reading(limits),
            ask,
            failed: None,
        };
        if body.decoder.is_done() {
            body.hand_back();
        }
        (body, returned)
    }

    pub(crate) fn without_entity(mut self) -> Self {
        self.has_entity = false;
        self
    }

    /// Whether the message had a body at all, be it of zero bytes. For an answer this is HTTP's "entity"
    /// (data-plane 4.8): absent in answers to HEAD and with 1xx, 204, 205 and 304.
    #[must_use]
    pub fn has_entity(&self) -> bool {
        self.has_entity
    }

    /// The announced length, when there is one.
    #[must_use]
    pub fn content_length(&self) -> Option<u64> {
        match self.kind {
            BodyKind::Length(length) => Some(length),
            BodyKind::Absent | BodyKind::Chunked | BodyKind::UntilClose => None,
        }
    }

    /// Whether only the closing of the connection marks the end: then a cut cannot be told from an end here, and
    /// the caller needs another sign, such as a closing boundary.
    #[must_use]
    pub fn ends_with_connection(&self) -> bool {
        self.kind == BodyKind::UntilClose
    }

    /// Bytes given out so far.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.decoder.received
    }

    /// The next piece, never empty; `None` at the end. Dropping the future loses nothing.
    ///
    /// # Errors
    /// A cut, a silence, a limit, malformed chunks; once failed, always failed.
    pub async fn read_chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        match self.next().await {
            Ok(Some(data)) => Ok(Some(data)),
            Ok(None) => {
                self.hand_back();
                Ok(None)
            }
            Err(error) => {
                self.failed = Some(error.clone());
                self.hand_back();
                Err(error)
            }
        }
    }

    /// The whole rest of the body, refused beyond `bytes_max`.
    ///
    /// # Errors
    /// As [`Body::read_chunk`].
    pub async fn read_all(&mut self, bytes_max: usize) -> Result<Vec<u8>, BodyError> {
        let too_large = || BodyError::TooLarge { bytes_max: u64::try_from(bytes_max).unwrap_or(u64::MAX) };
        let mut whole = Vec::new();
        while let Some(data) = self.read_chunk().await? {
            if whole.len().saturating_add(data.len()) > bytes_max {
                return Err(too_large());
            }
            whole.extend_from_slice(&data);
        }
        Ok(whole)
    }

    async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        self.ask().await?;
        loop {
            let Some(reader) = self.reader.as_mut() else {
                return Ok(None);
            };
            match self.decoder.step(&mut reader.buffer)? {
                Step::Data(data) => return joined(data, &mut self.decoder, &mut reader.buffer).map(Some),
                Step::End => return Ok(None),
                Step::More => more(reader, &mut self.decoder, &mut self.patience).await?,
            }
        }
    }

    /// Tells a waiting client to send its body, unless the answer has begun.
    async fn ask(&mut self) -> Result<(), BodyError> {
        let Some(ask) = &mut self.ask else { return Ok(()) };
        if ask.said || !ask.answered.load(Ordering::SeqCst) {
            let arrived = self.reader.as_ref().is_some_and(|reader| !reader.buffer.is_empty());
            let mut writer = ask.writer.lock().await;
            // When the client did not wait, or an answer began while we waited for the writer, nothing is said.
            if !arrived && !ask.said && !ask.answered.swap(true, Ordering::SeqCst) {
                writer.pending.put_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
                ask.said = true;
            }
            let received = self.decoder.received;
            writer.flush().await.map_err(|error| not_asked(&error, received))?;
        }
        self.ask = None;
        Ok(())
    }

    fn hand_back(&mut self) {
        let (Some(reader), Some(give_back)) = (self.reader.take(), self.give_back.take()) else {
            return;
        };
        let rest = Decoder::rest_of(&mut self.decoder);
        let failed = self.failed.is_some();
        let unasked = self.ask.is_some();
        // The connection itself may be gone already; then the reader goes with it.
        let _ = give_back.send(Returned { reader, rest, unasked, failed });
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.hand_back();
    }
}

impl Returned {
    /// Reads and drops the rest within the limits; `false` when the connection cannot be used again.
    pub(crate) async fn drain(&mut self, limits: &Limits) -> bool {
        if self.failed || self.unasked {
            return false;
        }
        let Some(mut decoder) = self.rest.take() else {
            return true;
        };
        let (before, mut patience) = (decoder.received, Patience::for_reading(limits));
        let draining = async {
            loop {
                match decoder.step(&mut self.reader.buffer) {
                    Ok(Step::End) => return true,
                    Ok(Step::Data(_))
                        if decoder.received.saturating_sub(before) <= limits.drain_bytes_max => {}
                    Ok(Step::Data(_)) | Err(_) => return false,
                    Ok(Step::More) => {
                        if more(&mut self.reader, &mut decoder, &mut patience).await.is_err() {
                            return false;
                        }
                    }
                }
            }
        };
        tokio::time::timeout(limits.drain_timeout, draining).await.unwrap_or(false)
    }
}

fn not_asked(error: &WriteError, received: u64) -> BodyError {
    match error {
        WriteError::Connection(kind) => connection_error(*kind, received),
        WriteError::Slow
        | WriteError::Head(_)
        | WriteError::Framing(_)
        | WriteError::Length(_)
        | WriteError::NotReusable => BodyError::Slow { received },
    }
}

/// A small piece together with those behind it that have arrived: whoever sends a byte a chunk must not make every byte cost as much as a
/// chunk, here and further on.
fn joined(piece: Bytes, decoder: &mut Decoder, buffer: &mut BytesMut) -> Result<Bytes, BodyError> {
    if piece.len() >= SMALL_BYTES || buffer.is_empty() {
        return Ok(piece);
    }
    let mut whole = BytesMut::from(piece);
    while whole.len() < SMALL_BYTES
        && let Step::Data(piece) = decoder.step(buffer)?
    {
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}

/// More bytes for the decoder, or the verdict over their absence.
async fn more(reader: &mut Reader, decoder: &mut Decoder, patience: &mut Patience) -> Result<(), BodyError> {
    match reader.fill(patience).await {
        Ok(0) => decoder.end_of_stream(),
        Ok(_) => Ok(()),
        Err(FillError::Slow) => Err(BodyError::Slow { received: decoder.received }),
        Err(FillError::Connection(kind)) => Err(connection_error(kind, decoder.received)),
    }
}

/// TLS says `UnexpectedEof` when the closing alert is missing, which with a body that ends with the connection is the
/// only sign that something is missing.
fn connection_error(kind: io::ErrorKind, received: u64) -> BodyError {
    if kind == io::ErrorKind::UnexpectedEof {
        return BodyError::Cut { received };
    }
    BodyError::Connection(kind)
}
