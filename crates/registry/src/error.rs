//! The verdicts of this room: one enum per act. No text here holds a secret.

use crate::signing_key::{SIGNING_KEYS_MAX, Source};
use crate::{OWNERS_GROUP, VERSIONS};
use identifier::characters::NewPartRefusal;
use identifier::{ClientId, MemberId, ServerId};
use keystore::KeyId;
use std::path::{Path, PathBuf};
use trust::CertificateProfile;

/// A configuration that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigFault {
    /// The code of the instance.
    #[error("the instance {code:?} cannot be used: {why}")]
    Instance {
        /// What was given.
        code: String,
        /// What is wrong with it.
        why: NewPartRefusal,
    },
    /// A quote would change the meaning of a header of the signed directory.
    #[error("the instance {code:?} cannot be used: it holds a quote")]
    Quote {
        /// What was given.
        code: String,
    },
    /// The address under which it is reached.
    #[error("the address {address:?} is not a host name or address, with or without a port")]
    Address {
        /// What was given.
        address: String,
    },
    /// A configuration would end before the next one is made.
    #[error(
        "expire_seconds ({expire}) must be greater than generate_seconds ({generate}), which must not be 0"
    )]
    Times {
        /// How long a generation holds.
        expire: u32,
        /// How often one is made.
        generate: u32,
    },
}

/// Why a declared state was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeclarationFault {
    /// Not TOML, an unknown key, a value of the wrong kind.
    #[error("the declared state cannot be read: {0}")]
    Syntax(String),
    /// A new code that a registry does not admit.
    #[error("{what} {code:?} cannot be used: {why}")]
    Code {
        /// What it is the code of.
        what: &'static str,
        /// The code.
        code: String,
        /// Why not.
        why: NewPartRefusal,
    },
    /// A name, a description or a notice that is empty where it must not be, too long, or holds control characters.
    #[error("{what} must be one line of 1 to 255 characters")]
    Text {
        /// Which one.
        what: String,
    },
    /// The same thing twice.
    #[error("{what} is declared twice")]
    Twice {
        /// What.
        what: String,
    },
    /// A member of a class that is not declared.
    #[error("member {member} is of a class that is not declared")]
    UnknownClass {
        /// The member.
        member: String,
    },
    /// An identifier of another instance.
    #[error("{id} is of another instance than {instance}")]
    ForeignInstance {
        /// The identifier.
        id: String,
        /// Our instance.
        instance: String,
    },
    /// A gateway of an owner that is not declared.
    #[error("the owner of the server {server} is not a declared member")]
    UnknownOwner {
        /// The gateway.
        server: ServerId,
    },
    /// A client of a gateway that is not declared.
    #[error("the client {client} of the server {server} is not a declared member or subsystem")]
    UnknownClient {
        /// The gateway.
        server: ServerId,
        /// The client.
        client: ClientId,
    },
    /// The owner is served by its gateway anyway and must not stand among its clients (trap 18).
    #[error("the owner {owner} of the server {server} stands among its clients; it is one anyway")]
    OwnerAsClient {
        /// The gateway.
        server: ServerId,
        /// Its owner.
        owner: MemberId,
    },
    /// A member of a group that is not declared.
    #[error("{member} in the group {group} is not a declared member or subsystem")]
    UnknownGroupMember {
        /// The group's code.
        group: String,
        /// Who.
        member: ClientId,
    },
    /// The group that the registry keeps itself.
    #[error("the group {OWNERS_GROUP} is kept by the registry itself and cannot be declared")]
    ReservedGroup,
    /// Whoever provides the management services, or may monitor, is not declared.
    #[error("the {role} {id} is not a declared member or subsystem")]
    UnknownRole {
        /// Which role.
        role: &'static str,
        /// Who.
        id: ClientId,
    },
    /// A certificate file that cannot be read, or holds no certificate or several.
    #[error("the certificate in {file} cannot be used: {why}")]
    Certificate {
        /// The file.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// A certificate under which nobody can be authenticated (control-plane 4.3).
    #[error("a certificate of the server {server} ({sha256}) is no authentication certificate")]
    NotForAuthentication {
        /// The gateway.
        server: ServerId,
        /// Its SHA-256.
        sha256: String,
    },
    /// An authentication certificate names one gateway, so it cannot be registered twice.
    #[error("the certificate {sha256} is registered twice: {first} and {second}")]
    CertificateTwice {
        /// Its SHA-256.
        sha256: String,
        /// Where first.
        first: String,
        /// Where again.
        second: String,
    },
    /// A CA certificate that is not one.
    #[error("the certificate {subject} is not that of a certification authority")]
    NotAnAuthority {
        /// Its subject.
        subject: String,
    },
    /// Trust services are named by the common name of their certificate.
    #[error("the certificate {subject} has no common name, by which its service would be called")]
    NoCommonName {
        /// Its subject.
        subject: String,
    },
    /// A certificate profile that nobody knows: certificates of such a CA could sign for nobody.
    #[error(
        "the certificate profile {profile:?} is unknown; known are {} and X-Road's class names",
        CertificateProfile::words()
    )]
    UnknownProfile {
        /// What was given.
        profile: String,
    },
    /// An address of a trust service or of the management services.
    #[error("{what}: {url:?} is not an http or https address")]
    Url {
        /// Of what.
        what: String,
        /// What was given.
        url: String,
    },
    /// An address of a gateway.
    #[error("the server {server}: {address:?} is not a host name or an IP address")]
    ServerAddress {
        /// The gateway.
        server: ServerId,
        /// What was given.
        address: String,
    },
    /// A number of seconds outside its bounds.
    #[error("{what} is {found}; it must be from {min} to {max}")]
    Seconds {
        /// Which setting.
        what: &'static str,
        /// What was given.
        found: u64,
        /// The least.
        min: u64,
        /// The greatest.
        max: u64,
    },
    /// Everything is well by itself, and yet no document can be written.
    #[error("the declared state cannot be published as version {version}: {why}")]
    Unpublishable {
        /// Which configuration version.
        version: u8,
        /// What the writer or the reader said.
        why: String,
    },
}

