//! The push reader: chunks go in as the network delivers them, events with slices of the same memory come out.

use std::collections::VecDeque;

use bytes::{Buf as _, Bytes};

use super::delimiter::{Delimiter, Line};
use super::head::{HeadReader, PartHead};
use super::{Malformed, SURROUNDINGS_MAX};
use crate::content_type::Boundary;

/// What the reader has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A part begins.
    PartStart(PartHead),
    /// Some of its body: never empty, a slice of what was pushed.
    Data(Bytes),
    /// The part has ended at a boundary.
    PartEnd,
    /// The closing boundary was read. What follows is skipped.
    End,
}

/// Reads a multipart from chunks of any size.
///
/// Lines may end with CR LF or LF; text before the first boundary and after the last is skipped; the closing boundary
/// is required (data-plane 4.7, E.1.7, E.3). The line break before a boundary belongs to the boundary.
///
/// Feed it with [`push`](Self::push), take events until `None`, and at the end of the input call
/// [`finish`](Self::finish) and take what is left. After a refusal every further call refuses in the same way.
#[derive(Debug)]
pub struct Reader {
    delimiter: Delimiter,
    /// The beginning of a possible boundary line, held back until the bytes after it are known; precedes `current`.
    held: Bytes,
    current: Bytes,
    waiting: VecDeque<Bytes>,
    finished: bool,
    /// The bytes ahead may be a boundary line and have to be looked at first.
    candidate: bool,
    /// The bytes ahead are the first of the input or of a body.
    fresh: bool,
    skipped: usize,
    state: State,
}

#[derive(Debug)]
enum State {
    Preamble,
    Head(HeadReader),
    Body,
    Closing,
    Epilogue,
    Failed(Malformed),
}

enum Step {
    Event(Event),
    Again,
    Starved,
}

impl Reader {
    /// A reader of a multipart with this boundary.
    #[must_use]
    pub fn new(boundary: &Boundary) -> Self {
        Self {
            delimiter: Delimiter::new(boundary.as_str()),
            held: Bytes::new(),
            current: Bytes::new(),
            waiting: VecDeque::new(),
            finished: false,
            candidate: true,
            fresh: true,
            skipped: 0,
            state: State::Preamble,
        }
    }

    /// Takes the next chunk of the input. Take all events before the next one, so that only one is held in memory.
    pub fn push(&mut self, chunk: Bytes) {
        if self.current.is_empty() {
            self.current = chunk;
        } else if !chunk.is_empty() {
            self.waiting.push_back(chunk);
        }
    }

    /// Says that the input has ended.
    pub fn finish(&mut self) {
        self.finished = true;
    }

