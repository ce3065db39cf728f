//! A clock that somebody else winds.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// Tells the time by the function it was made from. A clone is the same clock.
#[derive(Clone)]
pub struct Clock {
    now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl Clock {
    /// A clock that asks `now` each time. Only the binary hands in the system clock here.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { now: Arc::new(now) }
    }

    /// A clock that stands still at `time`.
    pub fn fixed(time: Timestamp) -> Self {
        Self::new(move || time)
    }

    /// A clock that starts at `time` and moves only when its [`Hands`] are moved: for tests in which time passes.
    pub fn by_hand(time: Timestamp) -> (Self, Hands) {
        let hands = Hands { shown: Arc::new(Mutex::new(time)) };
        let read = hands.clone();
        (Self::new(move || read.shown()), hands)
    }

    /// The time, now.
    pub fn now(&self) -> Timestamp {
        (self.now)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}

/// The hands of a clock made by [`Clock::by_hand`].
#[derive(Clone, Debug)]
pub struct Hands {
    shown: Arc<Mutex<Timestamp>>,
}

impl Hands {
    /// Sets the clock and all its clones to `time`, forwards or backwards.
    pub fn set(&self, time: Timestamp) {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = time;
    }

    /// Moves the clock by `step`; it stops at the ends of the calendar instead of running over.
    pub fn advance(&self, step: SignedDuration) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        *shown = shown.saturating_add(step).unwrap_or(*shown);
    }

    fn shown(&self) -> Timestamp {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
