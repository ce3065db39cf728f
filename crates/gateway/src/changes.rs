//! Word of what has changed inside, for whoever waits for it: the journal, pages, tests.

use crate::gateway::Gateway;
use crate::status::Status;
use http1::Stop;
use std::sync::Arc;
use tokio::sync::watch;

/// Tells that something may be otherwise than before. Clones tell the same listeners.
#[derive(Debug, Clone, Default)]
pub(crate) struct Announcer(watch::Sender<()>);

impl Announcer {
    /// After the change, so that whoever looks then sees it.
    pub(crate) fn tell(&self) {
        self.0.send_replace(());
    }

    /// What is told from now on.
    pub(crate) fn listen(&self) -> watch::Receiver<()> {
        self.0.subscribe()
    }
}

/// Tells when it is dropped; as the last field of what is gone then.
#[derive(Debug)]
pub(crate) struct ToldWhenGone(pub(crate) Announcer);

impl Drop for ToldWhenGone {
    fn drop(&mut self) {
        self.0.tell();
    }
}

/// Learns of changes to what a [`Gateway`] says of itself: whether it is ready, which configuration and settings it has taken, which OCSP
/// answers it holds, how its log fares, what lies in its spool, and the tokens of its keys. Time alone changes some of that; a word comes at least every second or so
/// while it runs.
#[derive(Debug, Clone)]
pub struct Changes {
    gateway: watch::Receiver<()>,
    log: watch::Receiver<()>,
    tokens: Option<watch::Receiver<()>>,
}

impl Changes {
    /// Waits for a change since the last call, or since [`Gateway::changes`]; `false` when the gateway has gone. There may have been several,
    /// and perhaps none that matters: look.
    pub async fn next(&mut self) -> bool {
        let of_tokens = async {
            match &mut self.tokens {
                Some(tokens) => tokens.changed().await,
                None => std::future::pending().await,
            }
        };
        let changed = tokio::select! {
            changed = self.gateway.changed() => changed,
            changed = self.log.changed() => changed,
            changed = of_tokens => changed,
        };
        changed.is_ok()
    }
}

impl Gateway {
    /// From now on.
    #[must_use]
    pub fn changes(&self) -> Changes {
        Changes {
            gateway: self.announcer.listen(),
            log: self.log.changes(),
            tokens: self.identity.keystore.token_changes(),
        }
    }
}

/// Tells in the journal, until the stop, from when on messages are carried and from when on they are not, and why.
pub(crate) async fn run(gateway: Arc<Gateway>, stop: Stop) {
    let mut changes = gateway.changes();
    let mut told: Option<Status> = None;
    loop {
        let mut status = Status {
            since: gateway.clock.now().to_string(),
            not_carried: gateway.ready().err().map(|refusal| refusal.to_string()),
            log_fault: gateway.log_health().broken.map(|fault| fault.to_string()),
            not_archived: gateway.not_archived().map(|why| why.to_string()),
        };
        let is_as_it_was =
            |told: &&Status| (&told.not_carried, &told.log_fault) == (&status.not_carried, &status.log_fault);
        if let Some(before) = told.as_ref().filter(is_as_it_was) {
            status.since.clone_from(&before.since);
        } else {
            match &status.not_carried {
                None => tracing::info!("messages are carried"),
                Some(why) => tracing::warn!("no messages are carried: {why}"),
            }
        }
        if told.as_ref() != Some(&status) {
            say(&gateway, status.clone()).await;
            told = Some(status);
        }
        tokio::select! {
            _ = changes.next() => {}
            () = stop.requested() => break,
        }
    }
    Status::take_back(&gateway.config.state_dir);
}

/// To other processes of this machine.
async fn say(gateway: &Gateway, status: Status) {
    let state_dir = gateway.config.state_dir.clone();
    let _written = tokio::task::spawn_blocking(move || status.write(&state_dir)).await;
}
