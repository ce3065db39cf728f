//! Verdicts of this room. Each says what happened; [`crate::fault`] alone decides what a consumer or a peer reads.

use identifier::{ClientId, ServerId, ServiceId};
use quota::Exceeded;
use std::io;

/// Why a declared state was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeclarationFault {
    /// Not TOML, an unknown key, a value of the wrong kind.
    #[error("the declared state cannot be read: {0}")]
    Syntax(String),
    /// Nothing at all: a file that was cut, more likely than the wish to serve nobody.
    #[error(
        "the declared state is empty; to take everything away, declare a client and leave its services out"
    )]
    Empty,
    /// The same thing declared twice.
    #[error("{0} is declared twice, or without a name")]
    Twice(String),
    /// A right on a service that is not declared.
    #[error("a right names service {0}, which is not declared")]
    UnknownService(String),
    /// A right for a local group that is not declared.
    #[error("a right names a local group that is not declared: {0}")]
    UnknownGroup(String),
    /// A method or a path pattern that is not one.
    #[error("a right has an endpoint that cannot be used: {0}")]
    Endpoint(String),
    /// A certificate file that cannot be read.
    #[error("the certificate in {file} cannot be used: {why}")]
    Certificate {
        /// The file.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// An address that is not one.
    #[error("{0} is not an address that can be called")]
    Address(String),
}

/// Why the settings database did not serve.
#[derive(Debug, thiserror::Error)]
pub enum StoreFault {
    /// The database refused.
    #[error("the settings database failed: {0}")]
    Database(#[from] rusqlite::Error),
    /// The database server refused, or is away.
    #[error("the settings database failed: {0}")]
    Server(#[from] database::Fault),
    /// The configuration of that database.
    #[error("the settings database: {0}")]
    Url(#[from] database::UrlRefusal),
    /// Its folder cannot be made.
    #[error("the state folder cannot be made: {0}")]
    Folder(io::Error),
    /// Written by a newer program.
    #[error(
        "the settings database is of a newer program: it has version {found}, and this program knows up to {known}"
    )]
    Version {
        /// What the file says.
        found: i64,
        /// What this program knows.
        known: i64,
    },
    /// Cut, emptied or spoilt.
    #[error(
        "the settings database {place} is damaged ({found}): put it back from a backup, or move it away and apply the declared state again"
    )]
    Damaged {
        /// The file.
        place: String,
        /// What is wrong with it.
        found: String,
    },
    /// Those of another gateway.
    #[error(
        "the settings database is of the gateway {stored}, the configuration of {configured}: each gateway needs a database of its own"
    )]
    AnotherServer {
        /// In the database.
        stored: String,
        /// In the configuration.
        configured: String,
    },
    /// A row that this program would never have written.
    #[error("the settings database holds an unknown {0}")]
    Content(String),
}

impl From<postgres::Error> for StoreFault {
    fn from(error: postgres::Error) -> Self {
        Self::Server(error.into())
    }
}

