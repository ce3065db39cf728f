//! The verdicts on a container.

use crate::hashchain;
use crate::structure;
use crate::verify;

/// Why a container proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The signature does not hold.
    #[error(transparent)]
    Signature(#[from] verify::Refusal),
    /// There is no time-stamp: `asic_timestamp_not_found`.
    #[error("the container has no time-stamp")]
    NoTimeStamp,
    /// The time-stamp does not hold.
    #[error(transparent)]
    TimeStamp(#[from] trust::TimestampRefusal),
    /// The time-stamp's hash chain does not lead from this signature to what was stamped.
    #[error("the time-stamp does not cover this signature: {0}")]
    TimeStampChain(hashchain::Refusal),
    /// The message does not say whom it comes from: `invalid_message`.
    #[error("the message does not say whom it comes from: {0}")]
    Sender(String),
    /// No configuration for the sender's instance is at hand: `unknown_member`.
    #[error("there is no configuration for the instance {instance}")]
    UnknownInstance {
        /// The sender's instance.
        instance: String,
    },
    /// Something is in the container that nothing covers.
    #[error("the container holds {name}, which nothing covers")]
    Uncovered {
        /// What it is.
        name: String,
    },
    /// Something that nothing covers says more than follows from what is covered: it may be the producer's own way, and it may be a change.
    #[error("nothing covers {name}, so it must not say more than follows from what is covered: {why}")]
    Unsealed {
        /// What it is.
        name: &'static str,
        /// What is odd.
        why: String,
    },
}

impl Refusal {
    /// X-Road's code; where X-Road does not look, one of ours (`asic_not_covered`).
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Signature(refusal) => refusal.code(),
            Self::NoTimeStamp => "asic_timestamp_not_found",
            Self::TimeStamp(trust::TimestampRefusal::UnknownAuthority) => "mlog.tsp_certificate_not_found",
            Self::TimeStamp(_) => "mlog.invalid_timestamp",
            Self::TimeStampChain(_) => "malformed_signature",
            Self::Sender(_) => "invalid_message",
            Self::UnknownInstance { .. } => "unknown_member",
            Self::Uncovered { .. } | Self::Unsealed { .. } => "asic_not_covered",
        }
    }
}

impl From<structure::UnreadableSignature> for Refusal {
    fn from(refusal: structure::UnreadableSignature) -> Self {
        Self::Signature(refusal.into())
    }
}
