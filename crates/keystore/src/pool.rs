//! The signing threads: a fixed number, off the async threads, behind a queue of bounded length.
//!
//! RSA takes a fraction of a millisecond to a few milliseconds of pure computing. On an async thread that would hold
//! up every connection the thread serves. When the queue is full, whoever wants a signature waits for a place; nobody
//! is turned away before the time-out. Work whose caller has gone is skipped. What is quicker than the way here does not come here
//! ([`PrivateKey::is_quick`]).

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use trust::algorithm::{EcdsaForm, SignatureAlgorithm};

use crate::error::{OpenRefusal, SignFailure};
use crate::key::KeyId;
use crate::private_key::PrivateKey;
use crate::signer::Signing;

pub(crate) type Answer = Result<Vec<u8>, SignFailure>;

/// One thing to be signed.
pub(crate) struct Work {
    pub(crate) key: Arc<PrivateKey>,
    pub(crate) algorithm: SignatureAlgorithm,
    pub(crate) digest: Vec<u8>,
    pub(crate) form: EcdsaForm,
}

impl Work {
    pub(crate) fn sign(&self) -> Answer {
        self.key.sign_digest(self.algorithm, &self.digest, self.form)
    }
}

struct Job {
    work: Work,
    answer: oneshot::Sender<Answer>,
}

/// The threads and the way to them. They end when the last clone of the pool is gone.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    queue: mpsc::Sender<Job>,
    timeout: Duration,
}

impl Pool {
    /// Starts `threads` threads.
    pub(crate) fn start(threads: usize, queue_max: usize, timeout: Duration) -> Result<Self, OpenRefusal> {
        let (queue, jobs) = mpsc::channel(queue_max.max(1));
        let jobs = Arc::new(Mutex::new(jobs));
        for number in 0..threads.max(1) {
            let jobs = Arc::clone(&jobs);
            thread::Builder::new()
                .name(format!("signer-{number}"))
                .spawn(move || run(&jobs))
                .map_err(|e| OpenRefusal::Threads { text: e.to_string() })?;
        }
        Ok(Self { queue, timeout })
    }

    /// Signs on one of the threads. The time allowed includes the wait for a place in the queue.
    pub(crate) fn sign(&self, id: KeyId, work: Work) -> Signing {
        let (queue, timeout) = (self.queue.clone(), self.timeout);
        Box::pin(async move {
            let (answer, wait) = oneshot::channel();
            let signed = async {
                queue.send(Job { work, answer }).await.map_err(|_| SignFailure::Stopped)?;
                wait.await.map_err(|_| SignFailure::Stopped)?
            };
            match tokio::time::timeout(timeout, signed).await {
                Ok(answer) => answer,
                Err(_) => Err(SignFailure::TimedOut { key: id, seconds: timeout.as_secs() }),
            }
        })
    }
}

fn run(jobs: &Mutex<mpsc::Receiver<Job>>) {
    // Holding the lock while waiting is the hand-over itself: one thread waits for work, the others for their turn.
    let next = || jobs.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
    while let Some(Job { work, answer }) = next() {
        if answer.is_closed() {
            continue;
        }
        let signed = work.sign();
        // Nobody waits any more when this fails; the signature is worth nothing then.
        let _ = answer.send(signed);
    }
}

#[cfg(test)]
mod tests;