/// Why the database did not serve.
#[derive(Debug, thiserror::Error)]
pub enum StoreFault {
    /// The database refused.
    #[error("the registry's database failed: {0}")]
    Database(#[from] rusqlite::Error),
    /// The database server refused, or is away.
    #[error("the registry's database failed: {0}")]
    Server(#[from] database::Fault),
    /// The configuration of that database.
    #[error("the registry's database: {0}")]
    Url(#[from] database::UrlRefusal),
    /// Its folder cannot be made.
    #[error("the state folder cannot be made: {0}")]
    Folder(std::io::Error),
    /// Written by a newer program.
    #[error(
        "the registry's database is of a newer program: it has version {found}, and this program knows up to {known}"
    )]
    Version {
        /// What the file says.
        found: i64,
        /// What this program knows.
        known: i64,
    },
    /// Cut, emptied or spoilt.
    #[error(
        "the registry's database {place} is damaged ({found}): put it back from a backup; if `init` was broken off, call it again"
    )]
    Damaged {
        /// The file.
        place: String,
        /// What is wrong with it.
        found: String,
    },
    /// Nobody has called `init`.
    #[error("the registry in {place} is not initialised")]
    NotInitialised {
        /// Where its state would be.
        place: String,
    },
    /// The database of another instance.
    #[error("the registry's database is of the instance {stored:?}, the configuration of {configured:?}")]
    AnotherInstance {
        /// In the database.
        stored: String,
        /// In the configuration.
        configured: String,
    },
    /// A row that this program would never have written.
    #[error("the registry's database holds an unusable {0}")]
    Content(String),
}

impl StoreFault {
    /// Whether the database server cannot be reached. One that answers with a fault is not away.
    #[must_use]
    pub const fn is_away(&self) -> bool {
        matches!(self, Self::Server(database::Fault::Away(_)))
    }
}

/// Why `plan` or `apply` did not succeed; the state is as before.
#[derive(Debug, thiserror::Error)]
pub enum AdminFault {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigFault),
    /// What was declared.
    #[error(transparent)]
    Declaration(#[from] DeclarationFault),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

/// Why `init` did not succeed. Calling it again goes on where it stopped.
#[derive(Debug, thiserror::Error)]
pub enum InitFault {
    /// There is nothing left to do.
    #[error("the registry in {} is initialised already", state_dir.display())]
    AlreadyInitialised {
        /// Its folder.
        state_dir: PathBuf,
    },
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigFault),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreFault),
    /// The signing keys and the anchors.
    #[error(transparent)]
    Key(#[from] KeyFault),
}

