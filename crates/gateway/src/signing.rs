//! The signing desk: messages that wait for the same key while it is busy share one signature (data-plane 5.1).
//!
//! An RSA signature costs a quarter of a millisecond or more; a hash costs next to nothing. So the desk keeps one signature in
//! work per key, and whatever arrives meanwhile becomes the leaves of the next one.

use crate::error::Refusal;
use crate::identity::SigningIdentity;
use clock::Clock;
use keystore::{KeyId, Keystore, Signer as _};
use signature::hashchain::{Leaf, Part};
use signature::{SignedParts, xades};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, oneshot};
use trust::algorithm::DigestAlgorithm;

/// Messages under one signature; a chain of this many leaves is eight steps deep.
const BATCH_MAX: usize = 256;
/// Messages that may wait for one key; further ones wait for a place.
const QUEUE_MAX: usize = 1024;

/// One message waiting for a signature.
struct Job {
    parts: Vec<Part>,
    identity: Arc<SigningIdentity>,
    reply: oneshot::Sender<Result<SignedParts, Refusal>>,
}

/// Hands out signatures.
pub(crate) struct SigningDesk {
    keystore: Arc<Keystore>,
    clock: Clock,
    queues: Mutex<BTreeMap<KeyId, mpsc::Sender<Job>>>,
}

impl std::fmt::Debug for SigningDesk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningDesk")
    }
}

impl SigningDesk {
    pub(crate) fn new(keystore: Arc<Keystore>, clock: Clock) -> Self {
        Self { keystore, clock, queues: Mutex::new(BTreeMap::new()) }
    }

    /// Signs the parts of one message as `identity`.
    pub(crate) async fn sign(
        &self,
        identity: Arc<SigningIdentity>,
        parts: Vec<Part>,
    ) -> Result<SignedParts, Refusal> {
        let queue = self.queue(&identity.key);
        let (reply, signed) = oneshot::channel();
        queue.send(Job { parts, identity, reply }).await.map_err(|_| stopped())?;
        signed.await.map_err(|_| stopped())?
    }

    fn queue(&self, key: &KeyId) -> mpsc::Sender<Job> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = queues.get(key).filter(|queue| !queue.is_closed()) {
            return queue.clone();
        }
        let (sender, receiver) = mpsc::channel(QUEUE_MAX);
        tokio::spawn(work(Arc::clone(&self.keystore), self.clock.clone(), receiver));
        queues.insert(key.clone(), sender.clone());
        sender
    }
}

fn stopped() -> Refusal {
    Refusal::CannotSign { code: "internal_error", text: "Signing has been stopped".to_owned() }
}

/// Takes what waits as soon as the key is free. One signature at a time: a second one beside it would only halve the messages that
/// each of them covers.
async fn work(keystore: Arc<Keystore>, clock: Clock, mut queue: mpsc::Receiver<Job>) {
    let mut jobs = Vec::new();
    while queue.recv_many(&mut jobs, BATCH_MAX).await > 0 {
        sign_together(&keystore, &clock, std::mem::take(&mut jobs)).await;
    }
}

/// One signature over all jobs; each gets its own chain. The identity of the first stands for all: it is the same key.
async fn sign_together(keystore: &Keystore, clock: &Clock, jobs: Vec<Job>) {
    let Some(identity) = jobs.first().map(|job| Arc::clone(&job.identity)) else {
        return;
    };
    let (leaves, replies): (Vec<_>, Vec<_>) =
        jobs.into_iter().map(|job| (Leaf { parts: job.parts }, job.reply)).unzip();
    match signed(keystore, clock, &identity, leaves).await {
        Ok(all) => {
            for (reply, parts) in replies.into_iter().zip(all) {
                // Whoever waited may have gone.
                let _gone = reply.send(Ok(parts));
            }
        }
        Err(refusal) => {
            for reply in replies {
                let _gone = reply.send(Err(refusal.clone()));
            }
        }
    }
}

async fn signed(
    keystore: &Keystore,
    clock: &Clock,
    identity: &SigningIdentity,
    leaves: Vec<Leaf>,
) -> Result<Vec<SignedParts>, Refusal> {
    let cannot = |text: String| Refusal::CannotSign { code: "", text };
    let batch = xades::Batch::new(DigestAlgorithm::Sha512, leaves).map_err(|e| cannot(e.to_string()))?;
    let unsigned = xades::Unsigned::new(batch, identity.material.clone(), clock.now())
        .map_err(|e| cannot(e.to_string()))?;
    let value = keystore
        .sign_digest(&identity.key, unsigned.algorithm(), &unsigned.digest_to_be_signed())
        .await
        .map_err(|e| cannot(e.to_string()))?;
    unsigned.finish(&value).map_err(|e| cannot(e.to_string()))
}
