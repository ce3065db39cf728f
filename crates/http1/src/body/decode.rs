//! Taking the framing off a body: pure, piece by piece, each piece bounded.

use crate::error::BodyError;
use crate::framing::BodyKind;
use crate::limits::Limits;
use bytes::{Bytes, BytesMut};

/// What the decoder made of the bytes so far.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Data(Bytes),
    End,
    More,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Length { left: u64 },
    UntilClose,
    ChunkSize,
    ChunkData { left: u64 },
    ChunkDataEnd,
    Trailers,
    Done,
}

#[derive(Debug)]
pub(crate) struct Decoder {
    state: State,
    /// Bytes given out.
    pub(crate) received: u64,
    extension_bytes: usize,
    trailer_bytes: usize,
    bytes_max: u64,
    line_max: usize,
    extension_max: usize,
    trailer_max: usize,
}

impl Decoder {
    pub(crate) fn new(kind: BodyKind, limits: &Limits) -> Self {
        let state = match kind {
            BodyKind::Absent | BodyKind::Length(0) => State::Done,
            BodyKind::Length(left) => State::Length { left },
            BodyKind::Chunked => State::ChunkSize,
            BodyKind::UntilClose => State::UntilClose,
        };
        Self {
            state,
            received: 0,
            extension_bytes: 0,
            trailer_bytes: 0,
            bytes_max: limits.body_bytes_max,
            line_max: limits.chunk_line_bytes_max,
            extension_max: limits.chunk_extension_bytes_max,
            trailer_max: limits.trailer_bytes_max,
        }
    }

    /// The decoder for what is unread, leaving a finished one; `None` when nothing is.
    pub(crate) fn rest_of(&mut self) -> Option<Self> {
        if self.is_done() {
            return None;
        }
        Some(Self { state: std::mem::replace(&mut self.state, State::Done), ..*self })
    }

    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Takes what it can from the front of `buffer`.
    pub(crate) fn step(&mut self, buffer: &mut BytesMut) -> Result<Step, BodyError> {
        loop {
            match self.state {
                State::Done => return Ok(Step::End),
                State::Length { left } => {
                    let Some((data, left)) = self.take(buffer, left)? else {
                        return Ok(Step::More);
                    };
                    self.state = if left == 0 { State::Done } else { State::Length { left } };
                    return Ok(Step::Data(data));
                }
                State::UntilClose => {
                    let Some((data, _)) = self.take(buffer, u64::MAX)? else {
                        return Ok(Step::More);
                    };
                    return Ok(Step::Data(data));
                }
                State::ChunkData { left } => {
                    let Some((data, left)) = self.take(buffer, left)? else {
                        return Ok(Step::More);
                    };
                    self.state = if left == 0 { State::ChunkDataEnd } else { State::ChunkData { left } };
                    return Ok(Step::Data(data));
                }
                State::ChunkSize | State::ChunkDataEnd | State::Trailers => {
                    if !self.line_step(buffer)? {
                        return Ok(Step::More);
                    }
                }
            }
        }
    }

    /// The stream ended: whether that is also the end of the body.
    pub(crate) fn end_of_stream(&mut self) -> Result<(), BodyError> {
        match self.state {
            State::UntilClose | State::Done => {
                self.state = State::Done;
                Ok(())
            }
            State::Length { .. }
            | State::ChunkSize
            | State::ChunkData { .. }
            | State::ChunkDataEnd
            | State::Trailers => Err(BodyError::Cut { received: self.received }),
        }
    }

    fn take(&mut self, buffer: &mut BytesMut, left: u64) -> Result<Option<(Bytes, u64)>, BodyError> {
        if buffer.is_empty() {
            return Ok(None);
        }
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let taken = u64::try_from(count).unwrap_or(u64::MAX);
        self.received = self.received.saturating_add(taken);
        if self.received > self.bytes_max {
            return Err(BodyError::TooLarge { bytes_max: self.bytes_max });
        }
        Ok(Some((buffer.split_to(count).freeze(), left.saturating_sub(taken))))
    }

