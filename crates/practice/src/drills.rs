//! For drills and tests only: ways to make the practice services fail as real ones do.
//!
//! Everything here is off after a start, and nothing of it is kept on disk or can be set over the network.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

/// The switches, reached through [`crate::PracticeAuthority::drills`].
#[derive(Debug, Default)]
pub struct Drills {
    ocsp_offline: AtomicBool,
    ocsp_busy: AtomicBool,
    ocsp_stale_seconds: AtomicI64,
    ocsp_past_next_update: AtomicBool,
    ocsp_wrong_signer: AtomicBool,
    ocsp_broken_signature: AtomicBool,
    tsa_offline: AtomicBool,
    tsa_refusing: AtomicBool,
    tsa_wrong_signer: AtomicBool,
    tsa_broken_signature: AtomicBool,
    tsa_wrong_imprint: AtomicBool,
    tsa_skew_seconds: AtomicI64,
}

fn set(switch: &AtomicBool, on: bool) {
    switch.store(on, Ordering::SeqCst);
}

impl Drills {
    /// The OCSP listener answers HTTP 503 and nothing else.
    pub fn set_ocsp_offline(&self, on: bool) {
        set(&self.ocsp_offline, on);
    }

    /// OCSP answers say `tryLater`.
    pub fn set_ocsp_busy(&self, on: bool) {
        set(&self.ocsp_busy, on);
    }

    /// OCSP answers are this old (negative: from the future). Their nextUpdate moves along, so a moderate age
    /// offends against freshness only.
    pub fn stale(&self, seconds: i64) {
        self.ocsp_stale_seconds.store(seconds, Ordering::SeqCst);
    }

    /// OCSP answers are fresh but their nextUpdate is a second ago.
    pub fn set_ocsp_past_next_update(&self, on: bool) {
        set(&self.ocsp_past_next_update, on);
    }

    /// OCSP answers are signed by someone whom nobody named, properly and with a certificate of the right usage.
    pub fn set_ocsp_wrong_signer(&self, on: bool) {
        set(&self.ocsp_wrong_signer, on);
    }

    /// One bit of each OCSP signature is turned over.
    pub fn set_ocsp_broken_signature(&self, on: bool) {
        set(&self.ocsp_broken_signature, on);
    }

    /// The time-stamp listener answers HTTP 503 and nothing else.
    pub fn set_tsa_offline(&self, on: bool) {
        set(&self.tsa_offline, on);
    }

    /// Every time-stamp request is rejected with `systemFailure`.
    pub fn set_tsa_refusing(&self, on: bool) {
        set(&self.tsa_refusing, on);
    }

    /// Time-stamps are signed by a stranger with a certificate of the right usage.
    pub fn set_tsa_wrong_signer(&self, on: bool) {
        set(&self.tsa_wrong_signer, on);
    }

    /// One bit of each time-stamp's signature is turned over.
    pub fn set_tsa_broken_signature(&self, on: bool) {
        set(&self.tsa_broken_signature, on);
    }

    /// Time-stamps are over something else than was asked for.
    pub fn set_tsa_wrong_imprint(&self, on: bool) {
        set(&self.tsa_wrong_imprint, on);
    }

    /// The time-stamper's clock is wrong by so much.
    pub fn set_tsa_skew(&self, seconds: i64) {
        self.tsa_skew_seconds.store(seconds, Ordering::SeqCst);
    }

    pub(crate) fn is_ocsp_offline(&self) -> bool {
        self.ocsp_offline.load(Ordering::SeqCst)
    }

    pub(crate) fn is_ocsp_busy(&self) -> bool {
        self.ocsp_busy.load(Ordering::SeqCst)
    }

    pub(crate) fn ocsp_stale_seconds(&self) -> i64 {
        self.ocsp_stale_seconds.load(Ordering::SeqCst)
    }

    pub(crate) fn is_ocsp_past_next_update(&self) -> bool {
        self.ocsp_past_next_update.load(Ordering::SeqCst)
    }

    pub(crate) fn is_ocsp_wrong_signer(&self) -> bool {
        self.ocsp_wrong_signer.load(Ordering::SeqCst)
    }

    pub(crate) fn is_ocsp_broken_signature(&self) -> bool {
        self.ocsp_broken_signature.load(Ordering::SeqCst)
    }

    pub(crate) fn is_tsa_offline(&self) -> bool {
        self.tsa_offline.load(Ordering::SeqCst)
    }

    pub(crate) fn is_tsa_refusing(&self) -> bool {
        self.tsa_refusing.load(Ordering::SeqCst)
    }

    pub(crate) fn is_tsa_wrong_signer(&self) -> bool {
        self.tsa_wrong_signer.load(Ordering::SeqCst)
    }

    pub(crate) fn is_tsa_broken_signature(&self) -> bool {
        self.tsa_broken_signature.load(Ordering::SeqCst)
    }

    pub(crate) fn is_tsa_wrong_imprint(&self) -> bool {
        self.tsa_wrong_imprint.load(Ordering::SeqCst)
    }

    pub(crate) fn tsa_skew_seconds(&self) -> i64 {
        self.tsa_skew_seconds.load(Ordering::SeqCst)
    }
}

/// Turns over the last bit of a signature.
pub(crate) fn break_signature(signature: &mut [u8]) {
    if let Some(last) = signature.last_mut() {
        *last ^= 1;
    }
}
