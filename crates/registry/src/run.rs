//! The registry at work: it generates again and again, and serves.

use crate::admin::open_keystore;
use crate::config::Config;
use crate::declaration::Declaration;
use crate::error::{GenerateFault, PublishFault, StartFault, StoreFault};
use crate::generate::{Materials, generate};
use crate::publish::{LocalDisk, newest, publish};
use crate::signing_key::SigningKey;
use crate::store::Store;
use crate::{VERSIONS, serve};
use clock::{Chance, Clock};
use http1::{Limits, Stop};
use jiff::{SignedDuration, Timestamp};
use keystore::{Keystore, Pin};
use std::fs::{File, TryLockError};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How often the database is asked whether something changed.
const LOOK: Duration = Duration::from_secs(1);

/// How the last attempt to publish went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// There was none yet.
    Waiting,
    /// The generation of this moment is published.
    Published(Timestamp),
    /// Nothing new is published, for this reason; what was published before still is.
    Failed(String),
}

/// A running registry. It stops by the [`Stop`] with which it was started; dropping this lets it run on.
#[derive(Debug)]
pub struct Registry {
    address: SocketAddr,
    status: watch::Receiver<Status>,
    serving: JoinHandle<()>,
    generating: JoinHandle<()>,
}

impl Registry {
    /// Starts to generate and to serve on `config.listen`. It returns as soon as both run; [`Registry::published`] waits for the
    /// first generation.
    ///
    /// # Errors
    /// [`StartFault`]: not initialised, a wrong PIN, a taken port, another process in the same folder.
    pub async fn start(
        config: &Config,
        pin: &Pin,
        clock: Clock,
        chance: Chance,
        stop: Stop,
    ) -> Result<Self, StartFault> {
        let address = config.listen;
        let listener =
            TcpListener::bind(address).await.map_err(|error| StartFault::Listen { address, error })?;
        Self::start_on(listener, config, pin, clock, chance, stop).await
    }