    /// One line of the chunk framing; `false` when it is not complete yet.
    fn line_step(&mut self, buffer: &mut BytesMut) -> Result<bool, BodyError> {
        let (max, long) = match self.state {
            State::ChunkSize => (self.line_max, too_long("the size lines", self.line_max)),
            State::Trailers => (
                self.trailer_max.saturating_sub(self.trailer_bytes),
                too_long("the trailers", self.trailer_max),
            ),
            State::ChunkDataEnd
            | State::Length { .. }
            | State::UntilClose
            | State::ChunkData { .. }
            | State::Done => (0, BodyError::Chunk("a chunk is not followed by a line end")),
        };
        let Some(line) = line(buffer, max, long)? else {
            return Ok(false);
        };
        match self.state {
            State::ChunkSize => {
                let (size, extension) = chunk_size(&line)?;
                self.extension_bytes = self.extension_bytes.saturating_add(extension);
                if self.extension_bytes > self.extension_max {
                    return Err(too_long("the extensions", self.extension_max));
                }
                if self.received.saturating_add(size) > self.bytes_max {
                    return Err(BodyError::TooLarge { bytes_max: self.bytes_max });
                }
                self.state = if size == 0 { State::Trailers } else { State::ChunkData { left: size } };
            }
            State::Trailers if line.is_empty() => self.state = State::Done,
            State::Trailers => {
                self.trailer_bytes = self.trailer_bytes.saturating_add(line.len()).saturating_add(2);
                check_trailer(&line)?;
            }
            State::ChunkDataEnd
            | State::Length { .. }
            | State::UntilClose
            | State::ChunkData { .. }
            | State::Done => self.state = State::ChunkSize,
        }
        Ok(true)
    }
}

const fn too_long(what: &'static str, bytes_max: usize) -> BodyError {
    BodyError::ChunkLines { what, bytes_max }
}

/// The next line without its CR LF, once it is there; at most `max` bytes, or it is refused as too `long`.
fn line(buffer: &mut BytesMut, max: usize, long: BodyError) -> Result<Option<Bytes>, BodyError> {
    let window = buffer.get(..max.saturating_add(2)).unwrap_or(buffer);
    let Some(feed) = memchr::memchr(b'\n', window) else {
        let inner = window.strip_suffix(b"\r").unwrap_or(window);
        return match inner.contains(&b'\r') {
            true => Err(BodyError::Chunk("a line has a bare carriage return")),
            false if inner.len() > max => Err(long),
            false => Ok(None),
        };
    };
    let line = buffer.split_to(feed.saturating_add(1)).freeze();
    let Some(line) = line.strip_suffix(b"\r\n").map(|inner| line.slice_ref(inner)) else {
        return Err(BodyError::Chunk("a line ends in a bare line feed"));
    };
    match line.contains(&b'\r') {
        true => Err(BodyError::Chunk("a line has a bare carriage return")),
        false if line.len() > max => Err(long),
        false => Ok(Some(line)),
    }
}

/// Size and number of bytes of the extension: `1*HEXDIG [BWS] [;…]`.
fn chunk_size(line: &[u8]) -> Result<(u64, usize), BodyError> {
    let (size, extension) = match memchr::memchr(b';', line) {
        Some(at) => line.split_at_checked(at).unwrap_or((line, b"")),
        None => (line, &b""[..]),
    };
    // Blanks as HTTP has them: a form feed, which is white space elsewhere, is none.
    let digits_end = size.iter().rposition(|b| !matches!(b, b' ' | b'\t'));
    let digits = digits_end.and_then(|last| size.get(..=last)).unwrap_or_default();
    if digits.is_empty() || digits.len() > 16 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(BodyError::Chunk("the size of a chunk is not a hexadecimal number"));
    }
    if extension.iter().any(|b| b.is_ascii_control() && *b != b'\t') {
        return Err(BodyError::Chunk("a chunk extension has a control character"));
    }
    let text = std::str::from_utf8(digits).unwrap_or_default();
    let number = u64::from_str_radix(text, 16)
        .map_err(|_| BodyError::Chunk("the size of a chunk is not a hexadecimal number"))?;
    Ok((number, extension.len().saturating_add(size.len().saturating_sub(digits.len()))))
}

/// Trailers are dropped, but they must be header lines, not something that only looks like the end to others.
fn check_trailer(line: &[u8]) -> Result<(), BodyError> {
    let name = line.split(|b| *b == b':').next().unwrap_or_default();
    if name.len() == line.len() || name.is_empty() || !name.iter().copied().all(crate::head::is_token) {
        return Err(BodyError::Chunk("a trailer is not a header line"));
    }
    if line.iter().any(|b| b.is_ascii_control() && *b != b'\t') {
        return Err(BodyError::Chunk("a trailer has a control character"));
    }
    Ok(())
}
