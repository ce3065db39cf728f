//! When the next round is due (data-plane 7.4). Pure: time is an argument.

use std::time::Duration;

use jiff::Timestamp;

use crate::settings::TimeStamping;

/// The first round comes this long after the start.
const FIRST: Duration = Duration::from_secs(1);
/// Bounds of the period that the global configuration asks for.
const INTERVAL: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(86_400));

/// The timer of the time-stamping rounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Schedule {
    interval: Duration,
    retry: Duration,
    fixed: Option<Duration>,
    due: Timestamp,
    retrying: bool,
    failing_since: Option<Timestamp>,
}

impl Schedule {
    pub(crate) fn new(settings: &TimeStamping, started: Timestamp) -> Self {
        Self {
            interval: settings.interval_override.unwrap_or(INTERVAL.0),
            retry: settings.retry,
            fixed: settings.interval_override,
            due: after(started, FIRST),
            retrying: false,
            failing_since: None,
        }
    }

    /// Takes the period of the global configuration.
    pub(crate) fn set_interval(&mut self, seconds: u64) {
        self.interval = self.fixed.unwrap_or(Duration::from_secs(seconds).clamp(INTERVAL.0, INTERVAL.1));
    }

    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        self.wait(now).is_zero()
    }

    /// How long until the next round. One that is further away than the period is due: the clock has been set back or
    /// the period has become shorter.
    pub(crate) fn wait(&self, now: Timestamp) -> Duration {
        let wait = Duration::try_from(self.due.duration_since(now)).unwrap_or(Duration::ZERO);
        if wait > self.interval.max(FIRST) { Duration::ZERO } else { wait }
    }

    /// After a failure one record is tried at a time.
    pub(crate) fn one_at_a_time(&self) -> bool {
        self.retrying
    }

    /// Since when rounds have failed.
    pub(crate) fn failing_since(&self) -> Option<Timestamp> {
        self.failing_since
    }

    /// Nothing waits for a time-stamp: nothing fails.
    pub(crate) fn idle(&mut self, now: Timestamp) {
        self.succeeded(now, false);
    }

    /// A round succeeded. After a full batch, and after the first success that follows a failure, the next one comes at
    /// once.
    pub(crate) fn stamped(&mut self, now: Timestamp, full: bool) {
        let more = full || self.retrying;
        self.succeeded(now, more);
    }

    fn succeeded(&mut self, now: Timestamp, more: bool) {
        self.retrying = false;
        self.failing_since = None;
        self.due = if more { now } else { after(now, self.interval) };
    }

    /// A round failed. The failure clock starts at the first one.
    pub(crate) fn failed(&mut self, now: Timestamp) {
        self.retrying = true;
        self.failing_since.get_or_insert(now);
        self.due = after(now, self.retry.min(self.interval));
    }
}

/// A time later by a duration; at the end of time, the end of time.
fn after(time: Timestamp, later: Duration) -> Timestamp {
    time.checked_add(later).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second.saturating_add(1_800_000_000)).unwrap_or_default()
    }

    fn schedule() -> Schedule {
        Schedule::new(&TimeStamping::default(), at(0))
    }

    #[test]
    fn the_first_round_comes_one_second_after_the_start() {
        let schedule = schedule();
        assert!(!schedule.is_due(at(0)));
        assert_eq!(schedule.wait(at(0)), Duration::from_secs(1));
        assert!(schedule.is_due(at(1)));
        assert_eq!(schedule.wait(at(9)), Duration::ZERO);
    }

    #[test]
    fn the_period_is_clamped_unless_it_is_overridden() {
        for (asked, used) in
            [(0, 60), (59, 60), (60, 60), (3_600, 3_600), (86_401, 86_400), (u64::MAX, 86_400)]
        {
            let mut schedule = schedule();
            schedule.set_interval(asked);
            schedule.stamped(at(10), false);
            assert_eq!(schedule.wait(at(10)), Duration::from_secs(used), "asked {asked}");
        }
        let settings =
            TimeStamping { interval_override: Some(Duration::from_millis(50)), ..TimeStamping::default() };
        let mut schedule = Schedule::new(&settings, at(0));
        schedule.set_interval(3_600);
        schedule.stamped(at(10), false);
        assert_eq!(schedule.wait(at(10)), Duration::from_millis(50));
    }

    #[test]
    fn after_a_failure_single_records_are_tried_each_minute_until_one_succeeds_and_then_a_batch_runs_at_once()
    {
        let mut schedule = schedule();
        schedule.set_interval(3_600);
        schedule.failed(at(1));
        assert!(schedule.one_at_a_time());
        assert_eq!(schedule.wait(at(1)), Duration::from_secs(60));
        schedule.failed(at(61));
        assert_eq!(schedule.failing_since(), Some(at(1)));
        schedule.stamped(at(121), false);
        assert_eq!(schedule.failing_since(), None);
        assert!(!schedule.one_at_a_time());
        assert!(schedule.is_due(at(121)));
        schedule.stamped(at(122), false);
        assert_eq!(schedule.wait(at(122)), Duration::from_secs(3_600));
    }

    #[test]
    fn a_clock_set_back_and_a_shorter_period_do_not_hold_up_the_next_round() {
        let mut schedule = schedule();
        schedule.set_interval(3_600);
        schedule.stamped(at(7_200), false);
        assert_eq!(schedule.wait(at(7_200)), Duration::from_secs(3_600));
        assert!(schedule.is_due(at(7_199)));
        schedule.set_interval(600);
        assert!(schedule.is_due(at(7_200)));
        schedule.stamped(at(7_200), false);
        assert_eq!(schedule.wait(at(7_200)), Duration::from_secs(600));
    }

    #[test]
    fn the_retry_is_never_slower_than_the_period() {
        let settings =
            TimeStamping { interval_override: Some(Duration::from_secs(5)), ..TimeStamping::default() };
        let mut schedule = Schedule::new(&settings, at(0));
        schedule.failed(at(1));
        assert_eq!(schedule.wait(at(1)), Duration::from_secs(5));
    }

    #[test]
    fn a_full_batch_is_followed_by_another_at_once() {
        let mut schedule = schedule();
        schedule.stamped(at(1), true);
        assert!(schedule.is_due(at(1)));
    }

    #[test]
    fn an_empty_queue_clears_the_failure_clock() {
        let mut schedule = schedule();
        schedule.failed(at(1));
        schedule.idle(at(61));
        assert_eq!(schedule.failing_since(), None);
        assert!(!schedule.is_due(at(61)));
    }
}
