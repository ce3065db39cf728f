//! The data plane: carries messages between this organisation's systems and other gateways.
//!
//! # The life of a message
//!
//! A consumer's request arrives at [`outbound`]. It is **accept**ed (its head becomes the message that will be signed), the asking
//! subsystem is **identify**ed and its connection held to what its operator demands, the provider's gateway is **address**ed: chosen,
//! connected and verified. Message and body are carried there, digested as they pass; our member **sign**s the digests; the request
//! goes on **record**; only then is the signature part **dispatch**ed, without which the peer cannot act. The answer is **conclude**d:
//! verified, compared with the request, put on record, handed back.
//!
//! At the other end [`inbound`] **accept**s the parts and verifies who called, **verify**es the signature, **permit**s or refuses,
//! **record**s, **deliver**s to the service and streams the **answer** back, which is signed, recorded and proven in the same way.
//!
//! # Invariants
//!
//! Each step consumes what the step before made and returns a type that only it can make. What is not on record cannot be dispatched
//! or delivered:
//!
//! ```
//! use gateway::{Gateway, inbound, outbound, Recorded};
//! async fn as_it_must_be(gateway: &Gateway, asked: Recorded<inbound::permit::Permitted>, sent: Recorded<outbound::sign::Signed>) {
//!     let _answered = inbound::deliver::deliver(gateway, asked).await;
//!     let _dispatched = outbound::dispatch::dispatch(sent).await;
//! }
//! ```
//!
//! Without the log:
//!
//! ```compile_fail
//! use gateway::{Gateway, inbound};
//! async fn unrecorded(gateway: &Gateway, asked: inbound::permit::Permitted) {
//!     let _answered = inbound::deliver::deliver(gateway, asked).await;
//! }
//! ```
//!
//! Without the access decision:
//!
//! ```compile_fail
//! use gateway::{Gateway, Recorded, inbound};
//! async fn unpermitted(gateway: &Gateway, asked: Recorded<inbound::verify::Verified>) {
//!     let _answered = inbound::deliver::deliver(gateway, asked).await;
//! }
//! ```
//!
//! Without a signature on record:
//!
//! ```compile_fail
//! use gateway::outbound;
//! async fn unrecorded(signed: outbound::sign::Signed) {
//!     let _dispatched = outbound::dispatch::dispatch(signed).await;
//! }
//! ```
//!
//! And nobody else can say that something is on record:
//!
//! ```compile_fail
//! use gateway::Recorded;
//! fn forged<T>(subject: T) -> Recorded<T> {
//!     Recorded { subject }
//! }
//! ```
//!
//! # What it deliberately does not do
//!
//! It knows no web pages; it never sees a private signing key; it does not decide who may ask (`access` does) nor what a certificate
//! is worth (`trust` does).

mod config;
mod error;
mod fault;
mod service_url;
mod serverconf;
pub mod admin;
mod gateway;
mod confclient;
mod revocation;
mod stamping;
mod archiving;
mod recovery;
mod changes;
mod status;
mod watch;
mod identity;
mod signing;
mod spool;
mod parts;
mod proof;
mod recorded;
mod possession;
mod shown;
mod transport;
pub mod outbound;
pub mod inbound;

pub use archiving::{Archived, SealingFault, is_held, sealing, transfer};
pub use changes::Changes;
pub use config::{Archive, At, BodyOverride, Config, Grouping, Jobs, Listen, Log, Peer, XroadEncryption};
pub use error::{DeclarationFault, Refusal, StartFault, StoreFault};
pub use gateway::{Gateway, Listeners};
pub use quota::{Exceeded, Quota};
pub use recorded::{Recordable, Recorded};
pub use serverconf::{
    Change, Client, ClientStatus, Connection, Declaration, Endpoint, LocalGroup, Right, Service, ServiceKind,
    Subject, TimeStampService,
};
pub use stamping::ask as ask_time_stamp;
pub use status::Status;
