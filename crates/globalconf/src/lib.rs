//! The signed picture of the exchange that every gateway holds: who takes part, where, and whom to trust.
//!
//! A registry publishes it, gateways fetch it every minute, and it ends after ten: who cannot renew it stops.
//! It is a signed *directory* that lists files with their digests, and the files themselves: shared
//! parameters (members, gateways, groups, approved certification services), private parameters (the anchors
//! of federated instances, where management requests go), and optional parts. An *anchor*, handed over by
//! people who compare its hash, says where the directory is and who may sign it.
//!
//! The path of a gateway through this room: [`anchor`] → [`download`] (where to ask, what came back, is it
//! ours, is it newer) → [`VerifiedConfiguration`] → [`store`] → [`GlobalConf`] → [`Current`]. The path of a
//! registry: [`shared::Shared::write`], [`private::Private::write`] → [`directory::Draft`] → sign → publish.
//!
//! **Invariants.** Nothing in a directory is interpreted before its signature holds under a certificate of
//! the very location that gave it. Only a configuration of which every byte was verified can be stored, and
//! none that is older than the one held. The store is whole after a crash at any byte, or refused, never
//! guessed. The questions of the message path are answered only by [`Current`], which a configuration that
//! has ended does not give.
//!
//! **Stricter than the original**: signatures with SHA-1 or SHA-224 and file digests with SHA-1 are refused
//! (registries have used SHA-512 for years); every part must be of the anchor's instance; the unsigned declaration
//! of the inner boundary must fit the signed octets; repeated header fields, file names or identifiers are
//! refused; locations and file names cannot leave their server or folder; verification certificates found
//! once are not remembered for other locations; and an old directory cannot be repeated. *Older* means: an
//! earlier generation in `Content-location` (the time at which a registry made the files); where one of the
//! two names no generation, an earlier `Expire-date`. A configuration restored from a backup with an older
//! clock is therefore refused until the gateway's store is emptied, and a second node of a registry whose turn
//! comes seconds later is refused until its next turn.
//!
//! **What this room does not do.** It opens no connection and reads no clock: the caller fetches, and passes
//! `now`. It never sees a private key: the directory's octets go out to be signed and the value comes back.
//! It does not judge certificates of members or messages (crate `trust`) and decides no access. It reads
//! configuration versions 2 to 6 and writes them all; elements beyond the schema of version 6 are not kept.

pub mod anchor;
pub mod directory;
pub mod shared;
pub mod private;
pub mod parts;
pub mod download;
mod configuration;
pub mod store;
mod picture;
mod certificate;
mod names;
mod time;
mod xml;

pub use anchor::Anchor;
pub use certificate::{CertificateBytes, Undecodable};
pub use configuration::{Configuration, StoredFile, Uninterpretable, VerifiedConfiguration, Warning};
pub use picture::{Current, GlobalConf, Outdated, ProviderServer, TimeStampingService};
pub use private::Private;
pub use shared::Shared;
pub use xml::{Malformed, Unwritable};
