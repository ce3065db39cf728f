//! A body being sent.

use crate::error::WriteError;
use crate::framing::Framing;
use crate::wire::Writer;
use bytes::BufMut;
use std::sync::Arc;
use tokio::sync::{Mutex, oneshot};

/// More than this does not wait to be sent together with what follows.
const WAITING_BYTES_MAX: usize = 64 * 1024;

/// How a written message ended, told to the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Completely written; `reusable` unless the message's end is the connection's end.
    Written { reusable: bool },
    /// Left unfinished: the peer must see that it is cut.
    Abandoned,
    /// No head was written at all.
    Unanswered,
}

/// The body of a message being written.
///
/// It must be ended with [`BodyWriter::finish`]: one that is dropped before leaves a message that the peer sees as
/// cut, and the connection is closed.
#[derive(Debug)]
pub struct BodyWriter {
    writer: Arc<Mutex<Writer>>,
    framing: Framing,
    left: u64,
    reusable: bool,
    muted: bool,
    outcome: Option<oneshot::Sender<Outcome>>,
}

impl BodyWriter {
    /// `muted`: the body is counted but not sent (an answer to HEAD).
    pub(crate) fn new(
        writer: Arc<Mutex<Writer>>,
        framing: Framing,
        reusable: bool,
        muted: bool,
        outcome: Option<oneshot::Sender<Outcome>>,
    ) -> Self {
        let left = match framing {
            Framing::ContentLength(bytes) => bytes,
            Framing::Chunked | Framing::UntilClose => u64::MAX,
            Framing::None => 0,
        };
        Self { writer, framing, left, reusable, muted, outcome }
    }

    /// Sends one piece, with everything that waits before it, and returns when the connection took it. An empty piece sends nothing.
    ///
    /// When the future is dropped half-way the piece still counts as sent: it goes out with the next one.
    ///
    /// # Errors
    /// A broken or stuck connection; more bytes than announced (nothing of that piece is sent).
    pub async fn write(&mut self, piece: &[u8]) -> Result<(), WriteError> {
        if piece.is_empty() {
            return Ok(());
        }
        self.put(piece).await?;
        self.flush().await
    }

    /// Lets one piece wait for the next [`BodyWriter::write`] or the end, so that both leave together. What waits is bounded: from
    /// some size on it is sent.
    ///
    /// # Errors
    /// As [`BodyWriter::write`].
    pub async fn put(&mut self, piece: &[u8]) -> Result<(), WriteError> {
        if piece.is_empty() {
            return Ok(());
        }
        let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
        if length > self.left {
            return Err(WriteError::Length("more bytes than announced"));
        }
        if self.framing != Framing::Chunked {
            self.left = self.left.saturating_sub(length);
        }
        if self.muted {
            return Ok(());
        }
        let mut writer = self.writer.lock().await;
        put_piece(&mut writer, self.framing, piece);
        if writer.pending.len() > WAITING_BYTES_MAX {
            return writer.flush().await;
        }
        Ok(())
    }

    /// Sends what waits, the message's head included.
    ///
    /// # Errors
    /// A broken or stuck connection.
    pub async fn flush(&mut self) -> Result<(), WriteError> {
        self.writer.lock().await.flush().await
    }

    /// Ends the body and sends what waits.
    ///
    /// # Errors
    /// A broken connection; fewer bytes than announced, after which the peer sees a cut.
    pub async fn finish(mut self) -> Result<(), WriteError> {
        let short = matches!(self.framing, Framing::ContentLength(_)) && self.left > 0 && !self.muted;
        if short {
            return Err(WriteError::Length("fewer bytes than announced"));
        }
        let mut writer = self.writer.lock().await;
        if self.framing == Framing::Chunked && !self.muted {
            writer.pending.put_slice(b"0\r\n\r\n");
        }
        writer.flush().await?;
        drop(writer);
        let reusable = self.reusable;
        self.tell(Outcome::Written { reusable });
        Ok(())
    }

    /// Leaves the message unfinished, so that the peer sees it cut; the same as dropping it, but said aloud.
    pub fn abandon(self) {
        drop(self);
    }

    fn tell(&mut self, outcome: Outcome) {
        if let Some(sender) = self.outcome.take() {
            let _ = sender.send(outcome);
        }
    }
}

impl Drop for BodyWriter {
    fn drop(&mut self) {
        self.tell(Outcome::Abandoned);
    }
}

pub(crate) fn put_piece(writer: &mut Writer, framing: Framing, piece: &[u8]) {
    if framing == Framing::Chunked {
        writer.pending.put_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        writer.pending.put_slice(piece);
        writer.pending.put_slice(b"\r\n");
    } else {
        writer.pending.put_slice(piece);
    }
}
