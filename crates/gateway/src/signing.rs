//! The signing desk: messages that wait for the same key while it is busy share one signature (data-plane 5.1).
//!
//! An RSA signature costs a quarter of a millisecond or more; a hash costs next to nothing. So the desk keeps one signature in
//! work per key, and whatever arrives meanwhile becomes the leaves of the next one.

use crate::error::Refusal;
use crate::identity::SigningIdentity;
use clock::Clock;
use keystore::{KeyId, Keystore, SignFailure, Signer as _};
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

    /// Whether the key can sign, as far as is known: a token that is gone is told before a service is asked in vain.
    pub(crate) async fn check(&self, identity: &SigningIdentity) -> Result<(), Refusal> {
        let checked = self.keystore.check_signer(&identity.key).await;
        checked.map_err(|failure| Refusal::CannotSign { code: "", text: told(&failure) })
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
        // Whoever is ready to bring a message brings it first: nobody waits for one that is not there yet.
        tokio::task::yield_now().await;
        while jobs.len() < BATCH_MAX
            && let Ok(job) = queue.try_recv()
        {
            jobs.push(job);
        }
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
        .map_err(|failure| cannot(told(&failure)))?;
    unsigned.finish(&value).map_err(|e| cannot(e.to_string()))
}

/// What others may know of a failure. A token's names files of this machine and is for our operator alone.
fn told(failure: &SignFailure) -> String {
    if let SignFailure::Token(why) = failure {
        tracing::error!("nothing can be signed: {why}");
        return "The token that holds the signing key is not available".to_owned();
    }
    failure.to_string()
}

/// Looks for the tokens at the start and logs in, so that one that is missing is told before a message needs it. On a thread of its own:
/// nobody waits for it, neither at the start nor at a stop.
pub(crate) fn greet_tokens(keystore: &Arc<Keystore>) {
    let tokens = keystore.tokens();
    if tokens.is_empty() {
        return;
    }
    let greeting = std::thread::Builder::new().name("tokens".to_owned()).spawn(move || {
        for token in tokens {
            let report = token.report();
            match report.failure {
                None => tracing::info!("the token {:?} is ready", report.settings.label),
                Some(why) => tracing::warn!("keys in a token cannot sign for now: {why}"),
            }
        }
    });
    if let Err(error) = greeting {
        tracing::error!("the tokens are not looked for at the start: {error}");
    }
}
