//! Signing with a token's keys for async callers: threads that each keep a session, behind a queue of bounded length.
//!
//! Each token has its own threads, so that a slow one holds up neither the keys in software nor another token. They start with the first
//! signature and end with the keystore.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use trust::algorithm::{EcdsaForm, SignatureAlgorithm};

use super::sign::Request;
use super::{Admission, KeyInToken, Token};
use crate::error::{SignFailure, TokenFailure};
use crate::key::KeyId;
use crate::signer::Signing;

type Answer = Result<Vec<u8>, TokenFailure>;

/// How long a signature waits that looks whether the token is back. The looking goes on without it.
const LOOK_WAIT: Duration = Duration::from_secs(2);
/// The pause after a look that did not find the token: beginning a library anew costs its other tokens their sessions.
const LOOK_PAUSE: Duration = Duration::from_millis(500);
/// How long the end of a desk waits for its threads.
const END_WAIT: Duration = Duration::from_secs(3);

struct Job {
    key: KeyInToken,
    /// What shall be signed; nothing when it is only asked whether the key is there.
    request: Option<(Request, EcdsaForm)>,
    looks: bool,
    answer: oneshot::Sender<Answer>,
}

/// The desk of one token.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) token: Arc<Token>,
    queue_max: usize,
    timeout: Duration,
    queue: Mutex<Option<mpsc::Sender<Job>>>,
    busy: Arc<AtomicUsize>,
    threads: Arc<Threads>,
}

/// How many threads of a desk there are.
#[derive(Debug, Default)]
struct Threads {
    count: Mutex<usize>,
    ended: Condvar,
}

impl Drop for Desk {
    /// Threads that are inside the library while the process ends would find it gone under them: they are waited for.
    fn drop(&mut self) {
        *self.queue.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let count = self.threads.count.lock().unwrap_or_else(PoisonError::into_inner);
        let _ended = self.threads.ended.wait_timeout_while(count, END_WAIT, |count| *count > 0);
    }
}

impl Desk {
    pub(crate) fn new(token: Token, queue_max: usize, timeout: Duration) -> Self {
        let token = Arc::new(token);
        Self {
            token,
            queue_max,
            timeout,
            queue: Mutex::default(),
            busy: Arc::default(),
            threads: Arc::default(),
        }
    }

