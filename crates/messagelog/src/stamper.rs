//! The time-stamping rounds (data-plane 7.4): what is to be stamped next, and what becomes of the answer.
//!
//! The gateway drives it and asks the authorities over the network:
//!
//! ```text
//! loop { wait(now) → next_round(now) → ask one authority after the other → stamped(round, token, now) | failed(now) }
//! ```

mod schedule;

use std::time::Duration;

use jiff::Timestamp;
use signature::hashchain::BuildRefusal;
use signature::timestamp::{self, Batch};
use trust::algorithm::DigestAlgorithm;
use trust::timestamp::TimeStampToken;

use crate::error::{Failure, ReadFailure, StampFault};
use crate::log::MessageLog;
use crate::pack;
use crate::reader::Reader;
use crate::record::RecordId;
use crate::store::NewStamp;
use schedule::Schedule;

/// Drives the time-stamping of one log. There is one per log; its failure clock lives in memory (data-plane 7.3).
#[derive(Debug)]
pub struct Stamper {
    log: MessageLog,
    schedule: Schedule,
}

/// What is to be time-stamped now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round {
    first: RecordId,
    last: RecordId,
    records: Vec<RecordId>,
    full: bool,
    /// `ts-hashchainresult.xml`.
    result: Vec<u8>,
    /// The digests of the signatures, one behind the other.
    leaves: Vec<u8>,
    imprint: Vec<u8>,
}

impl Round {
    /// The algorithm of the imprint: SHA-512.
    #[must_use]
    pub fn algorithm(&self) -> DigestAlgorithm {
        timestamp::ALGORITHM
    }

    /// The digest that the authority is asked to stamp.
    #[must_use]
    pub fn imprint(&self) -> &[u8] {
        &self.imprint
    }

    /// The first record of the round.
    #[must_use]
    pub fn first(&self) -> RecordId {
        self.first
    }

    /// The last record of the round.
    #[must_use]
    pub fn last(&self) -> RecordId {
        self.last
    }
}

impl Stamper {
    /// The first round is due one second after `started`; the period is 60 s until [`Stamper::set_interval`].
    #[must_use]
    pub fn new(log: MessageLog, started: Timestamp) -> Self {
        let schedule = Schedule::new(&log.settings().time_stamping, started);
        Self { log, schedule }
    }

    /// Takes `timeStampingIntervalSeconds` of the global configuration, clamped to 60…86400.
    pub fn set_interval(&mut self, seconds: u64) {
        self.schedule.set_interval(seconds);
    }

    /// How long until the next round.
    #[must_use]
    pub fn wait(&self, now: Timestamp) -> Duration {
        self.schedule.wait(now)
    }

    /// The next round: `None` when none is due or nothing waits for a time-stamp.
    ///
    /// # Errors
    /// The log could not be read; this counts as a failed round.
    pub async fn next_round(&mut self, now: Timestamp) -> Result<Option<Round>, ReadFailure> {
        if !self.schedule.is_due(now) {
            return Ok(None);
        }
        let limit = if self.schedule.one_at_a_time() {
            1
        } else {
            self.log.settings().time_stamping.records_max.max(1)
        };
        let round = self.log.read(move |reader| round_of(reader, limit)).await;
        match &round {
            Ok(Some(_)) => {}
            Ok(None) => {
                self.schedule.idle(now);
                self.tell();
            }
            Err(_) => self.failed(now),
        }
        round
    }

    /// The authority stamped: the token goes on record.
    ///
    /// # Errors
    /// The token is for another imprint, or the log could not write. Either counts as a failed round.
    pub async fn stamped(
        &mut self,
        round: Round,
        token: &TimeStampToken,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let verified = token.verified();
        let full = round.full;
        let put = if verified.digest_algorithm() != round.algorithm() || verified.imprint() != round.imprint {
            Err(Failure::WrongStamp(StampFault::Imprint))
        } else {
            let Round { first, last, records, result, leaves, .. } = round;
            let token = pack::pack_around(token.der(), verified.tsa().der());
            let result = pack::pack(&result);
            self.log.put_stamp(NewStamp { first, last, records, token, result, leaves }).await
        };
        match put {
            Ok(_) => {
                self.schedule.stamped(now, full);
                self.tell();
                Ok(())
            }
            Err(failure) => {
                self.failed(now);
                Err(failure)
            }
        }
    }

    /// No authority stamped. From now on single records are tried until one succeeds.
    pub fn failed(&mut self, now: Timestamp) {
        self.schedule.failed(now);
        self.tell();
    }

    fn tell(&self) {
        self.log.gauges().set_failing_since(self.schedule.failing_since());
    }
}

/// The records that come next.
fn round_of(reader: &Reader, limit: usize) -> Result<Option<Round>, ReadFailure> {
    let waiting = reader.unstamped(limit)?;
    let full = waiting.len() == limit;
    let Some((first, _)) = waiting.first().cloned() else {
        return Ok(None);
    };
    let last = waiting.last().map_or(first, |(id, _)| *id);
    let records = waiting.iter().map(|(id, _)| *id).collect();
    let leaves = waiting.iter().flat_map(|(_, digest)| digest.iter().copied()).collect();
    let chained = Batch::new(waiting.into_iter().map(|(_, digest)| digest));
    let refused =
        |refusal: BuildRefusal| ReadFailure::NotExportable { record: first, reason: refusal.to_string() };
    let result = chained.map_err(refused)?.result().to_vec();
    let imprint = timestamp::ALGORITHM.digest(&result);
    Ok(Some(Round { first, last, records, full, result, leaves, imprint }))
}
