//! The running gateway: what every step may ask, and the life from start to stop.

use crate::changes::Announcer;
use crate::config::Config;
use crate::error::{Refusal, StartFault};
use crate::identity::Identity;
use crate::revocation::OcspBook;
use crate::serverconf::ServerConf;
use crate::shown::shown;
use crate::signing::{self, SigningDesk};
use crate::spool::{Spool, Spools};
use crate::status::Status;
use crate::transport::connect::Pool;
use crate::transport::own_kind::OwnKind;
use crate::transport::tls::{self, Credentials};
use crate::transport::verify_peer::Verdicts;
use crate::watch::{self, Watched};
use crate::{
    archiving, changes, confclient, inbound, outbound, recovery, revocation, spool, stamping, transport,
};
use arc_swap::{ArcSwap, ArcSwapOption};
use bytes::Bytes;
use clock::{Chance, Clock};
use globalconf::{GlobalConf, Outdated};
use http1::Stop;
use identifier::{ClientId, ServiceId};
use jiff::{SignedDuration, Timestamp};
use keystore::{Keystore, OcspCache, Pin};
use messagelog::{MessageLog, Sealing, Settings, Side, TimeStamping};
use openssl::ssl::SslContext;
use quota::{Quotas, Share};
use rustls::pki_types::CertificateDer;
use signature::verify::Memory;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use trust::Certificate;
use vault::Transfer;

/// How long TLS towards peers is used before it is made anew. Sessions end with it, so nobody lives on an old handshake for longer.
const PEER_TLS_SECONDS_MAX: i64 = 3600;

/// TLS towards peers, both ways, as one authentication certificate, with all sessions that were begun with it.
#[derive(Debug)]
pub(crate) struct PeerTls {
    pub(crate) accepting: SslContext,
    pub(crate) connecting: SslContext,
    pub(crate) own_kind: OwnKind,
    certificate: Certificate,
    until: Timestamp,
}

/// TLS towards our own members' systems, both ways, as the active internal certificate.
#[derive(Debug)]
pub(crate) struct InternalTls {
    pub(crate) accepting: Arc<rustls::ServerConfig>,
    pub(crate) connecting: Arc<rustls::ClientConfig>,
    pub(crate) certificate: Certificate,
}

impl InternalTls {
    fn of(keystore: &Keystore, clock: &Clock) -> Result<Self, StartFault> {
        let credential = keystore.active_internal_tls(clock.now()).ok_or(StartFault::NoInternalTls)?;
        let der = keystore.tls_key_der(&credential.key)?;
        let chain = vec![CertificateDer::from(credential.certificate.der().to_vec())];
        let shown = shown(chain, &der)?;
        Ok(Self {
            accepting: Arc::new(outbound::listen::tls_config(Arc::clone(&shown))?),
            connecting: Arc::new(inbound::service_tls::config(shown)?),
            certificate: credential.certificate,
        })
    }
}

/// A gateway, opened.
#[derive(Debug)]
pub struct Gateway {
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    pub(crate) chance: Chance,
    pub(crate) log: MessageLog,
    pub(crate) transfer: Transfer,
    pub(crate) sealing: Option<Arc<Sealing>>,
    /// Why records stay in the log that should be in archives by now.
    not_archived: ArcSwapOption<String>,
    pub(crate) identity: Identity,
    pub(crate) desk: SigningDesk,
    pub(crate) peers: Pool,
    /// Of our clients that ask, and of those of other gateways.
    pub(crate) quotas_outbound: Arc<Quotas>,
    pub(crate) quotas_inbound: Arc<Quotas>,
    pub(crate) verdicts: Verdicts,
    pub(crate) proofs: ArcSwap<Memory>,
    pub(crate) ocsp_wanted: Notify,
    pub(crate) announcer: Announcer,
    spools: Spools,
    picture: Arc<ArcSwapOption<GlobalConf>>,
    settings: ArcSwap<ServerConf>,
    peer_tls: Mutex<Option<Arc<PeerTls>>>,
    internal_tls: ArcSwap<InternalTls>,
    settings_taken: AtomicU64,
    pictures_taken: AtomicU64,
    pub(crate) watched: Mutex<Option<Watched>>,
}

/// What the log wants of the bodies of an exchange, and how long they may be at all.
#[derive(Debug)]
pub(crate) struct KeptBody {
    pub(crate) spools: Spools,
    wanted: bool,
    log_bytes_max: Option<u64>,
    bytes_max: u64,
    /// Where it counts against a quota: whose, and what this exchange has of it.
    share: Option<(ClientId, Arc<Share>)>,
}

