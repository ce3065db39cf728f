//! What one client has taken. Times are nanoseconds of the house's clock.

use super::{Exceeded, Quota};

const SECOND: i128 = 1_000_000_000;

/// What a client has running, and how far its requests run ahead of their pace.
#[derive(Debug, Default)]
pub(super) struct Account {
    exchanges: u32,
    body_bytes: u64,
    /// When the last request would have come, had each waited for its turn. A second ahead of the present is the most: so many requests
    /// may come together as may come in a second.
    pace: i128,
}

impl Account {
    /// One more exchange.
    pub(super) fn begin(&mut self, quota: &Quota, now: i128) -> Result<(), Exceeded> {
        let limit = quota.exchanges_at_once;
        if limit > 0 && self.exchanges >= limit {
            return Err(Exceeded::Exchanges { limit });
        }
        self.keep_pace(quota.requests_per_second, now)?;
        self.exchanges = self.exchanges.saturating_add(1);
        Ok(())
    }

    fn keep_pace(&mut self, per_second: u32, now: i128) -> Result<(), Exceeded> {
        let Some(turn) = SECOND.checked_div(i128::from(per_second)) else { return Ok(()) };
        let latest = now.saturating_add(SECOND);
        // Further ahead it is only when the clock was set back, and then it has to follow.
        self.pace = self.pace.min(latest);
        let next = self.pace.max(now).saturating_add(turn);
        if next > latest {
            let wait = next.saturating_sub(latest).saturating_add(999_999).checked_div(1_000_000);
            let wait_ms = wait.and_then(|wait| u64::try_from(wait).ok()).unwrap_or(1_000);
            return Err(Exceeded::Requests { per_second, wait_ms });
        }
        self.pace = next;
        Ok(())
    }

    /// So many bytes more, of a body that has `whole` with them.
    pub(super) fn hold(&mut self, quota: &Quota, more: u64, whole: u64) -> Result<(), Exceeded> {
        let limit = quota.body_bytes_at_once;
        if whole > limit {
            return Err(Exceeded::Body { limit, bytes: whole });
        }
        let all = self.body_bytes.saturating_add(more);
        if all > limit {
            return Err(Exceeded::BodyBytes { limit });
        }
        self.body_bytes = all;
        Ok(())
    }

    /// An exchange is over.
    pub(super) fn end(&mut self, body_bytes: u64) {
        self.exchanges = self.exchanges.saturating_sub(1);
        self.body_bytes = self.body_bytes.saturating_sub(body_bytes);
    }

    /// Nothing runs, and its next requests may come as fast as those of a client that was never seen.
    pub(super) fn owes_nothing(&self, now: i128) -> bool {
        self.exchanges == 0 && self.pace <= now
    }
}
