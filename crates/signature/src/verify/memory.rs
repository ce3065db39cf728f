//! What was verified a moment ago: the messages of one batch share a signature, and a member signs everything with one certificate.
//!
//! A remembered verdict is the verdict over the same octets, for the same sender, under the same authorities, and within the time in
//! which all its checks would pass again. What differs between the messages of a batch, its hash chain, is followed each time.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use identifier::ClientId;
use jiff::{SignedDuration, Timestamp};
use trust::authorities::Authorities;
use trust::signer::VerifiedSigner;

use crate::SignedParts;

use super::coverage;
use super::{Kind, ReceivedPart, Refusal, Setting, VerifiedSignature, check};

/// How long a verdict stands.
const SECONDS_MAX: i64 = 60;
/// Signatures over batches that are remembered; few are on their way at a time.
const BATCHES_MAX: usize = 128;
/// Longer documents are not worth remembering.
const BATCH_BYTES_MAX: usize = 64 * 1024;
/// Signers that are remembered.
const SIGNERS_MAX: usize = 256;

/// The memory of one picture of the exchange: with other authorities begin another.
#[derive(Debug, Default)]
pub struct Memory(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    batches: BTreeMap<Batch, Window>,
    signers: BTreeMap<Credentials, (VerifiedSigner, Window)>,
}

/// `signatures.xml`, the chain's result, and who is said to have signed.
type Batch = (Vec<u8>, Vec<u8>, ClientId);

/// Everything that a verdict over a signer rests on, beside the authorities and the time: the certificate, those it comes with, the
/// OCSP responses, and who is said to have signed.
pub(super) type Credentials = (Vec<u8>, Vec<Vec<u8>>, Vec<Vec<u8>>, ClientId);

/// When the same checks pass again.
#[derive(Debug, Clone, Copy)]
struct Window {
    from: Timestamp,
    until: Timestamp,
}

impl Window {
    fn of(signer: &VerifiedSigner, at: Timestamp) -> Self {
        let longest = at.checked_add(SignedDuration::from_secs(SECONDS_MAX)).unwrap_or(at);
        Self { from: at, until: signer.statuses().usable_until().min(longest) }
    }

    fn holds(self, at: Timestamp) -> bool {
        self.from <= at && at <= self.until
    }
}

impl Memory {
    /// As [`super::verify`], sparing what was verified a moment ago.
    ///
    /// # Errors
    /// The same [`Refusal`] that [`super::verify`] gives.
    pub fn verify(
        &self,
        signed: &SignedParts,
        parts: &[ReceivedPart<'_>],
        claimed: &ClientId,
        authorities: &Authorities,
        at: Timestamp,
    ) -> Result<(), Refusal> {
        let batch = batch(signed, claimed);
        if let Some(batch) = &batch
            && self.held().batches.get(batch).is_some_and(|window| window.holds(at))
        {
            return coverage::follow(signed, parts);
        }
        let verified = check(signed, parts, claimed, authorities, at, Setting::Online, Some(self))?;
        if let Some(batch) = batch {
            self.note_batch(batch, &verified, at);
        }
        Ok(())
    }

    fn note_batch(&self, batch: Batch, verified: &VerifiedSignature, at: Timestamp) {
        if verified.kind() == Kind::HashChain {
            let mut remembered = self.held();
            if remembered.batches.len() >= BATCHES_MAX {
                remembered.batches.clear();
            }
            remembered.batches.insert(batch, Window::of(verified.signer(), at));
        }
    }

    pub(super) fn signer(&self, credentials: &Credentials, at: Timestamp) -> Option<VerifiedSigner> {
        let remembered = self.held();
        remembered.signers.get(credentials).filter(|(_, window)| window.holds(at)).map(|(s, _)| s.clone())
    }

    pub(super) fn note_signer(&self, credentials: Credentials, signer: &VerifiedSigner, at: Timestamp) {
        let mut remembered = self.held();
        if remembered.signers.len() >= SIGNERS_MAX {
            remembered.signers.clear();
        }
        remembered.signers.insert(credentials, (signer.clone(), Window::of(signer, at)));
    }

    /// None of the maps is held over more than one act, so it is whole even if a thread died with it in hand.
    fn held(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn batch(signed: &SignedParts, claimed: &ClientId) -> Option<Batch> {
    let result = signed.hash_chain_result.as_ref()?;
    let bytes = signed.signatures_xml.len().saturating_add(result.len());
    (bytes <= BATCH_BYTES_MAX).then(|| (signed.signatures_xml.clone(), result.clone(), claimed.clone()))
}
