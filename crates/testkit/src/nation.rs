//! The nation: made from nothing in a folder of its own.

use crate::address::{Block, take_block};
use crate::bell::until;
use crate::enrol::{Enrolled, enrol};
use crate::gateway::RunningGateway;
use crate::service::Service;
use crate::wire::{Answer, call_to};
use anyhow::Result;
use clock::{Chance, Clock, Hands};
use database::Url;
use gateway::{
    Config, Connection, Declaration, Jobs, Listen, Log, Peer, Right, ServiceKind, Subject, TimeStampService,
};
use http1::{RequestHead, Stopper, stop_channel};
use identifier::{ClientId, MemberId, ServerId};
use jiff::Timestamp;
use keystore::{KeyAlgorithm, Pin};
use practice::{Addresses, KeyKind, PracticeAuthority, Services};
use registry::Registry;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use trust::{Certificate, CertificateProfile};

/// The instance.
pub const INSTANCE: &str = "CAMBODIA";
/// The consumer.
pub const CLIENT: &str = "CAMBODIA/GOV/MOC/business-registry";
/// The provider.
pub const PROVIDER: &str = "CAMBODIA/GOV/MOI/civil-registry";

/// The PIN of all its keystores.
pub const PIN: &str = "Practice-2026";

/// What a test may want otherwise.
#[derive(Debug, Clone)]
pub struct Choices {
    /// Keys of the gateways.
    pub algorithm: KeyAlgorithm,
    /// An issuing authority between the root and what is issued.
    pub intermediate: bool,
    /// Logging.
    pub log: Log,
    /// How the gateways reach each other, and how much they take.
    pub peer: Peer,
    /// How often the log is time-stamped.
    pub timestamp_seconds: u64,
    /// How old an OCSP answer may be.
    pub ocsp_freshness_seconds: u64,
    /// Where everybody's state is, if not in embedded databases.
    pub databases: Option<Databases>,
}

/// PostgreSQL databases.
#[derive(Debug, Clone)]
pub struct Databases {
    /// The registry's.
    pub registry: Url,
    /// Of the consumer's gateway: settings and log.
    pub consumer: Url,
    /// Of the provider's gateway: settings and log.
    pub provider: Url,
}

impl Default for Choices {
    fn default() -> Self {
        Self {
            algorithm: KeyAlgorithm::EcP256,
            intermediate: false,
            log: Log::default(),
            peer: Peer { connect_timeout_ms: 5_000, ..Peer::default() },
            timestamp_seconds: 1,
            ocsp_freshness_seconds: 3600,
            databases: None,
        }
    }
}

/// A running exchange.
#[derive(Debug)]
pub struct Nation {
    /// Its folder.
    pub folder: TempDir,
    /// Moves the clock of everything but the sockets.
    pub hands: Hands,
    /// The clock.
    pub clock: Clock,
    /// The practice authority, with its drills.
    pub authority: Arc<PracticeAuthority>,
    /// Its services on the network.
    pub services: Services,
    /// The registry's configuration.
    pub registry_config: registry::Config,
    /// What the registry was told.
    pub registry_state: registry::Declaration,
    /// The consumer's gateway.
    pub consumer: RunningGateway,
    /// Its identity.
    pub consumer_identity: Enrolled,
    /// The provider's gateway.
    pub provider: RunningGateway,
    /// Its identity.
    pub provider_identity: Enrolled,
    /// The service behind the provider's gateway.
    pub service: Service,
    /// The keystores' PIN.
    pub pin: Pin,
    registry: Option<Registry>,
    registry_stop: Stopper,
    block: Block,
    _guard: TcpListener,
}

impl Nation {
    /// A nation with the usual choices.
    ///
    /// # Errors
    /// Whatever did not start.
    pub async fn start() -> Result<Self> {
        Self::start_with(Choices::default()).await
    }