/// Why a gateway does not start, or did not stop cleanly.
#[derive(Debug, thiserror::Error)]
pub enum StartFault {
    /// An address cannot be listened on.
    #[error(
        "{address} cannot be listened on: {error} (is another program using it, or is the port below 1024?)"
    )]
    Listen {
        /// Which.
        address: std::net::SocketAddr,
        /// What the system said.
        error: io::Error,
    },
    /// The folder for bodies on their way cannot be used.
    #[error("the folder for message bodies cannot be used: {0}")]
    Spool(io::Error),
    /// The keystore does not open.
    #[error("the keystore does not open: {0}")]
    Keystore(#[from] keystore::OpenRefusal),
    /// A key cannot be used.
    #[error("a key of the keystore cannot be used: {0}")]
    Key(#[from] keystore::KeyRefusal),
    /// The OCSP store does not open.
    #[error("the store of OCSP answers does not open: {0}")]
    Ocsp(#[from] keystore::StorageFailure),
    /// There is no certificate for the HTTPS listener.
    #[error(
        "the keystore has no active internal TLS certificate; make one with: chhatra keystore generate --usage internal-tls"
    )]
    NoInternalTls,
    /// TLS with consumers or services cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// The settings cannot be read.
    #[error(transparent)]
    Settings(#[from] StoreFault),
    /// The settings contradict themselves.
    #[error("the stored settings cannot be used: {0}")]
    Declaration(#[from] DeclarationFault),
    /// The evidence log does not open.
    #[error("the evidence log does not open: {0}")]
    Log(#[from] messagelog::OpenFailure),
    /// The configuration of its database.
    #[error("the evidence log's database: {0}")]
    Database(#[from] database::UrlRefusal),
    /// Archives cannot be taken elsewhere as it is configured.
    #[error(transparent)]
    ArchiveStore(#[from] vault::StoreFault),
    /// Archives cannot be sealed as it is configured.
    #[error(transparent)]
    Sealing(#[from] crate::archiving::SealingFault),
    /// The keys of the evidence log.
    #[error(transparent)]
    LogKey(#[from] messagelog::KeyFault),
    /// The evidence log did not close.
    #[error("the evidence log could not be closed: {0}")]
    LogClose(String),
}

/// Why a message was not carried. One enum for both directions, since most steps stand on both sides; [`crate::fault`] matches it
/// exhaustively.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    // ── this gateway is not ready: its operator ──
    /// No global configuration has been obtained yet.
    #[error("Global configuration is missing")]
    NoConfiguration,
    /// The global configuration has ended.
    #[error("Global configuration is expired: {0}")]
    ConfigurationOutdated(globalconf::Outdated),
    /// No authentication certificate that peers would accept.
    #[error("Security server has no valid authentication certificate: {0}")]
    NoAuthentication(String),
    /// The provider's or consumer's member cannot sign here now.
    #[error("{text}")]
    CannotSign {
        /// X-Road's sub-code, without `cannot_create_signature`; empty for none.
        code: &'static str,
        /// What is missing.
        text: String,
    },
    /// The evidence log did not take the record.
    #[error("{0}")]
    NotRecorded(#[from] messagelog::Failure),
    /// A temporary file could not be written or read.
    #[error("A message body could not be stored while it was being carried: {0}")]
    Spool(String),

    // ── whoever asks too much ──
    /// A quota of this gateway's operator.
    #[error("Client '{}' exceeds its quota: {why}", .client.display_form())]
    QuotaExceeded {
        /// Whose quota.
        client: ClientId,
        /// Which one, and when to ask again.
        why: Exceeded,
    },

    // ── the consumer ──
    /// The request is not a REST message.
    #[error("{0}")]
    MalformedRequest(String),
    /// No `X-Road-Client`.
    #[error("The client identifier is missing")]
    NoClient,
    /// The client is not registered at this server.
    #[error("Client '{}' not found", .0.display_form())]
    UnknownClient(ClientId),
    /// The consumer did not connect as its client demands (data-plane 8.2).
    #[error("{0}")]
    ConsumerConnection(String),
    /// The consumer stopped sending.
    #[error("The request could not be read: {0}")]
    ConsumerIo(String),
    /// Neither REST nor POST, which SOAP is sent with.
    #[error("{0}")]
    InvalidHttpMethod(String),
    /// Neither REST nor of a type that SOAP has.
    #[error("Invalid content type: {0}")]
    InvalidContentType(String),

    // ── the way to the provider ──
    /// No server has this provider.
    #[error("Could not find addresses for service provider \"{}\"", .0.display_form())]
    NoProvider(ServiceId),
    /// The provider's instance is not one that the global configuration knows.
    #[error("Shared params for instance identifier {0} not found")]
    UnknownInstance(String),
    /// The server asked for does not serve the provider.
    #[error("Invalid security server \"{}\"", .0.display_form())]
    InvalidServer(ServerId),
    /// All its servers are being maintained.
    #[error("{0}")]
    Maintenance(String),
    /// A host name without an address.
    #[error("Unknown host: {0}")]
    UnknownHost(String),
    /// Nothing answers there.
    #[error("Could not connect to any target host: {0}")]
    Unreachable(String),
    /// TLS failed, or the peer's certificate is not the provider's.
    #[error("{text}")]
    PeerCertificate {
        /// X-Road's sub-code, without `ssl_authentication_failed`; empty for none.
        code: &'static str,
        /// Why.
        text: String,
    },

    // ── what the peer sent ──
    /// HTTP went wrong between the gateways.
    #[error("{0}")]
    PeerIo(String),
    /// The connection failed before an answer came.
    #[error("{0}")]
    PeerNetwork(String),
    /// An HTTP status that a peer never sends.
    #[error("Server responded with HTTP status {0}")]
    PeerStatus(u16),
    /// The parts, their types or their order.
    #[error("{0}")]
    Decoding(message::proxy::Refusal),
    /// A message text, a header or an identifier that cannot be understood.
    #[error("{0}")]
    MalformedMessage(String),
    /// The message ends inside its proof.
    #[error("{0}")]
    CutProof(String),
    /// No message part.
    #[error("Request does not have REST message")]
    MissingRest,
    /// No message part, where the peer did not say REST.
    #[error("Request does not have SOAP message")]
    MissingSoap,
    /// No signature part.
    #[error("Message does not have signature")]
    MissingSignature,
    /// The signature does not prove the message.
    #[error("{0}")]
    Unproven(signature::verify::Refusal),
    /// The answer belongs to another request.
    #[error("Response from server proxy is not consistent with request: {0}")]
    Inconsistent(message::rest::Inconsistent),
    /// The peer, or the service behind it, answered with a fault; it is passed on unchanged.
    #[error("{}", .0.string)]
    PeerFault(message::fault::Fault),
    /// While reading the message part: X-Road says `service_failed` then.
    #[error("{0}")]
    WhileReading(Box<Self>),

    // ── permission, on the provider's side ──
    /// The provider is not a registered client of this server.
    #[error("Client not found: {}", .0.display_form())]
    UnknownProviderHere(ClientId),
    /// No such service.
    #[error("Unknown service: {}", .0.display_form())]
    UnknownService(ServiceId),
    /// A SOAP service called over REST.
    #[error("Service is a SOAP service and cannot be called using REST interface")]
    NotRest,
    /// No right.
    #[error("Request is not allowed: {}", .0.display_form())]
    AccessDenied(ServiceId),
    /// Switched off by its provider.
    #[error("Service {} is disabled: {notice}", .service.display_form())]
    Disabled {
        /// The service.
        service: ServiceId,
        /// The provider's words.
        notice: String,
    },

    // ── the service ──
    /// It has no address.
    #[error("Service address not specified for '{}'", .0.display_form())]
    ServiceUrlMissing(ServiceId),
    /// Its address is none.
    #[error("Service address of '{}' is malformed", .0.display_form())]
    ServiceUrlMalformed(ServiceId),
    /// Its name has no address.
    #[error("Unknown service host: {0}")]
    ServiceHost(String),
    /// Its certificate is not one that the provider registered.
    #[error("{0}")]
    ServiceTls(String),
    /// The connection to it failed, or could not be made.
    #[error("{0}")]
    ServiceNetwork(String),
    /// It was slow, broke off, or is not understood.
    #[error("{0}")]
    ServiceIo(String),
}

impl Refusal {
    /// Marks a refusal as raised while the message was being decoded.
    pub(crate) fn while_reading(self) -> Self {
        Self::WhileReading(Box::new(self))
    }

    /// A peer gave no answer; told apart as with [`Self::of_service`].
    pub(crate) fn of_peer(kind: Option<io::ErrorKind>, text: String) -> Self {
        match kind {
            Some(kind) if is_socket_failure(kind) => Self::PeerNetwork(text),
            Some(_) | None => Self::PeerIo(text),
        }
    }

    /// Bytes to or from a service did not pass. X-Road tells a socket that failed (`network_error`) apart from a wait that was too long,
    /// an end that came too early, and TLS or HTTP that is not understood (`io_error`; data-plane 9.1).
    pub(crate) fn of_service(kind: Option<io::ErrorKind>, text: String) -> Self {
        match kind {
            Some(kind) if is_socket_failure(kind) => Self::ServiceNetwork(text),
            Some(_) | None => Self::ServiceIo(text),
        }
    }

    /// Whether asking again later can help without anybody changing the message.
    #[must_use]
    pub fn retry_can_help(&self) -> bool {
        match self {
            Self::NoConfiguration
            | Self::ConfigurationOutdated(_)
            | Self::NoAuthentication(_)
            | Self::CannotSign { .. }
            | Self::NotRecorded(_)
            | Self::Spool(_)
            | Self::QuotaExceeded {
                why: Exceeded::Requests { .. } | Exceeded::Exchanges { .. } | Exceeded::BodyBytes { .. },
                ..
            }
            | Self::ConsumerIo(_)
            | Self::Maintenance(_)
            | Self::UnknownHost(_)
            | Self::Unreachable(_)
            | Self::PeerIo(_)
            | Self::PeerNetwork(_)
            | Self::PeerStatus(_)
            | Self::Disabled { .. }
            | Self::ServiceHost(_)
            | Self::ServiceNetwork(_)
            | Self::ServiceIo(_) => true,
            Self::WhileReading(inner) => inner.retry_can_help(),
            Self::QuotaExceeded { why: Exceeded::Body { .. }, .. }
            | Self::MalformedRequest(_)
            | Self::NoClient
            | Self::UnknownClient(_)
            | Self::ConsumerConnection(_)
            | Self::InvalidHttpMethod(_)
            | Self::InvalidContentType(_)
            | Self::NoProvider(_)
            | Self::UnknownInstance(_)
            | Self::InvalidServer(_)
            | Self::PeerCertificate { .. }
            | Self::Decoding(_)
            | Self::MalformedMessage(_)
            | Self::CutProof(_)
            | Self::MissingRest
            | Self::MissingSoap
            | Self::MissingSignature
            | Self::Unproven(_)
            | Self::Inconsistent(_)
            | Self::PeerFault(_)
            | Self::UnknownProviderHere(_)
            | Self::UnknownService(_)
            | Self::NotRest
            | Self::AccessDenied(_)
            | Self::ServiceUrlMissing(_)
            | Self::ServiceUrlMalformed(_)
            | Self::ServiceTls(_) => false,
        }
    }
}

/// Whether the system says that the connection itself is gone or cannot be: all else only says that bytes did not come as they should.
const fn is_socket_failure(kind: io::ErrorKind) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        kind,
        Kind::ConnectionRefused
            | Kind::ConnectionReset
            | Kind::ConnectionAborted
            | Kind::NotConnected
            | Kind::BrokenPipe
            | Kind::HostUnreachable
            | Kind::NetworkUnreachable
            | Kind::NetworkDown
            | Kind::AddrNotAvailable
            | Kind::AddrInUse
            | Kind::PermissionDenied
    )
}
