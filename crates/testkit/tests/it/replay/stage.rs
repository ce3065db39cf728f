//! A gateway of ours in the place of a recorded server.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a stage that cannot be set ends the test")]

use super::book::Book;
use super::recording::{Exchange, Keys, exchanges, recorded};
use clock::{Chance, Clock};
use gateway::{At, BodyOverride};
use gateway::{
    Client, ClientStatus, Config, Connection, Declaration, Endpoint, Jobs, Listen, Log, Peer, Right, Service,
    ServiceKind, Subject, TimeStampService,
};
use identifier::{ClientId, GlobalGroupId, ServerId};
use jiff::{SignedDuration, Timestamp};
use keystore::{KeyUsage, Keystore, Owner, Pin, PinHardness, Settings};
use messagelog::Provider;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use testkit::{Block, RunningGateway, take_block};
use trust::Certificate;

/// When the stored configuration ends.
const CONFIGURATION_ENDS: &str = "2026-11-22T12:05:51Z";

/// The two servers of the recordings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Server {
    /// `DEV/COM/1234/SS0`, the provider's.
    Ss0,
    /// `DEV/COM/4321/SS1`, the consumer's.
    Ss1,
}

impl Server {
    const fn name(self) -> &'static str {
        match self {
            Self::Ss0 => "ss0",
            Self::Ss1 => "ss1",
        }
    }

    fn id(self) -> ServerId {
        let text = match self {
            Self::Ss0 => "DEV/COM/1234/SS0",
            Self::Ss1 => "DEV/COM/4321/SS1",
        };
        ServerId::parse_short(text).unwrap()
    }
}

/// The recordings, and loopback addresses for everybody who has a name in them.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) recorded: PathBuf,
    pub(crate) exchanges: Vec<Exchange>,
    book: Book,
    block: Block,
    folder: TempDir,
    _guard: TcpListener,
}

/// A gateway that plays a server, until it is dropped.
#[derive(Debug)]
pub(crate) struct Player {
    pub(crate) running: RunningGateway,
    _state: TempDir,
}

impl Stage {
    /// `None` where there are no recordings.
    pub(crate) fn set() -> Option<Self> {
        let recorded = recorded()?;
        let (block, guard) = take_block().unwrap();
        let exchanges = exchanges(&recorded);
        Some(Self {
            book: Book::collect(&recorded, &exchanges),
            exchanges,
            recorded,
            block,
            folder: tempfile::tempdir().unwrap(),
            _guard: guard,
        })
    }

    /// Where a recorded name is on this machine.
    pub(crate) fn host(&self, name: &str) -> IpAddr {
        self.block.host(match name {
            "ss0" => 2,
            "ss1" => 3,
            "isrest" => 20,
            "isopenapi" => 21,
            "issoap" => 22,
            // The central server, the trust services and a service that is down: nothing listens there.
            "cs" => 90,
            "testca" => 91,
            "127.0.0.5" => 92,
            other => panic!("{other} is not a host of the recordings"),
        })
    }

    pub(crate) fn address(&self, name: &str, port: u16) -> SocketAddr {
        SocketAddr::new(self.host(name), port)
    }

    /// Names and addresses of the recording in a URL become ours.
    fn here(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for name in ["cs", "testca", "isrest", "isopenapi", "issoap", "127.0.0.5"] {
            text = text.replace(&format!("//{name}:"), &format!("//{}:", self.host(name)));
            text = text.replace(&format!("//{name}/"), &format!("//{}/", self.host(name)));
        }
        text
    }

    /// The folder of a server's keys.
    pub(crate) fn keys(&self, server: Server, keys: Keys) -> PathBuf {
        self.recorded.join(keys.folder()).join(server.name())
    }