    /// A nation.
    ///
    /// # Errors
    /// Whatever did not start.
    pub async fn start_with(choices: Choices) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let (block, guard) = take_block()?;
        #[expect(
            clippy::disallowed_methods,
            reason = "a nation starts at the present, so that other people's tools agree"
        )]
        let (clock, hands) = Clock::by_hand(Timestamp::now());
        let pin = Pin::new(PIN);
        let (authority, services) = start_authority(folder.path(), &choices, &clock, block).await?;
        let (consumer_id, provider_id) = (server("MOC", "commerce")?, server("MOI", "interior")?);
        let enrolled = |name: &str, id: &ServerId| -> Result<Enrolled> {
            let home = folder.path().join(name);
            std::fs::create_dir_all(&home)?;
            enrol(&home.join("keystore"), &pin, id, choices.algorithm, &authority, &clock)
        };
        let consumer_identity = enrolled("commerce", &consumer_id)?;
        let provider_identity = enrolled("interior", &provider_id)?;
        let registry_state =
            state(&choices, &authority, &services, block, &consumer_identity, &provider_identity)?;
        let (registry_config, registry, registry_stop) =
            start_registry(folder.path(), block, &pin, &clock, &registry_state, &choices).await?;
        let service = Service::start(SocketAddr::new(block.host(20), 9080)).await?;
        let make = |name: &str, id: &ServerId, last: u8, database: Option<Url>| {
            let config = config(folder.path(), name, id, block, last, &choices);
            Config { log: Log { database: database.clone(), ..config.log.clone() }, database, ..config }
        };
        let (of_consumer, of_provider) =
            choices.databases.clone().map(|all| (all.consumer, all.provider)).unzip();
        let (consumer_config, provider_config) = (
            make("commerce", &consumer_id, 11, of_consumer),
            make("interior", &provider_id, 12, of_provider),
        );
        gateway::admin::apply(&consumer_config, &consumer_settings(&services)?)?;
        gateway::admin::apply(&provider_config, &provider_settings(&services, &service)?)?;
        let consumer = RunningGateway::start(consumer_config, &pin, clock.clone(), chance()).await?;
        let provider = RunningGateway::start(provider_config, &pin, clock.clone(), chance()).await?;
        for (gateway, identity) in [(&consumer, &consumer_identity), (&provider, &provider_identity)] {
            gateway.ready().await?;
            gateway.proves(&[&identity.authentication, &identity.signing]).await?;
        }
        Ok(Self {
            folder,
            hands,
            clock,
            authority,
            services,
            registry_config,
            registry: Some(registry),
            registry_state,
            consumer,
            consumer_identity,
            provider,
            provider_identity,
            service,
            pin,
            registry_stop,
            block,
            _guard: guard,
        })
    }

    /// One request of the consumer's system, over plain HTTP.
    ///
    /// # Errors
    /// The connection failed.
    pub async fn send(&self, head: RequestHead, body: Option<&[u8]>) -> Result<Answer> {
        call_to(self.consumer.config.listen.consumer_http, head, body).await
    }

    /// An unused address of the nation's block, from 30 on.
    #[must_use]
    pub fn address(&self, last: u8, port: u16) -> SocketAddr {
        SocketAddr::new(self.block.host(last), port)
    }

    /// What the provider's gateway was told at first.
    ///
    /// # Errors
    /// None in practice.
    pub fn provider_settings(&self) -> Result<Declaration> {
        provider_settings(&self.services, &self.service)
    }

    /// What the consumer's gateway was told at first.
    ///
    /// # Errors
    /// None in practice.
    pub fn consumer_settings(&self) -> Result<Declaration> {
        consumer_settings(&self.services)
    }

    /// Stops the registry for good; its address is free then.
    ///
    /// # Errors
    /// It had ended by itself.
    pub async fn stop_registry(&mut self) -> Result<()> {
        self.registry_stop.stop();
        match self.registry.take() {
            Some(registry) => Ok(registry.stopped().await?),
            None => Ok(()),
        }
    }

    /// Publishes another state and waits until both gateways hold it.
    ///
    /// # Errors
    /// What registry or gateways said.
    pub async fn publish(&self, state: &registry::Declaration) -> Result<()> {
        let before = (self.consumer.gateway.pictures_taken(), self.provider.gateway.pictures_taken());
        if registry::admin::apply(&self.registry_config, state)?.is_empty() {
            return Ok(());
        }
        until("both gateways have taken the configuration", || {
            self.consumer.gateway.pictures_taken() > before.0
                && self.provider.gateway.pictures_taken() > before.1
        })
        .await
    }
}

