//! Quotas: how much one client may ask of this gateway, so that it leaves room for the others. Off unless the operator sets them.
//!
//! **Whoever is told that there is room holds it until the exchange is over**, and gives it back in whatever way it ends.
//!
//! A client is a subsystem of ours that asks at a consumer port, or one whose own gateway has proven itself on port 5500: whoever is not
//! that uses up nobody's quota. So there are never more accounts than registered clients, and one that owes nothing is forgotten.

mod account;

use account::Account;
use clock::Clock;
use identifier::ClientId;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// From how many accounts on those that owe nothing are looked for before one is added.
const ACCOUNTS_KEPT: usize = 1_024;

/// How much one client may ask: each of ours at the consumer ports, and each of other gateways on port 5500. 0 is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quota {
    /// Requests a second; as many may come together.
    pub requests_per_second: u32,
    /// Exchanges that run at once, from the head of the request to the end of the answer.
    pub exchanges_at_once: u32,
    /// Bytes of request bodies in exchanges that run.
    pub body_bytes_at_once: u64,
}

/// Which quota would have been exceeded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Exceeded {
    /// Requests came too fast.
    #[error("it may send {per_second} requests a second, and its next one is taken in {wait_ms} ms")]
    Requests {
        /// The limit.
        per_second: u32,
        /// When to ask again.
        wait_ms: u64,
    },
    /// Too many exchanges at once.
    #[error("it may have {limit} exchanges at once, and its next one is taken when one of them has ended")]
    Exchanges {
        /// The limit.
        limit: u32,
    },
    /// Too many bytes at once.
    #[error(
        "it may have {limit} bytes of request bodies on their way at once; this one is taken when others have passed"
    )]
    BodyBytes {
        /// The limit.
        limit: u64,
    },
    /// Too many bytes in one body.
    #[error(
        "it may have {limit} bytes of request bodies on their way at once, and a body of {bytes} bytes is never taken"
    )]
    Body {
        /// The limit.
        limit: u64,
        /// As many as were announced, or have come so far.
        bytes: u64,
    },
}

/// The accounts of all clients that come the same way.
#[derive(Debug)]
pub struct Quotas {
    quota: Quota,
    clock: Clock,
    accounts: Mutex<BTreeMap<ClientId, Account>>,
}

impl Quotas {
    /// With nothing taken yet.
    #[must_use]
    pub fn new(quota: Quota, clock: Clock) -> Arc<Self> {
        Arc::new(Self { quota, clock, accounts: Mutex::default() })
    }

    /// Takes one more exchange of a client, which lasts as long as what is given back.
    ///
    /// # Errors
    /// [`Exceeded`]; nothing is taken then.
    pub fn admit(self: &Arc<Self>, client: &ClientId) -> Result<Share, Exceeded> {
        if self.quota == Quota::default() {
            return Ok(Share { of: None, body_bytes: Mutex::new(0) });
        }
        let now = self.clock.now().as_nanosecond();
        let mut accounts = self.accounts();
        if accounts.len() >= ACCOUNTS_KEPT && !accounts.contains_key(client) {
            accounts.retain(|_, account| !account.owes_nothing(now));
        }
        accounts.entry(client.clone()).or_default().begin(&self.quota, now)?;
        Ok(Share { of: Some((Arc::clone(self), client.clone())), body_bytes: Mutex::new(0) })
    }

    fn accounts(&self) -> MutexGuard<'_, BTreeMap<ClientId, Account>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one exchange takes of its client's quota; given back when it is dropped.
#[derive(Debug)]
pub struct Share {
    /// None where there are no quotas.
    of: Option<(Arc<Quotas>, ClientId)>,
    /// Of the request's body, as far as it was counted.
    body_bytes: Mutex<u64>,
}

impl Share {
    /// The body has so many bytes by now, or is announced with so many; what was counted once is not counted again.
    ///
    /// # Errors
    /// [`Exceeded`]; what was counted before still is.
    pub fn hold(&self, bytes: u64) -> Result<(), Exceeded> {
        let Some((quotas, client)) =
            self.of.as_ref().filter(|(quotas, _)| quotas.quota.body_bytes_at_once > 0)
        else {
            return Ok(());
        };
        let mut counted = self.counted();
        let more = bytes.saturating_sub(*counted);
        if let Some(account) = quotas.accounts().get_mut(client) {
            account.hold(&quotas.quota, more, bytes)?;
        }
        *counted = counted.saturating_add(more);
        Ok(())
    }

    fn counted(&self) -> MutexGuard<'_, u64> {
        self.body_bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let Some((quotas, client)) = &self.of else { return };
        let bytes = *self.counted();
        if let Some(account) = quotas.accounts().get_mut(client) {
            account.end(bytes);
        }
    }
}

#[cfg(test)]
mod tests;
