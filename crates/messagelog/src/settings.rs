//! What may be set: which bodies are logged and how large (data-plane 7.2), and the time-stamping periods (7.3, 7.4).

use std::collections::BTreeSet;
use std::time::Duration;

use identifier::ClientId;

use crate::record::Side;

/// Settings of the log. [`Settings::default`] are X-Road's defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Which bodies are logged.
    pub bodies: BodyLogging,
    /// How records are time-stamped.
    pub time_stamping: TimeStamping,
    /// Records that may wait for the writer; further callers wait for a place.
    pub queue_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { bodies: BodyLogging::default(), time_stamping: TimeStamping::default(), queue_max: 512 }
    }
}

/// Which bodies are logged (data-plane 7.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyLogging {
    /// `message-body-logging`.
    pub enabled: bool,
    /// Provider subsystems of this gateway to which the opposite of `enabled` applies (`…-local-producer-subsystems`).
    pub local_exceptions: BTreeSet<ClientId>,
    /// Provider subsystems of other gateways to which the opposite of `enabled` applies (`…-remote-producer-subsystems`).
    pub remote_exceptions: BTreeSet<ClientId>,
    /// `max-loggable-message-body-size` in bytes; 0: no body is ever stored, and none is too large.
    pub body_bytes_max: u64,
    /// `truncated-body-allowed`: a larger body is cut instead of refused. Such a record proves less.
    pub truncate: bool,
}

impl Default for BodyLogging {
    fn default() -> Self {
        Self {
            enabled: true,
            local_exceptions: BTreeSet::new(),
            remote_exceptions: BTreeSet::new(),
            body_bytes_max: 10_485_760,
            truncate: false,
        }
    }
}

impl BodyLogging {
    /// Whether bodies of exchanges with this provider subsystem are logged, seen from one side.
    #[must_use]
    pub fn applies(&self, side: Side, provider: &ClientId) -> bool {
        let exceptions = match side {
            Side::Provider => &self.local_exceptions,
            Side::Consumer => &self.remote_exceptions,
        };
        self.enabled != exceptions.contains(provider)
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