/// Why an act on signing keys did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum KeyFault {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigFault),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreFault),
    /// The keystore does not open.
    #[error("the keystore cannot be opened: {0}")]
    Open(#[from] keystore::OpenRefusal),
    /// The keystore does not make or delete the key.
    #[error("the signing key: {0}")]
    Key(#[from] keystore::KeyRefusal),
    /// The keystore does not certify the key.
    #[error("the certificate of the signing key: {0}")]
    Certificate(#[from] keystore::CertificateRefusal),
    /// No signing key has this name.
    #[error("there is no signing key {key}")]
    Unknown {
        /// The name.
        key: KeyId,
    },
    /// The active key signs every minute.
    #[error("the signing key {key} is active and cannot be deleted; activate the other one first")]
    Active {
        /// The name.
        key: KeyId,
    },
    /// Without a key nothing more could be published.
    #[error(
        "the signing key {key} is the only one of the {origin} configuration; add another one and activate it first"
    )]
    Last {
        /// The name.
        key: KeyId,
        /// Of which configuration.
        origin: Source,
    },
    /// A key that nobody holds would end the publication.
    #[error(
        "the keystore does not hold the signing key {key}; restore the keystore from a backup, or delete the key and add another one"
    )]
    NotHeld {
        /// The name.
        key: KeyId,
    },
    /// A change-over needs two keys and no more.
    #[error("the {origin} configuration has {SIGNING_KEYS_MAX} signing keys already; delete one first")]
    TooMany {
        /// Of which configuration.
        origin: Source,
    },
    /// No key, no anchor.
    #[error("the {origin} configuration has no signing key")]
    None {
        /// Of which configuration.
        origin: Source,
    },
    /// The anchor cannot be composed.
    #[error("the anchor cannot be written: {0}")]
    Anchor(#[from] globalconf::Unwritable),
    /// The anchor cannot be stored.
    #[error("the anchor {} cannot be stored: {error}", file.display())]
    AnchorFile {
        /// The file.
        file: PathBuf,
        /// Why.
        error: std::io::Error,
    },
}

/// Why no generation was made; the one before stays published.
#[derive(Debug, thiserror::Error)]
pub enum GenerateFault {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreFault),
    /// The database server is away, and has been for too long.
    #[error(
        "{away}; the state was last read at {read_at}, which is too long ago to go on publishing it: see to the database server"
    )]
    TooStale {
        /// When the state was last read.
        read_at: jiff::Timestamp,
        /// Why not now.
        away: database::Fault,
    },
    /// Nobody has declared anything yet.
    #[error("nothing has been declared yet: apply a state first")]
    NothingDeclared,
    /// There is no active key.
    #[error("the {origin} configuration has no active signing key")]
    NoKey {
        /// Of which configuration.
        origin: Source,
    },
    /// The keystore cannot be read again.
    #[error("the keystore cannot be read: {0}")]
    Keystore(#[from] keystore::StorageFailure),
    /// The key does not sign.
    #[error("the {origin} configuration cannot be signed: {failure}")]
    Signing {
        /// Of which configuration.
        origin: Source,
        /// What the keystore said.
        failure: keystore::SignFailure,
    },
    /// A file of this version cannot be written.
    #[error("version {version} cannot be written: {why}")]
    Unwritable {
        /// Which version.
        version: u8,
        /// Why.
        why: String,
    },
    /// A directory of this version cannot be written.
    #[error("the directory of version {version} cannot be written: {unwritable}")]
    UnwritableDirectory {
        /// Which version.
        version: u8,
        /// Why.
        unwritable: globalconf::directory::UnwritableDirectory,
    },
    /// What was made does not hold when a client's reader looks at it: it is not published.
    #[error("the {origin} directory of version {version} does not verify: {refusal}")]
    DoesNotVerify {
        /// Which version.
        version: u8,
        /// Of which configuration.
        origin: Source,
        /// What the reader said.
        refusal: globalconf::directory::Refusal,
    },
    /// The clock shows a time that cannot be written.
    #[error("the clock shows a time that cannot be written")]
    Clock,
    /// The disk.
    #[error(transparent)]
    Publish(#[from] PublishFault),
}

/// The disk refused. What was published before is still published.
#[derive(Debug, thiserror::Error)]
#[error("{act} {} failed: {error}", path.display())]
pub struct PublishFault {
    /// What was tried.
    pub act: &'static str,
    /// On which path.
    pub path: PathBuf,
    /// Why it failed.
    pub error: std::io::Error,
}

impl PublishFault {
    pub(crate) fn at(act: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |error| Self { act, path, error }
    }
}

/// Why the registry does not run.
#[derive(Debug, thiserror::Error)]
pub enum StartFault {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigFault),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreFault),
    /// The keystore.
    #[error("the keystore cannot be opened: {0}")]
    Keystore(#[from] keystore::OpenRefusal),
    /// Another process works in the same folder.
    #[error("another registry is running in {}", state_dir.display())]
    AlreadyRunning {
        /// The folder.
        state_dir: PathBuf,
    },
    /// The folder of what is published.
    #[error(transparent)]
    Publish(#[from] PublishFault),
    /// The listener.
    #[error("{address} cannot be listened on: {error}")]
    Listen {
        /// Where.
        address: std::net::SocketAddr,
        /// Why.
        error: std::io::Error,
    },
    /// The first generation.
    #[error("nothing could be published (versions {VERSIONS:?}): {0}")]
    Generation(String),
    /// The background work ended by itself, which it never should.
    #[error("the work in the background ended unexpectedly")]
    Ended,
}