impl KeptBody {
    /// For a body that nobody but the log needs again.
    pub(crate) fn spool(&self) -> Spool {
        if self.wanted { self.spools.begin() } else { Spool::nowhere() }
    }

    /// A request's body, which counts against its client's quota.
    pub(crate) fn counted(self, client: &ClientId, share: &Arc<Share>) -> Self {
        Self { share: Some((client.clone(), Arc::clone(share))), ..self }
    }

    /// A body that the log will refuse, or that is more than its client may send, is refused as soon as that is known.
    pub(crate) fn check(&self, bytes: u64) -> Result<(), Refusal> {
        let bytes_max = self.log_bytes_max.unwrap_or(self.bytes_max);
        if bytes > bytes_max {
            return Err(messagelog::Failure::TooLarge { bytes, bytes_max }.into());
        }
        if let Some((client, share)) = &self.share {
            share.hold(bytes).map_err(|why| Refusal::QuotaExceeded { client: client.clone(), why })?;
        }
        Ok(())
    }
}

/// The four listeners, bound.
#[derive(Debug)]
pub struct Listeners {
    consumer_http: TcpListener,
    consumer_https: TcpListener,
    transport: TcpListener,
    ocsp: TcpListener,
}

impl Listeners {
    /// Binds all four, so that a taken port is told before anything starts.
    ///
    /// # Errors
    /// Which address, and what the system said.
    pub async fn bind(config: &Config) -> Result<Self, StartFault> {
        let listen = &config.listen;
        Ok(Self {
            consumer_http: bind(listen.consumer_http).await?,
            consumer_https: bind(listen.consumer_https).await?,
            transport: bind(listen.transport).await?,
            ocsp: bind(listen.ocsp).await?,
        })
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, StartFault> {
    TcpListener::bind(address).await.map_err(|error| StartFault::Listen { address, error })
}

impl Gateway {
    /// Opens keystore, log, settings and the stored globalconf. Blocks on the disk.
    ///
    /// # Errors
    /// What is missing or damaged, and what to do.
    pub fn open(config: Config, pin: &Pin, clock: Clock, chance: Chance) -> Result<Self, StartFault> {
        spool::sweep(&config.spool_dir()).map_err(StartFault::Spool)?;
        Status::take_back(&config.state_dir);
        let transfer = archiving::transfer(&config)?;
        let sealing = archiving::sealing(&config, clock.now())?;
        let (watched, settings) = Watched::begin(&config)?;
        let keystore = Arc::new(Keystore::open_with(config.keystore_dir(), pin, config.keystore_settings())?);
        let announcer = Announcer::default();
        let ocsp = OcspBook::new(OcspCache::open(config.state_dir.join("ocsp"))?, announcer.clone());
        let internal_tls = ArcSwap::from_pointee(InternalTls::of(&keystore, &clock)?);
        let settings = ServerConf::new(&settings)?;
        let log = MessageLog::open(config.messagelog()?, log_settings(&config)?, clock.clone())?;
        let picture = Arc::new(ArcSwapOption::empty());
        if config.globalconf_dir().join("instance-identifier").exists() {
            match GlobalConf::load(&config.globalconf_dir()) {
                Ok(stored) => picture.store(Some(Arc::new(stored))),
                // It is downloaded anew; until then nothing is carried.
                Err(refusal) => tracing::error!("the stored global configuration is not usable: {refusal}"),
            }
        }
        let spools = Spools::new(config.spool_dir(), announcer.clone());
        let gateway = Self {
            desk: SigningDesk::new(Arc::clone(&keystore), clock.clone()),
            identity: Identity::new(keystore, ocsp),
            quotas_outbound: Quotas::new(config.quota, clock.clone()),
            quotas_inbound: Quotas::new(config.quota, clock.clone()),
            config,
            clock,
            chance,
            log,
            transfer,
            sealing,
            not_archived: ArcSwapOption::empty(),
            peers: Pool::default(),
            verdicts: Verdicts::default(),
            proofs: ArcSwap::default(),
            ocsp_wanted: Notify::new(),
            announcer,
            spools,
            picture,
            settings: ArcSwap::from_pointee(ServerConf::default()),
            peer_tls: Mutex::new(None),
            internal_tls,
            settings_taken: AtomicU64::new(0),
            pictures_taken: AtomicU64::new(0),
            watched: Mutex::new(Some(watched)),
        };
        gateway.take_settings(settings);
        Ok(gateway)
    }

    /// Why records stay in the log that should be in archives by now, as the last round found.
    #[must_use]
    pub fn not_archived(&self) -> Option<Arc<String>> {
        self.not_archived.load_full()
    }

    pub(crate) fn tell_archiving(&self, not_archived: Option<String>) {
        self.not_archived.store(not_archived.map(Arc::new));
        self.announcer.tell();
    }

    /// Serves until the stop; then no new work is taken, what runs is finished, and the log is flushed.
    ///
    /// # Errors
    /// The log could not be closed cleanly.
    pub async fn run(self: Arc<Self>, listeners: Listeners, stop: Stop) -> Result<(), StartFault> {
        signing::greet_tokens(&self.identity.keystore);
        let jobs = [
            tokio::spawn(confclient::run(Arc::clone(&self), stop.clone())),
            tokio::spawn(revocation::run(Arc::clone(&self), stop.clone())),
            tokio::spawn(stamping::run(Arc::clone(&self), stop.clone())),
            tokio::spawn(archiving::run(Arc::clone(&self), stop.clone())),
            tokio::spawn(recovery::run(Arc::clone(&self), stop.clone())),
            tokio::spawn(changes::run(Arc::clone(&self), stop.clone())),
            tokio::spawn(watch::run(Arc::clone(&self), stop.clone())),
            tokio::spawn(transport::connect::close_idle(Arc::clone(&self), stop.clone())),
        ];
        tokio::join!(
            outbound::listen::serve_http(Arc::clone(&self), listeners.consumer_http, stop.clone()),
            outbound::listen::serve_https(Arc::clone(&self), listeners.consumer_https, stop.clone()),
            transport::listen::serve(Arc::clone(&self), listeners.transport, stop.clone()),
            transport::ocsp_by_hash::serve(Arc::clone(&self), listeners.ocsp, stop.clone()),
        );
        for job in jobs {
            // A job that failed has said so; the stop goes on.
            let _ended = job.await;
        }
        self.peers.forget();
        self.log.close().await.map_err(|fault| StartFault::LogClose(fault.to_string()))
    }

    /// Whether messages would be carried now, and if not, why.
    ///
    /// # Errors
    /// What is missing.
    pub fn ready(&self) -> Result<(), Refusal> {
        self.require_ready()?;
        self.log.admits()?;
        Ok(())
    }

    pub(crate) fn require_picture(&self) -> Result<(), Refusal> {
        self.picture()?.check_current(self.clock.now()).map(|_| ()).map_err(Self::outdated)
    }

    pub(crate) fn require_ready(&self) -> Result<(), Refusal> {
        self.require_picture()?;
        self.identity.authentication(self).map(|_| ())
    }

    pub(crate) fn outdated(outdated: Outdated) -> Refusal {
        Refusal::ConfigurationOutdated(outdated)
    }

    /// The picture of the exchange, whether or not it is still in force.
    pub(crate) fn picture(&self) -> Result<Arc<GlobalConf>, Refusal> {
        self.picture.load_full().ok_or(Refusal::NoConfiguration)
    }

    /// Replaces the picture: everything that was concluded from the old one is forgotten.
    pub(crate) fn take_picture(&self, picture: GlobalConf) {
        self.picture.store(Some(Arc::new(picture)));
        self.identity.forget();
        self.verdicts.forget();
        self.proofs.store(Arc::default());
        *self.peer_tls.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.ocsp_wanted.notify_one();
        self.pictures_taken.fetch_add(1, Ordering::Relaxed);
        self.announcer.tell();
    }

    /// How often settings have been taken since the start: whoever applied some sees when they are in force.
    #[must_use]
    pub fn settings_taken(&self) -> u64 {
        self.settings_taken.load(Ordering::Relaxed)
    }

    /// How often a new globalconf has been taken since the start.
    #[must_use]
    pub fn pictures_taken(&self) -> u64 {
        self.pictures_taken.load(Ordering::Relaxed)
    }

    /// The same picture, in force for longer: what was concluded from it stands.
    pub(crate) fn prolong_picture(&self, picture: GlobalConf) {
        self.picture.store(Some(Arc::new(picture)));
        self.announcer.tell();
    }

    pub(crate) fn settings(&self) -> Arc<ServerConf> {
        self.settings.load_full()
    }

    pub(crate) fn take_settings(&self, settings: ServerConf) {
        self.log.provide_time_stamping(!settings.time_stamps().is_empty());
        self.settings.store(Arc::new(settings));
        self.settings_taken.fetch_add(1, Ordering::Relaxed);
        self.announcer.tell();
    }

    /// TLS towards peers as our present authentication certificate.
    pub(crate) fn peer_tls(&self) -> Result<Arc<PeerTls>, Refusal> {
        let identity = self.identity.authentication(self)?;
        let certificate = identity.chain.first().ok_or_else(|| no_authentication("the chain is empty"))?;
        let now = self.clock.now();
        let mut made = self.peer_tls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(contexts) = made.as_ref().filter(|c| c.certificate == *certificate && now < c.until) {
            return Ok(Arc::clone(contexts));
        }
        let key = self
            .identity
            .keystore
            .tls_key_der(&identity.key)
            .map_err(|e| no_authentication(&e.to_string()))?;
        let credentials =
            Credentials { chain: &identity.chain, key_pkcs8: &key, as_own_kind: self.config.peer.own_kind };
        let subjects = {
            let picture = self.picture()?;
            picture.check_current(now).map_err(Self::outdated)?.all_ca_subjects()
        };
        let picture = Arc::clone(&self.picture);
        let clock = self.clock.clone();
        let admission = Arc::new(move |der: &[u8]| admits(&picture, &clock, der));
        let failed = |e: openssl::error::ErrorStack| no_authentication(&e.to_string());
        let contexts = Arc::new(PeerTls {
            accepting: tls::acceptor(&credentials, &subjects, admission).map_err(failed)?,
            connecting: tls::connector(&credentials).map_err(failed)?,
            own_kind: OwnKind::new(&credentials).map_err(|e| no_authentication(&e.to_string()))?,
            certificate: certificate.clone(),
            until: now.checked_add(SignedDuration::from_secs(PEER_TLS_SECONDS_MAX)).unwrap_or(now),
        });
        *made = Some(Arc::clone(&contexts));
        Ok(contexts)
    }

    /// TLS towards our own members' systems.
    pub(crate) fn internal_tls(&self) -> Arc<InternalTls> {
        self.internal_tls.load_full()
    }

    /// Takes the internal certificate that is active now.
    pub(crate) fn renew_internal_tls(&self) -> Result<(), StartFault> {
        self.internal_tls.store(Arc::new(InternalTls::of(&self.identity.keystore, &self.clock)?));
        self.announcer.tell();
        Ok(())
    }

    /// An OCSP answer that we hold under the SHA-1 of its certificate, in hex.
    pub(crate) fn ocsp_by_hash(&self, hash: &str) -> Option<Bytes> {
        let sha1 = <[u8; 20]>::try_from(hex::decode(hash).ok()?).ok()?;
        self.identity.ocsp.by_hash(&sha1).map(|der| Bytes::copy_from_slice(&der))
    }

    /// Whether the log wants the bodies of exchanges with this service, and how long they may be.
    pub(crate) fn kept_body(&self, side: Side, service: &ServiceId) -> KeptBody {
        let rule = self.log.settings().bodies.rule(side, service);
        KeptBody {
            spools: self.spools.clone(),
            wanted: rule.stores(),
            log_bytes_max: (rule.stores() && !rule.truncate).then_some(rule.bytes_max),
            bytes_max: self.config.peer.body_bytes_max,
            share: None,
        }
    }

    /// The present as HTTP writes it.
    pub(crate) fn http_date(&self) -> String {
        self.clock.now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }

    pub(crate) fn ocsp_interval(&self) -> Duration {
        let told = self.picture.load_full().and_then(|picture| {
            picture.check_current(self.clock.now()).ok().map(|current| current.ocsp_fetch_interval_seconds())
        });
        Duration::from_secs(self.config.jobs.ocsp_seconds.or(told).unwrap_or(1200).max(1))
    }

    pub(crate) fn retry_interval(&self) -> Duration {
        Duration::from_secs(self.config.jobs.retry_seconds.max(1))
    }

    /// How the evidence log fares.
    #[must_use]
    pub fn log_health(&self) -> messagelog::Health {
        self.log.health()
    }
}

/// Whether the certificate is registered for some server of some instance (data-plane 4.2 step A).
fn admits(picture: &ArcSwapOption<GlobalConf>, clock: &Clock, der: &[u8]) -> bool {
    let Some(picture) = picture.load_full() else {
        return false;
    };
    let Ok(certificate) = Certificate::from_der(der) else {
        return false;
    };
    picture
        .check_current(clock.now())
        .is_ok_and(|current| current.auth_certificate_is_registered(&certificate))
}

fn no_authentication(why: &str) -> Refusal {
    Refusal::NoAuthentication(why.to_owned())
}

pub(crate) fn log_settings(config: &Config) -> Result<Settings, messagelog::KeyFault> {
    Ok(Settings {
        keys: config.log_keys()?,
        bodies: config.log.bodies(),
        time_stamping: TimeStamping {
            failure_accepted: Duration::from_secs(config.log.timestamp_failure_seconds_max),
            retry: Duration::from_secs(config.jobs.retry_seconds.max(1)),
            interval_override: config.jobs.timestamp_seconds.map(Duration::from_secs),
            ..TimeStamping::default()
        },
        ..Settings::default()
    })
}