/// The generator of the system.
#[must_use]
pub fn chance() -> Chance {
    Chance::new(|bytes| {
        let _filled = aws_lc_rs::rand::fill(bytes);
    })
}

fn server(member: &str, code: &str) -> Result<ServerId> {
    Ok(ServerId::new(INSTANCE, "GOV", member, code)?)
}

async fn start_authority(
    folder: &Path,
    choices: &Choices,
    clock: &Clock,
    block: Block,
) -> Result<(Arc<PracticeAuthority>, Services)> {
    let settings = practice::Settings {
        keys: KeyKind::Ec,
        intermediate: choices.intermediate,
        ..practice::Settings::new("Practice")
    };
    let authority = Arc::new(PracticeAuthority::create_or_open(
        &folder.join("practice"),
        settings,
        clock.clone(),
        chance(),
    )?);
    let at = |port: u16| SocketAddr::new(block.host(13), port);
    let addresses = Addresses { authority: at(8888), ocsp: at(8889), tsa: at(8899) };
    let services = Services::start(Arc::clone(&authority), addresses).await?;
    Ok((authority, services))
}

async fn start_registry(
    folder: &Path,
    block: Block,
    pin: &Pin,
    clock: &Clock,
    state: &registry::Declaration,
    choices: &Choices,
) -> Result<(registry::Config, Registry, Stopper)> {
    let listen = SocketAddr::new(block.host(10), 4080);
    let config = registry::Config {
        instance: INSTANCE.to_owned(),
        state_dir: folder.join("registry"),
        anchor_file: folder.join("anchor.xml"),
        pin_file: folder.join("pin"),
        database: choices.databases.as_ref().map(|databases| databases.registry.clone()),
        database_password_file: None,
        listen,
        address: listen.to_string(),
        expire_seconds: 600,
        generate_seconds: 60,
        signing_key_algorithm: KeyAlgorithm::EcP256,
        connections_max: 1024,
    };
    registry::admin::init(&config, pin, clock)?;
    registry::admin::apply(&config, state)?;
    let (stopper, stop) = stop_channel();
    let registry = Registry::start(&config, pin, clock.clone(), chance(), stop).await?;
    registry.published().await?;
    Ok((config, registry, stopper))
}

fn state(
    choices: &Choices,
    authority: &PracticeAuthority,
    services: &Services,
    block: Block,
    consumer: &Enrolled,
    provider: &Enrolled,
) -> Result<registry::Declaration> {
    let member = |code: &str, subsystem: Option<&str>| registry::Member {
        class: "GOV".to_owned(),
        code: code.to_owned(),
        name: code.to_owned(),
        subsystems: subsystem
            .into_iter()
            .map(|code| registry::Subsystem { code: code.to_owned(), name: None })
            .collect(),
    };
    let server =
        |owner: &str, code: &str, last: u8, identity: &Enrolled, client: &str| -> Result<registry::Server> {
            Ok(registry::Server {
                owner: MemberId::new(INSTANCE, "GOV", owner)?,
                code: code.to_owned(),
                address: Some(block.host(last).to_string()),
                auth_certificates: vec![identity.authentication.clone()],
                clients: vec![ClientId::parse_short(client)?],
                maintenance: None,
            })
        };
    Ok(registry::Declaration {
        settings: registry::Settings {
            member_classes: vec![registry::MemberClass {
                code: "GOV".to_owned(),
                description: "Government".to_owned(),
            }],
            ocsp_freshness_seconds: choices.ocsp_freshness_seconds,
            time_stamping_interval_seconds: 60,
            ocsp_fetch_interval_seconds: None,
            verify_next_update: None,
            monitoring_client: None,
            management: registry::Management {
                provider: ClientId::new(INSTANCE, "GOV", "MPTC", None)?,
                address: None,
                certificate: None,
            },
        },
        members: vec![
            member("MOC", Some("business-registry")),
            member("MOI", Some("civil-registry")),
            member("MPTC", None),
        ],
        servers: vec![
            server("MOC", "commerce", 11, consumer, CLIENT)?,
            server("MOI", "interior", 12, provider, PROVIDER)?,
        ],
        groups: Vec::new(),
        cas: vec![certification(authority, services)?],
        tsas: vec![registry::TimeStampingService {
            url: services.tsa_url(),
            certificate: Certificate::from_der(authority.tsa_certificate())?,
        }],
    })
}

