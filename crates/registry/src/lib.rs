//! The authority of an instance: who takes part, and the signed picture of it that every gateway holds.
//!
//! People decide who belongs to the exchange; this room keeps what they decided and publishes it. An operator declares the
//! whole state in one TOML file ([`Declaration`]): members and subsystems, gateways with their authentication certificates,
//! groups, approved certification and time-stamping services. The acts are in [`admin`]: `init` makes keys, database and
//! anchors; `plan` shows what a declaration would change, `apply` changes it in one transaction; signing keys are added,
//! activated and deleted there, so that they can change over while everything runs (control-plane 1.2).
//!
//! The path of one generation (control-plane 1.9), every minute and within a second after a change:
//!
//! ```text
//! the database → compose   what is declared, as shared and private parameters
//!              → generate  the documents of every version, signed, read back and verified
//!              → publish   onto the disk: new files first, then the names that clients ask for
//!              → serve     over HTTP, on X-Road's paths
//! ```
//!
//! What an X-Road client asks for is what it finds: `/internalconf?version=6` for the own gateways,
//! `/externalconf?version=6` for federated instances, and the files that these directories name.
//!
//! **Versions.** 4, 5 and 6 are published, for X-Road 7.5 and later. A version that is not published is answered with 404 and
//! nothing else, since clients take anything but 404 for "it exists". A request without a version gets the oldest
//! published one, 4, where X-Road gives its oldest, 2: version 2 names certificates by SHA-1, and gateways that need it
//! have been out of support for years.
//!
//! **Invariants.** A generation is published for every version or for none: whatever fails, the one before stays. A directory
//! is published only after it was read back with the certificates that clients know. Names under which clients ask always lead to a
//! whole document whose files are there; a crash at any step leaves that true. Generations never go back in time, whatever the clock does.
//! Nothing unchecked is stored: what cannot be published cannot be applied.
//!
//! What it deliberately does not do: take requests from gateways for registration (they are declared), import the anchors of other instances,
//! serve TLS (the signature protects; clients of X-Road fall back to plain HTTP by themselves), or show web pages.

mod config;
mod error;
mod declaration;
mod facts;
mod store;
mod signing_key;
pub mod admin;
mod compose;
mod generate;
mod publish;
mod serve;
mod run;

pub use config::Config;
pub use declaration::{
    CaCertificate, CertificationService, Declaration, Group, Management, Member, MemberClass, OcspResponder,
    Server, Settings, Subsystem, TimeStampingService,
};
pub use error::{
    AdminFault, ConfigFault, DeclarationFault, GenerateFault, InitFault, KeyFault, PublishFault, StartFault,
    StoreFault,
};
pub use facts::Change;
pub use run::{Registry, Status};
pub use signing_key::{Activated, SIGNING_KEYS_MAX, SigningKey, Source};

/// The configuration versions that are published, the newest first (control-plane 1.0).
pub const VERSIONS: [u8; 3] = [6, 5, 4];

/// The group that this room keeps by itself: the owners of all gateways (control-plane 1.5).
pub const OWNERS_GROUP: &str = "security-server-owners";