    /// Starts our gateway in the place of a server, as it was when the exchange was recorded: at this time, with this chance, without
    /// the OCSP answers about `unknown`.
    pub(crate) async fn play(
        &self,
        server: Server,
        exchange: &Exchange,
        at: Timestamp,
        chance: Chance,
        unknown: &[&str],
    ) -> Player {
        let keys = exchange.keys;
        let state = tempfile::tempdir_in(self.folder.path()).unwrap();
        let config = self.config(server, state.path(), log(exchange.round, server));
        copy_folder(&self.keystore(server, keys), &config.keystore_dir());
        self.store_configuration(&config.globalconf_dir(), keys, at);
        self.store_answers(&config.state_dir.join("ocsp"), keys, at, unknown);
        gateway::admin::apply(&config, &self.settings(server)).unwrap();
        let running = RunningGateway::start(config, &pin(), Clock::fixed(at), chance).await.unwrap();
        running.gateway.ready().unwrap();
        Player { running, _state: state }
    }

    fn config(&self, server: Server, state: &Path, log: Log) -> Config {
        let at = |port: u16| self.address(server.name(), port);
        Config {
            database: None,
            database_password_file: None,
            server: server.id(),
            state_dir: state.to_path_buf(),
            // Nothing is downloaded: the configuration is the stored one.
            anchor: state.join("no-anchor.xml"),
            pin_file: state.join("pin"),
            token: Vec::new(),
            listen: Listen {
                consumer_http: at(8080),
                consumer_https: at(8443),
                transport: at(5500),
                ocsp: at(5577),
            },
            peer: Peer::default(),
            log,
            archive: gateway::Archive::default(),
            quota: gateway::Quota::default(),
            jobs: Jobs::default(),
        }
    }

    /// The server's keys, taken over once: the software token of its signer, and its internal TLS certificate.
    fn keystore(&self, server: Server, keys: Keys) -> PathBuf {
        let folder = self.folder.path().join(format!("{}-{}", keys.folder(), server.name()));
        if folder.exists() {
            return folder;
        }
        let settings =
            Settings { pin_hardness: PinHardness { memory_kib: 64, passes: 1 }, ..Settings::default() };
        let keystore = Keystore::create_with(&folder, &pin(), settings).unwrap();
        let token = self.keys(server, keys);
        let keyconf = std::fs::read(token.join("keyconf.xml")).unwrap();
        keystore.import_softtoken(&keyconf, &token, &pin()).unwrap();
        let internal = self.keys(server, Keys::Rsa);
        let key = std::fs::read(internal.join("internal.key.der")).unwrap();
        keystore.import_key(&key, None, KeyUsage::InternalTls, "internal").unwrap();
        let certificate = std::fs::read(internal.join("internal.crt")).unwrap();
        keystore.import_certificate(&certificate, &Owner::nobody()).unwrap();
        let certificate = Certificate::from_der_or_pem(&certificate).unwrap();
        keystore.activate(&certificate.sha256()).unwrap();
        folder
    }

