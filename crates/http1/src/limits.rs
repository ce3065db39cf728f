//! How much a stranger may send, and how long they may take.

use std::time::Duration;

/// Bounds on one connection. `Default` suits the consumer and the peer listeners (data-plane 4.12: 30 s).
///
/// A time of [`Duration::MAX`] means "as long as it takes".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a whole head, from the first byte to the empty line.
    pub head_bytes_max: usize,
    /// Bytes of the request line or status line.
    pub start_line_bytes_max: usize,
    /// Bytes of one header line.
    pub header_line_bytes_max: usize,
    /// Number of headers.
    pub headers_max: usize,
    /// Bytes of a body after the framing is taken off; `u64::MAX` where bodies stream.
    pub body_bytes_max: u64,
    /// Bytes of one chunk-size line with its extensions.
    pub chunk_line_bytes_max: usize,
    /// Bytes of all chunk extensions of one body together.
    pub chunk_extension_bytes_max: usize,
    /// Bytes of the trailer section of a chunked body.
    pub trailer_bytes_max: usize,
    /// Bytes of an unread request body that are read and dropped to keep the connection; beyond, it is closed.
    pub drain_bytes_max: u64,
    /// How long draining and lingering may take altogether.
    pub drain_timeout: Duration,
    /// Server: how long a connection may wait for the first byte of a request.
    pub idle_timeout: Duration,
    /// Server: from the first byte of a head to its end. Client: from the call to the end of the answer's head.
    pub head_timeout: Duration,
    /// The longest time in which a body comes on by less than `progress_bytes_min`; waiting on our side does not count.
    pub body_timeout: Duration,
    /// The longest time in which a peer takes less than `progress_bytes_min` of what we write.
    pub write_timeout: Duration,
    /// How much has to pass in such a time. With 1 only silence is too slow; more is for strangers, who could hold a
    /// connection for ever with a byte now and then.
    pub progress_bytes_min: usize,
    /// Accept loop: connections served at the same time; more wait in the system's queue.
    pub connections_max: usize,
    /// Accept loop: how long running connections may finish after a stop was requested.
    pub stop_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes_max: 64 * 1024,
            start_line_bytes_max: 16 * 1024,
            header_line_bytes_max: 16 * 1024,
            headers_max: 1000,
            body_bytes_max: u64::MAX,
            chunk_line_bytes_max: 1024,
            chunk_extension_bytes_max: 16 * 1024,
            trailer_bytes_max: 8 * 1024,
            drain_bytes_max: 256 * 1024,
            drain_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(30),
            head_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            progress_bytes_min: 1,
            connections_max: 1024,
            stop_timeout: Duration::from_secs(30),
        }
    }
}
