//! The signing threads: answers, bounds, time-outs.

use super::*;
use crate::key::KeyAlgorithm;
use trust::algorithm::DigestAlgorithm;

fn id() -> KeyId {
    KeyId::from_bytes(&[1; 20])
}

fn work(key: &Arc<PrivateKey>) -> Work {
    Work {
        key: Arc::clone(key),
        algorithm: SignatureAlgorithm::Ecdsa(DigestAlgorithm::Sha256),
        digest: vec![7; 32],
        form: EcdsaForm::Raw,
    }
}

fn key() -> Arc<PrivateKey> {
    Arc::new(PrivateKey::generate(KeyAlgorithm::EcP256).unwrap())
}

/// A pool without threads: the test takes the jobs itself.
fn idle(queue_max: usize, timeout: Duration) -> (Pool, mpsc::Receiver<Job>) {
    let (queue, jobs) = mpsc::channel(queue_max);
    (Pool { queue, timeout }, jobs)
}

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(20);

#[tokio::test]
async fn many_signatures_through_a_short_queue_all_come() {
    let pool = Pool::start(2, 1, LONG).unwrap();
    let key = key();
    let waiting: Vec<_> = (0..50).map(|_| tokio::spawn(pool.sign(id(), work(&key)))).collect();
    for signature in waiting {
        assert_eq!(signature.await.unwrap().unwrap().len(), 64);
    }
}

#[tokio::test]
async fn a_signature_that_does_not_come_is_a_verdict() {
    let (pool, _jobs) = idle(1, SHORT);
    assert_eq!(pool.sign(id(), work(&key())).await, Err(SignFailure::TimedOut { key: id(), seconds: 0 }));
}

#[tokio::test]
async fn waiting_for_a_place_in_a_full_queue_counts_as_waiting() {
    let (pool, mut jobs) = idle(1, SHORT);
    let key = key();
    let first = tokio::spawn(Pool { timeout: LONG, ..pool.clone() }.sign(id(), work(&key)));
    let place_taken = jobs.recv().await.unwrap();
    let second = tokio::spawn(Pool { timeout: LONG, ..pool.clone() }.sign(id(), work(&key)));
    while pool.queue.capacity() > 0 {
        tokio::task::yield_now().await;
    }
    assert!(matches!(pool.sign(id(), work(&key)).await, Err(SignFailure::TimedOut { .. })));
    place_taken.answer.send(Ok(vec![1])).unwrap();
    jobs.recv().await.unwrap().answer.send(Ok(vec![2])).unwrap();
    assert_eq!(first.await.unwrap(), Ok(vec![1]));
    assert_eq!(second.await.unwrap(), Ok(vec![2]));
}

#[tokio::test]
async fn a_pool_that_is_gone_says_so() {
    let (pool, jobs) = idle(1, LONG);
    drop(jobs);
    assert_eq!(pool.sign(id(), work(&key())).await, Err(SignFailure::Stopped));
    let (pool, mut jobs) = idle(1, LONG);
    let waiting = tokio::spawn(pool.sign(id(), work(&key())));
    drop(jobs.recv().await.unwrap());
    assert_eq!(waiting.await.unwrap(), Err(SignFailure::Stopped));
}

#[test]
fn the_threads_end_with_the_pool_and_skip_work_that_nobody_waits_for() {
    let (queue, jobs) = mpsc::channel(4);
    let (answer, gone) = oneshot::channel();
    drop(gone);
    queue.try_send(Job { work: work(&key()), answer }).map_err(|_| ()).unwrap();
    let (answer, wait) = oneshot::channel();
    queue.try_send(Job { work: work(&key()), answer }).map_err(|_| ()).unwrap();
    drop(queue);
    run(&Mutex::new(jobs));
    assert_eq!(wait.blocking_recv().unwrap().unwrap().len(), 64);
}