    /// The directory as ss1 stored it, with addresses of this machine. For recordings of a later hour it lasts longer, and names the
    /// authentication certificates of that hour.
    fn store_configuration(&self, folder: &Path, keys: Keys, at: Timestamp) {
        let source = self.recorded.join("globalconf/ss1-globalconf");
        std::fs::create_dir_all(folder.join("DEV")).unwrap();
        std::fs::copy(source.join("instance-identifier"), folder.join("instance-identifier")).unwrap();
        let ends: Timestamp = CONFIGURATION_ENDS.parse().unwrap();
        let later = at.checked_add(SignedDuration::from_mins(10)).unwrap();
        for entry in std::fs::read_dir(source.join("DEV")).unwrap() {
            let entry = entry.unwrap();
            let mut text = self.here(&std::fs::read_to_string(entry.path()).unwrap());
            for server in [Server::Ss0, Server::Ss1] {
                let name = server.name();
                let (from, to) = (format!("<address>{name}<"), format!("<address>{}<", self.host(name)));
                text = text.replace(&from, &to);
                if keys == Keys::P256 {
                    text = text.replace(&self.hash(server, Keys::Rsa), &self.hash(server, keys));
                }
            }
            if at >= ends {
                text = text.replace(CONFIGURATION_ENDS, &later.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
            }
            std::fs::write(folder.join("DEV").join(entry.file_name()), text).unwrap();
        }
    }

    fn hash(&self, server: Server, keys: Keys) -> String {
        use base64::Engine as _;
        let der = std::fs::read(self.keys(server, keys).join("auth.cert.der")).unwrap();
        base64::engine::general_purpose::STANDARD.encode(Certificate::from_der(&der).unwrap().sha256())
    }

    fn store_answers(&self, folder: &Path, keys: Keys, at: Timestamp, unknown: &[&str]) {
        let cache = keystore::OcspCache::open(folder).unwrap();
        for server in [Server::Ss0, Server::Ss1] {
            for entry in std::fs::read_dir(self.keys(server, keys)).unwrap() {
                let path = entry.unwrap().path();
                let name = format!("{}/{}", server.name(), path.file_name().unwrap().to_string_lossy());
                if !name.ends_with(".cert.der") || unknown.contains(&name.as_str()) {
                    continue;
                }
                let certificate = Certificate::from_der(&std::fs::read(&path).unwrap()).unwrap();
                if let Some(answer) = self.book.held(&certificate, at) {
                    cache.put(&certificate.sha1(), answer.der()).unwrap();
                }
            }
        }
    }

    /// Clients, services and rights as the server's database had them.
    fn settings(&self, server: Server) -> Declaration {
        let dump = self.recorded.join("server").join(server.name()).join("serverconf.sql");
        let dump = Dump(std::fs::read_to_string(dump).unwrap());
        let identifiers = dump.table("identifier");
        let descriptions = dump.table("servicedescription");
        let services = dump.table("service");
        let endpoints = dump.table("endpoint");
        let rights = dump.table("accessright");
        let clients = dump.table("client");
        Declaration {
            clients: clients
                .iter()
                .map(|(key, row)| {
                    let services = self.services(key, &descriptions, &services);
                    Client {
                        id: client_id(identifiers.get(row.get("identifier").unwrap()).unwrap()),
                        connection: connection(row.get("isauthentication").unwrap()),
                        status: status(row.get("clientstatus").unwrap()),
                        internal_certificates: Vec::new(),
                        internal_certificates_der: Vec::new(),
                        rights: declared_rights(key, &rights, &endpoints, &identifiers, &services),
                        services,
                        local_groups: Vec::new(),
                    }
                })
                .collect(),
            time_stamps: dump
                .table("tsp")
                .values()
                .map(|row| TimeStampService {
                    name: row.get("name").unwrap().clone(),
                    url: self.here(&format!("{}/", row.get("url").unwrap())).trim_end_matches('/').to_owned(),
                })
                .collect(),
        }
    }

    /// REST services only: the others belong to a later feature.
    fn services(&self, client: &str, descriptions: &Table, services: &Table) -> Vec<Service> {
        let mut found = Vec::new();
        for row in services.values() {
            let description = descriptions.get(row.get("servicedescription_id").unwrap()).unwrap();
            let kind = match description.get("type").unwrap().as_str() {
                "REST" => ServiceKind::Rest,
                "OPENAPI3" => ServiceKind::Openapi3,
                _ => continue,
            };
            if description.get("client_id").unwrap() != client {
                continue;
            }
            let disabled = description.get("disabled").unwrap() == "t";
            found.push(Service {
                code: row.get("servicecode").unwrap().clone(),
                kind,
                url: self.here(row.get("url").unwrap()),
                description: None,
                timeout_seconds: row.get("timeout").unwrap().parse().unwrap(),
                verify_certificate: true,
                disabled: disabled.then(|| description.get("disablednotice").unwrap().clone()),
                endpoints: Vec::new(),
            });
        }
        found
    }
}

/// What the servers logged in each round (README of the folder `options`).
fn log(round: &str, server: Server) -> Log {
    let usual = Log::default();
    let without_bodies = Log { bodies: false, ..Log::default() };
    let at_most =
        |bytes: u64, truncate_bodies: bool| Log { body_bytes_max: bytes, truncate_bodies, ..Log::default() };
    let except = |bodies: bool, side: At| Log {
        bodies,
        overrides: vec![BodyOverride {
            provider: Provider::parse("DEV/COM/1234/TestService").unwrap(),
            side: Some(side),
            bodies: Some(!bodies),
            body_bytes_max: None,
            truncate_bodies: None,
        }],
        ..Log::default()
    };
    match (round, server) {
        ("A", Server::Ss0) | ("F", Server::Ss1) => without_bodies,
        ("A", Server::Ss1) => at_most(1000, true),
        ("B", Server::Ss0) | ("C", Server::Ss1) => at_most(1000, false),
        ("F", Server::Ss0) => at_most(0, false),
        ("G", Server::Ss0) => except(true, At::Provider),
        ("G", Server::Ss1) => except(false, At::Consumer),
        _ => usual,
    }
}

fn pin() -> Pin {
    Pin::new("Secret1234")
}

fn copy_folder(from: &Path, to: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::create_dir_all(to).unwrap();
    std::fs::set_permissions(to, std::fs::Permissions::from_mode(0o700)).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

type Row = BTreeMap<String, String>;
type Table = BTreeMap<String, Row>;

/// The dump of a server's own settings.
struct Dump(String);

impl Dump {
    /// The rows of a table by their `id`; NULL is an empty text.
    fn table(&self, name: &str) -> Table {
        let start = format!("COPY serverconf.{name} (");
        let Some((_, rest)) = self.0.split_once(&start) else {
            panic!("the dump has no table {name}");
        };
        let (columns, rest) = rest.split_once(") FROM stdin;\n").unwrap();
        let columns: Vec<&str> = columns.split(", ").collect();
        let rows = rest.lines().take_while(|line| *line != "\\.");
        rows.map(|line| {
            let values = line.split('\t').map(|value| if value == "\\N" { "" } else { value });
            let row: Row = columns
                .iter()
                .zip(values)
                .map(|(column, value)| ((*column).to_owned(), value.to_owned()))
                .collect();
            (row.get("id").unwrap().clone(), row)
        })
        .collect()
    }
}

fn client_id(row: &Row) -> ClientId {
    let part = |name: &str| row.get(name).unwrap().as_str();
    let mut text = [part("xroadinstance"), part("memberclass"), part("membercode")].join("/");
    if !part("subsystemcode").is_empty() {
        text = format!("{text}/{}", part("subsystemcode"));
    }
    ClientId::parse_short(&text).unwrap()
}

fn connection(name: &str) -> Connection {
    match name {
        "NOSSL" => Connection::Http,
        "SSLNOAUTH" => Connection::Https,
        _ => Connection::HttpsMutual,
    }
}

fn status(name: &str) -> ClientStatus {
    match name {
        "registered" => ClientStatus::Registered,
        _ => ClientStatus::Disabled,
    }
}

fn declared_rights(
    client: &str,
    rights: &Table,
    endpoints: &Table,
    identifiers: &Table,
    services: &[Service],
) -> Vec<Right> {
    let mut found = Vec::new();
    for row in rights.values().filter(|row| row.get("client_id").unwrap() == client) {
        let endpoint = endpoints.get(row.get("endpoint_id").unwrap()).unwrap();
        let code = endpoint.get("servicecode").unwrap();
        if !services.iter().any(|service| service.code == *code) {
            continue;
        }
        let subject = identifiers.get(row.get("subjectid").unwrap()).unwrap();
        let group = subject.get("groupcode").unwrap();
        let (method, path) = (endpoint.get("method").unwrap(), endpoint.get("path").unwrap());
        found.push(Right {
            subject: if group.is_empty() {
                Subject::Client(client_id(subject))
            } else {
                let instance = subject.get("xroadinstance").unwrap();
                Subject::GlobalGroup(GlobalGroupId::parse_short(&format!("{instance}/{group}")).unwrap())
            },
            service: code.clone(),
            endpoint: (method != "*" || path != "**")
                .then(|| Endpoint { method: method.clone(), path: path.clone() }),
        });
    }
    found
}
