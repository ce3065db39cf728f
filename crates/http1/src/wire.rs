//! The two halves of a connection: bytes in with a bounded wait, bytes out with back-pressure.

use crate::error::{HeadRefusal, WriteError};
use crate::head::HeadScanner;
use crate::limits::Limits;
use crate::patience::{Exhausted, Patience};
use bytes::{Bytes, BytesMut};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf, ReadHalf, WriteHalf};
use tokio::time::timeout;

/// Room for what comes next: little while nothing has come, and twice as much as before when all of it was filled.
const READ_BYTES_FIRST: usize = 4 * 1024;
const READ_BYTES_MAX: usize = 32 * 1024;

/// What a connection runs over: TCP, either TLS, or a pipe in a test.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

pub(crate) type BoxedStream = Box<dyn Stream>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FillError {
    Slow,
    Connection(io::ErrorKind),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HeadError {
    Refused(HeadRefusal),
    /// End of the stream after some bytes of a head.
    Cut,
    /// End of the stream before any.
    Ended,
    Connection(io::ErrorKind),
}

/// The reading half with what was read ahead.
pub(crate) struct Reader {
    io: ReadHalf<BoxedStream>,
    pub(crate) buffer: BytesMut,
    pub(crate) ended: bool,
    room: usize,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("buffered", &self.buffer.len()).field("ended", &self.ended).finish()
    }
}

impl Reader {
    /// Reads more into the buffer; 0 is the end of the stream. Dropping the future loses nothing.
    pub(crate) async fn fill(&mut self, patience: &mut Patience) -> Result<usize, FillError> {
        if self.ended {
            return Ok(0);
        }
        self.buffer.reserve(self.room);
        match patience.bytes(self.io.read_buf(&mut self.buffer)).await {
            Err(Exhausted) => Err(FillError::Slow),
            Ok(Err(error)) => Err(FillError::Connection(error.kind())),
            Ok(Ok(read)) => {
                self.ended = read == 0;
                if read >= self.room {
                    self.room = self.room.saturating_mul(2).min(READ_BYTES_MAX);
                }
                Ok(read)
            }
        }
    }

    /// Nothing is under way: what the last message needed is given back.
    pub(crate) fn rest(&mut self) {
        self.room = READ_BYTES_FIRST;
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
    }

    /// The bytes of one complete head and its number of header lines. Time is the caller's to bound.
    pub(crate) async fn head(&mut self, limits: &Limits) -> Result<(Bytes, usize), HeadError> {
        let mut scanner = HeadScanner::default();
        loop {
            if let Some(length) = scanner.advance(&self.buffer, limits).map_err(HeadError::Refused)? {
                return Ok((self.buffer.split_to(length).freeze(), scanner.headers()));
            }
            match self.fill(&mut Patience::once(Duration::MAX)).await {
                // TLS without its closing alert is an end like any other: a head tells its own end.
                Ok(0) | Err(FillError::Connection(io::ErrorKind::UnexpectedEof)) => {
                    return Err(if self.buffer.is_empty() { HeadError::Ended } else { HeadError::Cut });
                }
                Ok(_) => {}
                Err(FillError::Slow) => return Err(HeadError::Connection(io::ErrorKind::TimedOut)),
                Err(FillError::Connection(kind)) => return Err(HeadError::Connection(kind)),
            }
        }
    }

    /// Whether the peer has neither closed nor sent anything, as it should be between two exchanges.
    pub(crate) async fn is_quiet(&mut self) -> bool {
        if self.ended || !self.buffer.is_empty() {
            return false;
        }
        let mut byte = [0u8; 1];
        poll_fn(|context| {
            let mut into = ReadBuf::new(&mut byte);
            Poll::Ready(Pin::new(&mut self.io).poll_read(context, &mut into).is_pending())
        })
        .await
    }

    /// Reads and drops until the peer closes, so that what we wrote last is not lost with the connection.
    pub(crate) async fn linger(&mut self, limits: &Limits) {
        let dropping = async {
            let mut dropped: u64 = 0;
            while dropped < limits.drain_bytes_max {
                self.buffer.clear();
                match self.fill(&mut Patience::once(Duration::MAX)).await {
                    Ok(0) | Err(_) => return,
                    Ok(read) => dropped = dropped.saturating_add(u64::try_from(read).unwrap_or(u64::MAX)),
                }
            }
        };
        let _ = timeout(limits.drain_timeout, dropping).await;
    }
}

/// The writing half with what is not written yet.
pub(crate) struct Writer {
    io: WriteHalf<BoxedStream>,
    /// Complete bytes for the wire; a flush that was dropped half-way is taken up by the next.
    pub(crate) pending: BytesMut,
    wait: Duration,
    patience: Patience,
    failed: Option<WriteError>,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("pending", &self.pending.len()).field("failed", &self.failed).finish()
    }
}

impl Writer {
    /// Writes all that is pending. A peer that takes nothing for too long ends the connection.
    pub(crate) async fn flush(&mut self) -> Result<(), WriteError> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        let result = self.write_pending().await;
        if let Err(error) = &result {
            self.failed = Some(error.clone());
            self.pending.clear();
        }
        result
    }

    async fn write_pending(&mut self) -> Result<(), WriteError> {
        while !self.pending.is_empty() {
            match self.patience.bytes(self.io.write_buf(&mut self.pending)).await {
                Err(Exhausted) => return Err(WriteError::Slow),
                Ok(Err(error)) => return Err(WriteError::Connection(error.kind())),
                Ok(Ok(0)) => return Err(WriteError::Connection(io::ErrorKind::WriteZero)),
                Ok(Ok(_)) => {}
            }
        }
        match timeout(self.wait, self.io.flush()).await {
            Err(_) => Err(WriteError::Slow),
            Ok(flushed) => flushed.map_err(|error| WriteError::Connection(error.kind())),
        }
    }

    /// Ends our direction properly (with TLS: with its closing alert).
    pub(crate) async fn shutdown(&mut self) {
        if self.flush().await.is_ok() {
            let _ = timeout(self.wait, self.io.shutdown()).await;
        }
    }
}

pub(crate) fn halves(io: BoxedStream, limits: &Limits) -> (Reader, Writer) {
    let (read, write) = tokio::io::split(io);
    (
        Reader { io: read, buffer: BytesMut::new(), ended: false, room: READ_BYTES_FIRST },
        Writer {
            io: write,
            pending: BytesMut::new(),
            wait: limits.write_timeout,
            patience: Patience::for_writing(limits),
            failed: None,
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn room_grows_with_what_comes_and_is_given_back_at_rest() {
        let (ours, mut theirs) = tokio::io::duplex(1 << 20);
        let (mut reader, _) = halves(Box::new(ours), &Limits::default());
        let mut patience = Patience::once(Duration::from_secs(1));
        theirs.write_all(&[b'a'; 200_000]).await.unwrap();
        let mut reads = Vec::new();
        while reads.iter().sum::<usize>() < 200_000 {
            reads.push(reader.fill(&mut patience).await.unwrap());
            reader.buffer.clear();
        }
        assert!(reads.len() < 12 && reads[0] < READ_BYTES_MAX, "{reads:?}");
        assert!(reads.contains(&READ_BYTES_MAX), "{reads:?}");
        reader.rest();
        theirs.write_all(b"a").await.unwrap();
        assert_eq!(reader.fill(&mut patience).await, Ok(1));
        assert!(reader.buffer.capacity() <= READ_BYTES_FIRST, "{}", reader.buffer.capacity());
    }
}
