//! Who and what: the names of members, subsystems, services, gateways and groups.
//!
//! Everything that travels, is permitted, logged or published is about somebody and something, and all other rooms speak
//! of them in the words of this one: [`MemberId`], [`ClientId`] (a member or one of its subsystems), [`ServiceId`],
//! [`ServerId`] (a gateway), [`GlobalGroupId`], [`LocalGroupId`]. A name is read once, at the door, and trusted after.
//!
//! The path: a text arrives (a REST path or header, an XML element, a line of configuration); `from_path`, [`xml`] or
//! `parse_short` makes an identifier of it or says why not; from then on only the typed value is passed on; where it leaves
//! the house again it is written by `path`, [`xml`] or `Display`.
//!
//! | form | example | made by | read by |
//! | --- | --- | --- | --- |
//! | short | `EX/COM/1/sub` | `Display` | `parse_short`, `FromStr`, serde |
//! | display | `SUBSYSTEM:EX/COM/1/sub` | `display_form` | – (for logs and error texts) |
//! | encoded | `EX:COM:1:sub` | `encoded` | `parse_encoded` |
//! | path | `EX/COM/1/a%2Fb` | `path` | `from_path` |
//! | XML | `<client id:objectType="SUBSYSTEM">…` | [`xml`] | [`xml`] |
//!
//! Beside the names stand the small grammars that names and addresses need: [`percent`] (one segment), [`path`] (the one
//! strict reading of a service path), [`glob`] (the patterns of access rights), [`characters`] (which characters are
//! odd) and [`soap_action`].
//!
//! **Invariant:** an identifier that exists has no blank part and no part longer than [`PART_CHARACTERS_MAX`]; two
//! identifiers are equal exactly when type and all parts are equal, character by character (data-plane 1.1).
//!
//! What it deliberately does not do: trim, change case or normalise Unicode (`EX/COM/1` and `ex/COM/1` are two members);
//! know whether anybody of that name is registered; decide who may do what.

mod part;
mod object_type;
mod error;
mod form;
mod client;
mod service;
mod server;
mod group;
mod any;
mod serial;
pub mod percent;
pub mod path;
pub mod glob;
pub mod characters;
pub mod soap_action;
pub mod xml;

pub use any::Identifier;
pub use client::{ClientId, MemberId};
pub use error::Refusal;
pub use group::{GlobalGroupId, LocalGroupId};
pub use object_type::{ObjectType, UnknownObjectType};
pub use part::{PART_CHARACTERS_MAX, Part};
pub use server::ServerId;
pub use service::ServiceId;
