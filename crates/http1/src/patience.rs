//! How long the other side may take: not a time for the whole, which may be of any length, but one in which something has to pass.

use crate::limits::Limits;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// What is left of the time in which `bytes_min` bytes have to pass. Only waiting for the other side uses it up.
#[derive(Debug, Clone)]
pub(crate) struct Patience {
    wait: Duration,
    bytes_min: usize,
    left: Duration,
    passed: usize,
}

/// The time was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exhausted;

impl Patience {
    pub(crate) fn for_reading(limits: &Limits) -> Self {
        Self::new(limits.body_timeout, limits.progress_bytes_min)
    }

    pub(crate) fn for_writing(limits: &Limits) -> Self {
        Self::new(limits.write_timeout, limits.progress_bytes_min)
    }

    /// For something that is done at once or not at all.
    pub(crate) fn once(wait: Duration) -> Self {
        Self::new(wait, 1)
    }

    fn new(wait: Duration, bytes_min: usize) -> Self {
        Self { wait, bytes_min, left: wait, passed: 0 }
    }

    /// Waits for bytes to pass.
    pub(crate) async fn bytes<E>(
        &mut self,
        passing: impl Future<Output = Result<usize, E>>,
    ) -> Result<Result<usize, E>, Exhausted> {
        let begun = Instant::now();
        let passed = timeout(self.left, passing).await.map_err(|_| Exhausted)?;
        self.passed = self.passed.saturating_add(*passed.as_ref().unwrap_or(&0));
        if self.passed >= self.bytes_min {
            (self.passed, self.left) = (0, self.wait);
        } else {
            self.left = self.left.saturating_sub(begun.elapsed());
        }
        Ok(passed)
    }
}