fn certification(
    authority: &PracticeAuthority,
    services: &Services,
) -> Result<registry::CertificationService> {
    let ca = |der: &[u8], responder: &[u8]| -> Result<registry::CaCertificate> {
        Ok(registry::CaCertificate {
            certificate: Certificate::from_der(der)?,
            responders: vec![registry::OcspResponder {
                url: services.ocsp_url(),
                certificate: Some(Certificate::from_der(responder)?),
            }],
        })
    };
    let intermediates = authority
        .intermediate_certificate()
        .map(|der| ca(der, authority.ocsp_certificate()))
        .transpose()?
        .into_iter()
        .collect();
    Ok(registry::CertificationService {
        top: ca(authority.root_certificate(), authority.root_ocsp_certificate())?,
        intermediates,
        profile: CertificateProfile::from_class_name(
            "ee.ria.xroad.common.certificateprofile.impl.EjbcaCertificateProfileInfoProvider",
        ),
        authentication_only: false,
    })
}

fn config(folder: &Path, name: &str, server: &ServerId, block: Block, last: u8, choices: &Choices) -> Config {
    let at = |port: u16| SocketAddr::new(block.host(last), port);
    Config {
        database: None,
        database_password_file: None,
        server: server.clone(),
        state_dir: folder.join(name),
        anchor: folder.join("anchor.xml"),
        pin_file: folder.join("pin"),
        token: Vec::new(),
        listen: Listen {
            consumer_http: at(8080),
            consumer_https: at(8443),
            transport: at(5500),
            ocsp: at(5577),
        },
        peer: choices.peer.clone(),
        log: choices.log.clone(),
        archive: gateway::Archive::default(),
        quota: gateway::Quota::default(),
        jobs: Jobs {
            globalconf_seconds: 1,
            retry_seconds: 1,
            timestamp_seconds: Some(choices.timestamp_seconds),
            ocsp_seconds: None,
        },
    }
}

fn time_stamps(services: &Services) -> Vec<TimeStampService> {
    vec![TimeStampService { name: "Practice TSA".to_owned(), url: services.tsa_url() }]
}

fn client(id: &str) -> Result<gateway::Client> {
    Ok(gateway::Client {
        id: ClientId::parse_short(id)?,
        connection: Connection::Http,
        status: gateway::ClientStatus::Registered,
        internal_certificates: Vec::new(),
        internal_certificates_der: Vec::new(),
        services: Vec::new(),
        local_groups: Vec::new(),
        rights: Vec::new(),
    })
}

fn consumer_settings(services: &Services) -> Result<Declaration> {
    Ok(Declaration { clients: vec![client(CLIENT)?], time_stamps: time_stamps(services) })
}

fn provider_settings(services: &Services, service: &Service) -> Result<Declaration> {
    let mut provider = client(PROVIDER)?;
    provider.services.push(gateway::Service {
        code: "people".to_owned(),
        kind: ServiceKind::Rest,
        url: format!("http://{}", service.address),
        description: None,
        timeout_seconds: 5,
        verify_certificate: true,
        disabled: None,
        endpoints: Vec::new(),
    });
    provider.rights.push(Right {
        subject: Subject::Client(ClientId::parse_short(CLIENT)?),
        service: "people".to_owned(),
        endpoint: None,
    });
    Ok(Declaration { clients: vec![provider], time_stamps: time_stamps(services) })
}