    /// Whether the closing boundary was read.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        matches!(self.state, State::Epilogue)
    }

    /// The next event; `None` when more input is needed, or when all is read.
    ///
    /// # Errors
    /// [`Malformed`]; [`Malformed::Truncated`] once the input has ended without the closing boundary.
    pub fn next_event(&mut self) -> Result<Option<Event>, Malformed> {
        loop {
            match self.step() {
                Ok(Step::Event(event)) => return Ok(Some(event)),
                Ok(Step::Again) => {}
                Ok(Step::Starved) => match self.waiting.pop_front() {
                    Some(chunk) => self.current = chunk,
                    None if self.finished && !self.is_complete() => return self.fail(Malformed::Truncated),
                    None => return Ok(None),
                },
                Err(refusal) => return self.fail(refusal),
            }
        }
    }

    fn fail(&mut self, refusal: Malformed) -> Result<Option<Event>, Malformed> {
        self.state = State::Failed(refusal.clone());
        Err(refusal)
    }

    fn step(&mut self) -> Result<Step, Malformed> {
        match &mut self.state {
            State::Preamble | State::Body if self.candidate => self.look(),
            State::Preamble | State::Body => self.scan(),
            State::Head(head) => match memchr::memchr(b'\n', &self.current) {
                Some(at) => {
                    let line = self.current.split_to(at);
                    self.current.advance(1);
                    let Some(head) = head.line(&line)? else {
                        return Ok(Step::Again);
                    };
                    self.state = State::Body;
                    self.candidate = true;
                    self.fresh = true;
                    Ok(Step::Event(Event::PartStart(head)))
                }
                None => {
                    let rest = std::mem::take(&mut self.current);
                    head.hold(&rest)?;
                    Ok(Step::Starved)
                }
            },
            State::Closing => {
                self.state = State::Epilogue;
                Ok(Step::Event(Event::End))
            }
            State::Epilogue => {
                let rest = std::mem::take(&mut self.current);
                self.skip(rest.len())?;
                Ok(Step::Starved)
            }
            State::Failed(refusal) => Err(refusal.clone()),
        }
    }

    /// Decides about the candidate at the front of what is held and what follows it.
    fn look(&mut self) -> Result<Step, Malformed> {
        if self.held.is_empty() && self.current.is_empty() {
            return Ok(Step::Starved);
        }
        let bytes = self.held.iter().chain(self.current.iter()).copied();
        match self.delimiter.look(bytes, self.fresh) {
            Line::Ambiguous => Err(Malformed::AmbiguousBoundary),
            Line::Data => Ok(self.not_a_boundary()),
            Line::Boundary { length, closing } => self.boundary(length, closing),
            Line::Incomplete { closing: true } if self.finished && self.waiting.is_empty() => {
                self.boundary(usize::MAX, true)
            }
            Line::Incomplete { .. } => {
                let more = std::mem::take(&mut self.current);
                // Rare: only when a chunk ends inside what may be a boundary line. Its length bounds the copy.
                self.held = if self.held.is_empty() {
                    more
                } else {
                    [self.held.as_ref(), more.as_ref()].concat().into()
                };
                Ok(Step::Starved)
            }
        }
    }

    /// The candidate was body after all: lets go what was held, or else the one byte that made it a candidate.
    fn not_a_boundary(&mut self) -> Step {
        self.candidate = false;
        self.fresh = false;
        if !self.held.is_empty() {
            let held = std::mem::take(&mut self.held);
            return self.pass(held);
        }
        match self.current.first() {
            Some(b'\r' | b'\n') => {
                let first = self.current.split_to(1);
                self.pass(first)
            }
            Some(_) | None => Step::Again,
        }
    }

    /// Goes over a boundary line of `length` bytes, of which the held ones are the first.
    fn boundary(&mut self, length: usize, closing: bool) -> Result<Step, Malformed> {
        let ahead = length.saturating_sub(self.held.len()).min(self.current.len());
        self.current.advance(ahead);
        self.held = Bytes::new();
        self.candidate = false;
        self.fresh = false;
        self.skipped = 0;
        let next = if closing { State::Closing } else { State::Head(HeadReader::default()) };
        match std::mem::replace(&mut self.state, next) {
            State::Body => Ok(Step::Event(Event::PartEnd)),
            State::Preamble | State::Head(_) | State::Closing | State::Epilogue | State::Failed(_) => {
                Ok(Step::Again)
            }
        }
    }

    /// Finds the next candidate and hands out what stands before it.
    fn scan(&mut self) -> Result<Step, Malformed> {
        if self.current.is_empty() {
            return Ok(Step::Starved);
        }
        let at = self.delimiter.candidate(&self.current);
        self.candidate = at < self.current.len();
        let data = self.current.split_to(at);
        if matches!(self.state, State::Preamble) {
            self.skip(data.len())?;
            return Ok(Step::Again);
        }
        Ok(if data.is_empty() { Step::Again } else { Step::Event(Event::Data(data)) })
    }

    /// Hands out a piece of body; a piece of preamble disappears.
    fn pass(&mut self, data: Bytes) -> Step {
        if matches!(self.state, State::Preamble) {
            self.skipped = self.skipped.saturating_add(data.len());
            return Step::Again;
        }
        Step::Event(Event::Data(data))
    }

    fn skip(&mut self, length: usize) -> Result<(), Malformed> {
        self.skipped = self.skipped.saturating_add(length);
        if self.skipped > SURROUNDINGS_MAX { Err(Malformed::SurroundingsTooLong) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
