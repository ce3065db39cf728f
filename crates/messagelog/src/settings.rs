//! What may be set: which bodies are logged (see `bodies`), and the time-stamping periods (data-plane 7.3, 7.4).

use std::time::Duration;

use crate::bodies::BodyLogging;
use crate::seal::Keys;

/// Settings of the log. [`Settings::default`] are X-Road's defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Which bodies are logged.
    pub bodies: BodyLogging,
    /// How records are time-stamped.
    pub time_stamping: TimeStamping,
    /// Under which keys messages and bodies are sealed; none: they are kept open.
    pub keys: Keys,
    /// Records that may wait for the writer; further callers wait for a place.
    pub queue_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            bodies: BodyLogging::default(),
            time_stamping: TimeStamping::default(),
            keys: Keys::default(),
            queue_max: 512,
        }
    }
}

/// How records are time-stamped (data-plane 7.3, 7.4). Imprints and hash chains are SHA-512.
#[derive(Clone, Debug, PartialEq)]
pub struct TimeStamping {
    /// `timestamp-records-limit`: records of one batch.
    pub records_max: usize,
    /// `timestamp-retry-delay`: period after a failure.
    pub retry: Duration,
    /// `acceptable-timestamp-failure-period`; zero: records are taken however long time-stamping fails.
    pub failure_accepted: Duration,
    /// A period that stands instead of the global configuration's and is not clamped to 60…86400 s.
    pub interval_override: Option<Duration>,
}

impl Default for TimeStamping {
    fn default() -> Self {
        Self {
            records_max: 10_000,
            retry: Duration::from_secs(60),
            failure_accepted: Duration::from_secs(14_400),
            interval_override: None,
        }
    }
}