    /// The way to the threads, which are started if need be.
    fn queue(&self) -> Result<mpsc::Sender<Job>, TokenFailure> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = &*queue {
            return Ok(queue.clone());
        }
        let (sender, jobs) = mpsc::channel(self.queue_max.max(1));
        let jobs = Arc::new(Mutex::new(jobs));
        for number in 0..self.token.settings.sessions_max {
            let (token, jobs, busy) = (Arc::clone(&self.token), Arc::clone(&jobs), Arc::clone(&self.busy));
            let threads = Arc::clone(&self.threads);
            thread::Builder::new()
                .name(format!("token-{number}"))
                .spawn(move || {
                    run(&token, &jobs, &busy);
                    threads.change(|count| count.saturating_sub(1));
                })
                .map_err(|error| TokenFailure::Thread { text: error.to_string() })?;
            self.threads.change(|count| count.saturating_add(1));
        }
        *queue = Some(sender.clone());
        Ok(sender)
    }

    /// Signs on one of the threads. The time allowed includes the wait for a place in the queue.
    pub(crate) fn sign(
        self: &Arc<Self>,
        id: KeyId,
        key: KeyInToken,
        algorithm: SignatureAlgorithm,
        digest: &[u8],
        form: EcdsaForm,
    ) -> Signing {
        let desk = Arc::clone(self);
        let request = Request::new(key.algorithm, algorithm, digest);
        Box::pin(async move {
            let request = Some((request?, form));
            let queue = desk.queue()?;
            let (answer, wait) = oneshot::channel();
            let job = Job { key, request, looks: false, answer };
            match desk.token.admit()? {
                Admission::Go => desk.ask(id, queue, job, wait).await,
                Admission::Look(failure) => desk.look(failure, &queue, job, wait).await,
            }
        })
    }

    /// Whether the key can sign as far as is known; if token or key were gone, looks whether they are back.
    pub(crate) fn check(self: &Arc<Self>, id: KeyId, key: KeyInToken) -> Signing {
        let desk = Arc::clone(self);
        Box::pin(async move {
            let queue = desk.queue()?;
            let (answer, wait) = oneshot::channel();
            let missing = desk.token.misses(&key);
            let job = Job { key, request: None, looks: false, answer };
            match desk.token.admit()? {
                Admission::Go if missing => desk.ask(id, queue, job, wait).await,
                Admission::Go => Ok(Vec::new()),
                Admission::Look(failure) => desk.look(failure, &queue, job, wait).await,
            }
        })
    }

    /// Looks whether the token is back. Nothing is awaited between the admission and the queue: the look cannot get lost.
    async fn look(
        &self,
        failure: TokenFailure,
        queue: &mpsc::Sender<Job>,
        job: Job,
        wait: oneshot::Receiver<Answer>,
    ) -> Result<Vec<u8>, SignFailure> {
        if queue.try_send(Job { looks: true, ..job }).is_err() {
            self.token.looked();
            return Err(failure.into());
        }
        match tokio::time::timeout(LOOK_WAIT, wait).await {
            Ok(Ok(answer)) => Ok(answer?),
            Ok(Err(_)) => Err(SignFailure::Stopped),
            Err(_) => Err(failure.into()),
        }
    }

    async fn ask(
        &self,
        id: KeyId,
        queue: mpsc::Sender<Job>,
        job: Job,
        wait: oneshot::Receiver<Answer>,
    ) -> Result<Vec<u8>, SignFailure> {
        let signed = async {
            queue.send(job).await.map_err(|_| SignFailure::Stopped)?;
            Ok(wait.await.map_err(|_| SignFailure::Stopped)??)
        };
        match tokio::time::timeout(self.timeout, signed).await {
            Ok(answer) => answer,
            Err(_) => Err(self.overdue(id)),
        }
    }

    /// One signature came too late. When all threads are inside the library it hangs: nobody waits for it any more until one is back.
    fn overdue(&self, key: KeyId) -> SignFailure {
        let seconds = self.timeout.as_secs();
        if self.busy.load(Ordering::Acquire) < self.token.settings.sessions_max {
            return SignFailure::TimedOut { key, seconds };
        }
        let silent = TokenFailure::Silent { token: self.token.label(), seconds };
        self.token.learn::<()>(&Err(silent.clone()), true);
        silent.into()
    }
}

impl Threads {
    fn change(&self, to: impl FnOnce(usize) -> usize) {
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        *count = to(*count);
        self.ended.notify_all();
    }
}

fn run(token: &Token, jobs: &Mutex<mpsc::Receiver<Job>>, busy: &AtomicUsize) {
    // Holding the lock while waiting is the hand-over itself: one thread waits for work, the others for their turn.
    let next = || jobs.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
    let mut live = None;
    while let Some(Job { key, request, looks, answer }) = next() {
        if !looks {
            if answer.is_closed() {
                continue;
            }
            // Those that queued while the token went away need not each find that out.
            if let Some(failure) = token.away() {
                let _gone = answer.send(Err(failure));
                continue;
            }
        }
        busy.fetch_add(1, Ordering::AcqRel);
        let signed = match &request {
            Some((request, form)) => token.sign_and_verify(&mut live, &key, request, *form),
            None => token.reach(&mut live, &key).map(|()| Vec::new()),
        };
        busy.fetch_sub(1, Ordering::AcqRel);
        token.learn(&signed, looks);
        // Nobody waits any more when this fails; the signature is worth nothing then.
        let _gone = answer.send(signed);
        if looks && token.away().is_some() {
            thread::park_timeout(LOOK_PAUSE);
            token.looked();
        }
    }
    token.close(live);
}