    /// As [`Registry::start`], on a listener that is there already.
    ///
    /// # Errors
    /// As [`Registry::start`].
    pub async fn start_on(
        listener: TcpListener,
        config: &Config,
        pin: &Pin,
        clock: Clock,
        chance: Chance,
        stop: Stop,
    ) -> Result<Self, StartFault> {
        config.check()?;
        let address =
            listener.local_addr().map_err(|error| StartFault::Listen { address: config.listen, error })?;
        let (config, pin) = (config.clone(), pin.clone());
        let public = Arc::new(config.public_dir());
        let opening = tokio::task::spawn_blocking(move || Generator::open(config, &pin, clock, chance));
        let generator = opening.await.map_err(|_| StartFault::Ended)??;
        let (tell, status) = watch::channel(Status::Waiting);
        let generating = tokio::spawn(keep_generating(generator, tell, stop.clone()));
        let limits = Limits { head_bytes_max: 16 * 1024, body_bytes_max: 0, ..Limits::default() };
        let handler = move |request, _| {
            let public = Arc::clone(&public);
            async move { serve::answer(&public, request).await }
        };
        let serving = tokio::spawn(http1::serve(listener, handler, limits, stop));
        Ok(Self { address, status, serving, generating })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// How the last attempt to publish went.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// Waits until the first attempt of this run is over, and gives the generation that is published then.
    ///
    /// # Errors
    /// [`StartFault::Generation`] when the last attempt failed. The registry goes on trying.
    pub async fn published(&self) -> Result<Timestamp, StartFault> {
        let mut status = self.status.clone();
        let reached =
            status.wait_for(|status| *status != Status::Waiting).await.map_err(|_| StartFault::Ended)?;
        match &*reached {
            Status::Published(made) => Ok(*made),
            Status::Failed(why) => Err(StartFault::Generation(why.clone())),
            Status::Waiting => Err(StartFault::Ended),
        }
    }

    /// Waits until a generation later than `than` is published: after a change, for instance.
    ///
    /// # Errors
    /// [`StartFault::Ended`] when the registry stopped before.
    pub async fn published_after(&self, than: Timestamp) -> Result<Timestamp, StartFault> {
        let mut status = self.status.clone();
        let later = |status: &Status| matches!(status, Status::Published(made) if *made > than);
        let reached = status.wait_for(later).await.map_err(|_| StartFault::Ended)?;
        match &*reached {
            Status::Published(made) => Ok(*made),
            Status::Waiting | Status::Failed(_) => Err(StartFault::Ended),
        }
    }

    /// Waits until the registry has been stopped and everything that ran is finished.
    ///
    /// # Errors
    /// [`StartFault::Ended`] when a part of it ended otherwise.
    pub async fn stopped(self) -> Result<(), StartFault> {
        let (serving, generating) = (self.serving.await, self.generating.await);
        serving.and(generating).map_err(|_| StartFault::Ended)
    }
}

async fn keep_generating(mut generator: Generator, tell: watch::Sender<Status>, stop: Stop) {
    while !stop.is_requested() {
        let turning = tokio::task::spawn_blocking(move || {
            let outcome = generator.turn();
            (generator, outcome)
        });
        let Ok((returned, outcome)) = turning.await else {
            // Cannot happen: nothing in a turn panics. The watchers learn of it by the closed channel.
            tracing::error!("generation ended unexpectedly");
            return;
        };
        generator = returned;
        if let Some(outcome) = outcome {
            tell.send_replace(report(outcome));
        }
        tokio::select! {
            () = stop.requested() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

fn report(outcome: Result<Timestamp, GenerateFault>) -> Status {
    match outcome {
        Ok(made) => {
            tracing::debug!("published the generation of {made}");
            Status::Published(made)
        }
        Err(fault) => {
            tracing::error!("nothing new is published: {fault}");
            Status::Failed(fault.to_string())
        }
    }
}

type State = (Declaration, Vec<SigningKey>);

/// Everything that one generation needs.
struct Generator {
    config: Config,
    clock: Clock,
    chance: Chance,
    keystore: Keystore,
    store: Store,
    /// What was read last, for the time that the database is away.
    state: Option<State>,
    seen: Option<i64>,
    tried: Option<Timestamp>,
    newest: Option<Timestamp>,
    /// Held for as long as the process lives: two generators in one folder would sweep each other's work away.
    _alone: File,
}

impl Generator {
    fn open(config: Config, pin: &Pin, clock: Clock, chance: Chance) -> Result<Self, StartFault> {
        let store = Store::open(&config)?;
        let alone = lock(&config)?;
        let keystore = open_keystore(&config, pin)?;
        let newest = newest(&LocalDisk, &config.public_dir(), &VERSIONS)?;
        Ok(Self {
            config,
            clock,
            chance,
            keystore,
            store,
            state: None,
            seen: None,
            tried: None,
            newest,
            _alone: alone,
        })
    }

    /// Generates if it is time or something changed; otherwise nothing.
    fn turn(&mut self) -> Option<Result<Timestamp, GenerateFault>> {
        let now = self.clock.now();
        // Asked before the state is read: a change in between is seen at the next turn.
        let version = self.store.version();
        let changed = version.is_ok_and(|version| self.seen.replace(version) != Some(version));
        if !changed && !self.is_due(now) {
            return None;
        }
        self.tried = Some(now);
        Some(self.generate(now))
    }

    /// Takes the state over as it is now. While the server that has it is away nobody can change it either, so that what was read
    /// last goes on to hold: otherwise the instance would stop when what is published has expired.
    fn look_up(&mut self) -> Result<(), GenerateFault> {
        match self.store.read() {
            Ok((declared, keys)) => {
                self.state = declared.map(|declared| (declared, keys));
                Ok(())
            }
            Err(StoreFault::Server(why @ database::Fault::Away(_))) if self.state.is_some() => {
                tracing::error!("{why}; what was declared when it was last read is published");
                Ok(())
            }
            Err(why) => Err(why.into()),
        }
    }

    fn is_due(&self, now: Timestamp) -> bool {
        let Some(tried) = self.tried else { return true };
        let period = SignedDuration::from_secs(i64::from(self.config.generate_seconds));
        // A clock that was set back must not stop the work.
        now < tried || now.duration_since(tried) >= period
    }

    fn generate(&mut self, now: Timestamp) -> Result<Timestamp, GenerateFault> {
        self.look_up()?;
        self.keystore.reload()?;
        let made = self.next_moment(now)?;
        let (declared, keys) = self.state.as_ref().ok_or(GenerateFault::NothingDeclared)?;
        let from = Materials {
            config: &self.config,
            keystore: &self.keystore,
            chance: &self.chance,
            declared,
            keys,
        };
        let generation = generate(&from, made, now)?;
        // From here on this moment is used up, whatever becomes of it.
        self.newest = Some(made);
        let lasting = SignedDuration::from_secs(i64::from(self.config.expire_seconds));
        let keep_from = now.checked_sub(lasting).map_err(|_| GenerateFault::Clock)?;
        let published = publish(&LocalDisk, &self.config.public_dir(), &generation, keep_from)?;
        for fault in published.leftovers {
            tracing::warn!("an old generation stays: {fault}");
        }
        Ok(made)
    }

    /// Now, or a little after the newest generation: clients refuse one that is older than what they hold.
    fn next_moment(&self, now: Timestamp) -> Result<Timestamp, GenerateFault> {
        let Some(newest) = self.newest else { return Ok(now) };
        let after = newest.checked_add(SignedDuration::from_nanos(1)).map_err(|_| GenerateFault::Clock)?;
        Ok(now.max(after))
    }
}

fn lock(config: &Config) -> Result<File, StartFault> {
    let path = config.state_dir.join("registry.lock");
    let file = File::create(&path).map_err(StoreFault::Folder)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(StartFault::AlreadyRunning { state_dir: config.state_dir.clone() })
        }
        Err(TryLockError::Error(error)) => Err(PublishFault::at("locking", &path)(error).into()),
    }
}
