//! This server's own settings: its clients, their services, who may use them, and the time-stamp services.
//!
//! An operator declares the whole of it in one TOML file ([`Declaration`]); [`crate::admin`] compares it with what is stored
//! and replaces it in one transaction. The message path asks the read-only [`ServerConf`].

mod declaration;
mod facts;
mod lookup;
pub(crate) mod store;

pub use declaration::{
    Client, ClientStatus, Connection, Declaration, Endpoint, LocalGroup, Right, Service, ServiceKind,
    Subject, TimeStampService,
};
pub use facts::Change;
pub(crate) use facts::changes;
pub(crate) use lookup::{ClientEntry, ServerConf, ServiceEntry};
