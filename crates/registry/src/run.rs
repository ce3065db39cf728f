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
/// How long a stop waits for a generation that is being made.
const TURN_MAX: Duration = Duration::from_secs(15);

/// How the last attempt to publish went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// There was none yet.
    Waiting,
    /// The generation of this moment is published.
    Published(Timestamp),
    /// The same, but from a state that may have changed: the database server is away.
    Stale {
        /// The moment of the generation.
        made: Timestamp,
        /// When the state was last read.
        read_at: Timestamp,
    },
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
        let (config, pin, connections_max) = (config.clone(), pin.clone(), config.connections_max);
        let public = Arc::new(config.public_dir());
        let opening = tokio::task::spawn_blocking(move || Generator::open(config, &pin, clock, chance));
        let generator = opening.await.map_err(|_| StartFault::Ended)??;
        let (tell, status) = watch::channel(Status::Waiting);
        let generating = tokio::spawn(keep_generating(generator, tell, stop.clone()));
        let limits =
            Limits { head_bytes_max: 16 * 1024, body_bytes_max: 0, connections_max, ..Limits::default() };
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
        match self.reached(|status| *status != Status::Waiting).await? {
            Status::Published(made) | Status::Stale { made, .. } => Ok(made),
            Status::Failed(why) => Err(StartFault::Generation(why)),
            Status::Waiting => Err(StartFault::Ended),
        }
    }

    /// Waits until a generation later than `than` is published: after a change, for instance.
    ///
    /// # Errors
    /// [`StartFault::Ended`] when the registry stopped before.
    pub async fn published_after(&self, than: Timestamp) -> Result<Timestamp, StartFault> {
        let later = |status: &Status| matches!(status, Status::Published(made) | Status::Stale { made, .. } if *made > than);
        match self.reached(later).await? {
            Status::Published(made) | Status::Stale { made, .. } => Ok(made),
            Status::Waiting | Status::Failed(_) => Err(StartFault::Ended),
        }
    }

    /// Waits until the last attempt went as wanted, and says how.
    ///
    /// # Errors
    /// [`StartFault::Ended`] when the registry stopped before.
    pub async fn reached(&self, wanted: impl FnMut(&Status) -> bool) -> Result<Status, StartFault> {
        let mut status = self.status.clone();
        Ok(status.wait_for(wanted).await.map_err(|_| StartFault::Ended)?.clone())
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
        let turned = tokio::select! {
            turned = turning => turned,
            // A crash in the middle of it would do no harm either.
            () = stopped_for(TURN_MAX, &stop) => {
                return tracing::warn!("stopped without waiting any longer for the database");
            }
        };
        let Ok((returned, outcome)) = turned else {
            // Cannot happen: nothing in a turn panics. The watchers learn of it by the closed channel.
            tracing::error!("generation ended unexpectedly");
            return;
        };
        generator = returned;
        if let Some(outcome) = outcome {
            let status = status(outcome);
            report(&status, &tell.borrow());
            tell.send_replace(status);
        }
        tokio::select! {
            () = stop.requested() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

async fn stopped_for(time: Duration, stop: &Stop) {
    stop.requested().await;
    tokio::time::sleep(time).await;
}

fn status(outcome: Result<Made, GenerateFault>) -> Status {
    match outcome {
        Ok(Made { at, stale_since: None }) => Status::Published(at),
        Ok(Made { at, stale_since: Some(read_at) }) => Status::Stale { made: at, read_at },
        Err(fault) => Status::Failed(fault.to_string()),
    }
}

/// Into the journal. A change that cannot be read is tried every second, and told once.
fn report(status: &Status, before: &Status) {
    match status {
        Status::Published(made) => tracing::debug!("published the generation of {made}"),
        Status::Stale { made, read_at } => {
            tracing::error!("published the generation of {made}, of the state as it was at {read_at}");
        }
        Status::Failed(_) if status == before => {}
        Status::Failed(why) => tracing::error!("nothing new is published: {why}"),
        Status::Waiting => {}
    }
}

/// What was declared, and the keys, as they were read at a moment.
struct Known {
    declared: Declaration,
    keys: Vec<SigningKey>,
    at: Timestamp,
}

/// A generation that is published.
struct Made {
    at: Timestamp,
    /// When the state was read, if that could not be done now.
    stale_since: Option<Timestamp>,
}

/// Everything that one generation needs.
struct Generator {
    config: Config,
    clock: Clock,
    chance: Chance,
    keystore: Keystore,
    store: Store,
    /// What was read last, for the time that the database is away.
    known: Option<Known>,
    /// The version of the state that was read last.
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
            known: None,
            seen: None,
            tried: None,
            newest,
            _alone: alone,
        })
    }

    /// Generates if it is time or something changed; otherwise nothing.
    fn turn(&mut self) -> Option<Result<Made, GenerateFault>> {
        let now = self.clock.now();
        // Asked before the state is read: a change in between is seen at the next turn.
        let version = self.store.version().ok();
        let changed = version.is_some() && version != self.seen;
        if !changed && !self.is_due(now) {
            return None;
        }
        self.tried = Some(now);
        Some(self.generate(now, version))
    }

    /// Takes the state over as it is now. While nobody can reach the server that has it, what was read last goes on to hold: otherwise
    /// the instance would stop when what is published has expired. But the server may be away for us alone, and a member be struck
    /// off there meanwhile: so this ends after a time. A server that answers with a fault is not away. The answer is since when the
    /// state may be stale.
    fn look_up(&mut self, now: Timestamp, version: Option<i64>) -> Result<Option<Timestamp>, GenerateFault> {
        let away = match self.store.read() {
            Ok((declared, keys)) => {
                self.known = declared.map(|declared| Known { declared, keys, at: now });
                // A change whose reading failed is one that was not seen.
                self.seen = version;
                return Ok(None);
            }
            Err(StoreFault::Server(away @ database::Fault::Away(_))) => away,
            Err(why) => return Err(why.into()),
        };
        let Some(known) = &self.known else { return Err(StoreFault::Server(away).into()) };
        if now.duration_since(known.at) > self.config.stale_max() {
            return Err(GenerateFault::TooStale { read_at: known.at, away });
        }
        tracing::error!("{away}; what was declared when it was last read, at {}, is published", known.at);
        Ok(Some(known.at))
    }

    fn is_due(&self, now: Timestamp) -> bool {
        let Some(tried) = self.tried else { return true };
        let period = SignedDuration::from_secs(i64::from(self.config.generate_seconds));
        // A clock that was set back must not stop the work.
        now < tried || now.duration_since(tried) >= period
    }

    fn generate(&mut self, now: Timestamp, version: Option<i64>) -> Result<Made, GenerateFault> {
        let stale_since = self.look_up(now, version)?;
        self.keystore.reload()?;
        let made = self.next_moment(now)?;
        let Known { declared, keys, .. } = self.known.as_ref().ok_or(GenerateFault::NothingDeclared)?;
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
        Ok(Made { at: made, stale_since })
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
